//! `OffsetDelete` (KIP-496): offsets are to be forgotten, of topics that nobody in the group reads.

use model::ErrorCode;

use crate::group::event::{GroupReply, OffsetDelete, OffsetDeleteReply};
use crate::group::{GroupOutcome, GroupRecord, GroupShard};
use crate::records::offset_commit::OffsetCommitKey;
use crate::shard::ReplyTo;

impl GroupShard {
    pub(in crate::group) fn offset_delete(
        &mut self,
        request: &OffsetDelete,
        reply_to: ReplyTo,
        out: &mut GroupOutcome,
    ) {
        let reply = match self.validate_offset_delete(&request.group_id) {
            Ok(()) => {
                let topics = request.topics.iter();
                let each =
                    topics.map(|(topic, partitions)| self.delete_of_topic(&request.group_id, topic, partitions, out));
                OffsetDeleteReply { error: ErrorCode::None, topics: each.collect() }
            }
            Err(error) => OffsetDeleteReply { error, topics: Vec::new() },
        };
        out.replies.push((reply_to, GroupReply::OffsetDelete(reply)));
    }

    fn validate_offset_delete(&self, group_id: &str) -> Result<(), ErrorCode> {
        if group_id.is_empty() {
            return Err(ErrorCode::InvalidGroupId);
        }
        self.refuse_damaged(group_id)?;
        match self.groups.get(group_id) {
            Some(group) => group.validate_offset_delete(),
            None if self.offsets.has_group(group_id) => Ok(()),
            None => Err(ErrorCode::GroupIdNotFound),
        }
    }

    fn delete_of_topic(
        &mut self,
        group_id: &str,
        topic: &str,
        partitions: &[i32],
        out: &mut GroupOutcome,
    ) -> Vec<ErrorCode> {
        if self.groups.get(group_id).is_some_and(|group| group.is_subscribed_to(topic)) {
            return vec![ErrorCode::GroupSubscribedToTopic; partitions.len()];
        }
        let mut codes = Vec::with_capacity(partitions.len());
        for partition in partitions {
            // What was never committed needs no tombstone.
            let is_committed = self.offsets.get(group_id, topic, *partition).is_some()
                || self.pending.has_partition(group_id, topic, *partition);
            let deleted = if is_committed { self.accept(&tombstone(group_id, topic, *partition), out) } else { Ok(()) };
            codes.push(deleted.err().unwrap_or(ErrorCode::None));
        }
        codes
    }
}

/// The record that forgets an offset.
pub(super) fn tombstone(group_id: &str, topic: &str, partition: i32) -> GroupRecord {
    let key = OffsetCommitKey { group: group_id.to_owned(), topic: topic.to_owned(), partition };
    GroupRecord::OffsetCommit(key, None)
}

impl GroupShard {
    /// The records that forget all offsets of a group, also those of open transactions.
    pub(in crate::group) fn offset_tombstones(&self, group_id: &str) -> Vec<GroupRecord> {
        let topics = self.offsets.topics(group_id).iter();
        let each = topics.flat_map(|topic| {
            topic.partitions().iter().map(|committed| tombstone(group_id, topic.name(), committed.partition))
        });
        let pending = self.pending.partitions(group_id);
        let pending = pending.filter(|(topic, index)| self.offsets.get(group_id, topic, *index).is_none());
        each.chain(pending.map(|(topic, index)| tombstone(group_id, topic, index))).collect()
    }
}
