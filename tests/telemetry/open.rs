//! Work whose rows are those of transactions and of compaction.

use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::{IncrementalAlterConfigsRequest, TopicName};
use kafka_protocol::protocol::StrBytes;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use crate::rows::{PATIENCE, create_topic_with};
use crate::wire::Wire;

/// A topic of which nothing is compacted, because all of it would have to be dirty, and more.
const NEVER: (&str, &str) = ("min.cleanable.dirty.ratio", "1");
const HOUR_MS: i64 = 3_600_000;

/// What is to be kept: a transaction ends with its producer.
pub(crate) struct Open(#[expect(dead_code, reason = "held, not asked")] BaseProducer);

/// Begins a transaction, and leaves it open.
pub(crate) fn transaction(address: &str, wire: &mut Wire) -> Open {
    create_topic_with(wire, "open", 1, &[]);
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", address).set("transactional.id", "open");
    let producer: BaseProducer = config.create().unwrap();
    producer.init_transactions(PATIENCE).unwrap();
    producer.begin_transaction().unwrap();
    producer.send(BaseRecord::<str, str>::to("open").payload("a")).unwrap();
    producer.flush(PATIENCE).unwrap();
    Open(producer)
}

/// Has one log compacted for a good second, leaves one dirty, and damages one where it is to be compacted.
pub(crate) fn compaction(address: &str, wire: &mut Wire, data: &Path) {
    let compact = ("cleanup.policy", "compact");
    let segments = ("segment.ms", "60000");
    create_topic_with(wire, "compacted", 1, &[compact, segments, NEVER, ("max.compaction.lag.ms", "1000")]);
    create_topic_with(wire, "damaged", 1, &[compact, segments, NEVER]);
    create_topic_with(wire, "dirty", 1, &[compact, segments, NEVER]);
    for topic in ["damaged", "dirty", "compacted"] {
        two_segments(address, topic);
    }
    let path = data.join("damaged-0/00000000000000000000.log");
    let mut file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(1000)).unwrap();
    file.write_all(b"what nobody wrote").unwrap();
    let text = |text: &'static str| StrBytes::from_static_str(text);
    let config = AlterableConfig::default().with_name(text(NEVER.0)).with_value(Some(text("0")));
    let resource = AlterConfigsResource::default()
        .with_resource_type(2)
        .with_resource_name(TopicName(text("damaged")).0)
        .with_configs(vec![config]);
    let answer = wire.call(0, &IncrementalAlterConfigsRequest::default().with_resources(vec![resource]));
    assert_eq!(answer.responses[0].error_code, 0);
}

/// A segment of records of an hour ago with few keys, and an active one of now.
#[expect(clippy::disallowed_methods, reason = "records of an hour ago are that by the wall clock")]
fn two_segments(address: &str, topic: &str) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", address).set("message.timeout.ms", "60000");
    let producer: BaseProducer = config.create().unwrap();
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
    let value = "x".repeat(1000);
    for number in 0..300 {
        let key = (number % 100).to_string();
        let record = BaseRecord::to(topic).partition(0).key(&key).payload(&value).timestamp(now - HOUR_MS);
        producer.send(record).unwrap();
    }
    producer.flush(PATIENCE).unwrap();
    producer.send(BaseRecord::to(topic).partition(0).key("last").payload("x").timestamp(now)).unwrap();
    producer.flush(PATIENCE).unwrap();
}
