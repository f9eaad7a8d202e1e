//! The coordinators at run time: a few threads, each with the shards of some partitions of `__consumer_offsets`.
//!
//! Owns: which thread has which shard, loading a shard from its partition, appending what it decides, and holding its answers
//! until all that they rest on is durable. Does not know: what a group is (that is the crate `coordinator`), requests and
//! their versions, sockets.
//!
//! Decide, append, replay, release: the events that a thread takes together are decided one after the other; the records of
//! each shard go into one append; the answers, also of events that only read, leave when the partition's high watermark has
//! passed all that was appended before them. What cannot be appended did not happen: the shard is dropped and loaded again.

mod handle;
mod internal_topic;
mod loading;
mod questions;
mod settings;
mod shard_runtime;
mod thread;
mod topics;

pub(crate) use handle::Coordinators;
pub(crate) use thread::CoordinatorThreads;
