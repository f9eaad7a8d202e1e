//! Producer ids, each given away once. The real broker notes them in its metadata log (`src/metadata`), a block at a time;
//! here they have a log of their own, by the same steps: append, sync, and only then give away.

use std::cell::Cell;
use std::rc::Rc;

use model::{ErrorCode, ProducerEpoch, ProducerId};
use storage::ReadSpec;
use storage::batch::{BatchBuilder, BatchView, DecompressionLimits, NewRecord};

use super::partition::Partition;
use crate::bugs::Bug;
use crate::world::Sim;

/// Ids that one record gives free.
const BLOCK: i64 = 2;

pub(super) struct ProducerIds {
    sim: Sim,
    partition: Rc<Partition>,
    next: Cell<i64>,
    /// Ids below are free to be given away.
    upto: Cell<i64>,
    /// What was noted, durable or not.
    noted: Cell<i64>,
}

impl ProducerIds {
    /// Goes on behind the last id that was noted.
    pub(super) fn load(sim: &Sim, partition: &Rc<Partition>) -> Result<Self, String> {
        let log = &partition.log;
        let spec = ReadSpec {
            from: log.log_start_offset(),
            upto: log.log_end_offset(),
            max_bytes: u32::MAX,
            at_least_one_batch: true,
        };
        let bytes = log.read(spec).map_err(|error| error.to_string())?;
        let bytes = bytes.read_to_vec().map_err(|error| error.to_string())?;
        let (mut rest, mut last) = (bytes.as_slice(), 0);
        while let Ok(batch) = BatchView::parse(rest) {
            if let Ok(Some(record)) = batch.records(DecompressionLimits::bytes(64)).next_record() {
                let value = record.record.value.and_then(|value| value.try_into().ok());
                last = value.map_or(last, i64::from_be_bytes);
            }
            rest = rest.get(batch.size()..).unwrap_or_default();
        }
        let (sim, partition) = (Rc::clone(sim), Rc::clone(partition));
        Ok(Self { sim, partition, next: Cell::new(last), upto: Cell::new(last), noted: Cell::new(last) })
    }

    /// An id that nobody ever had, and its first epoch.
    pub(super) async fn next(&self) -> Result<(ProducerId, ProducerEpoch), ErrorCode> {
        let unavailable = ErrorCode::CoordinatorNotAvailable;
        while self.next.get() >= self.upto.get() {
            let noted = self.noted.get() + BLOCK;
            self.noted.set(noted);
            let (now, value) = (self.sim.now().time, noted.to_be_bytes());
            let record = NewRecord { timestamp: now, value: Some(&value), ..NewRecord::default() };
            let batch = BatchBuilder::new(record).map_err(|_| unavailable)?.build();
            if self.sim.has(Bug::ProducerIdsInMemory) && self.sim.choose(|random| random.one_in(2)) {
                self.upto.set(self.upto.get().max(noted));
                continue;
            }
            self.partition.append(&batch.checked(), now).map_err(|_| unavailable)?;
            let end = self.partition.log.log_end_offset();
            if !self.sim.has(Bug::ProducerIdsInMemory) {
                self.partition.committed(end).await.map_err(|_| unavailable)?;
            }
            self.upto.set(self.upto.get().max(noted));
        }
        let id = self.next.get();
        self.next.set(id + 1);
        Ok((ProducerId::new(id).ok_or(unavailable)?, ProducerEpoch::ZERO))
    }
}
