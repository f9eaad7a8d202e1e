//! One connection to one broker: frames, correlation ids, timeouts. Blocking.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};

use bytes::{Buf as _, Bytes, BytesMut};
use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse, RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion as _, Request, StrBytes};
use model::ErrorCode;

use super::ClientError;
use super::versions::{Versions, api_name};
use crate::cli::time::Deadline;

/// The name by which brokers know this client.
pub(crate) const CLIENT_ID: &str = "tidelog-cli";

/// The version of `ApiVersions` that is asked first; a broker that lacks it says so in version 0 (KIP-511).
const API_VERSIONS_FIRST: i16 = 3;

/// A connection that knows what its broker can.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    address: String,
    versions: Versions,
    last_correlation_id: i32,
}

impl Connection {
    /// Connects to `address` (`host:port`) and learns the broker's versions.
    ///
    /// # Errors
    /// [`ClientError::Io`], [`ClientError::TimedOut`], or what the broker answered to `ApiVersions`.
    pub(crate) fn open(address: &str, deadline: Deadline) -> Result<Self, ClientError> {
        let stream = connect(address, deadline)?;
        let mut connection =
            Self { stream, address: address.to_owned(), versions: Versions::default(), last_correlation_id: 0 };
        connection.negotiate(deadline)?;
        Ok(connection)
    }

    /// The version to use for `R`, never above `highest`.
    ///
    /// # Errors
    /// [`ClientError::NoCommonVersion`].
    pub(crate) fn version<R: Request>(&self, highest: i16) -> Result<i16, ClientError> {
        self.versions.pick::<R>(highest, &self.address)
    }

    /// Sends a request in `version` and waits for its answer.
    ///
    /// # Errors
    /// [`ClientError::Io`], [`ClientError::TimedOut`], [`ClientError::Malformed`]. After any of them the connection
    /// may hold half a frame and must be dropped.
    pub(crate) fn call<R: Request>(
        &mut self,
        request: &R,
        version: i16,
        deadline: Deadline,
    ) -> Result<R::Response, ClientError> {
        self.send(request, version, deadline)?;
        let mut body = self.receive(R::KEY, R::Response::header_version(version), deadline)?;
        R::Response::decode(&mut body, version).map_err(|error| self.malformed(R::KEY, &error))
    }

