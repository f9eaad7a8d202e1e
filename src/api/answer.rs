//! The shapes that a request and its answer take between the socket and a handler.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;

use protocol::frame::{Frame, HeaderError};
use protocol::{ApiKey, EncodeError, Response, WireError};
use storage::LogSlice;

use crate::telemetry::RefusedRequest;
use crate::telemetry::clients::ClientInstanceId;

/// The two ends of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    /// The client's address.
    pub(crate) remote: SocketAddr,
    /// The address by which the client reached us.
    pub(crate) local: SocketAddr,
    /// The listener that it came by, as an index of those that are served.
    pub(crate) listener: usize,
}

/// What is remembered of a connection from one of its requests to the next.
#[derive(Debug, Default)]
pub(crate) struct ConnectionNotes {
    /// What the client says that it is, in ApiVersions (KIP-511).
    software: RefCell<Option<Software>>,
    /// The client instance that was new on this connection, and that is forgotten with it.
    telemetry_instance: Cell<Option<ClientInstanceId>>,
}

/// A client's library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Software {
    /// Its name.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
}

/// Bytes of the name or the version of a library that are remembered; who has a longer one is not known by it.
const SOFTWARE_MAX: usize = 256;
/// What Kafka calls a library that did not say its name or version.
const UNKNOWN: &str = "unknown";

impl ConnectionNotes {
    /// The client says what it is.
    pub(super) fn set_software(&self, name: &str, version: &str) {
        let kept = |text: &str| {
            let is_kept = !text.is_empty() && text.len() <= SOFTWARE_MAX;
            if is_kept { text.to_owned() } else { UNKNOWN.to_owned() }
        };
        self.software.replace(Some(Software { name: kept(name), version: kept(version) }));
    }

    /// What the client is.
    pub(super) fn software(&self) -> Software {
        let unknown = || Software { name: UNKNOWN.to_owned(), version: UNKNOWN.to_owned() };
        self.software.borrow().clone().unwrap_or_else(unknown)
    }

    /// A client instance is new on this connection.
    pub(super) fn set_telemetry_instance(&self, id: ClientInstanceId) {
        self.telemetry_instance.set(Some(id));
    }

    /// The client instance that is to be forgotten when the connection ends.
    pub(crate) fn telemetry_instance(&self) -> Option<ClientInstanceId> {
        self.telemetry_instance.get()
    }
}

/// What a handler may know of a request besides its body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestContext<'frame> {
    /// The request's version, inside the API's range.
    pub(crate) version: i16,
    /// The connection it came by.
    pub(crate) peer: Peer,
    /// What the client calls itself.
    pub(crate) client_id: Option<&'frame str>,
    /// What is remembered of the connection.
    pub(crate) notes: &'frame ConnectionNotes,
}

/// Why a connection is closed without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CloseReason {
    /// The header cannot be read, or names an API that does not exist.
    #[error("request header: {0}")]
    Header(#[from] HeaderError),
    /// The API or its version is not served here.
    #[error("{} version {version} is not served", key.name())]
    NotServed {
        /// The API.
        key: ApiKey,
        /// The version asked for.
        version: i16,
    },
    /// The body cannot be read.
    #[error("{} version {version}: {error}", key.name())]
    Body {
        /// The API.
        key: ApiKey,
        /// The version asked for.
        version: i16,
        /// What is wrong with it.
        error: WireError,
    },
    /// A produce request that wants no answer failed: closing is the only way to say so (as Kafka does).
    #[error("a produce request with acks=0 failed")]
    UnansweredProduceFailed,
    /// An answer of ours does not fit its version: our mistake.
    #[error("an answer could not be encoded: {0}")]
    Encode(#[from] EncodeError),
}

impl CloseReason {
    /// The label that it is counted under.
    pub(super) const fn label(&self) -> RefusedRequest {
        match self {
            Self::Header(_) => RefusedRequest::Header,
            Self::NotServed { .. } => RefusedRequest::NotServed,
            Self::Body { .. } => RefusedRequest::Body,
            Self::UnansweredProduceFailed => RefusedRequest::Unanswered,
            Self::Encode(_) => RefusedRequest::Encode,
        }
    }
}

/// An answer: its body, and the records that go where the body has spliced records fields, in that order.
#[derive(Debug)]
pub(crate) struct Answer<R> {
    /// The body.
    pub(crate) body: R,
    /// The ranges behind the body's spliced records fields.
    pub(crate) slices: Vec<LogSlice>,
}

impl<R> From<R> for Answer<R> {
    fn from(body: R) -> Self {
        Self { body, slices: Vec::new() }
    }
}

/// What a handler gives back.
pub(crate) enum Reply<R> {
    /// The answer.
    Now(Answer<R>),
    /// The answer, when something has happened.
    Later(Pin<Box<dyn Future<Output = Answer<R>>>>),
    /// The answer, later, and nothing else of this connection is handled before: for requests that change what the next
    /// one sees, such as a produce to a topic that is being created.
    Exclusive(Pin<Box<dyn Future<Output = Answer<R>>>>),
    /// What the reply is turns out later, and nothing else of this connection is handled before; only then, for requests that
    /// must take effect in their order, but whose answers may take longer, such as a produce that asks the transaction
    /// coordinator first.
    Ordered(Pin<Box<dyn Future<Output = Reply<R>>>>),
    /// No answer (acks=0).
    Silent,
    /// No answer, and the end of the connection.
    Close(CloseReason),
}

impl<R> Reply<R> {
    /// An answer without records.
    pub(crate) fn now(body: R) -> Self {
        Self::Now(body.into())
    }

    /// An answer without records, later.
    pub(crate) fn later(body: impl Future<Output = R> + 'static) -> Self {
        Self::Later(Box::pin(async move { body.await.into() }))
    }
}

impl<R> Reply<R> {
    /// An answer without records, later, before anything else of this connection is handled.
    pub(crate) fn exclusive(body: impl Future<Output = R> + 'static) -> Self {
        Self::Exclusive(Box::pin(async move { body.await.into() }))
    }
}

/// An encoded answer: the size field, header and body, with the file ranges that belong between its bytes.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// All bytes that are not file ranges.
    pub(crate) head: Vec<u8>,
    /// Ranges and the positions in `head` before which they go, rising.
    pub(crate) splices: Vec<(usize, LogSlice)>,
}

/// An answer on its way.
pub(crate) type Pending = Pin<Box<dyn Future<Output = Result<Outgoing, CloseReason>>>>;

/// What became of a frame.
pub(crate) enum Dispatched {
    /// The answer.
    Answer(Outgoing),
    /// The answer, later.
    Later(Pending),
    /// The answer, later, before the connection's next request is handled.
    Exclusive(Pending),
    /// Turns out later, before the connection's next request is handled.
    Ordered(Pin<Box<dyn Future<Output = Dispatched>>>),
    /// No answer.
    Silent,
    /// No answer, and the end of the connection.
    Close(CloseReason),
}

/// Frames an answer: size, header, body, and its slices where the body has spliced records.
///
/// # Errors
/// [`CloseReason::Encode`], our mistake: the answer cannot be sent.
pub(super) fn outgoing<R: Response>(
    correlation_id: i32,
    version: i16,
    answer: Answer<R>,
) -> Result<Outgoing, CloseReason> {
    let frame = Frame::response(correlation_id, version, &answer.body)?;
    // An empty field has a splice of no bytes and no slice.
    let positions = frame.splices().iter().filter(|splice| splice.size > 0).map(|splice| splice.position);
    let splices = positions.zip(answer.slices).collect();
    Ok(Outgoing { head: frame.into_head(), splices })
}
