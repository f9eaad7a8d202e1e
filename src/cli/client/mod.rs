//! A small Kafka client for the command line: blocking, one request at a time, a member of no group, no
//! background threads.
//!
//! Owns: connections, version negotiation, metadata, finding leaders, retries and timeouts. The messages are those of
//! the kafka-protocol crate, so that no codec of ours judges our own broker; record batches are written and read in
//! [`record_batch`], because that crate drops repeated header keys (docs/decisions/0001).
//! Does not know: arguments, formats, or anything of the broker's code.

pub(crate) mod admin;
pub(crate) mod cluster;
pub(crate) mod compression;
pub(crate) mod configs;
pub(crate) mod connection;
pub(crate) mod consumer;
pub(crate) mod error;
pub(crate) mod groups;
pub(crate) mod offsets;
pub(crate) mod partitioner;
pub(crate) mod producer;
pub(crate) mod record_batch;
mod versions;

pub(crate) use cluster::Cluster;
pub(crate) use error::ClientError;
