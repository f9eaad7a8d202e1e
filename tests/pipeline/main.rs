//! Logs and other streams that must arrive whole, in order and once, also when the broker is killed on the way.
//!
//! `TIDELOG_TEST_BROKER=kafka` runs the tests with a real Kafka, which must pass too.
#![cfg(test)]

mod kills;
mod log_file;
mod partition;
mod reader;
mod shipper;
mod topic_kills;

use std::time::Duration;

use test_support::{Broker, wait_until};

use log_file::LogFile;
use partition::Partition;
use shipper::Shipper;

const TIDELOG: &str = env!("CARGO_BIN_EXE_tidelog");

/// For 100 MB, which take some seconds on an idle machine.
const SHIPPING_LIMIT: Duration = Duration::from_mins(3);

#[test]
fn rsyslog_ships_and_kcat_reads_the_same_bytes() {
    ship(shipper::rsyslog, reader::kcat, &mut |_, _| {});
}

#[test]
fn kcat_ships_and_the_java_consumer_reads_the_same_bytes() {
    ship(shipper::kcat, reader::java, &mut |_, _| {});
}

#[test]
fn rsyslog_ships_all_of_it_once_while_the_broker_is_killed() {
    ship(shipper::rsyslog, reader::java, &mut kill_half_way);
}

#[test]
fn kcat_ships_all_of_it_once_while_the_broker_is_killed() {
    ship(shipper::kcat, reader::kcat, &mut kill_half_way);
}

type Start = fn(&LogFile, &Partition) -> Shipper;
type Read = fn(&LogFile, &Partition);

/// Ships a log file of 100 MB, does something `meanwhile`, and reads it back.
#[track_caller]
fn ship(start: Start, read: Read, meanwhile: &mut dyn FnMut(&mut Broker, &Progress)) {
    let mut broker = Broker::start(TIDELOG);
    let partition = Partition::create(&broker.address(), "logs");
    let file = LogFile::generate(100_000_000);
    let mut shipper = start(&file, &partition);
    let progress = Progress { partition: &partition, lines: file.lines };
    meanwhile(&mut broker, &progress);
    wait_until("all lines in the topic", SHIPPING_LIMIT, || {
        shipper.check();
        progress.shipped() >= file.lines
    });
    shipper.finish();
    assert_eq!(progress.shipped(), file.lines, "lines shipped");
    read(&file, &partition);
    broker.finish();
}

struct Progress<'a> {
    partition: &'a Partition,
    lines: u64,
}

impl Progress<'_> {
    /// Lines that consumers can see, as far as the broker answers.
    fn shipped(&self) -> u64 {
        self.partition.end().unwrap_or(0)
    }
}

#[track_caller]
fn kill_half_way(broker: &mut Broker, progress: &Progress) {
    wait_until("half of the lines in the topic", SHIPPING_LIMIT, || progress.shipped() > progress.lines / 2);
    let seen = progress.shipped();
    broker.kill();
    broker.restart();
    let mut kept = None;
    wait_until("the broker answers again", Duration::from_mins(1), || {
        kept = progress.partition.end();
        kept.is_some()
    });
    assert!(kept >= Some(seen), "{seen} records were seen before the kill, {kept:?} after it");
    assert!(seen < progress.lines, "the kill came after the last line");
}
