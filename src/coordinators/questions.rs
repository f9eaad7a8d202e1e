//! The questions, each with the answer that belongs to it. Every one returns when the event is in its shard's queue.

use coordinator::group::event::{
    ConsumerGroupHeartbeat, ConsumerGroupHeartbeatReply, DeleteGroup, DescribeConsumerGroup, DescribeGroup,
    DescribedConsumerGroup, DescribedGroup, Heartbeat, JoinGroup, JoinGroupReply, LeaveGroup, LeaveGroupReply,
    ListGroups, ListedGroup, OffsetCommit, OffsetCommitReply, OffsetDelete, OffsetDeleteReply, OffsetFetch,
    OffsetFetchReply, SyncGroup, SyncGroupReply,
};
use coordinator::group::{GroupEvent, GroupReply};
use model::ErrorCode;

use super::handle::{Coordinators, Later};

impl Coordinators {
    /// A member wants into a classic group.
    pub(crate) fn join_group(&self, request: JoinGroup) -> Later<JoinGroupReply> {
        self.ask(GroupEvent::JoinGroup(request), |reply| {
            if let GroupReply::JoinGroup(reply) = reply { Some(reply) } else { None }
        })
    }

    /// A member wants its assignment.
    pub(crate) fn sync_group(&self, request: SyncGroup) -> Later<SyncGroupReply> {
        self.ask(GroupEvent::SyncGroup(request), |reply| {
            if let GroupReply::SyncGroup(reply) = reply { Some(reply) } else { None }
        })
    }

    /// A member lives.
    pub(crate) fn heartbeat(&self, request: Heartbeat) -> Later<ErrorCode> {
        self.ask(GroupEvent::Heartbeat(request), |reply| {
            if let GroupReply::Heartbeat(code) = reply { Some(code) } else { None }
        })
    }

    /// Members leave.
    pub(crate) fn leave_group(&self, request: LeaveGroup) -> Later<LeaveGroupReply> {
        self.ask(GroupEvent::LeaveGroup(request), |reply| {
            if let GroupReply::LeaveGroup(reply) = reply { Some(reply) } else { None }
        })
    }

    /// A KIP-848 member lives.
    pub(crate) fn consumer_group_heartbeat(
        &self,
        request: ConsumerGroupHeartbeat,
    ) -> Later<ConsumerGroupHeartbeatReply> {
        self.ask(GroupEvent::ConsumerGroupHeartbeat(request), |reply| {
            if let GroupReply::ConsumerGroupHeartbeat(reply) = reply { Some(reply) } else { None }
        })
    }

    /// A reader says how far it has read.
    pub(crate) fn offset_commit(&self, request: OffsetCommit) -> Later<OffsetCommitReply> {
        self.ask(GroupEvent::OffsetCommit(request), |reply| {
            if let GroupReply::OffsetCommit(reply) = reply { Some(reply) } else { None }
        })
    }

    /// How far has a group read?
    pub(crate) fn offset_fetch(&self, request: OffsetFetch) -> Later<OffsetFetchReply> {
        self.ask(GroupEvent::OffsetFetch(request), |reply| {
            if let GroupReply::OffsetFetch(reply) = reply { Some(reply) } else { None }
        })
    }

    /// Offsets are to be forgotten.
    pub(crate) fn offset_delete(&self, request: OffsetDelete) -> Later<OffsetDeleteReply> {
        self.ask(GroupEvent::OffsetDelete(request), |reply| {
            if let GroupReply::OffsetDelete(reply) = reply { Some(reply) } else { None }
        })
    }

    /// What is this classic group?
    pub(crate) fn describe_group(&self, request: DescribeGroup) -> Later<DescribedGroup> {
        self.ask(GroupEvent::DescribeGroup(request), |reply| {
            if let GroupReply::DescribeGroup(reply) = reply { Some(reply) } else { None }
        })
    }

    /// What is this KIP-848 group?
    pub(crate) fn describe_consumer_group(&self, request: DescribeConsumerGroup) -> Later<DescribedConsumerGroup> {
        self.ask(GroupEvent::DescribeConsumerGroup(request), |reply| {
            if let GroupReply::DescribeConsumerGroup(reply) = reply { Some(reply) } else { None }
        })
    }

    /// A group is to be forgotten.
    pub(crate) fn delete_group(&self, request: DeleteGroup) -> Later<ErrorCode> {
        self.ask(GroupEvent::DeleteGroup(request), |reply| {
            if let GroupReply::DeleteGroup(code) = reply { Some(code) } else { None }
        })
    }

    /// Which groups are there? Of all shards, or the first error of one.
    pub(crate) fn list_groups(&self, request: &ListGroups) -> Later<Vec<ListedGroup>> {
        let parts = self.ask_all(
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
}
