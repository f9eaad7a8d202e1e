//! What every coordinator has in common: decide, append, replay, release.
//!
//! A shard decides from its state. Each record that it decides is replayed into the state at once, so that the next event
//! sees it, and is given out to be appended. Replies that were given out in the same breath may leave when everything
//! appended so far is durable, and so may replies that only read. If an append is refused, the shard is dropped and made
//! anew from the log: nothing that was not appended survives in it.

use std::convert::Infallible;

use model::{ProducerEpoch, ProducerId, Tick, Timestamp};

/// A reply's address: whoever handed in the event finds the one who waits by it. Never used twice while a shard lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplyTo(pub u64);

/// A record of an internal topic, encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The key: its type as an int16, then its fields.
    pub key: Vec<u8>,
    /// The value: its version as an int16, then its fields; `None` takes away what the key names.
    pub value: Option<Vec<u8>>,
}

/// Whose transaction records belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Producer {
    /// The producer.
    pub id: ProducerId,
    /// Its epoch.
    pub epoch: ProducerEpoch,
}

/// What a shard decided. `E` is what it asks of its runtime beside records and replies; most ask for nothing.
#[derive(Debug)]
pub struct Outcome<R, E = Infallible> {
    /// To be appended in this order, as one batch: all or nothing. Replayed already.
    pub records: Vec<Record>,
    /// Whose transaction the records belong to; `None` if they count as soon as they are durable.
    pub transaction: Option<Producer>,
    /// To be released when `records` and all before them are durable. Not only to the event that was handed in: one event may
    /// release many that were parked.
    pub replies: Vec<(ReplyTo, R)>,
    /// To be begun when `records` and all before them are durable, in this order. If the append is refused, they are not.
    pub effects: Vec<E>,
}

impl<R, E> Default for Outcome<R, E> {
    fn default() -> Self {
        Self { records: Vec::new(), transaction: None, replies: Vec::new(), effects: Vec::new() }
    }
}

/// The two clocks, read once for each event.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Wall time: stamps in records, retention of offsets.
    pub time: Timestamp,
    /// Monotonic time: timeouts.
    pub tick: Tick,
}

/// A record that cannot be replayed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {problem}")]
pub struct ReplayError {
    /// Which record, for an operator: its type, and whose it is if that can still be read.
    pub what: String,
    /// The group or the transactional id that it belongs to, if the key can be read: that one is refused from then on, others
    /// are served.
    pub id: Option<String>,
    /// What is wrong with it.
    pub problem: String,
}
