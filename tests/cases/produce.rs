//! Produce: cases 11 to 34.

use std::time::Duration;

use serde_json::{Value, json};
use test_support::{SOON, wait_until};

use crate::support::batch::{Batch, CONTROL, GZIP, LOG_APPEND_TIME, LZ4, Record, TRANSACTIONAL, ZSTD, varint};
use crate::support::brokers::is_kafka;
use crate::support::message::unhex;
use crate::support::now_ms;
use crate::support::topics::{EARLIEST, Topic, connect, expect_produced, expect_refused, produce_request};

const UNKNOWN_SERVER_ERROR: i64 = -1;
const CORRUPT_MESSAGE: i64 = 2;
const UNKNOWN_TOPIC_OR_PARTITION: i64 = 3;
const MESSAGE_TOO_LARGE: i64 = 10;
const RECORD_LIST_TOO_LARGE: i64 = 18;
const INVALID_REQUIRED_ACKS: i64 = 21;
const INVALID_TIMESTAMP: i64 = 32;
const TRANSACTIONAL_ID_AUTHORIZATION_FAILED: i64 = 53;
const UNSUPPORTED_COMPRESSION_TYPE: i64 = 76;
const INVALID_RECORD: i64 = 87;
const UNKNOWN_TOPIC_ID: i64 = 100;

/// With this ours opens compressed batches; without it their header is judged, and damage inside shows at the reader.
const OPEN_COMPRESSED: (&str, &str) = ("validate.compressed.records", "true");

/// The configs of a topic whose compressed batches are opened: the real one always does.
fn opened(configs: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    let mut configs = configs.to_vec();
    if !is_kafka() {
        configs.push(OPEN_COMPRESSED);
    }
    configs
}

#[test]
fn case_11_acks_that_are_not_minus_1_0_or_1_are_refused_and_append_nothing() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    for acks in [2, -2, i16::MAX, i16::MIN] {
        let data = topic.data(&[(0, json!(Batch::of(&["a"]).hex()))]);
        let answer = client.call("Produce", 11, &produce_request(acks, &[data]));
        let partition = &answer["responses"][0]["partition_responses"][0];
        expect_produced(partition, INVALID_REQUIRED_ACKS, -1);
        assert_eq!(partition["log_start_offset"], -1);
        topic.expect_end(&mut client, 0);
    }
}

#[test]
fn case_12_with_acks_0_success_is_silent() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let data = topic.data(&[(0, json!(Batch::of(&["a"]).hex()))]);
    client.send("Produce", 11, &produce_request(0, &[data]));
    client.expect_silence(Duration::from_millis(200));
    let other = &mut connect();
    wait_until("the record is there", SOON, || topic.offset(other, -1) == 1);
    assert_eq!(client.call("ApiVersions", 0, &json!({}))["error_code"], 0, "the connection goes on");
}

#[test]
fn case_12_with_acks_0_an_error_closes_the_connection() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let corrupt = Batch { crc: Some(1), ..Batch::of(&["a"]) };
    client.send("Produce", 11, &produce_request(0, &[topic.data(&[(0, json!(corrupt.hex()))])]));
    client.expect_close();
    let mut client = connect();
    client.send("Produce", 11, &produce_request(0, &[topic.data(&[(7, json!(Batch::of(&["a"]).hex()))])]));
    client.expect_close();
}

#[test]
fn case_15_other_magic_than_2_is_refused() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    for (magic, error_code) in [(0, INVALID_RECORD), (1, INVALID_RECORD), (3, CORRUPT_MESSAGE), (-1, CORRUPT_MESSAGE)] {
        for version in [3, 7, 11] {
            let batch = Batch { magic, ..Batch::of(&["a"]) };
            expect_produced(&topic.produce_at(&mut client, version, &batch), error_code, -1);
        }
    }
    topic.expect_end(&mut client, 0);
}

#[test]
fn case_16_zero_or_two_batches_for_a_partition_are_refused() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let two = Batch::of(&["a"]).hex() + &Batch::of(&["b"]).hex();
    for records in ["", &two] {
        expect_produced(&topic.produce_bytes(&mut client, 11, &json!(records)), INVALID_RECORD, -1);
    }
    topic.expect_end(&mut client, 0);
}

