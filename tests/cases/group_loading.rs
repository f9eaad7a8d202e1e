//! Groups that are being loaded: case 90, and what becomes of damaged records.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use test_support::Broker;

use crate::support::brokers;
use crate::support::client::Client;
use crate::support::consumer_groups::first_heartbeat;
use crate::support::groups::{find_coordinator, join, state};
use crate::support::topics::Topic;

const UNKNOWN_SERVER_ERROR: i64 = -1;
const COORDINATOR_LOAD_IN_PROGRESS: i64 = 14;
const COORDINATOR_NOT_AVAILABLE: i64 = 15;
const NOT_COORDINATOR: i64 = 16;
const UNKNOWN_MEMBER_ID: i64 = 25;

/// All groups in one partition, which is read batch by batch.
const SETTINGS: [(&str, &str); 2] = [("offsets.topic.num.partitions", "1"), ("offsets.load.buffer.size", "1")];
/// Batches that take a broker long to read one by one, some seconds.
const BATCHES: u64 = 300_000;

/// The first segment of the one partition of `__consumer_offsets`.
fn segment(broker: &Broker) -> PathBuf {
    broker.data().join("__consumer_offsets-0").join("00000000000000000000.log")
}

/// Where each batch begins, and how long it is.
fn batches(bytes: &[u8]) -> Vec<(usize, usize)> {
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(size) = bytes.get(at + 8..at + 12) {
        let size = 12 + i32::from_be_bytes(size.try_into().unwrap()) as usize;
        found.push((at, size));
        at += size;
    }
    found
}

/// Appends the last batch of one record again and again, as if it had been written so often.
fn lengthen(segment: &Path) {
    let mut bytes = std::fs::read(segment).unwrap();
    let (at, size) = *batches(&bytes).last().unwrap();
    let mut batch = bytes[at..at + size].to_vec();
    let last = u64::from_be_bytes(batch[..8].try_into().unwrap());
    bytes.reserve(size * BATCHES as usize);
    for offset in (last + 1..).take(BATCHES as usize) {
        // The base offset lies outside the checksum.
        batch[..8].copy_from_slice(&offset.to_be_bytes());
        bytes.extend_from_slice(&batch);
    }
    std::fs::write(segment, bytes).unwrap();
}

/// Commits an offset as a group without members.
#[track_caller]
fn commit(client: &mut Client, group: &str, topic: &Topic) -> Value {
    find_coordinator(client, group);
    client.call("OffsetCommit", 8, &commit_body(group, topic))
}

fn commit_body(group: &str, topic: &Topic) -> Value {
    let partition = json!({"partition_index": 0, "committed_offset": 5, "committed_metadata": ""});
    json!({"group_id": group, "topics": [{"name": topic.name, "partitions": [partition]}]})
}

/// A request of each kind, and where in its answer the code stands.
fn requests(group: &str, topic: &Topic) -> Vec<(&'static str, i16, Value, &'static str)> {
    let member = json!({"group_id": group, "generation_id": 1, "member_id": "me"});
    let topics = json!([{"name": topic.name, "partition_indexes": [0]}]);
    let deleted = json!([{"name": topic.name, "partitions": [{"partition_index": 0}]}]);
    vec![
        ("DescribeGroups", 5, json!({"groups": [group]}), "/groups/0/error_code"),
        ("Heartbeat", 4, member.clone(), "/error_code"),
        ("JoinGroup", 9, join(group, json!({})), "/error_code"),
        ("SyncGroup", 4, member, "/error_code"),
        ("LeaveGroup", 5, json!({"group_id": group, "members": [{"member_id": "me"}]}), "/error_code"),
        ("OffsetCommit", 8, commit_body(group, topic), "/topics/0/partitions/0/error_code"),
        ("OffsetFetch", 7, json!({"group_id": group, "topics": topics}), "/error_code"),
        ("OffsetFetch", 8, json!({"groups": [{"group_id": group, "topics": topics}]}), "/groups/0/error_code"),
        ("OffsetDelete", 0, json!({"group_id": group, "topics": deleted}), "/error_code"),
        ("ConsumerGroupHeartbeat", 1, first_heartbeat(group, "me", &topic.name, json!({})), "/error_code"),
        ("ConsumerGroupDescribe", 1, json!({"group_ids": [group]}), "/groups/0/error_code"),
        ("ListGroups", 5, json!({}), "/error_code"),
        ("DeleteGroups", 2, json!({"groups_names": [group]}), "/results/0/error_code"),
        ("DescribeGroups", 5, json!({"groups": [group]}), "/groups/0/error_code"),
    ]
}

