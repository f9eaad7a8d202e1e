//! The idempotent producer: cases 35 to 47.

use std::time::Duration;

use serde_json::{Value, json};
use test_support::{SOON, wait_until};

use crate::support::batch::{Batch, GZIP};
use crate::support::brokers::{self, is_kafka, start_tidelog};
use crate::support::client::Client;
use crate::support::topics::{LATEST, Topic, connect, expect_produced, expect_refused, new_producer, produce_request};
use crate::support::transactions::{END_V2, PRODUCE_V1, PRODUCE_V2, Transactional};

const OUT_OF_ORDER_SEQUENCE_NUMBER: i64 = 45;
const INVALID_PRODUCER_EPOCH: i64 = 47;

/// Two records in a batch, so that a sequence is not an offset by chance.
const VALUES: [&str; 2] = ["a", "b"];

/// Appends the batches of sequences 0, 2, 4, ... and returns them with their base offsets.
#[track_caller]
fn append(topic: &Topic, client: &mut Client, producer: (i64, i16), count: i32) -> Vec<(Batch, i64)> {
    let append_one = |index: i32| {
        let batch = Batch::idempotent(producer, index * 2, &VALUES);
        let answer = topic.produce(client, &batch);
        assert_eq!(answer["error_code"], 0, "{answer}");
        (batch, answer["base_offset"].as_i64().unwrap())
    };
    (0..count).map(append_one).collect()
}

#[test]
fn case_35_an_exact_repeat_of_one_of_the_last_five_batches_returns_its_first_offset() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let producer = new_producer(&mut client);
    topic.produce(&mut client, &Batch::of(&["before"]));
    let appended = append(&topic, &mut client, producer, 7);
    for (batch, base_offset) in appended.iter().skip(2).rev() {
        let answer = topic.produce(&mut client, batch);
        expect_produced(&answer, 0, *base_offset);
        // The real one keeps a batch's largest timestamp in the producer's state, and tells it as if it had set it. Ours answers
        // a repeat as it answered the first time.
        let time = if is_kafka() { batch.base_timestamp } else { -1 };
        assert_eq!(answer["log_append_time_ms"], time, "{answer}");
        assert_eq!(answer["log_start_offset"], 0, "{answer}");
    }
    topic.expect_end(&mut client, 15);
    expect_produced(&topic.produce(&mut client, &Batch::idempotent(producer, 14, &["next"])), 0, 15);
}

#[test]
fn case_35_a_repeat_is_known_by_its_sequences_not_by_its_bytes() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let producer = new_producer(&mut client);
    append(&topic, &mut client, producer, 1);
    let other = Batch { attributes: GZIP, ..Batch::idempotent(producer, 0, &["not", "the same"]) };
    expect_produced(&topic.produce(&mut client, &other), 0, 0);
    topic.expect_end(&mut client, 2);
}

#[test]
fn case_35_a_repeat_on_a_topic_of_log_append_time_returns_the_first_time() {
    let mut client = connect();
    let topic = Topic::with(&mut client, 1, &[("message.timestamp.type", "LogAppendTime")]);
    let batch = Batch::idempotent(new_producer(&mut client), 0, &VALUES);
    let first = topic.produce(&mut client, &batch);
    std::thread::sleep(Duration::from_millis(5));
    let second = topic.produce(&mut client, &batch);
    assert_eq!(first["error_code"], 0, "{first}");
    assert_eq!(first, second);
}

#[test]
fn case_36_a_repeat_older_than_five_batches_is_out_of_order() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let producer = new_producer(&mut client);
    let appended = append(&topic, &mut client, producer, 6);
    expect_refused(&topic, &mut client, &appended[0].0, OUT_OF_ORDER_SEQUENCE_NUMBER);
}

#[test]
fn case_37_a_gap_is_out_of_order() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let producer = new_producer(&mut client);
    append(&topic, &mut client, producer, 1);
    for sequence in [3, 4, 1000, i32::MAX] {
        expect_refused(
            &topic,
            &mut client,
            &Batch::idempotent(producer, sequence, &VALUES),
            OUT_OF_ORDER_SEQUENCE_NUMBER,
        );
    }
    expect_produced(&topic.produce(&mut client, &Batch::idempotent(producer, 2, &VALUES)), 0, 2);
}

