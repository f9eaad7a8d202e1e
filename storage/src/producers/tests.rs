//! Idempotent producers by the answers of a running Kafka 4.4, and the table beside a model that keeps everything.

use super::*;
use crate::batch::{BatchBuilder, BatchView, NewRecord, ProducerBatch};
use crate::format::record_batch_v2::Attributes;
use model::{ErrorCode, LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};
use proptest::prelude::*;

const DAY_MS: i64 = 86_400_000;

fn batch(id: i64, epoch: i16, base_sequence: i32, record_count: u32) -> ProducerBatch {
    ProducerBatch {
        id: ProducerId::new(id).unwrap(),
        epoch: ProducerEpoch::new(epoch).unwrap(),
        base_sequence: Sequence::new(base_sequence),
        record_count,
        is_transactional: false,
    }
}

fn at(base_offset: i64) -> AppendedAt {
    AppendedAt { base_offset: Offset::new(base_offset).unwrap(), now: Timestamp::new(1000), log_append_time: None }
}

/// A table and the offset of the next record.
struct Log {
    table: ProducerTable,
    end: i64,
}

impl Log {
    fn new() -> Self {
        Self { table: ProducerTable::new(1000), end: 0 }
    }

    /// What a client sees: the offset of a batch that was appended or repeated, or the error.
    fn send(&mut self, batch: ProducerBatch) -> Result<i64, ErrorCode> {
        match self.table.check(&batch, Verified::NotAsked) {
            Ok(Admission::Duplicate { base_offset, last_offset, .. }) => {
                assert_eq!(last_offset.get(), base_offset.get() + i64::from(batch.record_count) - 1);
                Ok(base_offset.get())
            }
            Ok(Admission::New) => {
                self.table.apply(&batch, at(self.end));
                self.end += i64::from(batch.record_count);
                Ok(self.end - i64::from(batch.record_count))
            }
            Err(error) => Err((&error).into()),
        }
    }
}

const GAP: Result<i64, ErrorCode> = Err(ErrorCode::OutOfOrderSequenceNumber);
const FENCED: Result<i64, ErrorCode> = Err(ErrorCode::InvalidProducerEpoch);

#[test]
fn a_retried_batch_returns_the_first_offset() {
    let mut log = Log::new();
    for (sequence, count) in [(0, 1), (1, 3), (4, 1), (5, 1), (6, 1)] {
        assert_eq!(log.send(batch(1, 0, sequence, count)), Ok(i64::from(sequence)));
    }
    for (sequence, count) in [(6, 1), (0, 1), (1, 3), (5, 1)] {
        assert_eq!(log.send(batch(1, 0, sequence, count)), Ok(i64::from(sequence)), "within the last five");
    }
    assert_eq!(log.send(batch(1, 0, 7, 1)), Ok(7));
    assert_eq!(log.send(batch(1, 0, 0, 1)), GAP, "the sixth from the end");
    assert_eq!(log.end, 8);
}

#[test]
fn gaps_and_overlaps_are_refused() {
    let mut log = Log::new();
    log.send(batch(1, 0, 0, 1)).unwrap();
    log.send(batch(1, 0, 1, 3)).unwrap();
    for (sequence, count) in [(2, 2), (1, 2), (3, 3), (6, 1), (i32::MAX, 1)] {
        assert_eq!(log.send(batch(1, 0, sequence, count)), GAP, "{sequence} {count}");
    }
}

#[test]
fn five_in_flight_recover_in_order_when_the_first_is_refused() {
    let mut log = Log::new();
    log.send(batch(1, 0, 0, 1)).unwrap();
    for sequence in 2..6 {
        assert_eq!(log.send(batch(1, 0, sequence, 1)), GAP);
    }
    for sequence in 1..6 {
        assert_eq!(log.send(batch(1, 0, sequence, 1)), Ok(i64::from(sequence)));
    }
}

