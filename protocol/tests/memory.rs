//! What decoding costs in memory: a small multiple of the frame, whatever the frame claims.
#![expect(unsafe_code, reason = "a counting allocator is the only way to see allocations; it forwards every call")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use protocol::messages::fetch::{FetchPartition, FetchRequest, FetchTopic};
use protocol::messages::metadata::MetadataRequest;
use protocol::messages::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use protocol::testing::{CASES, Case, Source};
use protocol::{Encode, Encoder, WireError, decode_body};

struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
    static LIVE: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

fn note(taken: usize, given: usize) {
    // A thread that ends frees memory when its counters are gone.
    let _ = LIVE.try_with(|live| {
        live.set((live.get() + taken).saturating_sub(given));
        PEAK.with(|peak| peak.set(peak.get().max(live.get())));
        COUNT.with(|count| count.set(count.get() + usize::from(taken > 0)));
    });
}

// SAFETY: every call is passed on to the system's allocator as it came; the counters take no memory of their own.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 0);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        note(0, layout.size());
        // SAFETY: the caller keeps the contract of `dealloc`, and the memory came from `System`.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Requests come from outside; responses are read by nobody here but tests.
fn requests() -> impl Iterator<Item = &'static Case> {
    CASES.iter().filter(|case| case.name.ends_with("Request"))
}

/// Allocations, and the most bytes held at once, while `work` runs.
fn measure<T>(work: impl FnOnce() -> T) -> (T, usize, usize) {
    let (count, live) = (COUNT.get(), LIVE.get());
    PEAK.set(live);
    let result = work();
    (result, COUNT.get() - count, PEAK.get().saturating_sub(live))
}

/// Bytes held for each byte of a frame, at the most: an empty string takes one byte on the wire and sixteen in memory, and
/// an array that grows holds its old place for a moment.
const FACTOR: usize = 32;

/// The first allocation of a vector is not smaller than a few elements.
const SLACK: usize = 1024;

fn bounded(what: &str, frame: &[u8], version: i16, decode: fn(&[u8], i16) -> Result<(), WireError>) -> usize {
    let (_, _, peak) = measure(|| decode(frame, version));
    assert!(peak <= FACTOR * frame.len() + SLACK, "{what}: {peak} bytes held for a frame of {}", frame.len());
    peak
}

#[test]
fn honest_frames_of_the_smallest_elements_are_bounded() {
    let mut worst = (0, String::new());
    for case in requests() {
        for version in case.versions.clone() {
            let frame = (case.random)(&mut Source::crowded(1, 500), version).expect(case.name).bytes;
            let peak = bounded(case.name, &frame, version, case.decode);
            worst = worst.max((peak / frame.len().max(64), format!("{} v{version}", case.name)));
        }
    }
    println!("the most bytes held for one of the frame: {worst:?}");
}

#[test]
fn frames_that_lie_about_counts_are_bounded() {
    for case in requests() {
        for version in [*case.versions.start(), *case.versions.end()] {
            let honest = (case.random)(&mut Source::crowded(2, 8), version).expect(case.name).bytes;
            // Every four bytes in turn become the largest counts of either form, with room behind them.
            for lie in [[0x7f, 0xff, 0xff, 0xff], [0xff, 0xff, 0xff, 0x07], [0x00, 0x00, 0x40, 0x00]] {
                for place in 0..honest.len().saturating_sub(3).min(100) {
                    let mut frame = honest.clone();
                    frame[place..place + 4].copy_from_slice(&lie);
                    frame.resize(frame.len() + 4000, 0);
                    bounded(case.name, &frame, version, case.decode);
                }
            }
        }
    }
}

#[test]
fn a_million_unknown_tags_cost_no_memory() {
    // MetadataRequest v9: no topics, three flags, and then tags that nobody knows.
    let mut frame = Encoder::new();
    frame.unsigned_varint(1);
    (0..3).for_each(|_| frame.boolean(false));
    frame.unsigned_varint(1_000_000);
    for tag in 0..1_000_000 {
        frame.unsigned_varint(tag);
        frame.unsigned_varint(1);
        frame.u8(0);
    }
    let (read, count, peak) = measure(|| decode_body::<MetadataRequest<'_>>(frame.head(), 9).map(drop));
    assert_eq!((read, count, peak), (Ok(()), 0, 0));
}

#[test]
fn produce_and_fetch_allocate_their_arrays_and_nothing_else() {
    let records = vec![7; 1000];
    for version in [3, 8, 9, 13] {
        let (name, topic_id) =
            if version < 13 { ("topic", model::TopicId::ZERO) } else { ("", model::TopicId::from_bytes([7; 16])) };
        let partition = |index| PartitionProduceData { index, records: Some(&records) };
        let topic = TopicProduceData { name, topic_id, partition_data: vec![partition(0), partition(1)] };
        let request =
            ProduceRequest { transactional_id: Some("id"), topic_data: vec![topic], ..ProduceRequest::default() };
        assert_eq!(
            allocations_of(&request, version, |frame| decode_body::<ProduceRequest<'_>>(frame, version).is_ok()),
            2
        );
    }
    for version in [4, 11, 12, 18] {
        let (topic, topic_id) =
            if version < 13 { ("topic", model::TopicId::ZERO) } else { ("", model::TopicId::from_bytes([7; 16])) };
        let partitions = vec![FetchPartition::default(); 10];
        let rack_id = if version < 11 { "" } else { "rack" };
        let request = FetchRequest {
            rack_id,
            topics: vec![FetchTopic { topic, topic_id, partitions }],
            ..FetchRequest::default()
        };
        assert_eq!(
            allocations_of(&request, version, |frame| decode_body::<FetchRequest<'_>>(frame, version).is_ok()),
            2
        );
    }
}

fn allocations_of<T: Encode>(request: &T, version: i16, decode: impl Fn(&[u8]) -> bool) -> usize {
    let mut encoder = Encoder::new();
    let written = request.encode(&mut encoder, version);
    let (read, count, _) = measure(|| decode(encoder.head()));
    assert!(written.is_ok() && read, "version {version}");
    count
}
