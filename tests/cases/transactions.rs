//! Transactions as their coordinator sees them: cases 48 to 56, 59, 61, 65 and 66.

use std::time::Duration;

use serde_json::json;
use test_support::wait_until;

use crate::support::batch::{CONTROL, Stored};
use crate::support::brokers::{self, is_kafka};
use crate::support::client::Client;
use crate::support::message::unhex;
use crate::support::topics::{LATEST, Topic, connect, unique};
use crate::support::transactions::{
    CONCURRENT_TRANSACTIONS, END_V1, END_V2, PRODUCE_V1, PRODUCE_V2, Transactional, committed, group_for_offsets, init,
    last_stable_offset, settled, transactional_id,
};

const NOT_ENOUGH_REPLICAS: i64 = 19;
const ILLEGAL_GENERATION: i64 = 22;
const INVALID_GROUP_ID: i64 = 24;
const UNKNOWN_MEMBER_ID: i64 = 25;
const INVALID_REQUEST: i64 = 42;
const INVALID_PRODUCER_EPOCH: i64 = 47;
const INVALID_TXN_STATE: i64 = 48;
const INVALID_PRODUCER_ID_MAPPING: i64 = 49;
const INVALID_TRANSACTION_TIMEOUT: i64 = 50;
const TRANSACTIONAL_ID_AUTHORIZATION_FAILED: i64 = 53;
const UNSTABLE_OFFSET_COMMIT: i64 = 88;
const PRODUCER_FENCED: i64 = 90;
const TRANSACTIONAL_ID_NOT_FOUND: i64 = 105;
const TRANSACTION_ABORTABLE: i64 = 120;

const COMMIT: bool = true;
const ABORT: bool = false;
const STABLE: bool = true;

#[test]
fn case_48_a_first_init_with_bad_numbers_is_refused() {
    let mut client = connect();
    let id = transactional_id(&mut client);
    for (transactional_id, timeout, code) in [
        ("", 60_000, INVALID_REQUEST),
        (&id, 0, INVALID_TRANSACTION_TIMEOUT),
        (&id, -1, INVALID_TRANSACTION_TIMEOUT),
        (&id, 900_001, INVALID_TRANSACTION_TIMEOUT),
    ] {
        let request = json!({"transactional_id": transactional_id, "transaction_timeout_ms": timeout});
        let answer = init(&mut client, 4, &request);
        assert_eq!(answer["error_code"], code, "{request}");
        assert_eq!((&answer["producer_id"], &answer["producer_epoch"]), (&json!(-1), &json!(-1)));
    }
    let half = json!({"transactional_id": id, "transaction_timeout_ms": 60000, "producer_id": 5});
    assert_eq!(init(&mut client, 4, &half)["error_code"], INVALID_REQUEST);
    let first = init(&mut client, 4, &json!({"transactional_id": id, "transaction_timeout_ms": 900_000}));
    assert_eq!((&first["error_code"], &first["producer_epoch"]), (&json!(0), &json!(0)));
}

#[test]
fn case_49_who_comes_again_ends_the_open_transaction_and_fences_who_was_there() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let mut old = Transactional::begin(&mut client);
    old.add_when_free(&mut client, &topic.name);
    old.send(&mut client, PRODUCE_V1, &topic, "lost");
    let new = Transactional::begin_as(&mut client, &old.id);
    assert_eq!(new.producer.0, old.producer.0);
    assert!(new.producer.1 > old.producer.1, "{new:?}");
    assert_eq!(last_stable_offset(&mut client, &topic), 2, "one record and the marker");
    for (version, code) in [(1, INVALID_PRODUCER_EPOCH), (2, PRODUCER_FENCED), (END_V1, PRODUCER_FENCED)] {
        assert_eq!(client.call("EndTxn", version, &old.ending(COMMIT))["error_code"], code, "version {version}");
    }
    let answer = client.call("AddPartitionsToTxn", 1, &old.addition(&topic.name, 0));
    let partition = &answer["results_by_topic_v3_and_below"][0]["results_by_partition"][0];
    assert_eq!(partition["partition_error_code"], INVALID_PRODUCER_EPOCH);
    assert_eq!(old.add(&mut client, &topic.name), PRODUCER_FENCED);
}

