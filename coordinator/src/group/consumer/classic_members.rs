//! Classic members of a KIP-848 group: their requests, while the group goes from one protocol to the other.

use crate::group::event::{Heartbeat, JoinGroup, LeaveGroup, SyncGroup};
use crate::group::{Context, GroupOutcome, GroupShard};
use crate::shard::ReplyTo;

impl GroupShard {
    pub(in crate::group) fn consumer_classic_join(
        &mut self,
        _: &Context<'_>,
        _: JoinGroup,
        _: ReplyTo,
        _: &mut GroupOutcome,
    ) {
        unimplemented!()
    }
    pub(in crate::group) fn consumer_classic_sync(
        &mut self,
        _: &Context<'_>,
        _: SyncGroup,
        _: ReplyTo,
        _: &mut GroupOutcome,
    ) {
        unimplemented!()
    }
    pub(in crate::group) fn consumer_classic_heartbeat(
        &mut self,
        _: &Context<'_>,
        _: &Heartbeat,
        _: ReplyTo,
        _: &mut GroupOutcome,
    ) {
        unimplemented!()
    }
    pub(in crate::group) fn consumer_classic_leave(
        &mut self,
        _: &Context<'_>,
        _: &LeaveGroup,
        _: ReplyTo,
        _: &mut GroupOutcome,
    ) {
        unimplemented!()
    }
}
