//! What is asked about transactions, and what is told.

use std::collections::BTreeSet;

use model::{ProducerId, Timestamp};

use super::super::partitions::Partitions;
use super::super::pattern::TransactionalIdPattern;
use super::super::state::TransactionState;
use super::ProducerIdAndEpoch;

/// What is this transaction?
#[derive(Clone, Debug)]
pub struct DescribeTransaction {
    /// The transactional id.
    pub transactional_id: String,
}

/// A transaction, or what is left of the last one of its transactional id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedTransaction {
    /// Who writes.
    pub producer: ProducerIdAndEpoch,
    /// Its state.
    pub state: TransactionState,
    /// Ms that it may take.
    pub timeout_ms: i32,
    /// When it began; [`Timestamp::NONE`] if none has begun yet.
    pub start: Timestamp,
    /// Its partitions; once it is to end, those whose marker is not written yet.
    pub partitions: Partitions,
}

/// Which transactions are there?
#[derive(Clone, Debug, Default)]
pub struct ListTransactions {
    /// Only those in one of these states; empty is none of them, absent is all of them.
    pub states: Option<BTreeSet<TransactionState>>,
    /// Only those of these producers, if there are any here.
    pub producer_ids: BTreeSet<i64>,
    /// Only those that have been running for longer, in ms; negative is no filter.
    pub duration_ms: i64,
    /// Only those whose transactional id matches.
    pub pattern: Option<TransactionalIdPattern>,
}

/// A transactional id and its transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedTransaction {
    /// The transactional id.
    pub transactional_id: String,
    /// Who writes.
    pub producer_id: ProducerId,
    /// The state of its transaction.
    pub state: TransactionState,
}