#[test]
fn case_38_a_partial_overlap_is_out_of_order() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let producer = new_producer(&mut client);
    append(&topic, &mut client, producer, 2);
    for (sequence, count) in [(0, 1), (0, 3), (0, 4), (1, 1), (1, 2), (2, 1), (2, 3), (3, 1), (3, 2)] {
        let batch = Batch::idempotent(producer, sequence, &["x"; 4][..count]);
        expect_refused(&topic, &mut client, &batch, OUT_OF_ORDER_SEQUENCE_NUMBER);
    }
}

#[test]
fn case_39_the_sequence_after_the_largest_is_0() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let producer = new_producer(&mut client);
    // A producer that is not known here may begin anywhere (case 42).
    let before = Batch::idempotent(producer, i32::MAX - 1, &VALUES);
    expect_produced(&topic.produce(&mut client, &before), 0, 0);
    let after = Batch::idempotent(producer, 0, &VALUES);
    expect_produced(&topic.produce(&mut client, &after), 0, 2);
    expect_produced(&topic.produce(&mut client, &before), 0, 0);
    expect_produced(&topic.produce(&mut client, &after), 0, 2);
    topic.expect_end(&mut client, 4);
}

#[test]
fn case_39_a_batch_may_lie_across_the_wrap() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let producer = new_producer(&mut client);
    let across = Batch::idempotent(producer, i32::MAX, &["a", "b", "c"]);
    expect_produced(&topic.produce(&mut client, &across), 0, 0);
    expect_refused(&topic, &mut client, &Batch::idempotent(producer, 3, &VALUES), OUT_OF_ORDER_SEQUENCE_NUMBER);
    let next = Batch::idempotent(producer, 2, &VALUES);
    expect_produced(&topic.produce(&mut client, &next), 0, 3);
    expect_produced(&topic.produce(&mut client, &across), 0, 0);
    expect_produced(&topic.produce(&mut client, &next), 0, 3);
    topic.expect_end(&mut client, 5);
}

#[test]
fn case_40_a_lower_epoch_is_an_invalid_producer_epoch() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let (id, _) = new_producer(&mut client);
    append(&topic, &mut client, (id, 5), 1);
    for sequence in [0, 2] {
        expect_refused(&topic, &mut client, &Batch::idempotent((id, 4), sequence, &VALUES), INVALID_PRODUCER_EPOCH);
    }
}

#[test]
fn case_41_a_higher_epoch_begins_at_sequence_0() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let (id, _) = new_producer(&mut client);
    append(&topic, &mut client, (id, 0), 1);
    for sequence in [1, 2] {
        expect_refused(
            &topic,
            &mut client,
            &Batch::idempotent((id, 1), sequence, &VALUES),
            OUT_OF_ORDER_SEQUENCE_NUMBER,
        );
    }
    // The refused epoch has not fenced the one before it.
    expect_produced(&topic.produce(&mut client, &Batch::idempotent((id, 0), 2, &VALUES)), 0, 2);
    expect_produced(&topic.produce(&mut client, &Batch::idempotent((id, 1), 0, &VALUES)), 0, 4);
    expect_refused(&topic, &mut client, &Batch::idempotent((id, 0), 4, &VALUES), INVALID_PRODUCER_EPOCH);
}

#[test]
fn case_42_an_unknown_producer_may_begin_at_any_sequence() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    for (index, sequence) in [(0, 1), (1, 77), (2, i32::MAX)] {
        let producer = new_producer(&mut client);
        expect_produced(&topic.produce(&mut client, &Batch::idempotent(producer, sequence, &VALUES)), 0, index * 2);
    }
    // Nor need the id ever have been handed out.
    expect_produced(&topic.produce(&mut client, &Batch::idempotent((i64::MAX, 7), 3, &VALUES)), 0, 6);
}

