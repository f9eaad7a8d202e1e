//! ListOffsets and OffsetForLeaderEpoch: cases 67 to 70 and 79, and the leader epochs of 78.

use serde_json::{Value, json};

use crate::support::batch::{Batch, GZIP, LZ4, Record, ZSTD};
use crate::support::client::Client;
use crate::support::now_ms;
use crate::support::topics::{EARLIEST, LATEST, MAX_TIMESTAMP, Topic, connect};

const UNSUPPORTED_VERSION: i64 = 35;
const INVALID_REQUEST: i64 = 42;
const FENCED_LEADER_EPOCH: i64 = 74;
const UNKNOWN_LEADER_EPOCH: i64 = 75;
const UNKNOWN_TOPIC_OR_PARTITION: i64 = 3;

const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;
const EARLIEST_PENDING_UPLOAD: i64 = -6;

/// An answer of ListOffsets without its partition index: error, offset, timestamp and leader epoch.
fn brief(answer: &Value) -> [i64; 4] {
    ["error_code", "offset", "timestamp", "leader_epoch"].map(|name| answer[name].as_i64().unwrap())
}

/// A batch of records with these timestamps.
fn batch_at(timestamps: &[i64], attributes: i16) -> Batch {
    let base = timestamps[0];
    let record = |time: &i64| Record { timestamp_delta: time - base, ..Record::new(None, b"a") };
    Batch { attributes, ..Batch::from(timestamps.iter().map(record).collect::<Vec<_>>()).at(base) }
}

#[test]
fn case_67_the_special_timestamps_of_an_empty_partition() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let mut ask = |timestamp| brief(&topic.list_offsets(&mut client, 11, timestamp));
    assert_eq!(ask(LATEST), [0, 0, -1, 0]);
    assert_eq!(ask(EARLIEST), [0, 0, -1, 0]);
    assert_eq!(ask(MAX_TIMESTAMP), [0, -1, -1, -1]);
    assert_eq!(ask(EARLIEST_LOCAL), [0, 0, -1, 0]);
    assert_eq!(ask(LATEST_TIERED), [0, -1, -1, -1]);
    assert_eq!(ask(EARLIEST_PENDING_UPLOAD), [0, -1, -1, -1]);
    assert_eq!(ask(0), [0, -1, -1, -1]);
}

#[test]
fn case_67_the_special_timestamps_of_a_partition_with_records() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let base = now_ms() - 100_000;
    topic.produce(&mut client, &batch_at(&[base, base + 10], 0));
    topic.produce(&mut client, &batch_at(&[base + 500, base + 700, base + 600], 0));
    topic.produce(&mut client, &batch_at(&[base + 20], 0));
    let mut ask = |timestamp| brief(&topic.list_offsets(&mut client, 11, timestamp));
    assert_eq!(ask(LATEST), [0, 6, -1, 0]);
    assert_eq!(ask(EARLIEST), [0, 0, -1, 0]);
    assert_eq!(ask(MAX_TIMESTAMP), [0, 3, base + 700, 0]);
    assert_eq!(ask(EARLIEST_LOCAL), [0, 0, -1, 0]);
    assert_eq!(ask(LATEST_TIERED), [0, -1, -1, -1]);
    assert_eq!(ask(EARLIEST_PENDING_UPLOAD), [0, -1, -1, -1]);
}

#[test]
fn case_67_of_records_with_the_same_largest_timestamp_the_first_is_meant() {
    for attributes in [0, GZIP] {
        let mut client = connect();
        let topic = Topic::create(&mut client);
        let base = now_ms() - 100_000;
        topic.produce(&mut client, &batch_at(&[base, base + 10, base + 10], attributes));
        topic.produce(&mut client, &batch_at(&[base + 10], attributes));
        assert_eq!(brief(&topic.list_offsets(&mut client, 8, MAX_TIMESTAMP)), [0, 1, base + 10, 0]);
    }
}

#[test]
fn case_68_a_special_timestamp_that_the_version_does_not_have_is_unsupported() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let specials = [(MAX_TIMESTAMP, 7), (EARLIEST_LOCAL, 8), (LATEST_TIERED, 9), (EARLIEST_PENDING_UPLOAD, 11)];
    for version in 1..=11 {
        for (timestamp, since) in specials {
            let answer = topic.list_offsets(&mut client, version, timestamp);
            let expected = if version < since { UNSUPPORTED_VERSION } else { 0 };
            assert_eq!(answer["error_code"], expected, "{timestamp} in v{version}: {answer}");
        }
        for timestamp in [-7, i64::MIN] {
            let answer = topic.list_offsets(&mut client, version, timestamp);
            assert_eq!(answer["error_code"], UNSUPPORTED_VERSION, "{timestamp} in v{version}: {answer}");
        }
    }
}

#[test]
fn case_68_a_partition_named_twice_is_an_invalid_request() {
    let mut client = connect();
    let topic = Topic::with(&mut client, 2, &[]);
    let part = |index: i32| json!({"partition_index": index, "timestamp": LATEST});
    let topics = json!([{"name": topic.name, "partitions": [part(0), part(1), part(0)]}]);
    let answer = client.call("ListOffsets", 8, &json!({"replica_id": -1, "topics": topics}));
    let codes: Vec<_> = answer["topics"][0]["partitions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|partition| (partition["partition_index"].as_i64().unwrap(), partition["error_code"].as_i64().unwrap()))
        .collect();
    assert!(codes.contains(&(0, INVALID_REQUEST)) && codes.contains(&(1, 0)), "{answer}");
    assert!(!codes.contains(&(0, 0)), "{answer}");
}

#[test]
fn case_69_a_timestamp_past_all_records_has_no_offset() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    topic.produce(&mut client, &batch_at(&[1000, 2000], 0));
    for version in 1..=11 {
        let answer = topic.list_offsets(&mut client, version, 2001);
        assert_eq!(
            [&answer["error_code"], &answer["offset"], &answer["timestamp"]],
            [&json!(0), &json!(-1), &json!(-1)]
        );
    }
}

