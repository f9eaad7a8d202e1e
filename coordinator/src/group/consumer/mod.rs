//! KIP-848 groups: the coordinator assigns, members reconcile.

mod classic_members;
mod group;
mod index;
mod member;
mod reconcile;
mod records;
mod replay;

pub(crate) use self::group::ConsumerGroup;
pub(crate) use self::index::Readers;
use super::event::{ConsumerGroupHeartbeat, DescribeConsumerGroup, TopicsChanged};
use super::{Context, GroupOutcome, GroupShard, TimerKey};
use crate::shard::ReplyTo;

impl GroupShard {
    pub(super) fn load_consumer(&mut self, _: &Context<'_>, _: &mut GroupOutcome) {
        unimplemented!()
    }
    pub(super) fn consumer_group_heartbeat(
        &mut self,
        _: &Context<'_>,
        _: ConsumerGroupHeartbeat,
        _: ReplyTo,
        _: &mut GroupOutcome,
    ) {
        unimplemented!()
    }
    pub(super) fn describe_consumer_group(
        &mut self,
        _: &Context<'_>,
        _: &DescribeConsumerGroup,
        _: ReplyTo,
        _: &mut GroupOutcome,
    ) {
        unimplemented!()
    }
    pub(super) fn topics_changed(&mut self, _: &Context<'_>, _: &TopicsChanged, _: &mut GroupOutcome) {
        unimplemented!()
    }
    pub(super) fn on_consumer_time(&mut self, _: &Context<'_>, _: TimerKey, _: &mut GroupOutcome) {
        unimplemented!()
    }
}
