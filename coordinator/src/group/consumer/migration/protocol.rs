//! What classic consumers say to each other in subscriptions and assignments (`ConsumerProtocolSubscription` and
//! `ConsumerProtocolAssignment`, versions 0 to 3). These are clients' blobs: nothing is read beyond their own bytes.

use bytes::Bytes;
use model::wire::{Encoder, Form, Reader, WireError};
use model::{ErrorCode, TopicId};

use crate::group::Topics;
use crate::group::event::TopicPartitions;

/// The newest version of both; what is newer begins like it.
const VERSION_MAX: i16 = 3;
/// The first version of a subscription with the partitions that the member has.
const OWNED_VERSION: i16 = 1;
/// The first version of a subscription with the generation in which it had them.
const GENERATION_VERSION: i16 = 2;
/// The first version of a subscription with a rack.
const RACK_VERSION: i16 = 3;
/// Bytes of the shortest string: its length.
const STRING_SIZE_MIN: usize = 2;
/// Bytes of the shortest entry of a list of partitions: a name and a count.
const PARTITIONS_SIZE_MIN: usize = 6;

/// A blob that is not what it should be.
#[derive(Debug)]
pub(super) struct Malformed;

impl From<WireError> for Malformed {
    fn from(_: WireError) -> Self {
        Self
    }
}

/// A subscription.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Subscription {
    /// The version that the member speaks.
    pub(super) version: i16,
    /// The topics that it reads.
    pub(super) topics: Vec<String>,
    /// What it owns, by topic name.
    pub(super) owned: Vec<(String, Vec<i32>)>,
    /// Where it stands.
    pub(super) rack_id: Option<String>,
}

/// An assignment.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Assigned {
    /// By topic name.
    pub(super) partitions: Vec<(String, Vec<i32>)>,
    /// Whether an assignor of the clients' own has put something of its own beside them.
    pub(super) has_user_data: bool,
}

impl Subscription {
    /// Reads a subscription.
    pub(super) fn read(blob: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(blob);
        let version = version(&mut reader)?;
        let names = reader.elements(Form::Classic, STRING_SIZE_MIN, |reader| reader.string(Form::Classic))?;
        reader.nullable_bytes(Form::Classic)?;
        let owned = if version >= OWNED_VERSION { partitions(&mut reader)? } else { Vec::new() };
        if version >= GENERATION_VERSION {
            reader.i32()?;
        }
        let rack = if version >= RACK_VERSION { reader.nullable_string(Form::Classic)? } else { None };
        Ok(Self {
            version,
            topics: names.into_iter().map(str::to_owned).collect(),
            owned,
            rack_id: rack.filter(|rack| !rack.is_empty()).map(str::to_owned),
        })
    }
}

impl Assigned {
    /// Reads an assignment; no bytes at all are an empty one.
    pub(super) fn read(blob: &[u8]) -> Result<Self, Malformed> {
        if blob.is_empty() {
            return Ok(Self { partitions: Vec::new(), has_user_data: false });
        }
        let mut reader = Reader::new(blob);
        version(&mut reader)?;
        let partitions = partitions(&mut reader)?;
        let has_user_data = reader.nullable_bytes(Form::Classic)?.is_some_and(|data| !data.is_empty());
        Ok(Self { partitions, has_user_data })
    }
}

/// An assignment as a member of this version reads it. Topics that are gone are left out.
pub(super) fn write_assignment(
    topics: &dyn Topics,
    version: i16,
    partitions: impl Iterator<Item = (TopicId, Vec<i32>)>,
) -> Result<Bytes, ErrorCode> {
    let named: Vec<_> = partitions.filter_map(|(id, partitions)| Some((topics.by_id(id)?.0, partitions))).collect();
    let mut encoder = Encoder::with_capacity(64);
    encoder.i16(version);
    let written = encoder.elements(Form::Classic, &named, |encoder, (name, partitions)| {
        encoder.string(Form::Classic, name)?;
        encoder.elements(Form::Classic, partitions, |encoder, partition| {
            encoder.i32(*partition);
            Ok(())
        })
    });
    written.and_then(|()| encoder.nullable_bytes(Form::Classic, None)).map_err(|_| ErrorCode::UnknownServerError)?;
    Ok(Bytes::from(encoder.into_parts().0))
}

/// Partitions by the ids of their topics. Topics that are gone are left out.
pub(super) fn by_id(topics: &dyn Topics, named: &[(String, Vec<i32>)]) -> Vec<TopicPartitions> {
    let known = named.iter().filter_map(|(name, partitions)| Some((topics.by_name(name)?.0, partitions)));
    known.map(|(topic_id, partitions)| TopicPartitions { topic_id, partitions: partitions.clone() }).collect()
}

/// The protocol that most members prefer among those that all know; of equals the first by name.
pub(super) fn select<'a>(members: &[&'a [(String, Bytes)]]) -> Option<&'a str> {
    let all_know = |name: &str| members.iter().all(|protocols| protocols.iter().any(|(known, _)| known == name));
    let mut votes = std::collections::BTreeMap::<&str, usize>::new();
    for protocols in members {
        if let Some((name, _)) = protocols.iter().find(|(name, _)| all_know(name)) {
            *votes.entry(name).or_default() += 1;
        }
    }
    let most = votes.values().copied().max()?;
    votes.into_iter().find(|(_, count)| *count == most).map(|(name, _)| name)
}

/// The version of a blob, as far as it is known here.
fn version(reader: &mut Reader<'_>) -> Result<i16, Malformed> {
    let version = reader.i16()?;
    if version < 0 { Err(Malformed) } else { Ok(version.min(VERSION_MAX)) }
}

fn partitions(reader: &mut Reader<'_>) -> Result<Vec<(String, Vec<i32>)>, Malformed> {
    let topics = reader.elements(Form::Classic, PARTITIONS_SIZE_MIN, |reader| {
        let name = reader.string(Form::Classic)?.to_owned();
        Ok((name, reader.elements(Form::Classic, size_of::<i32>(), Reader::i32)?))
    })?;
    Ok(topics)
}
