//! Fetch: cases 72 to 78.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use test_support::{SOON, wait_until};

use crate::support::batch::{Batch, GZIP, stored};
use crate::support::client::Client;
use crate::support::message::unhex;
use crate::support::topics::{Topic, connect, expect_produced, fetch_request};

const OFFSET_OUT_OF_RANGE: i64 = 1;
const UNKNOWN_TOPIC_OR_PARTITION: i64 = 3;
const FETCH_SESSION_ID_NOT_FOUND: i64 = 70;
const INVALID_FETCH_SESSION_EPOCH: i64 = 71;
const UNKNOWN_LEADER_EPOCH: i64 = 75;
const UNKNOWN_TOPIC_ID: i64 = 100;
const FETCH_SESSION_TOPIC_ID_ERROR: i64 = 106;

/// Much less than the fetches wait that are to be answered at once.
const AT_ONCE: Duration = Duration::from_secs(20);

/// A request of one version, its answer, and how long it took.
#[track_caller]
#[expect(clippy::disallowed_methods, reason = "how long a fetch waits is what is measured")]
fn timed(client: &mut Client, version: i16, body: &Value) -> (Value, Duration) {
    let start = Instant::now();
    let answer = client.call("Fetch", version, body);
    (answer, start.elapsed())
}

/// The object with some members replaced.
fn with(mut object: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        object[name] = value.clone();
    }
    object
}

/// A topic's part of a fetch, with changes to its only partition.
fn part(topic: &Topic, offset: i64, changes: Value) -> Value {
    let mut asked = topic.fetch_part(offset);
    let partition = with(asked["partitions"][0].clone(), changes);
    asked["partitions"][0] = partition;
    asked
}

fn first(answer: &Value) -> &Value {
    &answer["responses"][0]["partitions"][0]
}

#[test]
fn case_72_an_offset_outside_the_log_is_answered_at_once() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    topic.produce(&mut client, &Batch::of(&["a", "b", "c"]));
    for version in 4..=18 {
        for offset in [4, i64::MAX, -1, -2, i64::MIN] {
            let (answer, took) = timed(&mut client, version, &fetch_request(25_000, &[topic.fetch_part(offset)]));
            let partition = first(&answer);
            assert_eq!(partition["error_code"], OFFSET_OUT_OF_RANGE, "{offset} in v{version}: {answer}");
            assert_eq!([&partition["high_watermark"], &partition["last_stable_offset"]], [&json!(-1), &json!(-1)]);
            assert!(unhex(&partition["records"]).is_empty(), "{answer}");
            assert!(took < AT_ONCE, "{took:?}");
        }
    }
}

#[test]
fn case_72_a_fetch_at_the_end_waits_and_returns_nothing() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    topic.produce(&mut client, &Batch::of(&["a", "b", "c"]));
    for version in [4, 12, 18] {
        let (answer, took) = timed(&mut client, version, &fetch_request(300, &[topic.fetch_part(3)]));
        let partition = first(&answer);
        assert_eq!([&partition["error_code"], &partition["high_watermark"]], [&json!(0), &json!(3)], "{answer}");
        assert!(unhex(&partition["records"]).is_empty(), "{answer}");
        assert!(took >= Duration::from_millis(290), "{took:?}");
    }
}

#[test]
fn case_72_a_waiting_fetch_is_woken_by_a_record() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let waiting = client.send("Fetch", 16, &fetch_request(20_000, &[topic.fetch_part(0)]));
    client.expect_silence(Duration::from_millis(100));
    expect_produced(&topic.produce(&mut connect(), &Batch::of(&["a"])), 0, 0);
    let answer = client.answer("Fetch", 16, waiting);
    assert_eq!(stored(&unhex(&first(&answer)["records"])).0.len(), 1, "{answer}");
    assert_eq!(first(&answer)["high_watermark"], 1);
}

#[test]
fn case_73_fewer_bytes_than_min_bytes_are_returned_at_max_wait() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    topic.produce(&mut client, &Batch::of(&["a"]));
    let ask = with(fetch_request(300, &[topic.fetch_part(0)]), json!({"min_bytes": 1000}));
    let (answer, took) = timed(&mut client, 16, &ask);
    assert_eq!(stored(&unhex(&first(&answer)["records"])).0.len(), 1, "{answer}");
    assert!(took >= Duration::from_millis(290), "{took:?}");
}