#[test]
fn case_17_zstd_needs_produce_7() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let batch = Batch { attributes: ZSTD, ..Batch::of(&["a"]) };
    for version in 3..7 {
        expect_produced(&topic.produce_at(&mut client, version, &batch), UNSUPPORTED_COMPRESSION_TYPE, -1);
    }
    topic.expect_end(&mut client, 0);
    expect_produced(&topic.produce_at(&mut client, 7, &batch), 0, 0);
}

#[test]
fn case_18_a_wrong_checksum_is_a_corrupt_message() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    expect_refused(&topic, &mut client, &Batch { crc: Some(0), ..Batch::of(&["a"]) }, CORRUPT_MESSAGE);
    let mut flipped = Batch::of(&["abc"]).bytes();
    *flipped.last_mut().unwrap() ^= 1;
    let answer = topic.produce_bytes(&mut client, 11, &json!(crate::support::message::hex(&flipped)));
    expect_produced(&answer, CORRUPT_MESSAGE, -1);
    topic.expect_end(&mut client, 0);
}

#[test]
fn case_19_a_batch_length_below_the_header_is_corrupt_and_one_past_the_bytes_is_invalid() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let true_length = Batch::of(&["a"]).bytes().len() as i32 - 12;
    for batch_length in [48, 13, 1, 0, -1, i32::MIN] {
        let batch = Batch { length: Some(batch_length), ..Batch::of(&["a"]) };
        expect_refused(&topic, &mut client, &batch, CORRUPT_MESSAGE);
    }
    for batch_length in [true_length + 1, true_length + 1000, i32::MAX - 12] {
        let batch = Batch { length: Some(batch_length), ..Batch::of(&["a"]) };
        expect_refused(&topic, &mut client, &batch, INVALID_RECORD);
    }
    // Together with the 12 bytes before it this passes 2^31, and the real one stumbles.
    let batch = Batch { length: Some(i32::MAX), ..Batch::of(&["a"]) };
    expect_refused(&topic, &mut client, &batch, if is_kafka() { UNKNOWN_SERVER_ERROR } else { INVALID_RECORD });
}

#[test]
fn case_19_bytes_too_few_for_a_header_are_invalid() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let batch = Batch::of(&["a"]).bytes();
    for size in [1, 11, 16, 17, 60, 61, batch.len() - 1] {
        let cut = crate::support::message::hex(&batch[..size]);
        expect_produced(&topic.produce_bytes(&mut client, 11, &json!(cut)), INVALID_RECORD, -1);
    }
    topic.expect_end(&mut client, 0);
}

/// The real one never answers: its handler stumbles over the null.
#[test]
fn case_20_null_records_are_invalid() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let data = topic.data(&[(0, Value::Null)]);
    let correlation_id = client.send("Produce", 11, &produce_request(-1, &[data]));
    if is_kafka() {
        client.expect_silence(Duration::from_millis(200));
    } else {
        let answer = client.answer("Produce", 11, correlation_id);
        expect_produced(&answer["responses"][0]["partition_responses"][0], INVALID_RECORD, -1);
    }
    topic.expect_end(&mut connect(), 0);
}

#[test]
fn case_21_a_record_count_that_does_not_fit_the_offsets_is_invalid() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    for (record_count, last_offset_delta) in
        [(0, -1), (0, 1), (-1, 1), (3, 1), (1, 1), (2, 0), (2, i32::MAX), (i32::MIN, i32::MAX)]
    {
        let batch = Batch {
            record_count: Some(record_count),
            last_offset_delta: Some(last_offset_delta),
            ..Batch::of(&["a", "b"])
        };
        expect_refused(&topic, &mut client, &batch, INVALID_RECORD);
    }
}

