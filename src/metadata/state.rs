//! The durable state: what the records of the metadata log replay to. Pure; equal records give equal states.

use std::collections::{BTreeMap, BTreeSet};

use model::{LeaderEpoch, TopicId, TopicName};

use super::features::FeatureLevels;
use super::record::{MetadataRecord, WireTopicId, WireTopicName};

/// A topic as the records describe it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TopicState {
    pub(super) name: TopicName,
    pub(super) partitions: i32,
    pub(super) unclean_starts: i32,
    pub(super) configs: BTreeMap<String, String>,
}

/// All that the metadata log says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    topics: BTreeMap<TopicId, TopicState>,
    /// Partitions of all topics.
    partition_count: i64,
    names: BTreeMap<TopicName, TopicId>,
    /// The topics by [`TopicName::metric_name`].
    metric_names: BTreeMap<String, TopicName>,
    /// Deleted topics whose files may still be in their place.
    retiring: BTreeSet<TopicId>,
    broker_configs: BTreeMap<Option<i32>, BTreeMap<String, String>>,
    group_configs: Named,
    client_metrics: Named,
    producer_ids_end: i64,
    unclean_starts: i32,
    features: FeatureLevels,
}

/// Settings of what is known by a name alone; what has none is not there.
pub(super) type Named = BTreeMap<String, BTreeMap<String, String>>;

/// A record that does not follow from those before it: the log is damaged, or was written by something else.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReplayError {
    #[error("topic id {0} does not exist")]
    UnknownTopic(TopicId),
    #[error("topic {0} exists already")]
    DuplicateTopic(TopicName),
    #[error("topic id {id} shrinks to {partitions} partitions")]
    Shrinks { id: TopicId, partitions: i32 },
}

impl State {
    /// The topics by id.
    pub(super) fn topics(&self) -> &BTreeMap<TopicId, TopicState> {
        &self.topics
    }

    /// The topic of this id.
    pub(super) fn topic(&self, id: TopicId) -> Option<&TopicState> {
        self.topics.get(&id)
    }

    /// The id of the topic of this name.
    pub(super) fn id_of(&self, name: &str) -> Option<TopicId> {
        self.names.get(name).copied()
    }

    /// The topic whose name reads the same in metrics.
    pub(super) fn colliding(&self, name: &TopicName) -> Option<&TopicName> {
        self.metric_names.get(&name.metric_name())
    }

    /// Deleted topics whose files may still be in their place.
    pub(super) fn retiring(&self) -> impl Iterator<Item = TopicId> {
        self.retiring.iter().copied()
    }

