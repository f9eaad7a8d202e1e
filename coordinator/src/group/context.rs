//! What a group's shard may know of the world when it decides: the time, the settings, the topics.

use model::TopicId;

use super::settings::GroupSettings;
use crate::shard::Now;

/// The world at one moment.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The time.
    pub now: Now,
    /// The broker's `group.*` and `offsets.*` settings, and what single groups were given.
    pub settings: &'a GroupSettings,
    /// What topics there are.
    pub topics: &'a dyn Topics,
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("now", &self.now).finish_non_exhaustive()
    }
}

/// The topics of the cluster, at one moment.
pub trait Topics {
    /// The id and the number of partitions of the topic of this name.
    fn by_name(&self, name: &str) -> Option<(TopicId, i32)>;
    /// The name and the number of partitions of the topic of this id.
    fn by_id(&self, id: TopicId) -> Option<(&str, i32)>;
    /// Calls `each` with the name of every topic, in the order of the names.
    fn each_name(&self, each: &mut dyn FnMut(&str));
    /// A number that grows whenever a topic comes, goes or grows.
    fn version(&self) -> u64;
}
