//! The batches that a producer may and may not send, by the answers of a running Kafka 4.4.

mod codecs;
mod raw;
mod recoded;

use super::*;
use crate::format::record_batch_v2::RecordBatchHeader;
use model::config::{TimestampType, TopicConfig};
use model::wire::Reader;
use model::{ErrorCode, LeaderEpoch, Offset, Sequence, Timestamp};
use proptest::prelude::*;
use raw::{NOW, RawBatch, RawRecord};

fn check<'a>(bytes: &'a [u8], config: &TopicConfig) -> Result<CheckedBatch<'a>, BatchError> {
    UncheckedBatch::parse(bytes)?.check(config, Timestamp::new(NOW))
}

fn code(bytes: &[u8], config: &TopicConfig) -> ErrorCode {
    check(bytes, config).map_or_else(|error| (&error).into(), |_| ErrorCode::None)
}

fn default_code(batch: &RawBatch) -> ErrorCode {
    code(&batch.bytes(), &TopicConfig::default())
}

fn one() -> RawBatch {
    RawBatch::of(&[RawRecord::default()])
}

fn records(count: i32) -> Vec<RawRecord> {
    (0..count).map(|index| RawRecord { offset_delta: index, ..RawRecord::default() }).collect()
}

fn compacted() -> TopicConfig {
    let mut config = TopicConfig::default();
    config.cleanup_policy.compact = true;
    config
}

fn opening() -> TopicConfig {
    TopicConfig { validate_compressed_records: true, ..TopicConfig::default() }
}

#[test]
fn a_good_batch_is_stored_as_it_came() {
    let bytes = RawBatch::of(&records(3)).bytes();
    let batch = check(&bytes, &TopicConfig::default()).unwrap();
    assert_eq!((batch.record_count(), batch.last_offset_delta(), batch.size() as usize), (3, 2, bytes.len()));
    assert_eq!(batch.log_append_time(), None);
    let place = (Offset::new(42).unwrap(), LeaderEpoch::new(7).unwrap());
    let stored = [&batch.header_at(place.0, place.1), batch.payload()].concat();
    assert_eq!(stored[..8], 42_i64.to_be_bytes());
    assert_eq!(stored[12..16], 7_i32.to_be_bytes());
    assert_eq!(stored[16..], bytes[16..]);
    assert!(BatchView::parse(&stored).unwrap().crc_is_right());
}

#[test]
fn exactly_one_whole_batch_is_taken() {
    let config = TopicConfig::default();
    let good = one().bytes();
    for cut in 0..good.len() {
        assert_eq!(code(&good[..cut], &config), ErrorCode::InvalidRecord, "{cut} bytes");
    }
    assert_eq!(code(&[good.clone(), good.clone()].concat(), &config), ErrorCode::InvalidRecord);
    // Kafka drops a tail that cannot be a batch, and refuses one that begins like a broken batch.
    assert_eq!(code(&[&good[..], &[0xff; 11]].concat(), &config), ErrorCode::None);
    assert_eq!(code(&[&good[..], &[0; 12]].concat(), &config), ErrorCode::CorruptMessage);
}

#[test]
fn magic_and_length_are_judged_as_kafka_does() {
    let with_magic = |magic: i8| default_code(&RawBatch { magic, ..one() });
    assert_eq!([with_magic(0), with_magic(1)], [ErrorCode::InvalidRecord; 2]);
    assert_eq!([with_magic(3), with_magic(-1)], [ErrorCode::CorruptMessage; 2]);
    for batch_length in [i32::MIN, -1, 0, 13, 14, 48, 49, 50] {
        let batch = RawBatch { batch_length: Some(batch_length), ..one() };
        assert_eq!(default_code(&batch), ErrorCode::CorruptMessage, "{batch_length}");
    }
    for batch_length in [1000, i32::MAX] {
        let batch = RawBatch { batch_length: Some(batch_length), ..one() };
        assert_eq!(default_code(&batch), ErrorCode::InvalidRecord, "{batch_length}");
    }
}

