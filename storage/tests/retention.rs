//! Retention by size and time: what Kafka lets go goes, and nothing else, whatever the clock and the timestamps say.

#[cfg(test)]
mod support;

#[cfg(test)]
mod retention {
    use std::path::Path;
    use std::sync::Arc;

    use model::config::{CleanupPolicy, TopicConfig};
    use model::{Offset, Timestamp};
    use proptest::prelude::*;
    use storage::disk::{OpenMode, SimulatedDisk};
    use storage::{Disk, LogManager, PartitionLog};

    use super::support::*;

    /// A log of segments with some batches of one record each: the time of each batch.
    struct Given {
        disk: SimulatedDisk,
        manager: LogManager,
        log: Arc<PartitionLog>,
    }

    const DIR: &str = "/data";

    fn given(config: TopicConfig, segments: &[&[i64]]) -> Given {
        let disk = SimulatedDisk::new();
        disk.set_time(NOW);
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let manager = open_manager(&shared, Path::new(DIR));
        let log = manager.create(&partition("t"), ID, Arc::new(config), NOW).unwrap();
        for (place, segment) in segments.iter().enumerate() {
            if place > 0 {
                assert!(log.roll_if_due(Timestamp::new(i64::MAX)).unwrap());
            }
            for time in *segment {
                append(&log, &batch_at(Timestamp::new(*time), 0, 1, 100));
            }
        }
        log.sync().unwrap();
        Given { disk, manager, log }
    }

    impl Given {
        fn reopened(self) -> Self {
            let config = self.log.config();
            let Self { disk, manager, log } = self;
            manager.close().unwrap();
            drop((manager, log));
            let shared: Arc<dyn Disk> = Arc::new(disk.clone());
            let manager = open_manager(&shared, Path::new(DIR));
            let log = manager.open_log(&partition("t"), ID, config, NOW).unwrap();
            Self { disk, manager, log }
        }

        fn start(&self, now: i64) -> i64 {
            self.log.retained_start(Timestamp::new(now), self.log.log_end_offset()).unwrap().get()
        }
    }

    fn by_time(retention_ms: i64) -> TopicConfig {
        TopicConfig { retention_ms, segment_ms: 1_000_000_000, ..TopicConfig::default() }
    }

    #[test]
    fn a_segment_goes_when_its_newest_record_is_older_than_the_limit() {
        let mut given = given(by_time(100), &[&[10, 30, 20], &[40], &[5]]);
        for _ in 0..2 {
            assert_eq!(given.start(130), 0, "exactly the limit is not over it");
            assert_eq!(given.start(131), 3);
            assert_eq!(given.start(140), 3, "the last segment is older, but nothing behind one that stays goes");
            assert_eq!(given.start(141), 5, "the active segment, too");
            given = given.reopened();
        }
    }

    #[test]
    fn no_limit_and_no_delete_policy_let_nothing_go() {
        let forever = given(by_time(-1), &[&[10], &[20]]);
        assert_eq!(forever.start(i64::MAX), 0);
        let cleanup_policy = CleanupPolicy { delete: false, compact: true };
        let compacted = given(TopicConfig { cleanup_policy, ..by_time(1) }, &[&[10], &[20]]);
        assert_eq!(compacted.start(i64::MAX), 0);
        compacted.log.set_config(Arc::new(by_time(1)));
        assert_eq!(compacted.start(i64::MAX), 2, "the config counts that the topic has now");
    }

    #[test]
    fn nothing_at_or_behind_the_high_watermark_goes() {
        let given = given(by_time(1), &[&[10, 10], &[20], &[30]]);
        let upto = |raw| given.log.retained_start(NOW, offset(raw)).unwrap();
        assert_eq!([0, 1, 2, 3, 4].map(upto), [0, 0, 2, 3, 4].map(offset));
    }

    #[test]
    fn the_oldest_segments_go_while_more_than_the_limit_is_left() {
        let size = given(by_time(-1), &[&[1]]).log.size_bytes();
        let with_limit = |bytes: u64| {
            let retention_bytes = i64::try_from(bytes).unwrap();
            let config = TopicConfig { retention_bytes, ..by_time(-1) };
            given(config, &[&[1, 1], &[1], &[1, 1, 1]]).start(NOW.get())
        };
        assert_eq!(with_limit(6 * size), 0);
        assert_eq!(with_limit(4 * size + 1), 0, "less than the limit would be left");
        assert_eq!(with_limit(4 * size), 2);
        assert_eq!(with_limit(3 * size), 3);
        assert_eq!(with_limit(1), 3, "the last one alone is less than it would free");
        assert_eq!(with_limit(0), 6);
    }

    #[test]
    fn a_timestamp_of_the_future_does_not_keep_its_segment_for_ever() {
        let far = NOW.get() + 50 * 365 * 86_400_000;
        let mut given = given(by_time(1_000), &[&[NOW.get(), far], &[NOW.get()]]);
        for _ in 0..2 {
            assert_eq!(given.start(NOW.get() + 1_000), 0);
            assert_eq!(given.start(NOW.get() + 1_001), 3, "counted from when the file was written");
            given = given.reopened();
        }
    }

