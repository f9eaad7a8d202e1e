//! Transactions as a log and its readers see them: cases 57, 58, 60 and 62 to 64, and markers as a coordinator sends them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::batch::{Batch, CONTROL, TRANSACTIONAL};
use crate::support::brokers::is_kafka;
use crate::support::client::Client;
use crate::support::message::unhex;
use crate::support::topics::{LATEST, MAX_TIMESTAMP, Topic, connect, expect_produced, fetch_request, unique};
use crate::support::transactions::{END_V1, END_V2, PRODUCE_V1, PRODUCE_V2, Transactional, last_stable_offset};

const UNKNOWN_TOPIC_OR_PARTITION: i64 = 3;
const INVALID_PRODUCER_EPOCH: i64 = 47;
const INVALID_TXN_STATE: i64 = 48;
const TRANSACTION_COORDINATOR_FENCED: i64 = 52;

const COMMIT: bool = true;
const ABORT: bool = false;
const READ_UNCOMMITTED: i8 = 0;
const READ_COMMITTED: i8 = 1;

/// A producer with its transaction open in a topic, where it has written one record.
#[track_caller]
fn open(client: &mut Client, topic: &Topic) -> Transactional {
    let mut producer = Transactional::begin(client);
    producer.add_when_free(client, &topic.name);
    producer.send(client, PRODUCE_V1, topic, "v");
    producer
}

/// Ends the transaction, and waits until its marker is in the topic.
#[track_caller]
fn end(client: &mut Client, topic: &Topic, producer: &mut Transactional, committed: bool) {
    let before = topic.offset(client, LATEST).as_i64().unwrap();
    let answer = producer.end(client, END_V1, committed);
    assert_eq!(answer["error_code"], 0, "{answer}");
    test_support::wait_until("the marker", Duration::from_secs(20), || topic.offset(client, LATEST) == before + 1);
}

fn marker((producer, epoch): (i64, i16), committed: bool, topic: &str, coordinator_epoch: i32) -> Value {
    json!({
        "producer_id": producer,
        "producer_epoch": epoch,
        "transaction_result": committed,
        "topics": [{"name": topic, "partition_indexes": [0]}],
        "coordinator_epoch": coordinator_epoch,
    })
}

/// Sends a marker as the coordinator of a transaction of this version would; returns the partition's code.
#[track_caller]
fn write(client: &mut Client, transaction_version: i8, mut marker: Value) -> i64 {
    marker["transaction_version"] = json!(transaction_version);
    let answer = client.call("WriteTxnMarkers", 2, &json!({"markers": [marker]}));
    answer["markers"][0]["topics"][0]["partitions"][0]["error_code"].as_i64().unwrap()
}

#[track_caller]
fn fetch(client: &mut Client, topic: &Topic, offset: i64, isolation_level: i8) -> Value {
    let mut request = fetch_request(0, &[topic.fetch_part(offset)]);
    request["isolation_level"] = json!(isolation_level);
    client.call("Fetch", 16, &request)["responses"][0]["partitions"][0].clone()
}

/// The aborted transactions that a reader of committed records is told: producer and first offset.
#[track_caller]
fn aborted(client: &mut Client, topic: &Topic, offset: i64) -> Vec<(i64, i64)> {
    let partition = fetch(client, topic, offset, READ_COMMITTED);
    assert_eq!(partition["error_code"], 0, "{partition}");
    let told = partition["aborted_transactions"].as_array().unwrap().iter();
    let mut told: Vec<_> = told
        .map(|aborted| (aborted["producer_id"].as_i64().unwrap(), aborted["first_offset"].as_i64().unwrap()))
        .collect();
    // The real one tells them in the order of their markers, which no reader relies on.
    if is_kafka() {
        told.sort_by_key(|aborted| aborted.1);
    }
    told
}

#[test]
fn case_57_a_plain_batch_of_a_producer_with_an_open_transaction_is_refused() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let mut producer = open(&mut client, &topic);
    let plain = Batch::idempotent(producer.producer, 1, &["plain"]);
    expect_produced(&topic.produce(&mut client, &plain), INVALID_TXN_STATE, -1);
    end(&mut client, &topic, &mut producer, COMMIT);
    expect_produced(&topic.produce(&mut client, &plain), 0, 2);
}

#[test]
fn case_58_what_comes_after_its_marker_is_refused_and_holds_up_nobody() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let mut producer = open(&mut client, &topic);
    end(&mut client, &topic, &mut producer, ABORT);
    let late = producer.try_send(&mut client, PRODUCE_V1, &topic, "late");
    assert_ne!(late["error_code"], 0, "{late}");
    assert_eq!(last_stable_offset(&mut client, &topic), 2);
    topic.expect_end(&mut client, 2);
}

