//! What it costs to judge a produced batch: `cargo bench -p storage --bench decode`.
//!
//! Prints, for each kind of batch, nanoseconds a record and seconds a gigabyte: for the whole check, and for the checksum
//! alone, so that the difference is the walk over the records. A report, not a gate.

#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a benchmark prints its report and may stop at a surprise"
)]

use model::Timestamp;
use model::config::TopicConfig;
use std::hint::black_box;
use std::time::{Duration, Instant};
use storage::batch::{BatchBuilder, BatchView, NewRecord, UncheckedBatch};

const NOW: i64 = 1_700_000_000_000;
/// Short, so that some runs are not interrupted by other work on the machine.
const RUN: Duration = Duration::from_millis(10);
const RUNS: u32 = 150;

fn main() {
    println!("{:<28}{:>12}{:>12}{:>12}{:>12}", "batch", "ns/record", "s/GB", "crc s/GB", "walk s/GB");
    for (name, record_size, batch_size) in [
        ("100 B records, 64 KiB", 100, 64 << 10),
        ("100 B records, 1 MB", 100, 1_000_000),
        ("1 KiB records, 64 KiB", 1 << 10, 64 << 10),
        ("1 KiB records, 1 MB", 1 << 10, 1_000_000),
        ("10 B records, 64 KiB", 10, 64 << 10),
    ] {
        report(name, &batch(record_size, batch_size));
    }
}

/// A batch of records with a value, no key and no headers, a millisecond apart in tens, as a busy producer sends them.
fn batch(record_size: usize, batch_size: usize) -> Vec<u8> {
    let value = vec![b'x'; record_size];
    let record = |place: i64| NewRecord {
        timestamp: Timestamp::new(NOW + place / 10),
        value: Some(&value),
        ..NewRecord::default()
    };
    let mut builder = BatchBuilder::new(record(0)).expect("a small record fits");
    let mut place = 1;
    while builder.size() + record_size + 20 < batch_size {
        builder.push(record(place)).expect("a small record fits");
        place += 1;
    }
    builder.build().to_vec()
}

fn report(name: &str, bytes: &[u8]) {
    let config = TopicConfig::default();
    let records = BatchView::parse(bytes).expect("we built it").header().records_count;
    let whole = measure(|| {
        let batch = UncheckedBatch::parse(black_box(bytes)).expect("we built it");
        black_box(batch.check(&config, Timestamp::new(NOW)).expect("we built it"));
    });
    let crc = measure(|| {
        black_box(BatchView::parse(black_box(bytes)).expect("we built it").compute_crc());
    });
    let gigabytes = f64::from(u32::try_from(bytes.len()).expect("a batch has at most 2 GiB")) / 1e9;
    println!(
        "{name:<28}{:>12.1}{:>12.3}{:>12.3}{:>12.3}",
        whole * 1e9 / f64::from(records),
        whole / gigabytes,
        crc / gigabytes,
        (whole - crc) / gigabytes,
    );
}

/// Seconds a call takes, in the best of the runs: other work on the machine only ever adds.
fn measure(mut call: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..RUNS {
        let (start, mut calls) = (now(), 0.0);
        let elapsed = loop {
            for _ in 0..16 {
                call();
            }
            calls += 16.0;
            let elapsed = start.elapsed();
            if elapsed > RUN {
                break elapsed;
            }
        };
        best = best.min(elapsed.as_secs_f64() / calls);
    }
    best
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn now() -> Instant {
    Instant::now()
}
