use super::*;
use crate::config::FlushMode;

type Loaded = Result<(BrokerConfig, Vec<Warning>), ConfigError>;

fn load(file: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Loaded {
    let file = FileText { name: "server.properties", text: file };
    BrokerConfig::from_layers(Some(file), environment.iter().copied(), flags.iter().copied())
}

fn from_file(file: &str) -> BrokerConfig {
    load(file, &[], &[]).unwrap().0
}

#[track_caller]
fn check_error(file: &str, expected: &str) {
    assert_eq!(load(file, &[], &[]).unwrap_err().to_string(), expected);
}

fn map(settings: &[(&str, &str)]) -> BTreeMap<String, String> {
    settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn nothing_set_is_the_default() {
    let (config, warnings) = BrokerConfig::from_layers(None, [("PATH", "/bin")], []).unwrap();
    assert_eq!((config, warnings), (BrokerConfig::default(), vec![]));
}

#[test]
fn the_later_source_wins() {
    let file = "num.partitions=2\nnode.id=2\nbroker.rack=a";
    let environment = [("KAFKA_NUM_PARTITIONS", "3"), ("KAFKA_NODE_ID", "3")];
    let (config, warnings) = load(file, &environment, &[("node.id", " 4 ")]).unwrap();
    assert_eq!((config.num_partitions, config.node_id, config.broker_rack.as_deref()), (3, 4, Some("a")));
    assert_eq!(warnings, []);
}

#[test]
fn a_variable_is_named_as_in_the_official_image() {
    for (variable, key) in [
        ("KAFKA_LOG_DIRS", Some("log.dirs")),
        ("KAFKA_A__B___C", Some("a_b-c")),
        ("KAFKA_HEAP_OPTS", None),
        ("PATH", None),
        ("kafka_log_dirs", None),
    ] {
        assert_eq!(key_of_variable(variable).as_deref(), key, "{variable}");
    }
}

#[test]
fn hours_and_minutes_are_weaker_than_milliseconds() {
    assert_eq!(from_file("log.retention.hours=2").topic_defaults().retention_ms, 7_200_000);
    assert_eq!(from_file("log.retention.hours=2\nlog.retention.minutes=5").topic_defaults().retention_ms, 300_000);
    assert_eq!(from_file("log.retention.ms=7\nlog.retention.hours=2").topic_defaults().retention_ms, 7);
    assert_eq!(from_file("log.retention.hours=-1").topic_defaults().retention_ms, -1);
    assert_eq!(from_file("log.roll.jitter.hours=1").topic_defaults().segment_jitter_ms, 3_600_000);
    assert_eq!(from_file("log.flush.scheduler.interval.ms=9").topic_defaults().flush_ms, 9);
}

#[test]
fn a_topic_goes_by_its_overrides_over_the_broker_over_the_defaults() {
    let broker = from_file("log.segment.bytes=2000000\nlog.flush.mode=async\nmessage.max.bytes=10");
    let topic = broker.topic_config(&map(&[("segment.bytes", "3000000"), ("gone.key", "1"), ("segment.ms", "x")]));
    assert_eq!((topic.segment_bytes, topic.flush_mode, topic.max_message_bytes), (3_000_000, FlushMode::Async, 10));
    assert_eq!(topic.segment_ms, TopicConfig::default().segment_ms);
}

#[test]
fn dynamic_values_win_and_go_away_again() {
    let start = from_file("log.segment.bytes=2000000\nproducer.id.expiration.ms=5");
    let cluster = map(&[("log.segment.bytes", "3000000"), ("num.partitions", "9")]);
    let changed =
        start.with_dynamic(&cluster, &map(&[("log.segment.bytes", "4000000"), ("producer.id.expiration.ms", "6")]));
    assert_eq!(
        (changed.topic_defaults().segment_bytes, changed.producer_id_expiration_ms, changed.num_partitions),
        (4_000_000, 6, 1)
    );
    assert_eq!(changed.with_dynamic(&cluster, &map(&[])).topic_defaults().segment_bytes, 3_000_000);
    assert_eq!(changed.with_dynamic(&map(&[]), &map(&[])), start);
}

#[test]
fn an_error_names_the_place_and_what_would_be_right() {
    check_error(
        "\nnum.partitions=many",
        "server.properties, line 2: num.partitions=many: expected a whole number between -2147483648 and 2147483647",
    );
    check_error("log.segment.bytes=5", "server.properties, line 1: log.segment.bytes=5: expected at least 1048576");
    check_error(
        "num.partition=1",
        "server.properties, line 1: there is no broker key \"num.partition\"; did you mean num.partitions?",
    );
    check_error(
        "entirely.unlike.anything=1",
        "server.properties, line 1: there is no broker key \"entirely.unlike.anything\"",
    );
    check_error("a=\\u1", "server.properties, line 1: \\u must be followed by four hexadecimal digits");
    let error = load("", &[("KAFKA_NODE_ID", "x")], &[]).unwrap_err().to_string();
    assert!(error.starts_with("environment variable KAFKA_NODE_ID: node.id=x: expected a whole number"), "{error}");
    let error = load("", &[], &[("no.such.key", "x")]).unwrap_err().to_string();
    assert_eq!(error, "command line: there is no broker key \"no.such.key\"");
}

#[test]
fn what_has_no_effect_here_is_said_once() {
    let (_, warnings) =
        load("num.io.threads=8\n", &[("KAFKA_PORT", "tcp://10.0.0.1:9092"), ("KAFKA_OPTS", "-X")], &[]).unwrap();
    let warnings: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "server.properties, line 1: num.io.threads has no effect in Tidelog",
            "environment variable KAFKA_PORT: there is no broker key \"port\"",
        ]
    );
    let (config, warnings) = load("node.id=1\nnode.id=2", &[], &[]).unwrap();
    assert_eq!((config.node_id, warnings.len()), (2, 1));
}

