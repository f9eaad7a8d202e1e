//! Topics: cases 101 and 102.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use test_support::{SOON, wait_until};

use crate::support::batch::Batch;
use crate::support::client::Client;
use crate::support::message::unhex;
use crate::support::topics::{LATEST, Topic, connect, expect_produced, fetch_request, unique};

const UNKNOWN_TOPIC_OR_PARTITION: i64 = 3;
const INVALID_TOPIC_EXCEPTION: i64 = 17;
const TOPIC_ALREADY_EXISTS: i64 = 36;
const INVALID_PARTITIONS: i64 = 37;
const INVALID_REPLICATION_FACTOR: i64 = 38;
const INVALID_REPLICA_ASSIGNMENT: i64 = 39;
const INVALID_CONFIG: i64 = 40;
const INVALID_REQUEST: i64 = 42;
const UNKNOWN_TOPIC_ID: i64 = 100;

/// Creates topics in every version; the codes by name.
#[track_caller]
fn create(client: &mut Client, version: i16, validate_only: bool, topics: &[Value]) -> BTreeMap<String, i64> {
    let ask = json!({"topics": topics, "timeout_ms": 10_000, "validate_only": validate_only});
    let answer = client.call("CreateTopics", version, &ask);
    let codes = answer["topics"].as_array().unwrap().iter();
    codes.map(|of| (of["name"].as_str().unwrap().to_owned(), of["error_code"].as_i64().unwrap())).collect()
}

fn plain(name: &str, partitions: i32, replication_factor: i16) -> Value {
    json!({"name": name, "num_partitions": partitions, "replication_factor": replication_factor})
}

#[track_caller]
fn expect_error(client: &mut Client, topic: &Value, error_code: i64) {
    for version in 2..=7 {
        for validate_only in [true, false] {
            let codes = create(client, version, validate_only, std::slice::from_ref(topic));
            assert_eq!(codes[topic["name"].as_str().unwrap()], error_code, "{topic} in v{version}");
        }
    }
}

#[track_caller]
fn exists(client: &mut Client, name: &str) -> bool {
    let answer = client.call("Metadata", 9, &json!({"topics": [{"name": name}], "allow_auto_topic_creation": false}));
    answer["topics"][0]["error_code"] == 0
}

#[test]
fn case_101_names_that_no_topic_may_have() {
    let mut client = connect();
    for name in ["", ".", "..", "a b", "a/b", "a\u{e4}", "a:b", "a\0b", "a,b", &"n".repeat(250)] {
        expect_error(&mut client, &plain(name, 1, 1), INVALID_TOPIC_EXCEPTION);
    }
    for name in ["...", "-", "_", "A", &"n".repeat(249)] {
        let codes = create(&mut client, 7, true, &[plain(name, 1, 1)]);
        assert_eq!(codes[name], 0, "{name}");
    }
}

#[test]
fn case_101_names_that_differ_only_in_dots_and_underscores_collide() {
    let mut client = connect();
    let name = unique("dots");
    Topic::named(&mut client, format!("{name}.a_b"), 1, &[]);
    for other in ["_a.b", ".a.b", "_a_b"] {
        expect_error(&mut client, &plain(&format!("{name}{other}"), 1, 1), INVALID_TOPIC_EXCEPTION);
    }
}

#[test]
fn case_101_a_topic_that_exists() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    expect_error(&mut client, &plain(&topic.name, 1, 1), TOPIC_ALREADY_EXISTS);
    expect_error(&mut client, &plain(&topic.name, 0, 7), TOPIC_ALREADY_EXISTS);
}

#[test]
fn case_101_counts_of_partitions_and_replicas_that_cannot_be() {
    let mut client = connect();
    let name = unique("counts");
    for partitions in [0, -2, i32::MIN] {
        expect_error(&mut client, &plain(&name, partitions, 1), INVALID_PARTITIONS);
    }
    for replication_factor in [0, -2, 2, i16::MAX] {
        expect_error(&mut client, &plain(&name, 1, replication_factor), INVALID_REPLICATION_FACTOR);
    }
    assert!(!exists(&mut client, &name));
    // -1 means the broker's default, for both, and from version 4 on only.
    assert_eq!(create(&mut client, 4, true, &[plain(&name, -1, -1)])[&name], 0);
}

