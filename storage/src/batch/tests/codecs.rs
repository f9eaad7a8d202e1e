//! Compressed batches: opened where the topic asks for it, judged by their header elsewhere. The bytes are made by
//! kafka-protocol's encoder, so that our own is not the judge.

use super::raw::{RawBatch, RawRecord, varint};
use super::{NOW, check, code, compacted, one, opening, records};
use crate::batch::{BatchError, BatchView, DecompressionLimits, RecordFault};
use kafka_protocol::indexmap::IndexMap;
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records::{Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType};
use model::ErrorCode;
use model::config::TopicConfig;
use proptest::prelude::*;
use std::io::Write;

pub(super) const CODECS: [(i16, Compression); 5] = [
    (0, Compression::None),
    (1, Compression::Gzip),
    (2, Compression::Snappy),
    (3, Compression::Lz4),
    (4, Compression::Zstd),
];

type Field = Option<Vec<u8>>;

#[derive(Clone, Debug)]
pub(super) struct Plain {
    pub(super) timestamp: i64,
    pub(super) key: Field,
    pub(super) value: Field,
    pub(super) headers: Vec<(String, Field)>,
}

pub(super) fn encode(records: &[Plain], compression: Compression) -> Vec<u8> {
    let records: Vec<Record> = records
        .iter()
        .enumerate()
        .map(|(index, plain)| Record {
            transactional: false,
            control: false,
            delete_horizon: false,
            partition_leader_epoch: -1,
            producer_id: 12,
            producer_epoch: 3,
            sequence: index as i32,
            timestamp_type: TimestampType::Creation,
            offset: index as i64,
            timestamp: plain.timestamp,
            key: plain.key.clone().map(Into::into),
            value: plain.value.clone().map(Into::into),
            headers: plain
                .headers
                .iter()
                .map(|(key, value)| (StrBytes::from_string(key.clone()), value.clone().map(Into::into)))
                .collect::<IndexMap<_, _>>(),
        })
        .collect();
    let mut bytes = bytes::BytesMut::new();
    let options = RecordEncodeOptions { version: 2, compression };
    RecordBatchEncoder::encode(&mut bytes, &records, &options).unwrap();
    bytes.to_vec()
}

/// `body` compressed by the codec of that number, not by kafka-protocol: for bodies that are no good records.
fn compress(codec: i16, body: &[u8]) -> Vec<u8> {
    match codec {
        1 => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(body).unwrap();
            encoder.finish().unwrap()
        }
        2 => snap::raw::Encoder::new().compress_vec(body).unwrap(),
        3 => {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
            encoder.write_all(body).unwrap();
            encoder.finish().unwrap()
        }
        4 => zstd::encode_all(body, 1).unwrap(),
        _ => body.to_vec(),
    }
}

fn compressed(codec: i16, records: &[RawRecord]) -> RawBatch {
    let plain = RawBatch::of(records);
    RawBatch { attributes: codec, payload: compress(codec, &plain.payload), ..plain }
}

/// The bytes of each record that a reader gets, and the fault that ended it. Who reads the heads alone gets the same.
fn read_all(bytes: &[u8], record_size_max: u32) -> (Vec<Plain>, Option<RecordFault>) {
    let mut records =
        BatchView::parse(bytes).unwrap().records(DecompressionLimits { record: record_size_max, batch: u32::MAX });
    let mut heads =
        BatchView::parse(bytes).unwrap().records(DecompressionLimits { record: record_size_max, batch: u32::MAX });
    let mut read = Vec::new();
    loop {
        match records.next_record() {
            Ok(None) => return (read, None),
            Err(fault) => {
                // Not always the same fault: who reads the head alone comes upon what is wrong in another order.
                assert!(heads.next_head().is_err(), "{fault}");
                return (read, Some(fault));
            }
            Ok(Some(next)) => {
                let own = |field: Option<&[u8]>| field.map(<[u8]>::to_vec);
                let headers = next.record.headers.clone();
                let headers =
                    headers.map(|(key, value)| (String::from_utf8(key.to_vec()).unwrap(), own(value))).collect();
                let (key, value) = (own(next.record.key), own(next.record.value));
                let head = heads.next_head().unwrap().unwrap();
                assert_eq!((head.offset, head.timestamp), (next.offset, next.timestamp));
                assert_eq!((own(head.key), head.is_tombstone), (key.clone(), value.is_none()));
                read.push(Plain { timestamp: next.timestamp, key, value, headers });
            }
        }
    }
}

