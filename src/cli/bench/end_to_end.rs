//! From when a record was due to be sent to its arrival at a consumer that waits for it, at a fixed rate.
//!
//! The records carry no times: the n-th record of the run is the n-th offset after the log's end, so its due time is
//! known from its offset, and the order and the number of records are checked on the way.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use kafka_protocol::messages::{FetchRequest, ProduceRequest};
use model::IsolationLevel;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::json;

use super::control::{Control, Phase, Schedule, Tally};
use super::lane::Lane;
use super::report::Report;
use super::run::Work;
use super::template::{BatchShape, FetchShape, FetchTemplate, ProduceTemplate};
use super::{BenchError, EndToEndLoad, answer, produce, target};
use crate::cli::client::compression::Codec;
use crate::cli::client::consumer::{FETCH_HIGHEST, LATEST};
use crate::cli::client::producer::PRODUCE_HIGHEST;
use crate::cli::{ClientArgs, time};

const NAP: Duration = Duration::from_millis(20);
const DRAIN_SECONDS: u64 = 30;
const FETCH: FetchShape = FetchShape { bytes_max: 1 << 20, wait_ms: 500, isolation: IsolationLevel::ReadUncommitted };

/// Runs the load on the topic's first partition.
pub(super) fn run(client: &ClientArgs, load: &EndToEndLoad) -> Result<Report, BenchError> {
    let mut cluster = client.cluster();
    target::prepare(&mut cluster, &load.common)?;
    let (topic, deadline) = (&load.common.topic, cluster.deadline());
    let produce_version = cluster.version::<ProduceRequest>(PRODUCE_HIGHEST, deadline)?;
    let fetch_version = cluster.version::<FetchRequest>(FETCH_HIGHEST, deadline)?;
    let record_bytes = model::num::usize_from_u32(load.record_bytes);
    let shape = BatchShape { record_bytes, records: 1, codec: Codec::None };
    let produced = ProduceTemplate::new(topic, shape, produce::acks(load.acks), produce_version, time::wall_ms())?;
    let fetched = FetchTemplate::new(topic, FETCH, fetch_version)?;
    let begin = target::offsets(&mut cluster, topic, LATEST)?.first_key_value().map_or(0, |(_, offset)| *offset);
    let leader = target::shares(&mut cluster, topic, 1)?.first().map_or(-1, |share| share.leader);
    let (to, from) = (target::open(&cluster, leader)?, target::open(&cluster, leader)?);
    let answered = produce::acks(load.acks) != 0;
    let interval = Duration::from_secs_f64(1.0 / load.rate);
    let work: Work = Box::new(move |control| {
        let pair = Pair {
            control,
            produced,
            produce_version,
            fetched,
            fetch_version,
            producer: Lane::new(to)?,
            consumer: Lane::new(from)?,
            schedule: Schedule::every(interval),
            answered,
            begin,
            sent: 0,
            unanswered: VecDeque::new(),
            next: begin,
            fetching: false,
            tally: Tally::new()?,
        };
        pair.work()
    });
    let measured = super::run::run(client, &load.common, vec![work])?;
    target::clean(&mut cluster, &load.common)?;
    let parameters = json!({
        "record_bytes": load.record_bytes, "rate": load.rate, "acks": format!("{:?}", load.acks).to_lowercase(),
    });
    Ok(Report { mode: "end-to-end", parameters, measured, check: None })
}

/// A producer and a consumer on one thread.
struct Pair<'run> {
    control: &'run Control,
    produced: ProduceTemplate,
    produce_version: i16,
    fetched: FetchTemplate,
    fetch_version: i16,
    producer: Lane,
    consumer: Lane,
    schedule: Schedule,
    answered: bool,
    /// The log's end at the start.
    begin: i64,
    sent: i64,
    unanswered: VecDeque<Instant>,
    /// The next offset that the consumer expects.
    next: i64,
    fetching: bool,
    tally: Tally,
}

impl Pair<'_> {
    fn work(mut self) -> Result<Tally, BenchError> {
        let mut drain_since = None;
        loop {
            let phase = self.control.phase();
            self.tally.enter(phase);
            let missing = self.sent - (self.next - self.begin);
            if phase == Phase::Drain {
                if missing <= 0 {
                    return Ok(self.tally);
                }
                let since = *drain_since.get_or_insert_with(time::now);
                if time::now().duration_since(since) > Duration::from_secs(DRAIN_SECONDS) {
                    return Err(BenchError::Silent(usize::try_from(missing).unwrap_or(0), DRAIN_SECONDS));
                }
            } else {
                self.send_due();
            }
            if !self.fetching {
                let mut request = self.consumer.buffer();
                self.fetched.request(&mut request, 1, 0, self.next);
                self.consumer.queue(request, None);
                self.fetching = true;
            }
            self.producer.flush()?;
            self.consumer.flush()?;
            self.wait(phase)?;
        }
    }

    fn send_due(&mut self) {
        let now = time::now();
        while let Some(due) = self.schedule.take(now) {
            let mut head = self.producer.buffer();
            self.produced.head(&mut head, 1, 0, None);
            self.producer.queue(head, Some(self.produced.body()));
            self.sent += 1;
            if self.answered {
                self.unanswered.push_back(due);
            }
        }
    }

    fn wait(&mut self, phase: Phase) -> Result<(), BenchError> {
        let due = self.schedule.due().saturating_duration_since(time::now());
        let timeout = Timespec::try_from(if phase == Phase::Drain { NAP } else { due.min(NAP) }).ok();
        let [of_producer, of_consumer] = {
            let mut fds = [PollFd::new(&self.producer, PollFlags::IN), PollFd::new(&self.consumer, PollFlags::IN)];
            match poll(&mut fds, timeout.as_ref()) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(std::io::Error::from(error).into()),
            }
            fds.each_ref().map(|fd| !fd.revents().is_empty())
        };
        if of_consumer {
            self.arrived()?;
        }
        if of_producer {
            let (version, unanswered) = (self.produce_version, &mut self.unanswered);
            self.producer.receive(&mut |frame| {
                unanswered.pop_front();
                let code = answer::produced(frame, version)?.error_code;
                if code == 0 { Ok(()) } else { Err(BenchError::Refused(code)) }
            })?;
        }
        Ok(())
    }

    /// Takes answers of the consumer and stamps every record in them.
    fn arrived(&mut self) -> Result<(), BenchError> {
        let now = time::now();
        let (begin, version, bytes) = (self.begin, self.fetch_version, self.produced.batch_bytes);
        let (next, fetching, schedule) = (&mut self.next, &mut self.fetching, &self.schedule);
        let (tally, control) = (&mut self.tally, self.control);
        self.consumer.receive(&mut |frame| {
            *fetching = false;
            let fetched = answer::fetched(frame, version)?;
            if fetched.error_code != 0 {
                return Err(BenchError::Refused(fetched.error_code));
            }
            let end = fetched.records_at + fetched.record_bytes;
            let mut records = frame.get(fetched.records_at..end).unwrap_or_default();
            while !records.is_empty() {
                let span = answer::batch_span(records)?;
                if span.base_offset != *next || span.offsets != 1 {
                    let found = span.base_offset;
                    return Err(BenchError::Protocol(format!("expected offset {next}, found {found}")));
                }
                let index = u64::try_from(span.base_offset - begin).unwrap_or(0);
                tally.answered(1, bytes, schedule.due_of(index), now);
                control.moved(bytes);
                *next += 1;
                records = records.get(span.bytes..).unwrap_or_default();
            }
            Ok(())
        })
    }
}
