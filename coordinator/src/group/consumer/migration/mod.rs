//! Groups between the two protocols (`group.consumer.migration.policy`).
//!
//! A classic group that a KIP-848 member joins becomes a KIP-848 group, and its members live on in it with the requests that
//! they know: `classic_member`. When the last KIP-848 member leaves them, they become a classic group again.

mod classic_member;
mod downgrade;
mod protocol;
mod upgrade;

pub(super) use self::upgrade::Upgrade;
