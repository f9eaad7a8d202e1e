//! DescribeConfigs, IncrementalAlterConfigs, AlterConfigs.

use serde_json::{Value, json};

use super::compare;
use super::peer::Peer;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// Topic configs of ours that Kafka does not have.
const OURS: [&str; 3] = ["flush.mode", "max.decompressed.batch.bytes", "validate.compressed.records"];

/// Described configs by their names, without those that only ours has.
pub(super) fn by_name(configs: &Value) -> Value {
    let name = |config: &Value| config["name"].as_str().unwrap().to_owned();
    let all = configs.as_array().unwrap().iter().map(|config| (name(config), config.clone()));
    Value::Object(all.filter(|(name, _)| !OURS.contains(&name.as_str())).collect())
}

fn describe(peer: &mut Peer, version: i16, resources: &[Value], more: Value) {
    let mut body = json!({"resources": resources});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    let mut answer = peer.client().call("DescribeConfigs", version, &body);
    for result in answer["results"].as_array_mut().unwrap() {
        result["configs"] = by_name(&result["configs"]);
    }
    peer.note("DescribeConfigs", version, &body, &answer);
}

fn resource(resource_type: i8, name: &str, keys: Value) -> Value {
    json!({"resource_type": resource_type, "resource_name": name, "configuration_keys": keys})
}

#[test]
fn describe_configs_of_a_topic_in_every_version() {
    compare(|peer| {
        let plain = peer.topic("plain", 1, &[]);
        let set = peer.topic(
            "set",
            1,
            &[("retention.ms", "5000"), ("cleanup.policy", "compact"), ("segment.bytes", "1048577")],
        );
        for version in 1..=4 {
            for topic in [&plain, &set] {
                describe(peer, version, &[resource(TOPIC, &topic.name, Value::Null)], json!({}));
                describe(
                    peer,
                    version,
                    &[resource(TOPIC, &topic.name, Value::Null)],
                    json!({"include_synonyms": true}),
                );
                describe(
                    peer,
                    version,
                    &[resource(TOPIC, &topic.name, Value::Null)],
                    json!({"include_documentation": true}),
                );
                let some = json!(["retention.ms", "no.such.config", "segment.bytes", "retention.ms"]);
                describe(peer, version, &[resource(TOPIC, &topic.name, some)], json!({"include_synonyms": true}));
                describe(peer, version, &[resource(TOPIC, &topic.name, json!([]))], json!({}));
            }
        }
    });
}

#[test]
fn describe_configs_of_what_is_not_there() {
    compare(|peer| {
        let topic = peer.topic("t", 1, &[]);
        let some = json!(["retention.ms"]);
        for version in 1..=4 {
            for (resource_type, name) in [
                (TOPIC, peer.name("nobody").as_str()),
                (TOPIC, ""),
                (TOPIC, "."),
                (TOPIC, "a b"),
                (BROKER, "7"),
                (BROKER, "-1"),
                (BROKER, "one"),
                (BROKER, "01"),
                (0, "x"),
                (1, "x"),
                (3, "x"),
                (5, "x"),
                (64, "x"),
                (127, "x"),
                (-1, "x"),
            ] {
                describe(peer, version, &[resource(resource_type, name, some.clone())], json!({}));
            }
            let both = [resource(TOPIC, &topic.name, some.clone()), resource(TOPIC, "", some.clone())];
            describe(peer, version, &both, json!({}));
            describe(peer, version, &[], json!({}));
            describe(
                peer,
                version,
                &[resource(TOPIC, &topic.name, some.clone()), resource(TOPIC, &topic.name, some.clone())],
                json!({}),
            );
        }
    });
}

