//! DeleteRecords, and what the other APIs say of a log whose start has moved.

use serde_json::{Value, json};

use super::compare;
use super::peer::Peer;
use crate::support::batch::Batch;
use crate::support::topics::{EARLIEST, LATEST, MAX_TIMESTAMP, Topic, fetch_request, new_producer};

/// The records are old, and Kafka deletes old records half a minute after its start.
const KEPT: [(&str, &str); 1] = [("retention.ms", "-1")];

fn delete(peer: &mut Peer, version: i16, topics: Value) {
    let body = json!({"topics": topics, "timeout_ms": 10_000});
    let mut answer = peer.client().call("DeleteRecords", version, &body);
    for topic in answer["topics"].as_array_mut().unwrap() {
        peer.sort(&mut topic["partitions"]);
    }
    peer.sort(&mut answer["topics"]);
    peer.note("DeleteRecords", version, &body, &answer);
}

fn part(topic: &Topic, offsets: &[(i32, i64)]) -> Value {
    let partitions: Vec<_> =
        offsets.iter().map(|(index, offset)| json!({"partition_index": index, "offset": offset})).collect();
    json!({"name": topic.name, "partitions": partitions})
}

/// Ten batches of three records, with times that do not rise.
fn fill(peer: &mut Peer, topic: &Topic) {
    for time in [1000, 5000, 2000, 1500, 4000, 1200, 3000, 3500, 1100, 1300] {
        let batch = Batch::of(&["a", "b", "c"]).at(time);
        let answer = topic.produce(peer.client(), &batch);
        assert_eq!(answer["error_code"], 0, "{answer}");
    }
}

#[test]
fn delete_records_in_every_version() {
    compare(|peer| {
        for version in 0..=2 {
            let topic = peer.topic(&format!("records{version}"), 3, &KEPT);
            fill(peer, &topic);
            for offset in [-2, i64::MIN, 31, i64::MAX, 0, 4, 3, 4, 10, -1, 30, 0, 31] {
                delete(peer, version, json!([part(&topic, &[(0, offset)])]));
            }
            delete(peer, version, json!([part(&topic, &[(0, -1), (1, 0), (2, 1), (3, 0), (-1, 0)])]));
            delete(peer, version, json!([part(&topic, &[(1, 0)]), part(&topic, &[(1, 5), (2, 0)])]));
            delete(peer, version, json!([part(&topic, &[])]));
            delete(peer, version, json!([]));
            let nobody = json!({"name": peer.name("nobody"), "partitions": [{"partition_index": 0, "offset": 0}]});
            delete(peer, version, json!([nobody, part(&topic, &[(0, -1)])]));
            for name in ["", "a b", "__cluster_metadata"] {
                let odd = json!({"name": name, "partitions": [{"partition_index": 0, "offset": 0}]});
                delete(peer, version, json!([odd]));
            }
        }
    });
}

#[test]
fn delete_records_by_cleanup_policy() {
    compare(|peer| {
        for (name, policy) in [("compacted", "compact"), ("both", "compact,delete"), ("deleted", "delete")] {
            let topic = peer.topic(name, 1, &[("cleanup.policy", policy)]);
            for offset in [0, -1, -5, 7] {
                delete(peer, 2, json!([part(&topic, &[(0, offset)])]));
            }
        }
    });
}

fn list_offsets(peer: &mut Peer, topic: &Topic, version: i16, start: i64) {
    let mut times = vec![EARLIEST, LATEST, 0, 1250, 3000, 4500, 9000];
    // With the largest time of all Kafka finds a record that is deleted, and ours one that is there.
    if version >= 7 && start <= 3 {
        times.push(MAX_TIMESTAMP);
    }
    if version >= 8 {
        times.push(-4);
    }
    for time in times {
        let partition = json!({"partition_index": 0, "timestamp": time});
        let topics = json!([{"name": topic.name, "partitions": [partition]}]);
        peer.call("ListOffsets", version, &json!({"replica_id": -1, "topics": topics, "timeout_ms": 5000}));
    }
}

#[test]
fn offsets_and_fetches_after_delete_records() {
    compare(|peer| {
        let topic = peer.topic("t", 1, &KEPT);
        fill(peer, &topic);
        for start in [0, 1, 3, 4, 8, 29, 30] {
            delete(peer, 2, json!([part(&topic, &[(0, start)])]));
            for version in [1, 7, 8, 9, 11] {
                list_offsets(peer, &topic, version, start);
            }
            for offset in [0, start - 1, start, start + 1, 30, 31] {
                peer.call("Fetch", 12, &fetch_request(0, &[topic.fetch_part(offset)]));
                peer.call("Fetch", 16, &fetch_request(0, &[topic.fetch_part(offset)]));
            }
            for epoch in [0, 1] {
                let partition = json!({"partition": 0, "current_leader_epoch": -1, "leader_epoch": epoch});
                let body = json!({"replica_id": -1, "topics": [{"topic": topic.name, "partitions": [partition]}]});
                peer.call("OffsetForLeaderEpoch", 4, &body);
            }
        }
        let batch = Batch::of(&["later"]).at(1);
        peer.call(
            "Produce",
            11,
            &crate::support::topics::produce_request(-1, &[topic.data(&[(0, json!(batch.hex()))])]),
        );
    });
}

#[test]
fn a_producer_is_remembered_when_its_records_are_deleted() {
    compare(|peer| {
        let topic = peer.topic("t", 1, &[]);
        let (id, epoch) = new_producer(peer.client());
        let batch = |sequence| Batch::idempotent((id, epoch), sequence, &["a", "b"]);
        for sequence in [0, 2, 4] {
            topic.produce(peer.client(), &batch(sequence));
        }
        delete(peer, 2, json!([part(&topic, &[(0, -1)])]));
        for sequence in [4, 0, 8, 6, 6] {
            let mut answer = topic.produce(peer.client(), &batch(sequence));
            // Kafka puts the batch's own time here when it is a duplicate.
            answer["log_append_time_ms"].take();
            peer.note("Produce", 11, &json!(sequence), &answer);
        }
    });
}