/// A segment that Kafka 4.4 wrote: a batch of three records for each codec, from Kafka's console producer.
#[test]
fn a_segment_of_kafka_reads_back() {
    let mut rest = &include_bytes!("../../../tests/golden/record_batch_v2.log")[..];
    for (place, name) in ["none", "gzip", "snappy", "lz4", "zstd"].into_iter().enumerate() {
        let batch = BatchView::parse(rest).unwrap();
        assert!(batch.crc_is_right());
        assert_eq!(batch.codec().unwrap().name(), name);
        assert_eq!(batch.producer().unwrap().0.get(), place as i64);
        let (read, fault) = read_all(batch.bytes(), 1000);
        assert!(fault.is_none());
        let text = |field: &Field| field.clone().map(|bytes| String::from_utf8(bytes).unwrap());
        let fields: Vec<_> = read.iter().map(|record| (text(&record.key), text(&record.value))).collect();
        let some = |text: &str| Some(text.to_owned());
        let first = (some("key1"), Some(format!("value one of {name}")));
        assert_eq!(fields, [first, (some("key2"), some("value two")), (None, None)]);
        let headers: Vec<_> = read[0].headers.iter().map(|(key, value)| (key.clone(), text(value))).collect();
        assert_eq!(headers, [("a".to_owned(), some("1")), ("b".to_owned(), some("2"))]);
        rest = &rest[batch.size()..];
    }
    assert!(rest.is_empty());
}

fn any_field() -> impl Strategy<Value = Field> {
    proptest::option::of(proptest::collection::vec(any::<u8>(), 0..200))
}

