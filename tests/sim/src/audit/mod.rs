//! Holds what compaction and retention take from a log against what they may take, while they are at it: at the end of a run
//! nobody could tell any more.
//!
//! Knows the records of a log, its config and the time; of segments only which file is the newest.

mod cleaning;
mod retention;

use std::collections::BTreeMap;

use storage::producers::{Marker, MarkerKind};
use storage::{PartitionLog, ReadSpec};

pub(crate) use cleaning::Cleaning;
pub(crate) use retention::{Stretch, deleted};

use crate::records::{self, Stored};

/// Everything in a log; `None` if it cannot be read, because it is offline or its disk has stopped.
pub(crate) fn read(log: &PartitionLog) -> Option<Vec<Stored>> {
    let (from, upto) = (log.log_start_offset(), log.log_end_offset());
    let slice = log.read(ReadSpec { from, upto, max_bytes: u32::MAX, at_least_one_batch: true });
    Some(records::decode(&slice.ok()?.read_to_vec().ok()?))
}

/// How a transactional batch with records ended, by the offset where it begins: its marker's kind and offset; `None` if it has no
/// marker yet.
fn ends(batches: &[Stored]) -> BTreeMap<i64, Option<(MarkerKind, i64)>> {
    let mut next: BTreeMap<i64, (MarkerKind, i64)> = BTreeMap::new();
    let mut ends = BTreeMap::new();
    for batch in batches.iter().rev() {
        if let Some(Marker { kind, .. }) = batch.marker {
            next.insert(batch.producer_id, (kind, batch.base_offset));
        } else if batch.is_transactional && !batch.records.is_empty() {
            ends.insert(batch.base_offset, next.get(&batch.producer_id).copied());
        }
    }
    ends
}