#[test]
fn case_58_the_epoch_of_an_ended_transaction_of_version_2_is_fenced_in_the_partition() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let mut producer = Transactional::begin(&mut client);
    producer.send(&mut client, PRODUCE_V2, &topic, "a");
    let late = producer.clone();
    assert_eq!(producer.end(&mut client, END_V2, COMMIT)["error_code"], 0);
    test_support::wait_until("the marker", Duration::from_secs(20), || last_stable_offset(&mut client, &topic) == 2);
    let refused = late.try_send(&mut client, PRODUCE_V2, &topic, "late");
    assert_eq!(refused["error_code"], INVALID_PRODUCER_EPOCH, "{refused}");
    assert_eq!(last_stable_offset(&mut client, &topic), 2);
    assert_eq!(producer.send(&mut client, PRODUCE_V2, &topic, "b"), 2, "the new epoch counts from 0");
}

#[test]
fn case_60_a_marker_of_a_replaced_coordinator_is_fenced() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let producer = (i64::MAX - 60, 0);
    assert_eq!(write(&mut client, 0, marker(producer, ABORT, &topic.name, 5)), 0);
    for version in [0, 1, 2] {
        let code = write(&mut client, version, marker(producer, ABORT, &topic.name, 4));
        assert_eq!(code, TRANSACTION_COORDINATOR_FENCED, "version {version}");
    }
    assert_eq!(write(&mut client, 0, marker(producer, ABORT, &topic.name, 5)), 0, "a repeat");
    topic.expect_end(&mut client, 2);
}

#[test]
fn a_markers_epoch_is_held_against_the_producers() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let producer = open(&mut client, &topic);
    let (id, epoch) = producer.producer;
    let of = |epoch| marker((id, epoch), ABORT, &topic.name, 0);
    assert_eq!(write(&mut client, 2, of(epoch)), INVALID_PRODUCER_EPOCH, "version 2 raises the epoch first");
    assert_eq!(write(&mut client, 0, of(epoch)), 0);
    assert_eq!(write(&mut client, 0, of(epoch)), 0, "nothing is open: it fences all the same");
    assert_eq!(write(&mut client, 2, of(epoch)), 0, "a repeat, to version 2");
    assert_eq!(write(&mut client, 2, of(epoch + 3)), 0);
    for version in [0, 2] {
        assert_eq!(write(&mut client, version, of(epoch)), INVALID_PRODUCER_EPOCH, "version {version}");
    }
    topic.expect_end(&mut client, 5);
    assert_eq!(last_stable_offset(&mut client, &topic), 5);
}

#[test]
fn markers_are_answered_each_for_itself() {
    let mut client = connect();
    let topic = Topic::with(&mut client, 2, &[]);
    let absent = unique("absent");
    let producer = i64::MAX - 61;
    let markers = json!([{
        "producer_id": producer,
        "producer_epoch": 1,
        "transaction_result": true,
        "topics": [{"name": topic.name, "partition_indexes": [0, 1, 2]}, {"name": absent, "partition_indexes": [0]}],
        "coordinator_epoch": 1,
    }]);
    for version in [1, 2] {
        let answer = client.call("WriteTxnMarkers", version, &json!({"markers": markers}));
        let marker = &answer["markers"][0];
        assert_eq!(marker["producer_id"], producer, "{answer}");
        let mut codes = Vec::new();
        for topic in marker["topics"].as_array().unwrap() {
            for partition in topic["partitions"].as_array().unwrap() {
                let name = topic["name"].as_str().unwrap().to_owned();
                codes.push((name, partition["partition_index"].as_i64(), partition["error_code"].as_i64().unwrap()));
            }
        }
        codes.sort();
        let mut expected = vec![(absent.clone(), Some(0), UNKNOWN_TOPIC_OR_PARTITION)];
        expected.extend((0..2).map(|index| (topic.name.clone(), Some(index), 0)));
        expected.push((topic.name.clone(), Some(2), UNKNOWN_TOPIC_OR_PARTITION));
        expected.sort();
        assert_eq!(codes, expected);
    }
    assert_eq!(client.call("WriteTxnMarkers", 2, &json!({"markers": []})), json!({"markers": []}));
}

#[test]
fn case_62_the_last_stable_offset_is_the_beginning_of_the_oldest_open_transaction() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    topic.produce(&mut client, &Batch::of(&["before"]));
    assert_eq!(last_stable_offset(&mut client, &topic), 1);
    let mut first = open(&mut client, &topic);
    topic.produce(&mut client, &Batch::of(&["between"]));
    let mut second = open(&mut client, &topic);
    assert_eq!(last_stable_offset(&mut client, &topic), 1);
    let partition = fetch(&mut client, &topic, 0, READ_COMMITTED);
    let told = [&partition["high_watermark"], &partition["last_stable_offset"]];
    assert_eq!(told, [&json!(4), &json!(1)], "{partition}");
    let (batches, _) = crate::support::batch::stored(&unhex(&partition["records"]));
    assert_eq!(batches.iter().map(|batch| batch.base_offset).collect::<Vec<_>>(), [0]);
    let (batches, _) =
        crate::support::batch::stored(&unhex(&fetch(&mut client, &topic, 0, READ_UNCOMMITTED)["records"]));
    assert_eq!(batches.len(), 4, "whoever reads uncommitted records reads all");
    end(&mut client, &topic, &mut second, COMMIT);
    assert_eq!(last_stable_offset(&mut client, &topic), 1, "the older one is open");
    end(&mut client, &topic, &mut first, ABORT);
    assert_eq!(last_stable_offset(&mut client, &topic), 6);
}

