//! Deleted records and the start of a log: case 85. And the features, which are kept in the same way: durably.

use serde_json::{Value, json};
use std::path::Path;
use test_support::{SOON, wait_until};

use crate::support::batch::Batch;
use crate::support::brokers::start_tidelog;
use crate::support::client::Client;
use crate::support::topics::{EARLIEST, LATEST, Topic, connect};

const OFFSET_OUT_OF_RANGE: i64 = 1;
const UNSUPPORTED_VERSION: i64 = 35;
const POLICY_VIOLATION: i64 = 44;
const INVALID_UPDATE_VERSION: i64 = 95;

/// Deletes the records of partition 0 before an offset; the code and the log's start that were answered.
#[track_caller]
fn delete(client: &mut Client, topic: &Topic, offset: i64) -> (i64, i64) {
    let partition = json!({"partition_index": 0, "offset": offset});
    let ask = json!({"topics": [{"name": topic.name, "partitions": [partition]}], "timeout_ms": 10_000});
    let answer = client.call("DeleteRecords", 2, &ask)["topics"][0]["partitions"][0].clone();
    (answer["error_code"].as_i64().unwrap(), answer["low_watermark"].as_i64().unwrap())
}

fn bounds(client: &mut Client, topic: &Topic) -> (Value, Value) {
    (topic.offset(client, EARLIEST), topic.offset(client, LATEST))
}

#[test]
fn case_85_deleted_records_by_offset_by_high_watermark_and_out_of_range() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    for _ in 0..5 {
        topic.produce(&mut client, &Batch::of(&["a", "b"]));
    }
    for offset in [11, -2, i64::MAX, i64::MIN] {
        assert_eq!(delete(&mut client, &topic, offset), (OFFSET_OUT_OF_RANGE, -1), "{offset}");
    }
    assert_eq!(delete(&mut client, &topic, 3), (0, 3));
    assert_eq!(delete(&mut client, &topic, 1), (0, 3), "what lies before the start is deleted already");
    assert_eq!(topic.fetch(&mut client, 2)["error_code"], OFFSET_OUT_OF_RANGE);
    assert_eq!(topic.batches(&mut client, 3)[0].base_offset, 2, "the whole batch that holds the start");
    assert_eq!(topic.fetch(&mut client, 3)["log_start_offset"], 3);
    assert_eq!(delete(&mut client, &topic, -1), (0, 10));
    assert_eq!(bounds(&mut client, &topic), (json!(10), json!(10)));
    let produced = topic.produce(&mut client, &Batch::of(&["c"]));
    assert_eq!((&produced["base_offset"], &produced["log_start_offset"]), (&json!(10), &json!(10)));
}

#[test]
fn case_85_a_topic_that_is_only_compacted_keeps_its_records() {
    let mut client = connect();
    let compacted = Topic::with(&mut client, 1, &[("cleanup.policy", "compact")]);
    assert_eq!(delete(&mut client, &compacted, 0), (POLICY_VIOLATION, -1));
    let both = Topic::with(&mut client, 1, &[("cleanup.policy", "compact,delete")]);
    assert_eq!(delete(&mut client, &both, 0), (0, 0));
}

/// Bytes of the segments of a topic's first partition.
fn stored(dir: &Path, topic: &Topic) -> u64 {
    let files = std::fs::read_dir(dir.join("data").join(format!("{}-0", topic.name))).unwrap().map(Result::unwrap);
    let segments = files.filter(|file| file.path().extension().is_some_and(|extension| extension == "log"));
    segments.map(|file| file.metadata().unwrap().len()).sum()
}