    /// The dynamic configs of one broker, or of all (`None`).
    pub(super) fn broker_configs(&self, node_id: Option<i32>) -> impl Iterator<Item = (&str, &str)> {
        self.broker_configs.get(&node_id).into_iter().flatten().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The configs of groups.
    pub(super) fn group_configs(&self) -> &Named {
        &self.group_configs
    }

    /// The subscriptions to clients' metrics.
    pub(super) fn client_metrics(&self) -> &Named {
        &self.client_metrics
    }

    /// The first producer id that was not handed out.
    pub(super) fn producer_ids_end(&self) -> i64 {
        self.producer_ids_end
    }

    /// The features that are in force.
    pub(super) fn features(&self) -> &FeatureLevels {
        &self.features
    }

    /// Partitions of all topics.
    pub(super) fn partition_count(&self) -> i64 {
        self.partition_count
    }

    /// How often the broker started without having stopped cleanly.
    pub(super) fn unclean_starts(&self) -> i32 {
        self.unclean_starts
    }

    /// The epoch under which a topic's partitions are led: it rises with every unclean start, because only such a start
    /// can have lost records that a consumer had seen (`flush.mode=async`).
    pub(super) fn leader_epoch(&self, topic: &TopicState) -> LeaderEpoch {
        LeaderEpoch::new(self.unclean_starts - topic.unclean_starts).unwrap_or(LeaderEpoch::ZERO)
    }

    /// Applies one record.
    ///
    /// # Errors
    /// [`ReplayError`]; the state is unchanged then.
    pub(super) fn replay(&mut self, record: MetadataRecord) -> Result<(), ReplayError> {
        match record {
            MetadataRecord::TopicCreated { id, name, partitions, unclean_starts, configs } => {
                if self.names.contains_key(&name.0) || self.topics.contains_key(&id.0) {
                    return Err(ReplayError::DuplicateTopic(name.0));
                }
                self.names.insert(name.0.clone(), id.0);
                self.metric_names.insert(name.0.metric_name(), name.0.clone());
                self.partition_count += i64::from(partitions);
                self.topics.insert(id.0, TopicState { name: name.0, partitions, unclean_starts, configs });
            }
            MetadataRecord::TopicDeleted { id } => {
                let topic = self.topics.remove(&id.0).ok_or(ReplayError::UnknownTopic(id.0))?;
                self.partition_count -= i64::from(topic.partitions);
                self.names.remove(&topic.name);
                self.metric_names.remove(&topic.name.metric_name());
                self.retiring.insert(id.0);
            }
            MetadataRecord::TopicFilesRetired { id } => {
                self.retiring.remove(&id.0);
            }
            MetadataRecord::PartitionsAdded { id, partitions } => {
                let topic = self.topics.get_mut(&id.0).ok_or(ReplayError::UnknownTopic(id.0))?;
                if partitions < topic.partitions {
                    return Err(ReplayError::Shrinks { id: id.0, partitions });
                }
                self.partition_count += i64::from(partitions - topic.partitions);
                topic.partitions = partitions;
            }
            MetadataRecord::TopicConfigsChanged { id, configs } => {
                let topic = self.topics.get_mut(&id.0).ok_or(ReplayError::UnknownTopic(id.0))?;
                change(&mut topic.configs, configs);
            }
            MetadataRecord::BrokerConfigsChanged { node_id, configs } => {
                change(self.broker_configs.entry(node_id).or_default(), configs);
            }
            MetadataRecord::GroupConfigsChanged { group, configs } => {
                change_named(&mut self.group_configs, group, configs);
            }
            MetadataRecord::ClientMetricsChanged { name, configs } => {
                change_named(&mut self.client_metrics, name, configs);
            }
            MetadataRecord::ProducerIdsReserved { end } => self.producer_ids_end = self.producer_ids_end.max(end),
            MetadataRecord::FeatureLevelChanged { feature, level } => self.features.set(feature, level),
            MetadataRecord::UncleanStart {} => self.unclean_starts = self.unclean_starts.saturating_add(1),
        }
        Ok(())
    }

    /// Records that replay to this state: the content of a snapshot.
    pub(super) fn to_records(&self) -> Vec<MetadataRecord> {
        let starts = (0..self.unclean_starts).map(|_| MetadataRecord::UncleanStart {});
        let ids = MetadataRecord::ProducerIdsReserved { end: self.producer_ids_end };
        let brokers = self.broker_configs.iter().map(|(node_id, configs)| MetadataRecord::BrokerConfigsChanged {
            node_id: *node_id,
            configs: all_set(configs),
        });
        let groups = self.group_configs.iter().map(|(group, configs)| MetadataRecord::GroupConfigsChanged {
            group: group.clone(),
            configs: all_set(configs),
        });
        let client_metrics = self.client_metrics.iter().map(|(name, configs)| MetadataRecord::ClientMetricsChanged {
            name: name.clone(),
            configs: all_set(configs),
        });
        // A topic that is only waiting for its files to go is named by creating and deleting it.
        let retiring = self.retiring.iter().flat_map(|id| {
            let id = WireTopicId(*id);
            TopicName::parse("retiring").ok().into_iter().flat_map(move |name| {
                let created = MetadataRecord::TopicCreated {
                    id,
                    name: WireTopicName(name),
                    partitions: 0,
                    unclean_starts: 0,
                    configs: BTreeMap::new(),
                };
                [created, MetadataRecord::TopicDeleted { id }]
            })
        });
        let topics = self.topics.iter().map(|(id, topic)| MetadataRecord::TopicCreated {
            id: WireTopicId(*id),
            name: WireTopicName(topic.name.clone()),
            partitions: topic.partitions,
            unclean_starts: topic.unclean_starts,
            configs: topic.configs.clone(),
        });
        let features = self.features.changed();
        let features =
            features.map(|(feature, level)| MetadataRecord::FeatureLevelChanged { feature: feature.to_owned(), level });
        let configs = brokers.chain(groups).chain(client_metrics);
        starts.chain([ids]).chain(features).chain(configs).chain(retiring).chain(topics).collect()
    }
}

fn all_set(configs: &BTreeMap<String, String>) -> BTreeMap<String, Option<String>> {
    configs.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect()
}

fn change_named(all: &mut Named, name: String, changes: BTreeMap<String, Option<String>>) {
    let mut configs = all.remove(&name).unwrap_or_default();
    change(&mut configs, changes);
    if !configs.is_empty() {
        all.insert(name, configs);
    }
}

fn change(configs: &mut BTreeMap<String, String>, changes: BTreeMap<String, Option<String>>) {
    for (key, value) in changes {
        match value {
            Some(value) => configs.insert(key, value),
            None => configs.remove(&key),
        };
    }
}

#[cfg(test)]
mod tests;
