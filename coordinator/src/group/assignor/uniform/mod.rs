//! `uniform`: every member gets as many partitions as any other, and keeps what it had as far as that allows.

mod heterogeneous;
mod homogeneous;
mod paths;

use std::collections::BTreeMap;

use model::TopicId;

use super::{Assignment, GroupSpec, Member};

pub(super) fn assign(spec: &GroupSpec) -> BTreeMap<String, Assignment> {
    match spec.common_topics() {
        Some(topics) => homogeneous::assign(spec, topics),
        None => heterogeneous::assign(spec),
    }
}

/// Which partitions have found a member.
struct Claims(BTreeMap<TopicId, Vec<bool>>);

impl Claims {
    /// All partitions of these topics, still free.
    fn none(spec: &GroupSpec, topics: impl Iterator<Item = TopicId>) -> Self {
        let free = |topic| (topic, vec![false; usize::try_from(spec.partition_count(topic)).unwrap_or(0)]);
        Self(topics.map(free).collect())
    }

    /// What a member had and may keep: of topics that it subscribes to, partitions that exist and that no member before
    /// it has claimed. In order.
    fn keep(&mut self, member: &Member) -> Vec<(TopicId, i32)> {
        let mut kept = Vec::new();
        for (topic, partitions) in member.assigned.iter().filter(|(topic, _)| member.topics.contains(topic)) {
            let Some(claimed) = self.0.get_mut(topic) else { continue };
            for partition in partitions {
                let claim = usize::try_from(*partition).ok().and_then(|place| claimed.get_mut(place));
                if let Some(claim) = claim.filter(|claim| !**claim) {
                    *claim = true;
                    kept.push((*topic, *partition));
                }
            }
        }
        kept
    }

    /// A topic's partitions that nobody has claimed, in order.
    fn free(&self, topic: TopicId) -> impl Iterator<Item = i32> {
        let claimed = self.0.get(&topic).map_or(&[][..], Vec::as_slice);
        (0..).zip(claimed).filter_map(|(partition, claimed)| (!claimed).then_some(partition))
    }
}
