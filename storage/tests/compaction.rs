//! Compaction: what stays is the newest record of each key, in its place; what does not change stays byte for byte; and nothing
//! that it does depends on when the machine stops.

#[cfg(test)]
mod support;

#[cfg(test)]
mod compaction {
    use std::collections::BTreeMap;
    use std::ops::ControlFlow;
    use std::path::Path;
    use std::sync::Arc;

    use model::config::{CleanupPolicy, CompressionType, TopicConfig};
    use model::{Offset, ProducerEpoch, ProducerId, Timestamp};
    use proptest::prelude::*;
    use storage::batch::{BatchBuilder, BatchView, DecompressionLimits, NewRecord};
    use storage::disk::{OpenMode, SimulatedDisk};
    use storage::producers::{EpochRule, Marker, MarkerKind, Verified};
    use storage::{Appended, CleanError, CleanOptions, Disk, LogManager, PartitionLog, ReadSpec};

    use super::support::*;

    const DIR: &str = "/data";
    const DELETE_RETENTION_MS: i64 = 1_000;

    fn config() -> TopicConfig {
        TopicConfig {
            cleanup_policy: CleanupPolicy { compact: true, delete: false },
            min_cleanable_dirty_ratio: 0.0,
            delete_retention_ms: DELETE_RETENTION_MS,
            index_interval_bytes: 200,
            ..TopicConfig::default()
        }
    }

    fn options() -> CleanOptions {
        CleanOptions { map_bytes_max: 1 << 20, map_load_factor: 0.9, buffer_size: 1_000 }
    }

    /// A record to write: its key and its value, `None` for a tombstone.
    type Pair = (u8, Option<u8>);

