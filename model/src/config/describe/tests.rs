//! The expected texts are what a Kafka 4.4 broker said, started with the same settings.

use super::*;
use crate::config::FileText;

fn map(settings: &[(&str, &str)]) -> BTreeMap<String, String> {
    settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn broker(file: &str) -> BrokerConfig {
    BrokerConfig::from_layers(Some(FileText { name: "server.properties", text: file }), [], []).unwrap().0
}

/// `value | source | synonyms` of a key.
#[track_caller]
fn line(described: &[Described], key: &str) -> String {
    let config = described.iter().find(|config| config.name == key).unwrap();
    let synonyms: Vec<_> = config
        .synonyms
        .iter()
        .map(|synonym| format!("{}={}@{:?}", synonym.name, synonym.value, synonym.source))
        .collect();
    format!("{} | {:?} | {}", config.value.as_deref().unwrap_or("null"), config.source, synonyms.join(";"))
}

#[test]
fn a_topic_shows_where_its_values_come_from() {
    let broker = broker(
        "log.segment.bytes=3000000\nlog.retention.minutes=77\nlog.roll.hours=5\nlog.flush.scheduler.interval.ms=5000",
    );
    let topic = broker.describe_topic(&map(&[("cleanup.policy", "compact,delete"), ("segment.ms", "7000000")]));
    for (key, expected) in [
        (
            "segment.bytes",
            "3000000 | StaticBroker | log.segment.bytes=3000000@StaticBroker;log.segment.bytes=1073741824@Default",
        ),
        (
            "cleanup.policy",
            "compact,delete | DynamicTopic | cleanup.policy=compact,delete@DynamicTopic;log.cleanup.policy=delete@Default",
        ),
        ("segment.ms", "7000000 | DynamicTopic | segment.ms=7000000@DynamicTopic"),
        // Kafka looks for synonyms from the strongest key on, which nobody set.
        ("retention.ms", "4620000 | Default | "),
        ("flush.ms", "5000 | Default | "),
        ("min.insync.replicas", "1 | Default | min.insync.replicas=1@Default"),
        ("compression.type", "producer | Default | compression.type=producer@Default"),
        ("remote.storage.enable", "false | Default | "),
        ("preallocate", "false | Default | log.preallocate=false@Default"),
    ] {
        assert_eq!(line(&topic, key), expected, "{key}");
    }
}

#[test]
fn a_broker_shows_where_its_values_come_from() {
    let broker =
        broker("log.segment.bytes=3000000\nlog.retention.minutes=77\nlog.roll.hours=5\nnode.id=1\nlog.dirs=/data");
    let cluster = map(&[("log.segment.bytes", "4500000"), ("log.retention.ms", "3000")]);
    let broker = broker.with_dynamic(&cluster, &map(&[("log.segment.bytes", "4000000")]));
    let described = broker.describe_broker();
    for (key, expected) in [
        (
            "log.segment.bytes",
            "4000000 | DynamicBroker | log.segment.bytes=4000000@DynamicBroker;log.segment.bytes=4500000@DynamicDefaultBroker;log.segment.bytes=3000000@StaticBroker;log.segment.bytes=1073741824@Default",
        ),
        (
            "log.retention.ms",
            "3000 | DynamicDefaultBroker | log.retention.ms=3000@DynamicDefaultBroker;log.retention.minutes=77@StaticBroker;log.retention.hours=168@Default",
        ),
        (
            "log.retention.minutes",
            "77 | StaticBroker | log.retention.minutes=77@StaticBroker;log.retention.hours=168@Default",
        ),
        ("log.retention.hours", "168 | Default | log.retention.hours=168@Default"),
        ("log.roll.ms", "null | Default | "),
        ("log.flush.interval.ms", "null | Default | "),
        ("log.roll.hours", "5 | StaticBroker | log.roll.hours=5@StaticBroker;log.roll.hours=168@Default"),
        ("broker.id", "1 | StaticBroker | broker.id=1@StaticBroker;broker.id=-1@Default"),
        ("log.dirs", "/data | StaticBroker | log.dirs=/data@StaticBroker"),
        ("num.partitions", "1 | Default | num.partitions=1@Default"),
    ] {
        assert_eq!(line(&described, key), expected, "{key}");
    }
    let read_only = |key: &str| described.iter().find(|config| config.name == key).unwrap().is_read_only;
    assert!(read_only("log.retention.hours") && read_only("num.partitions") && !read_only("log.segment.bytes"));
}

#[test]
fn all_brokers_show_only_what_was_set_for_all() {
    let broker = broker("log.segment.bytes=3000000");
    let broker = broker.with_dynamic(
        &map(&[("producer.id.expiration.ms", "99")]),
        &map(&[("producer.id.expiration.ms", "77"), ("log.roll.ms", "5")]),
    );
    let cluster = broker.describe_cluster();
    assert_eq!(cluster.len(), 1);
    assert_eq!(
        line(&cluster, "producer.id.expiration.ms"),
        "99 | DynamicDefaultBroker | producer.id.expiration.ms=99@DynamicDefaultBroker"
    );
}

#[test]
fn everything_is_documented_and_named_once() {
    let broker = BrokerConfig::default();
    for described in [broker.describe_topic(&map(&[])), broker.describe_broker()] {
        assert!(described.windows(2).all(|pair| pair[0].name < pair[1].name));
        for config in described {
            assert!(config.documentation.ends_with('.'), "{}: {:?}", config.name, config.documentation);
        }
    }
}

/// Every topic config of Kafka 4.4 (`LogConfig` prints 37), and three of ours.
#[test]
fn no_topic_config_of_kafkas_is_missing() {
    assert_eq!(BrokerConfig::default().describe_topic(&map(&[])).len(), 37 + 3);
}
