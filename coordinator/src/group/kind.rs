//! A group, of whichever kind: what offsets and the directory ask of it.

use model::{ErrorCode, Timestamp};

use super::classic::ClassicGroup;
use super::consumer::ConsumerGroup;
use super::event::OffsetCommit;
use super::{Context, GroupRecord};

/// The protocol type of groups whose members speak the consumers' protocol, classic or KIP-848.
const CONSUMER_PROTOCOL_TYPE: &str = "consumer";

/// A group, by kind. A group that only has offsets is in [`super::offsets`] alone.
#[derive(Debug)]
pub(crate) enum Group {
    /// Members assign.
    Classic(ClassicGroup),
    /// The coordinator assigns (KIP-848).
    Consumer(ConsumerGroup),
}

impl Group {
    /// Kafka's word for the kind.
    pub(super) const fn type_name(&self) -> &'static str {
        match self {
            Self::Classic(_) => "classic",
            Self::Consumer(_) => "consumer",
        }
    }

    /// Kafka's word for the state.
    pub(super) fn state_name(&self) -> &'static str {
        match self {
            Self::Classic(group) => group.state_name(),
            Self::Consumer(group) => group.state_name(),
        }
    }

    /// What the members speak with each other; empty if nobody has said yet.
    pub(super) fn protocol_type(&self) -> &str {
        match self {
            Self::Classic(group) => group.protocol_type(),
            Self::Consumer(group) => group.protocol_type(),
        }
    }

    /// Whether it is without members, in the state `Empty`.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Classic(group) => group.is_empty(),
            Self::Consumer(group) => group.is_empty(),
        }
    }

    /// Whether this member may commit now. If so, a classic member has shown that it lives.
    pub(super) fn validate_offset_commit(
        &mut self,
        context: &Context<'_>,
        request: &OffsetCommit,
    ) -> Result<(), ErrorCode> {
        match self {
            Self::Classic(group) => group.validate_offset_commit(context, request),
            Self::Consumer(group) => group.validate_offset_commit(request),
        }
    }

    /// Whether this member, or anybody, may fetch offsets now.
    pub(super) fn validate_offset_fetch(&self, member_id: Option<&str>, member_epoch: i32) -> Result<(), ErrorCode> {
        match self {
            Self::Classic(group) => group.validate_offset_fetch(member_id, member_epoch),
            Self::Consumer(group) => group.validate_offset_fetch(member_id, member_epoch),
        }
    }

    /// Whether offsets may be deleted now. Where it is known what the members read, those of other topics may.
    pub(super) fn validate_offset_delete(&self) -> Result<(), ErrorCode> {
        let knows_topics = self.protocol_type() == CONSUMER_PROTOCOL_TYPE;
        if knows_topics || self.is_empty() { Ok(()) } else { Err(ErrorCode::NonEmptyGroup) }
    }

    /// Whether the group may be deleted now.
    pub(super) fn validate_delete(&self) -> Result<(), ErrorCode> {
        match self {
            Self::Classic(group) => group.validate_delete(),
            Self::Consumer(group) => group.validate_delete(),
        }
    }

    /// Whether members read this topic, or may do so for all that is known.
    pub(super) fn is_subscribed_to(&self, topic: &str) -> bool {
        match self {
            Self::Classic(group) => group.is_subscribed_to(topic),
            Self::Consumer(group) => group.is_subscribed_to(topic),
        }
    }

    /// From when on the retention of an offset counts that was committed then; `None` while it does not (KIP-211).
    pub(super) fn offset_expiry_base(&self, committed: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Classic(group) => group.offset_expiry_base(committed),
            Self::Consumer(group) => group.offset_expiry_base(committed),
        }
    }

    /// The records that delete the group.
    pub(super) fn tombstones(&self, group_id: &str) -> Vec<GroupRecord> {
        match self {
            Self::Classic(group) => group.tombstones(group_id),
            Self::Consumer(group) => group.tombstones(group_id),
        }
    }
}