#[test]
fn case_73_min_bytes_are_counted_over_all_partitions() {
    let mut client = connect();
    let (one, two) = (Topic::create(&mut client), Topic::create(&mut client));
    let batch = Batch::of(&["a"]);
    let size = batch.bytes().len();
    one.produce(&mut client, &batch);
    let ask = with(fetch_request(20_000, &[one.fetch_part(0), two.fetch_part(0)]), json!({"min_bytes": 2 * size}));
    let waiting = client.send("Fetch", 16, &ask);
    client.expect_silence(Duration::from_millis(100));
    two.produce(&mut connect(), &batch);
    let answer = client.answer("Fetch", 16, waiting);
    let sizes = answer["responses"].as_array().unwrap().iter().map(|of| unhex(&of["partitions"][0]["records"]).len());
    assert_eq!(sizes.collect::<Vec<_>>(), [size, size]);
}

#[test]
fn case_73_min_bytes_of_0_wait_for_nothing() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let ask = with(fetch_request(25_000, &[topic.fetch_part(0)]), json!({"min_bytes": 0}));
    let (_, took) = timed(&mut client, 16, &ask);
    assert!(took < AT_ONCE, "{took:?}");
}

#[test]
fn case_73_a_fetch_of_no_partition_does_not_wait() {
    let mut client = connect();
    let (answer, took) = timed(&mut client, 12, &fetch_request(25_000, &[]));
    assert_eq!(answer["responses"], json!([]));
    assert!(took < AT_ONCE, "{took:?}");
}

#[test]
fn case_74_the_first_batch_is_whole_though_it_is_larger_than_every_limit() {
    let mut client = connect();
    let (empty, one, two) = (Topic::create(&mut client), Topic::create(&mut client), Topic::create(&mut client));
    let large = Batch::of(&[&"a".repeat(5000)]);
    for topic in [&one, &two] {
        topic.produce(&mut client, &large);
        topic.produce(&mut client, &large);
    }
    for (max_bytes, partition_max_bytes) in [(1, 1), (1, 100_000), (100_000, 1), (0, 0), (5100, 100)] {
        let parts =
            [&empty, &one, &two].map(|topic| part(topic, 0, json!({"partition_max_bytes": partition_max_bytes})));
        let ask = with(fetch_request(0, &parts), json!({"max_bytes": max_bytes}));
        let answer = client.call("Fetch", 16, &ask);
        let responses = answer["responses"].as_array().unwrap();
        let records: Vec<_> = responses.iter().map(|of| unhex(&of["partitions"][0]["records"])).collect();
        assert!(records[0].is_empty());
        assert_eq!(stored(&records[1]).0.len(), 1, "{max_bytes} {partition_max_bytes}: the first that has records");
        assert_eq!(stored(&records[2]).0.len(), 0, "{max_bytes} {partition_max_bytes}: no other");
    }
}

#[test]
fn case_74_the_limits_hold_once_something_is_returned() {
    let mut client = connect();
    let (one, two) = (Topic::create(&mut client), Topic::create(&mut client));
    let batch = Batch::of(&[&"a".repeat(1000)]);
    let size = batch.bytes().len();
    for topic in [&one, &two] {
        for _ in 0..10 {
            topic.produce(&mut client, &batch);
        }
    }
    // Three and a half batches: a partition's limit may cut its last batch, so only whole ones are counted.
    let parts = [&one, &two].map(|topic| part(topic, 0, json!({"partition_max_bytes": size * 7 / 2})));
    let answer = client.call("Fetch", 16, &fetch_request(0, &parts));
    for of in answer["responses"].as_array().unwrap() {
        let records = unhex(&of["partitions"][0]["records"]);
        assert!(records.len() <= size * 7 / 2, "{}", records.len());
        assert_eq!(stored(&records).0.len(), 3);
    }
    let ask = with(fetch_request(0, &[one.fetch_part(0), two.fetch_part(0)]), json!({"max_bytes": size * 25 / 2}));
    let answer = client.call("Fetch", 16, &ask);
    let responses = answer["responses"].as_array().unwrap();
    let counts: Vec<_> = responses.iter().map(|of| stored(&unhex(&of["partitions"][0]["records"])).0.len()).collect();
    assert_eq!(counts, [10, 2]);
}

#[test]
fn case_75_an_offset_inside_a_batch_returns_the_whole_batch() {
    for attributes in [0, GZIP] {
        let mut client = connect();
        let topic = Topic::create(&mut client);
        for _ in 0..3 {
            topic.produce(&mut client, &Batch { attributes, ..Batch::of(&["a", "b", "c"]) });
        }
        for (offset, bases) in
            [(0, vec![0, 3, 6]), (2, vec![0, 3, 6]), (3, vec![3, 6]), (4, vec![3, 6]), (8, vec![6]), (9, vec![])]
        {
            let batches = topic.batches(&mut client, offset);
            assert_eq!(batches.iter().map(|batch| batch.base_offset).collect::<Vec<_>>(), bases, "from {offset}");
            assert!(batches.iter().all(|batch| batch.last_offset() == batch.base_offset + 2));
        }
    }
}

