//! Compaction over raw bytes: cases 80 to 84, as the real Kafka does it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::support::batch::{Batch, Record, Stored, TRANSACTIONAL};
use crate::support::brokers::{Own, is_kafka, start_own, start_with, wait_for_producer_ids};
use crate::support::client::Client;
use crate::support::now_ms;
use crate::support::topics::{EARLIEST, Topic, expect_produced, new_producer};
use crate::support::transactions::{END_V2, PRODUCE_V2, Transactional, last_stable_offset};

/// The attribute that says that the base timestamp is a delete horizon (KIP-534).
const DELETE_HORIZON: i16 = 1 << 6;
/// Longer than the pause between two batches of one segment, shorter than that between two segments.
const SEGMENT_MS: i64 = 60_000;

/// A broker that compacts as soon as there is anything to compact.
fn eager() -> Own {
    let broker = start_with(&[("log.cleaner.backoff.ms", "100"), ("log.cleaner.dedupe.buffer.size", "2097152")]);
    wait_for_producer_ids(&broker.address());
    broker
}

fn compacted(client: &mut Client, configs: &[(&str, &str)]) -> Topic {
    let segment_ms = SEGMENT_MS.to_string();
    let mut all =
        vec![("cleanup.policy", "compact"), ("min.cleanable.dirty.ratio", "0"), ("segment.ms", segment_ms.as_str())];
    all.extend_from_slice(configs);
    Topic::with(client, 1, &all)
}

/// A batch of records with these keys; a value that is empty is a tombstone.
fn keyed(pairs: &[(&str, &str)], timestamp: i64) -> Batch {
    let record = |(key, value): &(&str, &str)| Record {
        value: (!value.is_empty()).then(|| value.as_bytes().to_vec()),
        ..Record::new(Some(key), &[])
    };
    Batch::from(pairs.iter().map(record).collect::<Vec<_>>()).at(timestamp)
}

/// The time of the batches of the segment with this number, of four.
fn time_of(segment: i64) -> i64 {
    now_ms() - (4 - segment) * 2 * SEGMENT_MS
}

/// All batches from this offset on. One fetch of the real Kafka's does not go past the end of a segment.
fn all_from(topic: &Topic, client: &mut Client, offset: i64) -> Vec<Stored> {
    let (mut all, mut next) = (Vec::new(), offset);
    loop {
        let batches = topic.batches(client, next);
        let Some(last) = batches.last() else { return all };
        next = last.last_offset() + 1;
        all.extend(batches);
    }
}

#[track_caller]
fn wait_for(topic: &Topic, client: &mut Client, what: &str, is_it: impl Fn(&[Stored]) -> bool) -> Vec<Stored> {
    test_support::wait_until(what, Duration::from_secs(30), || is_it(&all_from(topic, client, 0)));
    all_from(topic, client, 0)
}

fn offsets(batches: &[Stored]) -> Vec<(i64, i64, i32)> {
    batches.iter().map(|batch| (batch.base_offset, batch.last_offset(), batch.record_count)).collect()
}

#[test]
fn case_80_offsets_stay_and_the_active_segment_is_not_touched() {
    let broker = eager();
    let mut client = Client::connect(&broker.address());
    let topic = compacted(&mut client, &[]);
    topic.produce(&mut client, &keyed(&[("a", "1")], time_of(0)));
    topic.produce(&mut client, &keyed(&[("a", "2"), ("b", "2"), ("c", "2")], time_of(0)));
    topic.produce(&mut client, &keyed(&[("b", "3")], time_of(0)));
    let kept = keyed(&[("d", "4"), ("e", "4")], time_of(0));
    topic.produce(&mut client, &kept);
    // The next segment, which stays the active one: nothing in it goes, and nothing goes for it.
    topic.produce(&mut client, &keyed(&[("d", "5")], time_of(3)));
    topic.produce(&mut client, &keyed(&[("d", "6")], time_of(3)));
    let batches = wait_for(&topic, &mut client, "a log without its first batch", |batches| batches[0].base_offset > 0);
    assert_eq!(offsets(&batches), [(1, 3, 2), (4, 4, 1), (5, 6, 2), (7, 7, 1), (8, 8, 1)]);
    assert_eq!(batches[2].body, kept.plain_body(), "what loses nothing stays as it is");
    for from in 0..9 {
        assert!(topic.batches(&mut client, from)[0].last_offset() >= from, "a reader from {from}");
    }
    topic.expect_end(&mut client, 9);
}

