//! The committed offsets, in little memory: a broker holds millions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{Timestamp, TopicId};

use crate::records::offset_commit::{OffsetCommitKey, OffsetCommitValue};

/// The committed offsets of a shard, by group, topic and partition.
#[derive(Debug, Default)]
pub(crate) struct Offsets {
    groups: BTreeMap<Box<str>, GroupOffsets>,
    /// The topics' names, each once, however many groups read it.
    names: BTreeSet<Arc<str>>,
}

/// The offsets of one group, by the names of topics.
#[derive(Debug, Default)]
struct GroupOffsets {
    topics: Vec<TopicOffsets>,
}

/// A group's offsets of one topic.
#[derive(Debug)]
pub(crate) struct TopicOffsets {
    name: Arc<str>,
    /// By partition.
    partitions: Vec<Committed>,
}

/// How far a group has read one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Committed {
    pub(crate) partition: i32,
    /// Of the last record that was read; -1 if it is not known.
    pub(crate) leader_epoch: i32,
    /// The next offset to read.
    pub(crate) offset: i64,
    pub(crate) commit_timestamp: Timestamp,
    /// Of the topic that was read; zero where the record has no place for it.
    pub(crate) topic_id: TopicId,
    /// What few offsets have.
    rare: Option<Box<Rare>>,
}

/// What is kept aside, so that the other offsets stay small.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rare {
    /// The client's own words.
    metadata: Box<str>,
    /// When it expires, if the commit said so; -1 if the group's retention counts.
    expire_timestamp: i64,
}

impl Committed {
    pub(super) fn new(partition: i32, value: &OffsetCommitValue) -> Self {
        let is_rare = !value.metadata.is_empty() || value.expire_timestamp != -1;
        let rare = is_rare.then(|| {
            Box::new(Rare { metadata: value.metadata.as_str().into(), expire_timestamp: value.expire_timestamp })
        });
        Self {
            partition,
            leader_epoch: value.leader_epoch,
            offset: value.offset,
            commit_timestamp: Timestamp::new(value.commit_timestamp),
            topic_id: value.topic_id,
            rare,
        }
    }

    /// The client's own words.
    pub(crate) fn metadata(&self) -> &str {
        self.rare.as_ref().map_or("", |rare| &rare.metadata)
    }

    /// When it expires, if the commit said so (versions up to 4 of the request).
    pub(crate) fn expire_timestamp(&self) -> Option<Timestamp> {
        self.rare.as_ref().filter(|rare| rare.expire_timestamp != -1).map(|rare| Timestamp::new(rare.expire_timestamp))
    }

    /// Whether this is of another topic than that of `topic_id`, which has the same name. Without an id on either side
    /// nobody can tell.
    pub(crate) fn is_of_another(&self, topic_id: TopicId) -> bool {
        !self.topic_id.is_zero() && !topic_id.is_zero() && self.topic_id != topic_id
    }
}

impl TopicOffsets {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// By partition.
    pub(crate) fn partitions(&self) -> &[Committed] {
        &self.partitions
    }
}

impl Offsets {
    /// Stores an offset, or forgets it.
    ///
    /// A group whose last offset is forgotten stays, without offsets: what a simple group is must follow from the records,
    /// and only [`Self::release`] ends it.
    pub(in crate::group) fn apply(&mut self, key: &OffsetCommitKey, value: Option<&OffsetCommitValue>) {
        match value {
            Some(value) => self.put(key, Committed::new(key.partition, value)),
            None => self.remove(key),
        }
    }

    /// The group exists from now on, if only without offsets.
    pub(super) fn begin_group(&mut self, group_id: &str) {
        if !self.groups.contains_key(group_id) {
            self.groups.insert(group_id.into(), GroupOffsets::default());
        }
    }

    /// A record about the group itself came: if it has no offsets, nothing of it stays here.
    pub(in crate::group) fn release(&mut self, group_id: &str) {
        if self.groups.get(group_id).is_some_and(|group| group.topics.is_empty()) {
            self.groups.remove(group_id);
        }
    }

