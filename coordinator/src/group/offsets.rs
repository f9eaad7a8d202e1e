//! How far each group has read.

use super::event::{OffsetCommit, OffsetDelete, OffsetFetch};
use super::{Context, GroupOutcome, GroupShard};
use crate::records::offset_commit::{OffsetCommitKey, OffsetCommitValue};
use crate::shard::{ReplayError, ReplyTo};

/// The committed offsets of a shard.
#[derive(Debug, Default)]
pub(crate) struct Offsets {}

impl Offsets {
    pub(super) fn apply(&mut self, _: &OffsetCommitKey, _: Option<&OffsetCommitValue>) -> Result<(), ReplayError> {
        unimplemented!()
    }
}

impl GroupShard {
    pub(super) fn load_offsets(&mut self, _: &Context<'_>) {
        unimplemented!()
    }
    pub(super) fn offset_commit(&mut self, _: &Context<'_>, _: &OffsetCommit, _: ReplyTo, _: &mut GroupOutcome) {
        unimplemented!()
    }
    pub(super) fn offset_fetch(&mut self, _: &Context<'_>, _: &OffsetFetch, _: ReplyTo, _: &mut GroupOutcome) {
        unimplemented!()
    }
    pub(super) fn offset_delete(&mut self, _: &Context<'_>, _: &OffsetDelete, _: ReplyTo, _: &mut GroupOutcome) {
        unimplemented!()
    }
    pub(super) fn expire_offsets(&mut self, _: &Context<'_>, _: &mut GroupOutcome) {
        unimplemented!()
    }
}
