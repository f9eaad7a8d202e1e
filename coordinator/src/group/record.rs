//! The records of `__consumer_offsets`: typed here, bytes in the log. Keys begin with the record's type, values with their
//! version, both int16 (Kafka's `CoordinatorRecordSerde`).

use model::wire::{EncodeError, Reader, decode_body};

use crate::codec::{damaged_key, record, value_of};
use crate::records::consumer_group_current_member_assignment::{
    ConsumerGroupCurrentMemberAssignmentKey, ConsumerGroupCurrentMemberAssignmentValue,
};
use crate::records::consumer_group_member_metadata::{
    ConsumerGroupMemberMetadataKey, ConsumerGroupMemberMetadataValue,
};
use crate::records::consumer_group_metadata::{ConsumerGroupMetadataKey, ConsumerGroupMetadataValue};
use crate::records::consumer_group_regular_expression::{
    ConsumerGroupRegularExpressionKey, ConsumerGroupRegularExpressionValue,
};
use crate::records::consumer_group_target_assignment_member::{
    ConsumerGroupTargetAssignmentMemberKey, ConsumerGroupTargetAssignmentMemberValue,
};
use crate::records::consumer_group_target_assignment_metadata::{
    ConsumerGroupTargetAssignmentMetadataKey, ConsumerGroupTargetAssignmentMetadataValue,
};
use crate::records::group_metadata::{GroupMetadataKey, GroupMetadataValue};
use crate::records::offset_commit::{OffsetCommitKey, OffsetCommitValue};
use crate::shard::{Record, ReplayError};

/// The version in which offsets are written: with the topic's id, and without an expiry of their own.
const OFFSET_COMMIT_VERSION: i16 = 4;
/// The version in which offsets with an expiry of their own are written (requests up to version 4).
const EXPIRING_OFFSET_COMMIT_VERSION: i16 = 1;
/// The version in which classic groups are written.
const GROUP_METADATA_VERSION: i16 = 3;
/// The version in which the records of KIP-848 groups are written.
const CONSUMER_GROUP_VERSION: i16 = 0;

/// A record of `__consumer_offsets`: its key, and its value or `None` for a tombstone.
#[derive(Clone, Debug, PartialEq)]
pub enum GroupRecord {
    /// How far a group has read one partition.
    OffsetCommit(OffsetCommitKey, Option<OffsetCommitValue>),
    /// A classic group after a rebalance.
    GroupMetadata(GroupMetadataKey, Option<GroupMetadataValue>),
    /// A KIP-848 group: its epoch.
    ConsumerGroupMetadata(ConsumerGroupMetadataKey, Option<ConsumerGroupMetadataValue>),
    /// A member of a KIP-848 group.
    ConsumerGroupMemberMetadata(ConsumerGroupMemberMetadataKey, Option<ConsumerGroupMemberMetadataValue>),
    /// A KIP-848 group: the epoch of its target assignment.
    ConsumerGroupTargetAssignmentMetadata(
        ConsumerGroupTargetAssignmentMetadataKey,
        Option<ConsumerGroupTargetAssignmentMetadataValue>,
    ),
    /// What a member of a KIP-848 group is to own in the end.
    ConsumerGroupTargetAssignmentMember(
        ConsumerGroupTargetAssignmentMemberKey,
        Option<ConsumerGroupTargetAssignmentMemberValue>,
    ),
    /// What a member of a KIP-848 group owns, and has to give back.
    ConsumerGroupCurrentMemberAssignment(
        ConsumerGroupCurrentMemberAssignmentKey,
        Option<ConsumerGroupCurrentMemberAssignmentValue>,
    ),
    /// A pattern of a KIP-848 group, and the topics that it stands for.
    ConsumerGroupRegularExpression(ConsumerGroupRegularExpressionKey, Option<ConsumerGroupRegularExpressionValue>),
}

impl GroupRecord {
    /// The record's type, the first number of its key.
    #[must_use]
    pub const fn code(&self) -> i16 {
        match self {
            Self::OffsetCommit(..) => 1,
            Self::GroupMetadata(..) => 2,
            Self::ConsumerGroupMetadata(..) => 3,
            Self::ConsumerGroupMemberMetadata(..) => 5,
            Self::ConsumerGroupTargetAssignmentMetadata(..) => 6,
            Self::ConsumerGroupTargetAssignmentMember(..) => 7,
            Self::ConsumerGroupCurrentMemberAssignment(..) => 8,
            Self::ConsumerGroupRegularExpression(..) => 16,
        }
    }

