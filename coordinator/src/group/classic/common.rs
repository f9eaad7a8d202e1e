//! What every kind of group answers: may this member commit, may the group be deleted, does it read this topic.

use model::{ErrorCode, Timestamp};

use super::super::event::OffsetCommit;
use super::super::{Context, GroupRecord};
use super::state::{ClassicGroup, State};
use crate::records::group_metadata::GroupMetadataKey;

impl ClassicGroup {
    /// Whether the member is who it says, by its id and its instance id.
    pub(super) fn validate_member(&self, member_id: &str, instance_id: Option<&str>) -> Result<(), ErrorCode> {
        if let Some(instance_id) = instance_id {
            match self.members.static_id(instance_id) {
                None => return Err(ErrorCode::UnknownMemberId),
                Some(current) if current != member_id => return Err(ErrorCode::FencedInstanceId),
                Some(_) => {}
            }
        }
        if self.members.contains(member_id) { Ok(()) } else { Err(ErrorCode::UnknownMemberId) }
    }

    /// Whether this member, or somebody who is in no group, may commit. A member's commit is a sign of life, but for the time
    /// in which its generation has no assignments. In a transaction the first clients did not say who they are, and whoever
    /// does may also commit in that time.
    pub(crate) fn validate_offset_commit(
        &mut self,
        context: &Context<'_>,
        request: &OffsetCommit,
    ) -> Result<(), ErrorCode> {
        let generation = request.generation_id_or_member_epoch;
        if generation < 0 && self.state == State::Empty {
            return Ok(());
        }
        let instance_id = request.group_instance_id.as_deref();
        if generation < 0 && request.member_id.is_empty() && instance_id.is_none() {
            return if request.transaction.is_some() { Ok(()) } else { Err(ErrorCode::UnknownMemberId) };
        }
        self.validate_member(&request.member_id, instance_id)?;
        if generation != self.generation {
            return Err(ErrorCode::IllegalGeneration);
        }
        if request.transaction.is_some() {
            return Ok(());
        }
        if self.state == State::CompletingRebalance {
            return Err(ErrorCode::RebalanceInProgress);
        }
        self.prolong(&request.member_id, context.now);
        Ok(())
    }

    /// Anybody may fetch a classic group's offsets.
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "every kind of group is asked this")]
    pub(crate) const fn validate_offset_fetch(&self, _: Option<&str>, _: i32) -> Result<(), ErrorCode> {
        Ok(())
    }

    /// Only a group that nobody is in may be deleted.
    pub(crate) const fn validate_delete(&self) -> Result<(), ErrorCode> {
        if self.is_empty() { Ok(()) } else { Err(ErrorCode::NonEmptyGroup) }
    }

    /// Whether members read this topic. Of consumers whose subscriptions are not known yet, or cannot be read, it is assumed.
    pub(crate) fn is_subscribed_to(&self, topic: &str) -> bool {
        match &self.topics {
            Some(topics) => topics.contains(topic),
            None => self.is_of_consumers(),
        }
    }

    /// From when on the retention of an offset counts that was committed then (KIP-211): for a group that nobody is in, from
    /// the moment it became so; for consumers that are at work, and for a group that never had a member, from the commit.
    pub(crate) fn offset_expiry_base(&self, committed: Timestamp) -> Option<Timestamp> {
        if self.protocol_type.is_none() {
            return Some(committed);
        }
        match self.state {
            State::Empty => Some(self.since.unwrap_or(committed)),
            State::Stable if self.is_of_consumers() && self.topics.is_some() => Some(committed),
            State::Stable | State::PreparingRebalance | State::CompletingRebalance => None,
        }
    }

    /// The records that delete the group.
    #[expect(clippy::unused_self, reason = "every kind of group is asked this")]
    pub(crate) fn tombstones(&self, group_id: &str) -> Vec<GroupRecord> {
        vec![GroupRecord::GroupMetadata(GroupMetadataKey { group: group_id.to_owned() }, None)]
    }
}
