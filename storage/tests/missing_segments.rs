//! Segments that are gone after a clean stop are noticed, and only those.

#[cfg(test)]
mod support;

#[cfg(test)]
mod missing {
    use std::path::{Path, PathBuf};
    use std::sync::Arc;

    use super::support::{ID, NOW, append, batch, offset, open_manager, partition, read_all};
    use model::config::{CleanupPolicy, TopicConfig};
    use storage::error::StorageError;
    use storage::{Disk, PartitionLog, RealDisk};

    const SEGMENTS: i64 = 5;

    fn config(compact: bool) -> Arc<TopicConfig> {
        let cleanup_policy = CleanupPolicy { compact, delete: !compact };
        Arc::new(TopicConfig {
            cleanup_policy,
            segment_bytes: 1_000,
            file_delete_delay_ms: 0,
            ..TopicConfig::default()
        })
    }

    /// Two logs of five segments, with one offset each, as a clean stop leaves them.
    fn closed(compact: bool, before_stop: impl FnOnce(&PartitionLog)) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let manager = open_manager(&disk(), dir.path());
        let logs = ["t", "u"].map(|name| manager.create(&partition(name), ID, config(compact), NOW).unwrap());
        for log in &logs {
            for tag in 0..SEGMENTS {
                append(log, &batch(tag.unsigned_abs(), 1, 900));
            }
        }
        before_stop(&logs[0]);
        manager.close().unwrap();
        dir
    }

    fn disk() -> Arc<dyn Disk> {
        Arc::new(RealDisk)
    }

    fn segment(dir: &Path, base: i64) -> PathBuf {
        dir.join(format!("t-0/{base:020}.log"))
    }

    /// Opens both logs, asserts that the second is whole, and stops cleanly again. What is wrong with the first?
    fn start(dir: &Path, compact: bool) -> Option<String> {
        let manager = open_manager(&disk(), dir);
        let neighbour = manager.open_log(&partition("u"), ID, config(compact), NOW).unwrap();
        assert_eq!(neighbour.log_end_offset(), offset(SEGMENTS));
        let opened = manager.open_log(&partition("t"), ID, config(compact), NOW);
        manager.close().unwrap();
        match opened {
            Ok(_) => None,
            Err(error @ StorageError::Damaged { .. }) => Some(error.to_string()),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn a_segment_that_is_gone_after_a_clean_stop_keeps_its_log_offline_and_no_other() {
        for compact in [false, true] {
            for (gone, range) in [(0..1, "0 up to 1"), (2..4, "2 up to 4"), (4..5, "4 to the end")] {
                let dir = closed(compact, |_| {});
                for base in gone {
                    std::fs::remove_file(segment(dir.path(), base)).unwrap();
                }
                // The stop in between was clean, too, and did not forget.
                for start_number in 0..3 {
                    let problem = start(dir.path(), compact);
                    let problem = problem.unwrap_or_else(|| panic!("start {start_number}: served without {range}"));
                    assert!(problem.contains(&format!("offset {range}")) && problem.contains("t-0"), "{problem}");
                }
            }
        }
    }

    #[test]
    fn a_segment_that_is_gone_after_a_clean_stop_of_an_earlier_version_is_noticed() {
        let dir = closed(false, |_| {});
        std::fs::write(dir.path().join(".clean_shutdown"), "version: 1\n").unwrap();
        assert_eq!(start(dir.path(), false), None);
        std::fs::write(dir.path().join(".clean_shutdown"), "version: 1\n").unwrap();
        std::fs::remove_file(segment(dir.path(), 2)).unwrap();
        let problem = start(dir.path(), false).unwrap();
        assert!(problem.contains("the next segment begins at 3"), "{problem}");
    }

    #[test]
    fn a_deletion_that_was_asked_for_is_no_damage() {
        let move_start = |log: &PartitionLog| {
            log.request_log_start(offset(3), NOW).unwrap();
            log.sync().unwrap();
        };
        // The segments were deleted before the stop, or are to be by the next start.
        let delete = |log: &PartitionLog| {
            move_start(log);
            log.delete_dead_segments(model::Timestamp::new(NOW.get() + 1)).unwrap();
            assert!(read_all(log).len() < 2_500);
        };
        for dir in [closed(false, move_start), closed(false, delete)] {
            for _ in 0..2 {
                assert_eq!(start(dir.path(), false), None);
            }
            assert!(!segment(dir.path(), 1).exists() && segment(dir.path(), 3).exists());
        }
    }
}
