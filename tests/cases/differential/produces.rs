//! Produce: every version, and every field of what is refused.

use serde_json::{Value, json};

use super::compare;
use super::peer::Peer;
use crate::support::batch::{Batch, CONTROL, GZIP, LOG_APPEND_TIME, Record, TRANSACTIONAL, ZSTD};
use crate::support::now_ms;
use crate::support::topics::{Topic, new_producer, produce_request};

fn send(peer: &mut Peer, version: i16, topic: &Topic, partition: i32, batch: &Batch) {
    peer.call("Produce", version, &produce_request(-1, &[topic.data(&[(partition, json!(batch.hex()))])]));
}

#[test]
fn produce_in_every_version() {
    compare(|peer| {
        let create_time = peer.topic("create-time", 2, &[]);
        let append_time = peer.topic("append-time", 1, &[("message.timestamp.type", "LogAppendTime")]);
        let nobody = Topic { name: peer.name("nobody"), id: "0123456789abcdef0123456789abcdef".to_owned() };
        for version in 3..=13 {
            let batch = Batch::of(&["a", "b"]);
            for acks in [-1, 1] {
                peer.call("Produce", version, &produce_request(acks, &[create_time.data(&[(0, json!(batch.hex()))])]));
            }
            send(peer, version, &append_time, 0, &batch);
            send(peer, version, &create_time, 7, &batch);
            send(peer, version, &create_time, -1, &batch);
            send(peer, version, &nobody, 0, &batch);
            send(peer, version, &create_time, 0, &Batch { crc: Some(0), ..batch.clone() });
            peer.call("Produce", version, &produce_request(-1, &[]));
            peer.call("Produce", version, &produce_request(-1, &[create_time.data(&[])]));
            let one_after_the_other = Batch::of(&["a"]).hex() + &batch.hex();
            for (topic, partition, records) in [
                (&create_time, 0, batch.hex()),
                (&create_time, 7, batch.hex()),
                (&nobody, 0, batch.hex()),
                (&create_time, 0, one_after_the_other),
                (&create_time, 0, Batch { magic: 1, ..batch.clone() }.hex()),
                (&create_time, 0, Batch { crc: Some(0), ..batch.clone() }.hex()),
            ] {
                let body = produce_request(5, &[topic.data(&[(partition, json!(records))])]);
                peer.call("Produce", version, &body);
            }
        }
    });
}

#[test]
fn produce_of_what_is_refused() {
    compare(|peer| {
        let topic =
            peer.topic("refusing", 1, &[("max.message.bytes", "500"), ("message.timestamp.after.max.ms", "1000")]);
        let compacted = peer.topic("compacted", 1, &[("cleanup.policy", "compact")]);
        let good = Batch::of(&["a", "b"]);
        send(peer, 11, &topic, 0, &good);
        let late = good.clone().at(now_ms() + 7_200_000);
        let long = Batch::of(&[&"a".repeat(600)]);
        let unkeyed = Batch::from(vec![Record::new(Some("k"), b"v"), Record::new(None, b"v"), Record::new(None, b"v")]);
        let batches = [
            Batch { crc: Some(0), ..good.clone() },
            Batch { magic: 0, ..good.clone() },
            Batch { magic: 1, ..good.clone() },
            Batch { magic: 3, ..good.clone() },
            Batch { magic: -1, ..good.clone() },
            Batch { length: Some(48), ..good.clone() },
            Batch { length: Some(1000), ..good.clone() },
            Batch { record_count: Some(0), ..good.clone() },
            Batch { record_count: Some(3), ..good.clone() },
            Batch { last_offset_delta: Some(5), ..good.clone() },
            Batch { record_count: Some(3), last_offset_delta: Some(2), ..good.clone() },
            Batch { record_count: Some(1), last_offset_delta: Some(0), ..good.clone() },
            Batch { base_offset: 5, ..good.clone() },
            Batch { attributes: CONTROL, ..good.clone() },
            Batch { attributes: TRANSACTIONAL, ..good.clone() },
            Batch { attributes: 64, ..good.clone() },
            Batch { attributes: 128, ..good.clone() },
            Batch { attributes: i16::MIN, ..good.clone() },
            Batch { attributes: LOG_APPEND_TIME | GZIP, ..good.clone() },
            Batch { producer_id: 9, producer_epoch: 0, base_sequence: -1, ..good.clone() },
            Batch { producer_id: 9, producer_epoch: -1, base_sequence: -1, ..good.clone() },
            Batch { producer_id: 9, producer_epoch: 0, base_sequence: -5, ..good.clone() },
            Batch { producer_id: -1, producer_epoch: 0, base_sequence: 0, ..good.clone() },
            Batch { producer_id: -2, producer_epoch: 0, base_sequence: 0, ..good.clone() },
            Batch { base_timestamp: -1, ..good.clone() },
            Batch { base_timestamp: -2, ..good.clone() },
            Batch { base_timestamp: 0, ..good.clone() },
            late,
            long.clone(),
            Batch { attributes: ZSTD, ..long },
        ];
        for batch in &batches {
            for version in [7, 8, 9, 11, 13] {
                send(peer, version, &topic, 0, batch);
            }
        }
        for batch in [unkeyed.clone(), Batch { attributes: ZSTD, ..unkeyed }] {
            for version in [7, 8, 9, 11, 13] {
                send(peer, version, &compacted, 0, &batch);
            }
        }
        for records in [String::new(), good.hex() + &good.hex(), good.hex()[..40].to_owned(), good.hex() + "00"] {
            for version in [3, 8, 11, 13] {
                peer.call("Produce", version, &produce_request(-1, &[topic.data(&[(0, json!(records))])]));
            }
        }
    });
}