#[test]
fn a_header_that_contradicts_itself_is_refused() {
    for (records_count, last_offset_delta) in [(0, 0), (0, -1), (-1, 0), (1, 1), (2, 1), (i32::MAX, i32::MAX - 1)] {
        let batch = RawBatch { last_offset_delta, records_count, ..one() };
        assert_eq!(default_code(&batch), ErrorCode::InvalidRecord, "{records_count} {last_offset_delta}");
    }
    assert_eq!(default_code(&RawBatch { base_offset: 5, ..one() }), ErrorCode::InvalidRecord);
    assert_eq!(default_code(&RawBatch { partition_leader_epoch: 5, ..one() }), ErrorCode::None);
    assert_eq!(default_code(&RawBatch { attributes: 1 << 5, ..one() }), ErrorCode::InvalidRecord);
    assert_eq!(default_code(&RawBatch { crc_flip: 1, ..one() }), ErrorCode::CorruptMessage);
    for codec in 5..8 {
        assert_eq!(default_code(&RawBatch { attributes: codec, ..one() }), ErrorCode::UnsupportedCompressionType);
    }
}

#[test]
fn a_producer_id_needs_a_sequence_and_an_epoch() {
    let stamped = |producer| default_code(&RawBatch { producer, ..one() });
    assert_eq!(stamped((5, 0, -1)), ErrorCode::InvalidRecord);
    assert_eq!(stamped((5, 0, -2)), ErrorCode::InvalidRecord);
    assert_eq!(stamped((5, -2, 0)), ErrorCode::InvalidProducerEpoch);
    assert_eq!(stamped((-1, 3, 4)), ErrorCode::None);
    let bytes = RawBatch { producer: (5, 1, i32::MAX), ..RawBatch::of(&records(3)) }.bytes();
    let batch = check(&bytes, &TopicConfig::default()).unwrap();
    let producer = batch.producer().unwrap();
    assert_eq!(
        (producer.id.get(), producer.epoch.get(), producer.base_sequence.map(Sequence::get)),
        (5, 1, Some(i32::MAX))
    );
}

#[test]
fn sizes_are_judged_before_the_checksum() {
    let bytes = one().bytes();
    let limit = |max_message_bytes| TopicConfig { max_message_bytes, ..TopicConfig::default() };
    let size = i32::try_from(bytes.len()).unwrap();
    assert_eq!(code(&bytes, &limit(size)), ErrorCode::None);
    assert_eq!(code(&bytes, &limit(size - 1)), ErrorCode::MessageTooLarge);
    assert_eq!(code(&RawBatch { crc_flip: 1, ..one() }.bytes(), &limit(size - 1)), ErrorCode::MessageTooLarge);
    let small_segment = TopicConfig { segment_bytes: size - 1, ..TopicConfig::default() };
    assert_eq!(code(&bytes, &small_segment), ErrorCode::RecordListTooLarge);
}

#[test]
fn records_must_fill_the_batch_exactly() {
    let two = records(2);
    for (records_count, last_offset_delta) in [(1, 0), (3, 2)] {
        let batch = RawBatch { last_offset_delta, records_count, ..RawBatch::of(&two) };
        assert_eq!(default_code(&batch), ErrorCode::InvalidRecord);
    }
    let mut batch = RawBatch::of(&two);
    batch.payload.push(0);
    assert_eq!(default_code(&batch), ErrorCode::InvalidRecord);
    // Kafka stores these offsets, and its readers then disagree about them.
    for offsets in [[1, 0], [0, 5]] {
        let records = offsets.map(|offset_delta| RawRecord { offset_delta, ..RawRecord::default() });
        assert_eq!(default_code(&RawBatch::of(&records)), ErrorCode::InvalidRecord);
    }
}

#[test]
fn a_record_that_lies_about_a_length_is_refused() {
    let bad = |record: RawRecord| default_code(&RawBatch::of(&[record]));
    for length in [-3, 0, 3, 30, i32::MAX, i32::MIN] {
        let record = RawRecord { length: Some(length), ..RawRecord::default() };
        assert_eq!(bad(record), ErrorCode::InvalidRecord, "length {length}");
    }
    for headers in [raw::varint(-1), raw::varint(5), raw::varint(i32::MAX), [&raw::varint(0)[..], b"xx"].concat()] {
        assert_eq!(bad(RawRecord { headers, ..RawRecord::default() }), ErrorCode::InvalidRecord);
    }
    let header = |key: i32, text: &[u8], value: i32| {
        [&raw::varint(1)[..], &raw::varint(key), text, &raw::varint(value)].concat()
    };
    assert_eq!(bad(RawRecord { headers: header(-1, b"", -1), ..RawRecord::default() }), ErrorCode::InvalidRecord);
    assert_eq!(bad(RawRecord { headers: header(2, b"\xff\xfe", -2), ..RawRecord::default() }), ErrorCode::None);
    let batch = RawBatch { payload: vec![0xff; 20], ..one() };
    assert_eq!(default_code(&batch), ErrorCode::InvalidRecord);
}

