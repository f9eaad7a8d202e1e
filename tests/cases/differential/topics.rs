//! CreateTopics, DeleteTopics, CreatePartitions, DescribeTopicPartitions.

use serde_json::{Value, json};

use super::compare;
use super::peer::Peer;

const EVERY_CREATE: std::ops::RangeInclusive<i16> = 2..=7;

fn creation(peer: &Peer, name: &str, rest: Value) -> Value {
    let mut topic = json!({"name": peer.name(name), "num_partitions": 1, "replication_factor": 1});
    for (key, value) in rest.as_object().unwrap() {
        topic[key] = value.clone();
    }
    topic
}

/// Creates topics; the answer's topics come in any order, and their configs in the order of a hash table as well.
fn create(peer: &mut Peer, version: i16, validate_only: bool, topics: &[Value]) {
    let body = json!({"topics": topics, "timeout_ms": 20_000, "validate_only": validate_only});
    let mut answer = peer.client().call("CreateTopics", version, &body);
    let created = answer["topics"].as_array_mut().unwrap();
    created.sort_by_key(|topic| (topic["name"].to_string(), topic["error_code"].as_i64()));
    for topic in created {
        if topic["configs"].is_array() {
            topic["configs"] = super::configs::by_name(&topic["configs"]);
        }
    }
    peer.note("CreateTopics", version, &body, &answer);
}

#[test]
fn create_topics_in_every_version() {
    compare(|peer| {
        for version in EVERY_CREATE {
            let named = |name: &str| format!("{name}-{version}");
            let plain = creation(peer, &named("plain"), json!({}));
            create(peer, version, true, std::slice::from_ref(&plain));
            create(peer, version, false, std::slice::from_ref(&plain));
            create(peer, version, true, std::slice::from_ref(&plain));
            create(peer, version, false, &[plain]);
            let several = [
                creation(peer, &named("a"), json!({"num_partitions": 3})),
                creation(peer, &named("b"), json!({"configs": [{"name": "retention.ms", "value": "1000"}]})),
                creation(peer, "a b", json!({})),
                creation(peer, &named("c"), json!({"num_partitions": -1, "replication_factor": -1})),
            ];
            create(peer, version, true, &several);
            create(peer, version, false, &several);
            create(peer, version, false, &[]);
        }
    });
}

