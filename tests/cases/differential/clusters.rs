//! ApiVersions, Metadata, DescribeCluster, InitProducerId: what a broker says of itself.

use serde_json::{Value, json};
use test_support::{SOON, wait_until};

use super::compare;
use super::peer::Peer;

/// The APIs that ours has to have from here on, by key.
const SERVED: [i64; 26] =
    [0, 1, 2, 3, 18, 19, 20, 21, 22, 23, 32, 33, 34, 35, 37, 43, 44, 45, 46, 55, 57, 60, 64, 71, 72, 75];

/// The features that ours has from here on; the others come with what they name.
pub(super) const FEATURES: [&str; 3] = ["group.version", "kraft.version", "metadata.version"];

#[test]
fn api_versions_in_every_version() {
    compare(|peer| {
        for version in 0..=5 {
            let body = json!({"client_software_name": "cases", "client_software_version": "1.0"});
            let mut answer = peer.client().call("ApiVersions", version, &body);
            let keys = answer["api_keys"].as_array_mut().unwrap();
            keys.retain(|row| SERVED.contains(&row["api_key"].as_i64().unwrap()));
            keys.sort_by_key(|row| row["api_key"].as_i64());
            for features in ["supported_features", "finalized_features"] {
                if let Some(features) = answer[features].as_array_mut() {
                    features.retain(|feature| FEATURES.contains(&feature["name"].as_str().unwrap()));
                    features.sort_by_key(|feature| feature["name"].to_string());
                }
            }
            peer.note("ApiVersions", version, &body, &answer);
        }
    });
}

#[test]
fn api_versions_of_a_client_that_names_a_cluster_or_a_node() {
    compare(|peer| {
        let cluster_id = peer.client().call("DescribeCluster", 0, &json!({}))["cluster_id"].clone();
        for (cluster_id, node_id) in [
            (Value::Null, -1),
            (Value::Null, 1),
            (cluster_id.clone(), 1),
            (cluster_id.clone(), -1),
            (cluster_id, 7),
            (json!("another-cluster"), 1),
            (json!("another-cluster"), -1),
            (json!(""), -2),
        ] {
            let body = json!({"client_software_name": "a", "client_software_version": "1", "cluster_id": cluster_id, "node_id": node_id});
            let answer = peer.client().call("ApiVersions", 5, &body);
            peer.note("ApiVersions", 5, &json!(node_id), &answer["error_code"]);
        }
    });
}

#[test]
fn describe_cluster_in_every_version() {
    compare(|peer| {
        peer.call_all("DescribeCluster", &json!({}));
        peer.call_all(
            "DescribeCluster",
            &json!({"include_cluster_authorized_operations": true, "include_fenced_brokers": true}),
        );
        for endpoint_type in [0, 2, 3, -1] {
            for version in [1, 2] {
                peer.call("DescribeCluster", version, &json!({"endpoint_type": endpoint_type}));
            }
        }
    });
}

#[test]
fn metadata_in_every_version() {
    compare(|peer| {
        let one = peer.topic("one", 3, &[]);
        let two = peer.topic("two", 1, &[]);
        let named = |names: &[&str]| names.iter().map(|name| json!({"name": name})).collect::<Value>();
        peer.call_all("Metadata", &json!({"topics": named(&[&one.name])}));
        for flags in [(true, true), (false, true), (true, false)] {
            let body = json!({
                "topics": named(&[&one.name]),
                "allow_auto_topic_creation": false,
                "include_cluster_authorized_operations": flags.0,
                "include_topic_authorized_operations": flags.1,
            });
            peer.call_all("Metadata", &body);
        }
        for version in 1..=13 {
            peer.call("Metadata", version, &json!({"topics": []}));
        }
        let unknown = peer.name("nobody");
        for version in 4..=13 {
            let body = json!({"topics": named(&[&unknown]), "allow_auto_topic_creation": false});
            peer.call("Metadata", version, &body);
            let body = json!({
                "topics": named(&[&one.name, &unknown, "a b"]),
                "allow_auto_topic_creation": false,
                "include_topic_authorized_operations": true,
            });
            peer.call_sorted("Metadata", version, &body, "topics");
            for name in ["", ".", "a b", &"n".repeat(250)] {
                peer.call("Metadata", version, &json!({"topics": named(&[name]), "allow_auto_topic_creation": false}));
                peer.call("Metadata", version, &json!({"topics": named(&[name]), "allow_auto_topic_creation": true}));
            }
            peer.call_sorted(
                "Metadata",
                version,
                &json!({"topics": named(&[&one.name, &two.name, &one.name]), "allow_auto_topic_creation": false}),
                "topics",
            );
            peer.call_sorted(
                "Metadata",
                version,
                &json!({"topics": named(&[&unknown, &two.name]), "allow_auto_topic_creation": false}),
                "topics",
            );
        }
    });
}