#[test]
fn describe_configs_of_a_broker() {
    compare(|peer| {
        let keys = [
            "num.partitions",
            "auto.create.topics.enable",
            "log.segment.bytes",
            "log.retention.hours",
            "log.retention.ms",
            "message.max.bytes",
            "log.cleanup.policy",
            "log.flush.interval.messages",
            "broker.rack",
            "delete.topic.enable",
            "min.insync.replicas",
            "default.replication.factor",
            "log.message.timestamp.type",
            "no.such.config",
            "log.roll.ms",
            "log.roll.hours",
            "log.index.interval.bytes",
            "fetch.max.bytes",
        ];
        for version in 1..=4 {
            for synonyms in [false, true] {
                for key in keys {
                    describe(
                        peer,
                        version,
                        &[resource(BROKER, "1", json!([key]))],
                        json!({"include_synonyms": synonyms}),
                    );
                }
                describe(
                    peer,
                    version,
                    &[resource(BROKER, "", json!(["num.partitions"]))],
                    json!({"include_synonyms": synonyms}),
                );
                describe(peer, version, &[resource(BROKER, "", Value::Null)], json!({"include_synonyms": synonyms}));
            }
        }
    });
}

const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

fn alter(peer: &mut Peer, version: i16, validate_only: bool, name: &str, ops: &[(&str, i8, Value)]) {
    let configs: Vec<_> =
        ops.iter().map(|(key, op, value)| json!({"name": key, "config_operation": op, "value": value})).collect();
    let resource = json!({"resource_type": TOPIC, "resource_name": name, "configs": configs});
    let body = json!({"resources": [resource], "validate_only": validate_only});
    peer.call_sorted("IncrementalAlterConfigs", version, &body, "responses");
    overridden(peer, name);
}

/// Compares what is set on a topic: Kafka's broker hears of a change a moment after the answer.
fn overridden(peer: &mut Peer, name: &str) {
    let body = json!({"resources": [resource(TOPIC, name, Value::Null)]});
    peer.settle();
    let answer = peer.client().call("DescribeConfigs", 4, &body);
    let configs = answer["results"][0]["configs"].as_array().unwrap();
    let set: Vec<_> = configs.iter().filter(|config| config["config_source"] == 1).cloned().collect();
    let mut set: Vec<_> = set.iter().map(|config| json!([config["name"], config["value"]])).collect();
    set.sort_by_key(Value::to_string);
    peer.note("overrides of a topic", 4, &json!(name), &json!(set));
}

#[test]
fn incremental_alter_configs_of_a_topic() {
    compare(|peer| {
        let topic = peer.topic("t", 1, &[]);
        let name = topic.name.as_str();
        for version in 0..=1 {
            for validate_only in [true, false] {
                let mut step = |ops: &[(&str, i8, Value)]| alter(peer, version, validate_only, name, ops);
                step(&[("retention.ms", SET, json!("1000"))]);
                step(&[("retention.ms", SET, json!("2000")), ("segment.bytes", SET, json!("1048576"))]);
                step(&[("cleanup.policy", APPEND, json!("compact"))]);
                step(&[("cleanup.policy", APPEND, json!("compact"))]);
                step(&[("cleanup.policy", SUBTRACT, json!("delete"))]);
                step(&[("cleanup.policy", SUBTRACT, json!("delete"))]);
                step(&[("cleanup.policy", SUBTRACT, json!("compact"))]);
                step(&[("cleanup.policy", APPEND, json!("shred"))]);
                for list in ["compact,,delete", "compact,", "compact,compact", ",", ""] {
                    step(&[("cleanup.policy", SET, json!(list))]);
                }
                step(&[("cleanup.policy", DELETE, Value::Null)]);
                step(&[("cleanup.policy", SUBTRACT, json!("delete"))]);
                step(&[("cleanup.policy", APPEND, Value::Null)]);
                step(&[("segment.bytes", DELETE, Value::Null)]);
                step(&[("segment.bytes", DELETE, json!("5"))]);
                step(&[("segment.bytes", APPEND, json!("1048576"))]);
                step(&[("segment.bytes", SUBTRACT, json!("1048576"))]);
                step(&[("segment.bytes", SET, Value::Null)]);
                step(&[("segment.bytes", SET, json!("1"))]);
                step(&[("no.such.config", SET, json!("1"))]);
                step(&[("no.such.config", DELETE, Value::Null)]);
                step(&[("no.such.config", APPEND, json!("1"))]);
                step(&[("", SET, json!("1"))]);
                step(&[("retention.ms", SET, json!("7")), ("no.such.config", SET, json!("1"))]);
                step(&[("retention.ms", SET, json!("8")), ("retention.ms", SET, json!("9"))]);
                step(&[("retention.ms", SET, json!("8")), ("retention.ms", DELETE, Value::Null)]);
                step(&[("retention.ms", DELETE, Value::Null)]);
                step(&[("max.compaction.lag.ms", SET, json!("1")), ("min.compaction.lag.ms", SET, json!("2"))]);
                step(&[]);
            }
        }
    });
}

