//! What a shard may know of topics, and what became of them between two images.

use std::sync::Arc;

use coordinator::group::Topics;
use coordinator::group::event::TopicsChanged;
use model::TopicId;

use crate::metadata::{Image, Topic};

/// The topics of an image, as shards ask for them.
#[derive(Debug)]
pub(super) struct ImageTopics<'a>(pub(super) &'a Image);

impl Topics for ImageTopics<'_> {
    fn by_name(&self, name: &str) -> Option<(TopicId, i32)> {
        self.0.topic(name).map(|topic| (topic.id, partitions(topic)))
    }

    fn by_id(&self, id: TopicId) -> Option<(&str, i32)> {
        self.0.topic_by_id(id).map(|topic| (topic.name.as_str(), partitions(topic)))
    }

    fn each_name(&self, each: &mut dyn FnMut(&str)) {
        for topic in self.0.topics() {
            each(topic.name.as_str());
        }
    }

    fn version(&self) -> u64 {
        self.0.topics_version()
    }
}

fn partitions(topic: &Topic) -> i32 {
    i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX)
}

/// Which topics came, went or grew from `before` to `after`; `None` if none did.
pub(super) fn changes(before: &Image, after: &Image) -> Option<TopicsChanged> {
    if before.topics_version() == after.topics_version() {
        return None;
    }
    let mut changed = TopicsChanged::default();
    for topic in before.topics() {
        let name = topic.name.as_str();
        let now = after.topic(name);
        if now.is_some_and(|now| is_as_before(topic, now)) {
            continue;
        }
        changed.changed.push(name.to_owned());
        if now.is_none_or(|now| now.id != topic.id) {
            changed.deleted.push((name.to_owned(), topic.id));
        }
    }
    let new = after.topics().filter(|topic| before.topic(topic.name.as_str()).is_none());
    changed.changed.extend(new.map(|topic| topic.name.as_str().to_owned()));
    (!changed.changed.is_empty()).then_some(changed)
}

fn is_as_before(before: &Arc<Topic>, now: &Arc<Topic>) -> bool {
    Arc::ptr_eq(before, now) || before.id == now.id && before.partitions.len() == now.partitions.len()
}