#[test]
fn case_62_questions_about_times_find_nothing_that_is_not_stable() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let base = crate::support::now_ms() - 1_000_000;
    topic.produce(&mut client, &Batch::of(&["stable"]).at(base));
    let mut producer = Transactional::begin(&mut client);
    producer.add_when_free(&mut client, &topic.name);
    let batch = producer.batch("open").at(base + 1000);
    let answer = client.call("Produce", PRODUCE_V1, &producer.request(&topic, &batch));
    assert_eq!(answer["responses"][0]["partition_responses"][0]["error_code"], 0, "{answer}");
    let mut ask = |timestamp: i64, isolation_level: i8| {
        let partition = json!({"partition_index": 0, "timestamp": timestamp});
        let topics = json!([{"name": topic.name, "partitions": [partition]}]);
        let request =
            json!({"replica_id": -1, "isolation_level": isolation_level, "topics": topics, "timeout_ms": 5000});
        let answer = client.call("ListOffsets", 11, &request)["topics"][0]["partitions"][0].clone();
        ["error_code", "offset", "timestamp"].map(|name| answer[name].as_i64().unwrap())
    };
    assert_eq!(ask(base, READ_COMMITTED), [0, 0, base]);
    assert_eq!(ask(base + 1, READ_UNCOMMITTED), [0, 1, base + 1000]);
    assert_eq!(ask(base + 1, READ_COMMITTED), [0, -1, -1]);
    assert_eq!(ask(MAX_TIMESTAMP, READ_UNCOMMITTED), [0, 1, base + 1000]);
    assert_eq!(ask(MAX_TIMESTAMP, READ_COMMITTED), [0, -1, -1], "the latest record is not stable");
    assert_eq!(ask(LATEST, READ_COMMITTED), [0, 1, -1]);
    assert_eq!(ask(LATEST, READ_UNCOMMITTED), [0, 2, -1]);
    producer.sequence += 1;
    end(&mut connect(), &topic, &mut producer, COMMIT);
    assert_eq!(ask(base + 1, READ_COMMITTED), [0, 1, base + 1000]);
}

#[test]
fn case_62_a_fetch_that_waits_for_committed_records_is_answered_when_the_marker_comes() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let mut producer = open(&mut client, &topic);
    let mut reader = connect();
    let mut request = fetch_request(25_000, &[topic.fetch_part(0)]);
    request["isolation_level"] = json!(READ_COMMITTED);
    let waiting = reader.send("Fetch", 16, &request);
    // More records do not end the wait: none of them is stable.
    topic.produce(&mut client, &Batch::of(&["behind"]));
    end(&mut client, &topic, &mut producer, COMMIT);
    let partition = reader.answer("Fetch", 16, waiting)["responses"][0]["partitions"][0].clone();
    assert_eq!(partition["last_stable_offset"], 3, "{partition}");
    let (batches, _) = crate::support::batch::stored(&unhex(&partition["records"]));
    assert_eq!(batches.len(), 3);
}

#[test]
fn case_63_every_aborted_transaction_that_overlaps_is_told_by_its_first_offset() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let mut first = open(&mut client, &topic);
    let mut second = open(&mut client, &topic);
    let mut third = open(&mut client, &topic);
    end(&mut client, &topic, &mut second, ABORT);
    end(&mut client, &topic, &mut third, COMMIT);
    end(&mut client, &topic, &mut first, ABORT);
    let ids = [first.producer.0, second.producer.0];
    assert_eq!(aborted(&mut client, &topic, 0), [(ids[0], 0), (ids[1], 1)]);
    assert_eq!(aborted(&mut client, &topic, 3), [(ids[0], 0), (ids[1], 1)], "their markers lie behind");
    assert_eq!(aborted(&mut client, &topic, 4), [(ids[0], 0)]);
    assert_eq!(aborted(&mut client, &topic, 6), [], "the end");
    let partition = fetch(&mut client, &topic, 0, READ_UNCOMMITTED);
    assert_eq!(partition["aborted_transactions"], Value::Null, "{partition}");
}

#[test]
fn case_64_a_marker_is_a_batch_of_one_record() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let mut producer = open(&mut client, &topic);
    end(&mut client, &topic, &mut producer, ABORT);
    let batches = topic.batches(&mut client, 1);
    let [marker] = batches.as_slice() else { panic!("{batches:?}") };
    assert_eq!((marker.base_offset, marker.last_offset_delta, marker.record_count), (1, 0, 1));
    assert_eq!(marker.attributes, TRANSACTIONAL | CONTROL);
    assert_eq!(marker.producer, (producer.producer.0, producer.producer.1, -1));
    // Length, attributes, time and offset; a key of version 0 and kind 0; a value of version 0 and coordinator epoch 0.
    assert_eq!(marker.body, [32, 0, 0, 0, 8, 0, 0, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(marker.base_timestamp, marker.max_timestamp);
}
