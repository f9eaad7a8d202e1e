//! Produce under load: closed loop (as fast as answers allow) or open loop (at a rate).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use kafka_protocol::messages::ProduceRequest;
use serde_json::json;

use super::control::{Control, Phase, Schedule, Tally};
use super::lane::{Lane, poll_lanes};
use super::report::Report;
use super::run::{self, Work};
use super::template::{BatchShape, ProduceTemplate};
use super::{BenchError, ProduceLoad, answer, target};
use crate::cli::client::producer::{PRODUCE_HIGHEST, init_producer_id};
use crate::cli::client::record_batch::Producer;
use crate::cli::client::{Cluster, consumer};
use crate::cli::produce::AcksArg;
use crate::cli::{ClientArgs, time};

/// How long a thread sleeps at most before it looks at the phase again.
const NAP: Duration = Duration::from_millis(20);
/// How long answers may be missing at the end.
const DRAIN_SECONDS: u64 = 60;
/// Whole requests that may lie unsent in a lane whose broker never answers (acks=0).
const UNANSWERED_PIECES: usize = 32;

/// Runs the load.
pub(super) fn run(client: &ClientArgs, load: &ProduceLoad) -> Result<Report, BenchError> {
    let mut cluster = client.cluster();
    target::prepare(&mut cluster, &load.common)?;
    let before = target::offsets(&mut cluster, &load.common.topic, consumer::LATEST)?;
    let template = template(&mut cluster, load)?;
    let works = works(&mut cluster, load, &template)?;
    let measured = run::run(client, &load.common, works)?;
    let acknowledged = measured.tally.records_in_all;
    let found = grown(&mut cluster, &load.common.topic, before.values().sum(), acknowledged)?;
    target::clean(&mut cluster, &load.common)?;
    let parameters = json!({
        "connections": load.connections, "in_flight": load.in_flight, "partitions": before.len(),
        "record_bytes": load.record_bytes, "batch_bytes": template.batch_bytes, "batch_records": template.records,
        "acks": format!("{:?}", load.acks).to_lowercase(), "compression": format!("{:?}", load.compression).to_lowercase(),
        "idempotent": load.idempotent, "producer_ids": load.producer_ids, "rate": load.rate, "configs": load.common.configs,
    });
    Ok(Report { mode: "produce", parameters, measured, check: Some((acknowledged, found)) })
}

fn template(cluster: &mut Cluster, load: &ProduceLoad) -> Result<ProduceTemplate, BenchError> {
    let deadline = cluster.deadline();
    let version = cluster.version::<ProduceRequest>(PRODUCE_HIGHEST, deadline)?;
    let record_bytes = model::num::usize_from_u32(load.record_bytes);
    let shape = match load.batch_records {
        Some(records) => {
            BatchShape { record_bytes, records: model::num::usize_from_u32(records), codec: load.compression }
        }
        None => BatchShape::filling(model::num::usize_from_u32(load.batch_bytes), record_bytes, load.compression),
    };
    ProduceTemplate::new(&load.common.topic, shape, acks(load.acks), version, time::wall_ms())
}

/// The wire's number.
pub(super) const fn acks(arg: AcksArg) -> i16 {
    match arg {
        AcksArg::None => 0,
        AcksArg::Leader => 1,
        AcksArg::All => -1,
    }
}

fn works(cluster: &mut Cluster, load: &ProduceLoad, template: &ProduceTemplate) -> Result<Vec<Work>, BenchError> {
    let deadline = cluster.deadline();
    let version = cluster.version::<ProduceRequest>(PRODUCE_HIGHEST, deadline)?;
    let mut lanes = Vec::new();
    let mut made_up = time::wall_ms() << 20;
    for share in target::shares(cluster, &load.common.topic, load.connections)? {
        let identity = match load.producer_ids {
            Some(count) => {
                let first = made_up;
                made_up += i64::from(count);
                Identity::Many { first, count, sent: 0 }
            }
            None if load.idempotent => {
                let (id, epoch) = cluster.retry(init_producer_id)?;
                Identity::One { id, epoch }
            }
            None => Identity::None,
        };
        let streams = share.partitions.iter().map(|partition| Stream { partition: *partition, sequence: 0 }).collect();
        lanes.push(ProduceLane {
            lane: Lane::new(target::open(cluster, share.leader)?)?,
            streams,
            turn: 0,
            in_flight: VecDeque::new(),
            correlation_id: 0,
            identity,
        });
    }
    let threads = usize::from(load.threads).min(lanes.len());
    let per_thread = lanes.len().div_ceil(threads.max(1));
    let mut works: Vec<Work> = Vec::new();
    while !lanes.is_empty() {
        let mine: Vec<_> = lanes.drain(..per_thread.min(lanes.len())).collect();
        let (template, answered, limit) = (template.clone(), load.acks != AcksArg::None, usize::from(load.in_flight));
        // Each thread sends its lanes' part of the rate.
        let share = f64::from(u32::try_from(mine.len()).unwrap_or(1)) / f64::from(load.connections);
        let interval = load.rate.map(|rate| Duration::from_secs_f64(1.0 / (rate * share)));
        works.push(Box::new(move |control| {
            let schedule = interval.map(Schedule::every);
            let tally = Tally::new()?;
            Worker { control, template, version, lanes: mine, next_lane: 0, limit, answered, schedule, tally }.work()
        }));
    }
    Ok(works)
}