/// Bodies that are not what the header says, of a batch of two records.
fn broken_bodies() -> Vec<(&'static str, Vec<u8>)> {
    let whole = Batch::of(&["abc", "def"]).plain_body();
    let record = |delta| Record::new(None, b"abc").bytes(delta);
    let alter = |at: usize, byte: Vec<u8>| {
        let mut bytes = whole.clone();
        bytes.splice(at..=at, byte);
        bytes
    };
    vec![
        ("a record less", record(0)),
        ("a record more", [record(0), record(1), record(2)].concat()),
        ("no record", vec![]),
        ("bytes after the last record", [&whole[..], &[0]].concat()),
        ("the last record cut", whole[..whole.len() - 1].to_vec()),
        ("a length that is too small", alter(0, varint(8))),
        ("a length that is too large", alter(0, varint(10))),
        ("a length past the end", alter(0, varint(100_000))),
        ("a negative length", alter(0, varint(-1))),
        ("a length of 2^31-1", alter(0, varint(i64::from(i32::MAX)))),
        ("a varint without end", alter(0, vec![0xff; 11])),
        ("a value longer than the record", alter(5, varint(60))),
        ("a value of negative length", alter(5, varint(-2))),
        ("a key longer than the record", alter(4, varint(60))),
        ("a header count too large", alter(9, varint(1000))),
        ("a header count of 2^31-1", alter(9, varint(i64::from(i32::MAX)))),
        ("a negative header count", alter(9, varint(-1))),
    ]
}

#[test]
fn case_22_a_body_that_is_not_what_the_header_says_is_invalid() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    for (what, body) in broken_bodies() {
        let batch = Batch { body: Some(body), ..Batch::of(&["abc", "def"]) };
        let answer = topic.produce(&mut client, &batch);
        let stumbles = is_kafka() && what == "a varint without end";
        let expected = if stumbles { UNKNOWN_SERVER_ERROR } else { INVALID_RECORD };
        assert_eq!(answer["error_code"], expected, "{what}: {answer}");
    }
    topic.expect_end(&mut client, 0);
}

/// The real one does not compare the length of a compressed record with what it read of it.
#[test]
fn case_22_a_compressed_body_that_is_not_what_the_header_says_is_invalid() {
    let mut client = connect();
    let topic = Topic::with(&mut client, 1, &opened(&[]));
    for (what, body) in broken_bodies() {
        let compressed = zstd::encode_all(&body[..], 3).unwrap();
        let batch = Batch { attributes: ZSTD, body: Some(compressed), ..Batch::of(&["abc", "def"]) };
        let answer = topic.produce(&mut client, &batch);
        let passes = is_kafka()
            && ["a length that is too small", "a length that is too large", "a length past the end"].contains(&what);
        assert_eq!(answer["error_code"], if passes { 0 } else { INVALID_RECORD }, "{what}: {answer}");
    }
    topic.expect_end(&mut client, if is_kafka() { 6 } else { 0 });
}

#[test]
fn case_23_the_leader_epoch_of_the_client_is_overwritten() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    for (written, leader_epoch) in [(0, 9), (1, 0), (2, -7)] {
        expect_produced(&topic.produce(&mut client, &Batch { leader_epoch, ..Batch::of(&["a"]) }), 0, written);
    }
    let batches = topic.batches(&mut client, 0);
    let seen: Vec<_> = batches.iter().map(|batch| (batch.base_offset, batch.leader_epoch)).collect();
    assert_eq!(seen, [(0, 0), (1, 0), (2, 0)]);
}

/// Kafka 4.4 refuses what earlier ones passed over: the offsets of a producer begin at 0.
#[test]
fn case_23_a_base_offset_of_the_client_other_than_0_is_invalid() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    for attributes in [0, GZIP] {
        for base_offset in [1, 77, -5, 1 << 40] {
            expect_refused(
                &topic,
                &mut client,
                &Batch { base_offset, attributes, ..Batch::of(&["a"]) },
                INVALID_RECORD,
            );
        }
    }
}

/// The real one answers -1 to both, because it fails in the decompressor.
#[test]
fn case_24_a_body_that_is_not_compressed_as_said_is_never_appended() {
    let mut client = connect();
    let topic = Topic::with(&mut client, 1, &opened(&[]));
    for codec in [GZIP, 2, LZ4, ZSTD] {
        let batch = Batch::of(&["a", "b"]);
        let lie = Batch { attributes: codec, body: Some(batch.plain_body()), ..batch };
        let answer = topic.produce(&mut client, &lie);
        let expected = if is_kafka() { UNKNOWN_SERVER_ERROR } else { INVALID_RECORD };
        assert_eq!(answer["error_code"], expected, "codec {codec}: {answer}");
    }
    topic.expect_end(&mut client, 0);
}

