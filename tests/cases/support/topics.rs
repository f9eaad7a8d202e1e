//! Topics for the cases, and the few requests that nearly every case sends.

use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, Ordering};
use test_support::{SOON, wait_until};

use super::batch::{Batch, Stored, stored};
use super::brokers;
use super::client::Client;
use super::message::unhex;

pub(crate) const LATEST: i64 = -1;
pub(crate) const EARLIEST: i64 = -2;
pub(crate) const MAX_TIMESTAMP: i64 = -3;

/// A connection to the broker that the cases are run against.
pub(crate) fn connect() -> Client {
    Client::connect(brokers::address(brokers::chosen()))
}

/// A name that no other test and no earlier run has used.
pub(crate) fn unique(name: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{name}-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A topic of one test.
#[derive(Clone, Debug)]
pub(crate) struct Topic {
    pub(crate) name: String,
    pub(crate) id: String,
}

impl Topic {
    /// One partition, no configs.
    #[track_caller]
    pub(crate) fn create(client: &mut Client) -> Self {
        Self::with(client, 1, &[])
    }

    #[track_caller]
    pub(crate) fn with(client: &mut Client, partitions: i32, configs: &[(&str, &str)]) -> Self {
        Self::named(client, unique("case"), partitions, configs)
    }

    #[track_caller]
    pub(crate) fn named(client: &mut Client, name: String, partitions: i32, configs: &[(&str, &str)]) -> Self {
        let configs: Vec<_> = configs.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        let topic = json!({"name": name, "num_partitions": partitions, "replication_factor": 1, "configs": configs});
        let answer = client.call("CreateTopics", 7, &json!({"topics": [topic], "timeout_ms": 30000}));
        let created = &answer["topics"][0];
        assert_eq!(created["error_code"], 0, "{created}");
        let topic = Self { name, id: created["topic_id"].as_str().unwrap().to_owned() };
        topic.wait_until_led(client, partitions);
        topic
    }

    /// The real Kafka answers CreateTopics before its broker has heard of the topic, or of the end of an earlier one of the
    /// same name.
    #[track_caller]
    fn wait_until_led(&self, client: &mut Client, partitions: i32) {
        let all: Vec<_> = (0..partitions).map(|index| json!({"partition_index": index, "timestamp": LATEST})).collect();
        let ask = json!({"replica_id": -1, "topics": [{"name": self.name, "partitions": all}]});
        let by_id = json!({"topics": [{"name": null, "topic_id": self.id}], "allow_auto_topic_creation": false});
        wait_until("a new topic that is known", SOON, || {
            client.call("Metadata", 12, &by_id)["topics"][0]["error_code"] == 0
        });
        wait_until("a new topic that is led", SOON, || {
            let answer = client.call("ListOffsets", 8, &ask);
            let partitions = answer["topics"][0]["partitions"].as_array().unwrap();
            partitions.iter().all(|partition| partition["error_code"] == 0)
        });
    }

    /// The topic's part of a Produce request: for each partition the bytes, in hexadecimal or null.
    pub(crate) fn data(&self, partitions: &[(i32, Value)]) -> Value {
        let data: Vec<_> =
            partitions.iter().map(|(index, records)| json!({"index": index, "records": records})).collect();
        json!({"name": self.name, "topic_id": self.id, "partition_data": data})
    }

    /// Produces to partition 0 with acks=all and the newest version; returns the partition's answer.
    #[track_caller]
    pub(crate) fn produce(&self, client: &mut Client, batch: &Batch) -> Value {
        self.produce_at(client, 11, batch)
    }

    /// The same in another version.
    #[track_caller]
    pub(crate) fn produce_at(&self, client: &mut Client, version: i16, batch: &Batch) -> Value {
        self.produce_bytes(client, version, &json!(batch.hex()))
    }

    #[track_caller]
    pub(crate) fn produce_bytes(&self, client: &mut Client, version: i16, records: &Value) -> Value {
        let answer = client.call("Produce", version, &produce_request(-1, &[self.data(&[(0, records.clone())])]));
        answer["responses"][0]["partition_responses"][0].clone()
    }

    /// The offset that ListOffsets gives for partition 0.
    #[track_caller]
    pub(crate) fn offset(&self, client: &mut Client, timestamp: i64) -> Value {
        self.list_offsets(client, 11, timestamp)["offset"].clone()
    }

    /// The whole answer of ListOffsets for partition 0.
    #[track_caller]
    pub(crate) fn list_offsets(&self, client: &mut Client, version: i16, timestamp: i64) -> Value {
        let partition = json!({"partition_index": 0, "timestamp": timestamp});
        let ask =
            json!({"replica_id": -1, "topics": [{"name": self.name, "partitions": [partition]}], "timeout_ms": 5000});
        client.call("ListOffsets", version, &ask)["topics"][0]["partitions"][0].clone()
    }

    /// Fails unless partition 0 ends at this offset.
    #[track_caller]
    pub(crate) fn expect_end(&self, client: &mut Client, offset: i64) {
        assert_eq!(self.offset(client, LATEST), offset, "the end of {}", self.name);
    }

    /// What a fetch of partition 0 asks for, as an object to change.
    pub(crate) fn fetch_part(&self, offset: i64) -> Value {
        let partition = json!({"partition": 0, "fetch_offset": offset, "partition_max_bytes": 1 << 20});
        json!({"topic": self.name, "topic_id": self.id, "partitions": [partition]})
    }

    /// Fetches partition 0 from this offset without waiting; returns the partition's answer.
    #[track_caller]
    pub(crate) fn fetch(&self, client: &mut Client, offset: i64) -> Value {
        let answer = client.call("Fetch", 16, &fetch_request(0, &[self.fetch_part(offset)]));
        answer["responses"][0]["partitions"][0].clone()
    }

    /// The batches that a fetch of partition 0 from this offset returns.
    #[track_caller]
    pub(crate) fn batches(&self, client: &mut Client, offset: i64) -> Vec<Stored> {
        let partition = self.fetch(client, offset);
        assert_eq!(partition["error_code"], 0, "{partition}");
        stored(&unhex(&partition["records"])).0
    }
}

pub(crate) fn produce_request(acks: i16, topics: &[Value]) -> Value {
    json!({"acks": acks, "timeout_ms": 10000, "topic_data": topics})
}

/// A fetch outside of any session that takes what is there.
pub(crate) fn fetch_request(max_wait_ms: i32, topics: &[Value]) -> Value {
    json!({"replica_id": -1, "max_wait_ms": max_wait_ms, "min_bytes": 1, "max_bytes": 50 << 20, "topics": topics})
}

/// A new producer id with its epoch.
#[track_caller]
pub(crate) fn new_producer(client: &mut Client) -> (i64, i16) {
    let answer = client.call("InitProducerId", 4, &json!({"transactional_id": null, "transaction_timeout_ms": 60000}));
    assert_eq!(answer["error_code"], 0, "{answer}");
    (answer["producer_id"].as_i64().unwrap(), answer["producer_epoch"].as_i64().unwrap() as i16)
}

/// Fails unless the answer to a produced batch says so: the code and the base offset.
#[track_caller]
pub(crate) fn expect_produced(answer: &Value, error_code: i64, base_offset: i64) {
    assert_eq!((&answer["error_code"], &answer["base_offset"]), (&json!(error_code), &json!(base_offset)), "{answer}");
}

/// Fails unless the batch was refused with this code, and the log is as long as before.
#[track_caller]
pub(crate) fn expect_refused(topic: &Topic, client: &mut Client, batch: &Batch, error_code: i64) {
    let before = topic.offset(client, LATEST);
    let answer = topic.produce(client, batch);
    expect_produced(&answer, error_code, -1);
    assert_eq!(topic.offset(client, LATEST), before, "a refused batch was appended");
}