#[test]
fn case_101_assignments_that_cannot_be() {
    let mut client = connect();
    let name = unique("assigned");
    let topic = |partitions: i32, replicas: i16, assignments: Value| json!({"name": name, "num_partitions": partitions, "replication_factor": replicas, "assignments": assignments});
    let at = |partition: i32, brokers: &[i32]| json!({"partition_index": partition, "broker_ids": brokers});
    let cases = [
        (topic(-1, -1, json!([at(0, &[1]), at(2, &[1])])), INVALID_REPLICA_ASSIGNMENT),
        (topic(-1, -1, json!([at(1, &[1])])), INVALID_REPLICA_ASSIGNMENT),
        (topic(-1, -1, json!([at(0, &[1]), at(0, &[1])])), INVALID_REPLICA_ASSIGNMENT),
        (topic(-1, -1, json!([at(0, &[])])), INVALID_REPLICA_ASSIGNMENT),
        (topic(-1, -1, json!([at(0, &[1, 1])])), INVALID_REPLICA_ASSIGNMENT),
        (topic(-1, -1, json!([at(0, &[77])])), INVALID_REPLICA_ASSIGNMENT),
        (topic(1, -1, json!([at(0, &[1])])), INVALID_REQUEST),
        (topic(-1, 1, json!([at(0, &[1])])), INVALID_REQUEST),
    ];
    for (topic, error_code) in cases {
        expect_error(&mut client, &topic, error_code);
    }
    assert!(!exists(&mut client, &name));
    let codes = create(&mut client, 7, false, &[topic(-1, -1, json!([at(1, &[1]), at(0, &[1])]))]);
    assert_eq!(codes[&name], 0);
}

#[test]
fn case_101_configs_that_cannot_be() {
    let mut client = connect();
    let name = unique("configured");
    for (key, value) in [
        ("no.such.config", json!("1")),
        ("cleanup.policy", json!("shred")),
        ("segment.bytes", json!("many")),
        ("segment.bytes", json!("1")),
        ("segment.bytes", json!("")),
        ("max.message.bytes", json!("-1")),
        ("retention.ms", json!("9223372036854775808")),
        ("compression.type", json!("rar")),
        ("message.timestamp.type", json!("createtime")),
        ("min.insync.replicas", json!("0")),
        ("preallocate", json!("maybe")),
    ] {
        let topic = json!({"name": name, "num_partitions": 1, "replication_factor": 1, "configs": [{"name": key, "value": value}]});
        for version in 2..=7 {
            for validate_only in [true, false] {
                let codes = create(&mut client, version, validate_only, std::slice::from_ref(&topic));
                assert_eq!(codes[&name], INVALID_CONFIG, "{key}={value} in v{version}");
            }
        }
    }
    assert!(!exists(&mut client, &name));
}

#[test]
fn case_101_a_name_twice_in_a_request_is_invalid_once() {
    let mut client = connect();
    let (name, other) = (unique("twice"), unique("once"));
    let codes = create(&mut client, 7, false, &[plain(&name, 1, 1), plain(&other, 1, 1), plain(&name, 2, 1)]);
    assert_eq!(codes, BTreeMap::from([(name.clone(), INVALID_REQUEST), (other, 0)]));
    assert!(!exists(&mut client, &name));
}

#[test]
fn case_101_validate_only_makes_nothing() {
    let mut client = connect();
    let name = unique("validated");
    for version in 2..=7 {
        assert_eq!(create(&mut client, version, true, &[plain(&name, 3, 1)])[&name], 0);
    }
    assert!(!exists(&mut client, &name));
    assert_eq!(create(&mut client, 7, false, &[plain(&name, 3, 1)])[&name], 0);
}

#[track_caller]
fn grow(client: &mut Client, version: i16, name: &str, count: i32, assignments: Value) -> Value {
    let topic = json!({"name": name, "count": count, "assignments": assignments});
    let ask = json!({"topics": [topic], "timeout_ms": 10_000, "validate_only": false});
    client.call("CreatePartitions", version, &ask)["results"][0]["error_code"].clone()
}

#[test]
fn case_101_a_topic_only_grows() {
    let mut client = connect();
    let topic = Topic::with(&mut client, 3, &[]);
    for version in 0..=3 {
        for count in [3, 2, 0, -1] {
            assert_eq!(grow(&mut client, version, &topic.name, count, Value::Null), INVALID_PARTITIONS, "to {count}");
        }
        assert_eq!(grow(&mut client, version, "nobody-has-this-topic", 9, Value::Null), UNKNOWN_TOPIC_OR_PARTITION);
        let count = 4 + i32::from(version);
        assert_eq!(grow(&mut client, version, &topic.name, count, Value::Null), 0);
    }
    let assigned = json!([{"broker_ids": [1]}]);
    assert_eq!(
        grow(&mut client, 3, &topic.name, 9, assigned.clone()),
        INVALID_REPLICA_ASSIGNMENT,
        "two new, one assigned"
    );
    assert_eq!(grow(&mut client, 3, &topic.name, 8, json!([{"broker_ids": [9]}])), INVALID_REPLICA_ASSIGNMENT);
    assert_eq!(grow(&mut client, 3, &topic.name, 8, json!([{"broker_ids": []}])), INVALID_REPLICA_ASSIGNMENT);
    assert_eq!(grow(&mut client, 3, &topic.name, 8, assigned), 0);
}