#[test]
fn case_85_the_start_survives_a_kill_and_the_files_before_it_go() {
    let dir = tempfile::tempdir().unwrap();
    let mut broker = start_tidelog(dir.path());
    let mut client = Client::connect(&broker.address().to_string());
    for flush_mode in ["sync", "async"] {
        let configs = [("segment.bytes", "1048576"), ("file.delete.delay.ms", "0"), ("flush.mode", flush_mode)];
        let topic = Topic::with(&mut client, 1, &configs);
        let value = "v".repeat(400_000);
        for _ in 0..10 {
            topic.produce(&mut client, &Batch::of(&[&value]));
        }
        let before = stored(dir.path(), &topic);
        assert_eq!(delete(&mut client, &topic, 7), (0, 7));
        broker.kill();
        broker.restart();
        client = Client::connect(&broker.address().to_string());
        assert_eq!(topic.offset(&mut client, EARLIEST), 7, "{flush_mode}");
        assert_eq!(topic.fetch(&mut client, 6)["error_code"], OFFSET_OUT_OF_RANGE);
        assert!(stored(dir.path(), &topic) < before);

        if flush_mode == "sync" {
            // Waiting for the broker's round once is enough.
            continue;
        }
        assert_eq!(delete(&mut client, &topic, -1).0, 0);
        wait_until("deleted segments", SOON, || stored(dir.path(), &topic) == 0);
        broker.kill();
        broker.restart();
        client = Client::connect(&broker.address().to_string());
        let (start, end) = bounds(&mut client, &topic);
        assert_eq!(start, end);
        assert_eq!(topic.produce(&mut client, &Batch::of(&["later"]))["base_offset"], end);
    }
}

/// The level of `group.version` that is in force, and the epoch of the features.
fn group_version(client: &mut Client) -> (i64, i64) {
    let ask = json!({"client_software_name": "a", "client_software_version": "1"});
    let answer = client.call("ApiVersions", 4, &ask);
    let features = answer["finalized_features"].as_array().unwrap();
    let found = features.iter().find(|feature| feature["name"] == "group.version");
    let level = found.map_or(0, |feature| feature["max_version_level"].as_i64().unwrap());
    (level, answer["finalized_features_epoch"].as_i64().unwrap())
}

/// Whether the consumer protocol refuses a member because it is off.
fn is_refused(client: &mut Client) -> bool {
    let member = json!({"group_id": "g", "member_id": "m", "member_epoch": 0, "rebalance_timeout_ms": 60_000, "subscribed_topic_names": ["t"], "topic_partitions": []});
    client.call("ConsumerGroupHeartbeat", 1, &member)["error_code"] == UNSUPPORTED_VERSION
}

#[test]
fn a_feature_that_was_switched_off_stays_off_after_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let mut broker = start_tidelog(dir.path());
    let mut client = Client::connect(&broker.address().to_string());
    let update = |client: &mut Client, level: i16, upgrade_type: i8, validate_only: bool| {
        let update = json!({"feature": "group.version", "max_version_level": level, "upgrade_type": upgrade_type});
        let ask = json!({"feature_updates": [update], "validate_only": validate_only});
        client.call("UpdateFeatures", 2, &ask)["error_code"].as_i64().unwrap()
    };
    let (level, before) = group_version(&mut client);
    assert_eq!(level, 1);
    assert_eq!(update(&mut client, 0, 1, false), INVALID_UPDATE_VERSION, "that is no upgrade");
    assert_eq!(update(&mut client, 0, 2, true), 0);
    assert_eq!(group_version(&mut client).0, 1, "only validated");
    assert_eq!(update(&mut client, 0, 2, false), 0);
    let (level, after) = group_version(&mut client);
    assert_eq!(level, 0);
    assert!(after > before, "clients take only what is newer");
    assert!(is_refused(&mut client));
    broker.kill();
    broker.restart();
    client = Client::connect(&broker.address().to_string());
    let (level, later) = group_version(&mut client);
    assert_eq!(level, 0);
    assert!(later >= after);
    assert_eq!(update(&mut client, 1, 1, false), 0);
    assert_eq!(group_version(&mut client).0, 1);
    assert!(!is_refused(&mut client));
}
