//! The records of KIP-848 groups, made part of the state: those just decided, and those of the log.
//!
//! A log that was compacted has the last record of each key, in the order in which they were written. A group or a member
//! may thus show up first in any of its records, and a tombstone may be for something that never showed up.

use super::group::{ConsumerGroup, Resolved};
use super::member::{About, Current, LEFT};
use crate::group::assignor::Assignment;
use crate::group::{Group, GroupRecord, GroupShard};
use crate::records::consumer_group_target_assignment_member::ConsumerGroupTargetAssignmentMemberValue;
use crate::shard::ReplayError;

impl GroupShard {
    /// Makes a record of a KIP-848 group part of the state.
    pub(in crate::group) fn apply_consumer(&mut self, record: &GroupRecord) -> Result<(), ReplayError> {
        match record {
            GroupRecord::ConsumerGroupMetadata(key, Some(value)) => {
                let group = self.replayed(&key.group_id)?;
                group.epoch = value.epoch;
                group.metadata_hash = value.metadata_hash;
            }
            GroupRecord::ConsumerGroupMetadata(key, None) => self.forget_consumer_group(&key.group_id),
            GroupRecord::ConsumerGroupMemberMetadata(key, value) => {
                let Some(group) = self.replayed_for(&key.group_id, value.is_some())? else { return Ok(()) };
                let touched = match value {
                    Some(value) => group.set_about(&key.member_id, About::from(value)),
                    None => group.remove_member(&key.member_id),
                };
                self.note_readers(&key.group_id, &touched);
            }
            GroupRecord::ConsumerGroupTargetAssignmentMetadata(key, value) => {
                let Some(group) = self.replayed_for(&key.group_id, value.is_some())? else { return Ok(()) };
                group.target_epoch = value.as_ref().map_or(LEFT, |value| value.assignment_epoch);
                group.target_time = value.as_ref().map_or(0, |value| value.assignment_timestamp);
            }
            GroupRecord::ConsumerGroupTargetAssignmentMember(key, value) => {
                let Some(group) = self.replayed_for(&key.group_id, value.is_some())? else { return Ok(()) };
                group.set_target(&key.member_id, value.as_ref().map(target));
            }
            GroupRecord::ConsumerGroupCurrentMemberAssignment(key, Some(value)) => {
                self.replayed(&key.group_id)?.set_current(&key.member_id, Current::from(value));
            }
            GroupRecord::ConsumerGroupCurrentMemberAssignment(key, None) => {
                // The member itself goes with the tombstone of what it said of itself, which follows.
                let Some(group) = self.replayed_for(&key.group_id, false)? else { return Ok(()) };
                if group.member(&key.member_id).is_some() {
                    let left = Current { epoch: LEFT, previous_epoch: LEFT, ..Current::default() };
                    group.set_current(&key.member_id, left);
                }
            }
            GroupRecord::ConsumerGroupRegularExpression(key, value) => {
                let Some(group) = self.replayed_for(&key.group_id, value.is_some())? else { return Ok(()) };
                let resolved = value.as_ref().map(|value| Resolved {
                    topics: value.topics.iter().cloned().collect(),
                    version: value.version,
                    timestamp: value.timestamp,
                });
                let touched: Vec<_> = group.set_resolved(&key.regular_expression, resolved).into_iter().collect();
                self.note_readers(&key.group_id, &touched);
            }
            GroupRecord::OffsetCommit(..) | GroupRecord::GroupMetadata(..) => {}
        }
        Ok(())
    }

    /// The group that a record is of; made, if this is its first.
    fn replayed(&mut self, group_id: &str) -> Result<&mut ConsumerGroup, ReplayError> {
        if !self.groups.contains_key(group_id) {
            self.groups.insert(group_id.to_owned(), Group::Consumer(ConsumerGroup::default()));
        }
        match self.groups.get_mut(group_id) {
            Some(Group::Consumer(group)) => Ok(group),
            Some(Group::Classic(_)) | None => Err(ReplayError {
                what: format!("a record of the KIP-848 group {group_id:?}"),
                id: Some(group_id.to_owned()),
                problem: "it follows records of a classic group of this name".to_owned(),
            }),
        }
    }

    /// The group that a record is of; a tombstone makes none, and is of no group of another kind.
    fn replayed_for(&mut self, group_id: &str, makes: bool) -> Result<Option<&mut ConsumerGroup>, ReplayError> {
        if makes {
            return self.replayed(group_id).map(Some);
        }
        match self.groups.get_mut(group_id) {
            Some(Group::Consumer(group)) => Ok(Some(group)),
            Some(Group::Classic(_)) | None => Ok(None),
        }
    }

    fn forget_consumer_group(&mut self, group_id: &str) {
        let Some(Group::Consumer(_)) = self.groups.get(group_id) else { return };
        let Some(Group::Consumer(group)) = self.groups.remove(group_id) else { return };
        for topic in group.topics() {
            self.readers.set_topic(topic, group_id, false);
        }
        self.readers.set_patterns(group_id, false);
    }

    /// Brings the index over all groups up to date, for topics whose readers in this group may have changed.
    fn note_readers(&mut self, group_id: &str, topics: &[String]) {
        let Some(Group::Consumer(group)) = self.groups.get(group_id) else { return };
        for topic in topics {
            self.readers.set_topic(topic, group_id, group.is_subscribed_to(topic));
        }
        self.readers.set_patterns(group_id, group.patterns().next().is_some());
    }
}

fn target(value: &ConsumerGroupTargetAssignmentMemberValue) -> Assignment {
    let mut target = Assignment::new();
    for topic in &value.topic_partitions {
        target.entry(topic.topic_id).or_default().extend(topic.partitions.iter().copied());
    }
    target
}
