//! What leaves on a connection: bytes and file ranges in the order of the requests, with as few system calls as possible.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::os::fd::AsFd;
use std::sync::Arc;

use rustix::net::{SendAncillaryBuffer, SendFlags};
use storage::{FileRange, LogSlice};
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::cold_reads::is_cold;
use crate::api::Outgoing;

/// File ranges below this are copied into memory and leave with the bytes around them: one system call less
/// (measured in performance.md: the copy is cheaper up to about this size).
const COPIED_BELOW: u32 = 16 << 10;
/// The most buffers handed to one `sendmsg`; far below the kernel's IOV_MAX of 1024, more gains nothing.
const SLICES_MAX: usize = 64;
/// The most bytes that one `sendfile` moves, so that a fast reader does not keep the event loop from the others.
const SENDFILE_MAX: u32 = 1 << 20;

#[derive(Debug)]
enum Piece {
    Bytes {
        bytes: Vec<u8>,
        sent: usize,
    },
    /// `warm` bytes of it are known to be in memory.
    File {
        range: FileRange,
        sent: u32,
        warm: u32,
    },
}

/// How far [`Outbox::send`] came.
#[derive(Debug)]
pub(crate) enum Sent {
    /// To the end.
    All,
    /// Until the socket was full.
    UntilFull,
    /// Up to a range that is not in memory. The next send takes it as it is.
    UntilCold(FileRange),
}

/// The answers that are ready to leave.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pieces: VecDeque<Piece>,
    bytes_held: usize,
}

impl Outbox {
    /// Whether all has left.
    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Bytes of memory that wait for the peer to read; file ranges take none.
    pub(crate) fn bytes_held(&self) -> usize {
        self.bytes_held
    }

    /// Adds an answer behind the others.
    ///
    /// # Errors
    /// A small range that cannot be read from its file: the answer cannot be completed, so the connection ends.
    pub(crate) fn push(&mut self, answer: Outgoing) -> io::Result<()> {
        let Outgoing { head, splices } = answer;
        if splices.is_empty() {
            self.push_bytes(head);
            return Ok(());
        }
        let mut bytes = Vec::new();
        let mut rest = head.as_slice();
        let mut position = 0;
        for (at, slice) in splices {
            let before = rest.split_off(..at.saturating_sub(position).min(rest.len())).unwrap_or_default();
            bytes.extend_from_slice(before);
            position = at;
            bytes = self.push_slice(bytes, &slice)?;
        }
        bytes.extend_from_slice(rest);
        self.push_bytes(bytes);
        Ok(())
    }

    fn push_slice(&mut self, mut bytes: Vec<u8>, slice: &LogSlice) -> io::Result<Vec<u8>> {
        for range in slice.ranges() {
            if range.file.as_fd().is_none() || (range.length < COPIED_BELOW && !is_cold(range)) {
                let start = bytes.len();
                bytes.resize(start + model::num::usize_from_u32(range.length), 0);
                if let Some(room) = bytes.get_mut(start..) {
                    range.file.read_exact_at(room, range.position)?;
                }
            } else {
                self.push_bytes(std::mem::take(&mut bytes));
                self.pieces.push_back(Piece::File { range: range.clone(), sent: 0, warm: 0 });
            }
        }
        Ok(bytes)
    }

    fn push_bytes(&mut self, bytes: Vec<u8>) {
        if !bytes.is_empty() {
            self.bytes_held += bytes.len();
            self.pieces.push_back(Piece::Bytes { bytes, sent: 0 });
        }
    }

    /// Sends until all has left, the socket takes no more, or a range must be read from the disk first.
    ///
    /// # Errors
    /// Any error of the socket; a file that ends before its range does.
    pub(crate) fn send(&mut self, stream: &TcpStream) -> io::Result<Sent> {
        while let Some(piece) = self.pieces.front_mut() {
            let sent = match piece {
                Piece::Bytes { .. } => self.send_bytes(stream),
                Piece::File { range, sent, warm } => {
                    let chunk = (range.length - *sent).min(SENDFILE_MAX);
                    if let Some(next) = cold_chunk(range, *sent, warm, chunk) {
                        return Ok(Sent::UntilCold(next));
                    }
                    send_file(stream, range, sent, chunk.min(*warm - *sent))
                }
            };
            match sent {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Sent::UntilFull),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if matches!(self.pieces.front(), Some(Piece::File { range, sent, .. }) if *sent >= range.length) {
                self.pieces.pop_front();
            }
        }
        Ok(Sent::All)
    }

    /// One `sendmsg` with all byte pieces at the front.
    fn send_bytes(&mut self, stream: &TcpStream) -> io::Result<()> {
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let mut used = 0;
        let mut followed_by_file = false;
        for (piece, slot) in self.pieces.iter().zip(&mut slices) {
            match piece {
                Piece::Bytes { bytes, sent } => *slot = IoSlice::new(bytes.get(*sent..).unwrap_or_default()),
                Piece::File { .. } => {
                    followed_by_file = true;
                    break;
                }
            }
            used += 1;
        }
        // The head of a fetch answer and the records behind it leave in the same packets.
        let flags = if followed_by_file { SendFlags::MORE | SendFlags::NOSIGNAL } else { SendFlags::NOSIGNAL };
        let mut moved = stream.try_io(Interest::WRITABLE, || {
            let slices = slices.get(..used).unwrap_or_default();
            Ok(rustix::net::sendmsg(stream.as_fd(), slices, &mut SendAncillaryBuffer::default(), flags)?)
        })?;
        self.bytes_held = self.bytes_held.saturating_sub(moved);
        while moved > 0 {
            let Some(Piece::Bytes { bytes, sent }) = self.pieces.front_mut() else { break };
            let left = bytes.len() - *sent;
            if moved < left {
                *sent += moved;
                break;
            }
            moved -= left;
            self.pieces.pop_front();
        }
        Ok(())
    }
}

/// The next `chunk` bytes, if they are not in memory. They count as warm from here on: whoever asks has them read, and a second
/// look could find them evicted again, for ever.
fn cold_chunk(range: &FileRange, sent: u32, warm: &mut u32, chunk: u32) -> Option<FileRange> {
    if sent < *warm {
        return None;
    }
    *warm = sent + chunk;
    let next = FileRange { file: Arc::clone(&range.file), position: range.position + u64::from(sent), length: chunk };
    is_cold(&next).then_some(next)
}

/// One `sendfile`; counts what it moved.
fn send_file(stream: &TcpStream, range: &FileRange, sent: &mut u32, count: u32) -> io::Result<()> {
    let mut position = range.position + u64::from(*sent);
    let moved = stream.try_io(Interest::WRITABLE, || {
        let file = range.file.as_fd().ok_or(io::ErrorKind::Unsupported)?;
        let count = model::num::usize_from_u32(count);
        Ok(rustix::fs::sendfile(stream.as_fd(), file, Some(&mut position), count)?)
    })?;
    if moved == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    *sent += u32::try_from(moved).unwrap_or(count);
    Ok(())
}
