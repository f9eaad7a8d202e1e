//! The cut: of each log the offset at which its part of a backup ends, all of one moment.
//!
//! What somebody may have seen at that moment is in it: what is synced, and of a topic whose readers do not wait for that, what
//! is appended. So nothing in it rests on what is not: a committed offset on a record, a marker on the decision of its coordinator,
//! a topic on its directories.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::config::FlushMode;
use model::{Offset, TopicPartition};

use super::stillness::Stillness;
use crate::partition_log::PartitionLog;

/// A log and where the backup of it ends.
#[derive(Debug)]
pub(super) struct LogCut {
    pub(super) log: Arc<PartitionLog>,
    pub(super) end: Offset,
}

/// Takes the cut. `open` names the logs; it is asked while no end moves, so that a log that it does not name yet had nothing to show.
pub(super) fn take(
    stillness: &Stillness,
    open: impl FnOnce() -> Vec<Arc<PartitionLog>>,
) -> BTreeMap<TopicPartition, LogCut> {
    let _ends = stillness.hold_ends();
    let logs = open();
    // Appends to these are seen at once, so that they have to wait, for the microseconds that this takes.
    let is_seen_unsynced = |log: &&Arc<PartitionLog>| log.config().flush_mode == FlushMode::Async;
    let unsynced: Vec<_> =
        logs.iter().filter(is_seen_unsynced).map(|log| (log.topic_partition().clone(), log.writer())).collect();
    let appended: BTreeMap<_, _> =
        unsynced.iter().map(|(partition, writer)| (partition.clone(), writer.next_offset())).collect();
    let cut = logs.iter().map(|log| {
        let partition = log.topic_partition().clone();
        let synced = log.synced_offset();
        let end = appended.get(&partition).map_or(synced, |appended| synced.max(*appended));
        (partition, LogCut { log: Arc::clone(log), end })
    });
    cut.collect()
}