#[test]
fn case_50_another_producer_id_is_not_that_of_the_transactional_id() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let right = Transactional::begin(&mut client);
    let wrong = Transactional { producer: (right.producer.0 + 1_000_000, right.producer.1), ..right.clone() };
    assert_eq!(wrong.add(&mut client, &topic.name), INVALID_PRODUCER_ID_MAPPING);
    for version in [1, END_V1, END_V2] {
        let answer = client.call("EndTxn", version, &wrong.ending(COMMIT));
        assert_eq!(answer["error_code"], INVALID_PRODUCER_ID_MAPPING, "version {version}");
    }
    let nobody = Transactional { id: unique("never-begun"), ..right };
    assert_eq!(nobody.add(&mut client, &topic.name), INVALID_PRODUCER_ID_MAPPING);
}

#[test]
fn case_51_while_a_transaction_ends_the_next_one_waits() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let mut producer = Transactional::begin(&mut client);
    for round in 0..20 {
        producer.add_when_free(&mut client, &topic.name);
        producer.send(&mut client, PRODUCE_V1, &topic, "value");
        // Sent in one piece: the second is decided before the markers of the first are there, or just after.
        let ended = client.send("EndTxn", END_V1, &producer.ending(COMMIT));
        let added = client.send("AddPartitionsToTxn", 3, &producer.addition(&topic.name, 0));
        assert_eq!(client.answer("EndTxn", END_V1, ended)["error_code"], 0);
        let answer = client.answer("AddPartitionsToTxn", 3, added);
        let code = &answer["results_by_topic_v3_and_below"][0]["results_by_partition"][0]["partition_error_code"];
        assert!(*code == 0 || *code == CONCURRENT_TRANSACTIONS, "{code} in round {round}");
        if *code == 0 {
            assert_eq!(producer.end(&mut client, END_V1, ABORT)["error_code"], 0);
        }
    }
}

#[test]
fn case_52_the_end_may_be_repeated_but_not_changed() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let mut producer = Transactional::begin(&mut client);
    assert_eq!(producer.end(&mut client, END_V1, COMMIT)["error_code"], INVALID_TXN_STATE, "nothing has begun");
    for (first, second) in [(COMMIT, ABORT), (ABORT, COMMIT)] {
        producer.add_when_free(&mut client, &topic.name);
        producer.send(&mut client, PRODUCE_V1, &topic, "value");
        for _ in 0..2 {
            assert_eq!(producer.end(&mut client, END_V1, first)["error_code"], 0);
        }
        assert_eq!(producer.end(&mut client, END_V1, second)["error_code"], INVALID_TXN_STATE);
    }
}

#[test]
fn case_53_the_end_raises_the_epoch_and_a_late_one_does_not_end_the_next_transaction() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let mut producer = Transactional::begin(&mut client);
    producer.send(&mut client, PRODUCE_V2, &topic, "first");
    let before = producer.clone();
    let answer = producer.end(&mut client, END_V2, COMMIT);
    assert_eq!(answer["error_code"], 0);
    assert_eq!(producer.producer, (before.producer.0, before.producer.1 + 1));
    // The answer was lost, and the producer asks again.
    let again = settled(&mut client, "EndTxn", END_V2, &before.ending(COMMIT));
    assert_eq!(again["error_code"], 0);
    assert_eq!(again["producer_epoch"], producer.producer.1);
    producer.send(&mut client, PRODUCE_V2, &topic, "second");
    for result in [COMMIT, ABORT] {
        assert_eq!(client.call("EndTxn", END_V2, &before.ending(result))["error_code"], PRODUCER_FENCED);
    }
    assert_eq!(producer.describe(&mut client)["transaction_state"], "Ongoing");
    assert_eq!(producer.end(&mut client, END_V2, COMMIT)["error_code"], 0);
    // A transaction that nobody has begun can be aborted, which raises the epoch all the same.
    let epoch = producer.producer.1;
    assert_eq!(producer.end(&mut client, END_V2, ABORT)["error_code"], 0);
    assert_eq!(producer.producer.1, epoch + 1);
    assert_eq!(producer.end(&mut client, END_V2, COMMIT)["error_code"], INVALID_TXN_STATE);
}

