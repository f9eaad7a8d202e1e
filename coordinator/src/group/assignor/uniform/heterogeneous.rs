//! Members subscribe to different topics: as balanced as the subscriptions allow.
//!
//! Three steps. What members had and may keep, they keep. What is free goes, topic by topic, to the subscriber with the
//! least; topics with many partitions for each subscriber come first, since they leave the least choice. Then
//! partitions move from who has more to who has less: within a topic, which is what Kafka does and nearly always
//! enough, and at last along [paths](super::paths) over several topics, which is what the subscriptions allow at best.

#![expect(clippy::indexing_slicing, reason = "members and topics are places in vectors that this module made")]

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use model::TopicId;
use model::num::u64_from_usize;

use super::Claims;
use crate::group::assignor::{Assignment, GroupSpec, Member};

/// Rounds over all topics at most; almost every group needs one, and one more to see that nothing moves.
const ROUNDS_MAX: usize = 16;

/// A topic, and who subscribes to it.
pub(super) struct Topic {
    id: TopicId,
    partition_count: u32,
    /// Places of members, ascending.
    pub(super) subscribers: Vec<usize>,
}

/// An assignment under way. Members are places in the group's order; topics are places in `topics`.
pub(super) struct Balance {
    /// Those with the most partitions for each subscriber first.
    pub(super) topics: Vec<Topic>,
    /// What each member holds, by topic. The end of each list moves first: what came last, of what came first the
    /// highest.
    pub(super) held: Vec<BTreeMap<usize, Vec<i32>>>,
    /// How much each member holds.
    pub(super) loads: Vec<usize>,
}

pub(super) fn assign(spec: &GroupSpec) -> BTreeMap<String, Assignment> {
    let members = spec.in_order();
    let mut balance = Balance::new(spec, &members);
    balance.assign_first(spec, &members);
    for _ in 0..ROUNDS_MAX {
        let moved =
            (0..balance.topics.len()).map(|topic| balance.even_out(topic)).fold(false, |any, moved| any | moved);
        if !moved {
            break;
        }
    }
    super::paths::even_out(&mut balance);
    members.iter().zip(&balance.held).map(|((id, _), held)| ((*id).to_owned(), balance.assignment(held))).collect()
}

impl Balance {
    fn new(spec: &GroupSpec, members: &[(&str, &Member)]) -> Self {
        let mut subscribers: BTreeMap<TopicId, Vec<usize>> = BTreeMap::new();
        for (place, (_, member)) in members.iter().enumerate() {
            for topic in &member.topics {
                subscribers.entry(*topic).or_default().push(place);
            }
        }
        let mut topics: Vec<_> = subscribers
            .into_iter()
            .map(|(id, subscribers)| Topic {
                id,
                partition_count: spec.partition_count(id).unsigned_abs(),
                subscribers,
            })
            .collect();
        // The order of a / b and c / d is that of a * d and c * b. The sort is stable: topics with the same are by id.
        topics.sort_by(|one, other| {
            let weight = |of: &Topic, by: &Topic| u64::from(of.partition_count) * u64_from_usize(by.subscribers.len());
            weight(other, one).cmp(&weight(one, other)).then(one.subscribers.len().cmp(&other.subscribers.len()))
        });
        Self { topics, held: vec![BTreeMap::new(); members.len()], loads: vec![0; members.len()] }
    }

    /// Members keep what they may keep, and what nobody keeps goes to those with the least.
    fn assign_first(&mut self, spec: &GroupSpec, members: &[(&str, &Member)]) {
        let places: BTreeMap<TopicId, usize> =
            self.topics.iter().enumerate().map(|(at, topic)| (topic.id, at)).collect();
        let mut claims = Claims::none(spec, places.keys().copied());
        for (place, (_, member)) in members.iter().enumerate() {
            for (topic, partition) in claims.keep(member) {
                self.give(place, places[&topic], partition);
            }
        }
        for topic in 0..self.topics.len() {
            let mut free = claims.free(self.topics[topic].id).peekable();
            if free.peek().is_none() {
                continue;
            }
            let ranked = self.by_load(topic).into_iter().enumerate();
            let mut least: BinaryHeap<_> =
                ranked.map(|(rank, member)| Reverse((self.loads[member], rank, member))).collect();
            for partition in free {
                let Some(Reverse((load, rank, member))) = least.pop() else { break };
                self.give(member, topic, partition);
                least.push(Reverse((load + 1, rank, member)));
            }
        }
    }

    /// Moves partitions of one topic from subscribers with the most to those with the least. Whether any moved.
    fn even_out(&mut self, topic: usize) -> bool {
        let ranked = self.by_load(topic);
        let load = |place: Option<&usize>| place.map_or(0, |member| self.loads[*member]);
        if load(ranked.last()) <= load(ranked.first()) + 1 {
            return false;
        }
        let places = || ranked.iter().enumerate().map(|(rank, member)| (self.loads[*member], rank, *member));
        let mut least: BinaryHeap<_> = places().map(Reverse).collect();
        let mut most: BinaryHeap<_> = places().filter(|(.., member)| self.held[*member].contains_key(&topic)).collect();
        let mut any = false;
        // A member is in both heaps, but only ever gives or only ever takes: between the two there is more than one.
        while let (Some((high, rank, giver)), Some(Reverse((low, taker_rank, taker)))) = (most.pop(), least.pop()) {
            if high <= low + 1 {
                break;
            }
            self.shift(topic, giver, taker);
            any = true;
            least.push(Reverse((low + 1, taker_rank, taker)));
            if self.held[giver].contains_key(&topic) {
                most.push((high - 1, rank, giver));
            }
        }
        any
    }

    /// A topic's subscribers, those with the least first.
    fn by_load(&self, topic: usize) -> Vec<usize> {
        let mut members = self.topics[topic].subscribers.clone();
        members.sort_by_key(|member| self.loads[*member]);
        members
    }

    fn give(&mut self, member: usize, topic: usize, partition: i32) {
        self.held[member].entry(topic).or_default().push(partition);
        self.loads[member] += 1;
    }

    /// Moves one partition of a topic.
    pub(super) fn shift(&mut self, topic: usize, giver: usize, taker: usize) {
        let Some(partitions) = self.held[giver].get_mut(&topic) else { return };
        let Some(partition) = partitions.pop() else { return };
        if partitions.is_empty() {
            self.held[giver].remove(&topic);
        }
        self.loads[giver] -= 1;
        self.give(taker, topic, partition);
    }

    fn assignment(&self, held: &BTreeMap<usize, Vec<i32>>) -> Assignment {
        let of = |(topic, partitions): (&usize, &Vec<i32>)| {
            (self.topics[*topic].id, partitions.iter().copied().collect::<BTreeSet<_>>())
        };
        held.iter().map(of).collect()
    }
}
