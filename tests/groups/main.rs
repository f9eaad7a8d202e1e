//! Consumer groups of real clients, and what is built on them: Kafka Streams and Kafka Connect.
//!
//! A story is written once (`stories.rs`) and told by every client: members join, leave, crash and come back while records keep
//! coming. The programs in `tests/clients/` say what they own and read; the judgement is in `ledger.rs`.
//! `TIDELOG_TEST_BROKER=kafka` runs all of it against a real Kafka, which must pass too, and `TIDELOG_TEST_BROKER=HOST:PORT`
//! against a broker that runs already, with [`settings`].
#![cfg(test)]

mod connect;
mod kinds;
mod ledger;
mod member;
mod stories;
mod story;
mod streams;
mod topic;
mod writer;

use kinds::Kind;
use story::Story;

const TIDELOG: &str = env!("CARGO_BIN_EXE_tidelog");

/// How long a member may be silent before it is out, in milliseconds.
const SESSION_MS: &str = "8000";

/// Longer than a busy machine takes to start a client again.
const LONG_SESSION_MS: &str = "40000";

/// What makes groups settle quickly. Members of classic groups have a session of the same length.
const fn settings(session_ms: &str) -> [(&'static str, &str); 5] {
    [
        ("group.initial.rebalance.delay.ms", "0"),
        ("group.consumer.min.heartbeat.interval.ms", "500"),
        ("group.consumer.heartbeat.interval.ms", "500"),
        ("group.consumer.min.session.timeout.ms", session_ms),
        ("group.consumer.session.timeout.ms", session_ms),
    ]
}

/// Tells a story on a broker of its own.
fn tell(kind: Kind, story: fn(&mut Story, Kind)) {
    tell_with_session(SESSION_MS, kind, story);
}

fn tell_with_session(session_ms: &'static str, kind: Kind, story: fn(&mut Story, Kind)) {
    let mut told = Story::begin(session_ms);
    story(&mut told, kind);
    told.end();
}

#[test]
fn java_eager_members_come_and_go() {
    tell(Kind::JAVA_EAGER, stories::members_come_and_go);
}

#[test]
fn java_cooperative_members_come_and_go() {
    tell(Kind::JAVA_COOPERATIVE, stories::members_come_and_go);
}

#[test]
fn java_kip_848_members_come_and_go() {
    tell(Kind::JAVA_CONSUMER, stories::members_come_and_go);
}

#[test]
fn librdkafka_eager_members_come_and_go() {
    tell(Kind::LIBRDKAFKA_EAGER, stories::members_come_and_go);
}

#[test]
fn librdkafka_cooperative_members_come_and_go() {
    tell(Kind::LIBRDKAFKA_COOPERATIVE, stories::members_come_and_go);
}

#[test]
fn librdkafka_kip_848_members_come_and_go() {
    tell(Kind::LIBRDKAFKA_CONSUMER, stories::members_come_and_go);
}

#[test]
fn kafka_python_eager_members_come_and_go() {
    tell(Kind::KAFKA_PYTHON_EAGER, stories::members_come_and_go);
}

#[test]
fn kafka_python_cooperative_members_come_and_go() {
    tell(Kind::KAFKA_PYTHON_COOPERATIVE, stories::members_come_and_go);
}

#[test]
fn aiokafka_members_come_and_go() {
    tell(Kind::AIOKAFKA, stories::members_come_and_go);
}

#[test]
fn kafkajs_members_come_and_go() {
    tell(Kind::KAFKAJS, stories::members_come_and_go);
}

#[test]
fn franz_go_eager_members_come_and_go() {
    tell(Kind::FRANZ_GO_EAGER, stories::members_come_and_go);
}

#[test]
fn franz_go_cooperative_members_come_and_go() {
    tell(Kind::FRANZ_GO_COOPERATIVE, stories::members_come_and_go);
}

#[test]
fn franz_go_kip_848_members_come_and_go() {
    tell(Kind::FRANZ_GO_CONSUMER, stories::members_come_and_go);
}

#[test]
fn java_static_members_come_back_to_their_partitions() {
    tell_with_session(LONG_SESSION_MS, Kind::JAVA_COOPERATIVE, stories::static_members_come_back);
}

#[test]
fn java_static_members_of_kip_848_come_back_to_their_partitions() {
    tell_with_session(LONG_SESSION_MS, Kind::JAVA_CONSUMER, stories::static_members_come_back);
}

#[test]
fn librdkafka_static_members_come_back_to_their_partitions() {
    tell_with_session(LONG_SESSION_MS, Kind::LIBRDKAFKA_EAGER, stories::static_members_come_back);
}

#[test]
fn a_java_group_goes_on_after_a_crash_of_the_broker() {
    tell(Kind::JAVA_COOPERATIVE, stories::a_group_survives_its_broker);
}

#[test]
fn a_java_group_of_kip_848_goes_on_after_a_crash_of_the_broker() {
    tell(Kind::JAVA_CONSUMER, stories::a_group_survives_its_broker);
}

#[test]
fn a_librdkafka_group_goes_on_after_a_crash_of_the_broker() {
    tell(Kind::LIBRDKAFKA_EAGER, stories::a_group_survives_its_broker);
}

#[test]
fn a_java_group_moves_to_kip_848_and_back() {
    tell(Kind::JAVA_COOPERATIVE, stories::a_group_changes_its_protocol_and_back);
}

#[test]
fn a_librdkafka_group_moves_to_kip_848_and_back() {
    tell(Kind::LIBRDKAFKA_EAGER, stories::a_group_changes_its_protocol_and_back);
}
