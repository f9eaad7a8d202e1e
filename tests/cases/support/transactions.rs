//! Transactional producers, each with its connection.

use std::time::Duration;

use serde_json::{Value, json};

use super::batch::{Batch, TRANSACTIONAL};
use super::client::Client;
use super::groups::find_coordinator;
use super::topics::{Topic, produce_request, unique};

pub(crate) const CONCURRENT_TRANSACTIONS: i64 = 51;

/// The version of Produce whose partitions must have been added before; of the clients of transactions version 1.
pub(crate) const PRODUCE_V1: i16 = 11;
/// The version of Produce that adds its partitions by itself; of the clients of transactions version 2.
pub(crate) const PRODUCE_V2: i16 = 12;
/// The version of EndTxn that leaves the epoch as it is.
pub(crate) const END_V1: i16 = 4;
/// The version of EndTxn that raises it.
pub(crate) const END_V2: i16 = 5;

/// A producer with a transactional id.
#[derive(Clone, Debug)]
pub(crate) struct Transactional {
    pub(crate) id: String,
    pub(crate) producer: (i64, i16),
    pub(crate) sequence: i32,
}

/// A transactional id that no other test uses, which has a coordinator.
#[track_caller]
pub(crate) fn transactional_id(client: &mut Client) -> String {
    let id = unique("transactional");
    test_support::wait_until("a transaction coordinator", Duration::from_secs(20), || {
        let found = client.call("FindCoordinator", 4, &json!({"key_type": 1, "coordinator_keys": [id]}));
        found["coordinators"][0]["error_code"] == 0
    });
    id
}

/// What InitProducerId answers, when the coordinator is done with what it is at.
#[track_caller]
pub(crate) fn init(client: &mut Client, version: i16, request: &Value) -> Value {
    settled(client, "InitProducerId", version, request)
}

/// The answer to a request, once it is none of those that say "come again".
#[track_caller]
pub(crate) fn settled(client: &mut Client, name: &str, version: i16, request: &Value) -> Value {
    let mut answer = json!(null);
    test_support::wait_until("a coordinator that is done", Duration::from_secs(30), || {
        answer = client.call(name, version, request);
        ![14, 15, 16, CONCURRENT_TRANSACTIONS].contains(&answer["error_code"].as_i64().unwrap())
    });
    answer
}

impl Transactional {
    /// A new one, whose transactions may take a minute.
    #[track_caller]
    pub(crate) fn begin(client: &mut Client) -> Self {
        let id = transactional_id(client);
        Self::begin_as(client, &id)
    }

    /// One that goes on with this transactional id, and fences whoever had it.
    #[track_caller]
    pub(crate) fn begin_as(client: &mut Client, id: &str) -> Self {
        let answer = init(client, 5, &json!({"transactional_id": id, "transaction_timeout_ms": 60000}));
        assert_eq!(answer["error_code"], 0, "{answer}");
        let number = |name: &str| answer[name].as_i64().unwrap();
        let producer = (number("producer_id"), number("producer_epoch") as i16);
        Self { id: id.to_owned(), producer, sequence: 0 }
    }

    /// Adds partition 0 of a topic; returns the code.
    #[track_caller]
    pub(crate) fn add(&self, client: &mut Client, topic: &str) -> i64 {
        let answer = client.call("AddPartitionsToTxn", 3, &self.addition(topic, 0));
        answer["results_by_topic_v3_and_below"][0]["results_by_partition"][0]["partition_error_code"].as_i64().unwrap()
    }

    /// The same, once the end of the transaction before is over.
    #[track_caller]
    pub(crate) fn add_when_free(&self, client: &mut Client, topic: &str) {
        let mut code = CONCURRENT_TRANSACTIONS;
        test_support::wait_until("the end of the transaction before", Duration::from_secs(20), || {
            code = self.add(client, topic);
            code != CONCURRENT_TRANSACTIONS
        });
        assert_eq!(code, 0);
    }

    pub(crate) fn addition(&self, topic: &str, partition: i32) -> Value {
        json!({
            "v3_and_below_transactional_id": self.id,
            "v3_and_below_producer_id": self.producer.0,
            "v3_and_below_producer_epoch": self.producer.1,
            "v3_and_below_topics": [{"name": topic, "partitions": [partition]}],
        })
    }

    /// A transactional batch of one record.
    pub(crate) fn batch(&self, value: &str) -> Batch {
        Batch { attributes: TRANSACTIONAL, ..Batch::idempotent(self.producer, self.sequence, &[value]) }
    }

    pub(crate) fn request(&self, topic: &Topic, batch: &Batch) -> Value {
        let mut request = produce_request(-1, &[topic.data(&[(0, json!(batch.hex()))])]);
        request["transactional_id"] = json!(self.id);
        request
    }