    fn keyed(pairs: &[Pair], now: Timestamp) -> Vec<u8> {
        let texts: Vec<_> =
            pairs.iter().map(|(key, value)| (vec![b'k', *key], value.map(|value| vec![value; 20]))).collect();
        let record = |(key, value): &'_ (Vec<u8>, Option<Vec<u8>>)| (key.clone(), value.clone());
        let owned: Vec<_> = texts.iter().map(record).collect();
        let new = |(key, value): &'_ (Vec<u8>, Option<Vec<u8>>)| NewRecord {
            timestamp: now,
            key: Some(key.clone().leak()),
            value: value.clone().map(|value| &*value.leak()),
            headers: &[],
        };
        let mut builder = BatchBuilder::new(new(&owned[0])).unwrap();
        for pair in &owned[1..] {
            builder.push(new(pair)).unwrap();
        }
        builder.build().to_vec()
    }

    fn append_bytes(log: &PartitionLog, bytes: &[u8]) -> i64 {
        match log.append(&checked(bytes, &config()), epoch(0), NOW).unwrap() {
            Appended::Written(placed) | Appended::Duplicate(placed) => placed.base_offset.get(),
        }
    }

    fn roll(log: &PartitionLog) {
        assert!(log.roll_if_due(Timestamp::new(i64::MAX)).unwrap());
    }

    struct Given {
        disk: SimulatedDisk,
        manager: LogManager,
        log: Arc<PartitionLog>,
    }

    fn new_log(config: TopicConfig) -> Given {
        let disk = SimulatedDisk::new();
        disk.set_time(NOW);
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let manager = open_manager(&shared, Path::new(DIR));
        let log = manager.create(&partition("t"), ID, Arc::new(config), NOW).unwrap();
        Given { disk, manager, log }
    }

    fn reopen(given: Given) -> Given {
        let Given { disk, manager, log } = given;
        let config = log.config();
        drop((manager, log));
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let manager = open_manager(&shared, Path::new(DIR));
        let log = manager.open_log(&partition("t"), ID, config, NOW).unwrap();
        Given { disk, manager, log }
    }

    fn clean_at(log: &PartitionLog, now: Timestamp, options: CleanOptions) -> Result<bool, CleanError> {
        log.sync().unwrap();
        match log.cleanable(log.log_end_offset(), now)?.filter(|cleanable| cleanable.is_due) {
            Some(cleanable) => log.clean(&cleanable, options, now, &mut |_| ControlFlow::Continue(())).map(|_| true),
            None => Ok(false),
        }
    }

    fn clean(log: &PartitionLog) -> bool {
        clean_at(log, NOW, options()).unwrap()
    }

    /// Every record in the log: offset, key, value.
    fn records(log: &PartitionLog) -> Vec<(i64, u8, Option<u8>)> {
        try_records(log).unwrap()
    }

    /// The same; `None` if the machine has stopped.
    fn try_records(log: &PartitionLog) -> Option<Vec<(i64, u8, Option<u8>)>> {
        let (from, upto) = (log.log_start_offset(), log.log_end_offset());
        let bytes = log.read(ReadSpec { from, upto, max_bytes: u32::MAX, at_least_one_batch: true }).ok()?;
        let bytes = bytes.read_to_vec().ok()?;
        let (mut rest, mut found, mut end) = (bytes.as_slice(), Vec::new(), -1);
        while !rest.is_empty() {
            let view = BatchView::parse(rest).unwrap();
            assert!(view.crc_is_right() && view.header().base_offset > end);
            end = view.last_offset().unwrap();
            let mut records = view.records(DecompressionLimits::bytes(1 << 20));
            while let Some(record) = records.next_record().unwrap() {
                assert!(record.offset <= end);
                found.push((record.offset, record.record.key.unwrap()[1], record.record.value.map(|value| value[0])));
            }
            rest = &rest[view.size()..];
        }
        assert!(found.is_sorted());
        Some(found)
    }

    #[test]
    fn the_newest_record_of_each_key_stays_in_its_place() {
        let given = new_log(config());
        let log = &given.log;
        append_bytes(log, &keyed(&[(1, Some(1)), (2, Some(2)), (3, Some(3))], NOW));
        append_bytes(log, &keyed(&[(4, Some(4))], NOW));
        append_bytes(log, &keyed(&[(1, Some(5)), (2, Some(6))], NOW));
        roll(log);
        append_bytes(log, &keyed(&[(3, Some(7))], NOW));
        assert!(clean(log));
        let expected = [(2, 3, Some(3)), (3, 4, Some(4)), (4, 1, Some(5)), (5, 2, Some(6)), (6, 3, Some(7))];
        assert_eq!(records(log), expected, "3 is newer in the active segment, which is not looked at");
        assert_eq!(log.first_dirty_offset(), offset(6));
        assert!(!clean(log), "nothing new");
        for from in 0..=7 {
            let spec = ReadSpec { from: offset(from), upto: offset(7), max_bytes: 1 << 20, at_least_one_batch: true };
            let bytes = log.read(spec).unwrap().read_to_vec().unwrap();
            let first = batches(&bytes).first().copied();
            assert!(first.is_none_or(|(_, last)| last >= from) && (from == 7) == bytes.is_empty());
        }
        let before = read_all(log);
        given.manager.close().unwrap();
        let given = reopen(given);
        assert_eq!((read_all(&given.log), given.log.first_dirty_offset()), (before, offset(6)));
    }

    #[test]
    fn batches_that_lose_nothing_stay_byte_for_byte_and_segments_are_merged() {
        let given = new_log(config());
        let log = &given.log;
        for key in 0..6 {
            append_bytes(log, &keyed(&[(key, Some(key)), (key + 50, Some(key))], NOW));
            roll(log);
        }
        let before = read_all(log);
        assert!(clean(log));
        assert_eq!(read_all(log), before);
        let segments = || {
            let entries = given.disk.read_directory(Path::new("/data/t-0")).unwrap();
            entries.iter().filter(|entry| entry.name.split_once('.').is_some_and(|name| name.1 == "log")).count()
        };
        assert_eq!(segments(), 2, "one clean, one active");
        log.delete_dead_segments(Timestamp::new(i64::MAX)).unwrap();
        let names: Vec<_> =
            given.disk.read_directory(Path::new("/data/t-0")).unwrap().into_iter().map(|entry| entry.name).collect();
        assert!(!names.iter().any(|name| name.ends_with(".deleted") || name.ends_with(".cleaned")), "{names:?}");
    }

    #[test]
    fn a_batch_too_large_to_be_looked_into_stays_and_the_rest_is_cleaned() {
        let recoded = TopicConfig { compression_type: CompressionType::Zstd, ..config() };
        let given = new_log(recoded.clone());
        let log = &given.log;
        let append = |bytes: &[u8]| log.append(&checked(bytes, &recoded), epoch(0), NOW).unwrap();
        append(&keyed(&[(1, Some(1)), (2, Some(2)), (3, Some(3)), (1, Some(4))], NOW));
        append(&keyed(&[(2, Some(5))], NOW));
        append(&keyed(&[(2, Some(6))], NOW));
        roll(log);
        // Each record has 27 bytes; a batch of four is now more than may be looked at.
        log.set_config(Arc::new(TopicConfig { max_decompressed_batch_bytes: 60, ..recoded.clone() }));
        assert!(clean(log));
        let expected = [(0, 1, Some(1)), (1, 2, Some(2)), (2, 3, Some(3)), (3, 1, Some(4)), (5, 2, Some(6))];
        assert_eq!(records(log), expected);
        assert_eq!(log.first_dirty_offset(), offset(6));
    }

    #[test]
    fn a_tombstone_stays_until_its_horizon_which_is_written_into_the_batch() {
        let given = new_log(config());
        let log = &given.log;
        append_bytes(log, &keyed(&[(1, Some(1))], NOW));
        append_bytes(log, &keyed(&[(1, None), (2, Some(2))], Timestamp::new(NOW.get() - 77)));
        roll(log);
        assert!(clean(log));
        assert_eq!(records(log), [(1, 1, None), (2, 2, Some(2))]);
        let bytes = read_all(log);
        let view = BatchView::parse(&bytes).unwrap();
        let header = *view.header();
        assert!(header.attributes.has_delete_horizon());
        assert_eq!(header.base_timestamp, NOW.get() + DELETE_RETENTION_MS);
        assert_eq!(header.max_timestamp, NOW.get() - 77);
        let mut read = view.records(DecompressionLimits::bytes(1 << 20));
        assert_eq!(read.next_record().unwrap().unwrap().timestamp, NOW.get() - 77, "clients see the time that it had");
        // It goes with a later cleaning, not before the horizon.
        append_bytes(log, &keyed(&[(3, Some(3))], NOW));
        roll(log);
        assert!(clean_at(log, Timestamp::new(NOW.get() + DELETE_RETENTION_MS - 1), options()).unwrap());
        assert_eq!(records(log).len(), 3);
        append_bytes(log, &keyed(&[(4, Some(4))], NOW));
        roll(log);
        assert!(clean_at(log, Timestamp::new(NOW.get() + DELETE_RETENTION_MS), options()).unwrap());
        assert_eq!(records(log), [(2, 2, Some(2)), (3, 3, Some(3)), (4, 4, Some(4))]);
    }

    #[test]
    fn what_is_too_young_or_not_stable_is_not_touched() {
        let given = new_log(TopicConfig { min_compaction_lag_ms: 100, ..config() });
        let log = &given.log;
        for (value, age) in [(1, 300), (2, 200), (3, 50), (4, 0)] {
            append_bytes(log, &keyed(&[(1, Some(value))], Timestamp::new(NOW.get() - age)));
            roll(log);
        }
        log.sync().unwrap();
        let end_at = |last_stable, now| log.cleanable(offset(last_stable), now).unwrap().map(|found| found.end.get());
        assert_eq!(end_at(4, NOW), Some(2), "the third is too young");
        assert_eq!(end_at(1, NOW), Some(1), "an open transaction");
        assert_eq!(end_at(0, NOW), None);
        assert_eq!(end_at(4, Timestamp::new(NOW.get() + 100)), Some(4));
        assert!(clean(log));
        assert_eq!(records(log).len(), 3, "only the first had a newer one");
    }

    #[test]
    fn a_log_is_due_by_its_dirty_share_or_its_age() {
        let lag = TopicConfig { min_cleanable_dirty_ratio: 0.5, max_compaction_lag_ms: 1_000, ..config() };
        let given = new_log(lag);
        let log = &given.log;
        for key in 0..10 {
            append_bytes(log, &keyed(&[(key, Some(key))], NOW));
        }
        roll(log);
        assert!(clean(log), "all of it is dirty");
        append_bytes(log, &keyed(&[(1, Some(2))], NOW));
        roll(log);
        assert!(!clean(log), "a tenth");
        assert!(!clean_at(log, Timestamp::new(NOW.get() + 1_000), options()).unwrap());
        assert!(clean_at(log, Timestamp::new(NOW.get() + 1_001), options()).unwrap(), "too old");
    }

    #[test]
    fn the_last_batch_of_a_producer_stays_without_its_records() {
        let given = new_log(config());
        let log = &given.log;
        let send = |key: u8, sequence| {
            let mut bytes = keyed(&[(key, Some(1)), (key, Some(2))], NOW);
            bytes[43..51].copy_from_slice(&7_i64.to_be_bytes());
            bytes[51..53].copy_from_slice(&0_i16.to_be_bytes());
            bytes[53..57].copy_from_slice(&i32::to_be_bytes(sequence));
            let crc = crc32c::crc32c(&bytes[21..]);
            bytes[17..21].copy_from_slice(&crc.to_be_bytes());
            bytes
        };
        append_bytes(log, &send(1, 0));
        let last = send(1, 2);
        assert_eq!(append_bytes(log, &last), 2);
        append_bytes(log, &keyed(&[(1, Some(3)), (9, Some(1))], NOW));
        roll(log);
        assert!(clean(log));
        assert_eq!(batches(&read_all(log)), [(2, 3), (4, 5)]);
        assert_eq!(records(log), [(4, 1, Some(3)), (5, 9, Some(1))]);
        assert_eq!(append_bytes(log, &last), 2, "its repeat is known");
        log.sync().unwrap();
        // Also when only the log can tell: no snapshot of producers.
        let names = given.disk.read_directory(Path::new("/data/t-0")).unwrap();
        for name in names.iter().filter(|entry| entry.name.ends_with(".producers")) {
            given.disk.remove_file(&Path::new("/data/t-0").join(&name.name)).unwrap();
        }
        let given = reopen(given);
        assert_eq!(append_bytes(&given.log, &last), 2);
        assert_eq!(append_bytes(&given.log, &send(5, 4)), 6, "and its sequence goes on");
    }

    #[test]
    fn a_log_with_more_keys_than_the_map_holds_is_cleaned_a_part_at_a_time() {
        let given = new_log(config());
        let log = &given.log;
        for round in 0..3 {
            for key in 0..100_u8 {
                append_bytes(log, &keyed(&[(key, Some(round)), (key, Some(round + 10))], NOW));
            }
            roll(log);
        }
        let small = CleanOptions { map_bytes_max: 40 * 14, ..options() };
        let mut rounds = 0;
        while clean_at(log, NOW, small).unwrap() {
            rounds += 1;
            assert!(rounds < 100, "it comes to an end");
        }
        assert!(rounds > 5, "{rounds}");
        let expected: Vec<_> = (0..100_u8).map(|key| (401 + i64::from(key) * 2, key, Some(12))).collect();
        assert_eq!(records(log), expected);
    }

    #[test]
    fn a_damaged_log_is_left_alone_and_others_are_not_concerned() {
        let given = new_log(config());
        append_bytes(&given.log, &keyed(&[(1, Some(1)), (1, Some(2))], NOW));
        roll(&given.log);
        given.log.sync().unwrap();
        let other = given.manager.create(&partition("other"), ID, Arc::new(config()), NOW).unwrap();
        append_bytes(&other, &keyed(&[(1, Some(1)), (1, Some(2))], NOW));
        roll(&other);
        let path = Path::new("/data/t-0/00000000000000000000.log");
        let before = storage::disk::read_file(&given.disk, path, 1 << 20).unwrap();
        given.disk.open(path, OpenMode::Write).unwrap().write_all_at(&[0xff], &[], 70).unwrap();
        assert!(matches!(clean_at(&given.log, NOW, options()), Err(CleanError::Damaged { .. })));
        assert!(!clean(&given.log), "not tried again");
        assert!(!given.log.is_offline() && clean(&other));
        let after = storage::disk::read_file(&given.disk, path, 1 << 20).unwrap();
        assert_eq!(before.len(), after.len(), "nothing was rewritten");
    }

    #[test]
    fn a_cleaning_that_is_stopped_leaves_the_log_as_it_was() {
        let given = new_log(config());
        let log = &given.log;
        append_bytes(log, &keyed(&[(1, Some(1)), (1, Some(2))], NOW));
        append_bytes(log, &keyed(&[(1, Some(1)), (1, Some(2))], NOW));
        roll(log);
        log.sync().unwrap();
        let before = read_all(log);
        let cleanable = log.cleanable(offset(4), NOW).unwrap().unwrap();
        for steps in 0..4 {
            let mut left = steps;
            let stopped = log.clean(&cleanable, options(), NOW, &mut |_| {
                left -= 1;
                if left < 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            assert!(matches!(stopped, Err(CleanError::Stopped)));
            assert_eq!(read_all(log), before);
        }
        let names = given.disk.read_directory(Path::new("/data/t-0")).unwrap();
        assert!(!names.iter().any(|entry| entry.name.ends_with(".cleaned")));
        assert!(clean(log));
    }

    #[test]
    fn readers_go_on_with_what_they_hold() {
        let given = new_log(config());
        let log = &given.log;
        for value in 0..20 {
            append_bytes(log, &keyed(&[(1, Some(value)), (2, Some(value))], NOW));
            roll(log);
        }
        log.sync().unwrap();
        let spec = ReadSpec { from: offset(0), upto: offset(40), max_bytes: 1 << 20, at_least_one_batch: true };
        let slice = log.read(spec).unwrap();
        let before = slice.read_to_vec().unwrap();
        assert!(clean(log));
        log.delete_dead_segments(Timestamp::new(i64::MAX)).unwrap();
        assert_eq!(slice.read_to_vec().unwrap(), before);
        assert!(read_all(log).len() < before.len() / 5);
    }

    fn in_transaction(log: &PartitionLog, producer: i64, sequence: i32, pair: Pair) -> i64 {
        let mut bytes = keyed(&[pair], NOW);
        bytes[21..23].copy_from_slice(&16_i16.to_be_bytes());
        bytes[43..51].copy_from_slice(&producer.to_be_bytes());
        bytes[51..53].copy_from_slice(&0_i16.to_be_bytes());
        bytes[53..57].copy_from_slice(&sequence.to_be_bytes());
        let crc = crc32c::crc32c(&bytes[21..]);
        bytes[17..21].copy_from_slice(&crc.to_be_bytes());
        match log.append_verified(&checked(&bytes, &config()), Verified::NotAsked, epoch(0), NOW).unwrap() {
            Appended::Written(placed) | Appended::Duplicate(placed) => placed.base_offset.get(),
        }
    }

    fn end(log: &PartitionLog, producer: i64, kind: MarkerKind) -> i64 {
        let (producer_id, producer_epoch) = (ProducerId::new(producer).unwrap(), ProducerEpoch::ZERO);
        let marker = Marker { producer_id, producer_epoch, kind, coordinator_epoch: 0 };
        log.append_marker(&marker, EpochRule::SameOrNewer, epoch(0), NOW).unwrap().base_offset.get()
    }

    /// Offsets of the batches, with how many records each has.
    fn counts(log: &PartitionLog) -> Vec<(i64, i32)> {
        let bytes = read_all(log);
        let (mut rest, mut found) = (bytes.as_slice(), Vec::new());
        while let Ok(view) = BatchView::parse(rest) {
            found.push((view.header().base_offset, view.header().records_count));
            rest = &rest[view.size()..];
        }
        found
    }

    #[test]
    fn aborted_records_go_and_supersede_nothing_and_markers_outlive_them_until_their_horizon() {
        let given = new_log(config());
        let log = &given.log;
        append_bytes(log, &keyed(&[(1, Some(1))], NOW));
        append_bytes(log, &keyed(&[(2, Some(1))], NOW));
        in_transaction(log, 7, 0, (1, Some(2)));
        in_transaction(log, 8, 0, (2, Some(2)));
        roll(log);
        // The markers lie in another segment than their records; then each producer sends more, so that nothing stays for it.
        assert_eq!((end(log, 7, MarkerKind::Abort), end(log, 8, MarkerKind::Commit)), (4, 5));
        in_transaction(log, 7, 1, (3, Some(3)));
        end(log, 7, MarkerKind::Commit);
        in_transaction(log, 8, 1, (4, Some(4)));
        end(log, 8, MarkerKind::Commit);
        roll(log);
        append_bytes(log, &keyed(&[(9, Some(9))], NOW));
        log.sync().unwrap();
        log.release_decided(log.synced_offset());
        assert_eq!(log.first_unstable_offset(), None);
        assert_eq!(log.aborted_transactions(offset(0), offset(11)).unwrap().len(), 1);
        assert!(clean(log));
        let kept = [(0, 1), (3, 1), (4, 1), (5, 1), (6, 1), (7, 1), (8, 1), (9, 1), (10, 1)];
        assert_eq!(counts(log), kept, "the aborted record is gone, and what it would have replaced is not");
        assert_eq!(log.aborted_transactions(offset(0), offset(11)).unwrap(), [], "there is nothing left to skip");
        let given = reopen(given);
        assert_eq!(counts(&given.log), kept);
        // The marker of the aborted transaction has nothing to mark, and goes after its horizon.
        let has = |at: i64| counts(&given.log).iter().any(|(base, _)| *base == at);
        for (value, now, is_left) in [(10, NOW.get(), true), (11, NOW.get() + DELETE_RETENTION_MS, false)] {
            append_bytes(&given.log, &keyed(&[(9, Some(value))], NOW));
            roll(&given.log);
            assert!(clean_at(&given.log, Timestamp::new(now), options()).unwrap());
            assert_eq!(
                (has(4), has(5), has(10)),
                (is_left, true, false),
                "that of the committed one has a record still"
            );
        }
    }

    #[test]
    fn a_transaction_that_was_aborted_in_the_clean_part_hides_no_keys_of_its_producers_next_one() {
        let given = new_log(config());
        let log = &given.log;
        in_transaction(log, 7, 0, (1, Some(1)));
        end(log, 7, MarkerKind::Abort);
        roll(log);
        append_bytes(log, &keyed(&[(1, Some(2))], NOW));
        let first_dirty = log.log_end_offset();
        roll(log);
        in_transaction(log, 7, 1, (1, Some(3)));
        end(log, 7, MarkerKind::Commit);
        roll(log);
        append_bytes(log, &keyed(&[(9, Some(9))], NOW));
        log.sync().unwrap();
        log.release_decided(log.synced_offset());
        // As when the segment of the marker had lost nothing: the index still tells of the aborted transaction.
        let cleanable = log.cleanable(log.log_end_offset(), NOW).unwrap().unwrap();
        let cleanable = storage::Cleanable { first_dirty, ..cleanable };
        log.clean(&cleanable, options(), NOW, &mut |_| ControlFlow::Continue(())).unwrap();
        let of_key = records(log).into_iter().filter(|(_, key, _)| *key == 1).collect::<Vec<_>>();
        assert_eq!(of_key, [(3, 1, Some(3))], "what the second transaction wrote has taken the place of all before");
    }

    #[test]
    fn what_is_deleted_in_the_middle_of_a_cleaning_is_no_damage() {
        let both = CleanupPolicy { compact: true, delete: true };
        let given = new_log(TopicConfig { cleanup_policy: both, ..config() });
        for value in 0..6 {
            append_bytes(&given.log, &keyed(&[(1, Some(value)), (2, Some(value))], NOW));
            roll(&given.log);
        }
        // After a clean stop no file is opened that is not needed.
        given.manager.close().unwrap();
        let given = reopen(given);
        let log = &given.log;
        let cleanable = log.cleanable(log.log_end_offset(), NOW).unwrap().unwrap();
        let mut delete = |_| {
            log.request_log_start(offset(8), NOW).unwrap();
            log.sync().unwrap();
            log.delete_dead_segments(NOW).unwrap();
            ControlFlow::Continue(())
        };
        let cleaned = log.clean(&cleanable, options(), NOW, &mut delete);
        assert!(matches!(cleaned, Err(CleanError::Changed)), "{cleaned:?}");
        let cleanable = log.cleanable(log.log_end_offset(), NOW).unwrap();
        assert!(cleanable.is_some_and(|cleanable| cleanable.first_dirty == offset(8)), "{cleanable:?}");
    }

    /// What a script did, as far as the log has said so.
    #[derive(Clone, Debug)]
    enum Step {
        Append(Vec<Pair>),
        Roll,
        Sync,
        Clean { later_ms: i64, map_slots: u64 },
        MoveStart(u8),
        DeleteDead,
    }

    fn step() -> impl Strategy<Value = Step> {
        let pair = (0_u8..8, prop::option::weighted(0.8, any::<u8>()));
        prop_oneof![
            6 => prop::collection::vec(pair, 1..5).prop_map(Step::Append),
            2 => Just(Step::Roll),
            1 => Just(Step::Sync),
            3 => (0_i64..1_500, 2_u64..20).prop_map(|(later_ms, map_slots)| Step::Clean { later_ms, map_slots }),
            1 => (0_u8..10).prop_map(Step::MoveStart),
            1 => Just(Step::DeleteDead),
        ]
    }

    /// What must be in the log.
    #[derive(Clone, Debug, Default)]
    struct Expected {
        /// Every record that was handed to the log, by offset.
        sent: BTreeMap<i64, Pair>,
        synced: i64,
        start_min: i64,
        start_max: i64,
        now: i64,
    }

    fn run(disk: &Arc<dyn Disk>, steps: &[Step], expected: &mut Expected) -> Option<()> {
        let manager = LogManager::open(Arc::clone(disk), Path::new(DIR), super::support::options()).ok()?;
        let log = manager.create(&partition("t"), ID, Arc::new(config()), NOW).ok()?;
        for step in steps {
            let now = Timestamp::new(NOW.get() + expected.now);
            match step {
                Step::Append(pairs) => {
                    let base = log.log_end_offset().get();
                    expected.sent.extend((base..).zip(pairs.iter().copied()));
                    log.append(&checked(&keyed(pairs, NOW), &config()), epoch(0), NOW).ok()?;
                }
                Step::Roll => {
                    log.roll_if_due(Timestamp::new(i64::MAX)).ok()?;
                }
                Step::Sync => expected.synced = log.sync().ok()?.get(),
                Step::Clean { later_ms, map_slots } => {
                    expected.now += later_ms;
                    let now = Timestamp::new(NOW.get() + expected.now);
                    let limited = CleanOptions { map_bytes_max: map_slots * 14, ..options() };
                    if let Some(cleanable) = log.cleanable(log.synced_offset(), now).ok()? {
                        let before = try_records(&log)?;
                        log.clean(&cleanable, limited, now, &mut |_| ControlFlow::Continue(())).ok()?;
                        let after = try_records(&log)?;
                        assert!(after.iter().all(|record| before.contains(record)), "nothing is renumbered or new");
                        assert_eq!(newest(&before), newest(&after), "the newest stays");
                    }
                }
                Step::MoveStart(by) => {
                    let start = (log.log_start_offset().get() + i64::from(*by)).min(log.synced_offset().get());
                    expected.start_max = expected.start_max.max(start);
                    log.request_log_start(offset(start), now).ok()?;
                    expected.synced = log.sync().ok()?.get();
                    expected.start_min = expected.start_min.max(start);
                }
                Step::DeleteDead => {
                    log.delete_dead_segments(Timestamp::new(i64::MAX)).ok()?;
                }
            }
        }
        Some(())
    }

    /// The newest value of each key that has one.
    fn newest(records: &[(i64, u8, Option<u8>)]) -> BTreeMap<u8, u8> {
        let last: BTreeMap<u8, Option<u8>> = records.iter().map(|(_, key, value)| (*key, *value)).collect();
        last.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
    }

    /// Opens the log and compares; `None` if the machine stopped meanwhile.
    fn check(disk: &Arc<dyn Disk>, expected: &mut Expected) -> Option<()> {
        let manager = LogManager::open(Arc::clone(disk), Path::new(DIR), super::support::options()).ok()?;
        if manager.found().ok()?.is_empty() {
            assert_eq!(expected.synced, 0, "the log was made, and is gone");
            return Some(());
        }
        let log = match manager.open_log(&partition("t"), ID, Arc::new(config()), NOW) {
            Ok(log) => log,
            Err(_) if disk.exists(Path::new("/")).is_err() => return None,
            Err(error) => panic!("the log does not open: {error}"),
        };
        if disk.exists(Path::new("/")).is_err() {
            return None;
        }
        let (start, end) = (log.log_start_offset().get(), log.log_end_offset().get());
        assert!(end >= expected.synced && start >= expected.start_min && start <= expected.start_max);
        let found: Vec<_> = records(&log).into_iter().filter(|(offset, ..)| *offset >= start).collect();
        for (offset, key, value) in &found {
            assert_eq!(expected.sent.get(offset), Some(&(*key, *value)), "the record at {offset}");
        }
        let sent: Vec<_> = expected.sent.range(start..end).map(|(at, (key, value))| (*at, *key, *value)).collect();
        assert_eq!(newest(&found), newest(&sent), "the newest value of each key");
        for (place, (offset, key, _)) in sent.iter().enumerate() {
            let is_newest = !sent[place + 1..].iter().any(|(_, later, _)| later == key);
            let is_value = expected.sent[offset].1.is_some();
            assert!(!(is_newest && is_value) || found.iter().any(|(at, ..)| at == offset));
        }
        for from in start..=end {
            let spec = ReadSpec {
                from: Offset::new(from).unwrap(),
                upto: offset(end),
                max_bytes: 300,
                at_least_one_batch: true,
            };
            let bytes = log.read(spec).unwrap().read_to_vec().unwrap();
            let next = found.iter().map(|(at, ..)| *at).find(|at| *at >= from);
            let read = batches(&bytes);
            assert!(read.first().is_none_or(|(_, last)| *last >= from));
            assert!(next.is_none_or(|next| read.first().is_some_and(|(base, _)| *base <= next)), "{from}: {read:?}");
        }
        expected.sent.retain(|at, _| *at < end);
        expected.synced = end;
        Some(())
    }

    /// Runs the steps, stops the machine after so many changes, and checks what is left, twice.
    fn crash_at(steps: &[Step], stop: u64, seed: u64) {
        let simulated = SimulatedDisk::new();
        let disk: Arc<dyn Disk> = Arc::new(simulated.clone());
        let mut expected = Expected::default();
        simulated.halt_after(stop);
        run(&disk, steps, &mut expected);
        simulated.crash(seed ^ stop);
        simulated.halt_after(stop % 17);
        check(&disk, &mut expected);
        simulated.crash(seed.wrapping_mul(31) ^ stop);
        assert!(check(&disk, &mut expected).is_some());
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 200, ..ProptestConfig::default() })]
        #[test]
        fn a_crash_at_any_change_leaves_the_newest_value_of_each_key(
            steps in prop::collection::vec(step(), 5..30),
            seed in any::<u64>(),
        ) {
            let simulated = SimulatedDisk::new();
            let disk: Arc<dyn Disk> = Arc::new(simulated.clone());
            prop_assert!(run(&disk, &steps, &mut Expected::default()).is_some(), "the script runs through");
            for stop in 0..simulated.changes() {
                crash_at(&steps, stop, seed);
            }
        }
    }
}