#[test]
fn produce_to_several_partitions_and_topics() {
    compare(|peer| {
        let (one, two) = (peer.topic("one", 3, &[]), peer.topic("two", 3, &[]));
        let good = json!(Batch::of(&["a", "b"]).hex());
        let bad = json!(Batch { crc: Some(1), ..Batch::of(&["a"]) }.hex());
        for version in 3..=13 {
            for data in [
                vec![
                    one.data(&[(2, good.clone()), (0, bad.clone()), (1, good.clone())]),
                    two.data(&[(0, good.clone())]),
                ],
                vec![two.data(&[(1, good.clone()), (9, good.clone())]), one.data(&[(0, bad.clone())])],
            ] {
                let mut answer = peer.client().call("Produce", version, &produce_request(-1, &data));
                in_order(&mut answer, &one);
                peer.note("Produce", version, &json!("several"), &answer);
            }
        }
    });
}

/// Puts topics and partitions in an order: the real one's is a hash table's.
fn in_order(answer: &mut Value, first: &Topic) {
    let topics = answer["responses"].as_array_mut().unwrap();
    topics.sort_by_key(|topic| topic["name"] != first.name && topic["topic_id"] != first.id);
    for topic in topics {
        topic["partition_responses"].as_array_mut().unwrap().sort_by_key(|part| part["index"].as_i64());
    }
}

#[test]
fn produce_of_an_idempotent_producer() {
    compare(|peer| {
        let topic = peer.topic("t", 1, &[]);
        let producer = new_producer(peer.client());
        let time = 1_700_000_000_000;
        let batch = |sequence: i32, values: &[&str]| Batch::idempotent(producer, sequence, values).at(time);
        for sequence in [0, 2, 4, 6, 8, 10, 0, 2, 10, 9, 13, 12, 12] {
            let records = json!(batch(sequence, &["a", "b"]).hex());
            let body = produce_request(-1, &[topic.data(&[(0, records)])]);
            let mut answer = peer.client().call("Produce", 11, &body);
            // With a repeat Kafka tells the batch's largest timestamp here, ours what it told the first time.
            answer["responses"][0]["partition_responses"][0]["log_append_time_ms"].take();
            peer.note("Produce", 11, &json!(sequence), &answer);
        }
        for (id, epoch, sequence) in [(0, 1, 1), (0, 1, 0), (0, 0, 14), (0, 5, 0), (0, 4, 1), (0, 5, 1)] {
            send(peer, 11, &topic, 0, &Batch::idempotent((producer.0 + id, epoch), sequence, &["x"]).at(time));
        }
        peer.call("Fetch", 16, &crate::support::topics::fetch_request(0, &[topic.fetch_part(0)]));
    });
}
