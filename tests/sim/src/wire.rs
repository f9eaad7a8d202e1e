//! Requests and answers, as far as the simulation's clients use them.

use coordinator::group::event::OffsetCommit;
use coordinator::group::{GroupEvent, GroupReply};
use coordinator::transaction::event::RawProducer;
use coordinator::transaction::{TransactionEvent, TransactionReply, TransactionVersion};
use model::{ErrorCode, IsolationLevel, ProducerEpoch, ProducerId, TopicPartition};

use crate::history::Watermarks;

/// What a client asks.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    Produce(Produce),
    Fetch(Fetch),
    /// `InitProducerId` without a transactional id.
    NewProducerId,
    Group(Box<GroupEvent>),
    AddOffsets(Box<AddOffsets>),
    TxnOffsetCommit(Box<TxnOffsetCommit>),
    Transaction(Box<TransactionEvent>),
}

/// One batch for one partition, with acks=all.
#[derive(Clone, Debug)]
pub(crate) struct Produce {
    pub(crate) partition: TopicPartition,
    pub(crate) records: Vec<u8>,
    /// Of a transactional producer.
    pub(crate) transactional_id: Option<String>,
    /// Whether the partition is added to the transaction by this request (version 2), or was before.
    pub(crate) client_version: TransactionVersion,
}

/// A group's offsets become part of a transaction, by version 1 (`AddOffsetsToTxn`). Answered as if its partition was added.
#[derive(Clone, Debug)]
pub(crate) struct AddOffsets {
    pub(crate) transactional_id: String,
    pub(crate) producer: RawProducer,
    pub(crate) group_id: String,
}

/// Offsets that count when the transaction does. Answered as any commit.
#[derive(Clone, Debug)]
pub(crate) struct TxnOffsetCommit {
    pub(crate) transactional_id: String,
    pub(crate) producer: RawProducer,
    pub(crate) commit: OffsetCommit,
    /// Whether the group is added to the transaction by this request (version 2), or was before.
    pub(crate) client_version: TransactionVersion,
}

#[derive(Clone, Debug)]
pub(crate) struct Fetch {
    pub(crate) partition: TopicPartition,
    pub(crate) from: i64,
    pub(crate) isolation: IsolationLevel,
    pub(crate) max_bytes: u32,
}

/// What the broker answers.
#[derive(Clone, Debug)]
pub(crate) enum Response {
    /// The offset of the first record.
    Produce(Result<i64, ErrorCode>),
    Fetch(Result<Fetched, Refused>),
    ProducerId(Result<(ProducerId, ProducerEpoch), ErrorCode>),
    Group(Result<GroupReply, ErrorCode>),
    Transaction(Result<TransactionReply, ErrorCode>),
}

#[derive(Clone, Debug)]
pub(crate) struct Fetched {
    pub(crate) bytes: Vec<u8>,
    /// The aborted transactions in it: first offset, producer.
    pub(crate) aborted: Vec<(i64, i64)>,
    pub(crate) watermarks: Watermarks,
}

/// Why nothing was read, and where the log begins now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused {
    pub(crate) code: ErrorCode,
    pub(crate) start: i64,
}
