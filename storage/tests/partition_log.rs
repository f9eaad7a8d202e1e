//! One log on the real file system: what is appended is read, also after the process is gone.

#[cfg(test)]
mod support;

use std::sync::Arc;

use model::Timestamp;
use model::config::TopicConfig;
use storage::batch::BatchView;
use storage::error::{ReadError, SyncError};
use storage::{Appended, Disk, GroupCommit, PartitionLog, ReadSpec, RealDisk};
use support::*;

fn real() -> Arc<dyn Disk> {
    Arc::new(RealDisk)
}

#[test]
fn what_is_appended_is_read_after_a_clean_stop_and_after_a_kill() {
    for is_clean in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let expected = {
            let manager = open_manager(&real(), dir.path());
            let log = manager.create(&partition("t"), ID, Arc::new(TopicConfig::default()), NOW).unwrap();
            for tag in 0..200 {
                append(&log, &batch(tag, 3, 100));
            }
            assert_eq!(log.log_end_offset(), offset(600));
            assert_eq!(log.synced_offset(), offset(0));
            assert_eq!(log.sync().unwrap(), offset(600));
            if is_clean {
                manager.close().unwrap();
            }
            std::fs::read(dir.path().join("t-0/00000000000000000000.log")).unwrap()
        };
        let manager = open_manager(&real(), dir.path());
        assert_eq!(manager.was_clean(), is_clean);
        let log = manager.open_log(&partition("t"), ID, Arc::new(TopicConfig::default()), NOW).unwrap();
        assert_eq!((log.log_end_offset(), log.synced_offset()), (offset(600), offset(600)));
        assert_eq!(read_all(&log), expected);
        assert_eq!(batches(&expected).len(), 200);
        let placed = append(&log, &batch(1, 1, 10));
        assert_eq!(placed.base_offset, offset(600));
    }
}

#[test]
fn leader_epochs_are_read_from_the_batches_where_their_file_is_damaged_or_missing() {
    for is_missing in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let manager = open_manager(&real(), dir.path());
        let log = manager.create(&partition("t"), ID, Arc::new(TopicConfig::default()), NOW).unwrap();
        append(&log, &batch(0, 3, 100));
        log.append(&batch(1, 2, 100).checked(), epoch(4), NOW).unwrap();
        manager.close().unwrap();
        drop((log, manager));
        let file = dir.path().join("t-0/leader-epoch-checkpoint");
        if is_missing {
            std::fs::remove_file(&file).unwrap();
        } else {
            std::fs::write(&file, "0\n1\n").unwrap();
        }
        let manager = open_manager(&real(), dir.path());
        let log = manager.open_log(&partition("t"), ID, Arc::new(TopicConfig::default()), NOW).unwrap();
        assert_eq!(log.epoch_end(epoch(0)), Some((epoch(0), offset(3))));
        assert_eq!(log.epoch_end(epoch(4)), Some((epoch(4), offset(5))));
    }
}

/// First offset, last offset and size of each batch.
fn places(mut bytes: &[u8]) -> Vec<(i64, i64, usize)> {
    let mut places = Vec::new();
    while let Ok(view) = BatchView::parse(bytes) {
        places.push((view.header().base_offset, view.last_offset().unwrap_or(-1), view.size()));
        bytes = bytes.get(view.size()..).unwrap_or_default();
    }
    places
}

/// What a read must find, by looking at every batch.
fn scan(places: &[(i64, i64, usize)], spec: ReadSpec) -> Vec<(i64, i64)> {
    let mut room = usize::try_from(spec.max_bytes).unwrap_or(usize::MAX);
    let mut found = Vec::new();
    let wanted = places.iter().filter(|(_, last, _)| *last >= spec.from.get() && *last < spec.upto.get());
    for (base, last, size) in wanted {
        if *size > room && !found.is_empty() {
            break;
        }
        found.push((*base, *last));
        room = room.saturating_sub(*size);
        if room == 0 {
            break;
        }
    }
    found
}

#[test]
fn every_read_is_what_a_linear_scan_finds() {
    let dir = tempfile::tempdir().unwrap();
    let manager = open_manager(&real(), dir.path());
    let config = Arc::new(TopicConfig { segment_bytes: 20_000, index_interval_bytes: 500, ..TopicConfig::default() });
    let log = manager.create(&partition("t"), ID, Arc::clone(&config), NOW).unwrap();
    for tag in 0..300_u32 {
        append(&log, &batch(u64::from(tag), tag % 7 + 1, usize::try_from(tag * 37 % 400).unwrap()));
        if tag % 50 == 0 {
            log.sync().unwrap();
        }
    }
    let all = read_all(&log);
    let places = places(&all);
    let end = log.log_end_offset().get();
    for from in (0..end).step_by(3) {
        for upto in [from + 1, from + 10, from + 200, end] {
            for max_bytes in [1, 300, 2_000, 50_000] {
                let spec =
                    ReadSpec { from: offset(from), upto: offset(upto.min(end)), max_bytes, at_least_one_batch: true };
                let found = batches(&log.read(spec).unwrap().read_to_vec().unwrap());
                assert_eq!(found, scan(&places, spec), "from {from} upto {upto} max {max_bytes}");
            }
        }
    }
    assert!(matches!(
        log.read(ReadSpec { from: offset(end + 1), upto: offset(end), max_bytes: 1, at_least_one_batch: true }),
        Err(ReadError::OutOfRange { .. })
    ));
}

