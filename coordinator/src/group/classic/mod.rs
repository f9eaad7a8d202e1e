//! Classic groups: members join, their leader assigns (KIP-62, KIP-345, KIP-394).

use super::event::{Heartbeat, JoinGroup, LeaveGroup, SyncGroup};
use super::{Context, GroupOutcome, GroupShard, TimerKey};
use crate::records::group_metadata::{GroupMetadataKey, GroupMetadataValue};
use crate::shard::{ReplayError, ReplyTo};

/// A classic group.
#[derive(Debug)]
pub(crate) struct ClassicGroup {}

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