#[test]
fn case_54_who_goes_on_from_its_epoch_gets_the_next_one_and_may_ask_again() {
    let mut client = connect();
    let producer = Transactional::begin(&mut client);
    let request = json!({
        "transactional_id": producer.id,
        "transaction_timeout_ms": 60000,
        "producer_id": producer.producer.0,
        "producer_epoch": producer.producer.1,
    });
    let next = init(&mut client, 5, &request);
    assert_eq!((&next["producer_id"], &next["producer_epoch"]), (&json!(producer.producer.0), &json!(1)), "{next}");
    let again = init(&mut client, 5, &request);
    assert_eq!((&again["error_code"], &again["producer_epoch"]), (&json!(0), &json!(1)), "a repeated request");
    let stale = json!({
        "transactional_id": producer.id,
        "transaction_timeout_ms": 60000,
        "producer_id": producer.producer.0,
        "producer_epoch": 7,
    });
    assert_eq!(init(&mut client, 5, &stale)["error_code"], PRODUCER_FENCED);
    assert_eq!(init(&mut client, 3, &stale)["error_code"], INVALID_PRODUCER_EPOCH);
}

/// Begins again and again, so that the epoch rises to this one. Nothing has to survive, so that it goes fast.
#[track_caller]
fn raise_epoch(client: &mut Client, producer: &mut Transactional, epoch: i16) {
    let request = json!({"transactional_id": producer.id, "transaction_timeout_ms": 60000});
    while producer.producer.1 < epoch {
        let missing = i32::from(epoch - producer.producer.1).min(200);
        let sent: Vec<_> = (0..missing).map(|_| client.send("InitProducerId", 4, &request)).collect();
        for correlation_id in sent {
            let answer = client.answer("InitProducerId", 4, correlation_id);
            // One that came while the one before was being written is not counted.
            if answer["error_code"] != CONCURRENT_TRANSACTIONS {
                assert_eq!(answer["error_code"], 0, "{answer}");
                assert_eq!(answer["producer_epoch"], producer.producer.1 + 1);
                producer.producer.1 += 1;
            }
        }
    }
}

#[test]
fn case_54_at_the_last_epoch_a_producer_gets_a_new_id_by_its_next_beginning_and_by_its_next_end() {
    let settings: &[(&str, &str)] = if is_kafka() { &[] } else { &[("log.flush.mode", "async")] };
    let broker = brokers::start_own(settings);
    brokers::wait_for_producer_ids(&broker.address());
    let mut client = Client::connect(&broker.address());
    let topic = Topic::create(&mut client);
    let mut producer = Transactional::begin(&mut client);
    let (old_id, last) = (producer.producer.0, i16::MAX - 1);
    raise_epoch(&mut client, &mut producer, last - 1);
    // The last epoch but one is an ordinary one, by a transaction as well.
    producer.send(&mut client, PRODUCE_V2, &topic, "the last but one");
    assert_eq!(producer.end(&mut client, END_V2, COMMIT)["error_code"], 0);
    assert_eq!(producer.producer, (old_id, last));
    producer.send(&mut client, PRODUCE_V2, &topic, "the last");
    let before = producer.clone();
    assert_eq!(producer.end(&mut client, END_V2, COMMIT)["error_code"], 0);
    assert!(producer.producer.0 > old_id && producer.producer.1 == 0, "{:?}", producer.producer);
    let again = settled(&mut client, "EndTxn", END_V2, &before.ending(COMMIT));
    let new = (&json!(0), &json!(producer.producer.0), &json!(0));
    assert_eq!((&again["error_code"], &again["producer_id"], &again["producer_epoch"]), new, "a repeated end");
    producer.wait_for(&mut client, "CompleteCommit");
    assert_eq!(last_stable_offset(&mut client, &topic), 4);
    producer.send(&mut client, PRODUCE_V2, &topic, "by the new id");
    let late = client.call("EndTxn", END_V2, &before.ending(COMMIT))["error_code"].as_i64().unwrap();
    assert_ne!(late, 0, "an end of the old id");
    assert_eq!(producer.describe(&mut client)["transaction_state"], "Ongoing");
    assert_eq!(producer.end(&mut client, END_V2, COMMIT)["error_code"], 0);
    producer.wait_for(&mut client, "CompleteCommit");
    assert_eq!(last_stable_offset(&mut client, &topic), 6);
    // And by a beginning.
    let mut other = Transactional::begin(&mut client);
    raise_epoch(&mut client, &mut other, last);
    let request = json!({
        "transactional_id": other.id,
        "transaction_timeout_ms": 60000,
        "producer_id": other.producer.0,
        "producer_epoch": other.producer.1,
    });
    let begun = init(&mut client, 5, &request);
    assert!(begun["producer_id"].as_i64() > Some(other.producer.0) && begun["producer_epoch"] == 0, "{begun}");
    assert_eq!(init(&mut client, 5, &request), begun, "a repeated beginning");
    let third = init(&mut client, 5, &json!({"transactional_id": other.id, "transaction_timeout_ms": 60000}));
    assert_eq!((&third["producer_id"], &third["producer_epoch"]), (&begun["producer_id"], &json!(1)), "{third}");
}

