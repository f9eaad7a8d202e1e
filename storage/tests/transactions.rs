//! Transactions in one log: markers, what is refused after them, and how far a reader of committed records may go.
#![expect(clippy::unwrap_used, reason = "a test may stop at a surprise, in its helpers too")]

#[cfg(test)]
mod support;

use std::sync::Arc;

use model::ErrorCode;
use model::config::{TimestampType, TopicConfig};
use storage::batch::BatchView;
use storage::error::AppendError;
use storage::producers::{EpochRule, FirstSequence, Marker, MarkerKind, VerificationGuard, Verified};
use storage::{Appended, Disk, LogManager, PartitionLog, RealDisk};
use support::*;

struct Opened {
    manager: LogManager,
    log: Arc<PartitionLog>,
    dir: tempfile::TempDir,
    config: Arc<TopicConfig>,
}

impl Opened {
    fn new(config: TopicConfig) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let (manager, config) = (open_manager(&disk, dir.path()), Arc::new(config));
        let log = manager.create(&partition("t"), ID, Arc::clone(&config), NOW).unwrap();
        Self { manager, log, dir, config }
    }

    /// The log after the process was killed.
    fn killed(self) -> Self {
        let Self { manager, log, dir, config } = self;
        drop((manager, log));
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let manager = open_manager(&disk, dir.path());
        let log = manager.open_log(&partition("t"), ID, Arc::clone(&config), NOW).unwrap();
        Self { manager, log, dir, config }
    }

    /// Appends two records of a transaction; gives the base offset.
    fn send(&self, (producer, epoch): (i64, i16), sequence: i32, verified: Verified) -> Result<i64, ErrorCode> {
        let bytes = transactional(&batch(1, 2, 20), producer, epoch, sequence);
        self.append(&bytes, verified)
    }

    fn append(&self, bytes: &[u8], verified: Verified) -> Result<i64, ErrorCode> {
        match self.log.append_verified(&checked(bytes, &self.config), verified, LEADER, NOW) {
            Ok(Appended::Written(placed) | Appended::Duplicate(placed)) => Ok(placed.base_offset.get()),
            Err(error) => Err((&error).into()),
        }
    }

    fn guard(&self, (producer, epoch): (i64, i16), sequence: i32, first: FirstSequence) -> Option<VerificationGuard> {
        let bytes = transactional(&batch(1, 2, 20), producer, epoch, sequence);
        self.log.begin_verification(checked(&bytes, &self.config).producer().unwrap(), first, NOW)
    }

    fn end(&self, marker: Marker, rule: EpochRule) -> Result<i64, ErrorCode> {
        let placed = self.log.append_marker(&marker, rule, LEADER, NOW);
        placed.map(|placed| placed.base_offset.get()).map_err(|error| (&error).into())
    }

    fn unstable(&self) -> Option<i64> {
        self.log.first_unstable_offset().map(model::Offset::get)
    }
}

const LEADER: model::LeaderEpoch = model::LeaderEpoch::ZERO;
const P: (i64, i16) = (7, 0);

#[test]
fn a_transaction_is_open_from_its_first_batch_to_its_marker_and_the_marker_takes_one_offset() {
    let t = Opened::new(TopicConfig::default());
    assert_eq!(t.send(P, 0, Verified::NotAsked), Ok(0));
    assert!(t.log.has_open_transaction(marker(7, 0, MarkerKind::Commit).producer_id, model::ProducerEpoch::ZERO));
    assert_eq!(t.unstable(), Some(0));
    assert_eq!(t.end(marker(7, 0, MarkerKind::Commit), EpochRule::SameOrNewer), Ok(2));
    assert_eq!(t.log.log_end_offset(), offset(3));
    assert_eq!(t.unstable(), Some(0), "the marker may still be lost");
    t.log.release_decided(offset(2));
    assert_eq!(t.unstable(), Some(0), "the marker is not below the high watermark");
    t.log.release_decided(offset(3));
    assert_eq!(t.unstable(), None);
    assert_eq!(t.send(P, 2, Verified::NotAsked), Ok(3), "the sequence goes on in the same epoch");
    assert_eq!(t.unstable(), Some(3));
}

