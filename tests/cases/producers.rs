//! DescribeProducers: what a partition remembers of its producers (KIP-664).

use serde_json::{Value, json};

use crate::support::batch::Batch;
use crate::support::client::Client;
use crate::support::topics::{Topic, connect, expect_produced, new_producer, unique};

const UNKNOWN_TOPIC_OR_PARTITION: i64 = 3;
const INVALID_TOPIC_EXCEPTION: i64 = 17;

#[track_caller]
fn describe(client: &mut Client, topic: &str, partitions: &[i32]) -> Value {
    let asked = json!({"topics": [{"name": topic, "partition_indexes": partitions}]});
    let answer = client.call("DescribeProducers", 0, &asked);
    assert_eq!(answer["topics"][0]["name"], topic, "{answer}");
    answer["topics"][0]["partitions"].clone()
}

#[test]
fn a_producer_is_described_by_its_newest_epoch_and_its_last_sequence() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    assert_eq!(describe(&mut client, &topic.name, &[0])[0]["active_producers"], json!([]), "nobody yet");
    let (id, _) = new_producer(&mut client);
    for (epoch, sequence) in [(0, 0), (0, 2), (3, 0)] {
        let answer = topic.produce(&mut client, &Batch::idempotent((id, epoch), sequence, &["a", "b"]));
        assert_eq!(answer["error_code"], 0, "{answer}");
    }
    let described = describe(&mut client, &topic.name, &[0]);
    let mut producer = described[0]["active_producers"][0].clone();
    let time = producer.as_object_mut().unwrap().remove("last_timestamp").unwrap();
    assert!((crate::support::now_ms() - time.as_i64().unwrap()).abs() < 60_000, "{time}");
    let expected = json!({
        "producer_id": id, "producer_epoch": 3, "last_sequence": 1, "coordinator_epoch": -1, "current_txn_start_offset": -1,
    });
    assert_eq!(producer, expected);
    assert_eq!(described[0]["active_producers"].as_array().unwrap().len(), 1, "{described}");
}

#[test]
fn producers_of_what_is_not_there_are_each_an_error() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    expect_produced(&topic.produce(&mut client, &Batch::of(&["a"])), 0, 0);
    let brief = |described: &Value| {
        let each = described.as_array().unwrap().iter();
        each.map(|partition| (partition["partition_index"].clone(), partition["error_code"].clone()))
            .collect::<Vec<_>>()
    };
    let found = brief(&describe(&mut client, &topic.name, &[0, 1, -1]));
    let (unknown, invalid) = (UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC_EXCEPTION);
    assert_eq!(found, [(0, 0), (1, unknown), (-1, unknown)].map(|(index, code)| (json!(index), json!(code))));
    let found = brief(&describe(&mut client, &unique("absent"), &[0]));
    assert_eq!(found, [(json!(0), json!(unknown))]);
    let found = brief(&describe(&mut client, "not a topic", &[0]));
    assert_eq!(found, [(json!(0), json!(invalid))]);
}
