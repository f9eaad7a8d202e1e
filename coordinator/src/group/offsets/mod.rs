//! How far each group has read.
//!
//! Owns: the committed offsets of a shard, who may commit, fetch and delete them, and when they are forgotten. A group that
//! has no members and never had any (Kafka's "simple group") is here alone, and nowhere else.

mod commit;
mod delete;
mod expiry;
mod fetch;
mod forget;
mod pending;
mod store;
#[cfg(test)]
mod tests;

pub(crate) use self::expiry::ExpiryPass;
pub(crate) use self::forget::ForgetPass;
pub(crate) use self::pending::PendingOffsets;
pub(crate) use self::store::{Committed, Offsets};

use super::{Context, GroupShard};

impl GroupShard {
    /// All offsets were replayed: those of topics that went meanwhile are forgotten, the others expire from now on.
    pub(super) fn load_offsets(&mut self, context: &Context<'_>) {
        self.forget_lost_topics(context);
        self.expire_later(context);
    }
}