#[test]
fn a_fetch_may_begin_anywhere_in_a_log_of_many_segments() {
    let mut client = connect();
    let topic = Topic::with(&mut client, 1, &[("segment.bytes", "1048576"), ("index.interval.bytes", "2000")]);
    let filler = "f".repeat(30_000);
    for index in 0..80 {
        assert_eq!(topic.produce(&mut client, &Batch::of(&[&filler, "b"]))["base_offset"], index * 2);
    }
    for offset in (0..160).step_by(13) {
        let ask = fetch_request(0, &[part(&topic, offset, json!({"partition_max_bytes": 100_000}))]);
        let answer = client.call("Fetch", 16, &ask);
        let (batches, _) = stored(&unhex(&first(&answer)["records"]));
        assert_eq!(batches[0].base_offset, offset / 2 * 2);
    }
    let seen: BTreeSet<i64> = topic.batches(&mut client, 0).iter().map(|batch| batch.base_offset).collect();
    assert!(seen.contains(&0) && seen.len() >= 30, "{seen:?}");
}

/// Opens a session over these topics and returns its id.
#[track_caller]
fn open_session(client: &mut Client, version: i16, topics: &[Value]) -> Value {
    let answer = client.call("Fetch", version, &with(fetch_request(0, topics), json!({"session_epoch": 0})));
    assert_eq!(answer["error_code"], 0, "{answer}");
    assert!(answer["session_id"].as_i64().unwrap() > 0, "{answer}");
    answer["session_id"].clone()
}

fn session_fetch(id: &Value, epoch: i32, topics: &[Value]) -> Value {
    with(fetch_request(0, topics), json!({"session_id": id, "session_epoch": epoch}))
}

#[test]
fn case_76_an_unknown_session_and_a_wrong_epoch_are_refused() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let expect = |client: &mut Client, id: &Value, epoch, error_code| {
        let answer = client.call("Fetch", 12, &session_fetch(id, epoch, &[]));
        assert_eq!([&answer["error_code"], &answer["session_id"]], [&json!(error_code), &json!(0)], "{answer}");
        assert_eq!(answer["responses"], json!([]));
    };
    expect(&mut client, &json!(123_456), 1, FETCH_SESSION_ID_NOT_FOUND);
    let id = open_session(&mut client, 12, &[topic.fetch_part(0)]);
    expect(&mut client, &id, 2, INVALID_FETCH_SESSION_EPOCH);
    let answer = client.call("Fetch", 12, &session_fetch(&id, 1, &[]));
    assert_eq!([&answer["error_code"], &answer["session_id"]], [&json!(0), &id], "{answer}");
    expect(&mut client, &id, 1, INVALID_FETCH_SESSION_EPOCH);
    // Epoch -1 ends it.
    client.call("Fetch", 12, &session_fetch(&id, -1, &[]));
    expect(&mut client, &id, 2, FETCH_SESSION_ID_NOT_FOUND);
}

#[test]
fn case_76_a_session_of_names_cannot_go_on_with_ids_nor_the_other_way_round() {
    for (opened, continued) in [(12, 13), (13, 12)] {
        let mut client = connect();
        let topic = Topic::create(&mut client);
        let id = open_session(&mut client, opened, &[topic.fetch_part(0)]);
        let answer = client.call("Fetch", continued, &session_fetch(&id, 1, &[topic.fetch_part(0)]));
        assert_eq!(answer["error_code"], FETCH_SESSION_TOPIC_ID_ERROR, "{answer}");
    }
}