#[test]
fn timestamps_outside_the_topics_range_are_named_one_by_one() {
    let mut three = records(3);
    three[1].timestamp_delta = 3_700_000;
    three[2].timestamp_delta = 3_800_000;
    let bytes = RawBatch::of(&three).bytes();
    let error = check(&bytes, &TopicConfig::default()).unwrap_err();
    assert_eq!(ErrorCode::from(&error), ErrorCode::InvalidTimestamp);
    let named: Vec<u32> = error.record_errors().iter().map(|record| record.index).collect();
    assert_eq!(named, [1, 2]);
    let range = TopicConfig { message_timestamp_before_max_ms: 10, ..TopicConfig::default() };
    let at = |base_timestamp| RawBatch { base_timestamp, ..one() }.bytes();
    assert_eq!(code(&at(NOW - 10), &range), ErrorCode::None);
    assert_eq!(code(&at(NOW - 11), &range), ErrorCode::InvalidTimestamp);
    assert_eq!(code(&at(-1), &range), ErrorCode::None, "-1 is no timestamp");
    for end in [i64::MIN, i64::MAX] {
        assert_eq!(code(&at(end), &TopicConfig::default()), ErrorCode::InvalidTimestamp);
    }
}

#[test]
fn a_max_timestamp_that_lies_is_rewritten_with_its_checksum() {
    let config = TopicConfig::default();
    for max_timestamp in [-1, NOW - 5, NOW + 10_000_000_000] {
        let bytes = RawBatch { max_timestamp: Some(max_timestamp), ..one() }.bytes();
        let batch = check(&bytes, &config).unwrap();
        assert_eq!(batch.max_timestamp().get(), NOW);
        let stored = [&batch.header_at(Offset::ZERO, LeaderEpoch::ZERO), batch.payload()].concat();
        assert!(BatchView::parse(&stored).unwrap().crc_is_right());
    }
}

#[test]
fn log_append_time_is_the_brokers_to_set() {
    let stamping = TopicConfig { message_timestamp_type: TimestampType::LogAppendTime, ..TopicConfig::default() };
    let bytes = RawBatch { base_timestamp: NOW + 10_000_000_000, ..one() }.bytes();
    let batch = check(&bytes, &stamping).unwrap();
    assert_eq!(batch.log_append_time(), Some(Timestamp::new(NOW)));
    assert_eq!(batch.max_timestamp().get(), NOW);
    let stored = [&batch.header_at(Offset::ZERO, LeaderEpoch::ZERO), batch.payload()].concat();
    let view = BatchView::parse(&stored).unwrap();
    assert!(view.crc_is_right() && view.header().attributes.is_log_append_time());
    assert_eq!(view.records(DecompressionLimits::bytes(1000)).next_record().unwrap().unwrap().timestamp, NOW);

    let claimed = RawBatch { attributes: 1 << 3, ..one() };
    assert_eq!(code(&claimed.bytes(), &stamping), ErrorCode::InvalidTimestamp);
    let taken = claimed.bytes();
    let batch = check(&taken, &TopicConfig::default()).unwrap();
    let stored = batch.header_at(Offset::ZERO, LeaderEpoch::ZERO);
    assert!(!RecordBatchHeader::read(&mut Reader::new(&stored)).unwrap().attributes.is_log_append_time());
    let unknown = RawBatch { attributes: 1 << 3, base_timestamp: -1, ..one() };
    assert_eq!(default_code(&unknown), ErrorCode::InvalidTimestamp);
}

#[test]
fn a_compacted_topic_names_the_records_without_key() {
    let mut three = records(3);
    three[1].key = None;
    let bytes = RawBatch::of(&three).bytes();
    assert_eq!(code(&bytes, &TopicConfig::default()), ErrorCode::None);
    let error = check(&bytes, &compacted()).unwrap_err();
    assert_eq!(ErrorCode::from(&error), ErrorCode::InvalidRecord);
    assert_eq!(error.record_errors(), [RecordError { index: 1, problem: RecordProblem::NullKey }]);
    three[2].timestamp_delta = 3_700_000;
    assert_eq!(code(&RawBatch::of(&three).bytes(), &compacted()), ErrorCode::InvalidTimestamp);
}

