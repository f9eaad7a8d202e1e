//! What readers of committed records may see.

use std::collections::BTreeMap;

use super::Findings;
use super::history::{Fate, History};
use super::sends::{COMPACTED, DELETING};

/// Check 3: no reader of committed records ever sees one whose commit nobody asked for.
pub(super) fn aborted(history: &History, findings: &mut Findings<'_>) {
    for reading in history.readings.iter().filter(|reading| reading.is_committed) {
        for (place, seen) in reading.seen.iter().flat_map(|(place, runs)| runs.iter().map(move |seen| (place, seen))) {
            if history.fate(seen) == Some(Fate::Aborted) {
                findings.add(|| format!("reading {}: {place:?} has {seen:?}, which was aborted", reading.name));
            }
        }
    }
}

/// Check 3: a transaction whose commit was asked for, and not answered, is wholly in or wholly out, for every reader.
pub(super) fn torn(history: &History, findings: &mut Findings<'_>) {
    let keeps = |topic: &str| topic != COMPACTED && topic != DELETING;
    let mut acked: BTreeMap<(i64, u32), i64> = BTreeMap::new();
    for (number, producer) in &history.producers {
        let kept = producer.acked.iter().filter(|((topic, _), _)| keeps(topic));
        for sent in kept.flat_map(|(_, runs)| runs) {
            if sent.txn > 0 && producer.fate(sent.txn) == Fate::Unknown {
                *acked.entry((*number, sent.txn)).or_default() += sent.n;
            }
        }
    }
    let mut visible: BTreeMap<(i64, u32), bool> = BTreeMap::new();
    for reading in history.readings.iter().filter(|reading| reading.is_committed && reading.is_whole) {
        let mut seen: BTreeMap<(i64, u32), i64> = BTreeMap::new();
        let kept = reading.seen.iter().filter(|((topic, _), _)| keeps(topic));
        for run in kept.flat_map(|(_, runs)| runs) {
            *seen.entry((run.producer, run.txn)).or_default() += run.n;
        }
        for (transaction, acked) in &acked {
            let count = seen.get(transaction).copied().unwrap_or(0);
            if count != 0 && count < *acked {
                findings.add(|| format!("reading {}: {count} of {acked} records of {transaction:?}", reading.name));
            }
            if *visible.entry(*transaction).or_insert(count > 0) != (count > 0) {
                findings.add(|| format!("reading {}: {transaction:?} is in for some and out for others", reading.name));
            }
        }
    }
}
