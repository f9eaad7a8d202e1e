//! KIP-848 groups: the coordinator assigns, members reconcile.
//!
//! Owns: who is in such a group, what each member is to own and what it owns by now. The target is computed as a whole when
//! the group's epoch grows; each member then goes towards it by its own heartbeats, so that a rebalance stops nobody.
//!
//! The parts: [`group`] and [`member`] are the state, `records` and `replay` the log; `heartbeat`, `join` and `leave` the request,
//! with `refusal` for what it must say, `target` for the group's part of it and `reconcile` for the member's; `patterns` are
//! topics by regular expression; `sessions` is what happens by itself; `migration` is classic members in such a group.

mod common;
mod describe;
mod group;
mod heartbeat;
mod index;
mod join;
mod leave;
mod member;
mod migration;
mod patterns;
mod reconcile;
mod records;
mod refusal;
mod replay;
mod sessions;
mod target;
#[cfg(test)]
mod tests;

pub(crate) use self::group::ConsumerGroup;
pub(crate) use self::index::Readers;
pub(crate) use self::patterns::Patterns;
