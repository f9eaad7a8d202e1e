//! Every topic config: that it is honoured, when the topic is made with it and when it is changed while the broker runs.
//!
//! A row of [`TABLE`] has two values of a config and what is seen under each; a config that nothing heeds cannot show both. What
//! one broker without tiers cannot honour is refused with a reason ([`REFUSED`]), and a config that is in none of the lists fails.

mod effects;
mod flushes;
mod work;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use test_support::{Broker, wait_until};

use crate::support::brokers::{is_kafka, start_own, wait_for_producer_ids};
use crate::support::client::Client;
use crate::support::topics::{Topic, connect};

const INVALID_CONFIG: i64 = 40;
const SET: i8 = 0;
const PATIENCE: Duration = Duration::from_secs(40);

/// A config, two of its values, and what shows which of them holds.
struct Row {
    key: &'static str,
    values: [&'static str; 2],
    /// What else the topic is made with.
    others: &'static [(&'static str, &'static str)],
    /// What a client does; what it is told.
    work: fn(&mut Client, &Topic) -> i64,
    /// What is seen afterwards, if not what the client was told.
    seen: Option<fn(&mut Seen<'_>) -> i64>,
    expected: Expected,
}

/// What is expected under the two values.
#[derive(Clone, Copy, Debug)]
enum Expected {
    /// These numbers.
    Exactly(i64, i64),
    /// Less under the second one.
    Less,
}

/// What an observer looks at.
struct Seen<'a> {
    client: &'a mut Client,
    topic: &'a Topic,
    /// The folder of the topic's partition.
    partition: PathBuf,
}

use Expected::{Exactly, Less};

const COMPACT: (&str, &str) = ("cleanup.policy", "compact");
const KEEP: (&str, &str) = ("retention.ms", "-1");
/// Segments of records whose times lie close together.
const SEGMENTS: (&str, &str) = ("segment.ms", "60000");
const EAGER: (&str, &str) = ("min.cleanable.dirty.ratio", "0");
const NEVER: (&str, &str) = ("min.cleanable.dirty.ratio", "1");
const FUTURE: (&str, &str) = ("message.timestamp.after.max.ms", "31536000000");
/// Ours opens compressed batches only where it is asked to; the real Kafka always does.
const OPENED: (&str, &str) = ("validate.compressed.records", "true");

#[rustfmt::skip]
const TABLE: &[Row] = &[
    Row { key: "cleanup.policy", values: ["compact", "delete"], others: &[("retention.ms", "60000"), SEGMENTS, EAGER],
        work: work::two_segments, seen: Some(effects::deleted), expected: Exactly(0, 1) },
    Row { key: "compression.type", values: ["uncompressed", "zstd"], others: &[],
        work: work::text, seen: Some(effects::codec), expected: Exactly(0, 4) },
    Row { key: "compression.gzip.level", values: ["1", "9"], others: &[("compression.type", "gzip")],
        work: work::text, seen: Some(effects::size), expected: Less },
    Row { key: "compression.lz4.level", values: ["9", "17"], others: &[("compression.type", "lz4")],
        work: work::text, seen: Some(effects::size), expected: Less },
    Row { key: "compression.zstd.level", values: ["1", "19"], others: &[("compression.type", "zstd")],
        work: work::text, seen: Some(effects::size), expected: Less },
    Row { key: "delete.retention.ms", values: ["1000", "86400000"], others: &[COMPACT, SEGMENTS, EAGER],
        work: work::tombstone, seen: Some(effects::far_horizon), expected: Exactly(0, 1) },
    Row { key: "file.delete.delay.ms", values: ["0", "3600000"], others: &[("retention.ms", "60000"), SEGMENTS],
        work: work::two_segments, seen: Some(effects::set_aside), expected: Exactly(0, 1) },
    Row { key: "index.interval.bytes", values: ["1073741824", "0"], others: &[SEGMENTS, KEEP],
        work: work::three_segments, seen: Some(effects::is_indexed), expected: Exactly(0, 1) },
    Row { key: "max.compaction.lag.ms", values: ["31536000000", "1000"], others: &[COMPACT, SEGMENTS, NEVER],
        work: work::two_segments, seen: Some(effects::compacted), expected: Exactly(0, 1) },
    Row { key: "max.decompressed.message.bytes", values: ["1000", "1000000"], others: &[OPENED],
        work: work::bomb, seen: None, expected: Exactly(87, 0) },
    Row { key: "max.message.bytes", values: ["100", "100000"], others: &[],
        work: work::text, seen: None, expected: Exactly(10, 0) },
    Row { key: "message.timestamp.after.max.ms", values: ["1000", "3600000"], others: &[],
        work: work::in_half_an_hour, seen: None, expected: Exactly(32, 0) },
    Row { key: "message.timestamp.before.max.ms", values: ["1000", "86400000"], others: &[],
        work: work::an_hour_ago, seen: None, expected: Exactly(32, 0) },
    Row { key: "message.timestamp.type", values: ["CreateTime", "LogAppendTime"], others: &[],
        work: work::an_hour_ago, seen: Some(effects::is_of_now), expected: Exactly(0, 1) },
    Row { key: "min.cleanable.dirty.ratio", values: ["1", "0"], others: &[COMPACT, SEGMENTS],
        work: work::two_segments, seen: Some(effects::compacted), expected: Exactly(0, 1) },
    Row { key: "min.compaction.lag.ms", values: ["31536000000", "0"], others: &[COMPACT, SEGMENTS, EAGER],
        work: work::two_segments, seen: Some(effects::compacted), expected: Exactly(0, 1) },
    Row { key: "retention.bytes", values: ["-1", "1"], others: &[KEEP, SEGMENTS],
        work: work::two_segments, seen: Some(effects::deleted), expected: Exactly(0, 1) },
    Row { key: "retention.ms", values: ["-1", "60000"], others: &[SEGMENTS],
        work: work::two_segments, seen: Some(effects::deleted), expected: Exactly(0, 1) },
    Row { key: "segment.bytes", values: ["1073741824", "1048576"], others: &[],
        work: work::two_large_batches, seen: Some(effects::segments), expected: Exactly(1, 2) },
    Row { key: "segment.index.bytes", values: ["10485760", "24"], others: &[("index.interval.bytes", "0"), SEGMENTS, KEEP],
        work: work::three_segments, seen: Some(effects::has_rolled), expected: Exactly(0, 1) },
    Row { key: "segment.jitter.ms", values: ["0", "8640000000"], others: &[("segment.ms", "8640000000"), KEEP, FUTURE],
        work: work::nearly_a_hundred_days_apart, seen: Some(effects::segments), expected: Exactly(2, 3) },
    Row { key: "segment.ms", values: ["31536000000", "60000"], others: &[],
        work: work::now_and_later, seen: Some(effects::segments), expected: Exactly(1, 2) },
];

/// The same for configs that are ours alone.
#[rustfmt::skip]
const OURS: &[Row] = &[
    Row { key: "max.decompressed.batch.bytes", values: ["1000", "1000000"], others: &[OPENED],
        work: work::bomb, seen: None, expected: Exactly(87, 0) },
    Row { key: "validate.compressed.records", values: ["false", "true"], others: &[],
        work: work::damaged_inside, seen: None, expected: Exactly(0, 87) },
];

/// Configs of what is synced when: they show in how often that is.
const FLUSHES: [&str; 3] = ["flush.messages", "flush.mode", "flush.ms"];

/// Taken and without effect on one broker, as in Kafka: no more replicas are waited for than there are.
const WITHOUT_EFFECT: &str = "min.insync.replicas";

/// What ours refuses, another value of it, and words of the reason.
const REFUSED: [(&str, &str, &str); 12] = [
    ("errors.deadletterqueue.group.enable", "true", "share groups"),
    ("follower.replication.throttled.replicas", "*", "one replica"),
    ("leader.replication.throttled.replicas", "*", "one replica"),
    ("local.retention.bytes", "1000", "no remote storage"),
    ("local.retention.ms", "1000", "no remote storage"),
    ("preallocate", "true", "grow as they are written"),
    ("remote.copy.lag.bytes", "1000", "no remote storage"),
    ("remote.copy.lag.ms", "1000", "no remote storage"),
    ("remote.log.copy.disable", "true", "no remote storage"),
    ("remote.log.delete.on.disable", "true", "no remote storage"),
    ("remote.storage.enable", "true", "no remote storage"),
    ("unclean.leader.election.enable", "true", "one replica"),
];

/// A topic of a row: which of its values holds, and what the client was told.
struct Trial<'r> {
    row: &'r Row,
    value: usize,
    how: &'static str,
    topic: Topic,
    told: i64,
}