    /// Sends one record in the transaction; returns the partition's answer.
    #[track_caller]
    pub(crate) fn try_send(&self, client: &mut Client, version: i16, topic: &Topic, value: &str) -> Value {
        let answer = client.call("Produce", version, &self.request(topic, &self.batch(value)));
        answer["responses"][0]["partition_responses"][0].clone()
    }

    /// The same, until the broker takes it.
    #[track_caller]
    pub(crate) fn send(&mut self, client: &mut Client, version: i16, topic: &Topic, value: &str) -> i64 {
        let mut answer = json!(null);
        test_support::wait_until("the end of the transaction before", Duration::from_secs(20), || {
            answer = self.try_send(client, version, topic, value);
            ![19, CONCURRENT_TRANSACTIONS].contains(&answer["error_code"].as_i64().unwrap())
        });
        assert_eq!(answer["error_code"], 0, "{answer}");
        self.sequence += 1;
        answer["base_offset"].as_i64().unwrap()
    }

    pub(crate) fn ending(&self, committed: bool) -> Value {
        json!({
            "transactional_id": self.id,
            "producer_id": self.producer.0,
            "producer_epoch": self.producer.1,
            "committed": committed,
        })
    }

    /// Ends the transaction in one of the two ways, and goes on with the epoch that the answer gives.
    #[track_caller]
    pub(crate) fn end(&mut self, client: &mut Client, version: i16, committed: bool) -> Value {
        let answer = settled(client, "EndTxn", version, &self.ending(committed));
        if answer["error_code"] == 0 && version >= END_V2 {
            self.producer.0 = answer["producer_id"].as_i64().unwrap();
            self.producer.1 = answer["producer_epoch"].as_i64().unwrap() as i16;
            self.sequence = 0;
        }
        answer
    }

    /// A commit of the offset of a topic's first partition, by nobody in particular.
    pub(crate) fn offset_commit(&self, group: &str, topic: &Topic, offset: i64) -> Value {
        json!({
            "transactional_id": self.id,
            "group_id": group,
            "producer_id": self.producer.0,
            "producer_epoch": self.producer.1,
            "member_id": "",
            "topics": [{
                "name": topic.name,
                "topic_id": topic.id,
                "partitions": [{"partition_index": 0, "committed_offset": offset, "committed_metadata": "m"}],
            }],
        })
    }

    /// Commits it, once the coordinator has time; returns the code.
    #[track_caller]
    pub(crate) fn commit_offset(
        &self,
        client: &mut Client,
        version: i16,
        group: &str,
        (topic, offset): (&Topic, i64),
    ) -> i64 {
        let mut code = CONCURRENT_TRANSACTIONS;
        test_support::wait_until("the end of the transaction before", Duration::from_secs(20), || {
            let answer = client.call("TxnOffsetCommit", version, &self.offset_commit(group, topic, offset));
            code = answer["topics"][0]["partitions"][0]["error_code"].as_i64().unwrap();
            ![14, 15, 16, CONCURRENT_TRANSACTIONS].contains(&code)
        });
        code
    }

    /// What DescribeTransactions says.
    #[track_caller]
    pub(crate) fn describe(&self, client: &mut Client) -> Value {
        let answer = client.call("DescribeTransactions", 0, &json!({"transactional_ids": [self.id]}));
        answer["transaction_states"][0].clone()
    }

    /// Waits until the coordinator says that the transaction is in this state.
    #[track_caller]
    pub(crate) fn wait_for(&self, client: &mut Client, state: &str) {
        test_support::wait_until(state, Duration::from_secs(30), || {
            self.describe(client)["transaction_state"] == state
        });
    }
}

/// A group that no other test uses, which has a coordinator.
#[track_caller]
pub(crate) fn group_for_offsets(client: &mut Client) -> String {
    let group = unique("group");
    find_coordinator(client, &group);
    group
}

/// What a group is told of the offset of a topic's first partition: offset and code.
#[track_caller]
pub(crate) fn committed(client: &mut Client, group: &str, topic: &Topic, require_stable: bool) -> (i64, i64) {
    let asked = json!({
        "groups": [{
            "group_id": group,
            "topics": [{"name": topic.name, "topic_id": topic.id, "partition_indexes": [0]}],
        }],
        "require_stable": require_stable,
    });
    let answer = client.call("OffsetFetch", 8, &asked);
    let partition = &answer["groups"][0]["topics"][0]["partitions"][0];
    (partition["committed_offset"].as_i64().unwrap(), partition["error_code"].as_i64().unwrap())
}

/// The last offset that a reader of committed records is told.
#[track_caller]
pub(crate) fn last_stable_offset(client: &mut Client, topic: &Topic) -> i64 {
    let asked = json!({
        "replica_id": -1,
        "isolation_level": 1,
        "topics": [{"name": topic.name, "partitions": [{"partition_index": 0, "timestamp": -1}]}],
    });
    client.call("ListOffsets", 8, &asked)["topics"][0]["partitions"][0]["offset"].as_i64().unwrap()
}
