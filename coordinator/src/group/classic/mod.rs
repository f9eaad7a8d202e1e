//! Classic groups: members join, their leader assigns (KIP-62, KIP-345, KIP-394).
//!
//! Owns: who is in such a group, in which generation, and what each member was assigned. A generation is in the log once
//! its leader has assigned; the joins that lead to it are not, and are lost with the process, as in Kafka. What a member is
//! assigned is the leader's and the clients' affair: the blobs are kept and handed out.
//!
//! The parts: [`state`] is the group, [`members`] and [`member`] who is in it; `join`, `static_member`, `sync`, `heartbeat`
//! and `leave` are the requests; `rebalance` and `timers` what goes on between them; `write` and `replay` the log.

mod common;
mod handover;
mod heartbeat;
mod join;
mod leave;
mod member;
mod members;
mod rebalance;
mod replay;
mod state;
mod static_member;
mod subscription;
mod sync;
mod timers;
mod turn;
mod write;

pub(crate) use self::state::ClassicGroup;

#[cfg(test)]
mod tests;
