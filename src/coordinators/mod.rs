//! The coordinators at run time: a few threads for each kind, each with the shards of some partitions of the kind's internal
//! topic.
//!
//! Owns: which thread has which shard, loading a shard from its partition, appending what it decides, and holding its answers
//! until all that they rest on is durable. Does not know: what a group is (that is the crate `coordinator`), requests and
//! their versions, sockets. What the runtime asks of a kind is [`shard::Shard`]; `groups` is one.
//!
//! Decide, append, replay, release: the events that a thread takes together are decided one after the other; the records of
//! each shard go into one append; the answers, also of events that only read, leave when the partition's high watermark has
//! passed all that was appended before them. What cannot be appended did not happen: the shard is dropped and loaded again.

mod groups;
mod handle;
mod internal_topic;
mod loading;
mod shard;
mod shard_runtime;
mod thread;
mod transactions;

use std::io;
use std::sync::Arc;

use coordinator::group::GroupShard;
use coordinator::transaction::TransactionShard;
use model::ErrorCode;
use storage::producers::{EpochRule, Marker};
use tokio::sync::watch;

pub(crate) use self::handle::Later;
pub(crate) use self::thread::CoordinatorThreads;
pub(crate) use self::transactions::Patience;

use self::handle::Handle;
use self::transactions::Hands;
use crate::clock::Clock;
use crate::metadata::Metadata;

/// The coordinators, as handlers see them.
#[derive(Debug)]
pub(crate) struct Coordinators {
    groups: Arc<Handle<GroupShard>>,
    transactions: Handle<TransactionShard>,
}

impl Coordinators {
    /// Starts the threads. They end when `stopping` says so, which answers whoever waits, or when the last handle is dropped.
    ///
    /// # Errors
    /// The system's, when a thread or its runtime cannot be made.
    pub(crate) fn start(
        metadata: &Metadata,
        clock: Clock,
        stopping: &watch::Receiver<bool>,
    ) -> io::Result<(Self, CoordinatorThreads)> {
        let mut running = CoordinatorThreads::default();
        let images = metadata.images();
        let groups = Arc::new(Handle::start(images, clock, &(), (&mut running, stopping))?);
        let producer_ids = Arc::clone(metadata.producer_ids());
        let hands = Hands { images: images.clone(), clock, producer_ids, groups: Arc::clone(&groups) };
        let transactions = Handle::start(images, clock, &hands, (&mut running, stopping))?;
        Ok((Self { groups, transactions }, running))
    }

    /// Whether this broker coordinates the group: its partition is there and its log is well.
    ///
    /// # Errors
    /// `NOT_COORDINATOR` if there is no topic yet, `COORDINATOR_NOT_AVAILABLE` if the partition is not served.
    pub(crate) fn check_group(&self, group_id: &str) -> Result<(), ErrorCode> {
        self.groups.check(group_id)
    }

    /// Whether this broker coordinates the transactional id's transactions.
    ///
    /// # Errors
    /// As [`Self::check_group`].
    pub(crate) fn check_transactional_id(&self, transactional_id: &str) -> Result<(), ErrorCode> {
        self.transactions.check(transactional_id)
    }

    /// Ends a producer's transaction in a partition of `__consumer_offsets`: its shard appends the marker and follows it.
    pub(crate) fn end_transaction_of_groups(&self, partition: i32, marker: Marker, rule: EpochRule) -> Later<()> {
        self.groups.end_transaction(partition, marker, rule)
    }

    /// The partition of `__consumer_offsets` that a group's offsets are in.
    ///
    /// # Errors
    /// `NOT_COORDINATOR` if there is no topic yet.
    pub(crate) fn partition_of_group(&self, group_id: &str) -> Result<i32, ErrorCode> {
        self.groups.partition_of(group_id)
    }
}
