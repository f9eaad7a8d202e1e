//! One connection: reads frames, hands them to `api::dispatch` in order, and sends the answers in that order.
//!
//! Many requests may be on their way; one that waits (for a sync, for new records) does not keep the later ones from being
//! handled, only from being answered. Bounded: the answers that are owed, and the bytes that the peer has not taken.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::net::tcp::ReadHalf;
use tokio::sync::{oneshot, watch};

use super::cold_reads::ColdReads;
use super::event_loop::{LoopShared, NetOptions};
use super::inbox::Inbox;
use super::memory::Share;
use super::outbox::{Outbox, Sent};
use super::owed::{Owed, OwedError};
use super::watchdog::Watchdog;
use crate::api::{self, ConnectionNotes, Dispatched, Peer};
use crate::broker::Broker;

/// How long a connection may be idle before its large read buffer goes back.
const GIVE_BACK_AFTER: Duration = Duration::from_secs(1);
/// Requests handled before the event loop gets to the other connections.
const TURN_REQUESTS_MAX: usize = 32;

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ended {
    #[error("closed by the peer")]
    ByPeer,
    #[error("{0}")]
    BadFrame(#[from] super::inbox::BadFrameSize),
    #[error("{0}")]
    Refused(api::CloseReason),
    #[error("idle for longer than connections.max.idle.ms")]
    Idle,
    #[error("a frame did not arrive whole within connection.frame.timeout.ms")]
    SlowFrame,
    #[error("the broker is stopping")]
    Stopping,
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl From<OwedError> for Ended {
    fn from(error: OwedError) -> Self {
        match error {
            OwedError::Refused(reason) => Self::Refused(reason),
            OwedError::Io(error) => Self::Io(error),
        }
    }
}

/// What woke the connection.
enum Woken {
    Answered(Result<usize, OwedError>),
    Warm,
    Read(io::Result<usize>),
    CanWrite,
    Stopping,
    Silence,
}

pub(super) struct Connection {
    stream: TcpStream,
    peer: Peer,
    notes: ConnectionNotes,
    broker: Arc<Broker>,
    options: NetOptions,
    inbox: Inbox,
    /// What the copy of a request has of the byte budget that keeps those behind it waiting.
    copied: Share,
    owed: Owed,
    outbox: Outbox,
    watchdog: Watchdog,
    cold_reads: Arc<ColdReads>,
    /// Ends when the records that are to be sent next have been read from the disk.
    warming: Option<oneshot::Receiver<()>>,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, peer: Peer, shared: &LoopShared) -> Self {
        Self {
            stream,
            peer,
            notes: ConnectionNotes::default(),
            broker: Arc::clone(&shared.broker),
            options: shared.options,
            inbox: Inbox::new(shared.options.frame_size_max, shared.budget.clone()),
            copied: Share::default(),
            owed: Owed::default(),
            outbox: Outbox::default(),
            watchdog: Watchdog::new(shared.options.idle_max),
            cold_reads: Arc::clone(&shared.cold_reads),
            warming: None,
        }
    }

    /// Serves the connection to its end.
    pub(super) async fn serve(mut self, mut stopping: watch::Receiver<bool>) -> Ended {
        let ended = match self.run(&mut stopping).await {
            Ok(never) => match never {},
            Err(ended) => ended,
        };
        if let Some(id) = self.notes.telemetry_instance() {
            self.broker.client_telemetry.disconnected(id);
        }
        ended
    }

    async fn run(&mut self, stopping: &mut watch::Receiver<bool>) -> Result<std::convert::Infallible, Ended> {
        loop {
            let handled = if *stopping.borrow() { 0 } else { self.handle_frames().await? };
            let was_full = !self.has_room();
            self.collect_answers().await?;
            self.send()?;
            if *stopping.borrow() && self.owed.is_empty() && self.outbox.is_empty() {
                return Err(Ended::Stopping);
            }
            // Frames may be here already, behind those that were handled or those that kept them waiting.
            if handled == TURN_REQUESTS_MAX || (was_full && self.may_read(stopping)) {
                tokio::task::yield_now().await;
                continue;
            }
            if self.may_read(stopping) {
                // Sending made room for frames that are here already: nobody would wake us for them.
                if self.inbox.frame()?.is_some() {
                    continue;
                }
            }
            match self.wait(stopping).await {
                Woken::Answered(taken) => {
                    taken?;
                }
                Woken::Warm => self.warming = None,
                Woken::CanWrite => self.watchdog.feed(),
                Woken::Read(read) => match read? {
                    0 => return Err(Ended::ByPeer),
                    _ => self.watchdog.feed(),
                },
                Woken::Stopping => {}
                Woken::Silence => self.on_silence()?,
            }
        }
    }

    /// Handles the frames that are here, as far as limits allow; returns how many.
    async fn handle_frames(&mut self) -> Result<usize, Ended> {
        let mut handled = 0;
        if !self.owed.ends_exclusively() {
            self.copied = Share::default();
        }
        while handled < TURN_REQUESTS_MAX && self.has_room() {
            let Some(frame) = self.inbox.frame()? else { break };
            let size = frame.len();
            let dispatched = api::dispatch(&self.broker, &self.peer, &self.notes, frame);
            if matches!(dispatched, Dispatched::Ordered(_)) {
                self.copied = self.inbox.consume_copied(size);
            } else {
                self.inbox.consume(size);
            }
            handled += 1;
            if let Err(reason) = self.owed.push(dispatched) {
                // What was asked before is still answered, as far as it is ready and the socket takes it.
                self.collect_answers().await?;
                self.send()?;
                return Err(Ended::Refused(reason));
            }
        }
        Ok(handled)
    }

    /// Whether one more request may be handled: answers owed and bytes not taken are bounded.
    fn has_room(&self) -> bool {
        !self.owed.ends_exclusively()
            && self.owed.len() < self.options.inflight_requests_max
            && self.owed.ready_bytes() + self.outbox.bytes_held() < self.options.unsent_bytes_max
    }

    fn may_read(&self, stopping: &watch::Receiver<bool>) -> bool {
        self.has_room() && !*stopping.borrow()
    }

    /// Moves the answers at the front that are ready into the outbox. Never waits.
    async fn collect_answers(&mut self) -> Result<(), Ended> {
        let Self { owed, outbox, .. } = self;
        let taken = poll_fn(|context| Poll::Ready(owed.poll_take(outbox, context))).await;
        if let Poll::Ready(taken) = taken {
            taken?;
        }
        Ok(())
    }

    /// Sends what the socket takes now, up to records that must be read from the disk first.
    fn send(&mut self) -> io::Result<()> {
        if self.warming.is_some() {
            return Ok(());
        }
        if let Sent::UntilCold(range) = self.outbox.send(&self.stream)? {
            self.warming = Some(self.cold_reads.read(range));
        }
        Ok(())
    }

    /// Waits until there is something to do. Every arm is cancel-safe: readiness stays until it is used, a read that did not
    /// happen took nothing but room, which stays, a pending answer stays in its place, a watch and a timer hold nothing.
    async fn wait(&mut self, stopping: &mut watch::Receiver<bool>) -> Woken {
        let may_read = self.may_read(stopping);
        let is_stopping = *stopping.borrow();
        let limit = self.silence_limit();
        let is_warming = self.warming.is_some();
        let sends = !self.outbox.is_empty() && !is_warming;
        let Self { stream, owed, outbox, watchdog, inbox, warming, .. } = self;
        // Reading through the half, not after `readable()`: a read that leaves room in the buffer says that the socket is
        // drained, and saves the read that would only hear "would block".
        let (mut reader, writer) = stream.split();
        tokio::select! {
            biased;
            taken = poll_fn(|context| owed.poll_take(outbox, context)) => Woken::Answered(taken),
            () = warmed(warming), if is_warming => Woken::Warm,
            _ = writer.writable(), if sends => Woken::CanWrite,
            read = read(&mut reader, inbox), if may_read => Woken::Read(read),
            _ = stopping.changed(), if !is_stopping => Woken::Stopping,
            () = poll_fn(|context| watchdog.poll_silence(context, limit)) => Woken::Silence,
        }
    }

    /// How long a silence means something, in the state that the connection is in.
    fn silence_limit(&self) -> Duration {
        if self.inbox.is_oversized() {
            GIVE_BACK_AFTER.min(self.options.idle_max)
        } else if self.inbox.is_mid_frame() {
            self.options.frame_timeout.min(self.options.idle_max)
        } else {
            self.options.idle_max
        }
    }

    fn on_silence(&mut self) -> Result<(), Ended> {
        if self.inbox.is_oversized() {
            self.inbox.give_back();
            return Ok(());
        }
        // A peer that does not take its answer is as idle as one that does not ask; one whose fetch waits is not.
        let waits_for_us = !self.owed.is_empty() && self.outbox.is_empty();
        match (waits_for_us, self.inbox.is_mid_frame()) {
            (true, _) => Ok(()),
            (false, true) => Err(Ended::SlowFrame),
            (false, false) => Err(Ended::Idle),
        }
    }
}

/// Reads what has come, after making room for it, which may wait for the byte budget. Who waits too long for that ends as one who
/// is too slow himself: from outside it is the same.
async fn read(reader: &mut ReadHalf<'_>, inbox: &mut Inbox) -> io::Result<usize> {
    if inbox.is_full() {
        inbox.make_room().await;
    }
    let mut room = inbox.room();
    reader.read_buf(&mut room).await
}

/// Ends when the disk was read. A reader that is gone has read nothing; the send that follows waits for the disk itself.
async fn warmed(warming: &mut Option<oneshot::Receiver<()>>) {
    if let Some(read) = warming {
        drop(read.await);
    }
}
