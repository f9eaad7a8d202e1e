//! Programs that read a topic, and the comparison of what they read with the file it came from.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use test_support::{Part, install, kafka_tool, system_command};

use crate::log_file::LogFile;
use crate::partition::Partition;

#[track_caller]
pub(crate) fn kcat(file: &LogFile, from: &Partition) {
    drop(install(Part::Debian));
    let mut command = system_command("kcat");
    command.args(["-b", &from.bootstrap, "-C", "-t", &from.topic, "-p", "0", "-o", "beginning", "-q"]);
    command.args(["-X", "check.crcs=true", "-c", &file.lines.to_string()]);
    compare(&mut command, file);
}

/// The console consumer, which is Kafka's own Java consumer.
#[track_caller]
pub(crate) fn java(file: &LogFile, from: &Partition) {
    let mut command = kafka_tool("org.apache.kafka.tools.consumer.ConsoleConsumer");
    command.args(["--bootstrap-server", &from.bootstrap, "--topic", &from.topic, "--partition", "0"]);
    command.args(["--offset", "earliest", "--max-messages", &file.lines.to_string()]);
    compare(&mut command, file);
}

/// Fails unless the program prints the file, byte for byte.
#[track_caller]
fn compare(command: &mut Command, file: &LogFile) {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut read = BufReader::with_capacity(1 << 20, child.stdout.take().unwrap());
    let mut written = BufReader::with_capacity(1 << 20, File::open(&file.path).unwrap());
    let (mut line, mut expected) = (Vec::new(), Vec::new());
    for number in 0..=file.lines {
        line.clear();
        expected.clear();
        read.read_until(b'\n', &mut line).unwrap();
        written.read_until(b'\n', &mut expected).unwrap();
        if line != expected {
            let (line, expected) = (String::from_utf8_lossy(&line), String::from_utf8_lossy(&expected));
            drop(child.kill());
            drop(child.wait());
            panic!("line {number} was read as {line:?} and written as {expected:?}");
        }
    }
    let status = child.wait().unwrap();
    assert!(status.success(), "the reader ended with {status}");
}
