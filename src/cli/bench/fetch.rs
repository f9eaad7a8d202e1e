//! Fetch under load: partitions are read from their beginning to their end, again and again. The bytes of the records
//! are dropped in the kernel (`MSG_TRUNC`), so that the reader costs almost nothing.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use kafka_protocol::messages::FetchRequest;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{RecvFlags, recv};
use serde_json::json;

use super::control::{Control, Phase, Tally};
use super::report::Report;
use super::run::{self, Work};
use super::template::{FetchShape, FetchTemplate};
use super::{BenchError, FetchLoad, answer, target};
use crate::cli::client::consumer::{EARLIEST, FETCH_HIGHEST, LATEST};
use crate::cli::{ClientArgs, time};

/// How much of an answer is looked at: its fields, and the header of the first batch.
const HEAD_BYTES: usize = 512;
/// How much is dropped with one system call.
const DROP_BYTES: usize = 4 << 20;
const NAP: Duration = Duration::from_millis(20);

/// Runs the load.
pub(super) fn run(client: &ClientArgs, load: &FetchLoad) -> Result<Report, BenchError> {
    let mut cluster = client.cluster();
    let deadline = cluster.deadline();
    let topic = &load.common.topic;
    let version = cluster.version::<FetchRequest>(FETCH_HIGHEST, deadline)?;
    let (begins, ends) =
        (target::offsets(&mut cluster, topic, EARLIEST)?, target::offsets(&mut cluster, topic, LATEST)?);
    let template = FetchTemplate::new(topic, FetchShape { bytes_max: load.fetch_bytes, wait_ms: 500 }, version)?;
    let mut lanes = Vec::new();
    for share in target::shares(&mut cluster, topic, load.connections)? {
        let spans = share.partitions.iter().filter_map(|partition| {
            let (begin, end) = (*begins.get(partition)?, *ends.get(partition)?);
            (begin < end).then_some(Span { partition: *partition, begin, end, next: begin })
        });
        let spans: Vec<Span> = spans.collect();
        if !spans.is_empty() {
            lanes.push(FetchLane::new(target::open(&cluster, share.leader)?, spans)?);
        }
    }
    if lanes.is_empty() {
        return Err(BenchError::Template(format!("topic {topic} is empty: run `tidelog bench produce` first")));
    }
    let per_thread = lanes.len().div_ceil(usize::from(load.threads));
    let mut works: Vec<Work> = Vec::new();
    while !lanes.is_empty() {
        let mine: Vec<_> = lanes.drain(..per_thread.min(lanes.len())).collect();
        let template = template.clone();
        works.push(Box::new(move |control| {
            let (tally, scratch) = (Tally::new()?, vec![0; DROP_BYTES]);
            Worker { control, template, version, lanes: mine, tally, scratch }.work()
        }));
    }
    let measured = run::run(client, &load.common, works)?;
    target::clean(&mut cluster, &load.common)?;
    let parameters = json!({
        "connections": load.connections, "partitions": ends.len(), "fetch_bytes": load.fetch_bytes,
    });
    Ok(Report { mode: "fetch", parameters, measured, check: None })
}

#[derive(Debug)]
struct Span {
    partition: i32,
    begin: i64,
    end: i64,
    next: i64,
}

/// What is still to come of the one answer that a lane waits for.
#[derive(Debug)]
enum Awaiting {
    /// Its head: this many bytes are there.
    Head(usize),
    /// This many bytes, to be dropped; and how many offsets the answer covered.
    Rest(usize, i64),
}

#[derive(Debug)]
struct FetchLane {
    socket: TcpStream,
    spans: Vec<Span>,
    turn: usize,
    correlation_id: i32,
    request: Vec<u8>,
    head: [u8; HEAD_BYTES],
    awaiting: Option<Awaiting>,
    sent_at: Instant,
    answer_bytes: usize,
}