#[test]
fn case_55_a_partition_that_was_not_added_is_refused_or_added() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let mut producer = Transactional::begin(&mut client);
    for (version, code) in [(9, INVALID_TXN_STATE), (10, INVALID_TXN_STATE), (PRODUCE_V1, TRANSACTION_ABORTABLE)] {
        let answer = producer.try_send(&mut client, version, &topic, "value");
        assert_eq!(answer["error_code"], code, "version {version}: {answer}");
    }
    assert_eq!(last_stable_offset(&mut client, &topic), 0);
    producer.send(&mut client, PRODUCE_V2, &topic, "added by itself");
    assert_eq!(producer.describe(&mut client)["topics"][0]["topic"], topic.name.as_str());
    // What begins is known from now on, whichever version asks.
    producer.send(&mut client, PRODUCE_V1, &topic, "the same transaction");
    assert_eq!(producer.end(&mut client, END_V2, COMMIT)["error_code"], 0);
    wait_until("the marker", Duration::from_secs(20), || last_stable_offset(&mut client, &topic) == 3);
}

#[test]
fn case_55_transactional_records_without_a_transactional_id_are_refused_whole() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let producer = Transactional::begin(&mut client);
    let mut request = producer.request(&topic, &producer.batch("value"));
    request["transactional_id"] = json!(null);
    let answer = client.call("Produce", PRODUCE_V1, &request);
    let partition = &answer["responses"][0]["partition_responses"][0];
    assert_eq!(partition["error_code"], TRANSACTIONAL_ID_AUTHORIZATION_FAILED, "{answer}");
}

#[test]
fn case_55_a_coordinator_that_is_busy_is_told_so_that_the_client_sends_again() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let mut producer = Transactional::begin(&mut client);
    for _ in 0..10 {
        producer.add_when_free(&mut client, &topic.name);
        producer.send(&mut client, PRODUCE_V1, &topic, "value");
        let ended = client.send("EndTxn", END_V1, &producer.ending(COMMIT));
        let next = producer.request(&topic, &producer.batch("too early"));
        let sent = client.send("Produce", PRODUCE_V1, &next);
        assert_eq!(client.answer("EndTxn", END_V1, ended)["error_code"], 0);
        let answer = client.answer("Produce", PRODUCE_V1, sent);
        let code = answer["responses"][0]["partition_responses"][0]["error_code"].as_i64().unwrap();
        // Its partition is still open, or is not and the coordinator is busy, or has ended.
        if code == 0 {
            producer.sequence += 1;
        } else {
            let expected = [NOT_ENOUGH_REPLICAS, TRANSACTION_ABORTABLE, INVALID_TXN_STATE];
            assert!(expected.contains(&code), "{answer}");
        }
    }
}

#[test]
fn case_55_what_is_sent_behind_a_batch_that_waits_for_the_coordinator_does_not_overtake_it() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let mut producer = Transactional::begin(&mut client);
    for round in 0..5 {
        let mut sent = Vec::new();
        for sequence in 0..5 {
            producer.sequence = sequence;
            let request = producer.request(&topic, &producer.batch("value"));
            sent.push(client.send("Produce", PRODUCE_V2, &request));
        }
        let mut offsets = Vec::new();
        for correlation_id in sent {
            let answer = client.answer("Produce", PRODUCE_V2, correlation_id);
            let partition = &answer["responses"][0]["partition_responses"][0];
            assert_eq!(partition["error_code"], 0, "round {round}: {answer}");
            offsets.push(partition["base_offset"].as_i64().unwrap());
        }
        let first = round * 6;
        assert_eq!(offsets, (first..first + 5).collect::<Vec<_>>());
        assert_eq!(producer.end(&mut client, END_V2, COMMIT)["error_code"], 0);
        producer.wait_for(&mut client, "CompleteCommit");
    }
}

