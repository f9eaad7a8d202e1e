//! Produce: the steps of `src/api/produce.rs` for one partition and acks=all.

use model::ErrorCode;
use storage::Appended;
use storage::batch::UncheckedBatch;

use super::Broker;
use crate::bugs::Bug;
use crate::wire::Produce;

impl Broker {
    /// Gives the offset of the first record when it is durable.
    pub(super) async fn produce(&self, request: Produce) -> Result<i64, ErrorCode> {
        let partition = self.partitions.get(&request.partition).ok_or(ErrorCode::UnknownTopicOrPartition)?;
        let now = self.sim.now().time;
        let batch = UncheckedBatch::parse(&request.records).map_err(|error| ErrorCode::from(&error))?;
        let batch = batch.check(&partition.log.config(), now).map_err(|error| ErrorCode::from(&error))?;
        let appended = partition.append(&batch, now).map_err(|error| ErrorCode::from(&error))?;
        let (Appended::Written(placed) | Appended::Duplicate(placed)) = appended;
        let end = placed.last_offset.checked_add(1).ok_or(ErrorCode::KafkaStorageError)?;
        partition.committed(end).await.map_err(|_| ErrorCode::KafkaStorageError)?;
        Ok(placed.base_offset.get() + i64::from(self.sim.has(Bug::OffsetOffByOne)))
    }
}