#[test]
fn case_42_in_a_transaction_of_version_2_an_unknown_producer_begins_at_0() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let mut producer = Transactional::begin(&mut client);
    producer.sequence = 5;
    let answer = producer.try_send(&mut client, PRODUCE_V2, &topic, "a");
    expect_produced(&answer, OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
    // In one of version 1 what came before may have been forgotten.
    let other = Topic::create(&mut client);
    producer.add_when_free(&mut client, &other.name);
    expect_produced(&producer.try_send(&mut client, PRODUCE_V1, &other, "a"), 0, 0);
    assert_eq!(producer.end(&mut client, END_V2, false)["error_code"], 0);
}

#[test]
fn case_43_after_a_refused_batch_those_in_flight_behind_it_are_out_of_order_until_retried_in_order() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let producer = new_producer(&mut client);
    append(&topic, &mut client, producer, 1);
    let batches: Vec<_> = (1..6).map(|index| Batch::idempotent(producer, index * 2, &VALUES)).collect();
    let corrupt = Batch { crc: Some(1), ..batches[0].clone() };
    let flight = std::iter::once(&corrupt).chain(&batches[1..]);
    let codes = produce_pipelined(&topic, &mut client, flight);
    assert_eq!(codes, [2, 45, 45, 45, 45].map(|code| (json!(code), json!(-1))));
    let codes = produce_pipelined(&topic, &mut client, &batches);
    assert_eq!(codes, [2, 4, 6, 8, 10].map(|offset| (json!(0), json!(offset))));
}

/// Sends all batches before the first answer is read; returns error code and base offset of each.
fn produce_pipelined<'b>(
    topic: &Topic,
    client: &mut Client,
    batches: impl IntoIterator<Item = &'b Batch>,
) -> Vec<(Value, Value)> {
    let send =
        |batch: &Batch| client.send("Produce", 11, &produce_request(-1, &[topic.data(&[(0, json!(batch.hex()))])]));
    let under_way: Vec<_> = batches.into_iter().map(send).collect();
    let receive = |correlation_id| {
        let answer = client.answer("Produce", 11, correlation_id);
        let partition = &answer["responses"][0]["partition_responses"][0];
        (partition["error_code"].clone(), partition["base_offset"].clone())
    };
    under_way.into_iter().map(receive).collect()
}

#[test]
fn case_44_a_repeat_is_known_after_the_segment_was_rolled() {
    let mut client = connect();
    let topic = Topic::with(&mut client, 1, &[("segment.bytes", "1048576")]);
    let producer = new_producer(&mut client);
    let appended = append(&topic, &mut client, producer, 4);
    let large = "a".repeat(600_000);
    for _ in 0..4 {
        assert_eq!(topic.produce(&mut client, &Batch::of(&[&large]))["error_code"], 0);
    }
    for (batch, base_offset) in &appended {
        expect_produced(&topic.produce(&mut client, batch), 0, *base_offset);
    }
}

/// The real one keeps only the last batch of a producer in its snapshots, and answers 45 to repeats of the four before it.
/// Ours is asked alone.
#[test]
fn case_44_a_repeat_of_one_of_the_last_five_is_known_after_a_clean_restart_and_after_a_kill() {
    if is_kafka() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut broker = start_tidelog(dir.path());
    let mut client = Client::connect(&broker.address().to_string());
    let topic = Topic::create(&mut client);
    let producer = new_producer(&mut client);
    let appended = append(&topic, &mut client, producer, 7);
    for clean in [true, false, true] {
        if clean {
            assert!(broker.stop().success());
        } else {
            broker.kill();
        }
        broker.restart();
        let mut client = Client::connect(&broker.address().to_string());
        for (batch, base_offset) in &appended[2..] {
            expect_produced(&topic.produce(&mut client, batch), 0, *base_offset);
        }
        expect_refused(&topic, &mut client, &appended[1].0, OUT_OF_ORDER_SEQUENCE_NUMBER);
        topic.expect_end(&mut client, 14);
    }
    let mut client = Client::connect(&broker.address().to_string());
    expect_produced(&topic.produce(&mut client, &Batch::idempotent(producer, 14, &VALUES)), 0, 14);
}

