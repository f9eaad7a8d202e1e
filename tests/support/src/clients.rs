//! The client programs of `tests/clients`, ready to be given their arguments.

use std::ffi::OsString;
use std::process::Command;

use crate::tools::{Part, install};

const CLIENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../clients");

/// A Java program, with Kafka's clients.
///
/// # Panics
/// When what it needs cannot be installed, as with all programs here.
#[must_use]
#[track_caller]
pub fn java_client(class: &str) -> Command {
    java(class, &[Part::Java, Part::KafkaJars])
}

/// A Java program that needs Streams or is part of Connect. With it come Kafka's clients of the same version.
#[must_use]
#[track_caller]
pub fn java_application(class: &str) -> Command {
    java(class, &[Part::Java, Part::KafkaToolJars])
}

/// A Python program, by its file's name.
#[must_use]
#[track_caller]
pub fn python_client(program: &str) -> Command {
    let mut command = Command::new(install(Part::Python));
    command.env("PYTHONDONTWRITEBYTECODE", "1").arg(format!("{CLIENTS}/python/{program}"));
    command
}

/// A JavaScript program, by its file's name.
#[must_use]
#[track_caller]
pub fn node_client(program: &str) -> Command {
    let mut command = Command::new("node");
    command
        .env("NODE_PATH", install(Part::Node))
        .env("KAFKAJS_NO_PARTITIONER_WARNING", "1")
        .arg(format!("{CLIENTS}/node/{program}"));
    command
}

/// A Go program, by its folder's name.
#[must_use]
#[track_caller]
pub fn go_client(program: &str) -> Command {
    Command::new(install(Part::Go).join(program))
}

/// Starts fast and stays small.
#[track_caller]
fn java(class: &str, path: &[Part]) -> Command {
    let mut classes = OsString::new();
    for part in path {
        let folder = install(*part);
        classes.push(if *part == Part::Java { folder } else { folder.join("*") });
        classes.push(":");
    }
    let mut command = Command::new("java");
    command.args([
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
        "-cp",
    ]);
    command.arg(classes).arg(class);
    command
}
