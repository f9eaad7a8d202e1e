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
/// The transactional ids of all clients.
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
    pub(crate) readers: u64,
    pub(crate) committers: u64,
}

impl Plan {
    pub(crate) fn new(random: &mut Random) -> Self {
        let is_quiet = random.one_in(4);
        let topics = [
            (EVENTS, random.between(1, 2), delete(random)),
            (KEYED, 1, compact(random)),
            (OFFSETS, random.between(1, 2), compact(random)),
            (TRANSACTIONS, random.between(1, 2), compact(random)),
            (PRODUCER_IDS, 1, TopicConfig::default()),
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
            readers: random.between(1, 3),
            committers: random.between(1, 2),
        }
    }

    /// All partitions of a topic.
    pub(crate) fn partitions(&self, topic: &str) -> Vec<TopicPartition> {
        let topics = self.topics.iter().filter(|plan| plan.name.as_str() == topic);
        topics.flat_map(TopicPlan::all).collect()
    }
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
        index_interval_bytes: 300,
        file_delete_delay_ms: 200,
        ..TopicConfig::default()
    }
}

fn delete(random: &mut Random) -> TopicConfig {
    small(random)
}

fn compact(random: &mut Random) -> TopicConfig {
    TopicConfig { cleanup_policy: CleanupPolicy { delete: false, compact: true }, ..small(random) }
}
