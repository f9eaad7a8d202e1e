//! The configs of a topic: Kafka 4.4's, and two of ours.
//!
//! Not here: the topic configs of Kafka that one broker without tiers cannot honour.

use super::Valid::{AtLeast, Between, Fraction};
use super::table::config_table;
use super::value::{CleanupPolicy, CompressionType, FlushMode, TimestampType};

config_table! {
    /// What one topic's partitions go by: its own overrides over the broker's `log.*` keys over these defaults.
    pub struct TopicConfig {
        /// What happens to old records: `delete` drops segments beyond the retention limits, `compact` keeps the latest
        /// record of each key, both may be given, and an empty list keeps everything.
        cleanup_policy: CleanupPolicy = "cleanup.policy", default CleanupPolicy { delete: true, compact: false };

        /// How batches are stored. `producer` keeps them as they came.
        compression_type: CompressionType = "compression.type", default CompressionType::Producer;

        /// Milliseconds for which compaction keeps a tombstone, so that a reader who started before it still sees it.
        delete_retention_ms: i64 = "delete.retention.ms", default 86_400_000, valid AtLeast(0);

        /// Milliseconds between the removal of a segment from its log and the deletion of its files.
        file_delete_delay_ms: i64 = "file.delete.delay.ms", default 60_000, valid AtLeast(0);

        /// Records after which unsynced data is synced, where `flush.mode` is `async`.
        flush_messages: i64 = "flush.messages", default i64::MAX, valid AtLeast(1);

        /// What an acknowledgement with acks=all means, and what consumers see. `sync`: the records are on stable
        /// storage. `async`: they are in the page cache, as in Kafka. Not a key of Kafka's.
        flush_mode: FlushMode = "flush.mode", default FlushMode::Sync;

        /// Milliseconds after which unsynced data is synced, where `flush.mode` is `async`.
        flush_ms: i64 = "flush.ms", default i64::MAX, valid AtLeast(0);

        /// Bytes of log between two entries of the offset index. Fewer: larger indexes, shorter scans.
        index_interval_bytes: i32 = "index.interval.bytes", default 4096, valid AtLeast(0);

        /// Milliseconds after which a record must be open to compaction.
        max_compaction_lag_ms: i64 = "max.compaction.lag.ms", default i64::MAX, valid AtLeast(1);

        /// Bytes to which the records of one batch may decompress where the broker has to look into them.
        max_decompressed_message_bytes: i32 =
            "max.decompressed.message.bytes", default 2_147_483_639, valid Between(1, 2_147_483_639);

        /// Bytes of the largest record batch that is taken, as it comes (compressed, with its header).
        max_message_bytes: i32 = "max.message.bytes", default 1_048_588, valid AtLeast(0);

        /// Milliseconds by which a record's timestamp may lie ahead of the broker's clock.
        message_timestamp_after_max_ms: i64 = "message.timestamp.after.max.ms", default 3_600_000, valid AtLeast(0);

        /// Milliseconds by which a record's timestamp may lie behind the broker's clock.
        message_timestamp_before_max_ms: i64 = "message.timestamp.before.max.ms", default i64::MAX, valid AtLeast(0);

        /// Whose clock stamps the records: the producer's (`CreateTime`) or the broker's (`LogAppendTime`).
        message_timestamp_type: TimestampType = "message.timestamp.type", default TimestampType::CreateTime;

        /// The share of a log that must be uncompacted before compaction takes it up.
        min_cleanable_dirty_ratio: f64 = "min.cleanable.dirty.ratio", default 0.5, valid Fraction;

        /// Milliseconds during which a record is not compacted away.
        min_compaction_lag_ms: i64 = "min.compaction.lag.ms", default 0, valid AtLeast(0);

        /// Replicas that must have a record before acks=all is answered. As in Kafka, no more than the topic has.
        min_insync_replicas: i32 = "min.insync.replicas", default 1, valid AtLeast(1);

        /// Bytes that a partition may have before its oldest segments are deleted; -1 is no limit.
        retention_bytes: i64 = "retention.bytes", default -1;

        /// Milliseconds that a segment is kept after its newest record; -1 is no limit.
        retention_ms: i64 = "retention.ms", default 604_800_000, valid AtLeast(-1);

        /// Bytes after which the active segment is closed and a new one begins.
        segment_bytes: i32 = "segment.bytes", default 1 << 30, valid AtLeast(1 << 20);

        /// Bytes of the largest offset index; a full index closes its segment.
        segment_index_bytes: i32 = "segment.index.bytes", default 10 << 20, valid AtLeast(4);

        /// Milliseconds of which a random part is taken from `segment.ms`, so that segments do not all roll at once.
        segment_jitter_ms: i64 = "segment.jitter.ms", default 0, valid AtLeast(0);

        /// Milliseconds after which the active segment is closed even if it is not full.
        segment_ms: i64 = "segment.ms", default 604_800_000, valid AtLeast(1);

        /// Opens compressed batches on produce and checks the records inside, at the price of decompressing them.
        /// Without it the header of a compressed batch is judged, and damage inside shows at the reader. Not a key of
        /// Kafka's, which always looks.
        validate_compressed_records: bool = "validate.compressed.records", default false;
    }
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
