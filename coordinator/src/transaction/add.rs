//! Partitions become part of a transaction, or are asked for.

use model::{ErrorCode, TopicPartition};

use super::event::{AddPartitions, RawProducer, VerifyPartitions};
use super::state::TransactionState;
use super::steps::Transaction;
use super::version::TransactionVersion;
use super::{TransactionShard, Turn};

impl TransactionShard {
    pub(super) fn add_partitions(&mut self, turn: &mut Turn<'_>, request: &AddPartitions) -> Result<(), ErrorCode> {
        let id = request.transactional_id.as_str();
        if id.is_empty() {
            return Err(ErrorCode::InvalidRequest);
        }
        let transactional = self.ids.get(id).ok_or(ErrorCode::InvalidProducerIdMapping)?;
        let logged = &transactional.logged;
        // First, as in Kafka: what the producer is will be known when the transaction has ended.
        if logged.ending().is_some() {
            return Err(ErrorCode::ConcurrentTransactions);
        }
        check_producer(logged, request.producer)?;
        let is_ongoing = logged.state == TransactionState::Ongoing;
        if is_ongoing && logged.partitions.contains_all(&request.partitions) {
            return Ok(());
        }
        let client_version = effective(request.client_version, turn.settings.version);
        let step = logged.with(&request.partitions, client_version, turn.now.time);
        if step.partitions.len() > turn.settings.partitions_max {
            return Err(ErrorCode::PolicyViolation);
        }
        let last_epoch = transactional.last_epoch;
        self.accept(turn, id, step, last_epoch)
    }

    pub(super) fn verify_partitions(&self, request: &VerifyPartitions) -> Vec<(TopicPartition, ErrorCode)> {
        let logged = self.verifiable(request);
        let verify = |partition: &TopicPartition| match logged {
            Ok(logged) if logged.partitions.contains(partition) => ErrorCode::None,
            Ok(_) => ErrorCode::TransactionAbortable,
            Err(code) => code,
        };
        request.partitions.iter().map(|partition| (partition.clone(), verify(partition))).collect()
    }

    fn verifiable(&self, request: &VerifyPartitions) -> Result<&Transaction, ErrorCode> {
        if request.transactional_id.is_empty() {
            return Err(ErrorCode::InvalidRequest);
        }
        let logged = self.get(&request.transactional_id).ok_or(ErrorCode::InvalidProducerIdMapping)?;
        check_producer(logged, request.producer)?;
        if logged.ending().is_some() {
            return Err(ErrorCode::ConcurrentTransactions);
        }
        Ok(logged)
    }
}

fn check_producer(logged: &Transaction, producer: RawProducer) -> Result<(), ErrorCode> {
    if logged.producer.producer_id.get() != producer.id {
        return Err(ErrorCode::InvalidProducerIdMapping);
    }
    if logged.producer.producer_epoch.get() != producer.epoch {
        return Err(ErrorCode::ProducerFenced);
    }
    Ok(())
}

/// A client's version, as far as the broker's records can say what it needs.
pub(super) const fn effective(client: TransactionVersion, broker: TransactionVersion) -> TransactionVersion {
    if broker.record_version() == 0 { TransactionVersion::V0 } else { client }
}
