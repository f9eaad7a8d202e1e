//! librdkafka, by the rdkafka crate.

use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Header, Headers as _, Message as _, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::runtime::Runtime;

use crate::client::{
    Abilities, Admin, At, Client, Codec, Configs, Consumer, Limit, Outcome, Partition, Refusal, Start,
};
use crate::records::{Hex, Record, Stored};

const LIMIT: Duration = Duration::from_secs(30);
const MAX_BYTES: &str = "20000000";

static ABILITIES: Abilities = Abilities {
    name: "librdkafka",
    codecs: Codec::ALL,
    limits: &[Limit::AlteringReplaces, Limit::NoMaxTimestamp, Limit::SilentAboutConfigs],
};

pub(crate) struct Librdkafka {
    bootstrap: String,
    runtime: Runtime,
    admin: AdminClient<DefaultClientContext>,
}

impl Librdkafka {
    #[track_caller]
    pub(crate) fn open(bootstrap: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let admin = ClientConfig::new().set("bootstrap.servers", bootstrap).create().unwrap();
        Self { bootstrap: bootstrap.to_owned(), runtime, admin }
    }

    fn new_consumer(&self) -> Outcome<BaseConsumer> {
        let consumer = ClientConfig::new()
            .set("bootstrap.servers", &self.bootstrap)
            .set("group.id", "unused")
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "error")
            .set("check.crcs", "true")
            .set("fetch.message.max.bytes", MAX_BYTES)
            .create()?;
        Ok(consumer)
    }

    fn new_producer(&self, codec: Codec) -> Outcome<FutureProducer> {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", &self.bootstrap)
            .set("enable.idempotence", "true")
            .set("compression.type", codec.name())
            .set("message.max.bytes", MAX_BYTES)
            .create()?;
        Ok(producer)
    }
}

impl Client for Librdkafka {
    fn abilities(&self) -> &'static Abilities {
        &ABILITIES
    }

    fn produce(&mut self, to: &Partition, codec: Codec, records: &[Record]) -> Outcome<Vec<i64>> {
        let producer = self.new_producer(codec)?;
        let mut deliveries = Vec::with_capacity(records.len());
        for record in records {
            let sent = producer.send_result(message(to, record)).map_err(|(error, _)| error)?;
            deliveries.push(sent);
        }
        self.runtime.block_on(async {
            let mut offsets = Vec::with_capacity(deliveries.len());
            for delivery in deliveries {
                let delivered = delivery.await.map_err(|_| KafkaError::Canceled)?;
                offsets.push(delivered.map_err(|(error, _)| error)?.offset);
            }
            Ok(offsets)
        })
    }

    fn list_offset(&mut self, partition: &Partition, at: At) -> Outcome<Option<i64>> {
        let consumer = self.new_consumer()?;
        match at {
            At::Earliest => Ok(Some(consumer.fetch_watermarks(&partition.topic, partition.index, LIMIT)?.0)),
            At::Latest => Ok(Some(consumer.fetch_watermarks(&partition.topic, partition.index, LIMIT)?.1)),
            At::Timestamp(timestamp) => offset_for(&consumer, partition, timestamp),
            At::MaxTimestamp => panic!("librdkafka's consumer has no call for the offset of the latest timestamp"),
        }
    }

    fn admin(&mut self) -> Option<&mut dyn Admin> {
        Some(self)
    }

    fn consumer(&mut self) -> Option<&mut dyn Consumer> {
        Some(self)
    }
}

fn message<'a>(to: &'a Partition, record: &'a Record) -> FutureRecord<'a, [u8], [u8]> {
    let mut headers = OwnedHeaders::new();
    for (key, value) in &record.headers {
        headers = headers.insert(Header { key, value: value.as_ref().map(|Hex(bytes)| bytes) });
    }
    let mut message = FutureRecord::to(&to.topic).partition(to.index).timestamp(record.timestamp).headers(headers);
    message.key = record.key.as_ref().map(|Hex(bytes)| bytes.as_slice());
    message.payload = record.value.as_ref().map(|Hex(bytes)| bytes.as_slice());
    message
}

impl Consumer for Librdkafka {
    #[expect(clippy::disallowed_methods, reason = "a test waits for a broker, by the wall clock")]
    fn fetch(&mut self, from: &Partition, start: Start, count: usize) -> Outcome<Vec<Stored>> {
        let consumer = self.new_consumer()?;
        let offset = match start {
            Start::Offset(offset) => Offset::Offset(offset),
            Start::Timestamp(timestamp) => offset_for(&consumer, from, timestamp)?.map_or(Offset::End, Offset::Offset),
        };
        let mut assignment = TopicPartitionList::new();
        assignment.add_partition_offset(&from.topic, from.index, offset)?;
        consumer.assign(&assignment)?;
        let mut records = Vec::with_capacity(count);
        let start = Instant::now();
        while records.len() < count {
            if let Some(message) = consumer.poll(Duration::from_millis(100)) {
                records.push(stored(&message?));
            }
            if start.elapsed() > LIMIT {
                let text = format!("{} of {count} records arrived", records.len());
                return Err(Refusal { code: None, text });
            }
        }
        Ok(records)
    }
}

