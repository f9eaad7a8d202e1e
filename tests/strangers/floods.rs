//! Very many connections: that do nothing, or that all send the largest frame at once.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use model::num::u64_from_usize;
use protocol::messages::api_versions::ApiVersionsRequest;
use test_support::wait_until;

use crate::stranger::{Connection, Victim};

/// Connections that do nothing.
const IDLE: usize = 10_000;

/// Resident memory that all of them may cost together.
const IDLE_BYTES_MAX: u64 = 200 << 20;

/// Connections that send the largest frame.
const SENDERS: usize = 1_000;

/// `queued.max.request.bytes`, the least that takes the largest frame; the senders may cost a fifth more.
const BUDGET: u64 = 100 << 20;

/// Bytes that all senders send together, at most; they are stopped by the budget long before.
const SENT_MAX: u64 = 2 << 30;

#[test]
fn ten_thousand_idle_connections_cost_little() {
    allow_files(u64_from_usize(IDLE) + 1_000);
    let victim = Victim::start(&[]);
    let mut good = Connection::open(victim.address());
    good.ask(0, &ApiVersionsRequest::default());
    let (before, _) = victim.memory();
    let mut idle: Vec<_> = (0..IDLE).map(|_| Connection::open(victim.address())).collect();
    // Each of them is served once, so that none is still in the queue of the listener.
    for connection in &mut idle {
        connection.ask(0, &ApiVersionsRequest::default());
    }
    let (resident, _) = victim.memory();
    let cost = resident.saturating_sub(before);
    println!("{IDLE} connections: {} KiB each", cost / u64_from_usize(IDLE) / 1024);
    assert!(cost < IDLE_BYTES_MAX, "{cost} bytes");
    good.ask(0, &ApiVersionsRequest::default());
    drop(idle);
    victim.finish();
}

#[test]
fn a_thousand_senders_of_the_largest_frame_stay_within_the_budget() {
    allow_files(u64_from_usize(SENDERS) + 1_000);
    let victim = Victim::start(&[&format!("queued.max.request.bytes={BUDGET}")]);
    let mut good = Connection::open(victim.address());
    let senders: Vec<_> = (0..SENDERS).map(|_| Connection::open(victim.address())).collect();
    good.ask(0, &ApiVersionsRequest::default());
    victim.forget_peak();
    let (before, _) = victim.memory();
    let sent = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for part in senders.chunks(SENDERS / 8) {
            let sent = &sent;
            scope.spawn(move || send_all_at_once(part, sent));
        }
    });
    let (_, peak) = victim.memory();
    let cost = peak.saturating_sub(before);
    println!("{SENDERS} senders: {} MiB sent, {} MiB held", sent.load(Ordering::Relaxed) >> 20, cost >> 20);
    assert!(cost < BUDGET + BUDGET / 5, "{cost} bytes");
    // What they hold is theirs until their time is up or they go; then others are served again.
    drop(senders);
    wait_until("service after the flood", Duration::from_secs(20), || {
        good.ask(0, &ApiVersionsRequest::default()).starts_with(&[0, 0])
    });
    victim.finish();
}

/// Sends a piece on each connection in turn, as long as any of them takes it.
fn send_all_at_once(connections: &[Connection], sent: &AtomicU64) {
    let piece = vec![0; 64 << 10];
    for connection in connections {
        connection.stream.set_nonblocking(true).unwrap();
        let size = 100_000_000_i32.to_be_bytes();
        sent.fetch_add(u64_from_usize((&connection.stream).write(&size).unwrap_or(0)), Ordering::Relaxed);
    }
    let mut rounds_without_progress = 0;
    while rounds_without_progress < 20 && sent.load(Ordering::Relaxed) < SENT_MAX {
        let mut round = 0;
        for connection in connections {
            round += u64_from_usize((&connection.stream).write(&piece).unwrap_or(0));
        }
        sent.fetch_add(round, Ordering::Relaxed);
        rounds_without_progress = if round == 0 { rounds_without_progress + 1 } else { 0 };
        if round == 0 {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn connections_are_taken_no_faster_than_asked_for() {
    const RATE: u32 = 40;
    let victim = Victim::start(&[&format!("max.connection.creation.rate={RATE}")]);
    let start = Instant::now();
    for _ in 0..=RATE {
        Connection::open(victim.address()).ask(0, &ApiVersionsRequest::default());
    }
    // The last one comes behind the pauses after all others.
    assert!(start.elapsed() >= Duration::from_millis(900), "{:?}", start.elapsed());
    victim.finish();
}

/// This process opens as many files as the broker.
fn allow_files(count: u64) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < count) {
        let raised = Rlimit { current: Some(count), maximum: limit.maximum };
        setrlimit(Resource::Nofile, raised).unwrap_or_else(|error| panic!("raise `ulimit -n` to {count}: {error}"));
    }
}
