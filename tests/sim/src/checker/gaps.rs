//! Why a record is not where it was: retention, which takes all below the log's start, or compaction, for which there must be a
//! later record of its key, or that it was never committed.

use super::Logs;
use crate::history::{History, Moment, Outcome, RecordId, Sent, Transaction};

/// Whether compaction may have taken a record away by a moment, as far as clients can know.
pub(super) fn may_be_compacted(history: &History, logs: &Logs, id: RecordId, by: Moment) -> bool {
    let Some(sent) = history.sent.get(&id) else { return false };
    let Some(key) = sent.key.as_deref().filter(|_| logs.get(&sent.partition).is_some_and(|log| log.is_compacted))
    else {
        return false;
    };
    if sent.is_tombstone || !is_committed(history, sent) {
        return true;
    }
    let mut later = history.sent.range(id + 1..);
    later.any(|(_, later)| {
        let is_same = later.key.as_deref() == Some(key) && later.partition == sent.partition;
        is_same && later.began < by && later.outcome != Outcome::Refused && may_be_committed(history, later)
    })
}

/// Whether a record counts for readers of committed records, as its client knows.
pub(super) fn is_committed(history: &History, sent: &Sent) -> bool {
    transaction(history, sent).is_none_or(|it| it.outcome == Outcome::Done(true))
}

/// Whether it can be that a record counts for readers of committed records.
pub(super) fn may_be_committed(history: &History, sent: &Sent) -> bool {
    transaction(history, sent).is_none_or(|it| matches!(it.outcome, Outcome::Done(true) | Outcome::Unknown))
}

pub(super) fn transaction<'h>(history: &'h History, sent: &Sent) -> Option<&'h Transaction> {
    history.transactions.get(sent.transaction?)
}