    #[test]
    fn records_without_a_time_are_as_old_as_their_file() {
        let given = given(by_time(1_000), &[&[-1], &[NOW.get()]]);
        assert_eq!(given.start(NOW.get() + 1_000), 0);
        assert_eq!(given.start(NOW.get() + 1_001), 2);
    }

    #[test]
    fn an_index_that_lost_its_end_does_not_delete_what_is_young() {
        let old_and_young: Vec<i64> = (0..200).map(|number| NOW.get() + number * 10).collect();
        let config = TopicConfig { index_interval_bytes: 100, ..by_time(1_000) };
        let given = given(config, &[&old_and_young, &[NOW.get()]]);
        given.manager.close().unwrap();
        let path = Path::new("/data/t-0/00000000000000000000.timeindex");
        given.disk.open(path, OpenMode::Write).unwrap().set_size(12).unwrap();
        let given = given_again(given);
        assert_eq!(given.start(NOW.get() + 2_500), 0, "the newest is 510 ms old");
        assert_eq!(given.start(NOW.get() + 2_991), 201);
    }

    fn given_again(given: Given) -> Given {
        let Given { disk, manager, log } = given;
        let config = log.config();
        drop((manager, log));
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let manager = open_manager(&shared, Path::new(DIR));
        let log = manager.open_log(&partition("t"), ID, config, NOW).unwrap();
        Given { disk, manager, log }
    }

    #[test]
    fn a_segment_that_cannot_be_read_is_not_deleted_by_time() {
        let given = given(by_time(1), &[&[10, 10], &[10]]);
        given.manager.close().unwrap();
        let path = Path::new("/data/t-0/00000000000000000000.log");
        given.disk.open(path, OpenMode::Write).unwrap().write_all_at(&[7], &[], 16).unwrap();
        let given = given_again(given);
        assert!(given.log.retained_start(NOW, offset(3)).is_err());
    }

    #[test]
    fn what_is_let_go_is_gone_also_after_a_crash_and_the_log_goes_on() {
        let given = given(by_time(100), &[&[10], &[20], &[30]]);
        let end = given.log.log_end_offset();
        let start = given.log.retained_start(Timestamp::new(1_000), end).unwrap();
        assert_eq!(start, end);
        given.log.request_log_start(start, NOW).unwrap();
        given.log.sync().unwrap();
        assert_eq!(given.log.retained_start(NOW, end).unwrap(), start, "nothing more");
        given.log.delete_dead_segments(NOW).unwrap();
        assert_eq!(given.log.size_bytes(), 0);
        given.disk.crash(7);
        let given = given_again(given);
        assert_eq!((given.log.log_start_offset(), given.log.log_end_offset()), (end, end));
        assert_eq!(append(&given.log, &batch(0, 1, 1)).base_offset, end);
    }

    /// What Kafka's three passes leave: by size, then by time.
    fn model(segments: &[(i64, u64, i64)], end: i64, limits: (i64, i64), (now, upto): (i64, i64)) -> i64 {
        let (bytes, ms) = limits;
        let behind = |place: usize| segments.get(place + 1).map_or(end, |next| next.0);
        let mut gone = 0;
        let size: u64 = segments.iter().map(|segment| segment.1).sum();
        if let Some(mut excess) = u64::try_from(bytes).ok().and_then(|bytes| size.checked_sub(bytes)) {
            while gone < segments.len() && behind(gone) <= upto && excess >= segments[gone].1 {
                excess -= segments[gone].1;
                gone += 1;
            }
        }
        while ms >= 0 && gone < segments.len() && behind(gone) <= upto && now - segments[gone].2 > ms {
            gone += 1;
        }
        if gone == 0 { 0 } else { behind(gone - 1) }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
        #[test]
        fn it_is_what_kafka_s_passes_leave(
            times in prop::collection::vec(prop::collection::vec(0_i64..200, 1..4), 1..6),
            retention_bytes in -1_i64..3_000,
            retention_ms in -1_i64..200,
            now in 200_i64..400,
            upto in 0_i64..20,
        ) {
            let config = TopicConfig { retention_bytes, ..by_time(retention_ms) };
            let segments: Vec<_> = times.iter().map(Vec::as_slice).collect();
            let given = given(config, &segments);
            let size = given.log.size_bytes() / u64::try_from(given.log.log_end_offset().get()).unwrap();
            let mut next = 0;
            let described: Vec<_> = times.iter().map(|times| {
                let base = next;
                next += i64::try_from(times.len()).unwrap();
                let bytes = size * u64::try_from(times.len()).unwrap();
                (base, bytes, times.iter().copied().max().unwrap())
            }).collect();
            let end = given.log.log_end_offset();
            let upto = Offset::new(upto).unwrap().min(end);
            let start = given.log.retained_start(Timestamp::new(now), upto).unwrap();
            let limits = (retention_bytes, retention_ms);
            prop_assert_eq!(start.get(), model(&described, end.get(), limits, (now, upto.get())));
        }
    }
}
