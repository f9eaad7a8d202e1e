//! ListOffsets and OffsetForLeaderEpoch.

use serde_json::{Value, json};

use super::compare;
use super::peer::Peer;
use crate::support::batch::{Batch, GZIP, Record};
use crate::support::topics::Topic;

fn filled(peer: &mut Peer, name: &str) -> Topic {
    let topic = peer.topic(name, 1, &[]);
    for (attributes, base) in [(0, 1000), (GZIP, 500), (0, 2000)] {
        let records = [0, 300, 100].map(|timestamp_delta| Record { timestamp_delta, ..Record::new(None, b"a") });
        topic.produce(peer.client(), &Batch { attributes, ..Batch::from(records.to_vec()).at(base) });
    }
    topic
}

fn ask(topic: &str, partition: i32, epoch: i32, timestamp: i64) -> Value {
    let part = json!({"partition_index": partition, "current_leader_epoch": epoch, "timestamp": timestamp});
    json!({"replica_id": -1, "topics": [{"name": topic, "partitions": [part]}], "timeout_ms": 1000})
}

#[test]
fn list_offsets_in_every_version() {
    compare(|peer| {
        let (topic, empty) = (filled(peer, "filled"), peer.topic("empty", 1, &[]));
        let nobody = peer.name("nobody");
        for timestamp in
            [-1, -2, -3, -4, -5, -6, -7, i64::MIN, 0, 500, 799, 800, 801, 1000, 1301, 2299, 2300, 2301, i64::MAX]
        {
            for name in [&topic.name, &empty.name, &nobody] {
                peer.call_all("ListOffsets", &ask(name, 0, -1, timestamp));
            }
            let mut body = ask(&topic.name, 0, -1, timestamp);
            body["isolation_level"] = json!(1);
            peer.call_all("ListOffsets", &body);
        }
        for epoch in [-2, 0, 1] {
            peer.call_all("ListOffsets", &ask(&topic.name, 0, epoch, -1));
            peer.call_all("ListOffsets", &ask(&topic.name, 0, epoch, 500));
        }
        for partition in [-1, 1] {
            peer.call_all("ListOffsets", &ask(&topic.name, partition, -1, -1));
        }
        for replica_id in [-2, 1, 5] {
            let mut body = ask(&topic.name, 0, -1, -1);
            body["replica_id"] = json!(replica_id);
            peer.call_all("ListOffsets", &body);
        }
    });
}

#[test]
fn list_offsets_of_partitions_named_twice() {
    compare(|peer| {
        let topic = peer.topic("t", 3, &[]);
        let part = |index: i32, timestamp: i64| json!({"partition_index": index, "timestamp": timestamp});
        for partitions in [
            json!([part(0, -1), part(0, -1)]),
            json!([part(0, -1), part(1, -2), part(0, -2), part(0, -1)]),
            json!([part(2, -1), part(1, -1), part(0, -1)]),
            json!([]),
        ] {
            for version in 1..=11 {
                let topics = json!([{"name": topic.name, "partitions": partitions}]);
                let mut answer =
                    peer.client().call("ListOffsets", version, &json!({"replica_id": -1, "topics": topics}));
                by_partition(&mut answer);
                peer.note("ListOffsets", version, &partitions, &answer);
            }
        }
        peer.call_all("ListOffsets", &json!({"replica_id": -1, "topics": []}));
    });
}

/// Puts partitions in the order of their indexes: the real one's is a hash table's.
fn by_partition(answer: &mut Value) {
    for topic in answer["topics"].as_array_mut().unwrap() {
        topic["partitions"].as_array_mut().unwrap().sort_by_key(|part| part["partition_index"].as_i64());
    }
}

#[test]
fn offset_for_leader_epoch_in_every_version() {
    compare(|peer| {
        let (topic, empty) = (filled(peer, "filled"), peer.topic("empty", 1, &[]));
        let nobody = peer.name("nobody");
        let mut ask = |name: &str, replica_id: i32, partition: Value| {
            let topics = json!([{"topic": name, "partitions": [partition]}]);
            peer.call_all("OffsetForLeaderEpoch", &json!({"replica_id": replica_id, "topics": topics}));
        };
        let epochs = [-2, -1, 0, 1].map(|current| [-1, 0, 1, i32::MAX].map(|asked| (current, asked)));
        for (current, asked) in epochs.into_iter().flatten() {
            for name in [&topic.name, &empty.name, &nobody] {
                let part = json!({"partition": 0, "current_leader_epoch": current, "leader_epoch": asked});
                ask(name, -2, part.clone());
                ask(name, -1, part);
                ask(name, -1, json!({"partition": 7, "current_leader_epoch": current, "leader_epoch": asked}));
            }
        }
        peer.call_all("OffsetForLeaderEpoch", &json!({"topics": []}));
        peer.call_all(
            "OffsetForLeaderEpoch",
            &json!({"replica_id": -1, "topics": [{"topic": topic.name, "partitions": []}]}),
        );
    });
}
