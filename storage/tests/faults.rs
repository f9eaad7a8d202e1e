//! Disks that fail, and files that are damaged: what is refused, what goes offline, and what never happens.

#[cfg(test)]
mod support;

#[cfg(test)]
mod faults {
    use std::io::ErrorKind;
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use model::config::TopicConfig;
    use storage::disk::{Fault, FaultKind, OpenMode, SimulatedDisk};
    use storage::error::{AppendError, ReadError, StorageError, SyncError};
    use storage::{Disk, LogManager, OpenError, PartitionLog, ReadSpec, RealDisk};

    use super::support::*;

    fn simulated() -> (SimulatedDisk, Arc<dyn Disk>) {
        let disk = SimulatedDisk::new();
        (disk.clone(), Arc::new(disk))
    }

    fn fault(kind: FaultKind, error: ErrorKind) -> Fault {
        Fault { kind, after: 0, error, is_lasting: false }
    }

    fn new_log(disk: &Arc<dyn Disk>) -> (LogManager, Arc<PartitionLog>) {
        let manager = open_manager(disk, Path::new("/data"));
        let log = manager.create(&partition("t"), ID, Arc::new(TopicConfig::default()), NOW).unwrap();
        (manager, log)
    }

    #[test]
    fn a_write_without_room_is_cut_back_and_the_log_goes_on() {
        let (faults, disk) = simulated();
        let (manager, log) = new_log(&disk);
        append(&log, &batch(0, 3, 100));
        faults.inject(fault(FaultKind::Write, ErrorKind::StorageFull));
        let refused = log.append(&batch(1, 3, 100).checked(), epoch(0), NOW);
        assert!(matches!(refused, Err(AppendError::NoSpace(_))));
        assert!(!log.is_offline());
        assert_eq!(log.log_end_offset(), offset(3));
        assert_eq!(append(&log, &batch(2, 3, 100)).base_offset, offset(3));
        log.sync().unwrap();
        let bytes = read_all(&log);
        assert_eq!(batches(&bytes), [(0, 2), (3, 5)]);
        manager.close().unwrap();
        drop((manager, log));
        let manager = open_manager(&disk, Path::new("/data"));
        let log = manager.open_log(&partition("t"), ID, Arc::new(TopicConfig::default()), NOW).unwrap();
        assert_eq!(read_all(&log), bytes);
    }

    #[test]
    fn a_write_that_fails_otherwise_takes_the_log_offline_for_good() {
        let (faults, disk) = simulated();
        let (_manager, log) = new_log(&disk);
        append(&log, &batch(0, 1, 100));
        log.sync().unwrap();
        faults.inject(fault(FaultKind::Write, ErrorKind::Other));
        assert!(matches!(log.append(&batch(1, 1, 1).checked(), epoch(0), NOW), Err(AppendError::Io(_))));
        assert!(log.is_offline());
        assert!(matches!(log.append(&batch(1, 1, 1).checked(), epoch(0), NOW), Err(AppendError::Offline)));
        assert!(matches!(log.sync(), Err(SyncError::Offline)));
        let spec = ReadSpec { from: offset(0), upto: offset(1), max_bytes: 100, at_least_one_batch: true };
        assert!(matches!(log.read(spec), Err(ReadError::Offline)));
    }

    #[test]
    fn bytes_whose_sync_failed_are_on_the_disk_before_another_process_shows_them() {
        for seed in 0..20 {
            let (faults, disk) = simulated();
            let open = || {
                let manager = open_manager(&disk, Path::new("/data"));
                let log = manager.open_log(&partition("t"), ID, Arc::new(TopicConfig::default()), NOW).unwrap();
                (manager, log)
            };
            let (manager, log) = new_log(&disk);
            append(&log, &batch(0, 3, 1_000));
            log.sync().unwrap();
            append(&log, &batch(1, 5, 1_000));
            faults.inject(fault(FaultKind::SyncFile, ErrorKind::Other));
            assert!(matches!(log.sync(), Err(SyncError::Io(_))));
            drop((manager, log));
            // Only the process begins again, so it reads what the disk never got.
            let (manager, log) = open();
            let shown = (log.synced_offset(), read_all(&log));
            assert_eq!(shown.0, offset(8));
            drop((manager, log));
            faults.crash(seed);
            let (_manager, log) = open();
            assert_eq!((log.synced_offset(), read_all(&log)), shown, "seed {seed}");
        }
    }

