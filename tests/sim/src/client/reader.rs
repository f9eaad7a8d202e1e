//! Readers of one partition after another, from the log's start or from where they stood, of all records or of committed ones.

use std::collections::{BTreeSet, VecDeque};

use model::{ErrorCode, IsolationLevel, TopicPartition};

use crate::history::{Reading, Seen};
use crate::network::Link;
use crate::records::{self, Stored};
use crate::wire::{Fetch, Fetched, Refused, Request, Response};
use crate::world::Sim;
use storage::producers::MarkerKind;

/// What a reader does until everything is over.
pub(super) async fn run(sim: Sim, partitions: Vec<TopicPartition>) {
    let link = Link::new(&sim);
    while !sim.is_over.get() {
        let Some(partition) = sim.choose(|random| random.pick(&partitions).cloned()) else { return };
        let (isolation, is_patient) = sim.choose(|random| (isolation(random.one_in(2)), random.one_in(2)));
        let mut reading = begin(&sim, &partition, isolation, 0);
        loop {
            let is_at_end = step(&sim, &link, &mut reading).await;
            if sim.is_over.get() || (is_at_end == Some(true) && !(is_patient && sim.choose(|random| random.one_in(2))))
            {
                break;
            }
            sim.pause(100, 40_000).await;
        }
        end(&sim, reading);
    }
}

/// Reads everything there is of a partition, and waits until that is everything that was written.
pub(crate) async fn read_through(sim: &Sim, partition: &TopicPartition, isolation: IsolationLevel) {
    let link = Link::new(sim);
    let mut reading = begin(sim, partition, isolation, 0);
    while step(sim, &link, &mut reading).await != Some(true) {
        sim.pause(100, 5_000).await;
    }
    end(sim, reading);
}

pub(super) const fn isolation(is_committed: bool) -> IsolationLevel {
    if is_committed { IsolationLevel::ReadCommitted } else { IsolationLevel::ReadUncommitted }
}

pub(super) fn begin(sim: &Sim, partition: &TopicPartition, isolation: IsolationLevel, from: i64) -> Reading {
    let began = sim.note().now();
    let lasted_ms = -sim.now().time.get();
    let partition = partition.clone();
    Reading { partition, isolation, began, ended: began, lasted_ms, from, upto: from, seen: Vec::new() }
}

pub(super) fn end(sim: &Sim, mut reading: Reading) {
    let mut history = sim.note();
    reading.ended = history.now();
    reading.lasted_ms += sim.now().time.get();
    history.readings.push(reading);
}

/// Asks once more; whether the end was reached. `None` if there was no answer.
pub(super) async fn step(sim: &Sim, link: &Link, reading: &mut Reading) -> Option<bool> {
    let max_bytes = sim.choose(|random| random.between(1, 20_000));
    let request = Fetch {
        partition: reading.partition.clone(),
        from: reading.upto,
        isolation: reading.isolation,
        max_bytes: u32::try_from(max_bytes).unwrap_or(0),
    };
    match link.ask(Request::Fetch(request)).await {
        Ok(Response::Fetch(Ok(fetched))) => Some(take(sim, reading, &fetched)),
        Ok(Response::Fetch(Err(Refused { code: ErrorCode::OffsetOutOfRange, start }))) => {
            let next = begin(sim, &reading.partition, reading.isolation, start);
            if start < reading.upto {
                let (partition, upto) = (&reading.partition, reading.upto);
                sim.wrong(format!("offset: {partition} was read up to {upto}, which is out of range now"));
            }
            end(sim, std::mem::replace(reading, next));
            None
        }
        _ => None,
    }
}

fn take(sim: &Sim, reading: &mut Reading, fetched: &Fetched) -> bool {
    let mut history = sim.note();
    history.watermarks.entry(reading.partition.clone()).or_default().push(fetched.watermarks);
    history.count("fetches");
    let mut aborted = Aborted::new(&fetched.aborted);
    for batch in records::decode(&fetched.bytes) {
        let is_aborted = aborted.has(&batch) && reading.isolation == IsolationLevel::ReadCommitted;
        for record in batch.records.iter().filter(|_| !is_aborted) {
            if let Some(id) = record.id.filter(|_| record.offset >= reading.upto) {
                reading.seen.push(Seen { offset: record.offset, id });
            }
        }
        reading.upto = reading.upto.max(batch.last_offset + 1);
    }
    let end = match reading.isolation {
        IsolationLevel::ReadUncommitted => fetched.watermarks.high,
        IsolationLevel::ReadCommitted => fetched.watermarks.stable,
    };
    if reading.upto > end && reading.from < end {
        let (partition, upto) = (&reading.partition, reading.upto);
        history.wrong.push(format!("readings: {partition} was read up to {upto}, which is behind its end {end}"));
    }
    reading.upto >= end
}

/// Tells the batches of aborted transactions from others, as Kafka's consumer does.
struct Aborted {
    /// First offset and producer, by offset.
    ahead: VecDeque<(i64, i64)>,
    now: BTreeSet<i64>,
}

impl Aborted {
    fn new(named: &[(i64, i64)]) -> Self {
        let mut ahead = named.to_vec();
        ahead.sort_unstable();
        Self { ahead: ahead.into(), now: BTreeSet::new() }
    }

    fn has(&mut self, batch: &Stored) -> bool {
        while let Some((_, producer)) = self.ahead.pop_front_if(|(first, _)| *first <= batch.last_offset) {
            self.now.insert(producer);
        }
        if let Some(marker) = batch.marker
            && marker.kind == MarkerKind::Abort
        {
            self.now.remove(&batch.producer_id);
        }
        batch.is_transactional && self.now.contains(&batch.producer_id)
    }
}