#[test]
fn a_repeated_batch_gets_its_first_offsets_also_after_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let config = Arc::new(TopicConfig::default());
    let sent: Vec<Vec<u8>> =
        (0..7).map(|tag| stamped(&batch(tag, 2, 10), 5, 0, i32::try_from(tag).unwrap() * 2)).collect();
    {
        let manager = open_manager(&real(), dir.path());
        let log = manager.create(&partition("t"), ID, Arc::clone(&config), NOW).unwrap();
        for bytes in &sent[..4] {
            log.append(&checked(bytes, &config), epoch(0), NOW).unwrap();
        }
        log.checkpoint(0).unwrap();
        for bytes in &sent[4..] {
            log.append(&checked(bytes, &config), epoch(0), NOW).unwrap();
        }
        log.sync().unwrap();
    }
    let manager = open_manager(&real(), dir.path());
    let log = manager.open_log(&partition("t"), ID, Arc::clone(&config), NOW).unwrap();
    for (place, bytes) in sent.iter().enumerate().skip(2) {
        let Appended::Duplicate(first) = log.append(&checked(bytes, &config), epoch(0), NOW).unwrap() else {
            panic!("batch {place} was appended twice")
        };
        assert_eq!(first.base_offset, offset(i64::try_from(place).unwrap() * 2));
    }
    assert!(log.append(&checked(&sent[0], &config), epoch(0), NOW).is_err());
}

#[test]
fn one_group_commit_serves_all_that_wait() {
    let dir = tempfile::tempdir().unwrap();
    let manager = open_manager(&real(), dir.path());
    let log = manager.create(&partition("t"), ID, Arc::new(TopicConfig::default()), NOW).unwrap();
    let (sender, synced) = std::sync::mpsc::sync_channel(1000);
    let observed = Arc::downgrade(&log);
    log.on_durable(Box::new(move || sender.send(observed.upgrade().unwrap().synced_offset()).unwrap()));
    let commit = GroupCommit::start(2).unwrap();
    for tag in 0..100 {
        append(&log, &batch(tag, 1, 10));
        commit.request(&log);
    }
    commit.stop();
    assert_eq!(log.synced_offset(), offset(100));
    let seen: Vec<_> = synced.try_iter().collect();
    assert_eq!(seen.last(), Some(&offset(100)));
    assert!(seen.is_sorted());
}

#[test]
fn records_are_found_by_their_time_as_a_scan_finds_them() {
    let dir = tempfile::tempdir().unwrap();
    let manager = open_manager(&real(), dir.path());
    let config = Arc::new(TopicConfig { segment_bytes: 6_000, index_interval_bytes: 400, ..TopicConfig::default() });
    let log = manager.create(&partition("t"), ID, Arc::clone(&config), NOW).unwrap();
    let mut times = Vec::new();
    for tag in 0..200_i64 {
        // Rises, with steps back.
        let time = 1_000 + tag * 10 - (tag % 7) * 25;
        times.extend([time; 3]);
        append(&log, &batch_at(Timestamp::new(time), u64::try_from(tag).unwrap(), 3, 50));
        if tag == 120 {
            log.checkpoint(0).unwrap();
        }
    }
    let check = |log: &PartitionLog| {
        for target in (900..3_100).step_by(7) {
            for upto in [1, 30, 299, 600] {
                let expected = times.iter().take(upto).position(|time| *time >= target);
                let upto = offset(i64::try_from(upto).unwrap());
                let found = log.offset_for_timestamp(Timestamp::new(target), upto).unwrap();
                let expected = expected.map(|place| (i64::try_from(place).unwrap(), times[place]));
                assert_eq!(
                    found.map(|found| (found.offset.get(), found.timestamp.get())),
                    expected,
                    "{target} below {upto}"
                );
            }
        }
        for upto in (0..=600).step_by(9) {
            let latest = times.iter().take(upto).max();
            let first = latest.map(|latest| (times.iter().position(|time| time == latest).unwrap(), *latest));
            let found = log.max_timestamp(offset(i64::try_from(upto / 3 * 3).unwrap())).unwrap();
            let found = found.map(|found| (usize::try_from(found.offset.get()).unwrap(), found.timestamp.get()));
            assert_eq!(found, first, "below {upto}");
        }
    };
    check(&log);
    manager.close().unwrap();
    drop((log, manager));
    let manager = open_manager(&real(), dir.path());
    check(&manager.open_log(&partition("t"), ID, config, NOW).unwrap());
}

