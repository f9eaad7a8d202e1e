//! What readers saw: an offset has one value for ever, a record one offset, and a reading has all that there ever was between its
//! ends, but for what compaction may have taken away by then.

use std::collections::BTreeMap;

use model::{IsolationLevel, TopicPartition};

use super::Logs;
use super::gaps::may_be_compacted;
use crate::history::{History, Outcome, Reading, RecordId};

/// What is known to have been at the offsets of a partition.
type Values = BTreeMap<i64, RecordId>;

pub(super) fn check(history: &History, logs: &Logs) -> Vec<String> {
    let mut wrong = Vec::new();
    let values = values(history, logs, &mut wrong);
    for reading in &history.readings {
        let Some(known) = values.get(&reading.partition) else { continue };
        wrong.extend(vanished(history, logs, reading));
        wrong.extend(skipped(history, logs, reading, known));
        let falls = reading.seen.iter().zip(reading.seen.iter().skip(1)).find(|(one, next)| one.offset >= next.offset);
        wrong.extend(
            falls.map(|(one, next)| {
                format!("{}: offset {} was read after {}", reading.partition, next.offset, one.offset)
            }),
        );
    }
    wrong
}

/// What the logs at the end, acknowledgements and readers say; they must agree.
fn values<'h>(history: &'h History, logs: &'h Logs, wrong: &mut Vec<String>) -> BTreeMap<&'h TopicPartition, Values> {
    let mut values: BTreeMap<&TopicPartition, Values> =
        logs.iter().map(|(name, log)| (name, log.records.clone())).collect();
    let mut places = BTreeMap::new();
    let acknowledged = history.sent.iter().filter_map(|(id, sent)| match sent.outcome {
        Outcome::Done(offset) => Some((&sent.partition, offset, *id)),
        Outcome::Unknown | Outcome::Refused => None,
    });
    let seen = history
        .readings
        .iter()
        .flat_map(|reading| reading.seen.iter().map(|seen| (&reading.partition, seen.offset, seen.id)));
    for (name, offset, id) in seen.chain(acknowledged) {
        let before = *values.entry(name).or_default().entry(offset).or_insert(id);
        if before != id {
            wrong.push(format!("{name} had record {before} and record {id} at {offset}"));
        }
        let elsewhere = *places.entry(id).or_insert(offset);
        if elsewhere != offset && history.sent.get(&id).is_some_and(|sent| sent.is_idempotent) {
            wrong.push(format!("{name} had record {id} at {elsewhere} and at {offset}"));
        }
    }
    values
}

/// What was read stays, unless it is deleted or compacted away.
fn vanished(history: &History, logs: &Logs, reading: &Reading) -> Option<String> {
    let log = logs.get(&reading.partition)?;
    let is_lost = |offset: i64| offset >= log.start && !log.records.contains_key(&offset);
    let mut lost = reading.seen.iter().filter(|seen| is_lost(seen.offset));
    let lost = lost.find(|seen| !may_be_compacted(history, logs, seen.id, u64::MAX))?;
    Some(format!("{}: record {} was read at {}, and is gone", reading.partition, lost.id, lost.offset))
}

/// What there was a reader who passed it was given, if it was not compacted away before.
fn skipped(history: &History, logs: &Logs, reading: &Reading, known: &Values) -> Option<String> {
    // What readers of committed records are given is judged with the transactions.
    if reading.from >= reading.upto || reading.isolation == IsolationLevel::ReadCommitted {
        return None;
    }
    let mut seen = reading.seen.iter().map(|seen| seen.offset).peekable();
    for (offset, id) in known.range(reading.from..reading.upto) {
        while seen.next_if(|seen| seen < offset).is_some() {}
        if seen.next_if_eq(offset).is_none() && !may_be_compacted(history, logs, *id, reading.ended) {
            let (name, upto) = (&reading.partition, reading.upto);
            return Some(format!("{name}: a reader that read up to {upto} did not see record {id} at {offset}"));
        }
    }
    None
}
