//! The model of committed offsets: what a fetch may say of a partition.

use std::collections::BTreeMap;

use coordinator::group::event::{CommitPartition, CommitTopic, OffsetCommit, OffsetCommitReply, OffsetFetchReply};
use coordinator::shard::ReplyTo;
use model::{ErrorCode, TopicId};

/// Group, topic, partition.
type Key = (String, String, i32);

/// What each partition's offset may be: the one that was acknowledged last, or one that was sent since, whose answer was lost
/// or has not come yet. `None` is that there is none.
#[derive(Default)]
pub(crate) struct CommittedModel {
    possible: BTreeMap<Key, Vec<Possible>>,
    sent: BTreeMap<ReplyTo, (Key, i64)>,
    /// Counts what was asked: a commit's number is also its offset, so that all can be told apart.
    asked: i64,
}

/// What a partition's offset may be, and the number of the request that would have made it so.
#[derive(Clone, Copy, Debug)]
struct Possible {
    asked: i64,
    offset: Option<i64>,
}

impl CommittedModel {
    /// A commit of one partition.
    pub(crate) fn commit(
        &mut self,
        group_id: &str,
        topic: (&str, TopicId),
        partition: i32,
    ) -> (OffsetCommit, (Key, i64)) {
        self.asked += 1;
        let commit = CommitPartition { index: partition, offset: self.asked, leader_epoch: 1, metadata: None };
        let request = OffsetCommit {
            group_id: group_id.to_owned(),
            generation_id_or_member_epoch: -1,
            retention_time_ms: -1,
            version: 9,
            topics: vec![CommitTopic { name: topic.0.to_owned(), id: topic.1, partitions: vec![commit] }],
            ..OffsetCommit::default()
        };
        (request, ((group_id.to_owned(), topic.0.to_owned(), partition), self.asked))
    }

    pub(crate) fn sent(&mut self, reply_to: ReplyTo, (key, offset): (Key, i64)) {
        self.of(&key).push(Possible { asked: offset, offset: Some(offset) });
        self.sent.insert(reply_to, (key, offset));
    }

    pub(crate) fn answered(&mut self, reply_to: ReplyTo, reply: &OffsetCommitReply) {
        let Some((key, offset)) = self.sent.remove(&reply_to) else { return };
        let is_accepted = *reply == OffsetCommitReply::Each(vec![vec![ErrorCode::None]]);
        let possible = self.of(&key);
        if is_accepted {
            // What was asked before is decided and undone by this; what was asked later may have been decided already.
            possible.retain(|other| other.asked >= offset);
        } else {
            possible.retain(|other| other.offset != Some(offset));
        }
    }

    /// Offsets of this group, or of this topic, may be gone from now on.
    pub(crate) fn may_be_gone(&mut self, group_id: Option<&str>, topic: Option<&str>) {
        self.asked += 1;
        for (key, possible) in &mut self.possible {
            if group_id.is_none_or(|id| id == key.0) && topic.is_none_or(|topic| topic == key.1) {
                possible.push(Possible { asked: self.asked, offset: None });
            }
        }
    }

    /// The answers that are on their way are lost.
    pub(crate) fn crash(&mut self) {
        self.sent.clear();
    }

    /// Holds what a group's offsets are said to be against what they may be.
    pub(crate) fn check(&mut self, group_id: &str, reply: &OffsetFetchReply) {
        assert_eq!(reply.error, ErrorCode::None);
        let mut said = BTreeMap::new();
        for topic in &reply.topics {
            for (partition, committed, _) in &topic.partitions {
                said.insert((group_id.to_owned(), topic.name.clone(), *partition), committed.offset);
            }
        }
        for (key, possible) in self.possible.iter().filter(|(key, _)| key.0 == group_id) {
            let offset = said.remove(key);
            let is_possible = possible.iter().any(|of| of.offset == offset);
            assert!(is_possible, "{key:?} has the offset {offset:?}, where {possible:?} would be right");
        }
        assert!(said.is_empty(), "nobody committed {said:?}");
    }

    fn of(&mut self, key: &Key) -> &mut Vec<Possible> {
        self.possible.entry(key.clone()).or_insert_with(|| vec![Possible { asked: 0, offset: None }])
    }
}