#[test]
fn case_56_a_question_about_partitions_that_are_not_in_the_transaction_says_so() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let other = Topic::create(&mut client);
    let producer = Transactional::begin(&mut client);
    producer.add_when_free(&mut client, &topic.name);
    for (version, code) in [(4, TRANSACTION_ABORTABLE), (5, TRANSACTION_ABORTABLE)] {
        let asked = json!({"transactions": [{
            "transactional_id": producer.id,
            "producer_id": producer.producer.0,
            "producer_epoch": producer.producer.1,
            "verify_only": true,
            "topics": [{"name": topic.name, "partitions": [0]}, {"name": other.name, "partitions": [0]}],
        }]});
        let answer = client.call("AddPartitionsToTxn", version, &asked);
        assert_eq!(answer["error_code"], 0, "{answer}");
        let code_of = |name: &str| {
            let topics = answer["results_by_transaction"][0]["topic_results"].as_array().unwrap();
            let of = topics.iter().find(|of| of["name"] == name).unwrap();
            of["results_by_partition"][0]["partition_error_code"].as_i64().unwrap()
        };
        assert_eq!((code_of(&topic.name), code_of(&other.name)), (0, code), "version {version}");
    }
}

#[test]
fn case_56_one_partition_that_is_not_there_keeps_all_out() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let producer = Transactional::begin(&mut client);
    let mut addition = producer.addition(&topic.name, 0);
    addition["v3_and_below_topics"][0]["partitions"] = json!([0, 7]);
    let answer = client.call("AddPartitionsToTxn", 3, &addition);
    let partitions = answer["results_by_topic_v3_and_below"][0]["results_by_partition"].as_array().unwrap();
    let code_of = |index: i64| {
        let of = partitions.iter().find(|of| of["partition_index"] == index).unwrap();
        of["partition_error_code"].as_i64().unwrap()
    };
    assert_eq!((code_of(0), code_of(7)), (55, 3));
    assert_eq!(producer.describe(&mut client)["transaction_state"], "Empty");
}

#[test]
fn case_59_a_transaction_that_takes_too_long_is_aborted() {
    let settings = [("transaction.abort.timed.out.transaction.cleanup.interval.ms", "200")];
    let broker = brokers::start_own(&settings);
    let mut client = Client::connect(&broker.address());
    let topic = Topic::create(&mut client);
    let id = transactional_id(&mut client);
    let begun = init(&mut client, 5, &json!({"transactional_id": id, "transaction_timeout_ms": 1000}));
    assert_eq!(begun["error_code"], 0, "{begun}");
    let producer_id = begun["producer_id"].as_i64().unwrap();
    let mut producer = Transactional { id, producer: (producer_id, 0), sequence: 0 };
    producer.send(&mut client, PRODUCE_V2, &topic, "never seen");
    assert_eq!(last_stable_offset(&mut client, &topic), 0);
    producer.wait_for(&mut client, "CompleteAbort");
    assert_eq!(last_stable_offset(&mut client, &topic), 2);
    let epoch = producer.describe(&mut client)["producer_epoch"].as_i64().unwrap();
    assert!(epoch > 0, "the epoch is raised");
    // It ended otherwise than the producer wants.
    assert_eq!(client.call("EndTxn", END_V2, &producer.ending(COMMIT))["error_code"], INVALID_TXN_STATE);
    let late = producer.try_send(&mut client, PRODUCE_V2, &topic, "too late");
    assert_eq!(late["error_code"], INVALID_PRODUCER_EPOCH, "{late}");
}

