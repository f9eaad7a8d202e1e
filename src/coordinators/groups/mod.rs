//! Groups: the shards over `__consumer_offsets`.

mod questions;
mod settings;
mod topics;

use std::convert::Infallible;

use coordinator::group::{Context, GroupEvent, GroupReply, GroupSettings, GroupShard};
use coordinator::shard::{Producer, ReplayError, ReplyTo};
use coordinator::transaction::event::TransactionResult;
use model::config::BrokerConfig;
use model::{ErrorCode, Tick};
use storage::producers::{Marker, MarkerKind};

use self::topics::ImageTopics;
use super::shard::{Decision, Limits, Performing, Shard, World};
use crate::metadata::{Image, OFFSETS_TOPIC};
use crate::partitions::Partition;

impl Shard for GroupShard {
    const TOPIC: &'static str = OFFSETS_TOPIC;
    const WHAT: &'static str = "groups";
    const ITEM: &'static str = "group";
    type Event = GroupEvent;
    type Reply = GroupReply;
    type Settings = GroupSettings;
    type Effect = Infallible;
    type Hands = ();
    type Report = Infallible;

    fn new(_: &Partition) -> Self {
        Self::new()
    }

    fn limits(config: &BrokerConfig) -> Limits {
        settings::limits(config)
    }

    fn settings(image: &Image) -> GroupSettings {
        settings::group_settings(image)
    }

    fn goes_by_the_same(before: &Image, after: &Image) -> bool {
        settings::are_same(before, after)
    }

    fn key(event: &GroupEvent) -> Option<&str> {
        event.group_id()
    }

    /// Ask again. A heartbeat is taken, as Kafka takes it: the member lives, and what it lives in is not known yet.
    fn while_loading(event: &GroupEvent) -> Result<GroupReply, ErrorCode> {
        match event {
            GroupEvent::Heartbeat(_) => Ok(GroupReply::Heartbeat(ErrorCode::None)),
            GroupEvent::JoinGroup(_)
            | GroupEvent::SyncGroup(_)
            | GroupEvent::LeaveGroup(_)
            | GroupEvent::ConsumerGroupHeartbeat(_)
            | GroupEvent::OffsetCommit(_)
            | GroupEvent::OffsetFetch(_)
            | GroupEvent::OffsetDelete(_)
            | GroupEvent::DescribeGroup(_)
            | GroupEvent::DescribeConsumerGroup(_)
            | GroupEvent::ListGroups(_)
            | GroupEvent::CountGroups
            | GroupEvent::DeleteGroup(_)
            | GroupEvent::TopicsChanged(_) => Err(ErrorCode::CoordinatorLoadInProgress),
        }
    }

    fn replay(&mut self, key: &[u8], value: Option<&[u8]>, producer: Option<Producer>) -> Result<(), ReplayError> {
        match producer {
            Some(producer) => self.replay_in_transaction(key, value, producer.id),
            None => self.replay(key, value),
        }
    }

    fn replay_marker(&mut self, marker: &Marker) {
        let result = match marker.kind {
            MarkerKind::Commit => TransactionResult::Commit,
            MarkerKind::Abort => TransactionResult::Abort,
        };
        self.end_transaction(marker.producer_id, result);
    }

    fn distrust(&mut self, key: &[u8], problem: &str) -> Option<String> {
        self.distrust(key, problem)
    }

    fn is_damaged(&self, event: &GroupEvent) -> bool {
        event.group_id().is_some_and(|group_id| self.damage_of(group_id).is_some())
    }

    fn loaded(&mut self, world: &World<'_, Self>) -> Decision<Self> {
        let topics = ImageTopics(world.image);
        self.loaded(&context(world, &topics))
    }

    fn on_event(&mut self, world: &World<'_, Self>, event: GroupEvent, reply_to: ReplyTo) -> Decision<Self> {
        let topics = ImageTopics(world.image);
        self.on_event(&context(world, &topics), event, reply_to)
    }

    fn on_changes(&mut self, world: &World<'_, Self>, before: &Image) -> Option<Decision<Self>> {
        let event = GroupEvent::TopicsChanged(topics::changes(before, world.image)?);
        let topics = ImageTopics(world.image);
        // Nobody waits for an answer, and there is none.
        Some(self.on_event(&context(world, &topics), event, ReplyTo(0)))
    }

    fn on_time(&mut self, world: &World<'_, Self>) -> Decision<Self> {
        let topics = ImageTopics(world.image);
        self.on_time(&context(world, &topics))
    }

    fn next_deadline(&self) -> Option<Tick> {
        self.next_deadline()
    }

    fn perform((): &(), effect: Infallible) -> Performing<Infallible> {
        match effect {}
    }

    fn on_report(&mut self, _: &World<'_, Self>, report: Infallible) -> Decision<Self> {
        match report {}
    }
}

fn context<'a>(world: &World<'a, GroupShard>, topics: &'a ImageTopics<'a>) -> Context<'a> {
    Context { now: world.now, settings: world.settings, topics }
}