#[test]
fn case_24_codecs_5_to_7_do_not_exist() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let expected = if is_kafka() { UNKNOWN_SERVER_ERROR } else { UNSUPPORTED_COMPRESSION_TYPE };
    for codec in 5..=7 {
        let batch = Batch::of(&["a"]);
        let answer = topic.produce(&mut client, &Batch { attributes: codec, body: Some(batch.plain_body()), ..batch });
        assert_eq!(answer["error_code"], expected, "codec {codec}: {answer}");
    }
    topic.expect_end(&mut client, 0);
}

#[test]
fn case_25_a_timestamp_in_the_future_is_refused_with_the_index_of_its_record() {
    let mut client = connect();
    let plain = Topic::with(&mut client, 1, &[("message.timestamp.after.max.ms", "1000")]);
    let compressed = Topic::with(&mut client, 1, &opened(&[("message.timestamp.after.max.ms", "1000")]));
    let record = |timestamp_delta| Record { timestamp_delta, ..Record::new(None, b"a") };
    let records = vec![record(0), record(-50_000), record(3_600_000), record(0), record(3_600_001)];
    for (topic, attributes) in [(plain, 0), (compressed, GZIP)] {
        let batch = Batch { attributes, ..Batch::from(records.clone()) };
        for version in [7, 8, 11] {
            let answer = topic.produce_at(&mut client, version, &batch);
            expect_produced(&answer, INVALID_TIMESTAMP, -1);
            if version >= 8 {
                let errors = answer["record_errors"].as_array().unwrap();
                let indexes: Vec<_> = errors.iter().map(|error| error["batch_index"].as_i64().unwrap()).collect();
                assert_eq!(indexes, [2, 4], "{answer}");
            }
        }
        topic.expect_end(&mut client, 0);
    }
}

#[test]
fn case_25_a_timestamp_too_far_in_the_past_is_refused() {
    let mut client = connect();
    let topic = Topic::with(&mut client, 1, &[("message.timestamp.before.max.ms", "1000")]);
    let answer = topic.produce(&mut client, &Batch::of(&["a"]).at(now_ms() - 60_000));
    expect_produced(&answer, INVALID_TIMESTAMP, -1);
    assert_eq!(answer["record_errors"][0]["batch_index"], 0, "{answer}");
    expect_produced(&topic.produce(&mut client, &Batch::of(&["a"])), 0, 0);
}

#[test]
fn case_26_a_header_that_lies_about_the_max_timestamp_is_rewritten() {
    let mut client = connect();
    let base = now_ms();
    for attributes in [0, LZ4] {
        let topic = Topic::with(&mut client, 1, &opened(&[]));
        let records = [0, 30, 20].map(|timestamp_delta| Record { timestamp_delta, ..Record::new(None, b"a") });
        for lie in [base, base + 10_000, -1, i64::MAX] {
            let batch = Batch { attributes, max_timestamp: Some(lie), ..Batch::from(records.to_vec()).at(base) };
            let answer = topic.produce(&mut client, &batch);
            assert_eq!(answer["error_code"], 0, "{answer}");
        }
        let stored = topic.batches(&mut client, 0);
        assert_eq!(stored.len(), 4);
        // The reader of `batches` has checked the checksums.
        assert!(
            stored.iter().all(|batch| batch.max_timestamp == base + 30 && batch.base_timestamp == base),
            "{stored:?}"
        );
    }
}

#[test]
fn case_27_the_log_append_time_bit_on_a_topic_of_create_time_is_accepted() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let base = now_ms() - 5000;
    let answer = topic.produce(&mut client, &Batch { attributes: LOG_APPEND_TIME, ..Batch::of(&["a"]).at(base) });
    expect_produced(&answer, 0, 0);
    assert_eq!(answer["log_append_time_ms"], -1);
    let stored = topic.batches(&mut client, 0);
    assert_eq!((stored[0].attributes, stored[0].max_timestamp), (0, base), "{stored:?}");
}

