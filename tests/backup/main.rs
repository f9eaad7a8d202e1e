//! `tidelog log snapshot` by the command, of a broker under load and of none: what the copy holds is of one moment.
#![cfg(test)]

mod kafka;
mod load;

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;
use test_support::Tidelog;

use load::Load;

const BINARY: &str = env!("CARGO_BIN_EXE_tidelog");

/// Small segments, so that there is something to link.
const SETTINGS: [&str; 4] = [
    "group.initial.rebalance.delay.ms=0",
    "log.segment.bytes=1048576",
    "offsets.topic.num.partitions=4",
    "transaction.state.log.num.partitions=4",
];

fn snapshot(data: &Path, to: &Path) -> Output {
    let arguments = ["log", "snapshot", "--output", "json"];
    Command::new(BINARY).args(arguments).arg(to).arg("--dir").arg(data).output().unwrap()
}

#[track_caller]
fn made(data: &Path, to: &Path) -> Value {
    let output = snapshot(data, to);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[track_caller]
fn refused(data: &Path, to: &Path, why: &str) {
    let output = snapshot(data, to);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains(why), "{said}");
}

#[track_caller]
fn verify(data: &Path) {
    let output = Command::new(BINARY).args(["log", "verify", "--records"]).arg(data).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn a_copy_made_under_load_is_of_one_moment_and_a_broker_of_its_own() {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    let mut broker = Tidelog::start(BINARY, &data, &SETTINGS);
    let load = Load::start(&broker.address().to_string());
    for round in 0..3 {
        load.goes_on();
        let to = dir.path().join(format!("copy-{round}/data"));
        std::fs::create_dir(to.parent().unwrap()).unwrap();
        let figures = made(&data, &to);
        assert!(figures["logs"].as_u64().unwrap() > 10, "{figures}");
        // While the original goes on.
        let mut copy = Tidelog::start(BINARY, &to, &SETTINGS);
        load.check_copy(&copy.address().to_string());
        copy.kill();
        verify(&to);
    }
    load.goes_on();
    load.end();
    assert!(broker.stop().success());
    let errors: Vec<_> = broker.log().lines().filter(|line| line.contains(" ERROR ")).map(str::to_owned).collect();
    assert!(errors.is_empty(), "{errors:?}");
    assert!(!data.join("control.sock").exists() && !data.join(".backup").exists());
    verify(&data);

    // And without a broker.
    let to = dir.path().join("stopped");
    made(&data, &to);
    assert!(to.join(".clean_shutdown").exists());
    verify(&to);
    let mut copy = Tidelog::start(BINARY, &to, &SETTINGS);
    assert!(copy.stop().success());
}

#[test]
fn what_cannot_be_is_said_and_leaves_nothing() {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    refused(&data, &dir.path().join("copy"), "No such file");
    let mut broker = Tidelog::start(BINARY, &data, &SETTINGS);
    refused(&data, &data.join("copy"), "lies in the data directory");
    refused(&data, &dir.path().join("none/copy"), "No such file");
    std::fs::create_dir(dir.path().join("full")).unwrap();
    std::fs::write(dir.path().join("full/file"), "").unwrap();
    refused(&data, &dir.path().join("full"), "not an empty directory");
    // A broker that does not listen.
    std::fs::remove_file(data.join("control.sock")).unwrap();
    refused(&data, &dir.path().join("copy"), "does not listen on its control socket");
    broker.kill();
    // What a killed broker leaves.
    broker.restart();
    made(&data, &dir.path().join("copy"));
    broker.kill();
    made(&data, &dir.path().join("other"));
    let mut names: Vec<_> =
        std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["copy", "data", "full", "other", "server.log"]);
}
