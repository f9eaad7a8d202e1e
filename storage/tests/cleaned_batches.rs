//! What compaction makes of single batches: how hard it compresses them again, and that one without records has no time.

#[cfg(test)]
mod support;

#[cfg(test)]
mod cleaned_batches {
    use std::ops::ControlFlow;
    use std::path::Path;
    use std::sync::Arc;

    use model::Timestamp;
    use model::config::{CleanupPolicy, CompressionType, TopicConfig};
    use storage::batch::{BatchBuilder, BatchView, NewRecord, OwnedBatch};
    use storage::disk::SimulatedDisk;
    use storage::{CleanOptions, Disk, LogManager, PartitionLog};

    use super::support::*;

    const DIR: &str = "/data";

    fn config() -> TopicConfig {
        TopicConfig {
            cleanup_policy: CleanupPolicy { compact: true, delete: false },
            min_cleanable_dirty_ratio: 0.0,
            ..TopicConfig::default()
        }
    }

    fn new_log(config: TopicConfig) -> (SimulatedDisk, LogManager, Arc<PartitionLog>) {
        let disk = SimulatedDisk::new();
        disk.set_time(NOW);
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let manager = open_manager(&shared, Path::new(DIR));
        let log = manager.create(&partition("t"), ID, Arc::new(config), NOW).unwrap();
        (disk, manager, log)
    }

    /// Begins a new segment, and cleans those before it.
    fn clean(log: &PartitionLog) {
        assert!(log.roll_if_due(Timestamp::new(i64::MAX)).unwrap());
        log.sync().unwrap();
        let cleanable = log.cleanable(log.log_end_offset(), NOW).unwrap().unwrap();
        let options = CleanOptions { map_bytes_max: 1 << 20, map_load_factor: 0.9, buffer_size: 1_000 };
        log.clean(&cleanable, options, NOW, &mut |_| ControlFlow::Continue(())).unwrap();
    }

    fn keyed(records: &[(&str, &str)], ago_ms: i64) -> OwnedBatch {
        let record = |(key, value): &(&'static str, &'static str)| NewRecord {
            timestamp: Timestamp::new(NOW.get() - ago_ms),
            key: Some(key.as_bytes()),
            value: Some(value.as_bytes()),
            headers: &[],
        };
        let owned: Vec<(&'static str, &'static str)> =
            records.iter().map(|(key, value)| (&*key.to_string().leak(), &*value.to_string().leak())).collect();
        let mut builder = BatchBuilder::new(record(&owned[0])).unwrap();
        for pair in &owned[1..] {
            builder.push(record(pair)).unwrap();
        }
        builder.build()
    }

    fn append(log: &PartitionLog, bytes: &[u8]) {
        log.append(&checked(bytes, &log.config()), epoch(0), NOW).unwrap();
    }

    #[test]
    fn batches_made_again_are_compressed_as_hard_as_the_topic_says() {
        let mut state = 7_u32;
        let mut word = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            format!("word{} ", (state >> 16) % 700)
        };
        let text: String = (0..6000).map(|_| word()).collect();
        let sent = keyed(&[("gone", "a"), ("kept", &text)], 0);
        let size = |config: TopicConfig| {
            let (_disk, _manager, log) = new_log(config);
            append(&log, &sent.to_vec());
            append(&log, &keyed(&[("gone", "b")], 0).to_vec());
            clean(&log);
            let bytes = read_all(&log);
            let view = BatchView::parse(&bytes).unwrap();
            assert_eq!(view.header().records_count, 1, "the batch was made again");
            view.size()
        };
        let gzip = |compression_gzip_level| {
            size(TopicConfig { compression_type: CompressionType::Gzip, compression_gzip_level, ..config() })
        };
        let lz4 = |compression_lz4_level| {
            size(TopicConfig { compression_type: CompressionType::Lz4, compression_lz4_level, ..config() })
        };
        let zstd = |compression_zstd_level| {
            size(TopicConfig { compression_type: CompressionType::Zstd, compression_zstd_level, ..config() })
        };
        assert!(gzip(1) > gzip(9), "gzip");
        assert!(lz4(9) > lz4(17), "lz4");
        assert!(zstd(1) > zstd(19), "zstd");
    }

    #[test]
    fn a_batch_without_records_has_no_time_in_the_index_and_in_one_that_is_made_again() {
        let (disk, manager, log) = new_log(config());
        append(&log, &keyed(&[("a", "1")], 200).to_vec());
        append(&log, &stamped(&keyed(&[("b", "1")], 100), 7, 0, 0));
        append(&log, &keyed(&[("b", "2")], 300).to_vec());
        clean(&log);
        let bytes = read_all(&log);
        assert_eq!(batches(&bytes), [(0, 0), (1, 1), (2, 2)]);
        let empty = BatchView::parse(&bytes[BatchView::parse(&bytes).unwrap().size()..]).unwrap();
        assert_eq!((empty.header().records_count, empty.header().max_timestamp), (0, NOW.get() - 100));
        let latest = |log: &PartitionLog| log.max_timestamp(log.log_end_offset()).unwrap().unwrap().offset.get();
        assert_eq!(latest(&log), 0);
        // The same without the cleaned segment's index.
        disk.remove_file(&Path::new(DIR).join("t-0/00000000000000000000.timeindex")).unwrap();
        drop((manager, log));
        let shared: Arc<dyn Disk> = Arc::new(disk);
        let manager = open_manager(&shared, Path::new(DIR));
        let log = manager.open_log(&partition("t"), ID, Arc::new(config()), NOW).unwrap();
        assert_eq!(latest(&log), 0);
    }
}
