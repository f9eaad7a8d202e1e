//! The questions, each with the answer that belongs to it. Every one returns when the event is in its shard's queue.

use coordinator::group::event::{
    ConsumerGroupHeartbeat, ConsumerGroupHeartbeatReply, DeleteGroup, DescribeConsumerGroup, DescribeGroup,
    DescribedConsumerGroup, DescribedGroup, GroupCounts, Heartbeat, JoinGroup, JoinGroupReply, LeaveGroup,
    LeaveGroupReply, ListGroups, ListedGroup, OffsetCommit, OffsetCommitReply, OffsetDelete, OffsetDeleteReply,
    OffsetFetch, OffsetFetchReply, SyncGroup, SyncGroupReply,
};
use coordinator::group::{GroupEvent, GroupReply};
use coordinator::shard::Producer;
use model::{ErrorCode, TopicPartition};
use storage::producers::Verified;

use super::super::Coordinators;
use super::super::handle::{Later, Vouched};

/// A commit of offsets in a transaction, and what vouches for it.
pub(crate) struct TransactionalCommit(Vouched);

impl TransactionalCommit {
    /// Whether the transaction coordinator has to be asked.
    pub(crate) fn must_be_asked(&self) -> bool {
        self.0.verified != Verified::ByOpenTransaction
    }
}

impl Coordinators {
    /// A member wants into a classic group.
    pub(crate) fn join_group(&self, request: JoinGroup) -> Later<JoinGroupReply> {
        self.groups.ask(GroupEvent::JoinGroup(request), |reply| {
            if let GroupReply::JoinGroup(reply) = reply { Some(reply) } else { None }
        })
    }

    /// A member wants its assignment.
    pub(crate) fn sync_group(&self, request: SyncGroup) -> Later<SyncGroupReply> {
        self.groups.ask(GroupEvent::SyncGroup(request), |reply| {
            if let GroupReply::SyncGroup(reply) = reply { Some(reply) } else { None }
        })
    }

    /// A member lives.
    pub(crate) fn heartbeat(&self, request: Heartbeat) -> Later<ErrorCode> {
        self.groups.ask(GroupEvent::Heartbeat(request), |reply| {
            if let GroupReply::Heartbeat(code) = reply { Some(code) } else { None }
        })
    }

    /// Members leave.
    pub(crate) fn leave_group(&self, request: LeaveGroup) -> Later<LeaveGroupReply> {
        self.groups.ask(GroupEvent::LeaveGroup(request), |reply| {
            if let GroupReply::LeaveGroup(reply) = reply { Some(reply) } else { None }
        })
    }

    /// A KIP-848 member lives.
    pub(crate) fn consumer_group_heartbeat(
        &self,
        request: ConsumerGroupHeartbeat,
    ) -> Later<ConsumerGroupHeartbeatReply> {
        self.groups.ask(GroupEvent::ConsumerGroupHeartbeat(request), |reply| {
            if let GroupReply::ConsumerGroupHeartbeat(reply) = reply { Some(reply) } else { None }
        })
    }

    /// A reader says how far it has read.
    pub(crate) fn offset_commit(&self, request: OffsetCommit) -> Later<OffsetCommitReply> {
        self.groups.ask(GroupEvent::OffsetCommit(request), |reply| {
            if let GroupReply::OffsetCommit(reply) = reply { Some(reply) } else { None }
        })
    }

    /// Begins to commit offsets in a transaction: says whether the transaction coordinator has to be asked whether the
    /// transaction includes this partition, which is the group's.
    ///
    /// # Errors
    /// The partition is not there, or its log cannot be opened.
    pub(crate) fn begin_commit(
        &self,
        partition: &TopicPartition,
        producer: Producer,
    ) -> Result<TransactionalCommit, ErrorCode> {
        let verified = self.groups.begin_verification(partition.partition.get(), producer)?;
        Ok(TransactionalCommit(Vouched { producer, verified }))
    }

    /// A reader says how far it has read, in a transaction. If it was to be asked about, the answer was yes.
    pub(crate) fn transactional_offset_commit(
        &self,
        request: OffsetCommit,
        TransactionalCommit(vouched): TransactionalCommit,
    ) -> Later<OffsetCommitReply> {
        self.groups.ask_in_transaction(GroupEvent::OffsetCommit(request), vouched, |reply| {
            if let GroupReply::OffsetCommit(reply) = reply { Some(reply) } else { None }
        })
    }

    /// How far has a group read?
    pub(crate) fn offset_fetch(&self, request: OffsetFetch) -> Later<OffsetFetchReply> {
        self.groups.ask(GroupEvent::OffsetFetch(request), |reply| {
            if let GroupReply::OffsetFetch(reply) = reply { Some(reply) } else { None }
        })
    }

    /// Offsets are to be forgotten.
    pub(crate) fn offset_delete(&self, request: OffsetDelete) -> Later<OffsetDeleteReply> {
        self.groups.ask(GroupEvent::OffsetDelete(request), |reply| {
            if let GroupReply::OffsetDelete(reply) = reply { Some(reply) } else { None }
        })
    }

    /// What is this classic group?
    pub(crate) fn describe_group(&self, request: DescribeGroup) -> Later<DescribedGroup> {
        self.groups.ask(GroupEvent::DescribeGroup(request), |reply| {
            if let GroupReply::DescribeGroup(reply) = reply { Some(reply) } else { None }
        })
    }

    /// What is this KIP-848 group?
    pub(crate) fn describe_consumer_group(&self, request: DescribeConsumerGroup) -> Later<DescribedConsumerGroup> {
        self.groups.ask(GroupEvent::DescribeConsumerGroup(request), |reply| {
            if let GroupReply::DescribeConsumerGroup(reply) = reply { Some(reply) } else { None }
        })
    }

    /// A group is to be forgotten.
    pub(crate) fn delete_group(&self, request: DeleteGroup) -> Later<ErrorCode> {
        self.groups.ask(GroupEvent::DeleteGroup(request), |reply| {
            if let GroupReply::DeleteGroup(code) = reply { Some(code) } else { None }
        })
    }

    /// Which groups are there? Of all shards, or the first error of one.
    pub(crate) fn list_groups(&self, request: &ListGroups) -> Later<Vec<ListedGroup>> {
        let parts = self.groups.ask_all(
            || GroupEvent::ListGroups(request.clone()),
            |reply| if let GroupReply::ListGroups(groups) = reply { Some(groups) } else { None },
        );
        Box::pin(async move {
            let mut groups = Vec::new();
            for part in parts {
                match part.await {
                    Ok(part) => groups.extend(part),
                    // Its partition went away meanwhile, and its groups with it.
                    Err(ErrorCode::NotCoordinator) => {}
                    Err(code) => return Err(code),
                }
            }
            Ok(groups)
        })
    }

    /// How many groups are there, by type and state? Of all shards, or the first error of one.
    pub(crate) fn count_groups(&self) -> Later<GroupCounts> {
        let parts = self.groups.ask_all(
            || GroupEvent::CountGroups,
            |reply| if let GroupReply::CountGroups(counts) = reply { Some(counts) } else { None },
        );
        Box::pin(async move {
            let mut counts = GroupCounts::new();
            for part in parts {
                for (of, count) in part.await? {
                    *counts.entry(of).or_default() += count;
                }
            }
            Ok(counts)
        })
    }
}
