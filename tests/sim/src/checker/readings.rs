//! What readers saw: an offset has one value for ever, and a reading has all that there is between its ends.

use std::collections::BTreeMap;

use model::IsolationLevel;

use super::Logs;
use super::logs::Log;
use crate::history::{History, Reading};

pub(super) fn check(history: &History, logs: &Logs) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut values: BTreeMap<_, BTreeMap<i64, u64>> = BTreeMap::new();
    for (name, log) in logs {
        values.insert(name, log.records.clone());
    }
    for reading in &history.readings {
        let Some(log) = logs.get(&reading.partition) else { continue };
        let known = values.entry(&reading.partition).or_default();
        for seen in &reading.seen {
            let before = *known.entry(seen.offset).or_insert(seen.id);
            if before != seen.id {
                let (name, offset) = (&reading.partition, seen.offset);
                wrong.push(format!("{name} had record {before} and record {} at {offset}", seen.id));
            }
        }
        wrong.extend(vanished(reading, log));
        wrong.extend(skipped(reading, log));
        let falls = reading.seen.iter().zip(reading.seen.iter().skip(1)).find(|(one, next)| one.offset >= next.offset);
        wrong.extend(
            falls.map(|(one, next)| {
                format!("{}: offset {} was read after {}", reading.partition, next.offset, one.offset)
            }),
        );
    }
    wrong
}

/// What was read stays, unless it is deleted or compacted away.
fn vanished(reading: &Reading, log: &Log) -> Option<String> {
    let is_lost = |offset: i64| offset >= log.start && !log.is_compacted && !log.records.contains_key(&offset);
    let lost = reading.seen.iter().find(|seen| is_lost(seen.offset))?;
    Some(format!("{}: record {} was read at {}, and is gone", reading.partition, lost.id, lost.offset))
}

/// What is there at the end was there for every reader that passed it.
fn skipped(reading: &Reading, log: &Log) -> Option<String> {
    // What readers of committed records are given is judged with the transactions.
    if reading.from >= reading.upto || reading.isolation == IsolationLevel::ReadCommitted {
        return None;
    }
    let mut seen = reading.seen.iter().map(|seen| seen.offset).peekable();
    for (offset, id) in log.records.range(reading.from..reading.upto) {
        while seen.next_if(|seen| seen < offset).is_some() {}
        if seen.next_if_eq(offset).is_none() {
            let (name, upto) = (&reading.partition, reading.upto);
            return Some(format!("{name}: a reader that read up to {upto} did not see record {id} at {offset}"));
        }
    }
    None
}
