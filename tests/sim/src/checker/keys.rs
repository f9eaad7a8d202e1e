//! Compaction: of each key the last acknowledged record is what a reader finds, always.

use std::collections::BTreeMap;

use model::{IsolationLevel, TopicPartition};

use super::Logs;
use crate::history::{History, Moment, Outcome, Reading, RecordId, Sent};

pub(super) fn check(history: &History, logs: &Logs) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, log) in logs.iter().filter(|(_, log)| log.is_compacted) {
        let at_end = log.records.iter().map(|(offset, id)| (*offset, *id));
        wrong.extend(compare(history, name, (Moment::MAX, log.end), at_end));
        let whole = history.readings.iter().filter(|reading| reading.partition == *name && is_whole(reading));
        for reading in whole {
            let seen = reading.seen.iter().map(|seen| (seen.offset, seen.id));
            wrong.extend(compare(history, name, (reading.began, reading.upto), seen));
        }
    }
    wrong
}

/// Whether a reading began at the beginning and went as far as all that had been acknowledged when it began.
fn is_whole(reading: &Reading) -> bool {
    reading.isolation == IsolationLevel::ReadUncommitted && reading.from == 0
}

/// Holds what was found below `upto` against what had been acknowledged there at a moment.
fn compare(
    history: &History,
    partition: &TopicPartition,
    (at, upto): (Moment, i64),
    found: impl Iterator<Item = (i64, RecordId)>,
) -> Vec<String> {
    let mut latest: BTreeMap<&str, (i64, RecordId)> = BTreeMap::new();
    for (offset, id) in found {
        if let Some(key) = history.sent.get(&id).and_then(|sent| sent.key.as_deref()) {
            latest.insert(key, (offset, id));
        }
    }
    let mut expected: BTreeMap<&str, (i64, RecordId, &Sent)> = BTreeMap::new();
    for (id, sent) in history.sent.iter().filter(|(_, sent)| sent.partition == *partition && sent.known < at) {
        if let (Some(key), Outcome::Done(offset)) = (sent.key.as_deref(), sent.outcome) {
            let place = expected.entry(key).or_insert((offset, *id, sent));
            if offset > place.0 {
                *place = (offset, *id, sent);
            }
        }
    }
    let mut wrong = Vec::new();
    for (key, (offset, id, sent)) in expected.into_iter().filter(|(_, (offset, ..))| *offset < upto) {
        let fits = match latest.get(key) {
            Some((found, _)) if *found < offset => false,
            Some((found, other)) => *found > offset || *other == id,
            None => sent.is_tombstone,
        };
        if !fits {
            let found = latest.get(key);
            wrong.push(format!("{partition}: key {key} was record {id} at {offset}; at {at} there is {found:?}"));
        }
    }
    wrong
}