/// Both requests are under way when the first is answered. That the second waited for the same sync cannot be seen from here;
/// that no repeat is answered before its batch can be read is.
#[test]
fn case_45_a_repeat_of_a_batch_under_way_is_answered_after_it_with_the_same_offset() {
    let mut first = connect();
    let topic = Topic::create(&mut first);
    let producer = new_producer(&mut first);
    let (mut second, mut reader) = (connect(), connect());
    for index in 0..20 {
        let batch = Batch::idempotent(producer, index * 2, &VALUES);
        let request = produce_request(-1, &[topic.data(&[(0, json!(batch.hex()))])]);
        let sent = first.send("Produce", 11, &request);
        let again = second.send("Produce", 11, &request);
        let offset = i64::from(index * 2);
        let repeated = second.answer("Produce", 11, again);
        expect_produced(&repeated["responses"][0]["partition_responses"][0], 0, offset);
        assert_eq!(topic.offset(&mut reader, LATEST), offset + 2);
        let answer = first.answer("Produce", 11, sent);
        expect_produced(&answer["responses"][0]["partition_responses"][0], 0, offset);
    }
}

#[test]
fn case_46_an_idle_producer_is_forgotten_and_one_that_goes_on_or_is_in_a_transaction_is_not() {
    let expiry = [("producer.id.expiration.ms", "1500"), ("producer.id.expiration.check.interval.ms", "100")];
    let broker = brokers::start_own(&expiry);
    let mut client = Client::connect(&broker.address());
    brokers::wait_for_producer_ids(&broker.address());
    let topic = Topic::create(&mut client);
    let mut in_transaction = Transactional::begin(&mut client);
    let open = Topic::create(&mut client);
    in_transaction.send(&mut client, PRODUCE_V2, &open, "a");
    let (idle, busy) = (new_producer(&mut client), new_producer(&mut client));
    append(&topic, &mut client, idle, 1);
    append(&topic, &mut client, busy, 1);
    // A producer that is not known may begin with any sequence; one that is known may not leave a gap.
    let gap = |producer, client: &mut Client| {
        topic.produce(client, &Batch::idempotent(producer, 1_000_000, &VALUES))["error_code"] == 0
    };
    assert!(!gap(idle, &mut client), "forgotten at once");
    let mut sequence = 2;
    wait_until("the idle producer is forgotten", SOON, || {
        let answer = topic.produce(&mut client, &Batch::idempotent(busy, sequence, &VALUES));
        assert_eq!(answer["error_code"], 0, "{answer}");
        sequence += 2;
        gap(idle, &mut client)
    });
    assert!(!gap(busy, &mut client), "a producer that goes on was forgotten");
    in_transaction.sequence = 1_000_000;
    let answer = in_transaction.try_send(&mut client, PRODUCE_V2, &open, "b");
    assert_eq!(answer["error_code"], OUT_OF_ORDER_SEQUENCE_NUMBER, "a producer in a transaction was forgotten");
}

#[test]
fn case_47_no_producer_id_is_handed_out_twice_across_kills() {
    let mut broker = brokers::start_own(&[]);
    let mut seen = std::collections::BTreeSet::new();
    // The real one takes a quarter of a minute to come back.
    let lives = if is_kafka() { 2 } else { 4 };
    for _ in 0..lives {
        brokers::wait_for_producer_ids(&broker.address());
        let mut client = Client::connect(&broker.address());
        for _ in 0..5 {
            assert!(seen.insert(new_producer(&mut client).0), "{seen:?}");
        }
        broker.kill();
        broker.restart();
    }
}

#[test]
fn case_47_producer_ids_are_unique_and_begin_at_epoch_0() {
    let mut clients = [connect(), connect(), connect()];
    let mut seen = std::collections::BTreeSet::new();
    for index in 0..30 {
        let (id, epoch) = new_producer(&mut clients[index % 3]);
        assert!(id >= 0 && epoch == 0 && seen.insert(id), "{id} {epoch} after {seen:?}");
    }
}
