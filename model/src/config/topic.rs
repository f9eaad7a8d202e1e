//! The configs of a topic: Kafka 4.4's, and three of ours.
//!
//! Not here: the topic configs of Kafka that one broker without tiers cannot honour; they are in [`super::topic_fixed`].

use super::Valid::{AtLeast, Between, BetweenOr, Fraction};
use super::table::Unit::{Hours, Minutes, SameAtStart};
use super::table::{BrokerKey, Unit, config_table};
use super::value::{CleanupPolicy, CompressionType, FlushMode, TimestampType};

config_table! {
    /// What one topic's partitions go by: its own overrides over the broker's `log.*` keys over these defaults.
    pub struct TopicConfig {
        /// What happens to old records: `delete` drops segments beyond the retention limits, `compact` keeps the latest
        /// record of each key, both may be given, and an empty list keeps everything.
        cleanup_policy: CleanupPolicy = "cleanup.policy", default CleanupPolicy { delete: true, compact: false },
            broker &[same("log.cleanup.policy")];

        /// How hard gzip tries where the broker compresses: 1 is the fastest, 9 the smallest, -1 gzip's own default (KIP-390).
        compression_gzip_level: i32 = "compression.gzip.level", default -1, valid BetweenOr(1, 9, -1),
            broker &[same("compression.gzip.level")];

        /// How hard lz4 tries where the broker compresses. 9 is its fast way, as in Kafka; any other number its thorough one,
        /// of which 17 is as good as 12.
        compression_lz4_level: i32 = "compression.lz4.level", default 9, valid Between(1, 17),
            broker &[same("compression.lz4.level")];

        /// How batches are compressed in the log: `producer` stores them as they come, `uncompressed`, `gzip`, `snappy`, `lz4`
        /// and `zstd` have the broker compress again what comes otherwise, at the price of the time that it takes.
        compression_type: CompressionType = "compression.type", default CompressionType::Producer,
            broker &[same("compression.type")];

        /// How hard zstd tries where the broker compresses: 22 is the smallest, below 0 faster and larger.
        compression_zstd_level: i32 = "compression.zstd.level", default 3, valid Between(-131_072, 22),
            broker &[same("compression.zstd.level")];

        /// Milliseconds for which compaction keeps a tombstone, so that a reader who started before it still sees it.
        delete_retention_ms: i64 = "delete.retention.ms", default 86_400_000, valid AtLeast(0),
            broker &[same("log.cleaner.delete.retention.ms")];

        /// Milliseconds between the removal of a segment from its log and the deletion of its files.
        file_delete_delay_ms: i64 = "file.delete.delay.ms", default 60_000, valid AtLeast(0),
            broker &[same("log.segment.delete.delay.ms")];

        /// Records after which unsynced data is synced, where `flush.mode` is `async`.
        flush_messages: i64 = "flush.messages", default i64::MAX, valid AtLeast(1),
            broker &[same("log.flush.interval.messages")];

        /// What an acknowledgement with acks=all means, and what consumers see. `sync`: the records are on stable
        /// storage. `async`: they are in the page cache, as in Kafka. Not a key of Kafka's.
        flush_mode: FlushMode = "flush.mode", default FlushMode::Sync,
            broker &[same("log.flush.mode")];

        /// Milliseconds after which unsynced data is synced, where `flush.mode` is `async`.
        flush_ms: i64 = "flush.ms", default i64::MAX, valid AtLeast(0),
            broker &[same("log.flush.interval.ms"), BrokerKey { key: "log.flush.scheduler.interval.ms", unit: SameAtStart }];

        /// Bytes of log between two entries of the offset index. Fewer: larger indexes, shorter scans.
        index_interval_bytes: i32 = "index.interval.bytes", default 4096, valid AtLeast(0),
            broker &[same("log.index.interval.bytes")];

        /// Milliseconds after which a record must be open to compaction.
        max_compaction_lag_ms: i64 = "max.compaction.lag.ms", default i64::MAX, valid AtLeast(1),
            broker &[same("log.cleaner.max.compaction.lag.ms")];

        /// Bytes to which the records of one batch may decompress where the broker has to look into them. A batch with more is
        /// refused by a topic that looks into batches on produce, and left as it is by compaction. Not a key of Kafka's.
        max_decompressed_batch_bytes: i32 =
            "max.decompressed.batch.bytes", default 64 << 20, valid Between(1, 2_147_483_639),
            broker &[same("max.decompressed.batch.bytes")];

        /// Bytes to which one record may decompress where the broker has to look into it.
        max_decompressed_message_bytes: i32 =
            "max.decompressed.message.bytes", default 2_147_483_639, valid Between(1, 2_147_483_639),
            broker &[same("max.decompressed.message.bytes")];

        /// Bytes of the largest record batch that is taken, as it comes (compressed, with its header).
        max_message_bytes: i32 = "max.message.bytes", default 1_048_588, valid AtLeast(0),
            broker &[same("message.max.bytes")];

        /// Milliseconds by which a record's timestamp may lie ahead of the broker's clock.
        message_timestamp_after_max_ms: i64 = "message.timestamp.after.max.ms", default 3_600_000, valid AtLeast(0),
            broker &[same("log.message.timestamp.after.max.ms")];

        /// Milliseconds by which a record's timestamp may lie behind the broker's clock.
        message_timestamp_before_max_ms: i64 = "message.timestamp.before.max.ms", default i64::MAX, valid AtLeast(0),
            broker &[same("log.message.timestamp.before.max.ms")];

        /// Whose clock stamps the records: the producer's (`CreateTime`) or the broker's (`LogAppendTime`).
        message_timestamp_type: TimestampType = "message.timestamp.type", default TimestampType::CreateTime,
            broker &[same("log.message.timestamp.type")];

        /// The share of a log that must be uncompacted before compaction takes it up.
        min_cleanable_dirty_ratio: f64 = "min.cleanable.dirty.ratio", default 0.5, valid Fraction,
            broker &[same("log.cleaner.min.cleanable.ratio")];

        /// Milliseconds during which a record is not compacted away.
        min_compaction_lag_ms: i64 = "min.compaction.lag.ms", default 0, valid AtLeast(0),
            broker &[same("log.cleaner.min.compaction.lag.ms")];

        /// Replicas that must have a record before acks=all is answered. As in Kafka, no more than the topic has.
        min_insync_replicas: i32 = "min.insync.replicas", default 1, valid AtLeast(1),
            broker &[same("min.insync.replicas")];

        /// Bytes that a partition may have before its oldest segments are deleted; -1 is no limit.
        retention_bytes: i64 = "retention.bytes", default -1,
            broker &[same("log.retention.bytes")];

        /// Milliseconds that a segment is kept after its newest record; -1 is no limit.
        retention_ms: i64 = "retention.ms", default 604_800_000, valid AtLeast(-1),
            broker &[same("log.retention.ms"), BrokerKey { key: "log.retention.minutes", unit: Minutes }, BrokerKey { key: "log.retention.hours", unit: Hours }];

        /// Bytes after which the active segment is closed and a new one begins.
        segment_bytes: i32 = "segment.bytes", default 1 << 30, valid AtLeast(1 << 20),
            broker &[same("log.segment.bytes")];

        /// Bytes of the largest offset index; a full index closes its segment.
        segment_index_bytes: i32 = "segment.index.bytes", default 10 << 20, valid AtLeast(4),
            broker &[same("log.index.size.max.bytes")];

        /// Milliseconds of which a random part is taken from `segment.ms`, so that segments do not all roll at once.
        segment_jitter_ms: i64 = "segment.jitter.ms", default 0, valid AtLeast(0),
            broker &[same("log.roll.jitter.ms"), BrokerKey { key: "log.roll.jitter.hours", unit: Hours }];

        /// Milliseconds after which the active segment is closed even if it is not full.
        segment_ms: i64 = "segment.ms", default 604_800_000, valid AtLeast(1),
            broker &[same("log.roll.ms"), BrokerKey { key: "log.roll.hours", unit: Hours }];

        /// Opens compressed batches on produce and checks the records inside, at the price of decompressing them.
        /// Without it the header of a compressed batch is judged, and damage inside shows at the reader. Not a key of
        /// Kafka's, which always looks.
        validate_compressed_records: bool = "validate.compressed.records", default false,
            broker &[same("log.validate.compressed.records")];
    }
}

