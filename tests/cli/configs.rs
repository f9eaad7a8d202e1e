//! `tidelog config` and `tidelog topic purge`.

use serde_json::Value;

use crate::{Cli, SOON};

/// What `config describe` shows of one thing: value and source of a key.
fn of(cli: &Cli, kind: &str, name: &str, key: &str) -> Option<(Value, Value)> {
    let described = cli.json(&["config", "describe", kind, name], b"");
    let configs = described[0]["configs"].as_array().unwrap().clone();
    let found = configs.into_iter().find(|config| config["name"] == key)?;
    Some((found["value"].clone(), found["source"].clone()))
}

pub(crate) fn are_shown_and_changed(cli: &Cli) {
    cli.ok(&["topic", "create", "configured"], b"");
    let alter = ["config", "alter", "topic", "configured", "--set", "retention.ms=86400000"];
    cli.ok(&[&alter[..], &["--dry-run"]].concat(), b"");
    assert_eq!(of(cli, "topic", "configured", "retention.ms"), None);
    cli.ok(&alter, b"");
    let own = ("86400000".into(), "DYNAMIC_TOPIC_CONFIG".into());
    assert_eq!(of(cli, "topic", "configured", "retention.ms"), Some(own));
    let every = cli.json(&["config", "describe", "topic"], b"");
    assert!(every.as_array().unwrap().iter().any(|topic| topic["name"] == "configured"));
    let all = cli.json(&["config", "describe", "topic", "configured", "--all"], b"");
    let configs = all[0]["configs"].as_array().unwrap();
    assert!(configs.iter().any(|config| config["name"] == "segment.bytes" && config["source"] == "DEFAULT_CONFIG"));
    let text = String::from_utf8(cli.ok(&["config", "describe", "topic", "configured"], b"")).unwrap();
    let words: Vec<&str> = text.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(words, ["topic", "configured", "retention.ms", "86400000", "DYNAMIC_TOPIC_CONFIG"]);
    let (code, words) = cli.fails(&["config", "alter", "topic", "configured", "--set", "retention.ms=long"]);
    assert_eq!(code, 1);
    assert!(words.contains("INVALID_CONFIG"), "{words}");
    cli.ok(&["config", "alter", "topic", "configured", "--unset", "retention.ms"], b"");
    assert_eq!(of(cli, "topic", "configured", "retention.ms"), None);

    for (name, source) in [("default", "DYNAMIC_DEFAULT_BROKER_CONFIG"), ("1", "DYNAMIC_BROKER_CONFIG")] {
        cli.ok(&["config", "alter", "broker", name, "--set", "message.max.bytes=2000000"], b"");
        // Kafka's brokers apply what they are told a moment after it was answered.
        let shown = || of(cli, "broker", name, "message.max.bytes") == Some(("2000000".into(), source.into()));
        test_support::wait_until("the broker shows its config", SOON, shown);
        cli.ok(&["config", "alter", "broker", name, "--unset", "message.max.bytes"], b"");
    }
    let (code, words) = cli.fails(&["config", "describe", "broker", "one"]);
    assert_eq!((code, words.contains("INVALID_REQUEST")), (1, true), "{words}");
}

pub(crate) fn of_groups_and_client_metrics_are_resources_too(cli: &Cli) {
    for (kind, name, set, source) in [
        ("group", "configured", "consumer.session.timeout.ms=50000", "DYNAMIC_GROUP_CONFIG"),
        ("client-metrics", "configured", "interval.ms=60000", "DYNAMIC_CLIENT_METRICS_CONFIG"),
    ] {
        let (key, value) = set.split_once('=').unwrap();
        cli.ok(&["config", "alter", kind, name, "--set", set], b"");
        let listed = || cli.json(&["config", "describe", kind], b"")[0]["name"] == name;
        test_support::wait_until("the resource is listed", SOON, listed);
        assert_eq!(of(cli, kind, name, key), Some((value.into(), source.into())));
        let (code, _) = cli.fails(&["config", "alter", kind, name, "--set", "nosuch=1"]);
        assert_eq!(code, 1);
        cli.ok(&["config", "alter", kind, name, "--unset", key], b"");
    }
}

pub(crate) fn topics_are_purged(cli: &Cli) {
    cli.ok(&["topic", "create", "purged", "--partitions", "2"], b"");
    for partition in ["0", "1"] {
        cli.ok(&["produce", "purged", "--partition", partition], b"0\n1\n2\n3\n4\n");
    }
    let purged = cli.json(&["topic", "purge", "purged", "--partition", "1", "--before-offset", "3"], b"");
    assert_eq!(purged[0]["partitions"], serde_json::json!([{ "partition": 1, "start_offset": 3 }]));
    assert_eq!(cli.ok(&["consume", "purged", "--partition", "1"], b""), b"3\n4\n");
    let (code, words) = cli.fails(&["topic", "purge", "purged", "--before-offset", "6"]);
    assert_eq!((code, words.contains("OFFSET_OUT_OF_RANGE")), (1, true), "{words}");
    let (_, words) = cli.fails(&["topic", "purge", "purged", "--partition", "7"]);
    assert!(words.contains("no partition 7"), "{words}");

    cli.ok(&["topic", "purge", "purged"], b"");
    assert_eq!(cli.ok(&["consume", "purged"], b""), b"");
    let described = cli.json(&["topic", "describe", "purged"], b"");
    for partition in described[0]["partitions"].as_array().unwrap() {
        assert_eq!((&partition["start_offset"], &partition["end_offset"]), (&5.into(), &5.into()));
    }
    cli.ok(&["produce", "purged", "--partition", "0"], b"5\n");
    assert_eq!(cli.ok(&["consume", "purged"], b""), b"5\n");
}
