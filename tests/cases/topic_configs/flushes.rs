//! What is synced when. It shows in how often logs are synced, which the broker counts; the real Kafka does not tell it here.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use test_support::{SOON, free_port, wait_until};

use super::{alter, work};
use crate::support::brokers::{is_kafka, start_own};
use crate::support::client::Client;
use crate::support::topics::Topic;

const ASYNC: (&str, &str) = ("flush.mode", "async");
const NEVER: &str = "9223372036854775807";

/// How many syncs of logs the broker has counted.
#[track_caller]
fn flushes(metrics: u16) -> u64 {
    let mut stream = TcpStream::connect(("127.0.0.1", metrics)).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let line = answer.lines().find_map(|line| line.strip_prefix("tidelog_log_flushes_total "));
    line.unwrap().trim().parse().unwrap()
}

#[test]
fn logs_are_synced_by_mode_by_number_and_by_time() {
    if is_kafka() {
        return;
    }
    let metrics = free_port();
    let listener = format!("http://127.0.0.1:{metrics}");
    // The background looks around by the second of them.
    let broker = start_own(&[("metrics.listener", &listener), ("producer.id.expiration.check.interval.ms", "100")]);
    let mut client = Client::connect(&broker.address());
    // Syncs that the work is followed by, at least so many or none.
    let gains = |client: &mut Client, topic: &Topic, count: u64| {
        let before = flushes(metrics);
        assert_eq!(work::batches(client, topic), 0);
        let what = format!("{count} syncs");
        wait_until(&what, SOON, || flushes(metrics) >= before + count);
        // None comes later: what is due is asked for before an answer goes.
        assert!(count > 0 || flushes(metrics) == before, "a sync that nobody asked for");
    };
    let quiet = |client: &mut Client, topic: &Topic| {
        // What the change before left under way.
        let settled = || {
            let before = flushes(metrics);
            std::thread::sleep(Duration::from_millis(150));
            flushes(metrics) == before
        };
        wait_until("an end of syncs", SOON, settled);
        gains(client, topic, 0);
    };
    let topic = Topic::with(&mut client, 1, &[ASYNC]);
    quiet(&mut client, &topic);
    // From a change on.
    alter(&mut client, &topic, "flush.messages", "2");
    gains(&mut client, &topic, 1);
    alter(&mut client, &topic, "flush.messages", NEVER);
    quiet(&mut client, &topic);
    alter(&mut client, &topic, "flush.mode", "sync");
    gains(&mut client, &topic, 10);
    alter(&mut client, &topic, "flush.mode", "async");
    quiet(&mut client, &topic);
    alter(&mut client, &topic, "flush.ms", "50");
    gains(&mut client, &topic, 1);
    alter(&mut client, &topic, "flush.ms", NEVER);
    quiet(&mut client, &topic);
    // From the start.
    for (configs, count) in [
        (&[("flush.mode", "sync")][..], 10),
        (&[ASYNC, ("flush.messages", "2")], 1),
        (&[ASYNC, ("flush.ms", "50")], 1),
        (&[ASYNC], 0),
    ] {
        let topic = Topic::with(&mut client, 1, configs);
        if count > 0 { gains(&mut client, &topic, count) } else { quiet(&mut client, &topic) }
    }
    broker.finish();
}
