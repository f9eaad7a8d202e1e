//! Configs of groups, client metrics and brokers, and the list of what has configs.

use serde_json::{Value, json};

use super::compare;
use super::configs::by_name;
use super::peer::Peer;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const CLIENT_METRICS: i8 = 16;
const GROUP: i8 = 32;

const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

fn describe(peer: &mut Peer, kind: i8, name: &str, keys: &Value) {
    for version in 1..=4 {
        for synonyms in [false, true] {
            let resource = json!({"resource_type": kind, "resource_name": name, "configuration_keys": keys});
            let body = json!({"resources": [resource], "include_synonyms": synonyms});
            let mut answer = peer.client().call("DescribeConfigs", version, &body);
            for result in answer["results"].as_array_mut().unwrap() {
                result["configs"] = by_name(&result["configs"]);
            }
            peer.note("DescribeConfigs", version, &body, &answer);
        }
    }
}

/// Compares what is set on a resource.
fn is_set(peer: &mut Peer, kind: i8, name: &str, source: i8) {
    peer.settle();
    let body = json!({"resources": [{"resource_type": kind, "resource_name": name, "configuration_keys": null}]});
    let answer = peer.client().call("DescribeConfigs", 4, &body);
    let configs = answer["results"][0]["configs"].as_array().unwrap();
    let mut set: Vec<_> = configs
        .iter()
        .filter(|config| config["config_source"] == source)
        .map(|config| json!([config["name"], config["value"]]))
        .collect();
    set.sort_by_key(Value::to_string);
    peer.note("what is set", 4, &json!(name), &json!(set));
}

fn alter(peer: &mut Peer, (kind, name, source): (i8, &str, i8), ops: &[(&str, i8, Value)]) {
    let configs: Vec<_> =
        ops.iter().map(|(key, op, value)| json!({"name": key, "config_operation": op, "value": value})).collect();
    for version in 0..=1 {
        for validate_only in [true, false] {
            let resource = json!({"resource_type": kind, "resource_name": name, "configs": configs});
            let body = json!({"resources": [resource], "validate_only": validate_only});
            peer.call_sorted("IncrementalAlterConfigs", version, &body, "responses");
        }
    }
    is_set(peer, kind, name, source);
}

/// The same through the older API, which replaces all that is set.
fn replace(peer: &mut Peer, (kind, name, source): (i8, &str, i8), configs: &Value) {
    for version in 0..=2 {
        for validate_only in [true, false] {
            let resource = json!({"resource_type": kind, "resource_name": name, "configs": configs});
            let body = json!({"resources": [resource], "validate_only": validate_only});
            peer.call_sorted("AlterConfigs", version, &body, "responses");
        }
    }
    is_set(peer, kind, name, source);
}

#[test]
fn configs_of_a_group() {
    compare(|peer| {
        let name = peer.name("configured");
        let group = (GROUP, name.as_str(), 8);
        describe(peer, GROUP, &name, &Value::Null);
        describe(peer, GROUP, &name, &json!(["consumer.session.timeout.ms", "no.such.config"]));
        describe(peer, GROUP, "", &Value::Null);
        for key in ["consumer.session.timeout.ms", "consumer.heartbeat.interval.ms", "consumer.assignment.interval.ms"]
        {
            for value in
                ["", "soon", "-1", "0", "1", "4999", "5000", "15000", "15001", "44999", "45000", "60000", "60001"]
            {
                alter(peer, group, &[(key, SET, json!(value))]);
            }
            alter(peer, group, &[(key, SET, Value::Null)]);
            alter(peer, group, &[(key, APPEND, json!("50000"))]);
            alter(peer, group, &[(key, SUBTRACT, json!("50000"))]);
            describe(peer, GROUP, &name, &Value::Null);
            alter(peer, group, &[(key, DELETE, Value::Null)]);
        }
        alter(peer, group, &[("no.such.config", SET, json!("1"))]);
        alter(peer, group, &[("no.such.config", DELETE, Value::Null)]);
        alter(peer, group, &[("retention.ms", SET, json!("1"))]);
        alter(peer, group, &[("", SET, json!("1"))]);
        alter(peer, group, &[]);
        let twice = [
            ("consumer.session.timeout.ms", SET, json!("50000")),
            ("consumer.session.timeout.ms", DELETE, Value::Null),
        ];
        alter(peer, group, &twice);
        replace(peer, group, &json!([{"name": "consumer.session.timeout.ms", "value": "50000"}]));
        replace(peer, group, &json!([{"name": "consumer.heartbeat.interval.ms", "value": "6000"}]));
        replace(peer, group, &json!([{"name": "no.such.config", "value": "6000"}]));
        replace(peer, group, &json!([]));
        alter(peer, (GROUP, "", 8), &[("consumer.session.timeout.ms", SET, json!("50000"))]);
    });
}

