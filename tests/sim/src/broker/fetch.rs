//! Fetch: the steps of `Partition::read` and of `src/api/fetch`. A fetch that finds nothing is answered at once; its client
//! asks again.

use model::{ErrorCode, IsolationLevel};
use storage::ReadSpec;
use storage::batch::BatchView;
use storage::error::ReadError;

use super::Broker;
use crate::bugs::Bug;
use crate::history::Watermarks;
use crate::records::offset;
use crate::wire::{Fetch, Fetched, Refused};

impl Broker {
    pub(super) fn fetch(&self, request: &Fetch) -> Result<Fetched, Refused> {
        let partition = self.partitions.get(&request.partition);
        let partition = partition.ok_or(Refused::without_start(ErrorCode::UnknownTopicOrPartition))?;
        let high = partition.high_watermark();
        let stable = partition.last_stable_offset().min(high);
        let upto = match request.isolation {
            IsolationLevel::ReadUncommitted if self.sim.has(Bug::ServesAboveHighWatermark) => {
                partition.log.log_end_offset()
            }
            IsolationLevel::ReadUncommitted => high,
            IsolationLevel::ReadCommitted => stable,
        };
        let spec =
            ReadSpec { from: offset(request.from), upto, max_bytes: request.max_bytes, at_least_one_batch: true };
        let refused = |code| Refused { code, start: partition.log.log_start_offset().get() };
        let read = match request.isolation {
            IsolationLevel::ReadUncommitted => partition.log.read(spec).map(|slice| (slice, Vec::new())),
            IsolationLevel::ReadCommitted => partition.log.read_committed(spec),
        };
        let (slice, mut aborted) = read.map_err(|error| {
            if let ReadError::Damaged { .. } = &error
                && !self.sim.has_halted()
            {
                self.sim.wrong(format!("{}: {error}", request.partition));
            }
            refused(ErrorCode::from(&error))
        })?;
        let mut bytes = slice.read_to_vec().map_err(|_| refused(ErrorCode::KafkaStorageError))?;
        if self.sim.has(Bug::CompactionDropsTheNewest) && partition.log.config().cleanup_policy.compact {
            bytes = without_newest(bytes, partition.log.first_dirty_offset().get());
        }
        let order = self.sim.note().now();
        let start = partition.log.log_start_offset().get();
        if self.sim.has(Bug::AnAbortIsNotNamed) {
            aborted.pop();
        }
        let aborted = aborted.iter().map(|aborted| (aborted.first_offset.get(), aborted.producer_id.get())).collect();
        Ok(Fetched { bytes, aborted, watermarks: Watermarks { order, start, stable: stable.get(), high: high.get() } })
    }
}

/// The batches in `bytes` but for the last one below `first_dirty`, if more follow.
fn without_newest(bytes: Vec<u8>, first_dirty: i64) -> Vec<u8> {
    let (mut position, mut last) = (0, None);
    while let Ok(batch) = BatchView::parse(bytes.get(position..).unwrap_or_default()) {
        let next = position + batch.size();
        if batch.last_offset().is_some_and(|last| last < first_dirty) {
            last = Some((position, next));
        }
        position = next;
    }
    match last.filter(|(_, next)| *next < bytes.len()) {
        Some((from, next)) => [bytes.get(..from), bytes.get(next..)].into_iter().flatten().flatten().copied().collect(),
        None => bytes,
    }
}
