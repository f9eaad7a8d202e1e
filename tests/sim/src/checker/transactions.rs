//! Transactions: readers of committed records are given every record of a committed transaction and none of any other; one
//! of which its client does not know the end is in whole or out whole, for every reader and for ever; none is open at the end.

use std::collections::BTreeSet;

use model::IsolationLevel;

use super::Logs;
use super::logs::Log;
use crate::history::{History, Outcome, Reading, RecordId};

pub(super) fn check(history: &History, logs: &Logs) -> Vec<String> {
    let committed = committed(history);
    let mut wrong = Vec::new();
    let readings = history.readings.iter().filter(|it| it.isolation == IsolationLevel::ReadCommitted);
    for reading in readings {
        wrong.extend(aborted_read(history, reading));
        if let Some(log) = logs.get(&reading.partition) {
            wrong.extend(not_read(history, &committed, (reading, log)));
        }
    }
    wrong
}

/// The transactions that were committed: those that were answered so, and those of unknown end of which any reader was given
/// anything.
pub(super) fn committed(history: &History) -> BTreeSet<usize> {
    let known = history.transactions.iter().enumerate();
    let known = known.filter(|(_, it)| it.outcome == Outcome::Done(true)).map(|(place, _)| place);
    let readings = history.readings.iter().filter(|it| it.isolation == IsolationLevel::ReadCommitted);
    let seen = readings.flat_map(|reading| &reading.seen).filter_map(|seen| transaction_of(history, seen.id));
    let unknown =
        seen.filter(|place| history.transactions.get(*place).is_some_and(|it| it.outcome == Outcome::Unknown));
    known.chain(unknown).collect()
}

fn transaction_of(history: &History, id: RecordId) -> Option<usize> {
    history.sent.get(&id)?.transaction
}

fn aborted_read(history: &History, reading: &Reading) -> Option<String> {
    reading.seen.iter().find_map(|seen| {
        let place = transaction_of(history, seen.id)?;
        let transaction = history.transactions.get(place)?;
        let never = matches!(transaction.outcome, Outcome::Refused | Outcome::Done(false));
        never.then(|| {
            let (name, id, offset) = (&reading.partition, seen.id, seen.offset);
            format!("{name}: record {id} at {offset} is of transaction {place}, {transaction:?}, and was read")
        })
    })
}

fn not_read(history: &History, committed: &BTreeSet<usize>, (reading, log): (&Reading, &Log)) -> Option<String> {
    if reading.from >= reading.upto {
        return None;
    }
    let mut seen = reading.seen.iter().peekable();
    log.records.range(reading.from..reading.upto).find_map(|(offset, id)| {
        while seen.next_if(|seen| seen.offset < *offset).is_some() {}
        if seen.next_if(|seen| seen.offset == *offset).is_some() {
            return None;
        }
        let place = transaction_of(history, *id);
        place.is_none_or(|place| committed.contains(&place)).then(|| {
            let (name, upto) = (&reading.partition, reading.upto);
            format!(
                "{name}: a reader of committed records up to {upto} did not see record {id} at {offset}, of {place:?}"
            )
        })
    })
}
