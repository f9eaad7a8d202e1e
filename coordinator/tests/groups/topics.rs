//! The topics of a test: made, grown, deleted, and made again with another id.

use std::collections::{BTreeMap, BTreeSet};

use coordinator::group::Topics;
use model::TopicId;

use crate::blobs::Partitions;

#[derive(Clone, Debug, Default)]
pub(crate) struct TestTopics {
    by_name: BTreeMap<String, (TopicId, i32)>,
    deleted: BTreeSet<String>,
    made: u8,
    version: u64,
}

impl TestTopics {
    pub(crate) fn make(&mut self, name: &str, partitions: i32) {
        self.made += 1;
        self.version += 1;
        self.by_name.insert(name.to_owned(), (TopicId::from_bytes([self.made; 16]), partitions));
    }

    pub(crate) fn grow(&mut self, name: &str) {
        self.version += 1;
        if let Some((_, partitions)) = self.by_name.get_mut(name) {
            *partitions += 1;
        }
    }

    pub(crate) fn delete(&mut self, name: &str) -> Option<TopicId> {
        self.version += 1;
        self.deleted.insert(name.to_owned());
        self.by_name.remove(name).map(|(id, _)| id)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// Whether there was another topic of this name, which some may still think of.
    pub(crate) fn is_ambiguous(&self, name: &str) -> bool {
        self.deleted.contains(name)
    }

    /// More than `u8` can count would repeat an id.
    pub(crate) fn may_make(&self) -> bool {
        self.made < u8::MAX
    }

    /// All partitions of those of these topics that there are.
    pub(crate) fn partitions<'a>(&self, names: impl IntoIterator<Item = &'a String>) -> Partitions {
        let topics = names.into_iter().filter_map(|name| self.by_name.get(name).map(|(_, count)| (name, *count)));
        topics.flat_map(|(name, count)| (0..count).map(move |partition| (name.clone(), partition))).collect()
    }
}

impl Topics for TestTopics {
    fn by_name(&self, name: &str) -> Option<(TopicId, i32)> {
        self.by_name.get(name).copied()
    }

    fn by_id(&self, id: TopicId) -> Option<(&str, i32)> {
        let of = self.by_name.iter().find(|(_, (of, _))| *of == id);
        of.map(|(name, (_, partitions))| (name.as_str(), *partitions))
    }

    fn each_name(&self, each: &mut dyn FnMut(&str)) {
        self.names().for_each(each);
    }

    fn version(&self) -> u64 {
        self.version
    }
}
