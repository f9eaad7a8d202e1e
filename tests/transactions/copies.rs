//! The copiers of each client, killed and restarted.

use std::process::Command;

use test_support::{go_client, java_application, python_client};

use crate::SESSION_MS;
use crate::copy::{Copy, Ends, PARTITIONS};

/// Records in each partition of an input.
const RECORDS: u32 = 1500;

/// A copier that is a member of a group, as `tests/clients/README.md` says.
fn member(copy: &Copy, mut command: Command, name: &str) -> Command {
    command.args([&copy.bootstrap, &copy.group, &copy.input, &copy.output, name, SESSION_MS]);
    command
}

/// Kafka's own copier: of one partition, to its end, in transactions of which every third is aborted on purpose.
fn message_copier(copy: &Copy, partition: i32) -> Command {
    let mut command = java_application("org.apache.kafka.tools.TransactionalMessageCopier");
    let (partition, id) = (partition.to_string(), format!("{}-{partition}", copy.group));
    command.args(["--broker-list", &copy.bootstrap, "--consumer-group", &copy.group, "--transactional-id", &id]);
    command.args(["--input-topic", &copy.input, "--input-partition", &partition, "--output-topic", &copy.output]);
    command.args(["--transaction-size", "30", "--transaction-timeout", "30000"]);
    command.args(["--enable-random-aborts", "--use-group-metadata"]);
    command
}

/// Members copy, one after the other is killed, and the broker too.
fn members_are_killed(program: fn() -> Command) {
    let mut copy = Copy::begin(RECORDS);
    for name in ["first", "second"] {
        let command = member(&copy, program(), name);
        copy.start(name, command, Ends::WithItsInput);
    }
    for (count, name) in [(200, "first"), (700, "second"), (1600, "first")] {
        copy.goes_on_to(count);
        copy.crashes(name);
        if count == 700 {
            copy.the_broker_crashes();
        }
    }
    copy.goes_on_to(2200);
    copy.the_broker_crashes();
    copy.end();
}

#[test]
fn kafkas_message_copier_copies_exactly_once() {
    let mut copy = Copy::begin(RECORDS);
    for partition in 0..PARTITIONS {
        let command = message_copier(&copy, partition);
        copy.start(&partition.to_string(), command, Ends::WithItsWork);
    }
    for (count, name) in [(100, "0"), (500, "1"), (1000, "0"), (1800, "1")] {
        copy.goes_on_to(count);
        copy.crashes(name);
        if count >= 1000 {
            copy.the_broker_crashes();
        }
    }
    copy.end();
}

#[test]
fn franz_gos_transact_session_copies_exactly_once() {
    members_are_killed(|| go_client("copier"));
}

#[test]
fn confluent_kafka_copies_exactly_once() {
    members_are_killed(|| python_client("confluent_copier.py"));
}
