//! The coordinators: groups and transactions as deterministic state machines.
//!
//! Owns: what a group is, who is in it, who reads which partition, and how far each group has read; what a transaction is,
//! how it ends, and who may end it. An event and the time come in; replies and records go out. A shard is the state of one partition of an internal topic, and follows from that
//! partition's records: `replay` of all of them gives the state again.
//!
//! Does not know: clocks, randomness, sockets, files, threads, or Kafka's requests. `src/coordinators` feeds it and appends
//! what it decides.
#![forbid(unsafe_code)]

mod codec;
pub mod group;
mod re2;
pub mod records;
pub mod shard;
mod timers;
pub mod transaction;