    /// Whether the group committed anything, or is a simple group that is not deleted yet.
    pub(in crate::group) fn has_group(&self, group_id: &str) -> bool {
        self.groups.contains_key(group_id)
    }

    /// How many groups there are.
    pub(super) fn groups_count(&self) -> usize {
        self.groups.len()
    }

    /// The groups, in the order of their ids.
    pub(in crate::group) fn group_ids(&self) -> impl Iterator<Item = &str> {
        self.groups.keys().map(|group_id| &**group_id)
    }

    /// The first group after this one.
    pub(super) fn group_after(&self, group_id: Option<&str>) -> Option<&str> {
        use std::ops::Bound::{Excluded, Unbounded};
        let from = group_id.map_or(Unbounded, Excluded);
        self.groups.range::<str, _>((from, Unbounded)).next().map(|(group_id, _)| &**group_id)
    }

    /// A group's offsets, in the order of the topics' names.
    pub(super) fn topics(&self, group_id: &str) -> &[TopicOffsets] {
        self.groups.get(group_id).map_or(&[], |group| &group.topics)
    }

    pub(super) fn get(&self, group_id: &str, topic: &str, partition: i32) -> Option<&Committed> {
        let topics = self.topics(group_id);
        let topic = topics.get(topics.binary_search_by(|of| (*of.name).cmp(topic)).ok()?)?;
        topic.partitions.get(topic.partitions.binary_search_by_key(&partition, |of| of.partition).ok()?)
    }

    /// Every offset of the shard, with its topic's name.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &Committed)> {
        let topics = self.groups.values().flat_map(|group| &group.topics);
        topics.flat_map(|topic| topic.partitions.iter().map(|committed| (&*topic.name, committed)))
    }

    #[cfg(test)]
    pub(super) fn names_count(&self) -> usize {
        self.names.len()
    }

    pub(super) fn put(&mut self, key: &OffsetCommitKey, committed: Committed) {
        self.begin_group(&key.group);
        let Some(group) = self.groups.get_mut(key.group.as_str()) else { return };
        let at = match group.topics.binary_search_by(|of| (*of.name).cmp(&key.topic)) {
            Ok(at) => at,
            Err(at) => {
                let name = interned(&mut self.names, &key.topic);
                insert(&mut group.topics, at, TopicOffsets { name, partitions: Vec::new() });
                at
            }
        };
        let Some(topic) = group.topics.get_mut(at) else { return };
        match topic.partitions.binary_search_by_key(&key.partition, |of| of.partition) {
            Ok(at) => {
                if let Some(before) = topic.partitions.get_mut(at) {
                    *before = committed;
                }
            }
            Err(at) => insert(&mut topic.partitions, at, committed),
        }
    }

    fn remove(&mut self, key: &OffsetCommitKey) {
        let Some(group) = self.groups.get_mut(key.group.as_str()) else { return };
        let Ok(at) = group.topics.binary_search_by(|of| (*of.name).cmp(&key.topic)) else { return };
        let Some(topic) = group.topics.get_mut(at) else { return };
        if let Ok(at) = topic.partitions.binary_search_by_key(&key.partition, |of| of.partition) {
            topic.partitions.remove(at);
        }
        if topic.partitions.is_empty() {
            let topic = group.topics.remove(at);
            // This one and that among the names: nobody else has it.
            if Arc::strong_count(&topic.name) <= 2 {
                self.names.remove(&topic.name);
            }
        }
    }
}

fn interned(names: &mut BTreeSet<Arc<str>>, name: &str) -> Arc<str> {
    if let Some(name) = names.get(name) {
        return Arc::clone(name);
    }
    let name = Arc::<str>::from(name);
    names.insert(Arc::clone(&name));
    name
}

/// Inserts with less room to spare than a `Vec` takes of its own accord: most groups have few topics, and a topic that was
/// committed once has all its partitions.
fn insert<T>(list: &mut Vec<T>, at: usize, item: T) {
    if list.len() == list.capacity() {
        list.reserve_exact((list.len() / 4).max(1));
    }
    list.insert(at, item);
}
