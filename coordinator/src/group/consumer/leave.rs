//! Members that leave, or that are made to.

use super::group::ConsumerGroup;
use super::member::{AWAY, Current};
use super::refusal::Refusal;
use super::{records, target};
use crate::group::event::{ConsumerGroupHeartbeat, ConsumerGroupHeartbeatReply};
use crate::group::{Context, Group, GroupOutcome, GroupShard};
use model::ErrorCode;

impl GroupShard {
    /// The KIP-848 group of this name.
    pub(super) fn consumer(&self, group_id: &str) -> Option<&ConsumerGroup> {
        match self.groups.get(group_id) {
            Some(Group::Consumer(group)) => Some(group),
            Some(Group::Classic(_)) | None => None,
        }
    }

    /// The KIP-848 group of this name, for what is not in the log.
    pub(super) fn consumer_mut(&mut self, group_id: &str) -> Option<&mut ConsumerGroup> {
        match self.groups.get_mut(group_id) {
            Some(Group::Consumer(group)) => Some(group),
            Some(Group::Classic(_)) | None => None,
        }
    }

    /// The KIP-848 group of this name, or why there is none.
    pub(super) fn known_consumer(&self, group_id: &str) -> Result<&ConsumerGroup, Refusal> {
        match self.groups.get(group_id) {
            Some(Group::Consumer(group)) => Ok(group),
            Some(Group::Classic(_)) => Err(Refusal::other_kind(group_id)),
            None => Err(Refusal::no_group(group_id)),
        }
    }

    /// A member says that it leaves, for good or for a while.
    pub(super) fn consumer_leave(
        &mut self,
        context: &Context<'_>,
        request: ConsumerGroupHeartbeat,
        out: &mut GroupOutcome,
    ) -> Result<ConsumerGroupHeartbeatReply, Refusal> {
        let group = self.known_consumer(&request.group_id)?;
        let member_id = group.named_member(&request.member_id, request.instance_id.as_deref())?;
        let member = group.member(member_id).ok_or_else(|| Refusal::no_member(member_id))?;
        if request.member_epoch == AWAY {
            let mut away = Current { epoch: AWAY, ..member.current.clone() };
            away.revoking.clear();
            for epoch in away.assigned.values_mut().flat_map(|partitions| partitions.values_mut()) {
                *epoch = 0;
            }
            let record = records::current(&request.group_id, member_id, Some(&away));
            self.accept(&record, out)?;
        } else {
            let leaving = [member_id.to_owned()];
            self.fence_members(context, &request.group_id, &leaving, out)?;
        }
        Ok(ConsumerGroupHeartbeatReply {
            error: ErrorCode::None,
            member_id: Some(request.member_id),
            member_epoch: request.member_epoch,
            ..ConsumerGroupHeartbeatReply::default()
        })
    }

    /// Takes members out of their group; what they owned is free. If only members are left that speak the classic
    /// protocol, the group becomes a classic one.
    pub(super) fn fence_members(
        &mut self,
        context: &Context<'_>,
        group_id: &str,
        member_ids: &[String],
        out: &mut GroupOutcome,
    ) -> Result<(), ErrorCode> {
        let Some(group) = self.consumer(group_id).filter(|_| !member_ids.is_empty()) else { return Ok(()) };
        let plan = group.downgrade_without(context, member_ids);
        for member_id in member_ids {
            self.cancel_member_timers(group_id, member_id);
        }
        if let Some(plan) = plan {
            return self.downgrade(context, group_id, &plan, out);
        }
        for member_id in member_ids {
            self.remove_consumer_member(group_id, member_id, out)?;
        }
        self.forget_unused_patterns(group_id, out)?;
        let Some(group) = self.consumer(group_id) else { return Ok(()) };
        let epoch = group.epoch.saturating_add(1);
        let hash = target::metadata_hash(context.topics, group.topics());
        let is_empty = group.is_empty();
        self.accept(&records::epoch(group_id, Some((epoch, hash))), out)?;
        if is_empty {
            // Nobody waits: whoever comes next is assigned at once.
            self.accept(&records::target_epoch(group_id, Some((epoch, 0))), out)?;
        }
        Ok(())
    }

    /// The tombstones of one member, in the order in which a replay can follow.
    pub(super) fn remove_consumer_member(
        &mut self,
        group_id: &str,
        member_id: &str,
        out: &mut GroupOutcome,
    ) -> Result<(), ErrorCode> {
        self.accept(&records::current(group_id, member_id, None), out)?;
        self.accept(&records::target(group_id, member_id, None), out)?;
        self.accept(&records::about(group_id, member_id, None), out)
    }
}

impl ConsumerGroup {
    /// The id of the member that a request names, by its id or by its instance id.
    pub(super) fn named_member<'a>(
        &'a self,
        member_id: &'a str,
        instance_id: Option<&str>,
    ) -> Result<&'a str, Refusal> {
        let Some(instance_id) = instance_id else {
            self.member(member_id).ok_or_else(|| Refusal::no_member(member_id))?;
            return Ok(member_id);
        };
        let owner = self.member_of_instance(instance_id).ok_or_else(|| Refusal::no_instance(instance_id))?;
        if owner == member_id { Ok(owner) } else { Err(Refusal::fenced_instance(instance_id, owner)) }
    }
}