    #[test]
    fn a_start_that_finds_no_room_stays_where_it_was_and_is_forgotten() {
        let (faults, disk) = simulated();
        let (_manager, log) = new_log(&disk);
        append(&log, &batch(0, 3, 100));
        log.sync().unwrap();
        log.request_log_start(offset(2), NOW).unwrap();
        faults.inject(fault(FaultKind::Write, ErrorKind::StorageFull));
        assert_eq!(log.sync().unwrap(), offset(3), "the records are durable all the same");
        assert_eq!((log.log_start_offset(), log.requested_log_start()), (offset(0), offset(0)));
        log.sync().unwrap();
        assert_eq!(log.log_start_offset(), offset(0));
        log.request_log_start(offset(1), NOW).unwrap();
        log.sync().unwrap();
        assert_eq!(log.log_start_offset(), offset(1));

        log.request_log_start(offset(3), NOW).unwrap();
        faults.inject(fault(FaultKind::Rename, ErrorKind::Other));
        assert!(matches!(log.sync(), Err(SyncError::Io(_))));
        assert!(log.is_offline());
        assert!(matches!(log.request_log_start(offset(3), NOW), Err(SyncError::Offline)));
    }

    #[test]
    fn a_failed_sync_is_never_tried_again_and_nothing_is_acknowledged() {
        for kind in [FaultKind::SyncFile, FaultKind::SyncDirectory] {
            let (faults, disk) = simulated();
            let (manager, log) = new_log(&disk);
            let calls = Arc::new(AtomicUsize::new(0));
            let counted = Arc::clone(&calls);
            log.on_durable(Box::new(move || {
                counted.fetch_add(1, Ordering::Relaxed);
            }));
            append(&log, &batch(0, 1, 100));
            faults.inject(fault(kind, ErrorKind::Other));
            assert!(matches!(log.sync(), Err(SyncError::Io(_))), "{kind:?}");
            assert_eq!(log.synced_offset(), offset(0));
            assert_eq!(calls.load(Ordering::Relaxed), 1, "those who wait are told");
            assert!(matches!(log.sync(), Err(SyncError::Offline)), "the next sync would succeed without the data");
            assert!(manager.close().is_err());
            drop((manager, log));
            assert!(!open_manager(&disk, Path::new("/data")).was_clean());
        }
    }

    #[test]
    fn a_failed_rename_in_a_checkpoint_takes_the_log_offline() {
        let (faults, disk) = simulated();
        let (_manager, log) = new_log(&disk);
        append(&log, &batch(0, 1, 100));
        faults.inject(fault(FaultKind::Rename, ErrorKind::Other));
        assert!(matches!(log.checkpoint(0), Err(SyncError::Io(_))));
        assert!(log.is_offline());
    }

    #[test]
    fn a_checkpoint_without_room_is_left_out() {
        let (faults, disk) = simulated();
        let (manager, log) = new_log(&disk);
        append(&log, &batch(0, 1, 100));
        faults.inject(Fault { is_lasting: true, ..fault(FaultKind::Write, ErrorKind::StorageFull) });
        assert_eq!(log.checkpoint(0).unwrap(), offset(1), "the records are durable all the same");
        assert!(manager.close().is_err(), "without the checkpoint it is no clean stop");
        faults.heal();
        drop((manager, log));
        let manager = open_manager(&disk, Path::new("/data"));
        assert!(!manager.was_clean());
        let log = manager.open_log(&partition("t"), ID, Arc::new(TopicConfig::default()), NOW).unwrap();
        assert_eq!(log.log_end_offset(), offset(1));
    }

