//! The one partition that a stream goes to.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use test_support::{SOON, wait_until};

pub(crate) struct Partition {
    pub bootstrap: String,
    pub topic: String,
    watcher: BaseConsumer,
}

impl Partition {
    /// Creates a topic of one partition.
    #[track_caller]
    pub(crate) fn create(bootstrap: &str, topic: &str) -> Self {
        create_topic(bootstrap, topic, 1, &[]);
        let watcher = config(bootstrap).set("group.id", "unused").create().unwrap();
        let partition = Self { bootstrap: bootstrap.to_owned(), topic: topic.to_owned(), watcher };
        wait_until("the new partition answers", SOON, || partition.end() == Some(0));
        partition
    }

    /// The high watermark, or nothing while the broker does not answer.
    pub(crate) fn end(&self) -> Option<u64> {
        let (_, end) = self.watcher.fetch_watermarks(&self.topic, 0, Duration::from_secs(1)).ok()?;
        u64::try_from(end).ok()
    }
}

#[track_caller]
pub(crate) fn create_topic(bootstrap: &str, topic: &str, partitions: i32, configs: &[(&str, &str)]) {
    let admin: AdminClient<DefaultClientContext> = config(bootstrap).create().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
    for (key, value) in configs {
        new = new.set(key, value);
    }
    let created = runtime.block_on(admin.create_topics([&new], &AdminOptions::new())).unwrap();
    for topic in created {
        assert!(topic.is_ok(), "{topic:?}");
    }
}

/// The settings that all clients of a test start from.
pub(crate) fn config(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    // A broker that was killed is back at once; the default waits up to 10 seconds before it looks again.
    config.set("bootstrap.servers", bootstrap).set("reconnect.backoff.max.ms", "500");
    config
}