#[test]
fn incremental_alter_configs_of_what_is_not_there() {
    compare(|peer| {
        let topic = peer.topic("t", 1, &[]);
        let nobody = peer.name("nobody");
        let configs = json!([{"name": "retention.ms", "config_operation": SET, "value": "1"}]);
        let of = |resource_type: i8, name: &str| json!({"resource_type": resource_type, "resource_name": name, "configs": configs});
        for version in 0..=1 {
            let mut call = |resources: Value| {
                peer.call_sorted("IncrementalAlterConfigs", version, &json!({"resources": resources}), "responses");
            };
            for (resource_type, name) in [
                (TOPIC, nobody.as_str()),
                (TOPIC, ""),
                (TOPIC, "a b"),
                (BROKER, "7"),
                (BROKER, "one"),
                (0, "x"),
                (1, "x"),
                (3, "x"),
                (64, "x"),
                (-1, "x"),
            ] {
                call(json!([of(resource_type, name)]));
            }
            call(json!([]));
            call(json!([of(TOPIC, &topic.name), of(TOPIC, &topic.name)]));
            call(json!([of(TOPIC, &topic.name), of(TOPIC, &nobody)]));
        }
        overridden(peer, &topic.name);
    });
}

#[test]
fn alter_configs_of_a_topic() {
    compare(|peer| {
        let topic = peer.topic("t", 1, &[("flush.messages", "7")]);
        let nobody = peer.name("nobody");
        for version in 0..=2 {
            for validate_only in [true, false] {
                for configs in [
                    json!([{"name": "retention.ms", "value": "1000"}]),
                    json!([{"name": "segment.bytes", "value": "1048576"}, {"name": "cleanup.policy", "value": "compact"}]),
                    json!([{"name": "segment.bytes", "value": "1"}]),
                    json!([{"name": "segment.bytes", "value": null}]),
                    json!([{"name": "no.such.config", "value": "1"}]),
                    json!([{"name": "retention.ms", "value": "1"}, {"name": "retention.ms", "value": "2"}]),
                    json!([]),
                ] {
                    let of = json!({"resource_type": TOPIC, "resource_name": topic.name, "configs": configs});
                    let body = json!({"resources": [of], "validate_only": validate_only});
                    peer.call_sorted("AlterConfigs", version, &body, "responses");
                    overridden(peer, &topic.name);
                }
                for (resource_type, name) in
                    [(TOPIC, nobody.as_str()), (TOPIC, ""), (0, "x"), (BROKER, "7"), (BROKER, "one")]
                {
                    let of = json!({"resource_type": resource_type, "resource_name": name, "configs": [{"name": "retention.ms", "value": "1"}]});
                    let body = json!({"resources": [of], "validate_only": validate_only});
                    peer.call_sorted("AlterConfigs", version, &body, "responses");
                }
                // A resource twice in a request is not asked: the real one never answers.
            }
        }
    });
}

#[test]
fn dynamic_configs_of_a_broker() {
    compare(|peer| {
        let change = |name: &str, key: &str, op: i8, value: Value| {
            let configs = json!([{"name": key, "config_operation": op, "value": value}]);
            let of = json!({"resource_type": BROKER, "resource_name": name, "configs": configs});
            json!({"resources": [of], "validate_only": true})
        };
        for version in 0..=1 {
            for name in ["1", ""] {
                for (key, value) in [
                    ("log.retention.ms", "1000"),
                    ("log.retention.ms", "soon"),
                    ("log.segment.bytes", "1048576"),
                    ("log.segment.bytes", "1"),
                    ("message.max.bytes", "2000000"),
                    ("num.partitions", "3"),
                    ("node.id", "3"),
                    ("log.cleaner.threads", "0"),
                    ("log.cleaner.threads", "3"),
                ] {
                    peer.call_sorted(
                        "IncrementalAlterConfigs",
                        version,
                        &change(name, key, SET, json!(value)),
                        "responses",
                    );
                }
            }
        }
    });
}