    /// Sends a request that has no answer, such as a Produce with acks=0.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub(crate) fn send<R: Request>(
        &mut self,
        request: &R,
        version: i16,
        deadline: Deadline,
    ) -> Result<(), ClientError> {
        self.last_correlation_id = self.last_correlation_id.wrapping_add(1) & i32::MAX;
        let frame =
            frame(request, version, self.last_correlation_id).map_err(|error| self.malformed(R::KEY, &error))?;
        self.set_timeouts(R::KEY, deadline)?;
        self.stream.write_all(&frame).map_err(|error| self.failed(R::KEY, "sending", error))
    }

    /// Waits for the answer to the last request; what comes back is its body.
    fn receive(&mut self, key: i16, header_version: i16, deadline: Deadline) -> Result<Bytes, ClientError> {
        self.set_timeouts(key, deadline)?;
        let mut size = [0; 4];
        self.stream.read_exact(&mut size).map_err(|error| self.failed(key, "receiving", error))?;
        let size = i32::from_be_bytes(size);
        let length = u64::try_from(size).map_err(|_| self.malformed(key, &format!("a frame of {size} bytes")))?;
        // Grows as bytes arrive: a frame that lies about its size costs what it really sends.
        let mut frame = Vec::new();
        let read = (&self.stream).take(length).read_to_end(&mut frame);
        read.map_err(|error| self.failed(key, "receiving", error))?;
        if model::num::u64_from_usize(frame.len()) < length {
            return Err(self.failed(key, "receiving", io::ErrorKind::UnexpectedEof.into()));
        }
        let mut body = Bytes::from(frame);
        let header = ResponseHeader::decode(&mut body, header_version).map_err(|error| self.malformed(key, &error))?;
        if header.correlation_id != self.last_correlation_id {
            let found = header.correlation_id;
            return Err(self.malformed(key, &format!("answer {found} to request {}", self.last_correlation_id)));
        }
        Ok(body)
    }

    /// Asks what the broker can; a broker that does not know our version of the question answers in version 0.
    fn negotiate(&mut self, deadline: Deadline) -> Result<(), ClientError> {
        let mut response = self.ask_versions(API_VERSIONS_FIRST, deadline)?;
        if response.error_code == ErrorCode::UnsupportedVersion.code() {
            response = self.ask_versions(0, deadline)?;
        }
        ClientError::check(response.error_code, || format!("{}: ApiVersions", self.address))?;
        self.versions = Versions::of(&response);
        Ok(())
    }

    fn ask_versions(&mut self, version: i16, deadline: Deadline) -> Result<ApiVersionsResponse, ClientError> {
        let request = ApiVersionsRequest::default()
            .with_client_software_name(StrBytes::from_static_str("tidelog"))
            .with_client_software_version(StrBytes::from_static_str(env!("CARGO_PKG_VERSION")));
        self.send(&request, version, deadline)?;
        // The header of this one answer is always version 0, so that an older broker can be understood.
        let mut body = self.receive(ApiVersionsRequest::KEY, 0, deadline)?;
        let refused = body.len() >= 2 && body.slice(..2).get_i16() == ErrorCode::UnsupportedVersion.code();
        let version = if refused { 0 } else { version };
        ApiVersionsResponse::decode(&mut body, version).map_err(|error| self.malformed(ApiVersionsRequest::KEY, &error))
    }

    fn set_timeouts(&self, key: i16, deadline: Deadline) -> Result<(), ClientError> {
        let left = deadline
            .remaining()
            .ok_or_else(|| ClientError::TimedOut { address: self.address.clone(), api: api_name(key) })?;
        let set = self.stream.set_read_timeout(Some(left)).and_then(|()| self.stream.set_write_timeout(Some(left)));
        set.map_err(|error| self.failed(key, "setting a timeout", error))
    }

    fn failed(&self, key: i16, what: &'static str, source: io::Error) -> ClientError {
        let address = self.address.clone();
        if matches!(source.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) {
            return ClientError::TimedOut { address, api: api_name(key) };
        }
        ClientError::Io { address, what, source }
    }

    fn malformed(&self, key: i16, detail: &dyn std::fmt::Display) -> ClientError {
        ClientError::Malformed { what: format!("{}: {}", self.address, api_name(key)), detail: detail.to_string() }
    }
}

/// Encodes a request with its size, ready for the socket.
pub(crate) fn frame<R: Request>(request: &R, version: i16, correlation_id: i32) -> Result<Vec<u8>, String> {
    let header = RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_correlation_id(correlation_id)
        .with_client_id(Some(StrBytes::from_static_str(CLIENT_ID)));
    let mut body = BytesMut::new();
    let encoded =
        header.encode(&mut body, R::header_version(version)).and_then(|()| request.encode(&mut body, version));
    encoded.map_err(|error| error.to_string())?;
    let size = i32::try_from(body.len()).map_err(|_| format!("a request of {} bytes", body.len()))?;
    let mut frame = Vec::with_capacity(body.len() + 4);
    frame.extend_from_slice(&size.to_be_bytes());
    frame.extend_from_slice(&body);
    Ok(frame)
}

/// Opens the stream at the first of the address's resolutions that accepts.
pub(crate) fn connect(address: &str, deadline: Deadline) -> Result<TcpStream, ClientError> {
    let io = |source| ClientError::Io { address: address.to_owned(), what: "connecting", source };
    let resolved: Vec<SocketAddr> = address.to_socket_addrs().map_err(io)?.collect();
    let mut last = io(io::ErrorKind::AddrNotAvailable.into());
    for candidate in resolved {
        let Some(left) = deadline.remaining() else { break };
        match TcpStream::connect_timeout(&candidate, left) {
            Ok(stream) => {
                stream.set_nodelay(true).map_err(io)?;
                return Ok(stream);
            }
            Err(error) => last = io(error),
        }
    }
    Err(last)
}
