//! The records of `__transaction_state`: typed here, bytes in the log. Each one holds all that is to be known of its
//! transactional id, so that the last one counts alone.

use model::wire::{EncodeError, Reader, decode_body};
use model::{PartitionIndex, ProducerEpoch, ProducerId, Timestamp, TopicName};

use super::event::ProducerIdAndEpoch;
use super::partitions::Partitions;
use super::state::TransactionState;
use super::steps::Transaction;
use super::version::TransactionVersion;
use crate::codec::{damaged_key, record, value_of};
use crate::records::transaction_log::{PartitionsSchema, TransactionLogKey, TransactionLogValue};
use crate::shard::{Record, ReplayError};

/// The type of the only kind of record there is.
const TRANSACTION_LOG: i16 = 0;
/// What stands for "no producer id".
const NO_PRODUCER_ID: i64 = -1;

/// A record of `__transaction_state`: a transactional id, and its transaction or `None` for a tombstone.
#[derive(Clone, Debug, PartialEq)]
pub struct TransactionRecord {
    /// The transactional id.
    pub transactional_id: String,
    /// What it is now.
    pub transaction: Option<Transaction>,
}

impl TransactionRecord {
    /// The record as the log of a broker with this version of transactions carries it.
    ///
    /// # Errors
    /// [`EncodeError`]: something in it is longer than the format allows.
    pub fn encode(&self, version: TransactionVersion) -> Result<Record, EncodeError> {
        let key = TransactionLogKey { transactional_id: self.transactional_id.clone() };
        let value = self.transaction.as_ref().map(value);
        record(TRANSACTION_LOG, &key, value.as_ref(), version.record_version())
    }

    /// Reads a record. `None` for a type that this version does not know, which is passed over as Kafka does.
    ///
    /// # Errors
    /// [`ReplayError`] if key or value is not what its type and version say. It names the transactional id if the key can be
    /// read.
    pub fn decode(key: &[u8], value: Option<&[u8]>) -> Result<Option<Self>, ReplayError> {
        let Some(transactional_id) = Self::id_of(key)? else { return Ok(None) };
        let transaction = value.map(|value| value_of(value, 0..=1).and_then(|value| transaction(&value)));
        match transaction.transpose() {
            Ok(transaction) => Ok(Some(Self { transactional_id, transaction })),
            Err(problem) => Err(ReplayError {
                what: format!("the value of a record of type {TRANSACTION_LOG}"),
                id: Some(transactional_id),
                problem,
            }),
        }
    }

    /// The transactional id that a key names; `None` for a type that this version does not know.
    pub(super) fn id_of(key: &[u8]) -> Result<Option<String>, ReplayError> {
        let mut reader = Reader::new(key);
        let code = reader.i16().map_err(|error| damaged_key("a record of the transactions' log", &error))?;
        if code != TRANSACTION_LOG {
            return Ok(None);
        }
        let key = decode_body::<TransactionLogKey>(reader.peek(), 0);
        let key = key.map_err(|error| damaged_key(&format!("the key of a record of type {code}"), &error))?;
        Ok(Some(key.transactional_id))
    }
}

fn value(transaction: &Transaction) -> TransactionLogValue {
    let id = |id: Option<ProducerId>| id.map_or(NO_PRODUCER_ID, ProducerId::get);
    let partitions = || transaction.partitions.topics().map(topic_value).collect();
    TransactionLogValue {
        producer_id: transaction.producer.producer_id.get(),
        previous_producer_id: id(transaction.previous_producer_id),
        next_producer_id: id(transaction.next_producer_id),
        producer_epoch: transaction.producer.producer_epoch.get(),
        transaction_timeout_ms: transaction.timeout_ms,
        transaction_status: transaction.state.code(),
        transaction_partitions: (transaction.state != TransactionState::Empty).then(partitions),
        transaction_last_update_timestamp_ms: transaction.last_update.get(),
        transaction_start_timestamp_ms: transaction.start.get(),
        client_transaction_version: transaction.client_version.level(),
        ..TransactionLogValue::default()
    }
}

fn topic_value((topic, indexes): (&TopicName, &std::collections::BTreeSet<PartitionIndex>)) -> PartitionsSchema {
    let partition_ids = indexes.iter().map(|index| index.get()).collect();
    PartitionsSchema { topic: topic.as_str().to_owned(), partition_ids }
}

fn transaction(value: &TransactionLogValue) -> Result<Transaction, String> {
    let producer_id = ProducerId::new(value.producer_id).ok_or_else(|| format!("producer id {}", value.producer_id))?;
    let producer_epoch =
        ProducerEpoch::new(value.producer_epoch).ok_or_else(|| format!("producer epoch {}", value.producer_epoch))?;
    let state = TransactionState::from_code(value.transaction_status)
        .ok_or_else(|| format!("transaction status {}", value.transaction_status))?;
    let client_version = TransactionVersion::from_level(value.client_transaction_version)
        .ok_or_else(|| format!("client transaction version {}", value.client_transaction_version))?;
    Ok(Transaction {
        producer: ProducerIdAndEpoch { producer_id, producer_epoch },
        previous_producer_id: ProducerId::new(value.previous_producer_id),
        next_producer_id: ProducerId::new(value.next_producer_id),
        timeout_ms: value.transaction_timeout_ms,
        state,
        partitions: partitions(value.transaction_partitions.as_deref().unwrap_or_default())?,
        start: Timestamp::new(value.transaction_start_timestamp_ms),
        last_update: Timestamp::new(value.transaction_last_update_timestamp_ms),
        client_version,
    })
}

fn partitions(topics: &[PartitionsSchema]) -> Result<Partitions, String> {
    let mut partitions = Partitions::default();
    for topic in topics {
        let name = TopicName::parse(&topic.topic).map_err(|error| error.to_string())?;
        for index in &topic.partition_ids {
            let index = PartitionIndex::new(*index).ok_or_else(|| format!("partition {index} of {name}"))?;
            partitions.insert(name.clone(), index);
        }
    }
    Ok(partitions)
}