    #[test]
    fn a_log_that_cannot_be_made_is_not_there() {
        for kind in
            [FaultKind::Open, FaultKind::Write, FaultKind::SyncFile, FaultKind::Rename, FaultKind::SyncDirectory]
        {
            let (faults, disk) = simulated();
            let manager = open_manager(&disk, Path::new("/data"));
            faults.inject(fault(kind, ErrorKind::Other));
            assert!(manager.create(&partition("t"), ID, Arc::new(TopicConfig::default()), NOW).is_err(), "{kind:?}");
            if kind != FaultKind::SyncDirectory {
                assert_eq!(manager.found().unwrap(), [], "{kind:?}");
            }
            assert!(
                manager.open_or_create(&partition("t"), ID, Arc::new(TopicConfig::default()), NOW).is_ok(),
                "{kind:?}"
            );
        }
    }

    /// A log of several segments with its checkpoint, on the real file system; the path of its directory.
    fn damaged_log(dir: &Path) -> (Arc<dyn Disk>, Arc<TopicConfig>) {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let config =
            Arc::new(TopicConfig { segment_bytes: 5_000, index_interval_bytes: 300, ..TopicConfig::default() });
        let manager = open_manager(&disk, dir);
        let log = manager.create(&partition("t"), ID, Arc::clone(&config), NOW).unwrap();
        for tag in 0..60 {
            append(&log, &batch(tag, 2, 150));
        }
        log.checkpoint(0).unwrap();
        (disk, config)
    }

    fn segment_files(dir: &Path, extension: &str) -> Vec<std::path::PathBuf> {
        let entries = std::fs::read_dir(dir.join("t-0")).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> =
            entries.filter(|path| path.extension().is_some_and(|found| found == extension)).collect();
        files.sort();
        files
    }

    #[test]
    fn what_is_cut_below_the_recovery_point_is_damage_and_stays_as_it_is() {
        for place in [0, 1, 3] {
            let dir = tempfile::tempdir().unwrap();
            let (disk, config) = damaged_log(dir.path());
            let files = segment_files(dir.path(), "log");
            assert!(files.len() > 3);
            let file = if place == 3 { files.last().unwrap() } else { &files[place] };
            let bytes = std::fs::read(file).unwrap();
            std::fs::write(file, &bytes[..bytes.len() - 7]).unwrap();
            let manager = open_manager(&disk, dir.path());
            let opened = manager.open_log(&partition("t"), ID, config, NOW);
            assert!(matches!(&opened, Err(StorageError::Damaged { file: named, .. }) if named == file), "{opened:?}");
            assert_eq!(std::fs::read(file).unwrap().len(), bytes.len() - 7, "nothing was repaired");
        }
    }

    #[test]
    fn a_missing_segment_and_an_unreadable_checkpoint_are_damage() {
        let dir = tempfile::tempdir().unwrap();
        let (disk, config) = damaged_log(dir.path());
        let files = segment_files(dir.path(), "log");
        std::fs::rename(&files[1], dir.path().join("kept")).unwrap();
        let open = || open_manager(&disk, dir.path()).open_log(&partition("t"), ID, Arc::clone(&config), NOW);
        assert!(matches!(open(), Err(StorageError::Damaged { .. })));
        std::fs::rename(dir.path().join("kept"), &files[1]).unwrap();
        assert!(open().is_ok());
        let checkpoint = dir.path().join("t-0/partition.checkpoint");
        let text = std::fs::read_to_string(&checkpoint).unwrap();
        std::fs::write(&checkpoint, text.replace("log_start_offset: 0", "log_start_offset: 5")).unwrap();
        let opened = open();
        assert!(matches!(&opened, Err(StorageError::Damaged { file, .. }) if *file == checkpoint), "{opened:?}");
    }

