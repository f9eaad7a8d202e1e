//! A classic group with members becomes a KIP-848 group.

use std::collections::BTreeSet;

use model::ErrorCode;

use super::protocol::{Assigned, Malformed, Subscription, by_id};
use crate::group::assignor::Assignment;
use crate::group::classic::ClassicGroup;
use crate::group::consumer::ConsumerGroup;
use crate::group::consumer::member::{About, Classic, Current, Owned, in_order};
use crate::group::consumer::refusal::Refusal;
use crate::group::consumer::{records, target};
use crate::group::{Context, GroupOutcome, GroupShard, MigrationPolicy};

/// The group that a classic one becomes. Everything that can be wrong with it has been found by the time there is one.
#[derive(Debug)]
pub(in crate::group::consumer) struct Upgrade {
    generation: i32,
    members: Vec<(String, About, Owned)>,
}

impl Upgrade {
    /// What this group becomes.
    ///
    /// Its members keep what they were assigned, in the epoch of their generation. Those that wait for a rebalance are
    /// told of another one.
    pub(in crate::group::consumer) fn of(
        context: &Context<'_>,
        group_id: &str,
        group: &ClassicGroup,
    ) -> Result<Self, Refusal> {
        let cannot = |why: &str| {
            let message = format!("The classic group {group_id} cannot become a consumer group: {why}.");
            Refusal::new(ErrorCode::GroupIdNotFound, message)
        };
        match context.settings.consumer_migration_policy {
            MigrationPolicy::Bidirectional | MigrationPolicy::Upgrade => {}
            MigrationPolicy::Downgrade | MigrationPolicy::Disabled => return Err(cannot("upgrades are disabled")),
        }
        if !group.is_of_consumers() {
            return Err(cannot("its members are no consumers"));
        }
        if group.size() > usize::try_from(context.settings.consumer_max_size).unwrap_or(0) {
            return Err(cannot("it has more members than a consumer group may have"));
        }
        let handover = group.handover();
        let mut taken = BTreeSet::new();
        let mut members = Vec::with_capacity(handover.members.len());
        for member in handover.members {
            let malformed = |Malformed| cannot("what its members say to each other cannot be read");
            let subscription = Subscription::read(&member.subscription).map_err(malformed)?;
            let assigned = Assigned::read(&member.assignment).map_err(malformed)?;
            if assigned.has_user_data {
                return Err(cannot("an assignor of its own keeps data in the assignments, which would be lost"));
            }
            let mut owned = Owned::new();
            let assigned = by_id(context.topics, &assigned.partitions).into_iter();
            let assigned =
                assigned.flat_map(|topic| topic.partitions.into_iter().map(move |index| (topic.topic_id, index)));
            // A leader may have assigned a partition twice. Here it has one owner.
            for (topic, partition) in assigned.filter(|partition| taken.insert(*partition)) {
                owned.entry(topic).or_default().insert(partition, handover.generation);
            }
            let about = About {
                instance_id: member.instance_id,
                rack_id: subscription.rack_id,
                client: member.client,
                topics: in_order(subscription.topics),
                pattern: String::new(),
                rebalance_timeout_ms: member.rebalance_timeout_ms,
                assignor: None,
                classic: Some(Classic { session_timeout_ms: member.session_timeout_ms, protocols: member.protocols }),
            };
            members.push((member.member_id, about, owned));
        }
        Ok(Self { generation: handover.generation, members })
    }
}

impl GroupShard {
    /// Makes a classic group what it is to become.
    pub(in crate::group::consumer) fn upgrade(
        &mut self,
        context: &Context<'_>,
        group_id: &str,
        upgrade: &Upgrade,
        out: &mut GroupOutcome,
    ) -> Result<(), ErrorCode> {
        self.refuse_waiting(context, group_id, ErrorCode::RebalanceInProgress, out);
        let tombstones = self.groups.get(group_id).map(|group| group.tombstones(group_id)).unwrap_or_default();
        for record in tombstones {
            self.accept(&record, out)?;
        }
        for (member_id, about, _) in &upgrade.members {
            self.accept(&records::about(group_id, member_id, Some(about)), out)?;
        }
        let topics = self.consumer(group_id).into_iter().flat_map(ConsumerGroup::topics);
        let hash = target::metadata_hash(context.topics, topics);
        self.accept(&records::epoch(group_id, Some((upgrade.generation, hash))), out)?;
        for (member_id, _, owned) in &upgrade.members {
            let own: Assignment =
                (owned.iter()).map(|(topic, partitions)| (*topic, partitions.keys().copied().collect())).collect();
            self.accept(&records::target(group_id, member_id, Some(&own)), out)?;
        }
        self.accept(&records::target_epoch(group_id, Some((upgrade.generation, 0))), out)?;
        for (member_id, _, owned) in &upgrade.members {
            let current = Current {
                epoch: upgrade.generation,
                previous_epoch: upgrade.generation,
                assigned: owned.clone(),
                ..Current::default()
            };
            self.accept(&records::current(group_id, member_id, Some(&current)), out)?;
        }
        for (member_id, ..) in &upgrade.members {
            self.renew_session(context, group_id, member_id);
        }
        Ok(())
    }
}
