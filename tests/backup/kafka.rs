//! Clients: topics that are made, read to their ends, and what groups have committed.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use test_support::wait_until;

pub(crate) const LIMIT: Duration = Duration::from_mins(1);
pub(crate) const PARTITIONS: i32 = 3;

/// Records by partition: offset and value, in order.
pub(crate) type Records = BTreeMap<i32, Vec<(i64, String)>>;

pub(crate) fn config(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap);
    config
}

#[track_caller]
pub(crate) fn create(bootstrap: &str, topic: &str, configs: &[(&str, &str)]) {
    let admin: AdminClient<DefaultClientContext> = config(bootstrap).create().unwrap();
    let mut new = NewTopic::new(topic, PARTITIONS, TopicReplication::Fixed(1));
    for (key, value) in configs {
        new = new.set(key, value);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for created in runtime.block_on(admin.create_topics([&new], &AdminOptions::new())).unwrap() {
        created.unwrap();
    }
}

/// The records of a topic, up to what a reader of this isolation level sees; of each partition no more than `counts` says, if it does.
#[track_caller]
pub(crate) fn read(bootstrap: &str, topic: &str, isolation: &str, counts: Option<&Records>) -> Records {
    let consumer: BaseConsumer = config(bootstrap)
        .set("group.id", "reader")
        .set("isolation.level", isolation)
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .create()
        .unwrap();
    let mut records = Records::new();
    for partition in 0..PARTITIONS {
        let mut assigned = TopicPartitionList::new();
        assigned.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
        consumer.assign(&assigned).unwrap();
        let of = records.entry(partition).or_default();
        let count = counts.map_or(usize::MAX, |counts| counts[&partition].len());
        wait_until("a partition is read", LIMIT, || {
            while of.len() < count {
                match consumer.poll(Duration::from_secs(1)) {
                    Some(Ok(record)) => {
                        let value = String::from_utf8(record.payload().unwrap_or_default().to_vec()).unwrap();
                        of.push((record.offset(), value));
                    }
                    Some(Err(rdkafka::error::KafkaError::PartitionEOF(_))) => return true,
                    Some(Err(_)) | None => return false,
                }
            }
            true
        });
    }
    records
}

/// What a group has committed of a topic, by partition.
#[track_caller]
pub(crate) fn committed(bootstrap: &str, group: &str, topic: &str) -> BTreeMap<i32, i64> {
    let consumer: BaseConsumer = config(bootstrap).set("group.id", group).create().unwrap();
    let mut wanted = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        wanted.add_partition(topic, partition);
    }
    let mut found = None;
    wait_until("what is committed", LIMIT, || {
        found = consumer.committed_offsets(wanted.clone(), Duration::from_secs(5)).ok();
        found.is_some()
    });
    let found = found.unwrap();
    let raw = |offset| if let Offset::Offset(offset) = offset { offset } else { 0 };
    found.elements().iter().map(|element| (element.partition(), raw(element.offset()))).collect()
}

/// The first offset behind a partition's records.
#[track_caller]
pub(crate) fn end(bootstrap: &str, topic: &str, partition: i32) -> i64 {
    let consumer: BaseConsumer = config(bootstrap).create().unwrap();
    let mut found = None;
    wait_until("a partition's end", LIMIT, || {
        found = consumer.fetch_watermarks(topic, partition, Duration::from_secs(5)).ok();
        found.is_some()
    });
    found.unwrap().1
}
