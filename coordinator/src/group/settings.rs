//! The settings that groups go by: Kafka's `group.*` and `offsets.*` keys, as the broker was given them.

use std::collections::BTreeMap;

/// What a broker's groups go by. Names and units are those of Kafka's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSettings {
    /// `group.min.session.timeout.ms`.
    pub min_session_timeout_ms: i32,
    /// `group.max.session.timeout.ms`.
    pub max_session_timeout_ms: i32,
    /// `group.max.size`: members of a classic group.
    pub max_size: i32,
    /// `group.initial.rebalance.delay.ms`.
    pub initial_rebalance_delay_ms: i32,
    /// `group.consumer.session.timeout.ms`.
    pub consumer_session_timeout_ms: i32,
    /// `group.consumer.heartbeat.interval.ms`.
    pub consumer_heartbeat_interval_ms: i32,
    /// `group.consumer.max.size`.
    pub consumer_max_size: i32,
    /// `group.consumer.assignors`: names, the first is the default.
    pub consumer_assignors: Vec<String>,
    /// `group.consumer.migration.policy`.
    pub consumer_migration_policy: MigrationPolicy,
    /// `group.consumer.regex.refresh.interval.ms`.
    pub consumer_regex_refresh_interval_ms: i32,
    /// `group.consumer.assignment.interval.ms`, if the broker has that key: the least ms between two target assignments.
    pub consumer_assignment_interval_ms: i32,
    /// `offset.metadata.max.bytes`.
    pub offset_metadata_max_bytes: i32,
    /// `offsets.retention.minutes`, as ms.
    pub offsets_retention_ms: i64,
    /// `offsets.retention.check.interval.ms`.
    pub offsets_retention_check_interval_ms: i64,
    /// Groups that one shard holds at most; more are refused. A bound of ours.
    pub groups_max: usize,
    /// Bytes of ids, subscriptions and assignments that one classic group holds at most; who would exceed them is refused. A
    /// bound of ours.
    pub group_bytes_max: usize,
    /// Bytes of a batch of the groups' log: `max.message.bytes` of `__consumer_offsets`.
    pub record_bytes_max: usize,
    /// What single groups were given, by group id.
    pub overrides: BTreeMap<String, GroupOverrides>,
}

/// What one group was given with `kafka-configs --entity-type groups`; `None` is the broker's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupOverrides {
    /// `consumer.session.timeout.ms`.
    pub consumer_session_timeout_ms: Option<i32>,
    /// `consumer.heartbeat.interval.ms`.
    pub consumer_heartbeat_interval_ms: Option<i32>,
    /// `consumer.assignment.interval.ms`, if there is that key.
    pub consumer_assignment_interval_ms: Option<i32>,
}

/// `group.consumer.migration.policy`: which way a group may go between the protocols while it has members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MigrationPolicy {
    /// Both ways.
    #[default]
    Bidirectional,
    /// Classic to consumer.
    Upgrade,
    /// Consumer to classic.
    Downgrade,
    /// Neither.
    Disabled,
}

impl Default for GroupSettings {
    /// Kafka's defaults.
    fn default() -> Self {
        Self {
            min_session_timeout_ms: 6_000,
            max_session_timeout_ms: 1_800_000,
            max_size: i32::MAX,
            initial_rebalance_delay_ms: 3_000,
            consumer_session_timeout_ms: 45_000,
            consumer_heartbeat_interval_ms: 5_000,
            consumer_max_size: i32::MAX,
            consumer_assignors: vec!["uniform".to_owned(), "range".to_owned()],
            consumer_migration_policy: MigrationPolicy::Bidirectional,
            consumer_regex_refresh_interval_ms: 600_000,
            consumer_assignment_interval_ms: 0,
            offset_metadata_max_bytes: 4_096,
            offsets_retention_ms: 7 * 24 * 3_600_000,
            offsets_retention_check_interval_ms: 600_000,
            groups_max: 1_000_000,
            group_bytes_max: 64 << 20,
            record_bytes_max: 1_048_588,
            overrides: BTreeMap::new(),
        }
    }
}