#[test]
fn open_and_ended_transactions_are_known_after_a_kill() {
    for with_checkpoint in [true, false] {
        let t = Opened::new(TopicConfig::default());
        t.send(P, 0, Verified::NotAsked).unwrap();
        t.send((8, 0), 0, Verified::NotAsked).unwrap();
        t.end(marker(7, 1, MarkerKind::Abort), EpochRule::Newer).unwrap();
        if with_checkpoint {
            t.log.checkpoint(0).unwrap();
        }
        t.log.sync().unwrap();
        let t = t.killed();
        assert_eq!(t.unstable(), Some(0), "until somebody says where the high watermark is");
        t.log.release_decided(t.log.synced_offset());
        assert_eq!(t.unstable(), Some(2));
        assert_eq!(t.send(P, 2, Verified::NotAsked), Err(ErrorCode::InvalidProducerEpoch), "the marker's epoch fences");
        assert_eq!(t.send((7, 1), 0, Verified::NotAsked), Ok(5));
        assert_eq!(t.send((8, 0), 2, Verified::ByOpenTransaction), Ok(7));
    }
}

#[test]
fn a_marker_of_an_old_epoch_is_refused() {
    let t = Opened::new(TopicConfig::default());
    t.send((7, 5), 0, Verified::NotAsked).unwrap();
    let end = |epoch, rule| t.end(marker(7, epoch, MarkerKind::Commit), rule);
    assert_eq!(end(4, EpochRule::SameOrNewer), Err(ErrorCode::InvalidProducerEpoch));
    assert_eq!(end(5, EpochRule::Newer), Err(ErrorCode::InvalidProducerEpoch), "the transaction is another one");
    assert_eq!(end(6, EpochRule::Newer), Ok(2));
    assert_eq!(end(6, EpochRule::Newer), Ok(3), "a repeat");
    assert_eq!(end(5, EpochRule::Newer), Err(ErrorCode::InvalidProducerEpoch));
    assert_eq!(t.end(marker(99, 0, MarkerKind::Abort), EpochRule::Newer), Ok(4), "nothing is known of this one");
}

#[test]
fn a_marker_of_a_replaced_coordinator_is_fenced() {
    let t = Opened::new(TopicConfig::default());
    t.send(P, 0, Verified::NotAsked).unwrap();
    let of = |coordinator_epoch| Marker { coordinator_epoch, ..marker(7, 0, MarkerKind::Commit) };
    assert_eq!(t.end(of(3), EpochRule::SameOrNewer), Ok(2));
    assert_eq!(t.end(of(2), EpochRule::SameOrNewer), Err(ErrorCode::TransactionCoordinatorFenced));
    assert_eq!(t.end(of(3), EpochRule::SameOrNewer), Ok(3));
}

#[test]
fn a_batch_that_comes_after_its_marker_is_refused_and_nothing_hangs() {
    let t = Opened::new(TopicConfig::default());
    assert_eq!(t.send(P, 0, Verified::ByOpenTransaction), Err(ErrorCode::InvalidTxnState), "nobody vouches for it");
    let guard = t.guard(P, 0, FirstSequence::Any).unwrap();
    assert_eq!(t.guard(P, 0, FirstSequence::Any), Some(guard), "the same question");
    // The coordinator says yes, and aborts before the batch is appended.
    t.end(marker(7, 0, MarkerKind::Abort), EpochRule::SameOrNewer).unwrap();
    assert_eq!(t.send(P, 0, Verified::By(guard)), Err(ErrorCode::InvalidTxnState));
    let next = t.guard(P, 0, FirstSequence::Any).unwrap();
    assert_ne!(next, guard, "a question about another transaction");
    assert_eq!(t.send(P, 0, Verified::By(guard)), Err(ErrorCode::InvalidTxnState));
    assert_eq!(t.unstable(), None);
    assert_eq!(t.send(P, 0, Verified::By(next)), Ok(1));
    assert_eq!(t.guard(P, 2, FirstSequence::Any), None, "open: nothing to ask");
    assert_eq!(t.send(P, 2, Verified::ByOpenTransaction), Ok(3));
    assert_eq!(t.send(P, 0, Verified::ByOpenTransaction), Ok(1), "a repeat needs nobody");
}

