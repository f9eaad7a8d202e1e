//! `OffsetFetch`: how far has a group read?

use model::{ErrorCode, TopicId};

use super::Committed;
use crate::group::event::{
    CommittedOffset, FetchOffsetsTopic, FetchedTopic, GroupReply, OffsetFetch, OffsetFetchReply,
};
use crate::group::{GroupOutcome, GroupShard};
use crate::shard::ReplyTo;

impl GroupShard {
    /// With `require_stable` (KIP-447) an offset that an open transaction may change is refused: who goes on from the old one
    /// would do again what the transaction did.
    pub(in crate::group) fn offset_fetch(&mut self, request: &OffsetFetch, reply_to: ReplyTo, out: &mut GroupOutcome) {
        let reply = match self.validate_fetch(request) {
            Ok(()) => {
                let topics = match &request.topics {
                    Some(topics) => topics.iter().map(|topic| self.fetch_topic(request, topic)).collect(),
                    None => self.fetch_all(request),
                };
                OffsetFetchReply { error: ErrorCode::None, topics }
            }
            Err(error) => OffsetFetchReply { error, topics: Vec::new() },
        };
        out.replies.push((reply_to, GroupReply::OffsetFetch(reply)));
    }

    /// A group that is absent has read nothing, which is no error.
    fn validate_fetch(&self, request: &OffsetFetch) -> Result<(), ErrorCode> {
        self.refuse_damaged(&request.group_id)?;
        match self.groups.get(&request.group_id) {
            Some(group) => group.validate_offset_fetch(request.member_id.as_deref(), request.member_epoch),
            None => Ok(()),
        }
    }

    fn fetch_topic(&self, request: &OffsetFetch, topic: &FetchOffsetsTopic) -> FetchedTopic {
        let partitions = topic.partitions.iter().map(|index| {
            let committed = self.offsets.get(&request.group_id, &topic.name, *index);
            // What was committed for a topic that has gone is not how far its namesake was read.
            let committed = committed.filter(|committed| !committed.is_of_another(topic.id));
            self.fetch_partition(request, &topic.name, (*index, committed))
        });
        FetchedTopic { name: topic.name.clone(), id: topic.id, partitions: partitions.collect() }
    }

    fn fetch_all(&self, request: &OffsetFetch) -> Vec<FetchedTopic> {
        let topics = self.offsets.topics(&request.group_id).iter();
        let fetched = topics.map(|topic| {
            let partitions = topic.partitions().iter();
            let each = |committed: &Committed| {
                self.fetch_partition(request, topic.name(), (committed.partition, Some(committed)))
            };
            FetchedTopic {
                name: topic.name().to_owned(),
                id: topic.partitions().first().map_or(TopicId::ZERO, |committed| committed.topic_id),
                partitions: partitions.map(each).collect(),
            }
        });
        fetched.collect()
    }

    fn fetch_partition(
        &self,
        request: &OffsetFetch,
        topic: &str,
        (index, committed): (i32, Option<&Committed>),
    ) -> (i32, CommittedOffset, ErrorCode) {
        if request.require_stable && self.pending.has_partition(&request.group_id, topic, index) {
            return (index, nothing(), ErrorCode::UnstableOffsetCommit);
        }
        (index, committed.map_or_else(nothing, answer), ErrorCode::None)
    }
}

fn answer(committed: &Committed) -> CommittedOffset {
    CommittedOffset {
        offset: committed.offset,
        leader_epoch: committed.leader_epoch,
        metadata: committed.metadata().to_owned(),
    }
}

/// What is said of a partition that was never committed.
fn nothing() -> CommittedOffset {
    CommittedOffset { offset: -1, leader_epoch: -1, metadata: String::new() }
}
