//! The records that are written of a KIP-848 group.

use super::group::{ConsumerGroup, Resolved};
use super::member::{About, Current};
use crate::group::GroupRecord;
use crate::group::assignor::Assignment;
use crate::records::consumer_group_current_member_assignment::ConsumerGroupCurrentMemberAssignmentKey;
use crate::records::consumer_group_member_metadata::ConsumerGroupMemberMetadataKey;
use crate::records::consumer_group_metadata::{ConsumerGroupMetadataKey, ConsumerGroupMetadataValue};
use crate::records::consumer_group_regular_expression::{
    ConsumerGroupRegularExpressionKey, ConsumerGroupRegularExpressionValue,
};
use crate::records::consumer_group_target_assignment_member::{
    ConsumerGroupTargetAssignmentMemberKey, ConsumerGroupTargetAssignmentMemberValue, TopicPartition,
};
use crate::records::consumer_group_target_assignment_metadata::{
    ConsumerGroupTargetAssignmentMetadataKey, ConsumerGroupTargetAssignmentMetadataValue,
};

/// What a member said of itself, or that it is gone.
pub(super) fn about(group_id: &str, member_id: &str, about: Option<&About>) -> GroupRecord {
    let key = ConsumerGroupMemberMetadataKey { group_id: group_id.to_owned(), member_id: member_id.to_owned() };
    GroupRecord::ConsumerGroupMemberMetadata(key, about.map(About::to_value))
}

/// What a member owns, or that it owns nothing any more.
pub(super) fn current(group_id: &str, member_id: &str, current: Option<&Current>) -> GroupRecord {
    let key =
        ConsumerGroupCurrentMemberAssignmentKey { group_id: group_id.to_owned(), member_id: member_id.to_owned() };
    GroupRecord::ConsumerGroupCurrentMemberAssignment(key, current.map(Current::to_value))
}

/// What a member is to own, or that it is to own nothing any more.
pub(super) fn target(group_id: &str, member_id: &str, target: Option<&Assignment>) -> GroupRecord {
    let key = ConsumerGroupTargetAssignmentMemberKey { group_id: group_id.to_owned(), member_id: member_id.to_owned() };
    let value = target.map(|target| ConsumerGroupTargetAssignmentMemberValue {
        topic_partitions: (target.iter())
            .map(|(topic_id, partitions)| TopicPartition {
                topic_id: *topic_id,
                partitions: partitions.iter().copied().collect(),
            })
            .collect(),
    });
    GroupRecord::ConsumerGroupTargetAssignmentMember(key, value)
}

/// The epoch of the target, and when it was computed; `None` with the group itself.
pub(super) fn target_epoch(group_id: &str, epoch: Option<(i32, i64)>) -> GroupRecord {
    let key = ConsumerGroupTargetAssignmentMetadataKey { group_id: group_id.to_owned() };
    let value = epoch.map(|(assignment_epoch, assignment_timestamp)| ConsumerGroupTargetAssignmentMetadataValue {
        assignment_epoch,
        assignment_timestamp,
    });
    GroupRecord::ConsumerGroupTargetAssignmentMetadata(key, value)
}

/// The group's epoch and the hash of its topics; `None` forgets the group.
pub(super) fn epoch(group_id: &str, epoch: Option<(i32, i64)>) -> GroupRecord {
    let key = ConsumerGroupMetadataKey { group_id: group_id.to_owned() };
    let value = epoch.map(|(epoch, metadata_hash)| ConsumerGroupMetadataValue { epoch, metadata_hash });
    GroupRecord::ConsumerGroupMetadata(key, value)
}

/// The topics of a pattern, or that nobody subscribes to it any more.
pub(super) fn pattern(group_id: &str, pattern: &str, resolved: Option<&Resolved>) -> GroupRecord {
    let key =
        ConsumerGroupRegularExpressionKey { group_id: group_id.to_owned(), regular_expression: pattern.to_owned() };
    let value = resolved.map(|resolved| ConsumerGroupRegularExpressionValue {
        topics: resolved.topics.iter().cloned().collect(),
        version: resolved.version,
        timestamp: resolved.timestamp,
    });
    GroupRecord::ConsumerGroupRegularExpression(key, value)
}

impl ConsumerGroup {
    /// The records that delete the group, in Kafka's order.
    pub(crate) fn tombstones(&self, group_id: &str) -> Vec<GroupRecord> {
        let members = || self.members().keys();
        let mut records: Vec<_> = members().map(|member| current(group_id, member, None)).collect();
        records.extend(self.target().keys().map(|member| target(group_id, member, None)));
        records.push(target_epoch(group_id, None));
        records.extend(members().map(|member| about(group_id, member, None)));
        records.extend(self.resolved_patterns().map(|regex| pattern(group_id, regex, None)));
        records.push(epoch(group_id, None));
        records
    }
}
