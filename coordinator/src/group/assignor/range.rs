//! `range`: the members of a topic, in order, get consecutive ranges of its partitions, the first ones a partition more
//! if it does not come out even.
//!
//! Topics with as many partitions and the same members are thereby co-partitioned. Earlier targets do not count, as in
//! Kafka: what makes it sticky is the order of the members, which instance ids keep.

use std::collections::BTreeMap;

use model::TopicId;

use super::{Assignment, GroupSpec};

/// What is left of a topic, and of the members that share it.
struct Rest {
    next: i32,
    end: i32,
    members: i32,
}

impl Rest {
    /// The next member's range. What is left is divided anew for each, so that the larger shares come first.
    fn take(&mut self) -> std::ops::Range<i32> {
        let left = self.end - self.next;
        let share = left / self.members.max(1) + i32::from(left % self.members.max(1) > 0);
        let range = self.next..self.next + share;
        self.next = range.end;
        self.members -= 1;
        range
    }
}

pub(super) fn assign(spec: &GroupSpec) -> BTreeMap<String, Assignment> {
    let mut rests: BTreeMap<TopicId, Rest> = BTreeMap::new();
    for topic in spec.members.values().flat_map(|member| &member.topics) {
        let rest =
            rests.entry(*topic).or_insert_with(|| Rest { next: 0, end: spec.partition_count(*topic), members: 0 });
        rest.members += 1;
    }
    let mut targets = BTreeMap::new();
    for (id, member) in spec.in_order() {
        let ranges = member.topics.iter().filter_map(|topic| Some((*topic, rests.get_mut(topic)?.take())));
        let target = ranges.filter(|(_, range)| !range.is_empty()).map(|(topic, range)| (topic, range.collect()));
        targets.insert(id.to_owned(), target.collect());
    }
    targets
}
