//! Real clients against the broker: what people will connect with must find in it the Kafka that it knows.
//!
//! The scenarios are written once (`scenarios/`) and run by every client that is able to; `drivers/` and `tests/clients/` make
//! the clients look alike, and judge nothing. `TIDELOG_TEST_BROKER=kafka` runs them against a real Kafka, which must pass too, and
//! `TIDELOG_TEST_BROKER=HOST:PORT` against a broker that runs already. `TIDELOG_TEST_SCENARIO=NAME` runs only the scenarios
//! whose names contain NAME.
#![cfg(test)]

mod client;
mod drivers;
mod records;
mod scenarios;

use drivers::Kind;
use test_support::Broker;

const TIDELOG: &str = env!("CARGO_BIN_EXE_tidelog");

/// Runs all scenarios by one client, on a broker of their own.
fn run(kind: Kind) {
    let broker = Broker::start(TIDELOG);
    let mut session = scenarios::Session::open(kind, &broker.address());
    scenarios::run_all(&mut session);
    drop(session);
    broker.finish();
}

#[test]
fn librdkafka_finds_its_kafka() {
    run(Kind::Librdkafka);
}

#[test]
fn kcat_finds_its_kafka() {
    run(Kind::Kcat);
}

#[test]
fn java_finds_its_kafka() {
    run(Kind::Java);
}

#[test]
fn confluent_kafka_finds_its_kafka() {
    run(Kind::ConfluentKafka);
}

#[test]
fn kafka_python_finds_its_kafka() {
    run(Kind::KafkaPython);
}

#[test]
fn kafkajs_finds_its_kafka() {
    run(Kind::Kafkajs);
}

#[test]
fn franz_go_finds_its_kafka() {
    run(Kind::FranzGo);
}

#[test]
fn what_one_client_writes_every_other_reads() {
    let broker = Broker::start(TIDELOG);
    scenarios::exchange::all_write_and_all_read(&broker.address());
    broker.finish();
}