#[test]
fn case_61_markers_are_written_after_a_crash() {
    if is_kafka() {
        // A single Kafka 4.4 that is killed drops some, for ever.
        return;
    }
    let mut broker = brokers::start_own(&[]);
    let mut client = Client::connect(&broker.address());
    let topics: Vec<Topic> = (0..8).map(|_| Topic::create(&mut client)).collect();
    let group = group_for_offsets(&mut client);
    let mut producer = Transactional::begin(&mut client);
    for round in 1..6_i64 {
        for topic in &topics {
            // Each partition counts for itself.
            producer.sequence = 0;
            producer.send(&mut client, PRODUCE_V2, topic, "value");
        }
        assert_eq!(producer.commit_offset(&mut client, 5, &group, (&topics[0], round)), 0);
        let result = round % 2 == 0;
        // Killed as soon as the end is decided: at most some of the markers are there.
        assert_eq!(producer.end(&mut client, END_V2, result)["error_code"], 0);
        broker.kill();
        broker.restart();
        client = Client::connect(&broker.address());
        producer.wait_for(&mut client, if result { "CompleteCommit" } else { "CompleteAbort" });
        for topic in &topics {
            let end = topic.offset(&mut client, -1).as_i64().unwrap();
            assert_eq!(last_stable_offset(&mut client, topic), end);
            // One of a round that was written twice, because nobody knew that it was there, is one more.
            assert!(end >= 2 * round, "{end} in round {round}");
        }
        let offset = if result { round } else { round - 1 };
        let offset = if round == 1 { -1 } else { offset };
        assert_eq!(committed(&mut client, &group, &topics[0], STABLE), (offset, 0), "round {round}");
    }
}

#[test]
fn case_65_offsets_of_a_transaction_are_hidden_until_it_is_committed() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let group = group_for_offsets(&mut client);
    let mut producer = Transactional::begin(&mut client);
    for (round, result, before, after) in [(1, COMMIT, -1, 1), (2, ABORT, 1, 1), (3, COMMIT, 1, 3)] {
        assert_eq!(producer.commit_offset(&mut client, 5, &group, (&topic, round)), 0);
        assert_eq!(committed(&mut client, &group, &topic, STABLE), (-1, UNSTABLE_OFFSET_COMMIT));
        assert_eq!(committed(&mut client, &group, &topic, !STABLE), (before, 0));
        assert_eq!(producer.end(&mut client, END_V2, result)["error_code"], 0);
        wait_until("stable offsets", Duration::from_secs(20), || {
            committed(&mut client, &group, &topic, STABLE).1 != UNSTABLE_OFFSET_COMMIT
        });
        assert_eq!(committed(&mut client, &group, &topic, STABLE), (after, 0));
    }
}

#[test]
fn case_65_an_offset_of_a_named_topic_is_stored_with_the_id_that_the_topic_has() {
    let broker = brokers::start_own(&[("offsets.topic.num.partitions", "1")]);
    brokers::wait_for_producer_ids(&broker.address());
    let mut client = Client::connect(&broker.address());
    let topic = Topic::create(&mut client);
    let group = group_for_offsets(&mut client);
    let mut producer = Transactional::begin(&mut client);
    let name = "__consumer_offsets".to_owned();
    let asked = json!({"topics": [{"topic_id": "0".repeat(32), "name": name}]});
    let id = client.call("Metadata", 12, &asked)["topics"][0]["topic_id"].as_str().unwrap().to_owned();
    let offsets = Topic { name, id };
    for version in [3, 5, 6] {
        let from = offsets.offset(&mut client, LATEST).as_i64().unwrap();
        if version == 3 {
            let addition = json!({
                "transactional_id": producer.id,
                "producer_id": producer.producer.0,
                "producer_epoch": producer.producer.1,
                "group_id": group,
            });
            assert_eq!(settled(&mut client, "AddOffsetsToTxn", 3, &addition)["error_code"], 0);
        }
        assert_eq!(producer.commit_offset(&mut client, version, &group, (&topic, 5)), 0);
        let stored = offsets.batches(&mut client, from);
        let id = unhex(&json!(topic.id));
        // The marker of the transaction before may have come meanwhile.
        let commits: Vec<_> = stored.iter().filter(|batch| batch.attributes & CONTROL == 0).collect();
        let has_id = |batch: &Stored| batch.body.windows(id.len()).any(|bytes| bytes == id);
        assert!(commits.len() == 1 && has_id(commits[0]), "version {version}: {stored:?}");
        assert_eq!(producer.end(&mut client, END_V2, COMMIT)["error_code"], 0);
    }
}

