//! Group configs of Kafka's that have one value here: those of kinds of groups that do not exist yet.

use super::fixed::{FixedKey, fixed};
use super::value::ConfigType;

const NO_SHARE: &str = "Tidelog does not have share groups yet";
const NO_STREAMS: &str = "Tidelog does not have streams groups yet";

/// Every such config.
pub const FIXED: &[FixedKey] = &[
    fixed("errors.deadletterqueue.copy.record.enable", ConfigType::Boolean, "false", NO_SHARE)
        .over("errors.deadletterqueue.copy.record.enable"),
    fixed("errors.deadletterqueue.topic.name", ConfigType::String, "", NO_SHARE)
        .over("errors.deadletterqueue.topic.name"),
    fixed("share.assignment.interval.ms", ConfigType::Int, "1000", NO_SHARE).over("group.share.assignment.interval.ms"),
    fixed("share.auto.offset.reset", ConfigType::String, "latest", NO_SHARE).over("share.auto.offset.reset"),
    fixed("share.delivery.count.limit", ConfigType::Int, "5", NO_SHARE).over("group.share.delivery.count.limit"),
    fixed("share.heartbeat.interval.ms", ConfigType::Int, "5000", NO_SHARE).over("group.share.heartbeat.interval.ms"),
    fixed("share.isolation.level", ConfigType::String, "read_uncommitted", NO_SHARE).over("share.isolation.level"),
    fixed("share.partition.max.record.locks", ConfigType::Int, "2000", NO_SHARE)
        .over("group.share.partition.max.record.locks"),
    fixed("share.record.lock.duration.ms", ConfigType::Int, "30000", NO_SHARE)
        .over("group.share.record.lock.duration.ms"),
    fixed("share.renew.acknowledge.enable", ConfigType::Boolean, "true", NO_SHARE)
        .over("share.renew.acknowledge.enable"),
    fixed("share.session.timeout.ms", ConfigType::Int, "45000", NO_SHARE).over("group.share.session.timeout.ms"),
    fixed("streams.assignment.interval.ms", ConfigType::Int, "1000", NO_STREAMS)
        .over("group.streams.assignment.interval.ms"),
    fixed("streams.assignor.name", ConfigType::String, "sticky", NO_STREAMS).over("group.streams.assignors"),
    fixed("streams.heartbeat.interval.ms", ConfigType::Int, "5000", NO_STREAMS)
        .over("group.streams.heartbeat.interval.ms"),
    fixed("streams.initial.rebalance.delay.ms", ConfigType::Int, "3000", NO_STREAMS)
        .over("group.streams.initial.rebalance.delay.ms"),
    fixed("streams.num.standby.replicas", ConfigType::Int, "0", NO_STREAMS).over("group.streams.num.standby.replicas"),
    fixed("streams.rack.aware.assignment.tags", ConfigType::List, "", NO_STREAMS)
        .over("group.streams.rack.aware.assignment.tags"),
    fixed("streams.session.timeout.ms", ConfigType::Int, "45000", NO_STREAMS).over("group.streams.session.timeout.ms"),
];
