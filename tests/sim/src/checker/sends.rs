//! What was sent: acknowledged records are where their answers said, none is there twice that must not be, none is there that
//! was refused, and those of one producer stand in its order.

use std::collections::{BTreeMap, BTreeSet};

use super::Logs;
use super::gaps::may_be_compacted;
use crate::history::{History, Moment, Outcome, RecordId, Sent};

pub(super) fn check(history: &History, logs: &Logs) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut places: BTreeMap<RecordId, Vec<i64>> = BTreeMap::new();
    for log in logs.values() {
        for (offset, id) in &log.records {
            places.entry(*id).or_default().push(*offset);
        }
    }
    for (id, sent) in &history.sent {
        let found = places.remove(id).unwrap_or_default();
        if !logs.contains_key(&sent.partition) {
            continue;
        }
        wrong.extend(judge((history, logs), *id, sent, &found));
    }
    wrong.extend(places.keys().map(|id| format!("record {id} is there, and nobody sent it")));
    for (name, log) in logs {
        let misplaced = log.records.values().filter_map(|id| history.sent.get(id)).find(|sent| sent.partition != *name);
        wrong.extend(misplaced.map(|sent| format!("{name} has a record that was sent to {}", sent.partition)));
    }
    wrong.extend(out_of_order(history, logs));
    wrong.extend(repeated_ids(history));
    wrong
}

fn judge((history, logs): (&History, &Logs), id: RecordId, sent: &Sent, found: &[i64]) -> Option<String> {
    let (producer, partition) = (sent.producer, &sent.partition);
    if sent.is_idempotent && found.len() > 1 {
        return Some(format!("record {id} of producer {producer} is there {} times: {found:?}", found.len()));
    }
    let start = logs.get(partition).map_or(0, |log| log.start);
    match sent.outcome {
        Outcome::Done(offset) if offset >= start && !found.contains(&offset) => {
            // Compaction may take a record away, never to another place.
            let is_gone = found.is_empty() && may_be_compacted(history, logs, id, Moment::MAX);
            (!is_gone).then(|| format!("record {id} was acknowledged at {offset} of {partition}; it is at {found:?}"))
        }
        Outcome::Done(offset) if sent.is_idempotent && offset < start && !found.is_empty() => {
            Some(format!("record {id} was acknowledged at {offset} of {partition}; it is at {found:?} as well"))
        }
        Outcome::Refused if !found.is_empty() => {
            Some(format!("record {id} was refused, and is at {found:?} of {partition}"))
        }
        Outcome::Done(_) | Outcome::Refused | Outcome::Unknown => None,
    }
}

/// Numbers rise with each send, so those of one producer must rise with the offsets.
fn out_of_order(history: &History, logs: &Logs) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, log) in logs {
        let mut last: BTreeMap<u64, RecordId> = BTreeMap::new();
        for (offset, id) in &log.records {
            let Some(sent) = history.sent.get(id).filter(|sent| sent.is_idempotent) else { continue };
            if let Some(before) = last.insert(sent.producer, *id)
                && before > *id
            {
                wrong.push(format!("{name}: record {id} at {offset} stands behind {before} of the same producer"));
            }
        }
    }
    wrong
}

fn repeated_ids(history: &History) -> Vec<String> {
    let mut given = BTreeSet::new();
    let repeated = history.producer_ids.iter().filter(|id| !given.insert(**id));
    repeated.map(|id| format!("producer id {id} was given away twice")).collect()
}