fn offset_for(consumer: &BaseConsumer, partition: &Partition, timestamp: i64) -> Outcome<Option<i64>> {
    let mut asked = TopicPartitionList::new();
    asked.add_partition_offset(&partition.topic, partition.index, Offset::Offset(timestamp))?;
    let found = consumer.offsets_for_times(asked, LIMIT)?;
    match found.elements()[0].offset() {
        Offset::Offset(offset) => Ok(Some(offset)),
        Offset::End => Ok(None),
        other @ (Offset::Beginning | Offset::Stored | Offset::Invalid | Offset::OffsetTail(_)) => {
            panic!("an offset for a time is {other:?}")
        }
    }
}

fn stored(message: &BorrowedMessage<'_>) -> Stored {
    let bytes = |bytes: Option<&[u8]>| bytes.map(|bytes| Hex(bytes.to_vec()));
    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
    Stored {
        offset: message.offset(),
        timestamp: message.timestamp().to_millis().unwrap_or(-1),
        key: bytes(message.key()),
        value: bytes(message.payload()),
        headers: headers.map(|header| (header.key.to_owned(), bytes(header.value))).collect(),
    }
}

impl Admin for Librdkafka {
    fn create_topic(&mut self, topic: &str, partitions: u32, configs: &Configs) -> Outcome<()> {
        let mut new = NewTopic::new(topic, i32::try_from(partitions).unwrap(), TopicReplication::Fixed(1));
        for (name, value) in configs {
            new = new.set(name, value);
        }
        named(self.runtime.block_on(self.admin.create_topics([&new], &AdminOptions::new()))?)
    }

    fn delete_topic(&mut self, topic: &str) -> Outcome<()> {
        named(self.runtime.block_on(self.admin.delete_topics(&[topic], &AdminOptions::new()))?)
    }

    fn create_partitions(&mut self, topic: &str, total: u32) -> Outcome<()> {
        let new = NewPartitions::new(topic, usize::try_from(total).unwrap());
        named(self.runtime.block_on(self.admin.create_partitions([&new], &AdminOptions::new()))?)
    }

    fn list_topics(&mut self) -> Outcome<Vec<String>> {
        let metadata = self.admin.inner().fetch_metadata(None, LIMIT)?;
        Ok(metadata.topics().iter().map(|topic| topic.name().to_owned()).collect())
    }

    fn count_partitions(&mut self, topic: &str) -> Outcome<u64> {
        let metadata = self.admin.inner().fetch_metadata(Some(topic), LIMIT)?;
        let described = &metadata.topics()[0];
        match described.error() {
            Some(error) => Err(RDKafkaErrorCode::from(error).into()),
            None => Ok(u64::try_from(described.partitions().len()).unwrap()),
        }
    }

    fn describe_configs(&mut self, topic: &str) -> Outcome<Configs> {
        let asked = [ResourceSpecifier::Topic(topic)];
        let described = self.runtime.block_on(self.admin.describe_configs(&asked, &AdminOptions::new()))?;
        let entries = described.into_iter().next().unwrap()?.entries;
        if entries.is_empty() {
            // The crate leaves out the broker's refusal.
            return Err(Refusal { code: None, text: format!("no configs of {topic}") });
        }
        Ok(entries.into_iter().filter_map(|entry| Some((entry.name, entry.value?))).collect())
    }

    fn alter_configs(&mut self, topic: &str, set: &Configs) -> Outcome<()> {
        let mut altered = AlterConfig::new(ResourceSpecifier::Topic(topic));
        for (name, value) in set {
            altered = altered.set(name, value);
        }
        let answers = self.runtime.block_on(self.admin.alter_configs([&altered], &AdminOptions::new()))?;
        for answer in answers {
            answer.map_err(|(_, code)| code)?;
        }
        Ok(())
    }
}

fn named(answers: Vec<Result<String, (String, RDKafkaErrorCode)>>) -> Outcome<()> {
    for answer in answers {
        answer.map_err(|(_, code)| code)?;
    }
    Ok(())
}

impl From<RDKafkaErrorCode> for Refusal {
    #[expect(clippy::as_conversions, reason = "the crate gives no other way to the number of an error")]
    fn from(code: RDKafkaErrorCode) -> Self {
        // librdkafka's own errors are negative; the broker's have Kafka's numbers.
        let number = i16::try_from(code as i32).ok();
        Self { code: number.filter(|number| *number > 0), text: code.to_string() }
    }
}

impl From<KafkaError> for Refusal {
    fn from(error: KafkaError) -> Self {
        match error.rdkafka_error_code() {
            Some(code) => code.into(),
            None => Self { code: None, text: error.to_string() },
        }
    }
}