#[test]
fn segments_roll_by_size_time_index_space_and_offsets() {
    let roll_after = |config: TopicConfig, times: &[i64]| {
        let dir = tempfile::tempdir().unwrap();
        let manager = open_manager(&real(), dir.path());
        let log = manager.create(&partition("t"), ID, Arc::new(config), NOW).unwrap();
        for (tag, time) in (0..).zip(times) {
            append(&log, &batch_at(Timestamp::new(*time), tag, 1, 100));
        }
        let entries = std::fs::read_dir(dir.path().join("t-0")).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.extension().is_some_and(|found| found == "log")).count()
    };
    let config = TopicConfig::default;
    assert_eq!(roll_after(config(), &[1; 50]), 1);
    // A batch of one such record has 171 bytes.
    assert_eq!(roll_after(TopicConfig { segment_bytes: 2 * 171, ..config() }, &[1; 6]), 3);
    // By the time of the records, counted from the first of the segment.
    assert_eq!(roll_after(TopicConfig { segment_ms: 10, ..config() }, &[100, 110, 105, 111, 90, 121, 122]), 3);
    assert_eq!(roll_after(TopicConfig { segment_ms: 10, segment_jitter_ms: 10, ..config() }, &[100, 111]), 2);
    // Two entries of the offset index, and one less of the time index for the last.
    let full = TopicConfig { segment_index_bytes: 24, index_interval_bytes: 0, ..config() };
    assert_eq!(roll_after(full, &[1, 2, 3, 4, 5, 6]), 3);
}

#[test]
fn the_front_of_a_log_can_be_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let config = Arc::new(TopicConfig { segment_bytes: 2_000, ..TopicConfig::default() });
    let manager = open_manager(&real(), dir.path());
    let log = manager.create(&partition("t"), ID, Arc::clone(&config), NOW).unwrap();
    for tag in 0..50 {
        append(&log, &batch(tag, 2, 100));
    }
    let size = log.size_bytes();
    log.truncate_before(offset(61), NOW).unwrap();
    assert_eq!((log.log_start_offset(), log.log_end_offset()), (offset(61), offset(100)));
    assert!(log.size_bytes() < size / 2);
    let before = ReadSpec { from: offset(60), upto: offset(100), max_bytes: 100, at_least_one_batch: true };
    assert!(matches!(log.read(before), Err(ReadError::OutOfRange { .. })));
    assert_eq!(batches(&read_all(&log)).first(), Some(&(60, 61)), "the whole batch that holds the start");
    log.truncate_before(offset(100), NOW).unwrap();
    assert_eq!((log.log_start_offset(), log.size_bytes()), (offset(100), 0));
    assert_eq!(append(&log, &batch(1, 1, 1)).base_offset, offset(100));
    log.sync().unwrap();
    drop((log, manager));
    let manager = open_manager(&real(), dir.path());
    let log = manager.open_log(&partition("t"), ID, config, NOW).unwrap();
    assert_eq!((log.log_start_offset(), log.log_end_offset()), (offset(100), offset(101)));
}