impl Trial<'_> {
    fn seen(&self, client: &mut Client, broker: &Broker) -> i64 {
        let partition = broker.data().join(format!("{}-0", self.topic.name));
        self.row.seen.map_or(self.told, |seen| seen(&mut Seen { client, topic: &self.topic, partition }))
    }

    fn expected(&self) -> Option<i64> {
        match (self.row.expected, self.value) {
            (Exactly(first, _), 0) => Some(first),
            (Exactly(_, second), _) => Some(second),
            (Less, _) => None,
        }
    }

    fn name(&self) -> String {
        format!("{} {} {}", self.row.key, self.how, self.row.values[self.value])
    }
}

#[test]
fn every_config_is_honoured_from_the_start_and_from_a_change_on() {
    let broker = eager();
    let mut client = Client::connect(&broker.address());
    let ours = if is_kafka() { &[][..] } else { OURS };
    let rows = || TABLE.iter().chain(ours);
    let mut trials = Vec::new();
    for row in rows() {
        for (value, from, how) in [(0, 0, "made with"), (1, 1, "made with"), (1, 0, "changed to")] {
            let others = row.others.iter().copied().filter(|(key, _)| !is_kafka() || *key != OPENED.0);
            let configs: Vec<_> = others.chain([(row.key, row.values[from])]).collect();
            let topic = Topic::with(&mut client, 1, &configs);
            if from != value {
                alter(&mut client, &topic, row.key, row.values[value]);
            }
            trials.push(Trial { row, value, how, topic, told: 0 });
        }
    }
    if is_kafka() {
        // It answers before its broker has heard of the change, and nothing says when it has.
        std::thread::sleep(Duration::from_secs(2));
    }
    for trial in &mut trials {
        trial.told = (trial.row.work)(&mut client, &trial.topic);
    }
    for trial in &trials {
        let mut seen = -1;
        let Some(expected) = trial.expected() else { continue };
        let what = format!("{expected} of {}", trial.name());
        wait_until(&what, PATIENCE, || {
            let now = trial.seen(&mut client, &broker);
            if now != seen {
                eprintln!("{}: {now}", trial.name());
            }
            seen = now;
            seen == expected
        });
    }
    // What should not happen has not happened either by now that all has that should.
    for trial in trials.iter().filter(|trial| trial.expected().is_some()) {
        assert_eq!(Some(trial.seen(&mut client, &broker)), trial.expected(), "{}", trial.name());
    }
    for three in trials.chunks(3).filter(|three| matches!(three[0].row.expected, Less)) {
        let sizes: Vec<i64> = three.iter().map(|trial| trial.seen(&mut client, &broker)).collect();
        assert!(sizes[1] < sizes[0] && sizes[2] == sizes[1], "{}: {sizes:?}", three[0].name());
    }
}