    #[test]
    fn indexes_are_made_again_where_they_are_missing_or_wrong() {
        let dir = tempfile::tempdir().unwrap();
        let (disk, config) = damaged_log(dir.path());
        let manager = open_manager(&disk, dir.path());
        let log = manager.open_log(&partition("t"), ID, Arc::clone(&config), NOW).unwrap();
        let whole = read_all(&log);
        drop((manager, log));
        let [indexes, times] = ["index", "timeindex"].map(|extension| segment_files(dir.path(), extension));
        std::fs::remove_file(&indexes[0]).unwrap();
        std::fs::remove_file(&times[1]).unwrap();
        std::fs::write(&indexes[1], b"odd").unwrap();
        let zeros = vec![0; std::fs::read(&indexes[2]).unwrap().len()];
        std::fs::write(&indexes[2], zeros).unwrap();
        for file in [indexes.last().unwrap(), times.last().unwrap()] {
            std::fs::remove_file(file).unwrap();
        }
        let manager = open_manager(&disk, dir.path());
        let log = manager.open_log(&partition("t"), ID, Arc::clone(&config), NOW).unwrap();
        assert_eq!(read_all(&log), whole);
        for from in 0..120 {
            let spec = ReadSpec { from: offset(from), upto: offset(120), max_bytes: 1, at_least_one_batch: true };
            let found = batches(&log.read(spec).unwrap().read_to_vec().unwrap());
            assert_eq!(found, [(from / 2 * 2, from / 2 * 2 + 1)]);
        }
    }

    #[test]
    fn a_damaged_snapshot_of_producers_is_made_up_for_by_the_log() {
        let dir = tempfile::tempdir().unwrap();
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let config = Arc::new(TopicConfig::default());
        let sent: Vec<_> = (0..6).map(|tag| stamped(&batch(tag, 1, 10), 3, 0, i32::try_from(tag).unwrap())).collect();
        {
            let manager = open_manager(&disk, dir.path());
            let log = manager.create(&partition("t"), ID, Arc::clone(&config), NOW).unwrap();
            for (place, bytes) in sent.iter().enumerate() {
                log.append(&checked(bytes, &config), epoch(0), NOW).unwrap();
                if place == 2 || place == 5 {
                    log.checkpoint(0).unwrap();
                }
            }
        }
        for damaged in segment_files(dir.path(), "producers").iter().rev() {
            let mut bytes = std::fs::read(damaged).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            std::fs::write(damaged, bytes).unwrap();
            let manager = open_manager(&disk, dir.path());
            let log = manager.open_log(&partition("t"), ID, Arc::clone(&config), NOW).unwrap();
            for bytes in &sent[1..] {
                let appended = log.append(&checked(bytes, &config), epoch(0), NOW).unwrap();
                assert!(matches!(appended, storage::Appended::Duplicate(_)));
            }
        }
    }

    /// Where each batch in `bytes` ends, and 0.
    fn batch_ends(bytes: &[u8]) -> Vec<usize> {
        let mut ends = vec![0];
        while let Ok(view) = storage::batch::BatchView::parse(&bytes[ends[ends.len() - 1]..]) {
            ends.push(ends[ends.len() - 1] + view.size());
        }
        ends
    }

    #[test]
    fn a_cut_at_any_byte_keeps_every_batch_before_it() {
        let (_, disk) = simulated();
        let config = Arc::new(TopicConfig::default());
        let whole = {
            let (_manager, log) = new_log(&disk);
            for tag in 0..4 {
                append(&log, &batch(tag, 2, 40));
            }
            log.sync().unwrap();
            read_all(&log)
        };
        let ends = batch_ends(&whole);
        let file = Path::new("/data/t-0/00000000000000000000.log");
        // Also with bytes behind the cut that are not what was written.
        for (cut, filler) in (0..=whole.len()).flat_map(|cut| [(cut, None), (cut, Some(0)), (cut, Some(0xff))]) {
            let mut bytes = whole[..cut].to_vec();
            bytes.resize(if filler.is_some() { whole.len() } else { cut }, filler.unwrap_or(0));
            disk.open(file, OpenMode::Replace).unwrap().write_all_at(&bytes, &[], 0).unwrap();
            for leftover in ["partition.checkpoint", "leader-epoch-checkpoint"] {
                // There after the first start.
                let _is_there = disk.remove_file(&Path::new("/data/t-0").join(leftover)).is_ok();
            }
            let manager = open_manager(&disk, Path::new("/data"));
            let log = manager.open_log(&partition("t"), ID, Arc::clone(&config), NOW).unwrap();
            let kept = *ends.iter().rev().find(|end| **end <= cut).unwrap();
            // A filler may happen to be the byte that was there.
            let read = read_all(&log);
            assert!(read == whole[..kept] || (read.len() > kept && whole.starts_with(&read)), "cut at {cut}");
            assert_eq!(disk.file_size(file).unwrap(), u64::try_from(read.len()).unwrap());
        }
    }