#[test]
fn records_before_a_requested_start_are_gone_and_their_files_later() {
    let dir = tempfile::tempdir().unwrap();
    let config = TopicConfig { segment_bytes: 2_000, file_delete_delay_ms: 1_000, ..TopicConfig::default() };
    let config = Arc::new(config);
    let manager = open_manager(&real(), dir.path());
    let log = manager.create(&partition("t"), ID, Arc::clone(&config), NOW).unwrap();
    for tag in 0..50 {
        append(&log, &batch(tag, 2, 100));
    }
    let (size, later) = (log.size_bytes(), |ms| Timestamp::new(NOW.get() + ms));
    assert!(matches!(log.request_log_start(offset(101), NOW), Err(SyncError::OutOfRange { .. })));
    log.request_log_start(offset(61), NOW).unwrap();
    log.request_log_start(offset(30), later(999)).unwrap();
    assert_eq!((log.log_start_offset(), log.requested_log_start()), (offset(0), offset(61)));
    assert!(!log.delete_dead_segments(later(5)).unwrap(), "no sync has come to it, and it is not forgotten");
    assert_eq!(log.sync().unwrap(), offset(100));
    assert_eq!(log.log_start_offset(), offset(61));
    assert_eq!(log.epoch_end(epoch(0)), Some((epoch(0), offset(100))));
    assert_eq!(log.offset_for_timestamp(Timestamp::new(0), offset(100)).unwrap().unwrap().offset, offset(61));
    let aside = || {
        let entries = std::fs::read_dir(dir.path().join("t-0")).unwrap().map(|entry| entry.unwrap().file_name());
        entries.filter(|name| name.to_str().is_some_and(|name| name.ends_with(".deleted"))).count()
    };
    assert!(log.delete_dead_segments(later(999)).unwrap(), "set aside, not removed yet");
    assert!(log.size_bytes() < size / 2 && aside() > 3);
    assert!(!log.delete_dead_segments(later(999)).unwrap(), "once");
    assert!(log.delete_dead_segments(later(1_000)).unwrap());
    assert_eq!(aside(), 0);
    assert!(!log.delete_dead_segments(later(9_000)).unwrap(), "once");
    assert_eq!(batches(&read_all(&log)).first(), Some(&(60, 61)), "the whole batch that holds the start");

    // All of it, and killed before the files could go.
    log.request_log_start(offset(100), NOW).unwrap();
    log.sync().unwrap();
    assert!(log.delete_dead_segments(NOW).unwrap() && aside() > 0);
    drop((log, manager));
    let manager = open_manager(&real(), dir.path());
    assert!(manager.last_used().is_some_and(|last_used| last_used > NOW), "files tell when they were written");
    let log = manager.open_log(&partition("t"), ID, Arc::clone(&config), NOW).unwrap();
    assert_eq!((log.log_start_offset(), log.log_end_offset()), (offset(100), offset(100)));
    assert_eq!(aside(), 0, "the next start removes what was set aside");
    assert_eq!(log.max_timestamp(offset(100)).unwrap(), None);
    assert_eq!(append(&log, &batch(1, 1, 1)).base_offset, offset(100));
    log.sync().unwrap();
    assert_eq!(log.max_timestamp(offset(101)).unwrap().unwrap().offset, offset(100));
}

#[test]
fn the_largest_timestamp_is_that_of_a_record_that_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let manager = open_manager(&real(), dir.path());
    let config = Arc::new(TopicConfig { index_interval_bytes: 300, ..TopicConfig::default() });
    let log = manager.create(&partition("t"), ID, config, NOW).unwrap();
    for time in [5, 9, 3, 7, 4, 6] {
        append(&log, &batch_at(Timestamp::new(time), 1, 2, 100));
    }
    let latest =
        |upto| log.max_timestamp(offset(upto)).unwrap().map(|found| (found.offset.get(), found.timestamp.get()));
    assert_eq!(latest(12), Some((2, 9)));
    for (start, expected) in [(3, (3, 9)), (4, (6, 7)), (8, (10, 6)), (11, (11, 6))] {
        log.request_log_start(offset(start), NOW).unwrap();
        log.sync().unwrap();
        assert_eq!(latest(12), Some(expected), "from {start}");
    }
    assert_eq!(latest(10), None);
}

#[test]
fn readers_find_whole_batches_while_others_append_roll_and_sync() {
    let dir = tempfile::tempdir().unwrap();
    let config = Arc::new(TopicConfig { segment_bytes: 8_000, index_interval_bytes: 600, ..TopicConfig::default() });
    let manager = open_manager(&real(), dir.path());
    let log = manager.create(&partition("t"), ID, config, NOW).unwrap();
    let commit = GroupCommit::start(2).unwrap();
    let end = offset(2 * 2_000);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for tag in 0..500 {
                    append(&log, &batch(tag, 4, 30));
                    commit.request(&log);
                }
            });
        }
        for step in 1..=3_i64 {
            let log = &log;
            scope.spawn(move || {
                let mut from = 0;
                while log.synced_offset() < end {
                    let upto = log.synced_offset();
                    let spec = ReadSpec { from: offset(from), upto, max_bytes: 3_000, at_least_one_batch: true };
                    let found = batches(&log.read(spec).unwrap().read_to_vec().unwrap());
                    assert!(found.first().is_none_or(|first| first.0 <= from && from <= first.1), "{from}: {found:?}");
                    assert!(found.windows(2).all(|pair| pair[0].1 + 1 == pair[1].0), "{found:?}");
                    assert!(found.last().is_none_or(|last| last.1 < upto.get()));
                    assert_eq!(found.is_empty(), from >= upto.get(), "{from} of {upto}");
                    // Follows the end, each reader at its own distance.
                    from = found.last().map_or(from, |last| last.1 + 1 - last.1 % step).min(upto.get());
                }
            });
        }
    });
    assert_eq!(batches(&read_all(&log)).len(), 1_000);
    commit.stop();
    manager.close().unwrap();
}