#[test]
fn the_first_batch_of_a_transaction_may_ask_before_the_marker_of_the_last_one_is_here() {
    for (rule, epoch_after, appended) in [
        (EpochRule::Newer, 1, Ok(4)),
        // In version 1 the next transaction may have the same epoch, and the late batch is of the last one as well.
        (EpochRule::SameOrNewer, 1, Err(ErrorCode::InvalidTxnState)),
        // Somebody else has begun since.
        (EpochRule::Newer, 2, Err(ErrorCode::InvalidTxnState)),
    ] {
        let t = Opened::new(TopicConfig::default());
        assert_eq!(t.send(P, 0, Verified::NotAsked), Ok(0));
        let guard = t.guard((7, 1), 0, FirstSequence::Zero).unwrap();
        assert_eq!(t.end(marker(7, epoch_after, MarkerKind::Commit), rule), Ok(2));
        // A coordinator that did not hear of it sends it again.
        assert_eq!(t.end(marker(7, epoch_after, MarkerKind::Commit), rule), Ok(3));
        assert_eq!(t.send((7, 1), 0, Verified::By(guard)), appended, "{rule:?}, {epoch_after}");
        let late = t.send(P, 2, Verified::By(guard));
        assert!(matches!(late, Err(ErrorCode::InvalidTxnState | ErrorCode::InvalidProducerEpoch)), "{late:?}");
    }
}

#[test]
fn while_the_coordinator_is_asked_nothing_overtakes_the_lowest_sequence() {
    let t = Opened::new(TopicConfig::default());
    t.guard(P, 4, FirstSequence::Any).unwrap();
    let guard = t.guard(P, 0, FirstSequence::Any).unwrap();
    assert_eq!(t.send(P, 4, Verified::By(guard)), Err(ErrorCode::OutOfOrderSequenceNumber));
    assert_eq!(t.send(P, 0, Verified::By(guard)), Ok(0));
}

#[test]
fn an_unknown_producer_begins_anywhere_but_in_transactions_of_version_2() {
    let t = Opened::new(TopicConfig::default());
    let guard = t.guard(P, 6, FirstSequence::Zero).unwrap();
    assert_eq!(t.send(P, 6, Verified::By(guard)), Err(ErrorCode::OutOfOrderSequenceNumber));
    let guard = t.guard((8, 0), 6, FirstSequence::Any).unwrap();
    assert_eq!(t.send((8, 0), 6, Verified::By(guard)), Ok(0));
}

#[test]
fn a_plain_batch_of_a_producer_with_an_open_transaction_is_refused() {
    let t = Opened::new(TopicConfig::default());
    t.send(P, 0, Verified::NotAsked).unwrap();
    let plain = stamped(&batch(1, 1, 20), 7, 0, 2);
    assert_eq!(t.append(&plain, Verified::ByOpenTransaction), Err(ErrorCode::InvalidTxnState));
}

#[test]
fn a_marker_is_stamped_as_its_topic_says() {
    for (timestamps, is_stamped) in [(TimestampType::CreateTime, false), (TimestampType::LogAppendTime, true)] {
        let t = Opened::new(TopicConfig { message_timestamp_type: timestamps, ..TopicConfig::default() });
        let written = Marker { coordinator_epoch: 42, ..marker(7, 3, MarkerKind::Abort) };
        t.end(written, EpochRule::Newer).unwrap();
        let bytes = read_all(&t.log);
        let view = BatchView::parse(&bytes).unwrap();
        let header = view.header();
        assert!(view.crc_is_right() && header.attributes.is_control() && header.attributes.is_transactional());
        assert_eq!(header.attributes.is_log_append_time(), is_stamped);
        assert_eq!((header.base_sequence, header.records_count, header.max_timestamp), (-1, 1, NOW.get()));
        assert_eq!(Marker::of_stored(&view), Some(written));
    }
}

#[test]
fn a_log_that_is_offline_takes_no_marker() {
    let t = Opened::new(TopicConfig::default());
    t.manager.retire(&t.log).unwrap();
    let refused = t.log.append_marker(&marker(7, 0, MarkerKind::Commit), EpochRule::Newer, LEADER, NOW);
    assert!(matches!(refused, Err(AppendError::Offline)));
}

/// Aborted transactions of three producers, over several segments, with a clean stop.
fn aborted_over_segments() -> (Opened, Vec<(i64, i64)>) {
    let t = Opened::new(TopicConfig { segment_bytes: 1_000, ..TopicConfig::default() });
    let mut expected = Vec::new();
    for epoch in 0..8 {
        for producer in 0..3 {
            let first = t.send((producer, epoch), 0, Verified::NotAsked).unwrap();
            expected.push((producer, first));
        }
        for producer in 0..3 {
            t.end(marker(producer, epoch + 1, MarkerKind::Abort), EpochRule::Newer).unwrap();
        }
    }
    t.manager.close().unwrap();
    (t, expected)
}