#[test]
fn sequences_wrap_between_batches_and_inside_one() {
    let mut log = Log::new();
    assert_eq!(log.send(batch(1, 0, i32::MAX - 1, 2)), Ok(0));
    assert_eq!(log.send(batch(1, 0, 0, 1)), Ok(2));
    assert_eq!(log.send(batch(1, 0, i32::MAX - 1, 2)), Ok(0));
    assert_eq!(log.send(batch(2, 0, i32::MAX - 1, 4)), Ok(3));
    assert_eq!(log.send(batch(2, 0, 2, 1)), Ok(7));
    assert_eq!(log.send(batch(2, 0, i32::MAX - 1, 4)), Ok(3));
}

#[test]
fn epochs_fence_and_begin_at_zero() {
    let mut log = Log::new();
    assert_eq!(log.send(batch(2, 3, 9, 1)), Ok(0), "an unknown producer begins anywhere");
    assert_eq!(log.send(batch(2, 2, 10, 1)), FENCED);
    assert_eq!(log.send(batch(2, 2, 0, 1)), FENCED);
    assert_eq!(log.send(batch(2, 4, 5, 1)), GAP);
    assert_eq!(log.send(batch(2, 4, 0, 1)), Ok(1));
    assert_eq!(log.send(batch(2, 3, 9, 1)), FENCED, "a repeat of the old epoch too");
    assert_eq!(log.send(batch(2, 4, 0, 1)), Ok(1));
}

#[test]
fn a_producer_expires_a_day_after_its_last_append_but_not_in_a_transaction() {
    let mut log = Log::new();
    log.send(batch(1, 0, 0, 1)).unwrap();
    log.send(ProducerBatch { is_transactional: true, ..batch(2, 0, 0, 1) }).unwrap();
    assert_eq!(log.table.expire(Timestamp::new(999 + DAY_MS), DAY_MS), 0);
    assert_eq!(log.table.expire(Timestamp::new(1000 + DAY_MS), DAY_MS), 1);
    assert_eq!(log.send(batch(1, 0, 7, 1)), Ok(2));
    assert_eq!(log.send(ProducerBatch { is_transactional: true, ..batch(2, 0, 7, 1) }), GAP);
}

#[test]
fn invented_producer_ids_push_out_the_idlest_only() {
    let mut table = ProducerTable::new(80);
    for id in 0..10_000 {
        table.apply(&batch(id, 0, 0, 1), AppendedAt { now: Timestamp::new(id), ..at(id) });
        assert!(table.len() <= 80);
    }
    assert!(matches!(table.check(&batch(9999, 0, 0, 1), Verified::NotAsked), Ok(Admission::Duplicate { .. })));
    assert!(matches!(table.check(&batch(9_940, 0, 0, 1), Verified::NotAsked), Ok(Admission::Duplicate { .. })));
    assert_eq!(table.check(&batch(0, 0, 0, 1), Verified::NotAsked), Ok(Admission::New));
}

/// A marker as a coordinator writes it.
fn marker(id: i64, epoch: i16, kind: i16, offset: i64) -> Vec<u8> {
    let key = [0_i16.to_be_bytes(), kind.to_be_bytes()].concat();
    let value = [&0_i16.to_be_bytes()[..], &7_i32.to_be_bytes()].concat();
    let record = NewRecord { key: Some(&key), value: Some(&value), ..NewRecord::default() };
    let attributes = Attributes::default().with_control().with_transactional(true);
    let stamp = batch(id, epoch, 0, 1);
    let owned = BatchBuilder::new(record).unwrap().with_producer(stamp).with_attributes(attributes).build();
    owned.to_vec_at(Offset::new(offset).unwrap(), LeaderEpoch::ZERO)
}

