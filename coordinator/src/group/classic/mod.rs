//! Classic groups: members join, their leader assigns (KIP-62, KIP-345, KIP-394).

use model::{ErrorCode, Timestamp};

use super::event::{DescribedGroup, Heartbeat, JoinGroup, LeaveGroup, OffsetCommit, SyncGroup};
use super::{Context, GroupOutcome, GroupRecord, GroupShard, TimerKey};
use crate::records::group_metadata::{GroupMetadataKey, GroupMetadataValue};
use crate::shard::{ReplayError, ReplyTo};

/// A classic group.
#[derive(Debug)]
pub(crate) struct ClassicGroup {}

/// What offsets and the directory ask of a group: see `kind.rs`, which says what each is.
impl ClassicGroup {
    pub(super) fn state_name(&self) -> &'static str {
        unimplemented!()
    }
    pub(super) fn protocol_type(&self) -> &str {
        unimplemented!()
    }
    pub(super) fn is_empty(&self) -> bool {
        unimplemented!()
    }
    pub(super) fn validate_offset_commit(&mut self, _: &Context<'_>, _: &OffsetCommit) -> Result<(), ErrorCode> {
        unimplemented!()
    }
    pub(super) fn validate_offset_fetch(&self, _: Option<&str>, _: i32) -> Result<(), ErrorCode> {
        unimplemented!()
    }
    pub(super) fn validate_delete(&self) -> Result<(), ErrorCode> {
        unimplemented!()
    }
    pub(super) fn is_subscribed_to(&self, _: &str) -> bool {
        unimplemented!()
    }
    pub(super) fn offset_expiry_base(&self, _: Timestamp) -> Option<Timestamp> {
        unimplemented!()
    }
    pub(super) fn tombstones(&self, _: &str) -> Vec<GroupRecord> {
        unimplemented!()
    }
    pub(super) fn describe(&self) -> DescribedGroup {
        unimplemented!()
    }
}

impl GroupShard {
    pub(super) fn load_classic(&mut self, _: &Context<'_>, _: &mut GroupOutcome) {
        unimplemented!()
    }
    pub(super) fn join_group(&mut self, _: &Context<'_>, _: JoinGroup, _: ReplyTo, _: &mut GroupOutcome) {
        unimplemented!()
    }
    pub(super) fn sync_group(&mut self, _: &Context<'_>, _: SyncGroup, _: ReplyTo, _: &mut GroupOutcome) {
        unimplemented!()
    }
    pub(super) fn heartbeat(&mut self, _: &Context<'_>, _: &Heartbeat, _: ReplyTo, _: &mut GroupOutcome) {
        unimplemented!()
    }
    pub(super) fn leave_group(&mut self, _: &Context<'_>, _: &LeaveGroup, _: ReplyTo, _: &mut GroupOutcome) {
        unimplemented!()
    }
    pub(super) fn on_classic_time(&mut self, _: &Context<'_>, _: TimerKey, _: &mut GroupOutcome) {
        unimplemented!()
    }
    pub(super) fn apply_classic(
        &mut self,
        _: &GroupMetadataKey,
        _: Option<&GroupMetadataValue>,
    ) -> Result<(), ReplayError> {
        unimplemented!()
    }
}
