//! What a cluster of one node answers to those who administer clusters of many: directories, elections, reassignments,
//! features, the quorum.

use serde_json::{Value, json};

use super::compare;
use super::peer::Peer;

/// The first partition of each topic that is asked for, by name.
fn topics(names: &[&str], partitions: &[i32]) -> Value {
    names.iter().map(|name| json!({"topic": name, "partitions": partitions})).collect()
}

/// The directory of the broker, which reads the same on both sides from then on.
fn directory(peer: &mut Peer) -> String {
    let answer = peer.client().call("DescribeLogDirs", 1, &json!({"topics": []}));
    let path = answer["results"][0]["log_dir"].as_str().unwrap().to_owned();
    peer.mask(&path, "the data directory");
    path
}

fn describe_log_dirs(peer: &mut Peer, version: i16, wanted: Value) {
    let body = json!({"topics": wanted});
    let mut answer = peer.client().call("DescribeLogDirs", version, &body);
    for result in answer["results"].as_array_mut().unwrap() {
        for (bytes, is_known) in [("total_bytes", version >= 4), ("usable_bytes", version >= 4)] {
            if is_known {
                assert!(result[bytes].as_i64().unwrap() > 0, "{result}");
                result[bytes] = json!("bytes");
            }
        }
        for topic in result["topics"].as_array_mut().unwrap() {
            peer.sort(&mut topic["partitions"]);
        }
        peer.sort(&mut result["topics"]);
    }
    peer.note("DescribeLogDirs", version, &body, &answer);
}

#[test]
fn describe_log_dirs_in_every_version() {
    compare(|peer| {
        directory(peer);
        let one = peer.topic("one", 2, &[]);
        let two = peer.topic("two", 1, &[]);
        let batch = crate::support::batch::Batch::of(&["a", "bc"]).at(1_000_000_000_000);
        one.produce(peer.client(), &batch);
        for version in 1..=5 {
            describe_log_dirs(peer, version, topics(&[&one.name, &two.name], &[0, 1]));
            describe_log_dirs(peer, version, topics(&[&one.name], &[1, 1, 7, -1]));
            describe_log_dirs(peer, version, topics(&[&one.name, &one.name], &[0]));
            describe_log_dirs(peer, version, topics(&[&peer.name("nobody"), "", "a b"], &[0]));
            describe_log_dirs(peer, version, topics(&[&two.name], &[]));
            describe_log_dirs(peer, version, json!([]));
        }
    });
}

#[test]
fn describe_log_dirs_of_all_topics() {
    compare(|peer| {
        let topic = peer.topic("all", 2, &[]);
        for version in 1..=5 {
            let mut answer = peer.client().call("DescribeLogDirs", version, &json!({"topics": null}));
            let listed = answer["results"][0]["topics"].as_array_mut().unwrap();
            listed.retain(|found| found["name"] == topic.name.as_str());
            assert_eq!(listed.len(), 1);
            peer.sort(&mut listed[0]["partitions"]);
            let listed = listed.clone();
            peer.note("DescribeLogDirs", version, &Value::Null, &json!(listed));
        }
    });
}

fn move_replicas(peer: &mut Peer, version: i16, body: &Value) {
    let mut answer = peer.client().call("AlterReplicaLogDirs", version, body);
    for result in answer["results"].as_array_mut().unwrap() {
        peer.sort(&mut result["partitions"]);
    }
    peer.note("AlterReplicaLogDirs", version, body, &answer);
}

#[test]
fn alter_replica_log_dirs() {
    compare(|peer| {
        let here = directory(peer);
        let topic = peer.topic("t", 2, &[]);
        let long = "n".repeat(249);
        let of = |name: &str, partitions: &[i32]| json!([{"name": name, "partitions": partitions}]);
        for version in 1..=2 {
            for path in [here.as_str(), "/no/such/directory", "relative", ""] {
                for (name, partitions) in [
                    (topic.name.as_str(), &[0, 1][..]),
                    (&topic.name, &[7]),
                    ("nobody", &[0]),
                    ("", &[0]),
                    (&long, &[0]),
                    (&topic.name, &[]),
                ] {
                    let body = json!({"dirs": [{"path": path, "topics": of(name, partitions)}]});
                    move_replicas(peer, version, &body);
                }
            }
            let there = json!({"path": "/no/such/directory", "topics": of(&topic.name, &[0])});
            let here = json!({"path": here, "topics": of(&topic.name, &[0])});
            for dirs in [json!([]), json!([there, here]), json!([here, there])] {
                peer.call_sorted("AlterReplicaLogDirs", version, &json!({"dirs": dirs}), "results");
            }
        }
    });
}

