//! Topic configs of Kafka's that have one value here. Kafka's default may be set, so that tools which copy every config
//! of a topic work; any other value is refused, because nothing would follow from it.

use super::table::unique_words;
use super::value::{ConfigType, ConfigValue, ValueError};

/// A topic config with one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FixedTopicKey {
    /// The name.
    pub key: &'static str,
    /// The type of its value.
    pub value_type: ConfigType,
    /// Its value, which is Kafka's default.
    pub value: &'static str,
    /// The broker key that is its default in Kafka, if one is.
    pub broker_key: Option<&'static str>,
    /// Why it has no other, as a whole sentence without its stop.
    pub why: &'static str,
}

const AS_THEY_CAME: &str = "batches are stored as the producer sent them, and never compressed again";
const NO_DEAD_LETTERS: &str = "dead letters belong to share groups, which Tidelog does not have yet";
const NO_REPLICATION: &str = "a partition has one replica, so that nothing is replicated or elected";
const NO_TIER: &str = "all records are on the broker's own disk: there is no remote storage";
const NOT_AHEAD: &str = "segment files grow as they are written";

/// Every such config.
pub const FIXED: &[FixedTopicKey] = &[
    fixed("compression.gzip.level", ConfigType::Int, "-1", AS_THEY_CAME).over("compression.gzip.level"),
    fixed("compression.lz4.level", ConfigType::Int, "9", AS_THEY_CAME).over("compression.lz4.level"),
    fixed("compression.type", ConfigType::String, "producer", AS_THEY_CAME).over("compression.type"),
    fixed("compression.zstd.level", ConfigType::Int, "3", AS_THEY_CAME).over("compression.zstd.level"),
    fixed("errors.deadletterqueue.group.enable", ConfigType::Boolean, "false", NO_DEAD_LETTERS),
    fixed("follower.replication.throttled.replicas", ConfigType::List, "", NO_REPLICATION),
    fixed("leader.replication.throttled.replicas", ConfigType::List, "", NO_REPLICATION),
    fixed("local.retention.bytes", ConfigType::Long, "-2", NO_TIER).over("log.local.retention.bytes"),
    fixed("local.retention.ms", ConfigType::Long, "-2", NO_TIER).over("log.local.retention.ms"),
    fixed("preallocate", ConfigType::Boolean, "false", NOT_AHEAD).over("log.preallocate"),
    fixed("remote.copy.lag.bytes", ConfigType::Long, "-1", NO_TIER).over("log.remote.copy.lag.bytes"),
    fixed("remote.copy.lag.ms", ConfigType::Long, "0", NO_TIER).over("log.remote.copy.lag.ms"),
    fixed("remote.log.copy.disable", ConfigType::Boolean, "false", NO_TIER),
    fixed("remote.log.delete.on.disable", ConfigType::Boolean, "false", NO_TIER),
    fixed("remote.storage.enable", ConfigType::Boolean, "false", NO_TIER),
    fixed("unclean.leader.election.enable", ConfigType::Boolean, "false", NO_REPLICATION)
        .over("unclean.leader.election.enable"),
];

const fn fixed(key: &'static str, value_type: ConfigType, value: &'static str, why: &'static str) -> FixedTopicKey {
    FixedTopicKey { key, value_type, value, broker_key: None, why }
}

impl FixedTopicKey {
    const fn over(self, broker_key: &'static str) -> Self {
        Self { broker_key: Some(broker_key), ..self }
    }

    /// The config of this name.
    #[must_use]
    pub fn find(key: &str) -> Option<&'static Self> {
        FIXED.iter().find(|fixed| fixed.key == key)
    }

    /// `text` as DescribeConfigs prints the value that it stands for, whether that is the one it has or not.
    ///
    /// # Errors
    /// [`ValueError`] if it is not even of the type.
    pub fn normalize(&self, text: &str) -> Result<String, ValueError> {
        let printed = match self.value_type {
            ConfigType::Boolean => bool::parse(text)?.print(),
            ConfigType::Int | ConfigType::Long | ConfigType::Short => i64::parse(text)?.print(),
            ConfigType::List => Some(unique_words(text)),
            ConfigType::String | ConfigType::Double | ConfigType::Class | ConfigType::Password => {
                String::parse(text)?.print()
            }
        };
        Ok(printed.unwrap_or_default())
    }

    /// What it means, for DescribeConfigs and docs/CONFIG.md.
    #[must_use]
    pub fn doc(&self) -> String {
        format!("Always {}: {}.", if self.value.is_empty() { "empty" } else { self.value }, self.why)
    }
}
