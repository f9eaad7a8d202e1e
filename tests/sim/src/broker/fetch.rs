//! Fetch: the steps of `Partition::read` and of `src/api/fetch`. A fetch that finds nothing is answered at once; its client
//! asks again.

use model::{ErrorCode, IsolationLevel};
use storage::ReadSpec;
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
        let bytes = slice.read_to_vec().map_err(|_| refused(ErrorCode::KafkaStorageError))?;
        let order = self.sim.note().now();
        let start = partition.log.log_start_offset().get();
        if self.sim.has(Bug::AnAbortIsNotNamed) {
            aborted.pop();
        }
        let aborted = aborted.iter().map(|aborted| (aborted.first_offset.get(), aborted.producer_id.get())).collect();
        Ok(Fetched { bytes, aborted, watermarks: Watermarks { order, start, stable: stable.get(), high: high.get() } })
    }
}