fn aborted(log: &PartitionLog) -> Vec<(i64, i64)> {
    let found = log.aborted_transactions(offset(0), log.log_end_offset()).unwrap();
    found.iter().map(|aborted| (aborted.producer_id.get(), aborted.first_offset.get())).collect()
}

#[test]
fn an_index_of_aborted_transactions_that_is_damaged_is_made_again() {
    for damage in [0, 17, 33] {
        let (t, expected) = aborted_over_segments();
        let files = std::fs::read_dir(t.dir.path().join("t-0")).unwrap().map(|entry| entry.unwrap().path());
        let mut indexes: Vec<_> =
            files.filter(|path| path.extension().is_some_and(|found| found == "txnindex")).collect();
        indexes.sort();
        assert!(indexes.len() > 3, "{indexes:?}");
        let before = std::fs::read(&indexes[1]).unwrap();
        let mut damaged = before.clone();
        match damage {
            0 => damaged[1] = 7,
            17 => damaged.truncate(before.len() - 17),
            _ => damaged[18..26].fill(0xff),
        }
        std::fs::write(&indexes[1], damaged).unwrap();
        let t = t.killed();
        assert_eq!(aborted(&t.log), expected);
        assert_eq!(std::fs::read(&indexes[1]).unwrap(), before, "as it was");
    }
}

#[test]
fn aborted_transactions_go_with_their_segments() {
    let (t, expected) = aborted_over_segments();
    let t = t.killed();
    let start = offset(40);
    t.log.truncate_before(start, NOW).unwrap();
    let left = t.log.aborted_transactions(start, t.log.log_end_offset()).unwrap();
    assert!(!left.is_empty() && left.len() < expected.len());
    let count = || {
        let files = std::fs::read_dir(t.dir.path().join("t-0")).unwrap().map(|entry| entry.unwrap().path());
        let kinds: Vec<_> = files.filter_map(|path| path.extension().map(std::ffi::OsStr::to_owned)).collect();
        let of = |kind: &str| kinds.iter().filter(|found| found.to_str() == Some(kind)).count();
        (of("log"), of("txnindex"))
    };
    let (logs, indexes) = count();
    assert!(indexes > 0 && indexes <= logs, "{logs} segments, {indexes} indexes");
}

#[test]
fn readers_hear_of_an_abort_before_they_may_read_it() {
    let t = Opened::new(TopicConfig { segment_bytes: 4_000, ..TopicConfig::default() });
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for epoch in 0..300 {
                t.send((1, epoch), 0, Verified::NotAsked).unwrap();
                t.end(marker(1, epoch + 1, MarkerKind::Abort), EpochRule::Newer).unwrap();
                t.log.sync().unwrap();
                t.log.release_decided(t.log.synced_offset());
            }
        });
        while !writer.is_finished() {
            let high_watermark = t.log.synced_offset();
            let stable = t.log.first_unstable_offset().map_or(high_watermark, |first| first.min(high_watermark));
            let told = t.log.aborted_transactions(offset(0), stable).unwrap();
            // Each transaction has two records and a marker.
            let expected: Vec<_> = (0..stable.get()).step_by(3).collect();
            let told: Vec<_> = told.iter().map(|aborted| aborted.first_offset.get()).collect();
            assert_eq!(told, expected, "below {stable}");
        }
    });
}

#[test]
fn transactions_whose_producer_is_silent_are_known_with_their_age() {
    let t = Opened::new(TopicConfig::default());
    t.send(P, 0, Verified::NotAsked).unwrap();
    t.send((8, 0), 0, Verified::NotAsked).unwrap();
    let later = model::Timestamp::new(NOW.get() + 1_000);
    assert_eq!(t.log.silent_transactions(later, 1_001), []);
    let starts = |silent: &[storage::ProducerState]| -> Vec<_> {
        silent.iter().map(|state| (state.id.get(), state.transaction_start.map(model::Offset::get))).collect()
    };
    assert_eq!(starts(&t.log.silent_transactions(later, 1_000)), [(7, Some(0)), (8, Some(2))]);
    t.end(marker(7, 1, MarkerKind::Abort), EpochRule::Newer).unwrap();
    assert_eq!(starts(&t.log.silent_transactions(later, 1_000)), [(8, Some(2))]);
    assert_eq!(t.log.expire_producers(later, 1_000), 1, "never inside a transaction");
    assert_eq!(t.log.producers().len(), 1);
}