#[test]
fn elect_leaders_where_there_is_no_choice() {
    compare(|peer| {
        let one = peer.topic("one", 2, &[]);
        let two = peer.topic("two", 1, &[]);
        let nobody = peer.name("nobody");
        for version in 0..=2 {
            for election_type in [0, 1, 2, -1] {
                for wanted in [
                    topics(&[&one.name], &[0, 1]),
                    topics(&[&one.name], &[0, 0, 2, -1]),
                    topics(&[&one.name, &two.name], &[0]),
                    topics(&[&one.name, &one.name], &[0]),
                    topics(&[&nobody, &two.name, ""], &[0]),
                    topics(&[&one.name], &[]),
                    json!([]),
                ] {
                    let body = json!({"election_type": election_type, "topic_partitions": wanted, "timeout_ms": 5000});
                    peer.call("ElectLeaders", version, &body);
                }
            }
        }
    });
}

#[test]
fn elect_leaders_of_all_partitions() {
    compare(|peer| {
        let topic = peer.topic("t", 2, &[]);
        for version in 0..=2 {
            let mut answer = peer.client().call("ElectLeaders", version, &json!({"topic_partitions": null}));
            let results = answer["replica_election_results"].as_array_mut().unwrap();
            results.retain(|result| result["topic"] == topic.name.as_str());
            peer.note("ElectLeaders", version, &Value::Null, &answer);
        }
    });
}

#[test]
fn alter_partition_reassignments_where_there_is_one_broker() {
    compare(|peer| {
        let one = peer.topic("one", 2, &[]);
        let two = peer.topic("two", 1, &[]);
        let nobody = peer.name("nobody");
        let part = |index: i32, replicas: Value| json!({"partition_index": index, "replicas": replicas});
        for version in 0..=1 {
            for allow in [true, false] {
                let mut call = |topics: Value| {
                    let body = json!({"topics": topics, "timeout_ms": 5000, "allow_replication_factor_change": allow});
                    peer.call("AlterPartitionReassignments", version, &body);
                };
                for replicas in
                    [json!([1]), Value::Null, json!([]), json!([2]), json!([1, 1]), json!([1, 2]), json!([-1])]
                {
                    call(json!([{"name": one.name, "partitions": [part(0, replicas.clone())]}]));
                    call(json!([{"name": one.name, "partitions": [part(7, replicas.clone())]}]));
                    call(json!([{"name": nobody, "partitions": [part(0, replicas.clone())]}]));
                }
                call(json!([]));
                call(json!([{"name": one.name, "partitions": []}]));
                call(json!([
                    {"name": one.name, "partitions": [part(1, json!([1])), part(0, Value::Null), part(1, json!([3]))]},
                    {"name": nobody, "partitions": [part(0, json!([1]))]},
                    {"name": two.name, "partitions": [part(0, json!([1]))]},
                    {"name": one.name, "partitions": [part(0, json!([1]))]},
                    {"name": "", "partitions": [part(0, json!([1]))]},
                ]));
            }
        }
    });
}

#[test]
fn list_partition_reassignments() {
    compare(|peer| {
        let topic = peer.topic("t", 2, &[]);
        let nobody = peer.name("nobody");
        for names in [vec![], vec![topic.name.as_str()], vec![&nobody], vec![""], vec![&topic.name, &topic.name]] {
            let wanted: Vec<_> =
                names.iter().map(|name| json!({"name": name, "partition_indexes": [0, 1, 7]})).collect();
            peer.call("ListPartitionReassignments", 0, &json!({"topics": wanted}));
        }
        peer.call("ListPartitionReassignments", 0, &json!({"topics": null}));
    });
}

