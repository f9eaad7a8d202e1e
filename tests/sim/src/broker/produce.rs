//! Produce: the steps of `src/api/produce` for one partition and acks=all.

use std::rc::Rc;

use coordinator::transaction::event::{AddPartitions, RawProducer, VerifyPartitions};
use coordinator::transaction::{Partitions, TransactionEvent, TransactionReply, TransactionVersion};
use model::ErrorCode;
use storage::Appended;
use storage::batch::{ProducerBatch, UncheckedBatch};
use storage::producers::{FirstSequence, Verified};

use super::Broker;
use super::partition::Partition;
use crate::bugs::Bug;
use crate::wire::Produce;

/// How often a transaction that still ends is asked for again before the client is told, and the pause, microseconds.
pub(super) const PATIENCE: u32 = 10;
pub(super) const PATIENCE_PAUSE_US: u64 = 5_000;

impl Broker {
    /// Gives the offset of the first record when it is durable.
    pub(super) async fn produce(&self, request: Produce) -> Result<i64, ErrorCode> {
        let partition = self.partitions.get(&request.partition).ok_or(ErrorCode::UnknownTopicOrPartition)?;
        let batch = UncheckedBatch::parse(&request.records).map_err(|error| ErrorCode::from(&error))?;
        let now = self.sim.now().time;
        let batch = batch.check(&partition.log.config(), now).map_err(|error| ErrorCode::from(&error))?;
        let verified = match batch.producer().filter(|batch| batch.is_transactional) {
            Some(stamp) => self.vouch(partition, &request, stamp).await?,
            None => Verified::ByOpenTransaction,
        };
        let appended = partition.append_verified(&batch, verified, now).map_err(|error| ErrorCode::from(&error))?;
        let (Appended::Written(placed) | Appended::Duplicate(placed)) = appended;
        let end = placed.last_offset.checked_add(1).ok_or(ErrorCode::KafkaStorageError)?;
        partition.committed(end).await.map_err(|_| ErrorCode::KafkaStorageError)?;
        Ok(placed.base_offset.get() + i64::from(self.sim.has(Bug::OffsetOffByOne)))
    }

    /// What vouches for a transactional batch: its transaction is open in the partition, or the coordinator says so.
    async fn vouch(
        &self,
        partition: &Rc<Partition>,
        request: &Produce,
        batch: &ProducerBatch,
    ) -> Result<Verified, ErrorCode> {
        if self.sim.has(Bug::NobodyVouches) {
            return Ok(Verified::NotAsked);
        }
        let transactional_id = request.transactional_id.clone().ok_or(ErrorCode::TransactionalIdAuthorizationFailed)?;
        let is_added = request.client_version == TransactionVersion::V2;
        let first = if is_added { FirstSequence::Zero } else { FirstSequence::Any };
        let Some(guard) = partition.log.begin_verification(batch, first, self.sim.now().time) else {
            return Ok(Verified::ByOpenTransaction);
        };
        let producer = RawProducer { id: batch.id.get(), epoch: batch.epoch.get() };
        if is_added {
            let partitions = Partitions::from_iter([request.partition.clone()]);
            let client_version = request.client_version;
            self.add_patiently(AddPartitions { transactional_id, producer, partitions, client_version }).await?;
        } else {
            let partitions = vec![request.partition.clone()];
            let asked = VerifyPartitions { transactional_id, producer, partitions };
            let reply = self.ask_transactions(TransactionEvent::VerifyPartitions(asked)).await;
            let TransactionReply::VerifyPartitions(codes) = reply.map_err(told)? else {
                return Err(ErrorCode::UnknownServerError);
            };
            let refused = codes.into_iter().map(|(_, code)| code).find(|code| *code != ErrorCode::None);
            refused.map_or(Ok(()), |code| Err(told(code)))?;
        }
        Ok(Verified::By(guard))
    }

    /// Adds partitions to a transaction; while the one before ends, waits a little.
    pub(super) async fn add_patiently(&self, request: AddPartitions) -> Result<(), ErrorCode> {
        for _ in 0..PATIENCE {
            match self.ask_transactions(TransactionEvent::AddPartitions(request.clone())).await {
                Ok(TransactionReply::AddPartitions(Ok(()))) => return Ok(()),
                Ok(TransactionReply::AddPartitions(Err(ErrorCode::ConcurrentTransactions))) => {
                    self.sim.sleep(PATIENCE_PAUSE_US).await;
                }
                Ok(TransactionReply::AddPartitions(Err(code))) | Err(code) => return Err(told(code)),
                Ok(_) => return Err(ErrorCode::UnknownServerError),
            }
        }
        Err(ErrorCode::ConcurrentTransactions)
    }
}

/// What a producer is told of the coordinator's code.
fn told(code: ErrorCode) -> ErrorCode {
    let passes = [
        ErrorCode::CoordinatorLoadInProgress,
        ErrorCode::CoordinatorNotAvailable,
        ErrorCode::NotCoordinator,
        ErrorCode::ConcurrentTransactions,
    ];
    if code == ErrorCode::ProducerFenced {
        return ErrorCode::InvalidProducerEpoch;
    }
    if passes.contains(&code) { ErrorCode::NotEnoughReplicas } else { code }
}
