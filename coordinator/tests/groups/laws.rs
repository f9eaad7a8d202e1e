//! What always holds, and what holds when everybody has had time.

use std::collections::{BTreeMap, BTreeSet};

use coordinator::group::event::{
    DescribeConsumerGroup, DescribeGroup, DescribedConsumerGroup, DescribedGroup, ListGroups, OffsetFetch,
    OffsetFetchReply,
};
use coordinator::group::{GroupEvent, GroupReply};
use model::TopicId;

use crate::blobs::{Partitions, read_assignment};
use crate::client::{Client, Kind};
use crate::topics::TestTopics;
use crate::world::World;

/// A group as the coordinator describes it.
pub(crate) enum Described {
    Classic(DescribedGroup),
    Consumer(DescribedConsumerGroup),
    Absent,
}

pub(crate) fn describe(world: &mut World, group_id: &str) -> Described {
    let group_id = group_id.to_owned();
    let question = GroupEvent::DescribeConsumerGroup(DescribeConsumerGroup { group_id: group_id.clone() });
    let GroupReply::DescribeConsumerGroup(consumer) = world.observe(question) else { panic!("no description") };
    if consumer.error_message.is_none() {
        return Described::Consumer(consumer);
    }
    let question = GroupEvent::DescribeGroup(DescribeGroup { group_id, version: 6 });
    let GroupReply::DescribeGroup(classic) = world.observe(question) else { panic!("no description") };
    if classic.error_message.is_none() { Described::Classic(classic) } else { Described::Absent }
}

impl Described {
    pub(crate) fn state(&self) -> &str {
        match self {
            Self::Classic(group) => &group.state,
            Self::Consumer(group) => &group.state,
            Self::Absent => "Empty",
        }
    }

    pub(crate) fn member_ids(&self) -> BTreeSet<&str> {
        match self {
            Self::Classic(group) => group.members.iter().map(|member| member.member_id.as_str()).collect(),
            Self::Consumer(group) => group.members.iter().map(|member| member.member_id.as_str()).collect(),
            Self::Absent => BTreeSet::new(),
        }
    }
}

/// No partition is owned by two members in one generation or epoch: neither in what the coordinator says, nor in what those
/// clients think that it takes for members.
pub(crate) fn nobody_shares(world: &mut World, clients: &[Client], group_id: &str) {
    let described = describe(world, group_id);
    match &described {
        Described::Consumer(group) => {
            let owned = group.members.iter().map(|member| (member.member_id.as_str(), by_id(&member.assignment)));
            disjoint(group_id, owned);
            let targets =
                group.members.iter().map(|member| (member.member_id.as_str(), by_id(&member.target_assignment)));
            disjoint(group_id, targets);
        }
        Described::Classic(group) if group.state == "Stable" => {
            let owned = group.members.iter().map(|of| (of.member_id.as_str(), read_assignment(&of.assignment)));
            disjoint(group_id, owned);
        }
        Described::Classic(_) | Described::Absent => return,
    }
    let members = described.member_ids();
    let in_group = clients.iter().filter(|client| client.group_id == group_id && client.epoch().is_some());
    let in_group: Vec<_> = in_group.filter(|client| members.contains(client.member_id())).collect();
    let has_classic = in_group.iter().any(|client| matches!(client.kind, Kind::Classic(_)));
    let owned = in_group.iter().map(|client| {
        let mut owned = client.owned(&world.topics);
        owned.retain(|(topic, _)| !(has_classic && world.topics.is_ambiguous(topic)));
        (client.member_id(), owned)
    });
    disjoint(group_id, owned);
}

fn by_id(assignment: &[(TopicId, String, Vec<i32>)]) -> BTreeSet<(TopicId, i32)> {
    let topics = assignment.iter();
    topics.flat_map(|(id, _, partitions)| partitions.iter().map(|partition| (*id, *partition))).collect()
}

fn disjoint<'a, P: Ord + std::fmt::Debug>(group_id: &str, owned: impl Iterator<Item = (&'a str, BTreeSet<P>)>) {
    let mut owners = BTreeMap::new();
    for (member_id, partitions) in owned {
        for partition in partitions {
            let said = format!("{partition:?}");
            if let Some(other) = owners.insert(partition, member_id) {
                panic!("{said} of the group {group_id} has two owners: {other} and {member_id}");
            }
        }
    }
}