#[test]
fn describe_quorum() {
    compare(|peer| {
        let topic = peer.topic("t", 1, &[]);
        let own = "__cluster_metadata";
        let of = |name: &str, indexes: &[i32]| {
            let partitions: Vec<_> = indexes.iter().map(|index| json!({"partition_index": index})).collect();
            json!({"topic_name": name, "partitions": partitions})
        };
        for version in 0..=2 {
            for wanted in [
                json!([of(own, &[1])]),
                json!([of(own, &[0, 1])]),
                json!([of(own, &[0]), of(&topic.name, &[0])]),
                json!([of(own, &[0]), of(own, &[0])]),
                json!([of(own, &[])]),
                json!([of(&topic.name, &[0])]),
                json!([]),
            ] {
                peer.call("DescribeQuorum", version, &json!({"topics": wanted}));
            }
            let body = json!({"topics": [of(own, &[0])]});
            let mut answer = peer.client().call("DescribeQuorum", version, &body);
            let partition = &mut answer["topics"][0]["partitions"][0];
            let end = partition["current_voters"][0]["log_end_offset"].as_i64().unwrap();
            assert!((1..=end).contains(&partition["high_watermark"].as_i64().unwrap()), "{partition}");
            assert!(partition["leader_epoch"].as_i64().unwrap() > 0, "{partition}");
            partition["high_watermark"] = json!("an offset");
            partition["current_voters"][0]["log_end_offset"] = json!("an offset");
            partition["leader_epoch"] = json!("an epoch");
            if version >= 2 {
                let id = partition["current_voters"][0]["replica_directory_id"].take();
                assert_ne!(id, "0".repeat(32));
                assert_eq!(answer["nodes"][0]["node_id"], 1);
                // Ours has no listener for controllers.
                answer["nodes"][0]["listeners"].take();
            }
            peer.note("DescribeQuorum", version, &body, &answer);
        }
    });
}

fn update(feature: &str, level: i16, upgrade_type: i8) -> Value {
    json!({"feature": feature, "max_version_level": level, "upgrade_type": upgrade_type})
}

/// The features that are in force, of those that ours has.
fn finalized(peer: &mut Peer) {
    let mut answer =
        peer.client().call("ApiVersions", 4, &json!({"client_software_name": "a", "client_software_version": "1"}));
    let features = answer["finalized_features"].as_array_mut().unwrap();
    features.retain(|feature| super::clusters::FEATURES.contains(&feature["name"].as_str().unwrap()));
    features.sort_by_key(|feature| feature["name"].to_string());
    let features = features.clone();
    peer.note("finalized features", 4, &Value::Null, &json!(features));
}

fn update_features(peer: &mut Peer, version: i16, validate_only: bool, updates: Value) {
    peer.call("UpdateFeatures", version, &json!({"feature_updates": updates, "validate_only": validate_only}));
    finalized(peer);
}

#[test]
fn update_features_in_every_version() {
    compare(|peer| {
        for (version, validate_only) in [(1, true), (1, false), (2, true), (2, false)] {
            let mut call = |updates: Value| update_features(peer, version, validate_only, updates);
            for upgrade_type in [1, 2, 3, 0, 4, -1] {
                for level in [33, 34, 35, 32, 31, 30, 7, 6, 0, -1] {
                    call(json!([update("metadata.version", level, upgrade_type)]));
                }
                for level in [1, 0, 2, -1] {
                    call(json!([update("kraft.version", level, upgrade_type)]));
                    call(json!([update("no.such.feature", level, upgrade_type)]));
                    call(json!([update("", level, upgrade_type)]));
                }
                // What would change it is only validated: other tests use its groups meanwhile.
                for level in [1, 2, -1] {
                    call(json!([update("group.version", level, upgrade_type)]));
                }
            }
            call(json!([]));
            call(json!([update("kraft.version", 1, 1), update("metadata.version", 33, 1)]));
            call(json!([update("kraft.version", 1, 1), update("metadata.version", 40, 1)]));
            call(json!([update("kraft.version", 1, 1), update("no.such.feature", 1, 1)]));
            call(json!([update("kraft.version", 1, 1), update("kraft.version", 1, 1)]));
        }
        for (version, upgrade_type) in [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3), (2, 0), (2, 4)] {
            update_features(peer, version, true, json!([update("group.version", 0, upgrade_type)]));
        }
    });
}

#[test]
fn update_features_in_version_0() {
    compare(|peer| {
        for (feature, level) in [
            ("metadata.version", 33),
            ("metadata.version", 34),
            ("metadata.version", 6),
            ("kraft.version", 1),
            ("kraft.version", 0),
        ] {
            for allow_downgrade in [false, true] {
                let update =
                    json!({"feature": feature, "max_version_level": level, "allow_downgrade": allow_downgrade});
                peer.call("UpdateFeatures", 0, &json!({"feature_updates": [update]}));
                finalized(peer);
            }
        }
    });
}

#[test]
fn unregister_a_broker_that_is_not_there() {
    compare(|peer| {
        for id in [2, 7, -1, i32::MAX] {
            peer.call("UnregisterBroker", 0, &json!({"broker_id": id}));
        }
    });
}
