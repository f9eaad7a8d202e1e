//! Topics and committed offsets, by the rdkafka crate, which no group under test is made of.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::metadata::MetadataPartition;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use test_support::wait_until;

const LIMIT: Duration = Duration::from_secs(30);

/// Creates a topic and waits until its partitions have leaders.
#[track_caller]
pub(crate) fn create(bootstrap: &str, topic: &str, partitions: i32) {
    let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
    for created in block_on(admin(bootstrap).create_topics([&new], &AdminOptions::new())).unwrap() {
        created.unwrap();
    }
    let consumer = consumer(bootstrap, "unused");
    for partition in 0..partitions {
        wait_until("the new partition has a leader", LIMIT, || {
            consumer.fetch_watermarks(topic, partition, Duration::from_secs(5)).is_ok()
        });
    }
}

/// The value of a topic's config.
#[track_caller]
pub(crate) fn config(bootstrap: &str, topic: &str, key: &str) -> String {
    let asked = [ResourceSpecifier::Topic(topic)];
    let described = block_on(admin(bootstrap).describe_configs(&asked, &AdminOptions::new())).unwrap();
    let entries = described.into_iter().next().unwrap().unwrap().entries;
    let value = entries.into_iter().find(|entry| entry.name == key).and_then(|entry| entry.value);
    value.unwrap_or_else(|| panic!("{topic} has no {key}"))
}

/// The end of each partition.
#[track_caller]
pub(crate) fn ends(bootstrap: &str, topic: &str) -> BTreeMap<i32, i64> {
    let consumer = consumer(bootstrap, "unused");
    let metadata = consumer.fetch_metadata(Some(topic), LIMIT).unwrap();
    let partitions = metadata.topics()[0].partitions().iter().map(MetadataPartition::id);
    partitions.map(|index| (index, consumer.fetch_watermarks(topic, index, LIMIT).unwrap().1)).collect()
}

/// What a group has committed for each partition, but for those where it has committed nothing.
#[track_caller]
pub(crate) fn committed(bootstrap: &str, group: &str, topic: &str, partitions: i32) -> BTreeMap<i32, i64> {
    let mut asked = TopicPartitionList::new();
    asked.add_partition_range(topic, 0, partitions - 1);
    let consumer = consumer(bootstrap, group);
    let mut answer = TopicPartitionList::new();
    // A broker that has just started refuses until it has loaded the group.
    wait_until("the committed offsets", LIMIT, || match consumer.committed_offsets(asked.clone(), LIMIT) {
        Ok(offsets) => {
            answer = offsets;
            true
        }
        Err(_) => false,
    });
    let offset = |offset| if let Offset::Offset(number) = offset { Some(number) } else { None };
    answer.elements().iter().filter_map(|place| Some((place.partition(), offset(place.offset())?))).collect()
}

/// Key and value of a record.
type Pair = (Option<Vec<u8>>, Option<Vec<u8>>);

/// Every record of a topic that is there now, partition by partition; of transactions those that were committed.
#[track_caller]
pub(crate) fn read_all(bootstrap: &str, topic: &str, partitions: i32) -> Vec<Pair> {
    let consumer = consumer(bootstrap, "unused");
    let mut records = Vec::new();
    for partition in 0..partitions {
        let mut assigned = TopicPartitionList::new();
        assigned.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
        consumer.assign(&assigned).unwrap();
        wait_until("the records of a topic", LIMIT, || {
            loop {
                match consumer.poll(Duration::from_millis(500)) {
                    Some(Ok(message)) => {
                        records.push((message.key().map(<[u8]>::to_vec), message.payload().map(<[u8]>::to_vec)));
                    }
                    Some(Err(KafkaError::PartitionEOF(_))) => return true,
                    Some(Err(error)) => panic!("{topic}-{partition}: {error}"),
                    None => return false,
                }
            }
        });
    }
    records
}

fn admin(bootstrap: &str) -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", bootstrap).create().unwrap()
}

fn block_on<T>(answer: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(answer)
}

fn consumer(bootstrap: &str, group: &str) -> BaseConsumer {
    ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("auto.offset.reset", "error")
        .create()
        .unwrap()
}
