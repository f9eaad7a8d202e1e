//! A set of partitions, by topic: a name is held once, however many partitions it has.

use std::collections::{BTreeMap, BTreeSet};

use model::{PartitionIndex, TopicName, TopicPartition};

/// Partitions, in the order of topics and indexes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partitions {
    by_topic: BTreeMap<TopicName, BTreeSet<PartitionIndex>>,
    count: usize,
}

impl Partitions {
    /// Adds one; says whether it is new.
    pub fn insert(&mut self, topic: TopicName, partition: PartitionIndex) -> bool {
        let is_new = self.by_topic.entry(topic).or_default().insert(partition);
        self.count += usize::from(is_new);
        is_new
    }

    /// Takes one away; says whether it was there.
    pub fn remove(&mut self, partition: &TopicPartition) -> bool {
        let Some(indexes) = self.by_topic.get_mut(&partition.topic) else { return false };
        let was_there = indexes.remove(&partition.partition);
        if indexes.is_empty() {
            self.by_topic.remove(&partition.topic);
        }
        self.count -= usize::from(was_there);
        was_there
    }

    /// Whether this one is there.
    #[must_use]
    pub fn contains(&self, partition: &TopicPartition) -> bool {
        self.by_topic.get(&partition.topic).is_some_and(|indexes| indexes.contains(&partition.partition))
    }

    /// Whether all of `others` are there.
    #[must_use]
    pub fn contains_all(&self, others: &Self) -> bool {
        others.topics().all(|(topic, indexes)| self.by_topic.get(topic).is_some_and(|known| known.is_superset(indexes)))
    }

    /// Adds all of `others`.
    pub fn extend(&mut self, others: &Self) {
        for (topic, indexes) in &others.by_topic {
            let known = self.by_topic.entry(topic.clone()).or_default();
            let before = known.len();
            known.extend(indexes);
            self.count += known.len() - before;
        }
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The topics with their partitions, in the order of the names.
    pub fn topics(&self) -> impl Iterator<Item = (&TopicName, &BTreeSet<PartitionIndex>)> {
        self.by_topic.iter()
    }

    /// Each of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = TopicPartition> {
        self.topics().flat_map(|(topic, indexes)| {
            indexes.iter().map(|partition| TopicPartition { topic: topic.clone(), partition: *partition })
        })
    }
}

impl FromIterator<TopicPartition> for Partitions {
    fn from_iter<I: IntoIterator<Item = TopicPartition>>(partitions: I) -> Self {
        let mut all = Self::default();
        for partition in partitions {
            all.insert(partition.topic, partition.partition);
        }
        all
    }
}
