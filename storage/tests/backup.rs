//! Backups: of one moment for all logs, whatever goes on meanwhile; whole or not there; and never written through to the original.

#[cfg(test)]
mod support;

#[cfg(test)]
mod backups {
    use std::collections::BTreeMap;
    use std::ops::ControlFlow;
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use model::config::{CleanupPolicy, FlushMode, TopicConfig};
    use model::{Offset, Timestamp, TopicId};
    use storage::batch::{BatchBuilder, NewRecord, OwnedBatch};
    use storage::disk::{Fault, FaultKind, SimulatedDisk};
    use storage::{
        BackedUp, BackupError, BackupOptions, CleanOptions, Disk, LogManager, OpenError, PartitionLog, RealDisk,
        back_up_stopped,
    };
    use tempfile::TempDir;

    use super::support::*;

    fn config() -> Arc<TopicConfig> {
        Arc::new(TopicConfig { segment_bytes: 3_000, index_interval_bytes: 200, ..TopicConfig::default() })
    }

    fn compacted() -> Arc<TopicConfig> {
        let cleanup_policy = CleanupPolicy { compact: true, delete: false };
        Arc::new(TopicConfig { cleanup_policy, min_cleanable_dirty_ratio: 0.0, ..TopicConfig::clone(&config()) })
    }

    fn id(number: u8) -> TopicId {
        TopicId::from_bytes([number; 16])
    }

    /// Makes a backup; `during` is called between its steps.
    fn back_up(manager: &LogManager, to: &Path, during: &mut dyn FnMut()) -> Result<BackedUp, BackupError> {
        let mut pace = |_| {
            during();
            ControlFlow::Continue(())
        };
        manager.back_up(to, &mut BackupOptions { elapsed: &|| Duration::ZERO, pace: &mut pace })
    }

    /// A record of a key.
    fn keyed(key: u8, value: &[u8]) -> OwnedBatch {
        let record = NewRecord { timestamp: NOW, key: Some(&[key]), value: Some(value), headers: &[] };
        BatchBuilder::new(record).unwrap().build()
    }

    fn compact(log: &PartitionLog) {
        let options = CleanOptions { map_bytes_max: 1 << 20, map_load_factor: 0.9, buffer_size: 1_000 };
        let cleanable = log.cleanable(log.synced_offset(), NOW).unwrap().unwrap();
        log.clean(&cleanable, options, NOW, &mut |_| ControlFlow::Continue(())).unwrap();
    }