fn any_record() -> impl Strategy<Value = Plain> {
    let headers = proptest::collection::btree_map("[a-z]{0,9}", any_field(), 0..4);
    (NOW - 100_000..NOW, any_field(), any_field(), headers).prop_map(|(timestamp, key, value, headers)| Plain {
        timestamp,
        key,
        value,
        headers: headers.into_iter().collect(),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn batches_of_kafka_protocol_pass_and_read_back(plain in proptest::collection::vec(any_record(), 1..30)) {
        for (codec, compression) in CODECS {
            let bytes = encode(&plain, compression);
            for config in [TopicConfig::default(), opening()] {
                let batch = check(&bytes, &config).map_err(|error| TestCaseError::fail(format!("{codec}: {error}")))?;
                prop_assert_eq!(batch.record_count() as usize, plain.len());
                let newest = plain.iter().map(|record| record.timestamp).max().unwrap();
                prop_assert_eq!(batch.max_timestamp().get(), newest);
                prop_assert_eq!(batch.producer().unwrap().id.get(), 12);
            }
            let (read, fault) = read_all(&bytes, 10_000);
            prop_assert!(fault.is_none(), "{codec}: {fault:?}");
            prop_assert_eq!(format!("{read:?}"), format!("{plain:?}"));
        }
    }

    #[test]
    fn damaged_compressed_bytes_never_panic(
        codec in 1_i16..5,
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut batch = compressed(codec, &records(20));
        for (place, byte) in edits {
            let place = place.index(batch.payload.len());
            batch.payload[place] = byte;
        }
        batch.payload.truncate(cut.index(batch.payload.len()) + 1);
        let bytes = batch.bytes();
        drop(check(&bytes, &opening()).map(|_| ()));
        drop(read_all(&bytes, 1 << 20));
    }
}

#[test]
fn a_compressed_batch_is_opened_only_where_the_topic_asks() {
    let mut three = records(3);
    three[1].key = None;
    for codec in 1..5 {
        let nonsense = RawBatch { attributes: codec, payload: b"not compressed at all".to_vec(), ..one() }.bytes();
        assert_eq!(code(&nonsense, &TopicConfig::default()), ErrorCode::None);
        assert_eq!(code(&nonsense, &opening()), ErrorCode::InvalidRecord);
        assert_eq!(code(&nonsense, &compacted()), ErrorCode::InvalidRecord);
        let keyless = compressed(codec, &three).bytes();
        assert_eq!(code(&keyless, &opening()), ErrorCode::None);
        let error = check(&keyless, &compacted()).unwrap_err();
        assert_eq!(error.record_errors().iter().map(|record| record.index).collect::<Vec<_>>(), [1]);
    }
}

#[test]
fn what_is_wrong_inside_a_compressed_batch_is_found_when_it_is_opened() {
    for codec in 1..5 {
        let swapped = [1, 0].map(|offset_delta| RawRecord { offset_delta, ..RawRecord::default() });
        assert_eq!(code(&compressed(codec, &swapped).bytes(), &opening()), ErrorCode::InvalidRecord);
        for (records_count, last_offset_delta) in [(2, 1), (4, 3)] {
            let batch = RawBatch { last_offset_delta, records_count, ..compressed(codec, &records(3)) };
            assert_eq!(code(&batch.bytes(), &opening()), ErrorCode::InvalidRecord);
        }
        let late = RawRecord { timestamp_delta: 3_700_000, ..RawRecord::default() };
        let error = check(&compressed(codec, &[late]).bytes(), &opening()).map(|_| ()).unwrap_err();
        assert_eq!((ErrorCode::from(&error), error.record_errors().len()), (ErrorCode::InvalidTimestamp, 1));
        let lying = RawBatch { max_timestamp: Some(NOW + 7), ..compressed(codec, &records(3)) }.bytes();
        assert_eq!(check(&lying, &TopicConfig::default()).unwrap().max_timestamp().get(), NOW + 7);
        assert_eq!(check(&lying, &opening()).unwrap().max_timestamp().get(), NOW);
    }
}

#[test]
fn a_batch_that_is_not_opened_is_judged_by_its_max_timestamp() {
    let late = RawBatch { max_timestamp: Some(NOW + 3_600_001), ..compressed(4, &records(3)) }.bytes();
    let error = check(&late, &TopicConfig::default()).map(|_| ()).unwrap_err();
    assert_eq!((ErrorCode::from(&error), error.record_errors().len()), (ErrorCode::InvalidTimestamp, 0));
}

#[test]
fn a_record_larger_than_the_limit_is_refused_without_being_held() {
    let limited = TopicConfig { max_decompressed_message_bytes: 10_000, ..opening() };
    let sized = |size: usize| RawRecord { value: Some(vec![b'x'; size]), ..RawRecord::default() };
    for codec in 1..5 {
        let bytes = compressed(codec, &[sized(20_000)]).bytes();
        assert_eq!(code(&bytes, &limited), ErrorCode::InvalidRecord);
        assert!(matches!(read_all(&bytes, 10_000).1, Some(RecordFault::TooLarge { .. })));
        // The limit is one for records, as in Kafka: many may be larger together.
        let five: Vec<RawRecord> = (0..5).map(|offset_delta| RawRecord { offset_delta, ..sized(5000) }).collect();
        assert_eq!(code(&compressed(codec, &five).bytes(), &limited), ErrorCode::None);
    }
}

#[test]
fn records_that_are_larger_together_than_the_limit_are_refused() {
    let limited = TopicConfig { max_decompressed_batch_bytes: 20_000, ..opening() };
    let sized = |offset_delta| RawRecord { offset_delta, value: Some(vec![b'x'; 5000]), ..RawRecord::default() };
    for codec in 1..5 {
        let of = |count| compressed(codec, &(0..count).map(sized).collect::<Vec<_>>()).bytes();
        assert_eq!(code(&of(3), &limited), ErrorCode::None);
        let error = check(&of(4), &limited).map(|_| ()).unwrap_err();
        let is_limit = matches!(error, BatchError::Record { fault: RecordFault::BatchTooLarge { limit: 20_000 }, .. });
        assert!(is_limit, "{codec}: {error}");
        assert_eq!(ErrorCode::from(&error), ErrorCode::InvalidRecord);
    }
    // Bare snappy is one block, which is not even decoded.
    let bare = compressed(2, &[sized(0)]).bytes();
    let error = check(&bare, &TopicConfig { max_decompressed_batch_bytes: 5000, ..opening() });
    assert!(matches!(error, Err(BatchError::Record { fault: RecordFault::BatchTooLarge { .. }, .. })));
}

#[test]
fn a_record_that_claims_more_than_is_there_costs_only_what_is_there() {
    for codec in 1..5 {
        let claim =
            [varint(i32::MAX - 20), b"\0\0\0".to_vec(), varint(-1), varint(i32::MAX - 40), b"v".to_vec()].concat();
        let bytes = RawBatch { attributes: codec, payload: compress(codec, &claim), ..one() }.bytes();
        assert_eq!(code(&bytes, &opening()), ErrorCode::InvalidRecord);
        assert!(matches!(read_all(&bytes, u32::MAX).1, Some(RecordFault::CutShort)));
    }
}

#[test]
fn a_snappy_block_that_claims_four_gigabytes_is_refused_before_memory_is_asked_for() {
    let claim = [0xff, 0xff, 0xff, 0xff, 0x0f, 0x00, b'x'];
    let framed = [&b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01\0\0\0\x07"[..], &claim].concat();
    for payload in [claim.to_vec(), framed] {
        let bytes = RawBatch { attributes: 2, payload, ..one() }.bytes();
        let error = check(&bytes, &opening()).map(|_| ()).unwrap_err();
        assert!(matches!(error, BatchError::Record { index: 0, fault: RecordFault::Decompress(_) }), "{error}");
    }
}

#[test]
fn snappy_is_read_bare_framed_and_joined() {
    let plain = RawBatch::of(&records(300));
    let header = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01";
    let block = |part: &[u8]| {
        let compressed = compress(2, part);
        [&(compressed.len() as u32).to_be_bytes()[..], &compressed].concat()
    };
    let (first, second) = plain.payload.split_at(1000);
    let framed = [&header[..], &block(first), &block(second)].concat();
    let joined = [&header[..], &block(first), &header[..], &block(second)].concat();
    for payload in [compress(2, &plain.payload), framed, joined] {
        let bytes = RawBatch { attributes: 2, payload, ..plain.clone() }.bytes();
        assert_eq!(code(&bytes, &opening()), ErrorCode::None);
    }
}