#[test]
fn create_topics_with_configs() {
    compare(|peer| {
        let config = |name: &str, value: Value| json!({"name": name, "value": value});
        let sets = [
            json!([config("cleanup.policy", json!("compact"))]),
            json!([config("cleanup.policy", json!("compact,delete"))]),
            json!([config("cleanup.policy", json!(""))]),
            json!([config("cleanup.policy", json!("none"))]),
            json!([config("segment.bytes", json!("1048576"))]),
            json!([config("segment.bytes", json!("1048575"))]),
            json!([config("segment.bytes", json!("0x100000"))]),
            json!([config("segment.bytes", json!("2147483648"))]),
            json!([config("segment.bytes", json!("1e7"))]),
            json!([config("segment.bytes", Value::Null)]),
            json!([config("retention.ms", json!("-1"))]),
            json!([config("retention.ms", json!("-2"))]),
            json!([config("retention.bytes", json!("-1"))]),
            json!([config("retention.bytes", json!("-2"))]),
            json!([config("segment.ms", json!("0"))]),
            json!([config("segment.ms", json!("1"))]),
            json!([config("max.message.bytes", json!("0"))]),
            json!([config("max.message.bytes", json!("-1"))]),
            json!([config("index.interval.bytes", json!("0"))]),
            json!([config("index.interval.bytes", json!("-1"))]),
            json!([config("segment.index.bytes", json!("3"))]),
            json!([config("segment.index.bytes", json!("4"))]),
            json!([config("flush.messages", json!("0"))]),
            json!([config("flush.messages", json!("1"))]),
            json!([config("flush.ms", json!("-1"))]),
            json!([config("min.insync.replicas", json!("0"))]),
            json!([config("min.insync.replicas", json!("2"))]),
            json!([config("min.cleanable.dirty.ratio", json!("0.25"))]),
            json!([config("min.cleanable.dirty.ratio", json!("1.01"))]),
            json!([config("min.cleanable.dirty.ratio", json!("-0.1"))]),
            json!([config("min.cleanable.dirty.ratio", json!("half"))]),
            json!([config("compression.type", json!("producer"))]),
            json!([config("compression.type", json!("GZIP"))]),
            json!([config("message.timestamp.type", json!("LogAppendTime"))]),
            json!([config("message.timestamp.type", json!("logappendtime"))]),
            json!([config("message.timestamp.before.max.ms", json!("-1"))]),
            json!([config("message.timestamp.after.max.ms", json!("0"))]),
            json!([config("preallocate", json!("yes"))]),
            json!([config("delete.retention.ms", json!("-1"))]),
            json!([config("max.compaction.lag.ms", json!("0"))]),
            json!([config("min.compaction.lag.ms", json!("-1"))]),
            json!([config("min.compaction.lag.ms", json!("10")), config("max.compaction.lag.ms", json!("5"))]),
            json!([config("file.delete.delay.ms", json!("-1"))]),
            json!([config("message.format.version", json!("3.0"))]),
            json!([config("message.downconversion.enable", json!("true"))]),
            json!([config("no.such.config", json!("1"))]),
            json!([config("", json!("1"))]),
            json!([config("retention.ms", json!("1")), config("retention.ms", json!("2"))]),
            json!([config("retention.ms", json!("1000")), config("segment.bytes", json!("2000000"))]),
        ];
        for (index, configs) in sets.iter().enumerate() {
            let topic = creation(peer, &format!("t{index}"), json!({"configs": configs}));
            create(peer, 7, true, std::slice::from_ref(&topic));
            create(peer, 4, false, &[topic]);
        }
        // Ours shows what it understood, Kafka what was sent; the answers of version 4 do not show configs.
        for (key, value) in
            [("cleanup.policy", "delete, compact"), ("cleanup.policy", "delete,delete"), ("segment.bytes", " 1048577 ")]
        {
            let topic = creation(peer, "trimmed", json!({"configs": [config(key, json!(value))]}));
            create(peer, 4, true, &[topic]);
        }
    });
}

#[test]
fn create_topics_with_assignments_and_bad_counts() {
    compare(|peer| {
        let at = |partition: i32, brokers: &[i32]| json!({"partition_index": partition, "broker_ids": brokers});
        let rests = [
            json!({"num_partitions": -1, "replication_factor": -1, "assignments": [at(0, &[1])]}),
            json!({"num_partitions": -1, "replication_factor": -1, "assignments": [at(1, &[1]), at(0, &[1])]}),
            json!({"num_partitions": -1, "replication_factor": -1, "assignments": [at(0, &[1]), at(2, &[1])]}),
            json!({"num_partitions": -1, "replication_factor": -1, "assignments": [at(-1, &[1])]}),
            json!({"num_partitions": -1, "replication_factor": -1, "assignments": [at(0, &[])]}),
            json!({"num_partitions": -1, "replication_factor": -1, "assignments": [at(0, &[1, 1])]}),
            json!({"num_partitions": -1, "replication_factor": -1, "assignments": [at(0, &[2])]}),
            json!({"num_partitions": -1, "replication_factor": -1, "assignments": [at(0, &[-1])]}),
            json!({"num_partitions": -1, "replication_factor": -1, "assignments": [at(0, &[1]), at(0, &[1])]}),
            json!({"num_partitions": 1, "replication_factor": 1, "assignments": [at(0, &[1])]}),
            json!({"num_partitions": 0}),
            json!({"num_partitions": -2}),
            json!({"replication_factor": 0}),
            json!({"replication_factor": -2}),
            json!({"replication_factor": 2}),
            json!({"num_partitions": 0, "replication_factor": 0}),
            json!({"num_partitions": -1}),
            json!({"replication_factor": -1}),
            json!({"num_partitions": i32::MAX}),
            json!({"num_partitions": 20_000}),
            json!({"num_partitions": 0, "configs": [{"name": "no.such.config", "value": "1"}]}),
            json!({"replication_factor": 3, "configs": [{"name": "no.such.config", "value": "1"}]}),
        ];
        for (index, rest) in rests.into_iter().enumerate() {
            for version in [2, 3, 4, 7] {
                let topic = creation(peer, &format!("t{index}"), rest.clone());
                create(peer, version, true, &[topic]);
            }
        }
    });
}

