//! Topics: made, filled and read by the rdkafka crate, which copies nothing here.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use test_support::wait_until;

const LIMIT: Duration = Duration::from_mins(1);

/// What stands in each partition, in order.
pub(crate) type Values = BTreeMap<i32, Vec<String>>;

/// Creates a topic and waits until its partitions have leaders.
#[track_caller]
pub(crate) fn create(bootstrap: &str, topic: &str, partitions: i32) {
    let admin: AdminClient<DefaultClientContext> = config(bootstrap).create().unwrap();
    let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for created in runtime.block_on(admin.create_topics([&new], &AdminOptions::new())).unwrap() {
        created.unwrap();
    }
    let consumer = consumer(bootstrap);
    for partition in 0..partitions {
        wait_until("the new partition has a leader", LIMIT, || {
            consumer.fetch_watermarks(topic, partition, Duration::from_secs(5)).is_ok()
        });
    }
}

/// Writes values to partitions.
#[track_caller]
pub(crate) fn fill(bootstrap: &str, topic: &str, values: &Values) {
    let producer: ThreadedProducer<DefaultProducerContext> =
        config(bootstrap).set("enable.idempotence", "true").create().unwrap();
    for (partition, value) in
        values.iter().flat_map(|(partition, values)| values.iter().map(move |of| (*partition, of)))
    {
        let record = BaseRecord::<(), String>::to(topic).partition(partition).payload(value);
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(LIMIT).unwrap();
}

/// What a reader of committed records finds in each partition, up to the last stable offset.
#[track_caller]
pub(crate) fn committed_values(bootstrap: &str, topic: &str, partitions: i32) -> Values {
    let value = |(_, value): Pair| value;
    let records = committed_records(bootstrap, topic, partitions).into_iter();
    records.map(|(partition, records)| (partition, records.into_iter().map(value).collect())).collect()
}

/// The same with their keys, one partition after the other.
#[track_caller]
pub(crate) fn committed_pairs(bootstrap: &str, topic: &str, partitions: i32) -> Vec<Pair> {
    committed_records(bootstrap, topic, partitions).into_values().flatten().collect()
}

/// Key and value; no key is an empty one.
type Pair = (String, String);

#[track_caller]
fn committed_records(bootstrap: &str, topic: &str, partitions: i32) -> BTreeMap<i32, Vec<Pair>> {
    let consumer = consumer(bootstrap);
    let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap_or_default().to_vec()).unwrap();
    let mut all = BTreeMap::<i32, Vec<Pair>>::new();
    for partition in 0..partitions {
        let mut assigned = TopicPartitionList::new();
        assigned.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
        consumer.assign(&assigned).unwrap();
        let records = all.entry(partition).or_default();
        wait_until("the committed records", LIMIT, || {
            loop {
                match consumer.poll(Duration::from_millis(500)) {
                    Some(Ok(message)) => records.push((text(message.key()), text(message.payload()))),
                    Some(Err(KafkaError::PartitionEOF(_))) => return true,
                    // The broker may be away for a moment.
                    Some(Err(_)) | None => return false,
                }
            }
        });
    }
    all
}

fn config(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap);
    config
}

fn consumer(bootstrap: &str) -> BaseConsumer {
    config(bootstrap)
        .set("group.id", "unused")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("isolation.level", "read_committed")
        .create()
        .unwrap()
}
