//! The vocabulary of Tidelog: ids, offsets, producer identities, time, error codes and the bounded wire reader and
//! writer that every format shares.
//!
//! Owns: the words that all rooms use, and the only ways to make one from untrusted input.
//! Does not know: files, sockets, clocks, threads. Everything here is pure.
#![forbid(unsafe_code)]

pub mod config;
pub mod error_code;
pub mod ids;
pub mod num;
pub mod offset;
pub mod options;
pub mod producer;
pub mod time;
pub mod wire;

pub use error_code::ErrorCode;
pub use ids::{BrokerId, PartitionIndex, TopicId, TopicName, TopicPartition};
pub use offset::{LeaderEpoch, Offset};
pub use options::{Acks, IsolationLevel};
pub use producer::{ProducerEpoch, ProducerId, Sequence};
pub use time::{Deadline, Tick, Timestamp};