#[test]
fn create_topics_of_bad_names() {
    compare(|peer| {
        // Other tests make these topics, sooner on one side than on the other: here they exist on both.
        for key_type in [0, 1] {
            let asked = json!({"key_type": key_type, "coordinator_keys": [peer.name("coordinated")]});
            test_support::wait_until("a coordinator", test_support::SOON, || {
                peer.client().call("FindCoordinator", 4, &asked)["coordinators"][0]["error_code"] == 0
            });
        }
        for name in [
            "",
            ".",
            "..",
            "...",
            "a b",
            "a/b",
            "ä",
            "a\u{0}",
            "__consumer_offsets",
            "__transaction_state",
            "__cluster_metadata",
        ] {
            create(peer, 7, true, &[json!({"name": name, "num_partitions": 1, "replication_factor": 1})]);
        }
        for length in [249, 250, 300] {
            create(peer, 7, true, &[json!({"name": "n".repeat(length), "num_partitions": 1, "replication_factor": 1})]);
        }
        peer.topic("dots.a_b", 1, &[]);
        for name in ["dots.a.b", "dots_a_b", "dots.a_b", "dots.a_c"] {
            let topic = creation(peer, name, json!({}));
            create(peer, 7, true, &[topic]);
        }
        let twice = creation(peer, "twice", json!({}));
        let once = creation(peer, "once", json!({}));
        create(peer, 7, true, &[twice.clone(), once, twice.clone(), twice]);
        // With a second fault, which is not the one that is told.
        for name in ["dots.a_b", "dots.a.b", "a b", "."] {
            let configs = json!([{"name": "no.such.config", "value": "1"}]);
            let topic = creation(peer, name, json!({"configs": configs, "num_partitions": 0}));
            create(peer, 7, true, &[topic]);
        }
        // Colliding with each other in one request.
        let pair = [creation(peer, "x.y", json!({})), creation(peer, "x_y", json!({}))];
        // That they collide with each other is noticed only when one of them is there; ours notices at once.
        create(peer, 7, true, &pair);
    });
}

#[test]
fn delete_topics_in_every_version() {
    compare(|peer| {
        for version in 1..=6 {
            let topic = peer.topic(&format!("delete-{version}"), 1, &[]);
            let nobody = peer.name("nobody");
            let body = |names: &[&str]| {
                let by_name: Vec<_> = names.iter().map(|name| json!({"name": name})).collect();
                json!({"topics": by_name, "topic_names": names, "timeout_ms": 20_000})
            };
            for names in [&[][..], &[nobody.as_str()], &[&nobody, &topic.name, &nobody], &[&topic.name], &[""], &["."]]
            {
                peer.call_sorted("DeleteTopics", version, &body(names), "responses");
            }
            peer.call_sorted("DeleteTopics", version, &body(&[&topic.name]), "responses");
        }
    });
}

#[test]
fn delete_topics_by_id() {
    compare(|peer| {
        let (one, two) = (peer.topic("one", 1, &[]), peer.topic("two", 1, &[]));
        let unknown = "0123456789abcdef0123456789abcdef";
        let zero = "0".repeat(32);
        for topics in [
            json!([{"name": null, "topic_id": unknown}]),
            json!([{"name": null, "topic_id": zero}]),
            json!([{"name": one.name, "topic_id": one.id}]),
            json!([{"name": one.name, "topic_id": unknown}]),
            json!([{"name": null, "topic_id": one.id}, {"name": null, "topic_id": one.id}]),
            json!([{"name": null, "topic_id": one.id}, {"name": two.name}]),
            json!([{"name": null, "topic_id": one.id}]),
        ] {
            peer.call_sorted("DeleteTopics", 6, &json!({"topics": topics, "timeout_ms": 20_000}), "responses");
        }
    });
}