#[test]
fn case_76_an_incremental_answer_leaves_out_what_has_not_changed() {
    for version in [7, 12, 13, 18] {
        let mut client = connect();
        let (one, two) = (Topic::create(&mut client), Topic::create(&mut client));
        let id = open_session(&mut client, version, &[one.fetch_part(0), two.fetch_part(0)]);
        let names = |answer: &Value| -> Vec<String> {
            let responses = answer["responses"].as_array().unwrap();
            let name = if version < 13 { "topic" } else { "topic_id" };
            responses.iter().map(|of| of[name].as_str().unwrap().to_owned()).collect()
        };
        let name = |topic: &Topic| if version < 13 { topic.name.clone() } else { topic.id.clone() };
        assert!(names(&client.call("Fetch", version, &session_fetch(&id, 1, &[]))).is_empty());
        one.produce(&mut client, &Batch::of(&["a"]));
        assert_eq!(names(&client.call("Fetch", version, &session_fetch(&id, 2, &[]))), [name(&one)]);
        // The offset asked for has not moved, so its records come again.
        assert_eq!(names(&client.call("Fetch", version, &session_fetch(&id, 3, &[]))), [name(&one)]);
        assert!(names(&client.call("Fetch", version, &session_fetch(&id, 4, &[one.fetch_part(1)]))).is_empty());
        two.produce(&mut client, &Batch::of(&["a"]));
        let forget = json!({"forgotten_topics_data": [{"topic": two.name, "topic_id": two.id, "partitions": [0]}]});
        assert!(names(&client.call("Fetch", version, &with(session_fetch(&id, 5, &[]), forget))).is_empty());
        // A partition that is not there answers each time.
        let missing = part(&one, 0, json!({"partition": 9}));
        let answer = client.call("Fetch", version, &session_fetch(&id, 6, &[missing]));
        assert_eq!(first(&answer)["error_code"], UNKNOWN_TOPIC_OR_PARTITION, "{answer}");
        assert_eq!(names(&client.call("Fetch", version, &session_fetch(&id, 7, &[]))), [name(&one)]);
    }
}

#[test]
fn case_77_an_unknown_or_deleted_topic_id_is_named() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let nobody = Topic { name: String::new(), id: "0123456789abcdef0123456789abcdef".to_owned() };
    for version in [13, 16, 18] {
        let answer = client.call("Fetch", version, &fetch_request(0, &[nobody.fetch_part(0), topic.fetch_part(0)]));
        let code = |id: &str| {
            let responses = answer["responses"].as_array().unwrap();
            responses.iter().find(|of| of["topic_id"] == id).unwrap()["partitions"][0]["error_code"].clone()
        };
        assert_eq!([code(&nobody.id), code(&topic.id)], [json!(UNKNOWN_TOPIC_ID), json!(0)], "{answer}");
    }
    client.call("DeleteTopics", 6, &json!({"topics": [{"name": topic.name}], "timeout_ms": 10_000}));
    wait_until("the id is unknown", SOON, || {
        let answer = client.call("Fetch", 16, &fetch_request(0, &[topic.fetch_part(0)]));
        first(&answer)["error_code"] == UNKNOWN_TOPIC_ID
    });
}

#[test]
fn case_77_a_fetch_that_waits_hears_that_its_topic_was_deleted() {
    let mut client = connect();
    for version in [4, 12, 13, 18] {
        let topic = Topic::create(&mut client);
        let waiting = client.send("Fetch", version, &fetch_request(60_000, &[topic.fetch_part(0)]));
        client.expect_silence(Duration::from_millis(100));
        let delete = json!({"topics": [{"name": topic.name}], "timeout_ms": 10_000});
        connect().call("DeleteTopics", 6, &delete);
        let answer = client.answer("Fetch", version, waiting);
        assert_eq!(first(&answer)["error_code"], UNKNOWN_TOPIC_OR_PARTITION, "v{version}: {answer}");
    }
}

#[test]
fn case_78_a_newer_leader_epoch_is_refused_and_a_negative_one_is_not_checked() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    for version in 9..=18 {
        for (epoch, error_code) in [(1, UNKNOWN_LEADER_EPOCH), (0, 0), (-1, 0), (-2, 0)] {
            let ask = fetch_request(0, &[part(&topic, 0, json!({"current_leader_epoch": epoch}))]);
            let answer = client.call("Fetch", version, &ask);
            assert_eq!(first(&answer)["error_code"], error_code, "epoch {epoch} in v{version}: {answer}");
        }
    }
}

#[test]
fn records_fetched_in_an_epoch_that_ended_earlier_diverge() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    topic.produce(&mut client, &Batch::of(&["a", "b"]));
    let ask = |client: &mut Client, offset, epoch| {
        let answer =
            client.call("Fetch", 12, &fetch_request(0, &[part(&topic, offset, json!({"last_fetched_epoch": epoch}))]));
        first(&answer).clone()
    };
    let same = ask(&mut client, 2, 0);
    assert_eq!([&same["error_code"], &same["diverging_epoch"]["end_offset"]], [&json!(0), &json!(-1)], "{same}");
    let beyond = ask(&mut client, 3, 0);
    assert_eq!(beyond["error_code"], 0, "{beyond}");
    assert_eq!(beyond["diverging_epoch"], json!({"epoch": 0, "end_offset": 2}), "{beyond}");
    assert!(unhex(&beyond["records"]).is_empty(), "{beyond}");
}