#[test]
fn no_config_is_without_a_test() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let asked = json!({"resources": [{"resource_type": 2, "resource_name": topic.name, "configuration_keys": null}]});
    let answer = client.call("DescribeConfigs", 4, &asked);
    let configs = answer["results"][0]["configs"].as_array().unwrap();
    let known: BTreeSet<&str> = configs.iter().map(|config| config["name"].as_str().unwrap()).collect();
    let keys = TABLE.iter().chain(OURS).map(|row| row.key);
    let tested: BTreeSet<&str> =
        keys.chain(FLUSHES).chain([WITHOUT_EFFECT]).chain(REFUSED.map(|(key, _, _)| key)).collect();
    // Every one of Kafka's is there, and every one of ours.
    let of_ours: BTreeSet<&str> = OURS.iter().map(|row| row.key).chain(["flush.mode"]).collect();
    let expected = if is_kafka() { &tested - &of_ours } else { tested };
    assert_eq!(known, expected);
}

#[test]
fn more_replicas_in_sync_are_not_waited_for_than_there_are() {
    let mut client = connect();
    let topic = Topic::with(&mut client, 1, &[(WITHOUT_EFFECT, "2")]);
    assert_eq!(work::text(&mut client, &topic), 0);
}

#[test]
fn what_one_broker_cannot_honour_is_refused_with_the_reason() {
    if is_kafka() {
        return;
    }
    let mut client = connect();
    let topic = Topic::create(&mut client);
    for (key, value, reason) in REFUSED {
        let config = json!({"name": key, "value": value});
        let made = json!({"name": "refused", "num_partitions": 1, "replication_factor": 1, "configs": [config]});
        let answer = client.call("CreateTopics", 7, &json!({"topics": [made], "timeout_ms": 30000}));
        expect_reason(&answer["topics"][0], key, reason);
        expect_reason(&try_alter(&mut client, &topic, key, value), key, reason);
        // Its default is what it has, and may be said.
        let described = described(&mut client, &topic, key);
        assert_eq!(try_alter(&mut client, &topic, key, &described)["error_code"], 0, "{key}={described}");
    }
}

#[track_caller]
fn expect_reason(answer: &Value, key: &str, reason: &str) {
    assert_eq!(answer["error_code"], INVALID_CONFIG, "{key}: {answer}");
    let message = answer["error_message"].as_str().unwrap();
    assert!(message.contains(key) && message.contains(reason), "{key}: {message}");
}

fn described(client: &mut Client, topic: &Topic, key: &str) -> String {
    let asked = json!({"resources": [{"resource_type": 2, "resource_name": topic.name, "configuration_keys": [key]}]});
    let answer = client.call("DescribeConfigs", 4, &asked);
    answer["results"][0]["configs"][0]["value"].as_str().unwrap().to_owned()
}

/// A broker that looks around all the time.
fn eager() -> Broker {
    let broker = start_own(&[
        ("log.cleaner.backoff.ms", "100"),
        ("log.cleaner.dedupe.buffer.size", "2097152"),
        ("log.retention.check.interval.ms", "100"),
        ("log.initial.task.delay.ms", "100"),
        ("log.flush.offset.checkpoint.interval.ms", "100"),
    ]);
    wait_for_producer_ids(&broker.address());
    broker
}

fn try_alter(client: &mut Client, topic: &Topic, key: &str, value: &str) -> Value {
    let config = json!({"name": key, "config_operation": SET, "value": value});
    let resource = json!({"resource_type": 2, "resource_name": topic.name, "configs": [config]});
    let request = json!({"resources": [resource], "validate_only": false});
    client.call("IncrementalAlterConfigs", 1, &request)["responses"][0].clone()
}

#[track_caller]
fn alter(client: &mut Client, topic: &Topic, key: &str, value: &str) {
    let answer = try_alter(client, topic, key, value);
    assert_eq!(answer["error_code"], 0, "{answer}");
}