#[test]
fn configs_of_client_metrics() {
    compare(|peer| {
        let name = peer.name("metrics");
        let metrics = (CLIENT_METRICS, name.as_str(), 7);
        describe(peer, CLIENT_METRICS, &name, &Value::Null);
        describe(peer, CLIENT_METRICS, &name, &json!(["interval.ms", "no.such.config"]));
        describe(peer, CLIENT_METRICS, "", &Value::Null);
        for value in ["", "soon", "-1", "0", "99", "100", "30000", "3600000", "3600001"] {
            alter(peer, metrics, &[("interval.ms", SET, json!(value))]);
        }
        for value in ["", "*", "org.apache.kafka.producer.", "a,b", "a,,b", " a , b ", "org.apache.kafka.consumer.x,"] {
            alter(peer, metrics, &[("metrics", SET, json!(value))]);
        }
        alter(peer, metrics, &[("metrics", APPEND, json!("c"))]);
        alter(peer, metrics, &[("metrics", APPEND, json!("c"))]);
        alter(peer, metrics, &[("metrics", SUBTRACT, json!("a,c"))]);
        for value in [
            "",
            "client_id=a",
            "client_software_name=apache-kafka-java,client_software_version=3.5.*",
            "color=blue",
            "client_id",
            "client_id=",
            "=a",
            "client_id=(",
            "client_id=a=b",
            "client_id=a,client_id=b",
            "client_id=.*, client_source_address=127.0.0.1",
        ] {
            alter(peer, metrics, &[("match", SET, json!(value))]);
        }
        describe(peer, CLIENT_METRICS, &name, &Value::Null);
        alter(peer, metrics, &[("interval.ms", DELETE, Value::Null), ("match", DELETE, Value::Null)]);
        alter(peer, metrics, &[("no.such.config", SET, json!("1"))]);
        alter(peer, metrics, &[("no.such.config", DELETE, Value::Null)]);
        alter(peer, metrics, &[("", SET, json!("1"))]);
        alter(peer, metrics, &[]);
        replace(peer, metrics, &json!([{"name": "interval.ms", "value": "60000"}]));
        replace(peer, metrics, &json!([{"name": "interval.ms", "value": "1"}]));
        replace(peer, metrics, &json!([]));
        alter(peer, (CLIENT_METRICS, "", 7), &[("interval.ms", SET, json!("60000"))]);
        describe(peer, CLIENT_METRICS, &name, &Value::Null);
    });
}

/// Lists resources, those of this test alone, and the broker. Of loggers ours has none whose level a client could set.
fn list(peer: &mut Peer, version: i16, kinds: &[i8]) {
    let body = if version == 0 { json!({}) } else { json!({"resource_types": kinds}) };
    let mut answer = peer.client().call("ListConfigResources", version, &body);
    let salt = peer.name("");
    let listed = answer["config_resources"].as_array_mut().unwrap();
    listed.retain(|found| {
        let name = found["resource_name"].as_str().unwrap();
        name.ends_with(&salt) || found["resource_type"] == BROKER
    });
    peer.sort(&mut answer["config_resources"]);
    peer.note("ListConfigResources", version, &body, &answer);
}

