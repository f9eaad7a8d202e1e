//! Fetch under load: partitions are read from their beginning to their end, again and again. The bytes of the records
//! are dropped in the kernel (`MSG_TRUNC`), so that the reader costs almost nothing.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use kafka_protocol::messages::FetchRequest;
use model::wire::WireError;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{RecvFlags, recv};
use serde_json::json;

use super::control::{Control, Phase, Tally};
use super::layout::Layout;
use super::report::Report;
use super::run::{self, Work};
use super::template::{FetchShape, FetchTemplate};
use super::{BenchError, FetchLoad, answer, target};
use crate::cli::client::consumer::{EARLIEST, FETCH_HIGHEST, LATEST};
use crate::cli::{ClientArgs, time};

/// How much of an answer is looked at: its fields, and the header of the first batch. More if it names many aborted
/// transactions, of which each lane then reads as much from the first.
const HEAD_BYTES: usize = 512;
const HEAD_BYTES_MAX: usize = 1 << 20;
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
    let isolation = load.isolation.level();
    let shape = FetchShape { bytes_max: load.fetch_bytes, wait_ms: 500, isolation };
    let template = FetchTemplate::new(topic, shape, version)?;
    let mut lanes = Vec::new();
    for share in target::shares(&mut cluster, topic, load.connections)? {
        let mut spans = Vec::new();
        for partition in share.partitions {
            let (Some(begin), Some(end)) = (begins.get(&partition), ends.get(&partition)) else { continue };
            if begin < end {
                let layout = Layout::read(&mut cluster, topic, (partition, share.leader), (*begin, *end))?;
                spans.push(Span { partition, begin: *begin, end: *end, next: *begin, layout });
            }
        }
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
        "isolation": format!("{isolation:?}"),
    });
    Ok(Report { mode: "fetch", parameters, measured, check: None })
}

#[derive(Debug)]
struct Span {
    partition: i32,
    begin: i64,
    end: i64,
    next: i64,
    layout: Layout,
}

/// What is still to come of the one answer that a lane waits for.
#[derive(Debug)]
enum Awaiting {
    /// Its head: this many bytes are there.
    Head(usize),
    /// This many bytes, to be dropped; and the offset that comes behind the answer.
    Rest(usize, i64),
}

#[derive(Debug)]
struct FetchLane {
    socket: TcpStream,
    spans: Vec<Span>,
    turn: usize,
    correlation_id: i32,
    request: Vec<u8>,
    head: Vec<u8>,
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
            head: vec![0; HEAD_BYTES],
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
                Some(Awaiting::Rest(0, next)) => {
                    self.finish(next);
                    return Ok(true);
                }
                Some(Awaiting::Rest(left, next)) => {
                    let length = left.min(scratch.len());
                    let room = scratch.get_mut(..length).unwrap_or_default();
                    let dropped = recv(&self.socket, room, RecvFlags::TRUNC).map(|(_, length)| length);
                    let Some(length) = received(dropped)? else { return Ok(false) };
                    self.awaiting = Some(Awaiting::Rest(left.saturating_sub(length), next));
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
        if frame.len() < size.min(self.head.len() - 4) {
            return Ok(Awaiting::Head(have));
        }
        let looked = answer::fetched(frame, version).and_then(|fetched| {
            let records = frame.get(fetched.records_at..).unwrap_or_default();
            Ok((fetched, if fetched.record_bytes == 0 { None } else { Some(answer::batch_span(records)?) }))
        });
        if matches!(looked, Err(WireError::Truncated { .. })) && frame.len() < size && self.head.len() < HEAD_BYTES_MAX
        {
            self.head.resize(self.head.len() * 2, 0);
            return Ok(Awaiting::Head(have));
        }
        let (fetched, first) = looked?;
        if fetched.error_code != 0 {
            return Err(BenchError::Refused(fetched.error_code));
        }
        let first =
            first.ok_or_else(|| BenchError::Protocol("no records came from the middle of the log".to_owned()))?;
        let Some(span) = self.spans.get(self.turn) else { return Ok(Awaiting::Rest(0, 0)) };
        if first.base_offset > span.next {
            let (wanted, found) = (span.next, first.base_offset);
            return Err(BenchError::Protocol(format!("asked for offset {wanted}, the answer begins at {found}")));
        }
        let next = span.layout.next(span.next, fetched.record_bytes);
        self.answer_bytes = size + 4;
        Ok(Awaiting::Rest((size + 4).saturating_sub(have), next))
    }

    fn finish(&mut self, next: i64) {
        self.awaiting = None;
        if let Some(span) = self.spans.get_mut(self.turn) {
            // An answer of less than a batch would be asked for for ever.
            let next = next.max(span.next + 1);
            span.next = if next >= span.end { span.begin } else { next };
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
