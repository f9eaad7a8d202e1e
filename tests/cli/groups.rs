//! `tidelog group`, with members of both protocols in the groups.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use serde_json::{Value, json};

use crate::{Cli, SOON};

/// The topic of these tests has this many records in each of its partitions.
const RECORDS: [i64; 3] = [10, 20, 30];

/// A new member of a group, which has read everything that is there, and has committed it.
fn join(cli: &Cli, group: &str, protocol: &str, topic: &str) -> BaseConsumer {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &cli.address)
        .set("group.id", group)
        .set("group.protocol", protocol)
        .set("client.id", "reader")
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .create()
        .unwrap();
    consumer.subscribe(&[topic]).unwrap();
    let mut missing: i64 = RECORDS.iter().sum();
    test_support::wait_until("the member has read everything", SOON, || {
        if let Some(message) = consumer.poll(Duration::from_millis(100)) {
            message.unwrap();
            missing -= 1;
        }
        missing == 0
    });
    consumer.commit_consumer_state(CommitMode::Sync).unwrap();
    consumer
}

pub(crate) fn are_commanded(cli: &Cli) {
    for protocol in ["classic", "consumer"] {
        their_members_are_described(cli, protocol);
    }
    offsets_are_set_in_every_way(cli);
    offsets_go_out_as_csv_and_come_back(cli);
    those_that_do_not_exist_are_named(cli);
}

fn make_topic(cli: &Cli, topic: &str) {
    cli.ok(&["topic", "create", topic, "--partitions", "3"], b"");
    for (partition, count) in RECORDS.iter().enumerate() {
        let lines = "a line\n".repeat(usize::try_from(*count).unwrap());
        cli.ok(&["produce", topic, "--partition", &partition.to_string()], lines.as_bytes());
    }
}

fn their_members_are_described(cli: &Cli, protocol: &str) {
    let (topic, group) = (format!("of-{protocol}"), format!("{protocol}s"));
    let (kind, other) = if protocol == "classic" { ("Classic", "consumer") } else { ("Consumer", "classic") };
    make_topic(cli, &topic);
    let member = join(cli, &group, protocol, &topic);
    cli.ok(&["produce", &topic, "--partition", "1"], b"a\nb\n");

    let described = &cli.json(&["group", "describe", &group], b"")[0];
    assert_eq!(
        (&described["state"], &described["type"], &described["lag"]),
        (&"Stable".into(), &kind.into(), &2.into())
    );
    let members = described["members"].as_array().unwrap();
    assert_eq!(members.len(), 1);
    assert_eq!(members[0]["assignment"], json!({ &*topic: [0, 1, 2] }));
    assert_eq!(members[0]["topics"], json!([topic]));
    assert_eq!(members[0]["client_id"], "reader");
    let partition = &described["partitions"][1];
    let expected = json!({ "topic": topic, "partition": 1, "current_offset": 20, "log_end_offset": 22, "lag": 2,
                           "member_id": members[0]["member_id"] });
    assert_eq!(*partition, expected);
    if protocol == "consumer" {
        assert_eq!(members[0]["target_assignment"], members[0]["assignment"]);
        assert_eq!((&described["assignor"], &described["group_epoch"]), (&"uniform".into(), &members[0]["epoch"]));
    }
    let text = |part: &str| String::from_utf8(cli.ok(&["group", "describe", &group, part], b"")).unwrap();
    assert!(text("--members").contains(&format!("{topic}:0,1,2")), "{}", text("--members"));
    assert_eq!(text("--state").lines().count(), 1);
    assert_eq!(text("--offsets").lines().count(), 2 + RECORDS.len());

    assert!(is_listed(cli, &group, &["--state", "stable", "--type", protocol]));
    assert!(!is_listed(cli, &group, &["--type", other]));
    assert!(!is_listed(cli, &group, &["--state", "empty"]));

    let (code, words) = cli.fails(&["group", "reset-offsets", &group, "--all-topics", "--to-earliest", "--execute"]);
    assert_eq!((code, words.contains("is Stable, members: 1")), (1, true), "{words}");
    let (code, words) = cli.fails(&["group", "delete", &group]);
    assert_eq!((code, words.contains("NON_EMPTY_GROUP")), (1, true), "{words}");
    let (code, words) = cli.fails(&["group", "delete-offsets", &group, "--topic", &topic]);
    assert_eq!((code, words.contains("3 of 3 offsets were not deleted")), (1, true), "{words}");

    drop(member);
    test_support::wait_until("the group is empty", SOON, || is_listed(cli, &group, &["--state", "empty"]));
    let described = &cli.json(&["group", "describe", &group], b"")[0];
    assert_eq!((&described["state"], &described["members"]), (&"Empty".into(), &json!([])));
    cli.ok(&["group", "reset-offsets", &group, "--all-topics", "--to-earliest", "--execute"], b"");
    assert_eq!(committed(cli, &group), [0, 0, 0]);
    cli.ok(&["group", "delete-offsets", &group, "--topic", &format!("{topic}:0,2")], b"");
    assert_eq!(committed(cli, &group), [0]);
    cli.ok(&["group", "delete", &group], b"");
    assert!(!is_listed(cli, &group, &[]));
}

fn is_listed(cli: &Cli, group: &str, filter: &[&str]) -> bool {
    let listed = cli.json(&[&["group", "list"], filter].concat(), b"");
    listed.as_array().unwrap().iter().any(|listed| listed["group"] == group)
}

