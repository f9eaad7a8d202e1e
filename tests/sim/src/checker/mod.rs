//! Holds the history of a run against the logs at its end. Knows nothing of the broker but its promises.
//!
//! Each check has a name, with which its findings begin: `sends` (what was acknowledged is where it was said to be, once,
//! in order), `readings` (an offset has one value for ever, nothing is skipped, nothing is shown that is not so),
//! `watermarks`, `transactions`, `keys` (compaction), `offsets` (of groups), `processed` (what is made of records, with the
//! offsets of transactions), `batches` (the bytes).

mod batches;
mod gaps;
mod keys;
mod logs;
mod offsets;
mod processed;
mod readings;
mod sends;
mod transactions;
mod watermarks;

pub(crate) use logs::{Log, Logs, read_logs};

use crate::history::History;

/// Findings of one kind beyond these are not told.
const FINDINGS_MAX: usize = 5;

/// A check: its findings.
type Check = fn(&History, &Logs) -> Vec<String>;

/// Everything that is wrong.
pub(crate) fn check(history: &History, logs: &Logs) -> Vec<String> {
    let checks: [(&str, Check); 8] = [
        ("batches", batches::check),
        ("sends", sends::check),
        ("readings", readings::check),
        ("watermarks", watermarks::check),
        ("transactions", transactions::check),
        ("keys", keys::check),
        ("offsets", offsets::check),
        ("processed", processed::check),
    ];
    let named = checks.iter().flat_map(|(name, check)| {
        let findings = check(history, logs);
        findings.into_iter().take(FINDINGS_MAX).map(move |finding| format!("{name}: {finding}"))
    });
    named.collect()
}
