//! Shards of groups: the steps of `src/coordinators/groups`.

use std::convert::Infallible;
use std::rc::Rc;

use coordinator::group::event::{DescribeConsumerGroup, OffsetFetch};
use coordinator::group::{Context, GroupEvent, GroupReply, GroupSettings, GroupShard, Topics};
use coordinator::shard::{Producer, ReplayError, ReplyTo};
use coordinator::transaction::event::TransactionResult;
use model::{Tick, TopicId};
use storage::producers::{Marker, MarkerKind};

use super::Broker;
use super::shard::{Decision, Machine};
use crate::bugs::Bug;
use crate::plan::{MEMBERS, Plan, group_of};
use crate::world::Sim;

impl Machine for GroupShard {
    type Event = GroupEvent;
    type Reply = GroupReply;
    type Effect = Infallible;
    type Report = Infallible;

    fn new(_life: u64) -> Self {
        Self::new()
    }

    fn replay(&mut self, key: &[u8], value: Option<&[u8]>, producer: Option<Producer>) -> Result<(), ReplayError> {
        match producer {
            Some(producer) => self.replay_in_transaction(key, value, producer.id),
            None => self.replay(key, value),
        }
    }

    fn replay_marker(&mut self, sim: &Sim, marker: &Marker) {
        let result = match marker.kind {
            MarkerKind::Abort if !sim.has(Bug::AbortedOffsetsCount) => TransactionResult::Abort,
            MarkerKind::Commit if sim.has(Bug::CommittedOffsetsAreDropped) => TransactionResult::Abort,
            MarkerKind::Abort | MarkerKind::Commit => TransactionResult::Commit,
        };
        self.end_transaction(marker.producer_id, result);
    }

    fn loaded(&mut self, sim: &Sim) -> Decision<Self> {
        with_context(sim, |context| self.loaded(context))
    }

    fn on_event(&mut self, sim: &Sim, event: GroupEvent, reply_to: ReplyTo) -> Decision<Self> {
        with_context(sim, |context| self.on_event(context, event, reply_to))
    }

    fn on_time(&mut self, sim: &Sim) -> Decision<Self> {
        with_context(sim, |context| self.on_time(context))
    }

    fn next_deadline(&self) -> Option<Tick> {
        self.next_deadline()
    }

    async fn perform(_broker: Rc<Broker>, effect: Infallible) -> Infallible {
        effect
    }

    fn on_report(&mut self, _sim: &Sim, report: Infallible) -> Decision<Self> {
        match report {}
    }
}

/// What can be asked about groups, so that the answers tell all that the simulation's clients made of them.
pub(super) fn questions(plan: &Plan) -> Vec<GroupEvent> {
    let members = DescribeConsumerGroup { group_id: MEMBERS.to_owned() };
    let offsets = (1..=plan.clients()).map(|number| {
        GroupEvent::OffsetFetch(OffsetFetch {
            group_id: group_of(number),
            member_epoch: -1,
            topics: None,
            require_stable: true,
            ..OffsetFetch::default()
        })
    });
    offsets.chain([GroupEvent::DescribeConsumerGroup(members)]).collect()
}

fn with_context<T>(sim: &Sim, act: impl FnOnce(&Context<'_>) -> T) -> T {
    let (settings, topics) = (GroupSettings::default(), PlannedTopics(&sim.plan));
    act(&Context { now: sim.now(), settings: &settings, topics: &topics })
}

/// The topics of the plan, as shards ask for them.
struct PlannedTopics<'a>(&'a Plan);

impl Topics for PlannedTopics<'_> {
    fn by_name(&self, name: &str) -> Option<(TopicId, i32)> {
        let topic = self.0.topics.iter().find(|topic| topic.name.as_str() == name)?;
        Some((topic.id, topic.partitions))
    }

    fn by_id(&self, id: TopicId) -> Option<(&str, i32)> {
        let topic = self.0.topics.iter().find(|topic| topic.id == id)?;
        Some((topic.name.as_str(), topic.partitions))
    }

    fn each_name(&self, each: &mut dyn FnMut(&str)) {
        for topic in &self.0.topics {
            each(topic.name.as_str());
        }
    }

    fn version(&self) -> u64 {
        1
    }
}