#[test]
fn create_partitions_in_every_version() {
    compare(|peer| {
        let topic = peer.topic("grow", 2, &[]);
        let grow = |name: &str, count: i32, assignments: Value| json!({"name": name, "count": count, "assignments": assignments});
        for version in 0..=3 {
            for validate_only in [true, false] {
                let to = 3 + i32::from(version);
                let body =
                    |topics: Value| json!({"topics": topics, "timeout_ms": 20_000, "validate_only": validate_only});
                for count in [to - 1, 1, 0, -1, i32::MIN, i32::MAX, 20_000] {
                    peer.call("CreatePartitions", version, &body(json!([grow(&topic.name, count, Value::Null)])));
                }
                for assignments in
                    [json!([]), json!([[1], [1]]), json!([[7]]), json!([[]]), json!([[1, 1]]), json!([[1, 7]])]
                {
                    let assignments: Vec<_> =
                        assignments.as_array().unwrap().iter().map(|ids| json!({"broker_ids": ids})).collect();
                    peer.call("CreatePartitions", version, &body(json!([grow(&topic.name, to, json!(assignments))])));
                }
                let nobody = peer.name("nobody");
                let grown = grow(&topic.name, to, Value::Null);
                peer.call("CreatePartitions", version, &body(json!([])));
                peer.call(
                    "CreatePartitions",
                    version,
                    &body(json!([grow(&nobody, 3, Value::Null), grow("", 3, Value::Null)])),
                );
                peer.call("CreatePartitions", version, &body(json!([grown, grown])));
                let one_assigned = json!([{"broker_ids": [1]}]);
                let good = if version % 2 == 0 { grown } else { grow(&topic.name, to, one_assigned) };
                peer.call("CreatePartitions", version, &body(json!([grow(&nobody, 3, Value::Null), good])));
            }
        }
    });
}

#[test]
fn describe_topic_partitions() {
    compare(|peer| {
        let (a, b, c) = (peer.topic("a", 3, &[]), peer.topic("b", 1, &[]), peer.topic("c", 2, &[]));
        let nobody = peer.name("bb");
        let names = |names: &[&str]| names.iter().map(|name| json!({"name": name})).collect::<Value>();
        let all = names(&[&c.name, &nobody, &a.name, &b.name]);
        peer.call("DescribeTopicPartitions", 0, &json!({"topics": all}));
        peer.call("DescribeTopicPartitions", 0, &json!({"topics": names(&[&a.name, &a.name])}));
        for limit in [-1, 0, 1, 2, 3, 4, 5, 6, 7, 2000, i32::MAX] {
            peer.call("DescribeTopicPartitions", 0, &json!({"topics": all, "response_partition_limit": limit}));
        }
        for (name, index) in [
            (&a.name, 0),
            (&a.name, 1),
            (&a.name, 2),
            (&a.name, 3),
            (&a.name, 99),
            (&a.name, -1),
            (&b.name, 0),
            (&b.name, 1),
            (&nobody, 0),
            (&nobody, 1),
            (&c.name, 1),
        ] {
            for limit in [1, 2, 2000] {
                let cursor = json!({"topic_name": name, "partition_index": index});
                peer.call(
                    "DescribeTopicPartitions",
                    0,
                    &json!({"topics": all, "cursor": cursor, "response_partition_limit": limit}),
                );
            }
        }
        // A cursor at a topic that is not in the list.
        for cursor in [&nobody, &a.name, &b.name, "", "zzzz"] {
            let cursor = json!({"topic_name": cursor, "partition_index": 0});
            peer.call("DescribeTopicPartitions", 0, &json!({"topics": names(&[&b.name]), "cursor": cursor}));
        }
        for name in [".", "a b"] {
            peer.call("DescribeTopicPartitions", 0, &json!({"topics": names(&[name])}));
        }
    });
}

#[test]
fn describe_topic_partitions_page_by_page() {
    compare(|peer| {
        let topics = [peer.topic("p", 4, &[]), peer.topic("q", 3, &[]), peer.topic("r", 1, &[])];
        let names: Vec<_> = topics.iter().map(|topic| json!({"name": topic.name})).collect();
        for limit in 1..=4 {
            let mut cursor = Value::Null;
            for _ in 0..10 {
                let body = json!({"topics": names, "cursor": cursor, "response_partition_limit": limit});
                cursor = peer.call("DescribeTopicPartitions", 0, &body)["next_cursor"].clone();
                if cursor.is_null() {
                    break;
                }
            }
        }
    });
}
