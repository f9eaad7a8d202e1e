//! The topics that the broker keeps for itself: clients may read them, and only tools write to them.

use std::collections::BTreeMap;

use model::ErrorCode;
use model::config::BrokerConfig;

use super::topics::{NewTopic, Refused};

/// Where groups and their offsets are kept.
pub(crate) const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// Where transactions are kept.
pub(crate) const TRANSACTIONS_TOPIC: &str = "__transaction_state";

/// The topics that Kafka counts as internal.
const INTERNAL: [&str; 3] = [OFFSETS_TOPIC, TRANSACTIONS_TOPIC, "__share_group_state"];

/// Whether clients are told that a topic of this name is internal.
pub(crate) fn is_internal(name: &str) -> bool {
    INTERNAL.contains(&name)
}

/// The topic that is made when a client asks for `name`: with the broker's defaults, or as an internal topic has to be.
pub(crate) fn wanted_topic(name: &str, config: &BrokerConfig) -> NewTopic {
    if name == OFFSETS_TOPIC {
        return offsets_topic(config);
    }
    if name == TRANSACTIONS_TOPIC {
        return transactions_topic(config);
    }
    NewTopic { name: name.to_owned(), partitions: -1, replication_factor: -1, ..NewTopic::default() }
}

/// [`OFFSETS_TOPIC`] as it is made when the first group needs it. `flush.mode` is the broker's: a commit that was answered is
/// as durable as a record that was.
pub(crate) fn offsets_topic(config: &BrokerConfig) -> NewTopic {
    let configs = [
        ("cleanup.policy", "compact".to_owned()),
        ("compression.type", "producer".to_owned()),
        ("segment.bytes", config.offsets_topic_segment_bytes.to_string()),
    ];
    NewTopic {
        name: OFFSETS_TOPIC.to_owned(),
        partitions: config.offsets_topic_num_partitions,
        // One broker can hold one.
        replication_factor: config.offsets_topic_replication_factor.min(1),
        configs: configs.into_iter().map(|(key, value)| (key.to_owned(), Some(value))).collect(),
        ..NewTopic::default()
    }
}

/// [`TRANSACTIONS_TOPIC`] as it is made when the first transactional id needs it. `flush.mode` is the broker's, as above.
pub(crate) fn transactions_topic(config: &BrokerConfig) -> NewTopic {
    let configs = [
        ("cleanup.policy", "compact".to_owned()),
        ("compression.type", "uncompressed".to_owned()),
        ("min.insync.replicas", config.transaction_state_log_min_isr.to_string()),
        ("segment.bytes", config.transaction_state_log_segment_bytes.to_string()),
        ("unclean.leader.election.enable", "false".to_owned()),
    ];
    NewTopic {
        name: TRANSACTIONS_TOPIC.to_owned(),
        partitions: config.transaction_state_log_num_partitions,
        replication_factor: config.transaction_state_log_replication_factor.min(1),
        configs: configs.into_iter().map(|(key, value)| (key.to_owned(), Some(value))).collect(),
        ..NewTopic::default()
    }
}

/// Refuses what would take a promise back that was made for the internal topics: that an answered commit is as durable as the
/// broker's default says.
///
/// # Errors
/// `INVALID_CONFIG`.
pub(super) fn check_overrides(name: &str, overrides: &BTreeMap<String, String>) -> Result<(), Refused> {
    if is_internal(name) && overrides.contains_key("flush.mode") {
        let message = format!("topic '{name}' is synced as log.flush.mode says; it takes no flush.mode of its own");
        return Err(Refused::new(ErrorCode::InvalidConfig, message));
    }
    Ok(())
}

/// Refuses more partitions for a topic whose records were placed by their number.
///
/// # Errors
/// `INVALID_PARTITIONS`. Kafka adds them, and loses the groups that belong elsewhere then at its next start.
pub(super) fn check_growth(name: &str) -> Result<(), Refused> {
    if name == OFFSETS_TOPIC || name == TRANSACTIONS_TOPIC {
        let message =
            format!("the number of partitions of '{name}' says where each of its keys is kept; it cannot change");
        return Err(Refused::new(ErrorCode::InvalidPartitions, message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_internal_topics_are_internal_and_compacted() {
        let config = BrokerConfig::default();
        for topic in [offsets_topic(&config), transactions_topic(&config)] {
            assert!(is_internal(&topic.name) && !is_internal("orders"));
            assert_eq!(topic.partitions, 50);
            assert!(topic.configs.contains(&("cleanup.policy".to_owned(), Some("compact".to_owned()))));
            assert_eq!(wanted_topic(&topic.name, &config).partitions, 50);
        }
    }
}