#[test]
fn a_hostile_batch_names_no_more_records_than_the_bound() {
    let many: Vec<RawRecord> = records(5000).into_iter().map(|record| RawRecord { key: None, ..record }).collect();
    let bytes = RawBatch::of(&many).bytes();
    let error = check(&bytes, &compacted()).unwrap_err();
    assert_eq!(error.record_errors().len(), RejectedRecords::NAMED_MAX);
    assert!(error.to_string().starts_with("5000 records"));
    let count = RawBatch {
        records_count: i32::MAX,
        last_offset_delta: i32::MAX - 1,
        attributes: 1 << 3,
        base_timestamp: -1,
        ..one()
    };
    assert_eq!(default_code(&count), ErrorCode::InvalidTimestamp);
}

#[test]
fn built_batches_read_back() {
    let headers: [(&str, Option<&[u8]>); 2] = [("a", Some(b"1")), ("b", None)];
    let first = NewRecord { timestamp: Timestamp::new(NOW), key: Some(b"k"), value: None, headers: &headers };
    let mut builder = BatchBuilder::new(first).unwrap();
    builder
        .push(NewRecord { timestamp: Timestamp::new(NOW - 70), value: Some(&[7; 300]), ..NewRecord::default() })
        .unwrap();
    let size = builder.size();
    let owned = builder.build();
    let bytes = owned.to_vec();
    assert_eq!(bytes.len(), size);
    assert_eq!(check(&bytes, &TopicConfig::default()).unwrap().max_timestamp().get(), NOW);
    let stored = owned.to_vec_at(Offset::new(9).unwrap(), LeaderEpoch::ZERO);
    let mut records = BatchView::parse(&stored).unwrap().records(DecompressionLimits::bytes(1000));
    let read = records.next_record().unwrap().unwrap();
    assert_eq!((read.offset, read.timestamp, read.record.key, read.record.value), (9, NOW, Some(&b"k"[..]), None));
    let expected = [(&b"a"[..], Some(&b"1"[..])), (b"b", None)];
    assert_eq!(read.record.headers.collect::<Vec<_>>(), expected);
    let read = records.next_record().unwrap().unwrap();
    assert_eq!(
        (read.offset, read.timestamp, read.record.key, read.record.value),
        (10, NOW - 70, None, Some(&[7; 300][..]))
    );
    assert!(records.next_record().unwrap().is_none());
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        drop(check(&bytes, &compacted()).map(|_| ()));
    }

    #[test]
    fn no_payload_panics(payload in proptest::collection::vec(any::<u8>(), 0..300), codec in 0_i16..8, count in 1..40_i32) {
        let batch = RawBatch { payload, attributes: codec, records_count: count, last_offset_delta: count - 1, ..one() };
        let bytes = batch.bytes();
        for config in [TopicConfig::default(), compacted(), opening()] {
            drop(check(&bytes, &config).map(|_| ()));
        }
        let mut records = BatchView::parse(&bytes).unwrap().records(DecompressionLimits::bytes(1 << 20));
        for _ in 0..50 {
            drop(records.next_record().map(|_| ()));
        }
    }

    #[test]
    fn a_changed_byte_is_noticed_or_harmless(place in 0_usize..200, flip in 1_u8..) {
        let mut bytes = RawBatch::of(&records(8)).bytes();
        let place = place % bytes.len();
        bytes[place] ^= flip;
        // Only the leader epoch lies outside length, magic, checksum and the base offset, which must be 0.
        prop_assert_eq!(check(&bytes, &compacted()).is_ok(), (12..16).contains(&place));
    }

    #[test]
    fn the_header_reads_back(bytes in proptest::array::uniform32(any::<u8>()), more in proptest::array::uniform29(any::<u8>())) {
        let bytes = [&bytes[..], &more].concat();
        let header = RecordBatchHeader::read(&mut Reader::new(&bytes)).unwrap();
        prop_assert_eq!(header.to_bytes().to_vec(), bytes);
    }
}
