//! Fetch: every version, limits, isolation, epochs, and sessions.

use serde_json::{Value, json};

use super::compare;
use super::peer::Peer;
use crate::support::batch::{Batch, GZIP, ZSTD};
use crate::support::topics::{Topic, fetch_request};

const TIME: i64 = 1_700_000_000_000;

fn filled(peer: &mut Peer, name: &str) -> Topic {
    let topic = peer.topic(name, 1, &[]);
    for attributes in [0, GZIP, 0] {
        topic.produce(peer.client(), &Batch { attributes, ..Batch::of(&["a", "b", "c"]).at(TIME) });
    }
    topic
}

fn changed(mut body: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

fn part(topic: &Topic, changes: Value) -> Value {
    let mut part = topic.fetch_part(0);
    let partition = changed(part["partitions"][0].clone(), changes);
    part["partitions"][0] = partition;
    part
}

#[test]
fn fetch_in_every_version() {
    compare(|peer| {
        let (topic, empty) = (filled(peer, "filled"), peer.topic("empty", 1, &[]));
        let nobody = Topic { name: peer.name("nobody"), id: "0123456789abcdef0123456789abcdef".to_owned() };
        for version in 4..=18 {
            for offset in [0, 1, 3, 8, 9, 10, -1, i64::MAX] {
                peer.call("Fetch", version, &fetch_request(0, &[topic.fetch_part(offset)]));
            }
            let several = [nobody.fetch_part(0), topic.fetch_part(3), empty.fetch_part(1)];
            let answer = peer.client().call("Fetch", version, &fetch_request(0, &several));
            note_sorted(peer, version, answer);
            peer.call("Fetch", version, &fetch_request(0, &[]));
            for partition in [1, -1, i32::MAX] {
                peer.call("Fetch", version, &fetch_request(0, &[part(&topic, json!({"partition": partition}))]));
            }
            let committed = changed(fetch_request(0, &[topic.fetch_part(0)]), json!({"isolation_level": 1}));
            peer.call("Fetch", version, &committed);
        }
    });
}

/// Notes an answer whose topics may come in any order: Kafka puts those that it does not know last.
fn note_sorted(peer: &mut Peer, version: i16, mut answer: Value) {
    let topics = answer["responses"].as_array_mut().unwrap();
    topics.sort_by_key(|topic| topic["partitions"][0]["error_code"].as_i64());
    peer.note("Fetch", version, &json!("several"), &answer);
}

#[test]
fn fetch_with_limits() {
    compare(|peer| {
        let (one, two) = (filled(peer, "one"), filled(peer, "two"));
        for version in [4, 12, 16, 18] {
            for max_bytes in [0, 1, 60, 80, 100, 150, 200, 300, 1000] {
                let whole = [one.fetch_part(0), two.fetch_part(0)];
                peer.call("Fetch", version, &changed(fetch_request(0, &whole), json!({"max_bytes": max_bytes})));
                let parts = [&one, &two].map(|topic| part(topic, json!({"partition_max_bytes": max_bytes})));
                peer.call("Fetch", version, &fetch_request(0, &parts));
            }
        }
    });
}

#[test]
fn fetch_with_epochs() {
    compare(|peer| {
        let topic = filled(peer, "t");
        for version in [9, 11, 12, 13, 16, 18] {
            for epoch in [-2, -1, 0, 1, 77] {
                for offset in [0, 9, 10] {
                    let asked = json!({"current_leader_epoch": epoch, "fetch_offset": offset});
                    peer.call("Fetch", version, &fetch_request(0, &[part(&topic, asked)]));
                    let asked = json!({"last_fetched_epoch": epoch, "fetch_offset": offset});
                    peer.call("Fetch", version, &fetch_request(0, &[part(&topic, asked)]));
                }
            }
        }
    });
}

#[test]
fn fetch_as_a_replica_or_of_another_cluster() {
    compare(|peer| {
        let topic = filled(peer, "t");
        for version in [4, 12, 14, 15, 18] {
            for replica_id in [-2, 5, 1, -3] {
                let ask = changed(fetch_request(0, &[topic.fetch_part(0)]), json!({"replica_id": replica_id}));
                peer.call("Fetch", version, &ask);
            }
            let ask = changed(fetch_request(0, &[topic.fetch_part(0)]), json!({"rack_id": "somewhere"}));
            peer.call("Fetch", version, &ask);
            if version >= 12 {
                let ask = changed(fetch_request(0, &[topic.fetch_part(0)]), json!({"cluster_id": "another"}));
                peer.call("Fetch", version, &ask);
            }
        }
    });
}

#[test]
fn fetch_of_zstd_needs_version_10() {
    compare(|peer| {
        let topic = peer.topic("t", 1, &[]);
        topic.produce(peer.client(), &Batch { attributes: ZSTD, ..Batch::of(&["a"]).at(TIME) });
        for version in 4..=18 {
            peer.call("Fetch", version, &fetch_request(0, &[topic.fetch_part(0)]));
        }
    });
}

/// A fetch within a session.
fn session(id: &Value, epoch: i64, topics: &[Value]) -> Value {
    changed(fetch_request(0, topics), json!({"session_id": id, "session_epoch": epoch}))
}

/// Fetches within a session. The partitions of a topic may come in any order: Kafka puts those that it does not know last.
fn ask(peer: &mut Peer, version: i16, body: &Value) -> Value {
    let mut answer = peer.client().call("Fetch", version, body);
    let told = answer.clone();
    for topic in answer["responses"].as_array_mut().unwrap() {
        peer.sort(&mut topic["partitions"]);
    }
    peer.note("Fetch", version, body, &answer);
    told
}

#[test]
fn fetch_sessions_step_by_step() {
    compare(|peer| {
        for version in [7, 11, 12, 13, 15, 18] {
            let (one, two, three) = (
                filled(peer, &format!("one-{version}")),
                filled(peer, &format!("two-{version}")),
                peer.topic(&format!("three-{version}"), 2, &[]),
            );
            let first = ask(
                peer,
                version,
                &session(&json!(0), 0, &[one.fetch_part(9), two.fetch_part(0), three.fetch_part(0)]),
            );
            let id = first["session_id"].clone();
            let forget = |topic: &Topic| json!({"forgotten_topics_data": [{"topic": topic.name, "topic_id": topic.id, "partitions": [0]}]});
            ask(peer, version, &session(&id, 1, &[]));
            ask(peer, version, &session(&id, 2, &[two.fetch_part(9)]));
            ask(peer, version, &session(&id, 3, &[]));
            one.produce(peer.client(), &Batch::of(&["x"]).at(TIME));
            ask(peer, version, &session(&id, 4, &[]));
            ask(peer, version, &session(&id, 5, &[one.fetch_part(10)]));
            ask(peer, version, &session(&id, 6, &[two.fetch_part(99)]));
            ask(peer, version, &session(&id, 7, &[]));
            ask(peer, version, &changed(session(&id, 8, &[]), forget(&two)));
            ask(peer, version, &changed(session(&id, 9, &[]), forget(&two)));
            ask(peer, version, &session(&id, 10, &[part(&three, json!({"partition": 5}))]));
            ask(peer, version, &session(&id, 11, &[]));
            ask(peer, version, &changed(session(&id, 12, &[part(&three, json!({"partition": 1}))]), forget(&one)));
            ask(peer, version, &session(&id, 12, &[]));
            ask(peer, version, &session(&id, 14, &[]));
            ask(peer, version, &session(&id, 13, &[]));
            ask(peer, version, &session(&json!(7), 1, &[]));
            ask(peer, version, &session(&json!(7), 0, &[]));
            ask(peer, version, &session(&json!(7), -1, &[one.fetch_part(0)]));
            ask(peer, version, &session(&json!(0), 5, &[one.fetch_part(0)]));
            ask(peer, version, &session(&json!(0), -1, &[one.fetch_part(0)]));
            ask(peer, version, &session(&json!(0), -2, &[one.fetch_part(0)]));
            // Epoch 0 with the id replaces the session, epoch -1 ends it.
            let again = ask(peer, version, &session(&id, 0, &[one.fetch_part(0)]));
            ask(peer, version, &session(&id, 14, &[]));
            let id = again["session_id"].clone();
            ask(peer, version, &session(&id, 1, &[]));
            ask(peer, version, &session(&id, -1, &[]));
            ask(peer, version, &session(&id, 2, &[]));
            // A session over nothing.
            ask(peer, version, &session(&json!(0), 0, &[]));
        }
    });
}