/// By how many records the log has grown; waits a little for a high watermark that follows.
pub(super) fn grown(cluster: &mut Cluster, topic: &str, before: i64, expected: u64) -> Result<u64, BenchError> {
    let deadline = cluster.deadline();
    loop {
        let now: i64 = target::offsets(cluster, topic, consumer::LATEST)?.values().sum();
        let found = u64::try_from(now - before).unwrap_or(0);
        if found >= expected || !deadline.pause(Duration::from_millis(10)) {
            return Ok(found);
        }
    }
}

#[derive(Debug)]
struct Stream {
    partition: i32,
    sequence: i32,
}

/// As whom a connection sends.
#[derive(Debug)]
enum Identity {
    /// Nobody: batches are not numbered.
    None,
    /// A producer that the cluster knows.
    One { id: i64, epoch: i16 },
    /// `count` producers from `first` on in turn, each with one partition.
    Many { first: i64, count: u32, sent: u64 },
}

impl Identity {
    /// The producer of the next request, where it is one of many, and the number of its partition among `partitions`.
    fn take_turn(&mut self, partitions: usize, records: u64) -> Option<(usize, Producer)> {
        let Self::Many { first, count, sent } = self else { return None };
        let (round, number) = (sent.checked_div((*count).into())?, sent.checked_rem((*count).into())?);
        *sent += 1;
        let place = usize::try_from(number).ok()?.checked_rem(partitions)?;
        let base_sequence = i32::try_from(round.saturating_mul(records) & 0x7fff_ffff).ok()?;
        Some((place, Producer { id: *first + i64::try_from(number).ok()?, epoch: 0, base_sequence }))
    }
}

#[derive(Debug)]
struct ProduceLane {
    lane: Lane,
    streams: Vec<Stream>,
    turn: usize,
    /// When each unanswered request was due or sent, oldest first.
    in_flight: VecDeque<Instant>,
    correlation_id: i32,
    identity: Identity,
}

impl ProduceLane {
    fn send(&mut self, template: &ProduceTemplate, due: Instant) {
        let (turn, one_of_many) = match self.identity.take_turn(self.streams.len(), template.records) {
            Some((place, producer)) => (place, Some(producer)),
            None => (self.turn, None),
        };
        self.turn = (turn + 1).checked_rem(self.streams.len()).unwrap_or(0);
        let Some(stream) = self.streams.get_mut(turn) else { return };
        let producer = match self.identity {
            Identity::One { id, epoch } => Some(Producer { id, epoch, base_sequence: stream.sequence }),
            Identity::None | Identity::Many { .. } => one_of_many,
        };
        let records = i32::try_from(template.records).unwrap_or(i32::MAX);
        // Wraps from i32::MAX to 0 (KIP-98).
        stream.sequence = stream.sequence.wrapping_add(records) & i32::MAX;
        self.correlation_id = self.correlation_id.wrapping_add(1) & i32::MAX;
        let mut head = self.lane.buffer();
        template.head(&mut head, self.correlation_id, stream.partition, producer);
        self.lane.queue(head, Some(template.body()));
        self.in_flight.push_back(due);
    }

    /// The correlation id of the oldest unanswered request.
    fn expected(&self) -> i32 {
        let ahead = i32::try_from(self.in_flight.len()).unwrap_or(i32::MAX);
        self.correlation_id.wrapping_sub(ahead - 1) & i32::MAX
    }
}

struct Worker<'run> {
    control: &'run Control,
    template: ProduceTemplate,
    version: i16,
    lanes: Vec<ProduceLane>,
    next_lane: usize,
    limit: usize,
    answered: bool,
    schedule: Option<Schedule>,
    tally: Tally,
}

