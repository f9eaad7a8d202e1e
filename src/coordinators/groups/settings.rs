//! The broker's config as groups go by it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use coordinator::group::{GroupOverrides, GroupSettings, MigrationPolicy};
use model::config::{BrokerConfig, CompressionType, GroupMigrationPolicy};

use super::super::shard::Limits;
use crate::metadata::{Image, OFFSETS_TOPIC};

const MS_PER_MINUTE: i64 = 60_000;

/// The bounds of the groups' threads.
pub(super) fn limits(config: &BrokerConfig) -> Limits {
    Limits {
        threads: usize::try_from(config.group_coordinator_threads).unwrap_or(1),
        queue_max: usize::try_from(config.group_coordinator_queue_max).unwrap_or(1),
        load_bytes: u32::try_from(config.offsets_load_buffer_size).unwrap_or(u32::MAX),
        answered_within: Some(Duration::from_millis(u64::from(config.offsets_commit_timeout_ms.unsigned_abs()))),
        compression: match config.offsets_topic_compression_codec {
            1 => CompressionType::Gzip,
            2 => CompressionType::Snappy,
            3 => CompressionType::Lz4,
            4 => CompressionType::Zstd,
            _ => CompressionType::Producer,
        },
    }
}

/// Whether groups go by the same settings in both images.
pub(super) fn are_same(before: &Image, after: &Image) -> bool {
    Arc::ptr_eq(&before.broker, &after.broker)
        && Arc::ptr_eq(&before.group_configs, &after.group_configs)
        && record_bytes_max(before) == record_bytes_max(after)
}

/// What groups go by.
pub(super) fn group_settings(image: &Image) -> GroupSettings {
    let config = &image.broker;
    let count = |value: i32| usize::try_from(value).unwrap_or(0);
    let defaults = GroupSettings::default();
    GroupSettings {
        min_session_timeout_ms: config.group_min_session_timeout_ms,
        max_session_timeout_ms: config.group_max_session_timeout_ms,
        max_size: config.group_max_size,
        initial_rebalance_delay_ms: config.group_initial_rebalance_delay_ms,
        consumer_session_timeout_ms: config.group_consumer_session_timeout_ms,
        consumer_heartbeat_interval_ms: config.group_consumer_heartbeat_interval_ms,
        consumer_max_size: config.group_consumer_max_size,
        consumer_assignors: config.group_consumer_assignors.clone(),
        consumer_migration_policy: migration_policy(config.group_consumer_migration_policy),
        consumer_regex_refresh_interval_ms: config.group_consumer_regex_refresh_interval_ms,
        consumer_assignment_interval_ms: config.group_consumer_assignment_interval_ms,
        offset_metadata_max_bytes: config.offset_metadata_max_bytes,
        offsets_retention_ms: i64::from(config.offsets_retention_minutes).saturating_mul(MS_PER_MINUTE),
        offsets_retention_check_interval_ms: config.offsets_retention_check_interval_ms,
        groups_max: count(config.group_coordinator_groups_max),
        group_bytes_max: count(config.group_max_bytes),
        record_bytes_max: record_bytes_max(image).unwrap_or(defaults.record_bytes_max),
        overrides: overrides(image),
    }
}

/// What single groups were given, within the broker's bounds.
fn overrides(image: &Image) -> BTreeMap<String, GroupOverrides> {
    let one = |(group_id, configs): (&String, &BTreeMap<String, String>)| {
        let config = image.broker.group_config(configs);
        let overrides = GroupOverrides {
            consumer_session_timeout_ms: Some(config.consumer_session_timeout_ms),
            consumer_heartbeat_interval_ms: Some(config.consumer_heartbeat_interval_ms),
            consumer_assignment_interval_ms: Some(config.consumer_assignment_interval_ms),
        };
        (group_id.clone(), overrides)
    };
    image.group_configs.iter().map(one).collect()
}

fn record_bytes_max(image: &Image) -> Option<usize> {
    let config = &image.topic(OFFSETS_TOPIC)?.config;
    usize::try_from(config.max_message_bytes.min(config.segment_bytes)).ok()
}

const fn migration_policy(policy: GroupMigrationPolicy) -> MigrationPolicy {
    match policy {
        GroupMigrationPolicy::Bidirectional => MigrationPolicy::Bidirectional,
        GroupMigrationPolicy::Upgrade => MigrationPolicy::Upgrade,
        GroupMigrationPolicy::Downgrade => MigrationPolicy::Downgrade,
        GroupMigrationPolicy::Disabled => MigrationPolicy::Disabled,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_go_by_kafkas_defaults_where_nothing_was_set() {
        let expected = GroupSettings { consumer_assignment_interval_ms: 1000, ..GroupSettings::default() };
        assert_eq!(group_settings(&Image::default()), expected);
    }
}
