//! The settings that transactions go by: Kafka's `transaction.*` and `transactional.id.*` keys, as the broker was given them.

use super::version::TransactionVersion;

/// What a broker's transactions go by. Names and units are those of Kafka's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionSettings {
    /// `transaction.max.timeout.ms`.
    pub max_timeout_ms: i32,
    /// `transaction.abort.timed.out.transaction.cleanup.interval.ms`.
    pub abort_timed_out_interval_ms: i32,
    /// `transactional.id.expiration.ms`.
    pub id_expiration_ms: i32,
    /// `transaction.remove.expired.transaction.cleanup.interval.ms`.
    pub remove_expired_interval_ms: i32,
    /// `transaction.two.phase.commit.enable`.
    pub two_phase_commit_enable: bool,
    /// The level of the feature `transaction.version`.
    pub version: TransactionVersion,
    /// Transactional ids that one shard holds at most; more are refused. A bound of ours.
    pub transactional_ids_max: usize,
    /// Bytes of a transactional id. A bound of ours.
    pub id_bytes_max: usize,
    /// Partitions of one transaction. A bound of ours.
    pub partitions_max: usize,
    /// Bytes of a batch of the transactions' log: `max.message.bytes` of `__transaction_state`.
    pub record_bytes_max: usize,
}

impl Default for TransactionSettings {
    /// Kafka's defaults.
    fn default() -> Self {
        Self {
            max_timeout_ms: 900_000,
            abort_timed_out_interval_ms: 10_000,
            id_expiration_ms: 7 * 24 * 3_600_000,
            remove_expired_interval_ms: 3_600_000,
            two_phase_commit_enable: false,
            version: TransactionVersion::V2,
            transactional_ids_max: 1_000_000,
            id_bytes_max: 4_096,
            partitions_max: 100_000,
            record_bytes_max: 1_048_588,
        }
    }
}
