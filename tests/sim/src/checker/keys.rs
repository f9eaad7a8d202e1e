//! Compaction: of each key the last acknowledged record is what a reader finds, always. A deleted key is not found, or its
//! tombstone is; what was not acknowledged may be there or not.

use std::collections::BTreeMap;

use model::TopicPartition;

use super::gaps::{is_committed, may_be_committed, transaction};
use super::{Log, Logs};
use crate::history::{History, Moment, Outcome, Reading, RecordId, Sent};

/// What was found in a part of a log, at which moment.
struct Found<'a> {
    partition: &'a TopicPartition,
    at: Moment,
    from: i64,
    upto: i64,
    /// When the last of it was found; what came later was not missed. 0 if it is all there is.
    ended: Moment,
    /// Whether it took so long that a tombstone may have come and gone meanwhile.
    is_slow: bool,
}

pub(super) fn check(history: &History, logs: &Logs) -> Vec<String> {
    let mut wrong = Vec::new();
    for (partition, log) in logs.iter().filter(|(_, log)| log.is_compacted) {
        let Log { start, end, delete_retention_ms, .. } = *log;
        let at_end = log.records.iter().map(|(offset, id)| (*offset, *id));
        let found = Found { partition, at: Moment::MAX, from: start, upto: end, ended: 0, is_slow: false };
        wrong.extend(compare(history, &found, at_end));
        for reading in history.readings.iter().filter(|reading| reading.partition == *partition) {
            let seen = reading.seen.iter().map(|seen| (seen.offset, seen.id));
            let (at, is_slow) = (reading.began, reading.lasted_ms >= delete_retention_ms);
            let Reading { from, upto, ended, .. } = *reading;
            let found = Found { partition, at, from, upto, ended, is_slow };
            wrong.extend(compare(history, &found, seen));
        }
    }
    wrong
}

/// Holds what was found against what had been acknowledged there by then.
fn compare(history: &History, found: &Found<'_>, records: impl Iterator<Item = (i64, RecordId)>) -> Vec<String> {
    let mut latest: BTreeMap<&str, (i64, RecordId)> = BTreeMap::new();
    for (offset, id) in records {
        let sent = history.sent.get(&id).filter(|sent| may_be_committed(history, sent));
        if let Some(key) = sent.and_then(|sent| sent.key.as_deref()) {
            latest.insert(key, (offset, id));
        }
    }
    let &Found { partition, at, from, upto, is_slow, .. } = found;
    let mut wrong = Vec::new();
    for (key, (offset, id, sent)) in expected(history, partition, at) {
        if offset < from || offset >= upto {
            continue;
        }
        let fits = match latest.get(key) {
            Some((found, _)) if *found < offset => is_slow && may_be_deleted(history, id, sent),
            Some((found, other)) => *found > offset || *other == id,
            None => may_be_deleted(history, id, sent),
        };
        if !fits && !is_superseded_behind(history, (id, sent), found) {
            let found = latest.get(key);
            wrong.push(format!("{partition}: key {key} was record {id} at {offset}; at {at} there is {found:?}"));
        }
    }
    wrong
}

/// Whether a reader that stopped early may have missed a record because of a later one that it did not come to.
fn is_superseded_behind(history: &History, (id, sent): (RecordId, &Sent), found: &Found<'_>) -> bool {
    let mut others = history.sent.range(id + 1..).map(|(_, other)| other);
    others.any(|other| {
        let is_behind = match other.outcome {
            Outcome::Done(offset) => offset >= found.upto,
            Outcome::Unknown => true,
            Outcome::Refused => false,
        };
        let is_of_key = other.key == sent.key && other.partition == sent.partition;
        is_of_key && is_behind && other.began < found.ended && may_be_committed(history, other)
    })
}

/// Whether a record is a tombstone, or one may have come after it that nobody had been told of yet.
fn may_be_deleted(history: &History, id: RecordId, sent: &Sent) -> bool {
    let mut others = history.sent.range(id + 1..).map(|(_, other)| other);
    sent.is_tombstone
        || others.any(|other| {
            let is_of_key = other.is_tombstone && other.key == sent.key && other.partition == sent.partition;
            is_of_key && other.outcome != Outcome::Refused && may_be_committed(history, other)
        })
}

/// The last record of each key that was known by a moment to be there, and to count.
fn expected<'h>(
    history: &'h History,
    partition: &TopicPartition,
    at: Moment,
) -> BTreeMap<&'h str, (i64, RecordId, &'h Sent)> {
    let mut expected: BTreeMap<&str, (i64, RecordId, &Sent)> = BTreeMap::new();
    let was_known = |sent: &Sent| {
        let ended = transaction(history, sent).map_or(0, |transaction| transaction.known);
        sent.known < at && ended < at && is_committed(history, sent)
    };
    for (id, sent) in history.sent.iter().filter(|(_, sent)| sent.partition == *partition && was_known(sent)) {
        if let (Some(key), Outcome::Done(offset)) = (sent.key.as_deref(), sent.outcome) {
            let place = expected.entry(key).or_insert((offset, *id, sent));
            if offset > place.0 {
                *place = (offset, *id, sent);
            }
        }
    }
    expected
}