    /// The record as the log carries it.
    ///
    /// # Errors
    /// [`EncodeError`]: something in it is longer than the format allows.
    pub fn encode(&self) -> Result<Record, EncodeError> {
        let code = self.code();
        match self {
            Self::OffsetCommit(key, value) => {
                let expires = value.as_ref().is_some_and(|value| value.expire_timestamp != -1);
                let version = if expires { EXPIRING_OFFSET_COMMIT_VERSION } else { OFFSET_COMMIT_VERSION };
                record(code, key, value.as_ref(), version)
            }
            Self::GroupMetadata(key, value) => record(code, key, value.as_ref(), GROUP_METADATA_VERSION),
            Self::ConsumerGroupMetadata(key, value) => record(code, key, value.as_ref(), CONSUMER_GROUP_VERSION),
            Self::ConsumerGroupMemberMetadata(key, value) => record(code, key, value.as_ref(), CONSUMER_GROUP_VERSION),
            Self::ConsumerGroupTargetAssignmentMetadata(key, value) => {
                record(code, key, value.as_ref(), CONSUMER_GROUP_VERSION)
            }
            Self::ConsumerGroupTargetAssignmentMember(key, value) => {
                record(code, key, value.as_ref(), CONSUMER_GROUP_VERSION)
            }
            Self::ConsumerGroupCurrentMemberAssignment(key, value) => {
                record(code, key, value.as_ref(), CONSUMER_GROUP_VERSION)
            }
            Self::ConsumerGroupRegularExpression(key, value) => {
                record(code, key, value.as_ref(), CONSUMER_GROUP_VERSION)
            }
        }
    }

    /// The group that the record is about.
    #[must_use]
    pub fn group_id(&self) -> &str {
        match self {
            Self::OffsetCommit(key, _) => &key.group,
            Self::GroupMetadata(key, _) => &key.group,
            Self::ConsumerGroupMetadata(key, _) => &key.group_id,
            Self::ConsumerGroupMemberMetadata(key, _) => &key.group_id,
            Self::ConsumerGroupTargetAssignmentMetadata(key, _) => &key.group_id,
            Self::ConsumerGroupTargetAssignmentMember(key, _) => &key.group_id,
            Self::ConsumerGroupCurrentMemberAssignment(key, _) => &key.group_id,
            Self::ConsumerGroupRegularExpression(key, _) => &key.group_id,
        }
    }

    /// Reads a record. `None` for a type that this version does not know, which is passed over as Kafka does.
    ///
    /// # Errors
    /// [`ReplayError`] if key or value is not what its type and version say. It names the group if the key can be read.
    pub fn decode(key: &[u8], value: Option<&[u8]>) -> Result<Option<Self>, ReplayError> {
        let Some(mut record) = Self::of_key(key)? else { return Ok(None) };
        if let Some(value) = value {
            let read = record.read_value(value);
            read.map_err(|problem| ReplayError {
                what: format!("the value of a record of type {}", record.code()),
                id: Some(record.group_id().to_owned()),
                problem,
            })?;
        }
        Ok(Some(record))
    }

    /// The tombstone of this key.
    fn of_key(key: &[u8]) -> Result<Option<Self>, ReplayError> {
        let mut reader = Reader::new(key);
        let code = reader.i16().map_err(|error| damaged_key("a record of the groups' log", &error))?;
        let rest = reader.peek();
        let read = match code {
            0 | 1 => decode_body(rest, 0).map(|key| Self::OffsetCommit(key, None)),
            2 => decode_body(rest, 0).map(|key| Self::GroupMetadata(key, None)),
            3 => decode_body(rest, 0).map(|key| Self::ConsumerGroupMetadata(key, None)),
            5 => decode_body(rest, 0).map(|key| Self::ConsumerGroupMemberMetadata(key, None)),
            6 => decode_body(rest, 0).map(|key| Self::ConsumerGroupTargetAssignmentMetadata(key, None)),
            7 => decode_body(rest, 0).map(|key| Self::ConsumerGroupTargetAssignmentMember(key, None)),
            8 => decode_body(rest, 0).map(|key| Self::ConsumerGroupCurrentMemberAssignment(key, None)),
            16 => decode_body(rest, 0).map(|key| Self::ConsumerGroupRegularExpression(key, None)),
            _ => return Ok(None),
        };
        read.map(Some).map_err(|error| damaged_key(&format!("the key of a record of type {code}"), &error))
    }

    /// Reads the value that belongs to the key.
    fn read_value(&mut self, bytes: &[u8]) -> Result<(), String> {
        match self {
            Self::OffsetCommit(_, value) => *value = Some(value_of(bytes, 0..=4)?),
            Self::GroupMetadata(_, value) => *value = Some(value_of(bytes, 0..=4)?),
            Self::ConsumerGroupMetadata(_, value) => *value = Some(value_of(bytes, 0..=0)?),
            Self::ConsumerGroupMemberMetadata(_, value) => *value = Some(value_of(bytes, 0..=0)?),
            Self::ConsumerGroupTargetAssignmentMetadata(_, value) => *value = Some(value_of(bytes, 0..=0)?),
            Self::ConsumerGroupTargetAssignmentMember(_, value) => *value = Some(value_of(bytes, 0..=0)?),
            Self::ConsumerGroupCurrentMemberAssignment(_, value) => *value = Some(value_of(bytes, 0..=0)?),
            Self::ConsumerGroupRegularExpression(_, value) => *value = Some(value_of(bytes, 0..=0)?),
        }
        Ok(())
    }
}
