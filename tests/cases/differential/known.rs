//! The differences that are meant. Anything else fails.

/// An API, the end of a path in its answer (`*` is any one member), and why ours answers otherwise.
const MEANT: &[(&str, &str, &str)] = &[
    ("DescribeConfigs", "configs/min.insync.replicas/config_source", MIN_INSYNC),
    ("DescribeConfigs", "configs/min.insync.replicas/synonyms", MIN_INSYNC),
    ("DescribeConfigs", "configs/min.insync.replicas", MIN_INSYNC),
    ("CreateTopics", "configs/min.insync.replicas/config_source", MIN_INSYNC),
    ("ConsumerGroupHeartbeat", "heartbeat_interval_ms", SETTLING),
];

const SETTLING: &str = "a member is told to come back sooner while its group settles, so that many who join at once are \
     balanced sooner";

const MIN_INSYNC: &str = "Kafka makes this key a dynamic default of the cluster when it finalizes \
     eligible.leader.replicas.version, which ours does not";

/// Whether a difference at this path of an API's answer is meant.
pub(super) fn is_meant(api: &str, path: &str) -> bool {
    MEANT.iter().any(|(of, pattern, _)| *of == api && ends_as(path, pattern))
}

fn ends_as(path: &str, pattern: &str) -> bool {
    let mut path = path.rsplit('/');
    pattern.rsplit('/').all(|wanted| path.next().is_some_and(|found| wanted == "*" || wanted == found))
}