#[test]
fn case_101_a_topic_named_twice_or_by_name_and_id_is_not_deleted() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let delete = |client: &mut Client, topics: Value| -> Vec<i64> {
        let answer = client.call("DeleteTopics", 6, &json!({"topics": topics, "timeout_ms": 10_000}));
        answer["responses"].as_array().unwrap().iter().map(|of| of["error_code"].as_i64().unwrap()).collect()
    };
    let (by_name, by_id) = (json!({"name": topic.name}), json!({"name": null, "topic_id": topic.id}));
    let both = json!({"name": topic.name, "topic_id": topic.id});
    let neither = json!({"name": null});
    assert_eq!(delete(&mut client, json!([both])), [INVALID_REQUEST]);
    assert_eq!(delete(&mut client, json!([neither])), [INVALID_REQUEST]);
    assert_eq!(delete(&mut client, json!([by_name, by_name])), [INVALID_REQUEST]);
    assert_eq!(delete(&mut client, json!([by_id, by_id])), [INVALID_REQUEST]);
    assert!(exists(&mut client, &topic.name));
    assert_eq!(delete(&mut client, json!([{"name": "nobody-has-this-topic"}])), [UNKNOWN_TOPIC_OR_PARTITION]);
    let nobody = json!([{"name": null, "topic_id": "0123456789abcdef0123456789abcdef"}]);
    assert_eq!(delete(&mut client, nobody), [UNKNOWN_TOPIC_ID]);
    assert_eq!(delete(&mut client, json!([by_id])), [0]);
}

#[test]
fn case_102_a_topic_deleted_and_created_again_under_load_has_a_new_id_and_no_old_record() {
    let mut client = connect();
    let name = unique("again");
    let mut topic = Topic::named(&mut client, name.clone(), 1, &[]);
    for round in 0..5 {
        let old = topic.clone();
        let writer = std::thread::spawn(move || write_until_gone(&old));
        wait_until("records of this round", SOON, || topic.offset(&mut client, LATEST).as_i64() > Some(2));
        let deleted = client.call("DeleteTopics", 6, &json!({"topics": [{"name": name}], "timeout_ms": 10_000}));
        assert_eq!(deleted["responses"][0]["error_code"], 0, "{deleted}");
        let new = Topic::named(&mut client, name.clone(), 1, &[]);
        assert_ne!(new.id, topic.id, "round {round}");
        writer.join().unwrap();
        expect_only_new_records(&mut client, &topic, &new, round);
        topic = new;
    }
}

/// Produces by id until the id is gone. That it is refused, never accepted by the topic's successor, is what the id is for.
fn write_until_gone(topic: &Topic) {
    let mut client = connect();
    for index in 0..20_000 {
        let batch = Batch::of(&[&format!("old {} {index}", topic.id)]);
        match topic.produce_at(&mut client, 13, &batch)["error_code"].as_i64() {
            Some(0) => {}
            Some(code) => {
                // The real one may say that it no longer leads the partition before it forgets the id.
                assert!([UNKNOWN_TOPIC_ID, UNKNOWN_TOPIC_OR_PARTITION, 6].contains(&code), "{code}");
                return;
            }
            None => panic!("no error code"),
        }
    }
    panic!("the topic is still there");
}

#[track_caller]
fn expect_only_new_records(client: &mut Client, old: &Topic, new: &Topic, round: i64) {
    new.expect_end(client, 0);
    expect_produced(&new.produce(client, &Batch::of(&[&format!("new {round}")])), 0, 0);
    let answer = client.call("Fetch", 16, &fetch_request(0, &[new.fetch_part(0)]));
    let records = unhex(&answer["responses"][0]["partitions"][0]["records"]);
    assert!(!records.windows(4).any(|window| window == b"old "), "an old record is back");
    let answer = client.call("Fetch", 16, &fetch_request(0, &[old.fetch_part(0)]));
    assert_eq!(answer["responses"][0]["partitions"][0]["error_code"], UNKNOWN_TOPIC_ID);
}