#[test]
fn case_28_a_control_batch_of_a_client_is_invalid() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    for (attributes, error_code) in [
        (CONTROL, INVALID_RECORD),
        (CONTROL | GZIP, INVALID_RECORD),
        // The request names no transactional id, which is noticed first.
        (CONTROL | TRANSACTIONAL, TRANSACTIONAL_ID_AUTHORIZATION_FAILED),
        (TRANSACTIONAL, TRANSACTIONAL_ID_AUTHORIZATION_FAILED),
    ] {
        expect_refused(&topic, &mut client, &Batch { attributes, ..Batch::of(&["a"]) }, error_code);
    }
}

#[test]
fn case_29_a_producer_id_without_a_sequence_is_invalid() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    expect_refused(&topic, &mut client, &Batch::idempotent((4_000_000, 0), -1, &["a"]), INVALID_RECORD);
}

#[test]
fn case_30_a_record_without_key_in_a_compacted_topic_is_invalid_and_named() {
    let mut client = connect();
    let topic = Topic::with(&mut client, 1, &[("cleanup.policy", "compact")]);
    let records = vec![
        Record::new(Some("k"), b"a"),
        Record::new(None, b"b"),
        Record::new(Some(""), b"c"),
        Record::new(None, b"d"),
    ];
    for attributes in [0, GZIP, ZSTD] {
        let answer = topic.produce(&mut client, &Batch { attributes, ..Batch::from(records.clone()) });
        expect_produced(&answer, INVALID_RECORD, -1);
        let errors = answer["record_errors"].as_array().unwrap();
        let indexes: Vec<_> = errors.iter().map(|error| error["batch_index"].as_i64().unwrap()).collect();
        assert_eq!(indexes, [1, 3], "{answer}");
    }
    topic.expect_end(&mut client, 0);
}

#[test]
fn case_31_a_batch_larger_than_max_message_bytes_is_too_large() {
    let mut client = connect();
    let size = Batch::of(&["aaaa"]).bytes().len();
    let (limit, below) = (size.to_string(), (size - 1).to_string());
    let fits = Topic::with(&mut client, 1, &[("max.message.bytes", &limit)]);
    expect_produced(&fits.produce(&mut client, &Batch::of(&["aaaa"])), 0, 0);
    expect_refused(&fits, &mut client, &Batch::of(&["aaaab"]), MESSAGE_TOO_LARGE);
    let tight = Topic::with(&mut client, 1, &[("max.message.bytes", &below)]);
    expect_refused(&tight, &mut client, &Batch::of(&["aaaa"]), MESSAGE_TOO_LARGE);
    // What counts is the size on the wire, compressed.
    let long = "a".repeat(10_000);
    let small = Topic::with(&mut client, 1, &[("max.message.bytes", "500")]);
    expect_refused(&small, &mut client, &Batch::of(&[&long]), MESSAGE_TOO_LARGE);
    expect_produced(&small.produce(&mut client, &Batch { attributes: ZSTD, ..Batch::of(&[&long]) }), 0, 0);
}

#[test]
fn case_31_a_batch_larger_than_a_segment_is_a_too_large_record_list() {
    let mut client = connect();
    let topic = Topic::with(&mut client, 1, &[("segment.bytes", "1048576"), ("max.message.bytes", "3000000")]);
    let large = "a".repeat(1_100_000);
    expect_refused(&topic, &mut client, &Batch::of(&[&large]), RECORD_LIST_TOO_LARGE);
    let nearly = "a".repeat(1_000_000);
    expect_produced(&topic.produce(&mut client, &Batch::of(&[&nearly])), 0, 0);
}

