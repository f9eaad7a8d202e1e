//! Kafka's own command-line tools, unchanged, against the real Kafka and against ours: the same command lines, and what they
//! print and exit with compared.
//!
//! `commands/` holds the command lines, a file for each group of tools; a new one is one more line. What may differ stands in
//! the table of `differences`, and nothing else may. The tools run in one JVM for each broker (`java/ToolDriver.java`), because
//! starting one costs more than most of them do. `TIDELOG_TEST_TOOLS_ONLY=NAME` runs only the files whose names contain NAME;
//! with `TIDELOG_TEST_BROKER=kafka` two real Kafkas are compared, which shows what differs by itself.
#![cfg(test)]

mod differences;
mod script;
mod side;

use std::path::Path;

use differences::Differences;
use script::Script;
use side::{Printed, Side};
use test_support::{Broker, RealKafka};

/// What the real Kafka is asked to do before all else: it begins with a feature that ours does not have, and which sets a config
/// of every topic.
const KAFKA_BEFORE: [&str; 2] = [
    "FeatureCommand --bootstrap-server {broker} downgrade --feature eligible.leader.replicas.version=0",
    "ConfigCommand --bootstrap-server {broker} --alter --broker-defaults --delete-config min.insync.replicas",
];

#[test]
fn kafkas_own_tools_print_the_same() {
    let scripts = Script::all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/commands"));
    let only = std::env::var("TIDELOG_TEST_TOOLS_ONLY").unwrap_or_default();
    let scripts: Vec<_> = scripts.into_iter().filter(|script| script.name.contains(&only)).collect();
    let (ours, kafkas) = std::thread::scope(|scope| {
        let ours = scope.spawn(|| on_ours(&scripts));
        let kafkas = on_kafka(&scripts);
        (ours.join().unwrap(), kafkas)
    });
    let mut differences = Differences::default();
    let lines = scripts.iter().flat_map(|script| script.lines().map(move |line| (script.name.as_str(), line)));
    let mut failures = Vec::new();
    for ((file, line), (ours, kafkas)) in lines.zip(ours.into_iter().zip(kafkas)) {
        if let Some(difference) = differences.between(line, &ours, &kafkas) {
            failures.push(format!("{file}: {line}\n{difference}"));
        }
    }
    assert!(failures.is_empty(), "{} commands differ:\n\n{}", failures.len(), failures.join("\n"));
    if only.is_empty() && std::env::var("TIDELOG_TEST_BROKER").is_err() {
        let idle = differences.idle();
        assert!(idle.is_empty(), "these differences are not needed any more:\n{}", idle.join("\n"));
    }
}

/// The broker that is tested: ours, unless `TIDELOG_TEST_BROKER` says otherwise.
fn on_ours(scripts: &[Script]) -> Vec<Printed> {
    let broker = Broker::start(env!("CARGO_BIN_EXE_tidelog"));
    let mut side = Side::new(&broker.address(), broker.data());
    if matches!(broker, Broker::Kafka(_)) {
        prepare(&mut side);
    }
    let printed = run(&mut side, scripts);
    drop(side);
    broker.finish();
    printed
}

fn on_kafka(scripts: &[Script]) -> Vec<Printed> {
    let broker = RealKafka::start(&[]);
    let mut side = Side::new(&broker.address(), broker.data());
    prepare(&mut side);
    run(&mut side, scripts)
}

fn prepare(side: &mut Side) {
    for line in KAFKA_BEFORE {
        let printed = side.run(&script::Step::parse(line));
        assert!(printed.iter().all(|printed| printed.exit == "0"), "{line}: {printed:?}");
    }
}

/// Runs every line; what those printed that are compared.
fn run(side: &mut Side, scripts: &[Script]) -> Vec<Printed> {
    scripts.iter().flat_map(|script| &script.steps).filter_map(|(_, step)| side.run(step)).collect()
}
