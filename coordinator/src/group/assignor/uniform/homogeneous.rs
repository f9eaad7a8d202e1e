//! All members subscribe to the same topics: each keeps what it had up to its quota, and the rest fills up the others.
//!
//! Kafka decides by a member's place in a hash map whether it may have one partition more than the least, and takes
//! that one away from a member that had it. Here who has it keeps it, so that an assignment that is balanced stays as
//! it is.

use std::collections::{BTreeMap, BTreeSet};

use model::TopicId;

use super::Claims;
use crate::group::assignor::{Assignment, GroupSpec};

pub(super) fn assign(spec: &GroupSpec, topics: &BTreeSet<TopicId>) -> BTreeMap<String, Assignment> {
    let members = spec.in_order();
    let mut claims = Claims::none(spec, topics.iter().copied());
    let mut targets: Vec<_> = members.iter().map(|(_, member)| claims.keep(member)).collect();

    let total: usize = claims.0.values().map(Vec::len).sum();
    let least = total / members.len().max(1);
    let mut one_more = total % members.len().max(1);

    let mut surplus = Vec::new();
    for target in targets.iter_mut().filter(|target| target.len() > least) {
        let extra = usize::from(one_more > 0);
        one_more -= extra;
        surplus.extend(target.drain(least + extra..));
    }
    let free = topics.iter().flat_map(|topic| claims.free(*topic).map(|partition| (*topic, partition)));
    let mut free = free.chain(surplus);
    for target in targets.iter_mut().filter(|target| target.len() <= least) {
        let extra = usize::from(one_more > 0);
        one_more -= extra;
        target.extend(free.by_ref().take(least + extra - target.len()));
    }
    members.iter().zip(targets).map(|((id, _), target)| ((*id).to_owned(), by_topic(target))).collect()
}

fn by_topic(partitions: Vec<(TopicId, i32)>) -> Assignment {
    let mut assignment = Assignment::new();
    for (topic, partition) in partitions {
        assignment.entry(topic).or_default().insert(partition);
    }
    assignment
}