impl Worker<'_> {
    fn work(mut self) -> Result<Tally, BenchError> {
        let mut drain_since = None;
        loop {
            let phase = self.control.phase();
            self.tally.enter(phase);
            if phase == Phase::Drain {
                let waiting: usize = self.lanes.iter().map(|lane| lane.in_flight.len()).sum();
                if waiting == 0 {
                    return Ok(self.tally);
                }
                let since = *drain_since.get_or_insert_with(time::now);
                if time::now().duration_since(since) > Duration::from_secs(DRAIN_SECONDS) {
                    return Err(BenchError::Silent(waiting, DRAIN_SECONDS));
                }
            } else {
                self.fill();
            }
            for lane in &mut self.lanes {
                if lane.lane.unsent() > 0 {
                    lane.lane.flush()?;
                }
            }
            if !self.answered {
                self.count_sent();
            }
            self.wait()?;
        }
    }

    /// Queues what may be sent now.
    fn fill(&mut self) {
        let now = time::now();
        let Some(schedule) = &mut self.schedule else {
            for lane in &mut self.lanes {
                while room(lane, self.limit, self.answered) {
                    lane.send(&self.template, now);
                }
            }
            return;
        };
        // Due requests go to the lanes in turn, past those that are full.
        for _ in 0..self.lanes.len() {
            let place = self.next_lane;
            self.next_lane = (place + 1).checked_rem(self.lanes.len()).unwrap_or(0);
            let Some(lane) = self.lanes.get_mut(place) else { return };
            if room(lane, self.limit, self.answered) {
                let Some(due) = schedule.take(now) else { return };
                lane.send(&self.template, due);
            }
        }
    }

    /// Without answers a request counts when the system has taken it.
    fn count_sent(&mut self) {
        let now = time::now();
        for lane in &mut self.lanes {
            let unsent = lane.lane.unsent().div_ceil(2);
            while lane.in_flight.len() > unsent {
                if let Some(due) = lane.in_flight.pop_front() {
                    self.control.moved(self.template.batch_bytes);
                    self.tally.answered(self.template.records, self.template.batch_bytes, due, now);
                }
            }
        }
    }

    /// Waits for answers, for room in a socket, or for the next request to be due; takes the answers.
    fn wait(&mut self) -> Result<(), BenchError> {
        let readable = poll_lanes(self.lanes.iter().map(|lane| &lane.lane), self.nap())?;
        let now = time::now();
        let (template, version, control, tally) = (&self.template, self.version, self.control, &mut self.tally);
        for (lane, is_readable) in self.lanes.iter_mut().zip(readable) {
            if !is_readable {
                continue;
            }
            let mut expected = lane.expected();
            let in_flight = &mut lane.in_flight;
            lane.lane.receive(&mut |frame| {
                let produced = answer::produced(frame, version)?;
                if produced.error_code != 0 {
                    return Err(BenchError::Refused(produced.error_code));
                }
                let due = in_flight.pop_front().filter(|_| produced.correlation_id == expected);
                let due = due.ok_or_else(|| BenchError::Protocol("an answer out of order".to_owned()))?;
                expected = expected.wrapping_add(1) & i32::MAX;
                control.moved(template.batch_bytes);
                tally.answered(template.records, template.batch_bytes, due, now);
                Ok(())
            })?;
        }
        Ok(())
    }

    fn nap(&self) -> Duration {
        let has_room = self.lanes.iter().any(|lane| room(lane, self.limit, self.answered));
        match &self.schedule {
            Some(schedule) if has_room => schedule.due().saturating_duration_since(time::now()).min(NAP),
            None if has_room => Duration::ZERO,
            Some(_) | None => NAP,
        }
    }
}

fn room(lane: &ProduceLane, limit: usize, answered: bool) -> bool {
    if answered { lane.in_flight.len() < limit } else { lane.lane.unsent() < UNANSWERED_PIECES }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_producers_take_turns_each_in_its_partition_with_its_own_sequence() {
        let mut many = Identity::Many { first: 100, count: 3, sent: 0 };
        let turns: Vec<_> = (0..5).filter_map(|_| many.take_turn(2, 4)).collect();
        let seen: Vec<_> =
            turns.iter().map(|(place, producer)| (*place, producer.id, producer.base_sequence)).collect();
        assert_eq!(seen, [(0, 100, 0), (1, 101, 0), (0, 102, 0), (0, 100, 4), (1, 101, 4)]);
    }
}
