//! One log on the real file system: what is appended is read, also after the process is gone.

#[cfg(test)]
mod support;

use std::sync::Arc;

use model::config::TopicConfig;
use storage::batch::BatchView;
use storage::error::ReadError;
use storage::{Appended, Disk, GroupCommit, ReadSpec, RealDisk};
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
