//! Topic configs of Kafka's that have one value here.

use super::fixed::{FixedKey, fixed};
use super::value::ConfigType;

const NO_DEAD_LETTERS: &str = "dead letters belong to share groups, which Tidelog does not have yet";
const NO_REPLICATION: &str = "a partition has one replica, so that nothing is replicated or elected";
const NO_TIER: &str = "all records are on the broker's own disk: there is no remote storage";
const NOT_AHEAD: &str = "segment files grow as they are written";

/// Every such config.
pub const FIXED: &[FixedKey] = &[
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
