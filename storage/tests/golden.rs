//! A data directory that version 1 of the format wrote, in `golden/v1`: whatever the program becomes, it opens it.
//!
//! `WRITE_GOLDEN=DIR cargo test -p storage --test golden` writes such a directory with the present program, for the day when
//! there is a version 2.

#[cfg(test)]
mod support;

#[cfg(test)]
mod golden {
    use std::path::{Path, PathBuf};
    use std::sync::Arc;

    use model::config::TopicConfig;
    use model::{LeaderEpoch, Timestamp};
    use storage::batch::BatchView;
    use storage::producers::Marker;
    use storage::{AbortedTransaction, Appended, Disk, IndexEntry, PartitionLog, ReadSpec, RealDisk};

    use super::support::*;

    const TOPIC: &str = "golden";

    fn config() -> Arc<TopicConfig> {
        Arc::new(TopicConfig { segment_bytes: 2_000, index_interval_bytes: 300, ..TopicConfig::default() })
    }

    fn sent(number: u64) -> Vec<u8> {
        let time = Timestamp::new(NOW.get() + i64::try_from(number).unwrap());
        stamped(&batch_at(time, number, 2, 60), 11, 1, i32::try_from(number).unwrap() * 2)
    }

    fn write(dir: &Path) {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let manager = open_manager(&disk, dir);
        let log = manager.create(&partition(TOPIC), ID, config(), NOW).unwrap();
        for number in 0..24 {
            let leader_epoch = epoch(if number < 10 { 0 } else { 3 });
            log.append(&checked(&sent(number), &config()), leader_epoch, NOW).unwrap();
        }
        log.sync().unwrap();
        log.request_log_start(offset(5), NOW).unwrap();
        log.sync().unwrap();
        manager.close().unwrap();
    }

    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
            let target = to.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                copy(&entry.path(), &target);
            } else {
                std::fs::copy(entry.path(), target).unwrap();
            }
        }
    }

    fn check(log: &PartitionLog) {
        assert_eq!((log.log_start_offset(), log.log_end_offset()), (offset(5), offset(48)));
        let spec = ReadSpec { from: offset(5), upto: offset(48), max_bytes: u32::MAX, at_least_one_batch: true };
        let bytes = log.read(spec).unwrap().read_to_vec().unwrap();
        assert_eq!(batches(&bytes), (2..24).map(|number| (number * 2, number * 2 + 1)).collect::<Vec<_>>());
        assert_eq!(log.epoch_end(LeaderEpoch::ZERO), Some((epoch(0), offset(20))));
        assert_eq!(log.epoch_end(epoch(3)), Some((epoch(3), offset(48))));
        let found = log.offset_for_timestamp(Timestamp::new(NOW.get() + 15), offset(48)).unwrap();
        assert_eq!(found.map(|found| found.offset), Some(offset(30)));
        for number in 19..24 {
            let appended = log.append(&checked(&sent(number), &config()), epoch(3), NOW).unwrap();
            let first = offset(i64::try_from(number).unwrap() * 2);
            assert!(matches!(appended, Appended::Duplicate(placed) if placed.base_offset == first));
        }
    }

    #[test]
    fn what_version_1_wrote_opens_after_a_clean_stop_and_after_a_crash() {
        if let Some(dir) = std::env::var_os("WRITE_GOLDEN") {
            return write(&PathBuf::from(dir));
        }
        for is_clean in [true, false] {
            let dir = tempfile::tempdir().unwrap();
            copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1"), dir.path());
            if !is_clean {
                std::fs::remove_file(dir.path().join(".clean_shutdown")).unwrap();
            }
            let disk: Arc<dyn Disk> = Arc::new(RealDisk);
            let manager = open_manager(&disk, dir.path());
            assert_eq!((manager.was_clean(), manager.cluster_id()), (is_clean, "AQEBAQEBAQEBAQEBAQEBAQ"));
            assert_eq!(manager.found().unwrap().len(), 1);
            check(&manager.open_log(&partition(TOPIC), ID, config(), NOW).unwrap());
        }
    }

    /// A log in which Kafka 4.4 ended transactions, and the index that it made of it.
    const KAFKAS_LOG: &[u8] = include_bytes!("golden/transactions.log");
    const KAFKAS_INDEX: &[u8] = include_bytes!("golden/transaction_index_v0.txnindex");

    #[test]
    fn markers_are_those_that_kafka_writes() {
        let (mut rest, mut markers) = (KAFKAS_LOG, 0);
        while !rest.is_empty() {
            let view = BatchView::parse(rest).unwrap();
            if let Some(marker) = Marker::of_stored(&view) {
                let ours = marker.to_batch(Timestamp::new(view.header().base_timestamp)).unwrap();
                let (base, epoch) = (view.header().base_offset, view.header().partition_leader_epoch);
                assert_eq!(ours.to_vec_at(offset(base), LeaderEpoch::new(epoch).unwrap()), view.bytes());
                markers += 1;
            }
            rest = &rest[view.size()..];
        }
        assert_eq!(markers, 4);
    }

    #[test]
    fn the_index_of_aborted_transactions_is_the_one_that_kafka_makes_of_its_log() {
        let dir = tempfile::tempdir().unwrap();
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let manager = open_manager(&disk, dir.path());
        drop(manager.create(&partition(TOPIC), ID, config(), NOW).unwrap());
        drop(manager);
        let files = dir.path().join(format!("{TOPIC}-0"));
        std::fs::write(files.join("00000000000000000000.log"), KAFKAS_LOG).unwrap();
        let manager = open_manager(&disk, dir.path());
        let log = manager.open_log(&partition(TOPIC), ID, config(), NOW).unwrap();
        let aborted = log.aborted_transactions(offset(0), log.log_end_offset()).unwrap();
        let entries: Vec<_> = KAFKAS_INDEX.chunks(34).map(|bytes| AbortedTransaction::decode(bytes).unwrap()).collect();
        assert_eq!((aborted.as_slice(), entries.len()), (entries.as_slice(), 3));
        drop(log);
        manager.close().unwrap();
        assert_eq!(std::fs::read(files.join("00000000000000000000.txnindex")).unwrap(), KAFKAS_INDEX);
    }
}
