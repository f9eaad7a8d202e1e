//! What a seed makes of a simulation: topics, clients, and how often what breaks.

use std::sync::Arc;

use coordinator::transaction::TransactionVersion;
use model::config::{CleanupPolicy, TopicConfig};
use model::{PartitionIndex, TopicId, TopicName, TopicPartition};

use crate::random::Random;

/// The topic whose records are kept by key.
pub(crate) const KEYED: &str = "keyed";
/// The topic that everybody writes to.
pub(crate) const EVENTS: &str = "events";
/// Where groups keep their offsets.
pub(crate) const OFFSETS: &str = "__consumer_offsets";
/// Where transactions are kept.
pub(crate) const TRANSACTIONS: &str = "__transaction_state";
/// The group whose members share the topics.
pub(crate) const MEMBERS: &str = "members";
/// The topic to which what was read of the events is written, once for each record.
pub(crate) const PROCESSED: &str = "processed";
/// The transactional ids of those who write only.
pub(crate) const TRANSACTIONAL_IDS: [&str; 3] = ["tx-0", "tx-1", "tx-2"];
/// Where the simulation's broker notes which producer ids it gave away.
pub(crate) const PRODUCER_IDS: &str = "producer-ids";

/// A topic.
#[derive(Clone, Debug)]
pub(crate) struct TopicPlan {
    pub(crate) name: TopicName,
    pub(crate) id: TopicId,
    pub(crate) partitions: i32,
    pub(crate) config: Arc<TopicConfig>,
}

/// What a seed makes of a simulation.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// How long everything may break, microseconds; then everything heals.
    pub(crate) chaos_us: u64,
    pub(crate) topics: Vec<TopicPlan>,
    /// The mean time between two things that break, microseconds; 0 for a simulation without any: what gets lost there, gets lost
    /// in healthy times.
    pub(crate) trouble_us: u64,
    /// One message in so many is late.
    pub(crate) late_one_in: u64,
    pub(crate) plain_producers: u64,
    pub(crate) idempotent_producers: u64,
    pub(crate) keyed_producers: u64,
    /// Transactional producers; two of them can have the same transactional id.
    pub(crate) transactional_producers: u64,
    /// The level of `transaction.version`.
    pub(crate) transaction_version: TransactionVersion,
    /// Whether transactional producers write to the keyed topic as well.
    pub(crate) transactions_have_keys: bool,
    pub(crate) readers: u64,
    pub(crate) committers: u64,
    /// Members of one consumer group (KIP-848).
    pub(crate) members: u64,
    /// Clients that read, process and write, each a group of its own.
    pub(crate) processors: u64,
    /// Bytes of the map of keys in a cleaning: often too few for all keys.
    pub(crate) map_bytes_max: u64,
    /// Bytes of a cleaning's buffers.
    pub(crate) cleaning_buffer_size: usize,
}

impl Plan {
    pub(crate) fn new(random: &mut Random) -> Self {
        let is_quiet = random.one_in(4);
        let processors = random.below(2);
        let topics = [
            (EVENTS, random.between(1, 2), delete(random)),
            (KEYED, 1, keyed(random)),
            (OFFSETS, random.between(1, 2), compact(random)),
            (TRANSACTIONS, random.between(1, 2), compact(random)),
            (PRODUCER_IDS, 1, TopicConfig::default()),
            (PROCESSED, processors, TopicConfig { retention_ms: -1, ..small(random) }),
        ];
        let topics = topics.into_iter().zip(1..).filter_map(|((name, partitions, config), number)| {
            Some(TopicPlan {
                name: TopicName::parse(name).ok()?,
                id: TopicId::from_bytes([number; 16]),
                partitions: i32::try_from(partitions).ok()?,
                config: Arc::new(config),
            })
        });
        Self {
            chaos_us: random.between(2, 6) * 1_000_000,
            topics: topics.collect(),
            trouble_us: if is_quiet { 0 } else { random.between(100, 1_500) * 1_000 },
            late_one_in: if is_quiet { 0 } else { random.between(50, 2_000) },
            plain_producers: random.between(0, 1),
            idempotent_producers: random.between(1, 3),
            keyed_producers: random.between(1, 2),
            transactional_producers: random.between(0, 4),
            transaction_version: if random.one_in(3) { TransactionVersion::V1 } else { TransactionVersion::V2 },
            transactions_have_keys: random.one_in(2),
            readers: random.between(1, 3),
            committers: random.between(1, 2),
            members: random.between(0, 3),
            processors,
            map_bytes_max: if random.one_in(3) { random.between(30, 300) } else { 1 << 16 },
            cleaning_buffer_size: usize::try_from(random.between(1, 8_000)).unwrap_or(1),
        }
    }

