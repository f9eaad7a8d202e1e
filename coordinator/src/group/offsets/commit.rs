//! `OffsetCommit` and `TxnOffsetCommit`: a group, or a reader outside any group, says how far it has read.

use model::wire::STRING_LENGTH_MAX;
use model::{ErrorCode, TopicId};

use crate::group::event::{CommitPartition, CommitTopic, GroupReply, OffsetCommit, OffsetCommitReply};
use crate::group::{Context, GroupOutcome, GroupRecord, GroupShard};
use crate::records::offset_commit::{OffsetCommitKey, OffsetCommitValue};
use crate::shard::ReplyTo;

/// The request's "as long as the broker keeps offsets".
const RETENTION_OF_THE_BROKER: i64 = -1;

/// The first version of the request in which an absent group is told by an error of its own.
const FIRST_VERSION_WITH_GROUP_ID_NOT_FOUND: i16 = 9;

/// A request that was accepted, with what is the same for all its offsets.
struct Accepted<'a> {
    context: &'a Context<'a>,
    request: &'a OffsetCommit,
    expire_timestamp: Option<i64>,
}

impl GroupShard {
    pub(in crate::group) fn offset_commit(
        &mut self,
        context: &Context<'_>,
        request: &OffsetCommit,
        reply_to: ReplyTo,
        out: &mut GroupOutcome,
    ) {
        let reply = match self.validate_commit(context, request) {
            Ok(()) => {
                out.transaction = request.transaction;
                let accepted = Accepted { context, request, expire_timestamp: expire_timestamp(context, request) };
                let topics = request.topics.iter();
                OffsetCommitReply::Each(topics.map(|topic| self.commit_topic(&accepted, topic, out)).collect())
            }
            Err(error) => OffsetCommitReply::Refused(error),
        };
        out.replies.push((reply_to, GroupReply::OffsetCommit(reply)));
    }

    /// Whether this member, or this reader without a group, may commit now.
    fn validate_commit(&mut self, context: &Context<'_>, request: &OffsetCommit) -> Result<(), ErrorCode> {
        self.refuse_damaged(&request.group_id)?;
        if let Some(group) = self.groups.get_mut(&request.group_id) {
            return group.validate_offset_commit(context, request);
        }
        let is_simple = self.offsets.has_group(&request.group_id);
        if request.generation_id_or_member_epoch < 0 {
            // A simple group: nobody's but whoever commits.
            let is_full = !is_simple && self.offsets.groups_count() >= context.settings.groups_max;
            return if is_full { Err(ErrorCode::GroupMaxSizeReached) } else { Ok(()) };
        }
        if is_simple {
            // A group without members, and the request names one.
            return Err(ErrorCode::UnknownMemberId);
        }
        if request.transaction.is_none() && request.version >= FIRST_VERSION_WITH_GROUP_ID_NOT_FOUND {
            Err(ErrorCode::GroupIdNotFound)
        } else {
            Err(ErrorCode::IllegalGeneration)
        }
    }

    fn commit_topic(&mut self, commit: &Accepted<'_>, topic: &CommitTopic, out: &mut GroupOutcome) -> Vec<ErrorCode> {
        let bytes_max = commit.context.settings.offset_metadata_max_bytes;
        let mut codes = Vec::with_capacity(topic.partitions.len());
        for partition in &topic.partitions {
            codes.push(if is_too_large(partition.metadata.as_deref().unwrap_or(""), bytes_max) {
                ErrorCode::OffsetMetadataTooLarge
            } else {
                self.accept(&commit.record(topic, partition), out).err().unwrap_or(ErrorCode::None)
            });
        }
        codes
    }
}

impl Accepted<'_> {
    fn record(&self, topic: &CommitTopic, partition: &CommitPartition) -> GroupRecord {
        let key = OffsetCommitKey {
            group: self.request.group_id.clone(),
            topic: topic.name.clone(),
            partition: partition.index,
        };
        // A record with an expiry is of a version that has no place for these two: what the log cannot give back is not kept.
        let (leader_epoch, topic_id) =
            if self.expire_timestamp.is_none() { (partition.leader_epoch, topic.id) } else { (-1, TopicId::ZERO) };
        let value = OffsetCommitValue {
            offset: partition.offset,
            leader_epoch,
            metadata: partition.metadata.clone().unwrap_or_default(),
            commit_timestamp: self.context.now.time.get(),
            expire_timestamp: self.expire_timestamp.unwrap_or(-1),
            topic_id,
        };
        GroupRecord::OffsetCommit(key, Some(value))
    }
}

/// When offsets expire that were committed with a retention of their own (versions up to 4, KIP-211).
fn expire_timestamp(context: &Context<'_>, request: &OffsetCommit) -> Option<i64> {
    let retention_time_ms = request.retention_time_ms;
    (retention_time_ms != RETENTION_OF_THE_BROKER).then(|| context.now.time.get().saturating_add(retention_time_ms))
}

/// Kafka counts UTF-16 units here, whatever the setting's name says; what no record can hold is too large in any case.
fn is_too_large(metadata: &str, bytes_max: i32) -> bool {
    let units_max = usize::try_from(bytes_max).unwrap_or(0);
    metadata.len() > STRING_LENGTH_MAX || (metadata.len() > units_max && metadata.encode_utf16().count() > units_max)
}
