//! What other rooms ask of a group of either kind: its state, and who may commit, fetch and delete.

use model::{ErrorCode, Timestamp};

use super::group::ConsumerGroup;
use crate::group::event::OffsetCommit;

/// The first version of `OffsetCommit` that carries a member epoch.
const MEMBER_EPOCH_VERSION: i16 = 9;

impl ConsumerGroup {
    /// Its state, in Kafka's word.
    pub(crate) fn state_name(&self) -> &'static str {
        if self.members().is_empty() {
            "Empty"
        } else if self.epoch > self.target_epoch {
            "Assigning"
        } else if self.members().values().all(|member| member.is_reconciled_to(self.target_epoch)) {
            "Stable"
        } else {
            "Reconciling"
        }
    }

    /// Its protocol type.
    #[expect(clippy::unused_self, reason = "groups of every kind are asked")]
    pub(crate) fn protocol_type(&self) -> &'static str {
        "consumer"
    }

    /// Whether it has no members.
    pub(crate) fn is_empty(&self) -> bool {
        self.members().is_empty()
    }

    /// Whether this commit may be made: by a member in its epoch, or in an older one for partitions that it had then
    /// (KIP-1251), or by anybody if there are no members.
    pub(crate) fn validate_offset_commit(&self, request: &OffsetCommit) -> Result<(), ErrorCode> {
        let epoch = request.generation_id_or_member_epoch;
        if epoch < 0 && self.members().is_empty() {
            return Ok(());
        }
        let member = self.member(&request.member_id).ok_or(ErrorCode::UnknownMemberId)?;
        let is_transactional = request.transaction.is_some();
        if !is_transactional && !member.is_classic() && request.version < MEMBER_EPOCH_VERSION {
            return Err(ErrorCode::UnsupportedVersion);
        }
        // The answer to a transaction's commit has no word for a stale epoch.
        let stale = if member.is_classic() || is_transactional {
            ErrorCode::IllegalGeneration
        } else {
            ErrorCode::StaleMemberEpoch
        };
        if epoch == member.current.epoch {
            return Ok(());
        }
        if epoch > member.current.epoch {
            return Err(stale);
        }
        let mut partitions = request
            .topics
            .iter()
            .flat_map(|topic| topic.partitions.iter().map(|partition| member.assigned_in(topic.id, partition.index)));
        if partitions.all(|assigned| assigned.is_some_and(|assigned| assigned <= epoch)) { Ok(()) } else { Err(stale) }
    }

    /// Whether offsets may be read by this member, or by somebody who does not say who it is.
    pub(crate) fn validate_offset_fetch(&self, member_id: Option<&str>, member_epoch: i32) -> Result<(), ErrorCode> {
        let Some(member_id) = member_id else {
            return if member_epoch < 0 { Ok(()) } else { Err(ErrorCode::UnknownMemberId) };
        };
        let member = self.member(member_id).ok_or(ErrorCode::UnknownMemberId)?;
        if member_epoch == member.current.epoch {
            Ok(())
        } else if member.is_classic() {
            Err(ErrorCode::IllegalGeneration)
        } else {
            Err(ErrorCode::StaleMemberEpoch)
        }
    }

    /// Whether it may be deleted.
    pub(crate) fn validate_delete(&self) -> Result<(), ErrorCode> {
        if self.members().is_empty() { Ok(()) } else { Err(ErrorCode::NonEmptyGroup) }
    }

    /// Whether a member reads this topic, by name or by a pattern.
    pub(crate) fn is_subscribed_to(&self, topic: &str) -> bool {
        self.has_readers(topic)
    }

    /// From when on a committed offset ages: in these groups always from its commit (KIP-211).
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "groups of every kind are asked")]
    pub(crate) fn offset_expiry_base(&self, committed: Timestamp) -> Option<Timestamp> {
        Some(committed)
    }
}