#[test]
fn case_81_a_tombstone_stays_until_the_horizon_in_its_batch() {
    let broker = eager();
    let mut client = Client::connect(&broker.address());
    let topic = compacted(&mut client, &[("delete.retention.ms", "1500")]);
    topic.produce(&mut client, &keyed(&[("a", "1")], time_of(0)));
    topic.produce(&mut client, &keyed(&[("a", ""), ("b", "1")], time_of(0)));
    let before = now_ms();
    topic.produce(&mut client, &keyed(&[("c", "1")], time_of(1)));
    let batches = wait_for(&topic, &mut client, "a log without its first batch", |batches| batches[0].base_offset > 0);
    assert_eq!(offsets(&batches), [(1, 2, 2), (3, 3, 1)], "the tombstone is there");
    let horizon = batches[0].base_timestamp;
    assert_eq!(batches[0].attributes & DELETE_HORIZON, DELETE_HORIZON);
    assert!(horizon >= before + 1_500 && horizon <= now_ms() + 1_500, "{horizon}, asked at {before}");
    test_support::wait_until("the horizon", Duration::from_secs(5), || now_ms() > horizon);
    topic.produce(&mut client, &keyed(&[("d", "1")], time_of(3)));
    let batches = wait_for(&topic, &mut client, "a log without the tombstone", |batches| batches[0].record_count == 1);
    assert_eq!(offsets(&batches), [(1, 2, 1), (3, 3, 1), (4, 4, 1)]);
}

#[test]
fn case_82_the_last_batch_of_a_producer_stays_empty_and_its_repeat_is_known() {
    let broker = eager();
    let mut client = Client::connect(&broker.address());
    let topic = compacted(&mut client, &[]);
    let producer = new_producer(&mut client);
    let from_producer = |sequence: i32, value: &str| Batch {
        producer_id: producer.0,
        producer_epoch: producer.1,
        base_sequence: sequence,
        ..keyed(&[("a", value)], time_of(0))
    };
    topic.produce(&mut client, &from_producer(0, "1"));
    let last = from_producer(1, "2");
    expect_produced(&topic.produce(&mut client, &last), 0, 1);
    topic.produce(&mut client, &keyed(&[("a", "3"), ("z", "3")], time_of(0)));
    topic.produce(&mut client, &keyed(&[("y", "4")], time_of(3)));
    let batches = wait_for(&topic, &mut client, "a log without its first batch", |batches| batches[0].base_offset > 0);
    assert_eq!(offsets(&batches), [(1, 1, 0), (2, 3, 2), (4, 4, 1)]);
    assert_eq!(batches[0].producer, (producer.0, producer.1, 1));
    expect_produced(&topic.produce(&mut client, &last), 0, 1);
    expect_produced(&topic.produce(&mut client, &from_producer(2, "5")), 0, 5);
}

#[test]
fn case_83_a_marker_outlives_the_records_of_its_transaction_and_then_waits_for_its_horizon() {
    let broker = eager();
    let mut client = Client::connect(&broker.address());
    let topic = compacted(&mut client, &[("delete.retention.ms", "1500")]);
    topic.produce(&mut client, &keyed(&[("x", "1")], time_of(0)));
    topic.produce(&mut client, &keyed(&[("x", "2")], time_of(0)));
    let mut producer = Transactional::begin(&mut client);
    let (producer_id, producer_epoch) = producer.producer;
    let of_producer =
        Batch { attributes: TRANSACTIONAL, producer_id, producer_epoch, ..keyed(&[("a", "1")], time_of(0)) };
    let request = producer.request(&topic, &Batch { base_sequence: 0, ..of_producer });
    let answer = client.call("Produce", PRODUCE_V2, &request);
    expect_produced(&answer["responses"][0]["partition_responses"][0], 0, 2);
    assert_eq!(producer.end(&mut client, END_V2, true)["error_code"], 0);
    test_support::wait_until("the marker", Duration::from_secs(20), || last_stable_offset(&mut client, &topic) == 4);
    // The marker has the time of now, and so a segment of its own. Each of these begins another one.
    let ahead = |segments: i64| now_ms() + segments * 2 * SEGMENT_MS;
    let horizon_of = |batch: &Stored| (batch.attributes & DELETE_HORIZON != 0).then_some(batch.base_timestamp);
    topic.produce(&mut client, &keyed(&[("b", "1")], ahead(1)));
    let batches = wait_for(&topic, &mut client, "a log without its first batch", |batches| batches[0].base_offset > 0);
    assert_eq!(offsets(&batches), [(1, 1, 1), (2, 2, 1), (3, 3, 1), (4, 4, 1)]);
    assert_eq!(horizon_of(&batches[2]), None, "a marker whose record is there");
    topic.produce(&mut client, &keyed(&[("a", "2")], ahead(1)));
    topic.produce(&mut client, &keyed(&[("c", "1")], ahead(2)));
    let what = "a log without the transaction's record";
    let batches = wait_for(&topic, &mut client, what, |batches| batches[1].base_offset > 2);
    assert_eq!(offsets(&batches), [(1, 1, 1), (3, 3, 1), (4, 4, 1), (5, 5, 1), (6, 6, 1)]);
    // Who has read the record before may still wait for the marker. The next cleaning finds that it marks nothing.
    topic.produce(&mut client, &keyed(&[("d", "1")], ahead(3)));
    let what = "a marker with a horizon";
    let batches = wait_for(&topic, &mut client, what, |batches| horizon_of(&batches[1]).is_some());
    let horizon = horizon_of(&batches[1]).unwrap();
    assert!((now_ms() - 30_000..=now_ms() + 1_500).contains(&horizon), "{horizon}");
    assert_eq!(batches[1].record_count, 1);
    test_support::wait_until("the horizon", Duration::from_secs(5), || now_ms() > horizon);
    topic.produce(&mut client, &keyed(&[("e", "1")], ahead(4)));
    // What is left of it is the epoch of its producer.
    let what = "a log without the marker's record";
    let batches = wait_for(&topic, &mut client, what, |batches| batches[1].record_count == 0);
    assert_eq!(offsets(&batches), [(1, 1, 1), (3, 3, 0), (4, 4, 1), (5, 5, 1), (6, 6, 1), (7, 7, 1), (8, 8, 1)]);
}