#[test]
fn resources_with_configs_are_listed() {
    compare(|peer| {
        peer.topic("listed", 1, &[]);
        let (group, metrics) = (peer.name("group"), peer.name("metrics"));
        alter(peer, (GROUP, &group, 8), &[("consumer.session.timeout.ms", SET, json!("50000"))]);
        alter(peer, (CLIENT_METRICS, &metrics, 7), &[("interval.ms", SET, json!("60000"))]);
        list(peer, 0, &[]);
        for kinds in [
            &[][..],
            &[TOPIC],
            &[BROKER],
            &[CLIENT_METRICS],
            &[GROUP],
            &[GROUP, GROUP, TOPIC],
            &[0],
            &[1],
            &[3],
            &[64],
            &[-1],
            &[TOPIC, 64],
        ] {
            list(peer, 1, kinds);
        }
        alter(peer, (GROUP, &group, 8), &[("consumer.session.timeout.ms", DELETE, Value::Null)]);
        alter(peer, (CLIENT_METRICS, &metrics, 7), &[("interval.ms", DELETE, Value::Null)]);
        list(peer, 1, &[]);
    });
}

/// Kafka's keys of groups and their offsets. Not here: those of kinds of groups that do not exist yet, what Kafka keeps to
/// itself, and how its coordinator works inside (`group.consumer.assignor.offload.enable`, and of `group.coordinator.`
/// `append.linger.ms`, `background.threads` and `cached.buffer.max.bytes`).
const OF_GROUPS: [&str; 25] = [
    "group.consumer.assignment.interval.ms",
    "group.consumer.assignors",
    "group.consumer.heartbeat.interval.ms",
    "group.consumer.max.assignment.interval.ms",
    "group.consumer.max.heartbeat.interval.ms",
    "group.consumer.max.session.timeout.ms",
    "group.consumer.max.size",
    "group.consumer.migration.policy",
    "group.consumer.min.assignment.interval.ms",
    "group.consumer.min.heartbeat.interval.ms",
    "group.consumer.min.session.timeout.ms",
    "group.consumer.session.timeout.ms",
    "group.coordinator.threads",
    "group.initial.rebalance.delay.ms",
    "group.max.session.timeout.ms",
    "group.max.size",
    "group.min.session.timeout.ms",
    "offset.metadata.max.bytes",
    "offsets.commit.timeout.ms",
    "offsets.load.buffer.size",
    "offsets.retention.check.interval.ms",
    "offsets.retention.minutes",
    "offsets.topic.compression.codec",
    "offsets.topic.num.partitions",
    "offsets.topic.segment.bytes",
];

#[test]
fn settings_of_groups_are_those_of_kafka() {
    compare(|peer| {
        for key in OF_GROUPS {
            for version in 1..=4 {
                let resource = json!({"resource_type": BROKER, "resource_name": "1", "configuration_keys": [key]});
                let body = json!({"resources": [resource], "include_synonyms": true});
                let mut answer = peer.client().call("DescribeConfigs", version, &body);
                answer["results"][0]["configs"] = by_name(&answer["results"][0]["configs"]);
                peer.note("DescribeConfigs", version, &body, &answer);
            }
        }
    });
}

#[test]
fn dynamic_configs_of_brokers_are_checked() {
    compare(|peer| {
        let settings = OF_GROUPS.into_iter().flat_map(|key| ["1", "0", "-1", "x"].map(|value| (key, value)));
        for (version, name) in (0..=1).flat_map(|version| ["", "1", "7", "x"].map(|name| (version, name))) {
            for (key, value) in settings.clone() {
                let configs = json!([{"name": key, "config_operation": SET, "value": value}]);
                let resource = json!({"resource_type": BROKER, "resource_name": name, "configs": configs});
                let body = json!({"resources": [resource], "validate_only": true});
                peer.call_sorted("IncrementalAlterConfigs", version, &body, "responses");
            }
        }
    });
}