    /// How many clients there are; their numbers go from 1 up to it.
    pub(crate) const fn clients(&self) -> u64 {
        let producers = self.plain_producers + self.idempotent_producers + self.keyed_producers;
        producers + self.transactional_producers + self.committers + self.members + self.processors
    }

    /// The numbers of those that process: the last ones.
    pub(crate) fn processors(&self) -> impl Iterator<Item = u64> {
        self.clients() + 1 - self.processors..=self.clients()
    }

    /// The transactional ids of all clients.
    pub(crate) fn transactional_ids(&self) -> Vec<String> {
        let writers = TRANSACTIONAL_IDS.iter().map(|id| (*id).to_owned());
        writers.chain(self.processors().map(group_of)).collect()
    }

    /// All partitions of a topic.
    pub(crate) fn partitions(&self, topic: &str) -> Vec<TopicPartition> {
        let topics = self.topics.iter().filter(|plan| plan.name.as_str() == topic);
        topics.flat_map(TopicPlan::all).collect()
    }
}

/// The group of a client's own, which is also the transactional id of one that processes.
pub(crate) fn group_of(number: u64) -> String {
    format!("group-{number}")
}

impl TopicPlan {
    pub(crate) fn all(&self) -> impl Iterator<Item = TopicPartition> {
        let indexes = (0..self.partitions).filter_map(PartitionIndex::new);
        indexes.map(|partition| TopicPartition { topic: self.name.clone(), partition })
    }
}

/// Small segments, so that there are many.
fn small(random: &mut Random) -> TopicConfig {
    TopicConfig {
        segment_bytes: i32::try_from(random.between(2, 40) * 1_000).unwrap_or(i32::MAX),
        segment_ms: milliseconds(random, 3, (200, 2_000)).unwrap_or(i64::MAX),
        index_interval_bytes: 300,
        file_delete_delay_ms: 200,
        ..TopicConfig::default()
    }
}

/// Little is kept, by time or by size; or, in one of three, everything.
fn delete(random: &mut Random) -> TopicConfig {
    let config = small(random);
    let has_limit = !random.one_in(3);
    let bytes = i64::from(config.segment_bytes) * i64::try_from(random.between(1, 5)).unwrap_or(1);
    TopicConfig {
        retention_ms: milliseconds(random, 2, (200, 4_000)).filter(|_| has_limit).unwrap_or(-1),
        retention_bytes: if has_limit && random.one_in(2) { bytes } else { -1 },
        ..config
    }
}

/// Compacted often, late, or with deletion as well.
fn compact(random: &mut Random) -> TopicConfig {
    TopicConfig {
        cleanup_policy: CleanupPolicy { delete: false, compact: true },
        segment_bytes: i32::try_from(random.between(1, 12) * 1_000).unwrap_or(i32::MAX),
        delete_retention_ms: i64::try_from(random.between(0, 2_000)).unwrap_or(0),
        min_compaction_lag_ms: milliseconds(random, 3, (50, 800)).unwrap_or(0),
        max_compaction_lag_ms: milliseconds(random, 3, (800, 2_000)).unwrap_or(i64::MAX),
        min_cleanable_dirty_ratio: if random.one_in(2) { 0.0 } else { 0.5 },
        ..small(random)
    }
}

/// As [`compact`]; in one of four old records are deleted, too.
fn keyed(random: &mut Random) -> TopicConfig {
    let config = compact(random);
    if !random.one_in(4) {
        return TopicConfig { retention_ms: -1, ..config };
    }
    let TopicConfig { retention_ms, retention_bytes, .. } = delete(random);
    TopicConfig {
        cleanup_policy: CleanupPolicy { delete: true, compact: true },
        retention_ms,
        retention_bytes,
        ..config
    }
}

/// A time between two, once in so many times.
fn milliseconds(random: &mut Random, one_in: u64, (least, most): (u64, u64)) -> Option<i64> {
    random.one_in(one_in).then(|| i64::try_from(random.between(least, most)).unwrap_or(i64::MAX))
}