#[test]
fn case_70_a_timestamp_inside_a_batch_finds_the_record() {
    for attributes in [0, GZIP, LZ4, ZSTD] {
        let mut client = connect();
        let topic = Topic::create(&mut client);
        topic.produce(&mut client, &batch_at(&[1000, 2000, 3000], attributes));
        topic.produce(&mut client, &batch_at(&[2500, 5000, 4000], attributes));
        let mut ask = |timestamp| brief(&topic.list_offsets(&mut client, 8, timestamp));
        assert_eq!(ask(0), [0, 0, 1000, 0]);
        assert_eq!(ask(1000), [0, 0, 1000, 0]);
        assert_eq!(ask(1001), [0, 1, 2000, 0]);
        assert_eq!(ask(3000), [0, 2, 3000, 0]);
        assert_eq!(ask(3001), [0, 4, 5000, 0]);
        assert_eq!(ask(4500), [0, 4, 5000, 0]);
        assert_eq!(ask(5001), [0, -1, -1, -1]);
    }
}

#[test]
fn case_70_among_many_batches_the_first_with_a_late_enough_record_is_found() {
    let mut client = connect();
    let topic = Topic::with(&mut client, 1, &[("segment.bytes", "1048576"), ("index.interval.bytes", "1000")]);
    let filler = "f".repeat(40_000);
    let base = now_ms() - 1_000_000;
    for index in 0..60 {
        let batch = Batch { attributes: 0, ..Batch::of(&[&filler, "b"]).at(base + index * 10) };
        assert_eq!(topic.produce(&mut client, &batch)["base_offset"], index * 2);
    }
    for index in (0..60).step_by(7) {
        assert_eq!(brief(&topic.list_offsets(&mut client, 8, base + index * 10)), [0, index * 2, base + index * 10, 0]);
        if index < 59 {
            let next = base + index * 10 + 10;
            assert_eq!(brief(&topic.list_offsets(&mut client, 8, base + index * 10 + 1)), [0, index * 2 + 2, next, 0]);
        }
    }
}

fn offset_for_epoch(client: &mut Client, topic: &Topic, current: i32, asked: i32) -> [i64; 3] {
    let part = json!({"partition": 0, "current_leader_epoch": current, "leader_epoch": asked});
    let ask = json!({"replica_id": -1, "topics": [{"topic": topic.name, "partitions": [part]}]});
    let answer = client.call("OffsetForLeaderEpoch", 4, &ask);
    let partition = &answer["topics"][0]["partitions"][0];
    ["error_code", "leader_epoch", "end_offset"].map(|name| partition[name].as_i64().unwrap())
}

#[test]
fn case_79_the_end_of_the_current_epoch_is_the_end_of_the_log() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    assert_eq!(offset_for_epoch(&mut client, &topic, -1, 0), [0, 0, 0]);
    topic.produce(&mut client, &Batch::of(&["a", "b", "c"]));
    assert_eq!(offset_for_epoch(&mut client, &topic, -1, 0), [0, 0, 3]);
    assert_eq!(offset_for_epoch(&mut client, &topic, 0, 0), [0, 0, 3]);
}

#[test]
fn case_79_the_end_of_an_epoch_that_never_was_is_undefined() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    topic.produce(&mut client, &Batch::of(&["a", "b", "c"]));
    for asked in [1, 77, i32::MAX, -1] {
        assert_eq!(offset_for_epoch(&mut client, &topic, -1, asked), [0, -1, -1], "epoch {asked}");
    }
}

#[test]
fn case_78_a_leader_epoch_that_is_not_the_leaders_is_refused() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    assert_eq!(offset_for_epoch(&mut client, &topic, 1, 0), [UNKNOWN_LEADER_EPOCH, -1, -1]);
    // The leader's epoch is 0, so that -2 is the only older one; -1 asks for no check.
    assert_eq!(offset_for_epoch(&mut client, &topic, -2, 0), [FENCED_LEADER_EPOCH, -1, -1]);
    for (current, error_code) in [(1, UNKNOWN_LEADER_EPOCH), (-2, FENCED_LEADER_EPOCH), (0, 0), (-1, 0)] {
        let part = json!({"partition_index": 0, "current_leader_epoch": current, "timestamp": LATEST});
        let ask = json!({"replica_id": -1, "topics": [{"name": topic.name, "partitions": [part]}]});
        let answer = client.call("ListOffsets", 8, &ask);
        assert_eq!(answer["topics"][0]["partitions"][0]["error_code"], error_code, "epoch {current}");
    }
}

#[test]
fn an_unknown_partition_has_no_offsets() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    for name in [topic.name.as_str(), "nobody-has-this-topic"] {
        let index = i32::from(name == topic.name) * 7;
        let part = json!({"partition_index": index, "timestamp": LATEST});
        let ask = json!({"replica_id": -1, "topics": [{"name": name, "partitions": [part]}]});
        for version in 1..=11 {
            let answer = client.call("ListOffsets", version, &ask);
            assert_eq!(answer["topics"][0]["partitions"][0]["error_code"], UNKNOWN_TOPIC_OR_PARTITION, "v{version}");
        }
    }
}
