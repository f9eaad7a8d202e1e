//! Kafka's own command-line tools, unchanged.

use std::io::Write as _;
use std::process::Stdio;

use test_support::{Broker, kafka_tool};

use crate::TIDELOG;

#[test]
fn kafkas_own_tools_work_unchanged() {
    let broker = Broker::start(TIDELOG);
    let topic = format!("tools-{}", std::process::id());
    let topics = |args: &str| run(&broker, "org.apache.kafka.tools.TopicCommand", args, "");
    let configs = |args: &str| run(&broker, "kafka.admin.ConfigCommand", args, "");

    let created = topics(&format!("--create --topic {topic} --partitions 3 --config retention.ms=86400000"));
    assert_contains(&created, &format!("Created topic {topic}"));
    let altered = configs(&format!("--alter --topic {topic} --add-config max.message.bytes=2000000"));
    assert_contains(&altered, "Completed updating config");
    let described = topics(&format!("--describe --topic {topic}"));
    assert_contains(&described, "PartitionCount: 3\tReplicationFactor: 1");
    assert_contains(&described, "retention.ms=86400000");
    assert_contains(&described, "max.message.bytes=2000000");
    assert_contains(&described, "Partition: 2\tLeader: ");
    let described = configs(&format!("--describe --topic {topic}"));
    assert_contains(&described, "max.message.bytes=2000000");

    let producer = "org.apache.kafka.tools.ConsoleProducer";
    let wishes = format!("--topic {topic} --reader-property parse.key=true --reader-property key.separator=:");
    let lines: Vec<String> = (0..100).map(|line| format!("line {line}\n")).collect();
    run(&broker, producer, &wishes, &format!("key:{}", lines.join("key:")));
    let offsets = run(&broker, "org.apache.kafka.tools.GetOffsetShell", &format!("--topic {topic}"), "");
    let partition = offsets.lines().find(|line| line.ends_with(":100")).expect("one key goes to one partition");
    let partition = partition.split(':').nth(1).unwrap();
    let consumer = "org.apache.kafka.tools.consumer.ConsoleConsumer";
    let wishes = format!("--topic {topic} --partition {partition} --offset 90 --max-messages 10");
    assert_eq!(run(&broker, consumer, &wishes, ""), lines[90..].concat());

    let versions = run(&broker, "org.apache.kafka.tools.BrokerApiVersionsCommand", "", "");
    assert_contains(&versions, "Produce(0): 0 to 13");
    topics(&format!("--delete --topic {topic}"));
    assert!(!topics("--list").contains(&topic), "the deleted topic is listed");
    broker.finish();
}

/// Runs a tool with arguments that have no spaces, and returns what it printed.
#[track_caller]
fn run(broker: &Broker, class: &str, args: &str, input: &str) -> String {
    let mut command = kafka_tool(class);
    command.args(["--bootstrap-server", &broker.address()]).args(args.split_whitespace());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{class} {args} failed:\n{printed}{complaint}");
    printed
}

#[track_caller]
fn assert_contains(printed: &str, part: &str) {
    assert!(printed.contains(part), "there is no {part:?} in:\n{printed}");
}
