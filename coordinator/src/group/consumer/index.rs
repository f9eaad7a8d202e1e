//! Which groups read which topic, over all groups of a shard, so that a change of one topic does not visit them all.

use std::collections::{BTreeMap, BTreeSet};

/// Groups by what they read.
#[derive(Debug, Default)]
pub(crate) struct Readers {
    by_topic: BTreeMap<String, BTreeSet<String>>,
    with_patterns: BTreeSet<String>,
}

impl Readers {
    /// Says whether a group reads a topic.
    pub(super) fn set_topic(&mut self, topic: &str, group_id: &str, reads: bool) {
        if reads {
            if let Some(groups) = self.by_topic.get_mut(topic) {
                if !groups.contains(group_id) {
                    groups.insert(group_id.to_owned());
                }
            } else {
                self.by_topic.insert(topic.to_owned(), BTreeSet::from([group_id.to_owned()]));
            }
        } else if let Some(groups) = self.by_topic.get_mut(topic) {
            groups.remove(group_id);
            if groups.is_empty() {
                self.by_topic.remove(topic);
            }
        }
    }

    /// Says whether a group has members that subscribe to a pattern.
    pub(super) fn set_patterns(&mut self, group_id: &str, any: bool) {
        if !any {
            self.with_patterns.remove(group_id);
        } else if !self.with_patterns.contains(group_id) {
            self.with_patterns.insert(group_id.to_owned());
        }
    }

    /// The groups that read a topic.
    pub(super) fn of_topic(&self, topic: &str) -> impl Iterator<Item = &str> {
        self.by_topic.get(topic).into_iter().flatten().map(String::as_str)
    }

    /// The groups with members that subscribe to a pattern.
    pub(super) fn with_patterns(&self) -> impl Iterator<Item = &str> {
        self.with_patterns.iter().map(String::as_str)
    }
}