    /// Every file below a directory, with its bytes.
    fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut directories = vec![dir.to_owned()];
        while let Some(directory) = directories.pop() {
            for entry in std::fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    directories.push(path);
                } else {
                    let name = path.strip_prefix(dir).unwrap().display().to_string();
                    found.insert(name, std::fs::read(path).unwrap());
                }
            }
        }
        found
    }

    struct Data {
        root: TempDir,
        disk: Arc<dyn Disk>,
        manager: LogManager,
    }

    fn data() -> Data {
        let root = tempfile::tempdir().unwrap();
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let manager = open_manager(&disk, &root.path().join("data"));
        Data { root, disk, manager }
    }

    impl Data {
        fn to(&self) -> std::path::PathBuf {
            self.root.path().join("backup")
        }

        fn create(&self, name: &str, number: u8, config: Arc<TopicConfig>) -> Arc<PartitionLog> {
            self.manager.create(&partition(name), id(number), config, NOW).unwrap()
        }
    }

    #[test]
    fn it_ends_with_what_was_synced_and_what_it_links_is_never_written_to() {
        let data = data();
        let (plain, keys) = (data.create("plain", 1, config()), data.create("keys", 2, compacted()));
        for tag in 0..40 {
            append(&plain, &batch(tag, 3, 100));
            append(&keys, &keyed(u8::try_from(tag % 5).unwrap(), &[7; 400]));
        }
        let (plain_end, keys_end) = (plain.sync().unwrap(), keys.sync().unwrap());
        append(&plain, &batch(99, 1, 100));
        let before = read_all(&plain);
        let made = back_up(&data.manager, &data.to(), &mut || {}).unwrap();
        assert!(made.copied.linked_files > 5, "{made:?}");
        assert!(!data.root.path().join("data/.backup").exists());

        // The backup is opened as after a crash, written to, compacted and killed, twice.
        let original = files(&data.root.path().join("data"));
        for round in 0..2 {
            let copy = open_manager(&data.disk, &data.to());
            assert!(!copy.was_clean());
            assert_eq!(copy.cluster_id(), data.manager.cluster_id());
            let plain = copy.open_log(&partition("plain"), id(1), config(), NOW).unwrap();
            let keys = copy.open_log(&partition("keys"), id(2), compacted(), NOW).unwrap();
            assert!(plain.log_end_offset() >= plain_end && keys.log_end_offset() >= keys_end);
            let copied = read_all(&plain);
            let common = copied.len().min(before.len() - batch(99, 1, 100).to_vec().len());
            // Later the copy is another log.
            assert!(round > 0 || copied[..common] == before[..common], "no prefix");
            for tag in 0..20 {
                append(&plain, &batch(tag, 3, 100));
                append(&keys, &keyed(u8::try_from(tag % 5).unwrap(), &[9; 400]));
            }
            plain.sync().unwrap();
            keys.sync().unwrap();
            compact(&keys);
            plain.truncate_before(offset(30), NOW).unwrap();
        }
        assert_eq!(files(&data.root.path().join("data")), original);
        // And neither by the original after it was made.
        let copied = files(&data.to());
        compact(&keys);
        plain.truncate_before(plain_end, NOW).unwrap();
        data.manager.retire_topic(id(2)).unwrap();
        assert_eq!(files(&data.to()), copied);
    }

    #[test]
    fn what_is_acknowledged_at_the_cut_is_all_there_and_what_comes_later_is_not() {
        let data = data();
        let (plain, keys, gone) =
            (data.create("plain", 1, config()), data.create("keys", 2, compacted()), data.create("gone", 3, config()));
        for tag in 0..40 {
            append(&plain, &batch(tag, 3, 100));
            append(&keys, &keyed(u8::try_from(tag % 5).unwrap(), &[7; 400]));
            append(&gone, &batch(tag, 1, 10));
        }
        for log in [&plain, &keys, &gone] {
            log.sync().unwrap();
        }
        let expected = [&plain, &keys, &gone].map(|log| read_all(log));
        let mut is_done = false;
        let made = back_up(&data.manager, &data.to(), &mut || {
            if !std::mem::replace(&mut is_done, true) {
                append(&plain, &batch(99, 3, 100));
                append(&keys, &keyed(1, &[8; 400]));
                plain.sync().unwrap();
                keys.sync().unwrap();
                plain.truncate_before(plain.log_end_offset(), NOW).unwrap();
                compact(&keys);
                keys.delete_dead_segments(Timestamp::new(i64::MAX)).unwrap();
                data.manager.retire_topic(id(3)).unwrap();
                data.manager.remove_aside(&data.manager.retired(id(3)));
                data.create("new", 4, config());
            }
        });
        made.unwrap();
        assert!(is_done);
        let copy = open_manager(&data.disk, &data.to());
        let logs = [("plain", 1, config()), ("keys", 2, compacted()), ("gone", 3, config())];
        let found = logs.map(|(name, number, config)| {
            let log = copy.open_log(&partition(name), id(number), config, NOW).unwrap();
            assert_eq!(log.log_start_offset(), Offset::ZERO);
            read_all(&log)
        });
        assert_eq!(found, expected);
        assert!(!copy.holds(&partition("new")).unwrap());
    }

    /// One log says how far another one is: what it says is never ahead of that in a backup. `first` is the config of the other.
    fn logs_that_speak_of_each_other(first: &Arc<TopicConfig>) {
        let data = data();
        let (records, commits) = (data.create("records", 1, Arc::clone(first)), data.create("commits", 2, config()));
        let is_over = AtomicBool::new(false);
        let write = || {
            for tag in (0..).take_while(|_| !is_over.load(Ordering::Relaxed)) {
                append(&records, &batch(tag, 1, 20));
                if first.flush_mode == FlushMode::Sync {
                    records.sync().unwrap();
                }
                // Its offset is the end of the other log, less one.
                append(&commits, &batch(tag, 1, 20));
                commits.sync().unwrap();
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(write);
            for _ in 0..12 {
                back_up(&data.manager, &data.to(), &mut || {}).unwrap();
                let copy = open_manager(&data.disk, &data.to());
                let records = copy.open_log(&partition("records"), id(1), Arc::clone(first), NOW).unwrap();
                let commits = copy.open_log(&partition("commits"), id(2), config(), NOW).unwrap();
                let (records, commits) = (records.log_end_offset(), commits.log_end_offset());
                assert!(commits <= records, "{commits} are committed of {records}");
                drop(copy);
                std::fs::remove_dir_all(data.to()).unwrap();
            }
            is_over.store(true, Ordering::Relaxed);
        });
    }

    #[test]
    fn no_log_speaks_of_what_another_does_not_hold() {
        logs_that_speak_of_each_other(&config());
    }

    #[test]
    fn nor_of_what_was_seen_before_it_was_synced() {
        let config = TopicConfig { flush_mode: FlushMode::Async, ..TopicConfig::clone(&config()) };
        logs_that_speak_of_each_other(&Arc::new(config));
    }

    #[test]
    fn a_directory_that_nobody_uses_is_copied_as_it_lies() {
        let data = data();
        let plain = data.create("plain", 1, config());
        for tag in 0..40 {
            append(&plain, &batch(tag, 3, 100));
        }
        let expected = read_all(&plain);
        let dir = data.root.path().join("data");
        let options = || BackupOptions {
            elapsed: &|| Duration::ZERO,
            pace: Box::leak(Box::new(|_: u64| ControlFlow::Continue(()))),
        };
        let in_use = back_up_stopped(&RealDisk, &dir, &data.to(), &mut options());
        assert!(matches!(in_use, Err(BackupError::Open(OpenError::InUse { .. }))), "{in_use:?}");
        data.manager.close().unwrap();
        let to = data.to();
        let Data { root, disk, manager } = data;
        drop((manager, plain));
        let made = back_up_stopped(&RealDisk, &dir, &to, &mut options()).unwrap();
        assert!(made.copied.linked_files > 2, "{made:?}");
        let copy = open_manager(&disk, &to);
        assert!(copy.was_clean());
        let plain = copy.open_log(&partition("plain"), id(1), config(), NOW).unwrap();
        assert_eq!(read_all(&plain), expected);
        drop(root);
    }

    #[test]
    fn a_place_that_is_taken_is_refused() {
        let data = data();
        std::fs::create_dir(data.to()).unwrap();
        back_up(&data.manager, &data.to(), &mut || {}).unwrap();
        let again = back_up(&data.manager, &data.to(), &mut || {});
        assert!(matches!(again, Err(BackupError::Occupied { .. })), "{again:?}");
        let inside = back_up(&data.manager, &data.root.path().join("data/backup"), &mut || {});
        assert!(matches!(inside, Err(BackupError::Inside { .. })), "{inside:?}");
        let file = data.root.path().join("file");
        std::fs::write(&file, "x").unwrap();
        assert!(matches!(back_up(&data.manager, &file, &mut || {}), Err(BackupError::Occupied { .. })));
        std::fs::create_dir(data.root.path().join(".other.unfinished")).unwrap();
        let left = back_up(&data.manager, &data.root.path().join("other"), &mut || {});
        assert!(matches!(left, Err(BackupError::Unfinished { .. })), "{left:?}");
    }

    /// A simulated disk with a data directory and a log in it.
    fn simulated() -> (SimulatedDisk, Arc<dyn Disk>, LogManager, Vec<u8>) {
        let disk = SimulatedDisk::new();
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let manager = open_manager(&shared, Path::new("/data"));
        let log = manager.create(&partition("plain"), id(1), config(), NOW).unwrap();
        for tag in 0..20 {
            append(&log, &batch(tag, 3, 100));
        }
        log.sync().unwrap();
        let bytes = read_all(&log);
        (disk, shared, manager, bytes)
    }

    #[test]
    fn nothing_is_left_of_one_that_found_no_room() {
        for after in 0..12 {
            let (disk, shared, manager, _) = simulated();
            let error = std::io::ErrorKind::StorageFull;
            disk.inject(Fault { kind: FaultKind::Write, after, error, is_lasting: true });
            let made = back_up(&manager, Path::new("/backup"), &mut || {});
            disk.heal();
            if made.is_err() {
                let left = shared.read_directory(Path::new("/")).unwrap();
                assert!(left.iter().all(|entry| entry.name == "data"), "{left:?}");
            }
            assert!(!shared.exists(Path::new("/data/.backup")).unwrap());
        }
    }

    #[test]
    fn a_crash_at_any_moment_leaves_a_whole_one_or_none() {
        let (mut whole, mut none) = (0, 0);
        for changes in 0.. {
            let (disk, shared, manager, bytes) = simulated();
            disk.halt_after(changes);
            let made = back_up(&manager, Path::new("/backup"), &mut || {});
            drop(manager);
            disk.crash(changes);
            for dir in ["/data", "/backup"] {
                if dir == "/backup" && !shared.exists(Path::new(dir)).unwrap() {
                    assert!(made.is_err(), "it was said to be there");
                    none += 1;
                    continue;
                }
                let manager = open_manager(&shared, Path::new(dir));
                let log = manager.open_log(&partition("plain"), id(1), config(), NOW).unwrap();
                assert_eq!(read_all(&log), bytes, "{dir} after {changes} changes");
                assert!(!shared.exists(Path::new("/data/.backup")).unwrap());
                whole += usize::from(dir == "/backup");
            }
            if made.is_ok() {
                break;
            }
        }
        assert!(whole > 0 && none > 20, "{whole} {none}");
    }
}
