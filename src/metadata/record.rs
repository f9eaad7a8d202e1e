//! The records of the metadata log: JSON, one change each (`docs/format/metadata_log.md`).
//!
//! A record is never changed in meaning. A new field has a default that means what its absence meant; anything else is a
//! new record, which older versions refuse to read rather than skip.

use std::collections::BTreeMap;

use model::{TopicId, TopicName};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum MetadataRecord {
    /// A topic was created.
    TopicCreated {
        /// Its id.
        id: WireTopicId,
        /// Its name.
        name: WireTopicName,
        /// How many partitions it begins with.
        partitions: i32,
        /// Unclean starts before it was created: its leader epochs count from there.
        unclean_starts: i32,
        /// Its config overrides.
        configs: BTreeMap<String, String>,
    },
    /// A topic was deleted. Its files may still be there.
    TopicDeleted {
        /// Its id.
        id: WireTopicId,
    },
    /// The files of a deleted topic are out of the way.
    TopicFilesRetired {
        /// Its id.
        id: WireTopicId,
    },
    /// A topic got more partitions.
    PartitionsAdded {
        /// Its id.
        id: WireTopicId,
        /// How many it has now.
        partitions: i32,
    },
    /// Config overrides of a topic changed.
    TopicConfigsChanged {
        /// Its id.
        id: WireTopicId,
        /// New values; null takes an override away.
        configs: BTreeMap<String, Option<String>>,
    },
    /// Dynamic configs of brokers changed.
    BrokerConfigsChanged {
        /// The broker, or null for all of them.
        node_id: Option<i32>,
        /// New values; null takes a dynamic value away.
        configs: BTreeMap<String, Option<String>>,
    },
    /// Configs of a group changed.
    GroupConfigsChanged {
        /// The group.
        group: String,
        /// New values; null takes one away.
        configs: BTreeMap<String, Option<String>>,
    },
    /// A subscription to clients' metrics changed.
    ClientMetricsChanged {
        /// Its name.
        name: String,
        /// New values; null takes one away.
        configs: BTreeMap<String, Option<String>>,
    },
    /// Producer ids below `end` may have been handed out.
    ProducerIdsReserved {
        /// The first id that was not.
        end: i64,
    },
    /// Another level of a feature is in force.
    FeatureLevelChanged {
        /// The feature.
        feature: String,
        /// The level; 0 is off.
        level: i16,
    },
    /// The broker started without having stopped cleanly: every partition is led under a new epoch.
    UncleanStart {},
}

/// A topic id as records spell it: Kafka's base64 form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct WireTopicId(pub(super) TopicId);

impl Serialize for WireTopicId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for WireTopicId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        TopicId::parse(&text).map(Self).ok_or_else(|| serde::de::Error::custom(format!("{text:?} is no topic id")))
    }
}

/// A topic name as records spell it; checked again when read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WireTopicName(pub(super) TopicName);

impl Serialize for WireTopicName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

impl<'de> Deserialize<'de> for WireTopicName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        TopicName::parse(&String::deserialize(deserializer)?).map(Self).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_json_that_a_person_can_read() {
        let record = MetadataRecord::TopicCreated {
            id: WireTopicId(TopicId::from_bytes([7; 16])),
            name: WireTopicName(TopicName::parse("orders").unwrap()),
            partitions: 3,
            unclean_starts: 0,
            configs: BTreeMap::from([("flush.mode".to_owned(), "async".to_owned())]),
        };
        let json = serde_json::to_string(&record).unwrap();
        let expected = r#"{"type":"topic_created","id":"BwcHBwcHBwcHBwcHBwcHBw","name":"orders","partitions":3,"unclean_starts":0,"configs":{"flush.mode":"async"}}"#;
        assert_eq!(json, expected);
        assert_eq!(serde_json::from_str::<MetadataRecord>(&json).unwrap(), record);
    }

    #[test]
    fn records_of_version_1_are_read_and_written_as_they_were() {
        let golden = include_str!("golden/metadata_log_v1.jsonl");
        for line in golden.lines() {
            let record: MetadataRecord = serde_json::from_str(line).unwrap();
            assert_eq!(serde_json::to_string(&record).unwrap(), line);
        }
        assert_eq!(golden.lines().count(), 12, "every type is there");
    }

    #[test]
    fn a_record_of_a_later_version_is_refused() {
        assert!(serde_json::from_str::<MetadataRecord>(r#"{"type":"share_group_created"}"#).is_err());
        assert!(serde_json::from_str::<MetadataRecord>(r#"{"type":"unclean_start","why":1}"#).is_err());
        assert!(serde_json::from_str::<MetadataRecord>(r#"{"type":"topic_created","name":"../x"}"#).is_err());
    }
}