#[test]
fn the_first_unstable_offset_is_that_of_the_oldest_transaction_whose_marker_is_not_released() {
    let mut log = Log::new();
    let transactional = |id, sequence| ProducerBatch { is_transactional: true, ..batch(id, 0, sequence, 1) };
    log.send(batch(9, 0, 0, 1)).unwrap();
    assert_eq!(log.table.first_unstable_offset(), None);
    log.send(transactional(1, 0)).unwrap();
    log.send(transactional(2, 0)).unwrap();
    log.send(transactional(1, 1)).unwrap();
    assert_eq!(log.send(batch(1, 0, 2, 1)), Err(ErrorCode::InvalidTxnState));
    assert_eq!(log.table.first_unstable_offset(), Offset::new(1));
    let stored = marker(1, 0, 1, 4);
    let ended = log.table.replay(&BatchView::parse(&stored).unwrap(), Timestamp::new(5)).unwrap();
    assert_eq!((ended.first_offset.get(), ended.marker_offset.get(), ended.kind), (1, 4, MarkerKind::Commit));
    assert_eq!(log.table.first_unstable_offset(), Offset::new(1), "the marker may still be lost");
    log.table.release_decided(Offset::new(4).unwrap());
    assert_eq!(log.table.first_unstable_offset(), Offset::new(1));
    log.table.release_decided(Offset::new(5).unwrap());
    assert_eq!(log.table.first_unstable_offset(), Offset::new(2));
    let stored = marker(2, 1, 0, 5);
    let ended = log.table.replay(&BatchView::parse(&stored).unwrap(), Timestamp::new(5)).unwrap();
    assert_eq!(ended.kind, MarkerKind::Abort);
    assert_eq!(log.send(transactional(2, 1)), FENCED, "the marker's epoch fences");
}

#[test]
fn replay_of_stored_batches_gives_the_live_table() {
    let mut live = ProducerTable::new(1000);
    let mut replayed = ProducerTable::new(1000);
    for (place, sequence) in (0..20).enumerate() {
        let record = NewRecord { value: Some(b"v"), ..NewRecord::default() };
        let owned = BatchBuilder::new(record).unwrap().with_producer(batch(3, 1, sequence, 1)).build();
        let stored = owned.to_vec_at(Offset::new(place as i64).unwrap(), LeaderEpoch::ZERO);
        live.apply(&batch(3, 1, sequence, 1), at(place as i64));
        replayed.replay(&BatchView::parse(&stored).unwrap(), Timestamp::new(1000));
    }
    assert_eq!(replayed.encode_snapshot(Offset::ZERO), live.encode_snapshot(Offset::ZERO));
}

#[test]
fn the_golden_snapshot_reads_and_is_written_the_same() {
    let mut table = ProducerTable::new(1000);
    for sequence in 0..7 {
        table.apply(&batch(3, 1, sequence, 1), at(i64::from(sequence)));
    }
    let stamped = AppendedAt { log_append_time: Some(Timestamp::new(1001)), ..at(7) };
    table.apply(&batch(4, 0, i32::MAX, 3), stamped);
    table.apply(&ProducerBatch { is_transactional: true, ..batch(5, 2, 0, 1) }, at(10));
    table.apply(&ProducerBatch { is_transactional: true, ..batch(6, 0, 0, 1) }, at(11));
    let end = marker(6, 0, 1, 12);
    table.replay(&BatchView::parse(&end).unwrap(), Timestamp::new(1002)).unwrap();
    let bytes = table.encode_snapshot(Offset::new(13).unwrap());
    let golden = include_bytes!("../../tests/golden/producer_snapshot_v1.bin");
    assert_eq!(bytes, golden, "a changed format is a new version; this one must stay readable");
    let (read, end_offset) = ProducerTable::decode_snapshot(golden, 1000).unwrap();
    assert_eq!(end_offset.get(), 13);
    assert_eq!(read.first_unstable_offset(), table.first_unstable_offset());
    assert_eq!(read.encode_snapshot(end_offset), golden);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Send { id: i64, epoch: i16, shift: i32, count: u32 },
    Restart,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => (0..3_i64, 0..3_i16, -9..4_i32, 1..4_u32).prop_map(|(id, epoch, shift, count)| Step::Send { id, epoch, shift, count }),
        1 => Just(Step::Restart),
    ]
}

/// Everything that was ever appended, and the rules in their longest form.
#[derive(Default)]
struct Naive {
    appended: Vec<(ProducerBatch, i64)>,
    end: i64,
}