impl FetchLane {
    fn new(socket: TcpStream, spans: Vec<Span>) -> Result<Self, BenchError> {
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket,
            spans,
            turn: 0,
            correlation_id: 0,
            request: Vec::new(),
            head: [0; HEAD_BYTES],
            awaiting: None,
            sent_at: time::now(),
            answer_bytes: 0,
        })
    }

    fn send(&mut self, template: &FetchTemplate) -> Result<(), BenchError> {
        self.turn = (self.turn + 1).checked_rem(self.spans.len()).unwrap_or(0);
        let Some(span) = self.spans.get(self.turn) else { return Ok(()) };
        self.correlation_id = self.correlation_id.wrapping_add(1) & i32::MAX;
        template.request(&mut self.request, self.correlation_id, span.partition, span.next);
        self.sent_at = time::now();
        // A request of a few dozen bytes always fits the empty buffer of a socket.
        let length = rustix::io::write(&self.socket, &self.request).map_err(std::io::Error::from)?;
        if length < self.request.len() {
            return Err(BenchError::Protocol("the socket took half a request".to_owned()));
        }
        self.awaiting = Some(Awaiting::Head(0));
        Ok(())
    }

    /// Takes what has come; true when the answer is whole.
    fn receive(&mut self, version: i16, scratch: &mut [u8]) -> Result<bool, BenchError> {
        loop {
            match self.awaiting {
                None => return Ok(false),
                Some(Awaiting::Head(have)) => {
                    let room = self.head.get_mut(have..).unwrap_or_default();
                    let Some(length) =
                        received(recv(&self.socket, room, RecvFlags::empty()).map(|(_, length)| length))?
                    else {
                        return Ok(false);
                    };
                    self.awaiting = Some(self.after_head(have + length, version)?);
                }
                Some(Awaiting::Rest(0, offsets)) => {
                    self.finish(offsets);
                    return Ok(true);
                }
                Some(Awaiting::Rest(left, offsets)) => {
                    let length = left.min(scratch.len());
                    let room = scratch.get_mut(..length).unwrap_or_default();
                    let dropped = recv(&self.socket, room, RecvFlags::TRUNC).map(|(_, length)| length);
                    let Some(length) = received(dropped)? else { return Ok(false) };
                    self.awaiting = Some(Awaiting::Rest(left.saturating_sub(length), offsets));
                }
            }
        }
    }

    /// Looks at the head when enough of it is there.
    fn after_head(&mut self, have: usize, version: i16) -> Result<Awaiting, BenchError> {
        let head = self.head.get(..have).unwrap_or_default();
        let Some((size, frame)) = head.split_first_chunk::<4>() else { return Ok(Awaiting::Head(have)) };
        let size = i32::from_be_bytes(*size);
        let size = usize::try_from(size).map_err(|_| BenchError::Protocol(format!("a frame of {size} bytes")))?;
        if frame.len() < size.min(HEAD_BYTES - 4) {
            return Ok(Awaiting::Head(have));
        }
        let fetched = answer::fetched(frame, version)?;
        if fetched.error_code != 0 {
            return Err(BenchError::Refused(fetched.error_code));
        }
        let records = frame.get(fetched.records_at..).unwrap_or_default();
        if records.is_empty() {
            return Err(BenchError::Protocol("no records came from the middle of the log".to_owned()));
        }
        let first = answer::batch_span(records)?;
        let wanted = self.spans.get(self.turn).map_or(0, |span| span.next);
        if first.base_offset > wanted {
            let found = first.base_offset;
            return Err(BenchError::Protocol(format!("asked for offset {wanted}, the answer begins at {found}")));
        }
        // Batches of a benchmark are alike, so the first tells how many there are. If they are not, the next request
        // begins a little elsewhere; the bytes are counted as they are.
        let batches = i64::try_from((fetched.record_bytes / first.bytes.max(1)).max(1)).unwrap_or(1);
        self.answer_bytes = size + 4;
        Ok(Awaiting::Rest((size + 4).saturating_sub(have), first.base_offset - wanted + batches * first.offsets))
    }

    fn finish(&mut self, offsets: i64) {
        self.awaiting = None;
        if let Some(span) = self.spans.get_mut(self.turn) {
            span.next += offsets.max(1);
            if span.next >= span.end {
                span.next = span.begin;
            }
        }
    }
}

/// The length that was read, or nothing when the socket is empty. The end of the stream is an error here.
fn received(result: rustix::io::Result<usize>) -> Result<Option<usize>, BenchError> {
    match result {
        Ok(0) => Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into()),
        Ok(length) => Ok(Some(length)),
        Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Ok(None),
        Err(error) => Err(std::io::Error::from(error).into()),
    }
}

struct Worker<'run> {
    control: &'run Control,
    template: FetchTemplate,
    version: i16,
    lanes: Vec<FetchLane>,
    tally: Tally,
    scratch: Vec<u8>,
}

impl Worker<'_> {
    fn work(mut self) -> Result<Tally, BenchError> {
        loop {
            let phase = self.control.phase();
            self.tally.enter(phase);
            if phase == Phase::Drain {
                return Ok(self.tally);
            }
            for lane in &mut self.lanes {
                if lane.awaiting.is_none() {
                    lane.send(&self.template)?;
                }
            }
            self.wait()?;
        }
    }

    fn wait(&mut self) -> Result<(), BenchError> {
        let timeout = Timespec::try_from(NAP).ok();
        let ready: Vec<bool> = {
            let mut fds: Vec<PollFd<'_>> =
                self.lanes.iter().map(|lane| PollFd::new(&lane.socket, PollFlags::IN)).collect();
            match poll(&mut fds, timeout.as_ref()) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(std::io::Error::from(error).into()),
            }
            fds.iter().map(|fd| !fd.revents().is_empty()).collect()
        };
        for (lane, _) in self.lanes.iter_mut().zip(ready).filter(|(_, ready)| *ready) {
            let before = lane.spans.get(lane.turn).map_or(0, |span| span.next);
            if lane.receive(self.version, &mut self.scratch)? {
                let next =
                    lane.spans.get(lane.turn).map_or(0, |span| if span.next > before { span.next } else { span.end });
                let bytes = model::num::u64_from_usize(lane.answer_bytes);
                self.control.moved(bytes);
                self.tally.answered(u64::try_from(next - before).unwrap_or(0), bytes, lane.sent_at, time::now());
            }
        }
        Ok(())
    }
}
