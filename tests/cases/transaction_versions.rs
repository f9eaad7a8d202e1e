//! Transactions where `transaction.version` is below 2, as clusters have it that came from earlier versions of Kafka: clients
//! then speak as before KIP-890, and those that do not are served all the same.

use std::time::Duration;

use serde_json::json;
use test_support::{SOON, wait_until};

use crate::support::batch::{CONTROL, Stored};
use crate::support::brokers::{self, is_kafka, wait_for_producer_ids};
use crate::support::client::Client;
use crate::support::topics::Topic;
use crate::support::transactions::{END_V1, END_V2, PRODUCE_V1, PRODUCE_V2, Transactional, last_stable_offset};

const FEATURE: &str = "transaction.version";
const UPGRADE: i8 = 1;
const SAFE_DOWNGRADE: i8 = 2;
const COMMIT: bool = true;
const ABORT: bool = false;

/// The level in force; 0 is not listed.
fn level(client: &mut Client) -> i64 {
    let asked = json!({"client_software_name": "a", "client_software_version": "1"});
    let answer = client.call("ApiVersions", 4, &asked);
    let features = answer["finalized_features"].as_array().unwrap();
    let found = features.iter().find(|feature| feature["name"] == FEATURE);
    found.map_or(0, |feature| feature["max_version_level"].as_i64().unwrap())
}

/// Puts a level in force, and waits until the broker goes by it.
#[track_caller]
fn set_level(client: &mut Client, wanted: i64) {
    let direction = if wanted > level(client) { UPGRADE } else { SAFE_DOWNGRADE };
    let update = json!({"feature": FEATURE, "max_version_level": wanted, "upgrade_type": direction});
    let answer = client.call("UpdateFeatures", 2, &json!({"feature_updates": [update], "validate_only": false}));
    assert_eq!(answer["error_code"], 0, "{answer}");
    wait_until("a level in force", SOON, || level(client) == wanted);
}

/// The markers in the first partition.
fn markers(client: &mut Client, topic: &Topic) -> Vec<Stored> {
    let batches = topic.batches(client, 0);
    batches.into_iter().filter(|batch| batch.attributes & CONTROL != 0).collect()
}

/// A transaction as clients of version 1 make it: partitions are added, the epoch stays.
#[track_caller]
fn transaction_of_version_1(client: &mut Client, producer: &mut Transactional, topic: &Topic, result: bool) {
    let before = (producer.producer, markers(client, topic).len());
    producer.add_when_free(client, &topic.name);
    let offset = producer.send(client, PRODUCE_V1, topic, "a");
    assert_eq!(producer.end(client, END_V1, result)["error_code"], 0);
    wait_until("the marker", Duration::from_secs(20), || last_stable_offset(client, topic) == offset + 2);
    let found = markers(client, topic);
    assert_eq!((producer.producer, found.len()), (before.0, before.1 + 1));
    let marker = found.last().unwrap();
    assert_eq!((marker.producer.0, marker.producer.1), producer.producer, "the marker has the producer's epoch");
}

#[test]
fn below_version_2_epochs_stay_and_all_else_is_as_before() {
    let broker = brokers::start_own(&[]);
    wait_for_producer_ids(&broker.address());
    let mut client = Client::connect(&broker.address());
    let topic = Topic::create(&mut client);
    assert_eq!(level(&mut client), 2);
    for wanted in [1, 0, 1, 2] {
        set_level(&mut client, wanted);
        let mut producer = Transactional::begin(&mut client);
        transaction_of_version_1(&mut client, &mut producer, &topic, COMMIT);
        transaction_of_version_1(&mut client, &mut producer, &topic, ABORT);
        // A client of version 2 looks at the level first. One that does not is served all the same; at level 0 the real Kafka
        // never ends its transaction.
        if wanted == 0 && is_kafka() {
            continue;
        }
        let mut newer = Transactional::begin(&mut client);
        let before = newer.producer;
        let offset = newer.send(&mut client, PRODUCE_V2, &topic, "b");
        let ended = newer.end(&mut client, END_V2, COMMIT);
        // Where the log of transactions has no room for the epoch that is to come, there is none.
        let after = if wanted == 0 { (-1, -1) } else { (before.0, before.1 + 1) };
        assert_eq!(ended["error_code"], 0, "{ended}");
        assert_eq!((&ended["producer_id"], &ended["producer_epoch"]), (&json!(after.0), &json!(after.1)));
        wait_until("the marker", SOON, || last_stable_offset(&mut client, &topic) == offset + 2);
    }
}
