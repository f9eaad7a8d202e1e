//! What a transactions' shard is asked, what it answers, and what it asks of its runtime. Plain values: the broker's handlers
//! turn requests into these and these into responses.
//!
//! Lengths and counts were bounded by the frame that a request came in; nothing here was judged yet, but for names of topics.

mod directory;
mod effect;

use model::{ErrorCode, ProducerEpoch, ProducerId, TopicPartition};

pub use directory::{DescribeTransaction, DescribedTransaction, ListTransactions, ListedTransaction};
pub(in crate::transaction) use effect::Waiting;
pub use effect::{MarkerResult, Markers, MarkersId, MarkersWritten, TransactionEffect, WaitingForId};

use super::directory::TransactionCounts;
use super::partitions::Partitions;
use super::version::TransactionVersion;

/// A request.
#[derive(Clone, Debug)]
pub enum TransactionEvent {
    /// `InitProducerId` with a transactional id.
    InitProducerId(InitProducerId),
    /// `AddPartitionsToTxn` that adds, or `AddOffsetsToTxn`, which adds the group's partition of `__consumer_offsets`.
    AddPartitions(AddPartitions),
    /// `AddPartitionsToTxn` that only asks.
    VerifyPartitions(VerifyPartitions),
    /// `EndTxn`.
    EndTxn(EndTxn),
    /// `DescribeTransactions`, one transactional id of it.
    DescribeTransaction(DescribeTransaction),
    /// `ListTransactions`, this shard's part of it.
    ListTransactions(ListTransactions),
    /// How many transactions are there in this shard, and how old are they? For metrics.
    CountTransactions,
}

impl TransactionEvent {
    /// The transactional id that it is about; `None` where it is about all of them.
    #[must_use]
    pub fn transactional_id(&self) -> Option<&str> {
        match self {
            Self::InitProducerId(request) => Some(&request.transactional_id),
            Self::AddPartitions(request) => Some(&request.transactional_id),
            Self::VerifyPartitions(request) => Some(&request.transactional_id),
            Self::EndTxn(request) => Some(&request.transactional_id),
            Self::DescribeTransaction(request) => Some(&request.transactional_id),
            Self::ListTransactions(_) | Self::CountTransactions => None,
        }
    }
}

/// An answer; the variant is that of the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransactionReply {
    /// To `InitProducerId`: what the producer sends with from now on.
    InitProducerId(Result<ProducerIdAndEpoch, ErrorCode>),
    /// To `AddPartitions`: the same for each partition.
    AddPartitions(Result<(), ErrorCode>),
    /// To `VerifyPartitions`: for each partition that was asked for, in that order.
    VerifyPartitions(Vec<(TopicPartition, ErrorCode)>),
    /// To `EndTxn`: with version 5, what the producer sends the next transaction with; `None` with older ones.
    EndTxn(Result<Option<ProducerIdAndEpoch>, ErrorCode>),
    /// To `DescribeTransactions`.
    DescribeTransaction(Result<DescribedTransaction, ErrorCode>),
    /// To `ListTransactions`, in the order of the ids.
    ListTransactions(Vec<ListedTransaction>),
    /// To `CountTransactions`.
    CountTransactions(TransactionCounts),
}

/// A producer's id and the epoch of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProducerIdAndEpoch {
    /// The id.
    pub producer_id: ProducerId,
    /// The epoch.
    pub producer_epoch: ProducerEpoch,
}

/// A producer begins, or goes on after an error (KIP-98, KIP-360).
#[derive(Clone, Debug)]
pub struct InitProducerId {
    /// The transactional id. Empty is refused; one that is absent is not for this shard.
    pub transactional_id: String,
    /// Ms that a transaction may take before it is aborted.
    pub transaction_timeout_ms: i32,
    /// What the producer had, if it wants to go on from there.
    pub expected: Option<RawProducer>,
    /// Whether transactions have no timeout, because somebody outside decides (KIP-939). Version 6, which is not stable yet.
    pub enable_two_phase_commit: bool,
    /// Whether a transaction that is prepared is to be kept (KIP-939). Version 6, which is not stable yet.
    pub keep_prepared_transaction: bool,
}

/// Partitions become part of a transaction; with the first of them it begins.
#[derive(Clone, Debug)]
pub struct AddPartitions {
    /// The transactional id.
    pub transactional_id: String,
    /// Who asks.
    pub producer: RawProducer,
    /// What is added; each topic exists. A handler that finds one that does not refuses the request whole.
    pub partitions: Partitions,
    /// [`TransactionVersion::V2`] from version 4 of `AddPartitionsToTxn` on, else [`TransactionVersion::V0`].
    pub client_version: TransactionVersion,
}

/// Are these partitions part of the transaction that is under way?
#[derive(Clone, Debug)]
pub struct VerifyPartitions {
    /// The transactional id.
    pub transactional_id: String,
    /// Who sent what is to be verified.
    pub producer: RawProducer,
    /// The partitions.
    pub partitions: Vec<TopicPartition>,
}

/// A transaction ends.
#[derive(Clone, Debug)]
pub struct EndTxn {
    /// The transactional id.
    pub transactional_id: String,
    /// Who asks.
    pub producer: RawProducer,
    /// How it shall end.
    pub result: TransactionResult,
    /// [`TransactionVersion::V2`] from version 5 of `EndTxn` on, else [`TransactionVersion::V0`].
    pub client_version: TransactionVersion,
}

/// A producer id and epoch as a request carries them: any numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawProducer {
    /// The id.
    pub id: i64,
    /// The epoch.
    pub epoch: i16,
}

/// How a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TransactionResult {
    /// Its records become visible.
    Commit,
    /// They never do.
    Abort,
}