impl Naive {
    fn send(&mut self, sent: ProducerBatch) -> Result<i64, ErrorCode> {
        let mine: Vec<_> = self.appended.iter().filter(|(batch, _)| batch.id == sent.id).collect();
        let newest_epoch = mine.iter().map(|(batch, _)| batch.epoch).max();
        let in_epoch: Vec<_> = mine.iter().filter(|(batch, _)| batch.epoch == sent.epoch).collect();
        if newest_epoch > Some(sent.epoch) {
            return FENCED;
        }
        for (batch, offset) in in_epoch.iter().rev().take(5) {
            if (batch.base_sequence, batch.record_count) == (sent.base_sequence, sent.record_count) {
                return Ok(*offset);
            }
        }
        let expected = match (in_epoch.last(), newest_epoch) {
            (Some((last, _)), _) => {
                (i64::from(last.base_sequence.unwrap().get()) + i64::from(last.record_count)) % (1 << 31)
            }
            (None, Some(_)) => 0,
            (None, None) => i64::from(sent.base_sequence.unwrap().get()),
        };
        if expected != i64::from(sent.base_sequence.unwrap().get()) {
            return GAP;
        }
        self.appended.push((sent, self.end));
        self.end += i64::from(sent.record_count);
        Ok(self.end - i64::from(sent.record_count))
    }

    /// A sequence near the one that would come next, across the wrap where it is near.
    fn near_next(&self, id: i64, epoch: i16, shift: i32) -> i32 {
        let (id, epoch) = (ProducerId::new(id).unwrap(), ProducerEpoch::new(epoch).unwrap());
        let mine = self.appended.iter().rev().find(|(batch, _)| batch.id == id && batch.epoch == epoch);
        let next = mine.map_or(i32::MAX - 3, |(last, _)| last.base_sequence.unwrap().advance(last.record_count).get());
        let raw = (i64::from(next) + i64::from(shift)).rem_euclid(1 << 31);
        raw as i32
    }
}

proptest! {
    #[test]
    fn the_table_answers_as_a_model_that_keeps_everything(steps in proptest::collection::vec(any_step(), 1..120)) {
        let mut log = Log::new();
        let mut naive = Naive::default();
        for step in steps {
            match step {
                Step::Send { id, epoch, shift, count } => {
                    let shift = if shift > 0 { shift / 3 } else { shift };
                    // A new epoch begins at 0 half of the time.
                    let sequence = if shift % 2 == 0 { naive.near_next(id, epoch, shift) } else { 0 };
                    let sent = batch(id, epoch, sequence, count);
                    prop_assert_eq!(log.send(sent), naive.send(sent), "{:?}", sent);
                }
                Step::Restart => {
                    let end = Offset::new(log.end).unwrap();
                    let snapshot = log.table.encode_snapshot(end);
                    let (table, found_end) = ProducerTable::decode_snapshot(&snapshot, 1000).unwrap();
                    prop_assert_eq!(found_end, end);
                    log.table = table;
                }
            }
        }
    }

    #[test]
    fn no_snapshot_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(ProducerTable::decode_snapshot(&bytes, 10).is_err());
        let body = [&b"TLPS\0\x01"[..], &crc32c::crc32c(&bytes).to_be_bytes(), &bytes].concat();
        drop(ProducerTable::decode_snapshot(&body, 10));
    }

    #[test]
    fn a_changed_or_missing_byte_spoils_a_snapshot(place in any::<prop::sample::Index>(), flip in 1_u8.., cut in any::<prop::sample::Index>()) {
        let mut log = Log::new();
        for id in 0..4 {
            log.send(batch(id, 0, 0, 1)).unwrap();
        }
        let good = log.table.encode_snapshot(Offset::ZERO);
        let mut bad = good.clone();
        let place = place.index(bad.len());
        bad[place] ^= flip;
        prop_assert!(ProducerTable::decode_snapshot(&bad, 10).is_err());
        prop_assert!(ProducerTable::decode_snapshot(&good[..cut.index(good.len())], 10).is_err());
    }
}