/// A record that must not be compacted yet would have to be compacted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LagConflict {
    pub(super) min_ms: i64,
    pub(super) max_ms: i64,
}

impl LagConflict {
    pub(super) fn expected(self) -> String {
        format!("at most the largest compaction lag, which is {}", self.max_ms)
    }
}

/// Holds the two compaction lags against each other.
pub(super) const fn check_lags(config: &TopicConfig) -> Result<(), LagConflict> {
    let (min_ms, max_ms) = (config.min_compaction_lag_ms, config.max_compaction_lag_ms);
    if min_ms <= max_ms { Ok(()) } else { Err(LagConflict { min_ms, max_ms }) }
}

const fn same(key: &'static str) -> BrokerKey {
    BrokerKey { key, unit: Unit::Same }
}

#[cfg(test)]
mod tests {
    use super::TopicConfig;

    #[test]
    fn a_default_reads_back_as_itself() {
        for row in TopicConfig::ROWS {
            let default = TopicConfig::default();
            let mut config = default.clone();
            let text = row.get(&default).unwrap();
            row.set(&mut config, &text).unwrap_or_else(|error| panic!("{}: {error}", row.key));
            assert_eq!(config, default, "{}", row.key);
        }
    }

    #[test]
    fn a_refused_value_changes_nothing() {
        for row in TopicConfig::ROWS {
            let mut config = TopicConfig::default();
            assert!(row.set(&mut config, "no such value").is_err(), "{}", row.key);
            assert_eq!(config, TopicConfig::default(), "{}", row.key);
        }
    }

    #[test]
    fn rows_are_sorted_and_unlike() {
        assert!(TopicConfig::ROWS.windows(2).all(|pair| pair[0].key < pair[1].key));
    }
}