/// What the live shard says of its hard state, a shard says that replayed the log, compacted or not.
pub(crate) fn replay_gives_the_live_state(world: &mut World) {
    let GroupReply::ListGroups(listed) = world.observe(GroupEvent::ListGroups(ListGroups::default())) else {
        panic!("no list")
    };
    let mut questions = Vec::new();
    let mut rebalancing = BTreeSet::new();
    for group in listed {
        if matches!(group.state.as_str(), "PreparingRebalance" | "CompletingRebalance") {
            rebalancing.insert(group.group_id.clone());
        }
        let group_id = group.group_id.clone();
        questions.push(GroupEvent::OffsetFetch(OffsetFetch {
            group_id: group_id.clone(),
            member_epoch: -1,
            ..OffsetFetch::default()
        }));
        questions.push(GroupEvent::DescribeConsumerGroup(DescribeConsumerGroup { group_id: group_id.clone() }));
        // Of a rebalance that is under way the log knows nothing.
        if matches!(group.state.as_str(), "Stable") && group.group_type == "classic" {
            questions.push(GroupEvent::DescribeGroup(DescribeGroup { group_id, version: 6 }));
        }
    }
    questions.push(GroupEvent::ListGroups(ListGroups::default()));
    let live: Vec<_> = questions.iter().map(|question| world.observe(question.clone())).collect();
    for compacted in [false, true] {
        let replayed = world.observe_replayed(compacted, &questions);
        for ((question, live), replayed) in questions.iter().zip(&live).zip(&replayed) {
            assert_eq!(
                lasting(live, &rebalancing),
                lasting(replayed, &rebalancing),
                "{question:?}, compacted: {compacted}"
            );
        }
    }
}

/// The part of an answer that the log decides: not whether a classic group is in a rebalance, nor what its members speak
/// that are not in a generation yet. A simple group without offsets is gone when its tombstones are compacted.
fn lasting(reply: &GroupReply, rebalancing: &BTreeSet<String>) -> GroupReply {
    let GroupReply::ListGroups(groups) = reply else { return reply.clone() };
    let lasting = groups.iter().filter(|of| !of.protocol_type.is_empty() && !rebalancing.contains(&of.group_id));
    GroupReply::ListGroups(lasting.cloned().collect())
}

pub(crate) fn all_offsets(world: &mut World, group_id: &str) -> OffsetFetchReply {
    let request = OffsetFetch { group_id: group_id.to_owned(), member_epoch: -1, ..OffsetFetch::default() };
    match world.observe(GroupEvent::OffsetFetch(request)) {
        GroupReply::OffsetFetch(reply) => reply,
        reply => panic!("{reply:?}"),
    }
}

/// Everybody had time: every client is in its group, which is stable, and together they read all that they subscribe to.
pub(crate) fn nobody_is_stuck(world: &mut World, clients: &[Client], group_id: &str) {
    let described = describe(world, group_id);
    let clients: Vec<_> = clients.iter().filter(|client| client.group_id == group_id).collect();
    let state = if clients.is_empty() { "Empty" } else { "Stable" };
    assert_eq!(described.state(), state, "{group_id} with {} clients", clients.len());
    let members = described.member_ids();
    let ids: BTreeSet<&str> = clients.iter().map(|client| client.member_id()).collect();
    assert_eq!(ids, members, "the clients of {group_id} and its members");
    for client in &clients {
        assert!(client.epoch().is_some(), "{} is not in {group_id}", client.member_id());
        if let Kind::Consumer(consumer) = &client.kind {
            assert!(consumer.is_settled(), "{} of {group_id} still gives up", client.member_id());
        }
    }
    let wanted: Partitions = clients.iter().flat_map(|client| client.wanted(&world.topics)).collect();
    let owned: Partitions = clients.iter().flat_map(|client| client.owned(&world.topics)).collect();
    assert_eq!(owned, wanted, "what the clients of {group_id} read, and what they subscribe to");
    if let Described::Consumer(group) = &described
        && group.assignor_name == "uniform"
    {
        balanced(group_id, &clients, &world.topics);
    }
}

/// Where all subscribe to the same topics, none has more than one partition more than another.
fn balanced(group_id: &str, clients: &[&Client], topics: &TestTopics) {
    let wanted: BTreeSet<_> = clients.iter().map(|client| client.wanted(topics)).collect();
    let counts: BTreeSet<_> = clients.iter().map(|client| client.owned(topics).len()).collect();
    if let (1, Some(least), Some(most)) = (wanted.len(), counts.first(), counts.last()) {
        assert!(most - least <= 1, "{group_id} is not balanced: {least} and {most} partitions");
    }
}