/// The key and the value of a batch of one record that is not compressed.
fn only_record(batch: &Stored) -> (String, String) {
    let mut rest = batch.body.as_slice();
    let varint = |rest: &mut &[u8]| {
        let (mut value, mut shift) = (0_u64, 0);
        loop {
            let byte = rest[0];
            *rest = &rest[1..];
            value |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return (value >> 1) as i64 ^ -((value & 1) as i64);
            }
        }
    };
    varint(&mut rest);
    rest = &rest[1..];
    let _deltas = (varint(&mut rest), varint(&mut rest));
    let mut text = || {
        let length = varint(&mut rest) as usize;
        let (text, after) = rest.split_at(length);
        rest = after;
        String::from_utf8(text.to_vec()).unwrap()
    };
    (text(), text())
}

/// `storage/tests/compaction.rs` crashes at every single step of a swap; here a whole broker is killed wherever it is.
#[test]
fn case_84_a_kill_in_the_middle_of_compaction_leaves_the_newest_of_each_key() {
    let settings = [("log.cleaner.backoff.ms", "1"), ("log.cleaner.dedupe.buffer.size", "2097152")];
    let mut broker = start_own(&settings);
    wait_for_producer_ids(&broker.address());
    let mut client = Client::connect(&broker.address());
    let topic = compacted(&mut client, &[]);
    let (mut newest, mut end) = (BTreeMap::new(), 0);
    // The real one takes some seconds to come back.
    let lives = if is_kafka() { 2 } else { 6 };
    for life in 0..lives {
        // Each batch has a segment of its own, so that there is something to be cleaned and merged all the time.
        for _ in 0..40 + life * 7 {
            let (key, value) = (format!("key-{}", end % 17), format!("value-{end}"));
            let time = now_ms() - (1_000 - i64::from(end)) * 2 * SEGMENT_MS;
            expect_produced(&topic.produce(&mut client, &keyed(&[(&key, &value)], time)), 0, i64::from(end));
            newest.insert(key, value);
            end += 1;
        }
        broker.kill();
        broker.restart();
        client = Client::connect(&broker.address());
        test_support::wait_until("a partition that is served", Duration::from_secs(30), || {
            topic.fetch(&mut client, 0)["error_code"] == 0
        });
        let batches = all_from(&topic, &mut client, 0);
        assert!(batches.windows(2).all(|pair| pair[0].last_offset() < pair[1].base_offset), "{:?}", offsets(&batches));
        let records = batches.iter().filter(|batch| batch.record_count == 1);
        let found: BTreeMap<_, _> = records.map(only_record).collect();
        assert_eq!(found, newest, "in life {life}");
        topic.expect_end(&mut client, i64::from(end));
    }
    let what = "a log with little more than its keys";
    wait_for(&topic, &mut client, what, |batches| batches.iter().map(|batch| batch.record_count).sum::<i32>() < 40);
}

#[test]
fn a_log_that_is_compacted_and_deleted_keeps_to_both() {
    let broker = start_with(&[
        ("log.cleaner.backoff.ms", "100"),
        ("log.cleaner.dedupe.buffer.size", "2097152"),
        ("log.retention.check.interval.ms", "100"),
        ("log.initial.task.delay.ms", "100"),
    ]);
    let mut client = Client::connect(&broker.address());
    let retention = (5 * SEGMENT_MS).to_string();
    let configs = [("cleanup.policy", "compact,delete"), ("retention.ms", retention.as_str())];
    let topic = compacted(&mut client, &configs);
    let produce = |client: &mut Client, segment| {
        topic.produce(client, &keyed(&[("a", "1"), ("b", "1")], time_of(segment)));
        topic.produce(client, &keyed(&[("a", "2")], time_of(segment)));
    };
    // Two segments are too old, the active one among them.
    produce(&mut client, 0);
    produce(&mut client, 1);
    test_support::wait_until("what is too old is gone", Duration::from_secs(30), || {
        topic.offset(&mut client, EARLIEST) == 6
    });
    // Of the next one only what has no newer record stays; the last is the active one.
    produce(&mut client, 2);
    produce(&mut client, 3);
    let expected = [(6, 7, 1), (8, 8, 1), (9, 10, 2), (11, 11, 1)];
    test_support::wait_until("what has a newer record is gone", Duration::from_secs(30), || {
        offsets(&all_from(&topic, &mut client, 6)) == expected
    });
    assert_eq!(topic.offset(&mut client, EARLIEST), 6);
}