    #[test]
    fn directories_that_are_not_ours_are_refused_and_left_alone() {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let open = |dir: &Path| LogManager::open(Arc::clone(&disk), dir, options());
        let names = |dir: &Path| {
            let mut names: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        let dir = tempfile::tempdir().unwrap();
        let meta = dir.path().join("meta.properties");
        for (text, expected) in [
            ("cluster.id=x\nnode.id=1\nversion=1\n", "Apache Kafka"),
            ("tidelog.format.version=2\ncluster.id=x\n", "newer"),
            ("tidelog.format.version=1\ncluster.id=x\ndirectory.id=AQEBAQEBAQEBAQEBAQEBAQ\nnode.id=7\n", "node.id 7"),
            ("nonsense", "tidelog.format.version"),
        ] {
            std::fs::write(&meta, text).unwrap();
            let before = names(dir.path());
            let error = open(dir.path()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
            assert_eq!((names(dir.path()), std::fs::read_to_string(&meta).unwrap()), (before, text.to_owned()));
        }
        std::fs::remove_file(&meta).unwrap();
        std::fs::create_dir(dir.path().join("__cluster_metadata-0")).unwrap();
        assert!(matches!(open(dir.path()), Err(OpenError::Kafka { .. })));
        std::fs::remove_dir(dir.path().join("__cluster_metadata-0")).unwrap();
        std::fs::create_dir(dir.path().join("lost+found")).unwrap();
        let first = open(dir.path()).unwrap();
        assert!(matches!(open(dir.path()), Err(OpenError::InUse { .. })));
        drop(first);
        let again = open(dir.path()).unwrap();
        let log = again.create(&partition("t"), ID, Arc::new(TopicConfig::default()), NOW).unwrap();
        drop((log, again));
        std::fs::remove_file(&meta).unwrap();
        assert!(matches!(open(dir.path()), Err(OpenError::Unreadable { .. })), "logs without meta.properties");
        assert!(dir.path().join("lost+found").exists());
    }

    #[test]
    fn a_deleted_topic_made_again_is_empty_while_old_readers_read_on() {
        let dir = tempfile::tempdir().unwrap();
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let manager = open_manager(&disk, dir.path());
        let old = manager.create(&partition("t"), ID, Arc::new(TopicConfig::default()), NOW).unwrap();
        append(&old, &batch(0, 1, 100));
        let slice =
            old.read(ReadSpec { from: offset(0), upto: offset(1), max_bytes: 1000, at_least_one_batch: true }).unwrap();
        manager.retire(&old).unwrap();
        let other = model::TopicId::from_bytes([8; 16]);
        let new = manager.create(&partition("t"), other, Arc::new(TopicConfig::default()), NOW).unwrap();
        assert_eq!(new.log_end_offset(), offset(0));
        assert_eq!(manager.remove_aside(&manager.retired(other)), 0);
        assert_eq!(manager.remove_aside(&manager.retired(ID)), 1);
        assert_eq!(batches(&slice.read_to_vec().unwrap()), [(0, 0)]);
        assert!(matches!(old.append(&batch(1, 1, 1).checked(), epoch(0), NOW), Err(AppendError::Offline)));
        assert_eq!(manager.found().unwrap().len(), 1);
        assert!(manager.open_log(&partition("t"), ID, Arc::new(TopicConfig::default()), NOW).is_err());
    }
}