#[test]
fn metadata_of_topics_by_id() {
    compare(|peer| {
        let one = peer.topic("one", 2, &[]);
        let unknown = "0123456789abcdef0123456789abcdef";
        for version in 10..=13 {
            for topics in [
                json!([{"topic_id": one.id, "name": null}]),
                json!([{"topic_id": unknown, "name": null}]),
                json!([{"topic_id": one.id, "name": one.name}]),
                json!([{"topic_id": unknown, "name": one.name}]),
            ] {
                peer.call("Metadata", version, &json!({"topics": topics, "allow_auto_topic_creation": false}));
            }
            let mixed = json!([{"topic_id": one.id, "name": null}, {"topic_id": unknown, "name": null}]);
            peer.call_sorted("Metadata", version, &json!({"topics": mixed}), "topics");
        }
    });
}

#[test]
fn metadata_of_all_topics() {
    compare(|peer| {
        peer.topic("listed-one", 1, &[]);
        peer.topic("listed-two", 2, &[]);
        for version in 0..=13 {
            let all = if version == 0 { json!([]) } else { Value::Null };
            let mut answer = peer.client().call("Metadata", version, &json!({"topics": all}));
            let salt = peer.name("");
            let topics = answer["topics"].as_array_mut().unwrap();
            topics.retain(|topic| topic["name"].as_str().unwrap().ends_with(&salt));
            topics.sort_by_key(|topic| topic["name"].to_string());
            peer.note("Metadata", version, &json!("all"), &answer);
        }
    });
}

#[test]
fn a_topic_asked_for_is_created_when_the_request_allows_it() {
    compare(|peer| {
        for version in 0..=13 {
            let name = peer.name(&format!("auto-{version}"));
            let body = json!({"topics": [{"name": name}], "allow_auto_topic_creation": true});
            let first = peer.client().call("Metadata", version, &body);
            // The real one answers that it does not know the topic or that it has no leader yet, and creates it meanwhile.
            let code = first["topics"][0]["error_code"].as_i64().unwrap();
            assert!([0, 3, 5].contains(&code), "{first}");
            settle(peer, version, &body);
            peer.call("Metadata", version, &body);
        }
    });
}

fn settle(peer: &mut Peer, version: i16, body: &Value) {
    wait_until("a created topic", SOON, || {
        let answer = peer.client().call("Metadata", version, body);
        answer["topics"][0]["error_code"] == 0 && answer["topics"][0]["partitions"][0]["error_code"] == 0
    });
}

#[test]
fn init_producer_id_in_every_version() {
    compare(|peer| {
        peer.call_all("InitProducerId", &json!({"transactional_id": null, "transaction_timeout_ms": 60_000}));
        peer.call_all("InitProducerId", &json!({"transactional_id": null, "transaction_timeout_ms": -1}));
        for timeout in [60_000, -1, 0] {
            peer.call_all("InitProducerId", &json!({"transactional_id": "", "transaction_timeout_ms": timeout}));
        }
        for version in 3..=5 {
            for (id, epoch) in [(5, -1), (-1, 5), (-2, 0), (1234, 0), (1234, 5), (i64::MAX, i16::MAX)] {
                let body = json!({"transactional_id": null, "transaction_timeout_ms": 1, "producer_id": id, "producer_epoch": epoch});
                peer.call("InitProducerId", version, &body);
            }
        }
    });
}
