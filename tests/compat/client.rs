//! What a client can be asked for. The words are Kafka's; nothing here is about one client.

use std::collections::BTreeMap;
use std::fmt;

use crate::records::{Record, Stored};

/// The configs of a topic, by key.
pub(crate) type Configs = BTreeMap<String, String>;

/// Writes records. All producers here are idempotent with acks=all, and may have several requests in flight.
pub(crate) trait Client: Send {
    fn abilities(&self) -> &'static Abilities;

    /// Writes the records in their order and returns the offset of each.
    fn produce(&mut self, to: &Partition, codec: Codec, records: &[Record]) -> Outcome<Vec<i64>>;

    /// Asks for an offset; `None` when no record is as late as the timestamp.
    fn list_offset(&mut self, partition: &Partition, at: At) -> Outcome<Option<i64>>;

    /// The client as an administrator, if it is one.
    fn admin(&mut self) -> Option<&mut dyn Admin>;

    /// The client as a consumer, if it can read without a group.
    fn consumer(&mut self) -> Option<&mut dyn Consumer>;
}

/// Manages topics.
pub(crate) trait Admin {
    fn create_topic(&mut self, topic: &str, partitions: u32, configs: &Configs) -> Outcome<()>;
    fn delete_topic(&mut self, topic: &str) -> Outcome<()>;
    fn create_partitions(&mut self, topic: &str, total: u32) -> Outcome<()>;
    /// The names of all topics.
    fn list_topics(&mut self) -> Outcome<Vec<String>>;
    fn count_partitions(&mut self, topic: &str) -> Outcome<u64>;

    /// Every key of a topic, also those with default values.
    fn describe_configs(&mut self, topic: &str) -> Outcome<Configs>;

    /// Sets keys. [`Limit::AlteringReplaces`] says what becomes of the others.
    fn alter_configs(&mut self, topic: &str, set: &Configs) -> Outcome<()>;
}

/// Reads partitions that it was assigned by hand.
pub(crate) trait Consumer {
    /// Reads `count` records, and waits for them.
    fn fetch(&mut self, from: &Partition, start: Start, count: usize) -> Outcome<Vec<Stored>>;
}

/// What a client can do, so that no scenario is left out by accident.
#[derive(Debug)]
pub(crate) struct Abilities {
    pub name: &'static str,
    pub codecs: &'static [Codec],
    /// All that it cannot do.
    pub limits: &'static [Limit],
}

impl Abilities {
    pub(crate) fn has(&self, limit: Limit) -> bool {
        self.limits.contains(&limit)
    }
}

/// What a client does not do, or does otherwise than most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// Reads only in groups.
    NoReadingWithoutGroup,
    /// Its own clock gives the timestamps.
    NoTimestamps,
    /// Cannot ask for the offset of the latest timestamp (KIP-734).
    NoMaxTimestamp,
    /// Answers the end of the partition where the broker says that no record is as late as a timestamp.
    NoOffsetIsTheEnd,
    /// Uses the older `AlterConfigs`, which resets the keys that it does not name, and not `IncrementalAlterConfigs`.
    AlteringReplaces,
    /// Does not keep a header's value of null apart from an empty one, or two headers of one name.
    SimpleHeaders,
    /// Cannot write a header whose value is null.
    NoNullHeaders,
    /// Cannot write a record with a null and an empty one of key and value.
    NoNullBesideEmpty,
    /// Cannot write a record whose key and value are both null.
    NoNullRecords,
    /// Does not say when altering a config was refused.
    SilentAboutConfigs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

impl Codec {
    pub(crate) const ALL: &'static [Self] = &[Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Partition {
    pub topic: String,
    pub index: i32,
}

impl Partition {
    pub(crate) fn new(topic: &str, index: i32) -> Self {
        Self { topic: topic.to_owned(), index }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Start {
    Offset(i64),
    /// The first record that is not older, in milliseconds since 1970.
    Timestamp(i64),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum At {
    Earliest,
    Latest,
    MaxTimestamp,
    Timestamp(i64),
}

pub(crate) type Outcome<T> = Result<T, Refusal>;

/// A request that failed, by the broker's word or the client's own.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// Kafka's error code; `None` when the client gave none.
    pub code: Option<i16>,
    pub text: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (code {:?})", self.text, self.code)
    }
}