#[test]
fn case_32_one_bad_partition_of_ten_fails_alone() {
    let mut client = connect();
    let topic = Topic::with(&mut client, 10, &[]);
    let good = json!(Batch::of(&["a", "b"]).hex());
    let bad = json!(Batch { crc: Some(1), ..Batch::of(&["a"]) }.hex());
    let data: Vec<_> = (0..10).map(|index| (index, if index == 4 { bad.clone() } else { good.clone() })).collect();
    let answer = client.call("Produce", 13, &produce_request(-1, &[topic.data(&data)]));
    let partitions = answer["responses"][0]["partition_responses"].as_array().unwrap();
    assert_eq!(partitions.len(), 10);
    for partition in partitions {
        let expected = if partition["index"] == 4 { (CORRUPT_MESSAGE, -1, -1) } else { (0, 0, 0) };
        let (error_code, base_offset, log_start_offset) = expected;
        expect_produced(partition, error_code, base_offset);
        assert_eq!(partition["log_start_offset"], log_start_offset, "{partition}");
    }
}

#[test]
fn case_33_an_unknown_topic_partition_or_id_is_named() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let records = json!(Batch::of(&["a"]).hex());
    let nobody = Topic { name: "nobody-has-this-topic".to_owned(), id: "0123456789abcdef0123456789abcdef".to_owned() };
    for version in 3..=13 {
        let asked = [nobody.data(&[(0, records.clone())]), topic.data(&[(0, records.clone()), (1, records.clone())])];
        let answer = client.call("Produce", version, &produce_request(-1, &asked));
        let codes: std::collections::BTreeMap<_, _> = answer["responses"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|of| {
                let id = if version < 13 { of["name"].clone() } else { of["topic_id"].clone() };
                let partitions = of["partition_responses"].as_array().unwrap().clone();
                partitions
                    .into_iter()
                    .map(move |part| ((id.to_string(), part["index"].as_i64()), part["error_code"].clone()))
            })
            .collect();
        let key = |of: &Topic, index| (json!(if version < 13 { &of.name } else { &of.id }).to_string(), Some(index));
        let missing = if version < 13 { UNKNOWN_TOPIC_OR_PARTITION } else { UNKNOWN_TOPIC_ID };
        assert_eq!(codes[&key(&nobody, 0)], missing, "v{version}");
        assert_eq!(codes[&key(&topic, 0)], 0, "v{version}");
        assert_eq!(codes[&key(&topic, 1)], UNKNOWN_TOPIC_OR_PARTITION, "v{version}");
    }
    topic.expect_end(&mut client, 11);
}

#[test]
fn case_34_log_append_time_is_stored_and_returned() {
    let mut client = connect();
    let topic = Topic::with(&mut client, 1, &[("message.timestamp.type", "LogAppendTime")]);
    let before = now_ms();
    for attributes in [0, GZIP] {
        let answer = topic.produce(&mut client, &Batch { attributes, ..Batch::of(&["a", "b"]).at(1000) });
        let time = answer["log_append_time_ms"].as_i64().unwrap();
        assert!((before..=now_ms()).contains(&time), "{answer}");
        let stored = topic.batches(&mut client, answer["base_offset"].as_i64().unwrap());
        assert_eq!(stored[0].attributes, attributes | LOG_APPEND_TIME);
        assert_eq!(stored[0].max_timestamp, time);
        assert_eq!(topic.list_offsets(&mut client, 8, time)["timestamp"], time);
    }
    let plain = Topic::create(&mut client);
    assert_eq!(plain.produce(&mut client, &Batch::of(&["a"]))["log_append_time_ms"], -1);
}

#[test]
fn an_acknowledged_batch_is_read_back_byte_for_byte() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let record = Record {
        timestamp_delta: 5,
        key: Some(vec![]),
        value: None,
        headers: vec![("h".to_owned(), None), (String::new(), Some(vec![0, 255]))],
    };
    let mut expected = Vec::new();
    for (offset, attributes) in (0..).zip([0, GZIP, LZ4, ZSTD]) {
        let batch = Batch { attributes, leader_epoch: 0, ..Batch::from(vec![record.clone()]) };
        expect_produced(&topic.produce(&mut client, &batch), 0, offset);
        expected.extend(Batch { base_offset: offset, ..batch }.bytes());
    }
    assert_eq!(unhex(&topic.fetch(&mut client, 0)["records"]), expected);
    assert_eq!(topic.offset(&mut client, EARLIEST), 0);
}
