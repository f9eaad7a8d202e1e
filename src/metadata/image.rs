//! The image: what requests read. Immutable; a request takes one and uses it from start to end.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use model::config::{BrokerConfig, TopicConfig};
use model::{ErrorCode, LeaderEpoch, Offset, PartitionIndex, TopicId, TopicName};

use super::features::{FeatureLevels, GROUP_VERSION};
use crate::partitions::Partition;

/// The word for KIP-848's protocol in `group.coordinator.rebalance.protocols`.
const CONSUMER_PROTOCOL: &str = "consumer";

/// A topic that is served.
#[derive(Clone, Debug)]
pub(crate) struct Topic {
    /// Its id.
    pub(crate) id: TopicId,
    /// Its name.
    pub(crate) name: TopicName,
    /// Its partitions by index; `None` where the log cannot be opened.
    pub(crate) partitions: Vec<Option<Arc<Partition>>>,
    /// The epoch under which they are led.
    pub(crate) leader_epoch: LeaderEpoch,
    /// Its overrides, as they were set.
    pub(crate) overrides: BTreeMap<String, String>,
    /// What its partitions go by.
    pub(crate) config: Arc<TopicConfig>,
}

impl Topic {
    /// The partition of a wire index.
    ///
    /// # Errors
    /// `UNKNOWN_TOPIC_OR_PARTITION` if there is none, `KAFKA_STORAGE_ERROR` if its log cannot be opened.
    pub(crate) fn partition(&self, index: i32) -> Result<&Arc<Partition>, ErrorCode> {
        let place = PartitionIndex::new(index).and_then(|index| self.partitions.get(index.to_usize()));
        place.ok_or(ErrorCode::UnknownTopicOrPartition)?.as_ref().ok_or(ErrorCode::KafkaStorageError)
    }

    /// Whether it has a partition of this wire index, whatever became of its log.
    pub(crate) fn has_partition(&self, index: i32) -> bool {
        usize::try_from(index).is_ok_and(|index| index < self.partitions.len())
    }

    /// The wire indexes of its partitions.
    pub(crate) fn indexes(&self) -> impl Iterator<Item = i32> {
        (0..).take(self.partitions.len())
    }
}

/// Everything that exists, at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Image {
    topics: BTreeMap<TopicName, Arc<Topic>>,
    ids: HashMap<TopicId, Arc<Topic>>,
    /// The features that are in force.
    pub(crate) features: FeatureLevels,
    /// The end of the metadata log that the image shows.
    pub(crate) offset: Offset,
    topics_version: u64,
    /// The broker's config with its dynamic values.
    pub(crate) broker: Arc<BrokerConfig>,
    /// The dynamic values of all brokers.
    pub(crate) cluster_configs: BTreeMap<String, String>,
    /// The dynamic values of this broker.
    pub(crate) broker_configs: BTreeMap<String, String>,
    /// The configs of groups, by group.
    pub(crate) group_configs: Arc<BTreeMap<String, BTreeMap<String, String>>>,
    /// The subscriptions to clients' metrics, by name.
    pub(crate) client_metrics: Arc<BTreeMap<String, BTreeMap<String, String>>>,
}

impl Image {
    /// The topic of this name.
    pub(crate) fn topic(&self, name: &str) -> Option<&Arc<Topic>> {
        self.topics.get(name)
    }

    /// The topic of this id.
    pub(crate) fn topic_by_id(&self, id: TopicId) -> Option<&Arc<Topic>> {
        self.ids.get(&id)
    }

    /// The topics in the order of their names.
    pub(crate) fn topics(&self) -> impl Iterator<Item = &Arc<Topic>> {
        self.topics.values()
    }

    /// The topics from this name on, in the order of their names.
    pub(crate) fn topics_from(&self, name: &str) -> impl Iterator<Item = &Arc<Topic>> {
        let range = (Bound::Included(name), Bound::Unbounded);
        self.topics.range::<str, _>(range).map(|(_, topic)| topic)
    }

    /// A number that grows whenever a topic comes, goes or grows.
    pub(crate) fn topics_version(&self) -> u64 {
        self.topics_version
    }

    /// Whether groups may use the protocol of KIP-848: the feature is on, and the broker's config has it.
    pub(crate) fn serves_consumer_protocol(&self) -> bool {
        let protocols = &self.broker.group_coordinator_rebalance_protocols;
        self.features.level(GROUP_VERSION) > 0
            && protocols.iter().any(|protocol| protocol.eq_ignore_ascii_case(CONSUMER_PROTOCOL))
    }

    /// Adds a topic or replaces the one of its name.
    pub(super) fn insert(&mut self, topic: Topic) {
        let is_known = self.topic_by_id(topic.id).is_some_and(|known| known.partitions.len() == topic.partitions.len());
        self.topics_version += u64::from(!is_known);
        let topic = Arc::new(topic);
        self.ids.insert(topic.id, Arc::clone(&topic));
        self.topics.insert(topic.name.clone(), topic);
    }

    /// Takes a topic away.
    pub(super) fn remove(&mut self, id: TopicId) {
        if let Some(topic) = self.ids.remove(&id) {
            self.topics.remove(&topic.name);
            self.topics_version += 1;
        }
    }
}
