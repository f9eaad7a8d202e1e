//! The records of `__consumer_offsets`: typed here, bytes in the log. Keys begin with the record's type, values with their
//! version, both int16 (Kafka's `CoordinatorRecordSerde`).

use model::wire::{Decode, Encode, EncodeError, Encoder, Reader, WireError, decode_body};

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

/// The version in which offsets are written: Kafka's without an expiry of their own.
const OFFSET_COMMIT_VERSION: i16 = 3;
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

    /// Reads a record. `None` for a type that this version does not know, which is passed over as Kafka does.
    ///
    /// # Errors
    /// [`ReplayError`] if key or value is not what its type and version say.
    pub fn decode(key: &[u8], value: Option<&[u8]>) -> Result<Option<Self>, ReplayError> {
        let mut reader = Reader::new(key);
        let code = reader.i16().map_err(|error| fault("a record of the groups' log", &error))?;
        let rest = reader.peek();
        let decoded = match code {
            0 | 1 => Self::OffsetCommit(key_of(code, rest)?, value_of(code, value, 0..=4)?),
            2 => Self::GroupMetadata(key_of(code, rest)?, value_of(code, value, 0..=4)?),
            3 => Self::ConsumerGroupMetadata(key_of(code, rest)?, value_of(code, value, 0..=0)?),
            5 => Self::ConsumerGroupMemberMetadata(key_of(code, rest)?, value_of(code, value, 0..=0)?),
            6 => Self::ConsumerGroupTargetAssignmentMetadata(key_of(code, rest)?, value_of(code, value, 0..=0)?),
            7 => Self::ConsumerGroupTargetAssignmentMember(key_of(code, rest)?, value_of(code, value, 0..=0)?),
            8 => Self::ConsumerGroupCurrentMemberAssignment(key_of(code, rest)?, value_of(code, value, 0..=0)?),
            16 => Self::ConsumerGroupRegularExpression(key_of(code, rest)?, value_of(code, value, 0..=0)?),
            _ => return Ok(None),
        };
        Ok(Some(decoded))
    }
}

fn record(code: i16, key: &impl Encode, value: Option<&impl Encode>, version: i16) -> Result<Record, EncodeError> {
    let value = value.map(|value| bytes(version, value, version)).transpose()?;
    Ok(Record { key: bytes(code, key, 0)?, value })
}

fn bytes(head: i16, body: &impl Encode, version: i16) -> Result<Vec<u8>, EncodeError> {
    let mut encoder = Encoder::with_capacity(64);
    encoder.i16(head);
    body.encode(&mut encoder, version)?;
    Ok(encoder.into_parts().0)
}

fn key_of<'a, T: Decode<'a>>(code: i16, rest: &'a [u8]) -> Result<T, ReplayError> {
    decode_body(rest, 0).map_err(|error| fault(&format!("the key of a record of type {code}"), &error))
}

fn value_of<'a, T: Decode<'a>>(
    code: i16,
    value: Option<&'a [u8]>,
    versions: std::ops::RangeInclusive<i16>,
) -> Result<Option<T>, ReplayError> {
    let Some(value) = value else { return Ok(None) };
    let what = || format!("the value of a record of type {code}");
    let mut reader = Reader::new(value);
    let version = reader.i16().map_err(|error| fault(&what(), &error))?;
    if !versions.contains(&version) {
        let problem = format!("version {version}, where {} to {} are known", versions.start(), versions.end());
        return Err(ReplayError { what: what(), group_id: None, problem });
    }
    decode_body(reader.peek(), version).map(Some).map_err(|error| fault(&what(), &error))
}

fn fault(what: &str, error: &WireError) -> ReplayError {
    ReplayError { what: what.to_owned(), group_id: None, problem: error.to_string() }
}