#[test]
fn security_that_does_not_work_yet_stops_the_start() {
    for file in [
        "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users=User:admin",
        "sasl.enabled.mechanisms=PLAIN",
        "ssl.keystore.location=/etc/keystore.p12",
        "listener.name.external.ssl.keystore.location=/etc/keystore.p12",
        "security.inter.broker.protocol=SSL",
        "listeners=SSL://:9093",
        "listeners=PLAINTEXT://:9092,SASL_PLAINTEXT://:9093",
        "listeners=CLIENT://:9092\nlistener.security.protocol.map=CLIENT:SASL_SSL",
        "config.providers=env",
        "create.topic.policy.class.name=org.example.Policy",
    ] {
        assert!(matches!(load(file, &[], &[]), Err(ConfigError::Refused { .. })), "{file}");
    }
    for file in ["authorizer.class.name=", "security.inter.broker.protocol=PLAINTEXT"] {
        assert!(load(file, &[], &[]).is_ok(), "{file}");
    }
}

/// What the official image starts with where nothing is set, as far as it concerns listeners.
#[test]
fn the_official_images_file_starts_a_broker() {
    let file = "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.bootstrap.servers=localhost:9093\n\
        listeners=PLAINTEXT://:9092,CONTROLLER://:9093\ninter.broker.listener.name=PLAINTEXT\n\
        advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093\ncontroller.listener.names=CONTROLLER\n\
        listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT\n\
        log.dirs=/tmp/kraft-combined-logs\n";
    let (config, warnings) = load(file, &[], &[]).unwrap();
    assert_eq!(config.listeners.iter().map(ToString::to_string).collect::<Vec<_>>(), ["PLAINTEXT://:9092"]);
    let advertised: Vec<_> = config.advertised_listeners.iter().flatten().map(ToString::to_string).collect();
    assert_eq!(advertised, ["PLAINTEXT://localhost:9092"]);
    assert_eq!(config.data_dir(), "/tmp/kraft-combined-logs");
    assert_eq!(warnings.len(), 3, "{warnings:?}");
}

#[test]
fn keys_that_do_not_go_together_are_refused() {
    for file in [
        "process.roles=controller",
        "process.roles=broker,leader",
        "log.dirs=/a,/b",
        "node.id=1\nbroker.id=2",
        "queued.max.request.bytes=1000",
        "log.cleaner.min.compaction.lag.ms=9\nlog.cleaner.max.compaction.lag.ms=8",
        "listeners=EXTERNAL://:9092",
        "listeners=CONTROLLER://:9093\ncontroller.listener.names=CONTROLLER",
        "advertised.listeners=PLAINTEXT://0.0.0.0:9092",
        "advertised.listeners=OTHER://host:9092",
        "listeners=",
        "log.dir=",
    ] {
        assert!(matches!(load(file, &[], &[]), Err(ConfigError::Invalid { .. })), "{file}");
    }
    assert_eq!(from_file("broker.id=7").node_id, 7);
}

#[test]
fn unlimited_request_memory_is_limited() {
    assert_eq!(from_file("").request_bytes_max(), 256 << 20);
    assert_eq!(from_file("socket.request.max.bytes=1000000000").request_bytes_max(), 1_000_000_000);
    assert_eq!(from_file("queued.max.request.bytes=200000000").request_bytes_max(), 200_000_000);
}

/// A file that sets every key to its default makes the default configuration, but for where the values come from.
#[test]
fn defaults_can_be_written_out() {
    let lines: Vec<_> = Key::all().filter_map(|key| Some(format!("{}={}", key.name(), key.default_text()?))).collect();
    // The old name of node.id has a default that says nothing.
    let mut config = from_file(&lines.join("\n").replace("broker.id=-1", "broker.id=1"));
    config.broker_id = -1;
    config.layers = Layers::default();
    assert_eq!(config, BrokerConfig::default());
}

#[test]
fn a_list_with_an_empty_entry_is_refused_where_it_stands() {
    for value in [",", "classic,,consumer", "classic,"] {
        let error = load("", &[], &[("group.coordinator.rebalance.protocols", value)]).unwrap_err();
        assert!(error.to_string().contains("without empty entries"), "{value}: {error}");
    }
}

proptest::proptest! {
    #[test]
    fn no_setting_is_a_panic(index in 0..60_usize, value in "[-0-9a-zA-Z:/.,\\[\\] ]{0,20}|\\PC{0,20}") {
        let keys: Vec<_> = Key::all().collect();
        let key = keys[index % keys.len()];
        let loaded = load("", &[], &[(key.name(), &value)]);
        if let Ok((config, _)) = loaded {
            // What is described can be set again, and is then the same.
            let described = config.describe_broker();
            let again = described.iter().find(|config| config.name == key.name()).and_then(|config| config.value.clone());
            proptest::prop_assert_eq!(load("", &[], &[(key.name(), &again.unwrap_or_default())]).map(|(config, _)| config), Ok(config));
        }
    }
}
