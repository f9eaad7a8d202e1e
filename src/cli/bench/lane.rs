//! One connection of the generator: requests queued without copying their bodies, answers cut into frames.
//! Never blocks; whoever owns the lane polls its socket.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Read as _};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::BenchError;

/// How many pieces one system call sends.
const PIECES_AT_ONCE: usize = 64;
/// What the inbox holds at first; it grows to the largest answer.
const INBOX_BYTES: usize = 64 << 10;

#[derive(Debug)]
enum Piece {
    Own(Vec<u8>),
    Shared(Arc<[u8]>),
}

impl Piece {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Own(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }
}

/// A connection and what is on its way in both directions.
#[derive(Debug)]
pub(super) struct Lane {
    socket: TcpStream,
    outbox: VecDeque<Piece>,
    /// Bytes of the first piece that are sent.
    sent: usize,
    spare: Vec<Vec<u8>>,
    inbox: Vec<u8>,
    received: usize,
}

impl Lane {
    /// Takes over a connected socket.
    ///
    /// # Errors
    /// The system's, when the socket cannot be made non-blocking.
    pub(super) fn new(socket: TcpStream) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        socket.set_nodelay(true)?;
        let inbox = vec![0; INBOX_BYTES];
        Ok(Self { socket, outbox: VecDeque::new(), sent: 0, spare: Vec::new(), inbox, received: 0 })
    }

    /// An empty buffer for a request's head; give it to [`Self::queue`].
    pub(super) fn buffer(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_default()
    }

    /// Queues a request: its own bytes, and those that it shares with others.
    pub(super) fn queue(&mut self, own: Vec<u8>, shared: Option<&Arc<[u8]>>) {
        self.outbox.push_back(Piece::Own(own));
        if let Some(shared) = shared {
            self.outbox.push_back(Piece::Shared(Arc::clone(shared)));
        }
    }

    /// How many pieces are not wholly sent.
    pub(super) fn unsent(&self) -> usize {
        self.outbox.len()
    }

    /// Sends what the socket takes.
    ///
    /// # Errors
    /// The system's; a full socket is none.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        while !self.outbox.is_empty() {
            let mut slices = [IoSlice::new(&[]); PIECES_AT_ONCE];
            let mut skip = self.sent;
            let mut count = 0;
            for (slot, piece) in slices.iter_mut().zip(&self.outbox) {
                *slot = IoSlice::new(piece.bytes().get(skip..).unwrap_or_default());
                skip = 0;
                count += 1;
            }
            match rustix::io::writev(&self.socket, slices.get(..count).unwrap_or_default()) {
                Ok(length) => self.advance(length),
                Err(rustix::io::Errno::AGAIN) => return Ok(()),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn advance(&mut self, length: usize) {
        self.sent += length;
        while let Some(first) = self.outbox.front() {
            let size = first.bytes().len();
            if self.sent < size {
                return;
            }
            self.sent -= size;
            if let Some(Piece::Own(buffer)) = self.outbox.pop_front() {
                self.spare.push(buffer);
            }
        }
    }

    /// Reads once and hands every whole answer, without its size, to `answered`.
    ///
    /// # Errors
    /// [`BenchError::Io`] (the end of the stream is one), [`BenchError::Protocol`], and those of `answered`.
    pub(super) fn receive(
        &mut self,
        answered: &mut dyn FnMut(&[u8]) -> Result<(), BenchError>,
    ) -> Result<(), BenchError> {
        match self.socket.read(self.inbox.get_mut(self.received..).unwrap_or_default()) {
            Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            Ok(length) => self.received += length,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        }
        let mut taken = 0;
        loop {
            let rest = self.inbox.get(taken..self.received).unwrap_or_default();
            let Some((size, after)) = rest.split_first_chunk::<4>() else { break };
            let size = i32::from_be_bytes(*size);
            let size = usize::try_from(size).map_err(|_| BenchError::Protocol(format!("a frame of {size} bytes")))?;
            let Some(frame) = after.get(..size) else {
                if size + 4 > self.inbox.len() {
                    self.inbox.resize(size + 4 + taken, 0);
                }
                break;
            };
            answered(frame)?;
            taken += size + 4;
        }
        self.inbox.copy_within(taken..self.received, 0);
        self.received -= taken;
        Ok(())
    }
}

impl AsFd for Lane {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Waits until a lane has something to read, or room for what it has to send, but no longer than `nap`; for each lane, whether it is
/// worth reading.
pub(super) fn poll_lanes<'a>(lanes: impl Iterator<Item = &'a Lane>, nap: Duration) -> Result<Vec<bool>, BenchError> {
    let mut fds: Vec<PollFd<'_>> = lanes
        .map(|lane| {
            let writing = if lane.unsent() > 0 { PollFlags::OUT } else { PollFlags::empty() };
            PollFd::new(lane, PollFlags::IN | writing)
        })
        .collect();
    match poll(&mut fds, Timespec::try_from(nap).ok().as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(io::Error::from(error).into()),
    }
    let to_read = PollFlags::IN | PollFlags::HUP | PollFlags::ERR;
    Ok(fds.iter().map(|fd| fd.revents().intersects(to_read)).collect())
}