/// What a group has committed, in the order of the partitions.
fn committed(cli: &Cli, group: &str) -> Vec<i64> {
    let described = cli.json(&["group", "describe", group], b"");
    let partitions = described[0]["partitions"].as_array().unwrap();
    partitions.iter().map(|partition| partition["current_offset"].as_i64().unwrap()).collect()
}

fn offsets_are_set_in_every_way(cli: &Cli) {
    make_topic(cli, "ways");
    let reset = |args: &[&str]| {
        let args = [&["group", "reset-offsets", "ways"], args].concat();
        let done = cli.json(&args, b"");
        let offsets = done[0]["offsets"].as_array().unwrap().clone();
        offsets.iter().map(|offset| offset["new_offset"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    // Who says nothing, or says it twice, changes nothing; and the group is not even made.
    assert_eq!(reset(&["--topic", "ways", "--to-latest"]), RECORDS);
    assert_eq!(reset(&["--topic", "ways", "--to-latest", "--dry-run"]), RECORDS);
    assert!(!is_listed(cli, "ways", &[]));

    let of_topic = |args: &[&str]| reset(&[&["--topic", "ways", "--execute"], args].concat());
    assert_eq!(of_topic(&["--to-offset", "15"]), [10, 15, 15]);
    assert_eq!(committed(cli, "ways"), [10, 15, 15]);
    assert_eq!(of_topic(&["--shift-by", "-12"]), [0, 3, 3]);
    assert_eq!(of_topic(&["--shift-by", "5"]), [5, 8, 8]);
    assert_eq!(reset(&["--topic", "ways:1", "--to-earliest", "--execute"]), [0]);
    assert_eq!(committed(cli, "ways"), [5, 0, 8]);
    assert_eq!(reset(&["--all-topics", "--to-current"]), [5, 0, 8]);
    assert_eq!(of_topic(&["--to-latest"]), RECORDS);
    assert_eq!(of_topic(&["--by-duration", "PT1H"]), [0, 0, 0]);
    assert_eq!(of_topic(&["--to-datetime", "2020-01-01T00:00:00.000+01:00"]), [0, 0, 0]);
    assert_eq!(of_topic(&["--to-datetime", "4102444800000"]), RECORDS);
    assert_eq!(committed(cli, "ways"), RECORDS);

    let (code, words) = cli.fails(&["group", "reset-offsets", "ways", "--topic", "ways:3", "--to-latest"]);
    assert_eq!((code, words.contains("no partition 3")), (1, true), "{words}");
    let (code, words) = cli.fails(&["group", "reset-offsets", "nobody", "--topic", "ways", "--shift-by", "1"]);
    assert_eq!((code, words.contains("nothing to shift from")), (1, true), "{words}");

    // What was committed for a topic that is no more does not stand in the way of the others.
    cli.ok(&["topic", "create", "soon-gone"], b"");
    cli.ok(&["group", "reset-offsets", "ways", "--topic", "soon-gone", "--to-earliest", "--execute"], b"");
    cli.ok(&["topic", "delete", "soon-gone"], b"");
    assert_eq!(reset(&["--all-topics", "--to-earliest", "--execute"]), [0, 0, 0]);
}

fn offsets_go_out_as_csv_and_come_back(cli: &Cli) {
    let reset = |args: &[&str]| cli.ok(&[&["group", "reset-offsets"], args].concat(), b"");
    reset(&["csv-1", "--topic", "ways", "--to-offset", "4", "--execute"]);
    reset(&["csv-2, \"odd\"", "--topic", "ways:2", "--to-offset", "7", "--execute"]);
    let one = reset(&["csv-1", "--all-topics", "--to-current", "--export"]);
    assert_eq!(String::from_utf8(one.clone()).unwrap(), "ways,0,4\nways,1,4\nways,2,4\n");
    let groups = ["csv-1", "csv-2, \"odd\""];
    let two = reset(&[&groups[..], &["--all-topics", "--to-current", "--export"]].concat());
    assert!(String::from_utf8(two.clone()).unwrap().ends_with("\n\"csv-2, \"\"odd\"\"\",ways,2,7\n"));

    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("offsets.csv");
    let path = file.to_str().unwrap();
    reset(&[&groups[..], &["--all-topics", "--to-latest", "--execute"]].concat());
    std::fs::write(&file, two).unwrap();
    reset(&[&groups[..], &["--from-file", path, "--execute"]].concat());
    assert_eq!((committed(cli, groups[0]), committed(cli, groups[1])), (vec![4, 4, 4], vec![7]));
    std::fs::write(&file, one).unwrap();
    reset(&["csv-1", "--from-file", path, "--execute"]);
    let (code, words) = cli.fails(&["group", "reset-offsets", "csv-1", "csv-2", "--from-file", path]);
    assert_eq!((code, words.contains("record 1")), (1, true), "{words}");
    cli.ok(&[&["group", "delete"], &groups[..]].concat(), b"");
}

fn those_that_do_not_exist_are_named(cli: &Cli) {
    for args in [&["group", "describe", "nobody"][..], &["group", "delete", "nobody"]] {
        let (code, words) = cli.fails(args);
        assert_eq!((code, words.contains("GROUP_ID_NOT_FOUND")), (1, true), "{words}");
    }
    let none = cli.json(&["group", "delete", "nobody", "--if-exists"], b"");
    assert_eq!(none["deleted"], Value::Array(Vec::new()));
    cli.ok(&["group", "describe", "--all-groups", "--state"], b"");
}