#[test]
fn case_65_a_group_that_was_not_added_is_refused_by_old_versions() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let group = group_for_offsets(&mut client);
    let mut producer = Transactional::begin(&mut client);
    for (version, code) in [(3, INVALID_TXN_STATE), (4, TRANSACTION_ABORTABLE)] {
        assert_eq!(producer.commit_offset(&mut client, version, &group, (&topic, 1)), code, "version {version}");
    }
    let add = json!({
        "transactional_id": producer.id,
        "producer_id": producer.producer.0,
        "producer_epoch": producer.producer.1,
        "group_id": group,
    });
    assert_eq!(settled(&mut client, "AddOffsetsToTxn", 4, &add)["error_code"], 0);
    for version in 0..=4 {
        assert_eq!(producer.commit_offset(&mut client, version, &group, (&topic, 9)), 0, "version {version}");
    }
    let described = producer.describe(&mut client);
    assert_eq!(described["topics"][0]["topic"], "__consumer_offsets", "{described}");
    assert_eq!(producer.end(&mut client, END_V1, COMMIT)["error_code"], 0);
    wait_until("the marker", Duration::from_secs(20), || committed(&mut client, &group, &topic, STABLE) == (9, 0));
}

#[test]
fn case_97_a_transactions_commit_by_nobody_or_of_another_generation_is_refused() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let group = group_for_offsets(&mut client);
    let producer = Transactional::begin(&mut client);
    let commit = |client: &mut Client, changes: &[(&str, serde_json::Value)]| {
        let mut request = producer.offset_commit(&group, &topic, 1);
        for (name, value) in changes {
            request[*name] = value.clone();
        }
        client.call("TxnOffsetCommit", 5, &request)["topics"][0]["partitions"][0]["error_code"].as_i64().unwrap()
    };
    assert_eq!(commit(&mut client, &[("group_id", json!(""))]), INVALID_GROUP_ID);
    let generation = ("generation_id_or_member_epoch", json!(3));
    assert_eq!(commit(&mut client, std::slice::from_ref(&generation)), ILLEGAL_GENERATION, "there is no group");
    assert_eq!(commit(&mut client, &[]), 0);
    let member = ("member_id", json!("somebody"));
    assert_eq!(commit(&mut client, &[generation, member]), UNKNOWN_MEMBER_ID, "nobody is in the group");
}

#[test]
fn case_66_a_transactional_id_that_nobody_used_is_not_found() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let mut producer = Transactional::begin(&mut client);
    let described = producer.describe(&mut client);
    assert_eq!(described["transaction_state"], "Empty", "{described}");
    assert_eq!(described["transaction_timeout_ms"], 60_000);
    producer.send(&mut client, PRODUCE_V2, &topic, "value");
    assert_eq!(producer.describe(&mut client)["transaction_state"], "Ongoing");
    let nobody = Transactional { id: unique("never-begun"), ..producer.clone() };
    assert_eq!(nobody.describe(&mut client)["error_code"], TRANSACTIONAL_ID_NOT_FOUND);
    let list = |client: &mut Client, filter: serde_json::Value| {
        let answer = client.call("ListTransactions", 2, &filter);
        assert_eq!(answer["error_code"], 0, "{answer}");
        let listed = answer["transaction_states"].as_array().unwrap();
        listed.iter().any(|of| of["transactional_id"] == producer.id.as_str())
    };
    let mine = json!([producer.producer.0]);
    assert!(list(&mut client, json!({"producer_id_filters": mine})));
    assert!(list(&mut client, json!({"producer_id_filters": mine, "state_filters": ["Ongoing"]})));
    assert!(!list(&mut client, json!({"producer_id_filters": mine, "state_filters": ["Empty"]})));
    assert!(!list(&mut client, json!({"producer_id_filters": mine, "duration_filter": 3_600_000})));
    assert!(list(&mut client, json!({"transactional_id_pattern": format!("{}.*", &producer.id[..5])})));
    assert!(!list(&mut client, json!({"transactional_id_pattern": "nobody.*"})));
    let answer = client.call("ListTransactions", 0, &json!({"state_filters": ["Ongoing", "Odd"]}));
    assert_eq!(answer["unknown_state_filters"], json!(["Odd"]));
}