/// The codes of all requests, which are on the wire at once.
#[track_caller]
fn codes(client: &mut Client, requests: &[(&'static str, i16, Value, &'static str)]) -> Vec<i64> {
    let sent: Vec<i32> = requests.iter().map(|(name, version, body, _)| client.send(name, *version, body)).collect();
    let answers = sent.into_iter().zip(requests).map(|(sent, (name, version, _, place))| {
        let answer = client.answer(name, *version, sent);
        answer.pointer(place).unwrap_or_else(|| panic!("{name}: {answer}")).as_i64().unwrap()
    });
    answers.collect()
}

#[test]
fn case_90_while_groups_are_loaded_a_heartbeat_is_taken_and_all_else_is_to_come_again() {
    let mut broker = brokers::start_own(&SETTINGS);
    let mut client = Client::connect(&broker.address());
    let topic = Topic::create(&mut client);
    for group in ["asked", "kept"] {
        assert_eq!(commit(&mut client, group, &topic)["topics"][0]["partitions"][0]["error_code"], 0);
    }
    broker.kill();
    lengthen(&segment(&broker));
    broker.restart();

    let mut client = Client::connect(&broker.address());
    let requests = requests("asked", &topic);
    let expected: Vec<i64> =
        requests.iter().map(|(name, ..)| if *name == "Heartbeat" { 0 } else { COORDINATOR_LOAD_IN_PROGRESS }).collect();
    let mut seen = 0;
    test_support::wait_until("the groups are loaded", Duration::from_mins(2), || {
        let codes = codes(&mut client, &requests[..1]);
        // The real Kafka does not know at once that it leads the partition.
        if codes == [COORDINATOR_NOT_AVAILABLE] || codes == [NOT_COORDINATOR] {
            return false;
        }
        if codes != [COORDINATOR_LOAD_IN_PROGRESS] {
            return true;
        }
        let codes = self::codes(&mut client, &requests);
        // Whatever lies between two that find it loading finds it loading, too.
        if codes.first() == expected.first() && codes.last() == expected.last() {
            assert_eq!(codes, expected);
            seen += 1;
        }
        false
    });
    assert!(seen > 0, "the groups were loaded before anything could be asked");
    assert_eq!(codes(&mut client, &requests[1..2]), [UNKNOWN_MEMBER_ID]);
    assert_eq!(state(&mut client, "kept"), "Empty");
}

/// Spoils the batch in which this text stands: its checksum is wrong from then on.
fn spoil(segment: &Path, text: &[u8]) {
    let mut bytes = std::fs::read(segment).unwrap();
    let holds = |(at, size): &(usize, usize)| bytes[*at..at + size].windows(text.len()).any(|window| window == text);
    let spoilt: Vec<_> = batches(&bytes).into_iter().filter(holds).collect();
    assert_eq!(spoilt.len(), 1, "the text stands in one batch");
    // The last byte is a count of headers.
    let (at, size) = spoilt[0];
    bytes[at + size - 2] ^= 1;
    std::fs::write(segment, bytes).unwrap();
}

/// Ours alone: the real Kafka loads no group of a partition that has a damaged batch.
#[test]
fn a_group_whose_record_is_damaged_is_named_and_refused_and_the_others_are_served() {
    if brokers::is_kafka() {
        return;
    }
    let mut broker = brokers::start_own(&SETTINGS);
    let segment = segment(&broker);
    let mut client = Client::connect(&broker.address());
    let Broker::Tidelog(ours, _) = &mut broker else { return };
    let topic = Topic::create(&mut client);
    for group in ["before", "spoilt", "after"] {
        assert_eq!(commit(&mut client, group, &topic)["topics"][0]["partitions"][0]["error_code"], 0);
    }
    ours.stop();
    spoil(&segment, b"spoilt");
    ours.restart();

    let mut client = Client::connect(&ours.address().to_string());
    for group in ["before", "after"] {
        find_coordinator(&mut client, group);
        assert_eq!(state(&mut client, group), "Empty");
        assert_eq!(commit(&mut client, group, &topic)["topics"][0]["partitions"][0]["error_code"], 0);
    }
    let requests = requests("spoilt", &topic);
    for (request, code) in requests.iter().zip(codes(&mut client, &requests)) {
        // A list is not of one group.
        let expected = if request.0 == "ListGroups" { 0 } else { UNKNOWN_SERVER_ERROR };
        assert_eq!(code, expected, "{request:?}");
    }
    let log = ours.log();
    let named = log.lines().any(|line| line.contains("ERROR") && line.contains("spoilt"));
    assert!(named, "the group is not named in:\n{log}");
}
