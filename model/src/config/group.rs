//! The configs of a group: Kafka 4.4's for KIP-848 consumer groups, over the broker's `group.consumer.*` keys.
//!
//! Not here: those of share and streams groups, which are in [`super::group_fixed`] until there are such groups.

use std::collections::BTreeMap;

use super::Valid::AtLeast;
use super::broker::BrokerConfig;
use super::table::{BrokerKey, config_table};

config_table! {
    /// What one consumer group goes by: its own configs over the broker's keys.
    pub struct GroupConfig {
        /// Milliseconds between two assignments of the group at least: members that come and go meanwhile are assigned
        /// together.
        consumer_assignment_interval_ms: i32 = "consumer.assignment.interval.ms", default 1000, valid AtLeast(0),
            broker &[BrokerKey::alone(ASSIGNMENT_INTERVAL)];

        /// Milliseconds between two heartbeats of a member.
        consumer_heartbeat_interval_ms: i32 = "consumer.heartbeat.interval.ms", default 5000, valid AtLeast(1),
            broker &[BrokerKey::alone("group.consumer.heartbeat.interval.ms")];

        /// Milliseconds of silence after which a member is out of the group.
        consumer_session_timeout_ms: i32 = "consumer.session.timeout.ms", default 45_000, valid AtLeast(1),
            broker &[BrokerKey::alone("group.consumer.session.timeout.ms")];
    }
}

/// The key that a running broker may be given.
pub(super) const ASSIGNMENT_INTERVAL: &str = "group.consumer.assignment.interval.ms";

/// A value that does not go with the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Conflict {
    pub(super) key: &'static str,
    pub(super) value: i32,
    pub(super) expected: String,
}

/// A value, and the keys with the least and the most that it may be.
struct Range {
    key: &'static str,
    value: i32,
    least: (&'static str, i32),
    most: (&'static str, i32),
}

impl Range {
    fn check(&self) -> Result<(), Conflict> {
        let (least_key, least) = self.least;
        let (most_key, most) = self.most;
        if least > most {
            let expected = format!("at least {least_key}, which is {least}");
            return Err(Conflict { key: most_key, value: most, expected });
        }
        if (least..=most).contains(&self.value) {
            return Ok(());
        }
        let expected = format!("{least} to {most}, which {least_key} and {most_key} allow");
        Err(Conflict { key: self.key, value: self.value, expected })
    }
}

impl GroupConfig {
    /// A group without configs of its own.
    pub(super) const fn of(broker: &BrokerConfig) -> Self {
        Self {
            consumer_assignment_interval_ms: broker.group_consumer_assignment_interval_ms,
            consumer_heartbeat_interval_ms: broker.group_consumer_heartbeat_interval_ms,
            consumer_session_timeout_ms: broker.group_consumer_session_timeout_ms,
        }
    }

    const fn ranges(&self, broker: &BrokerConfig, keys: [&'static str; 3]) -> [Range; 3] {
        let [session, heartbeat, assignment] = keys;
        [
            Range {
                key: session,
                value: self.consumer_session_timeout_ms,
                least: ("group.consumer.min.session.timeout.ms", broker.group_consumer_min_session_timeout_ms),
                most: ("group.consumer.max.session.timeout.ms", broker.group_consumer_max_session_timeout_ms),
            },
            Range {
                key: heartbeat,
                value: self.consumer_heartbeat_interval_ms,
                least: ("group.consumer.min.heartbeat.interval.ms", broker.group_consumer_min_heartbeat_interval_ms),
                most: ("group.consumer.max.heartbeat.interval.ms", broker.group_consumer_max_heartbeat_interval_ms),
            },
            Range {
                key: assignment,
                value: self.consumer_assignment_interval_ms,
                least: ("group.consumer.min.assignment.interval.ms", broker.group_consumer_min_assignment_interval_ms),
                most: ("group.consumer.max.assignment.interval.ms", broker.group_consumer_max_assignment_interval_ms),
            },
        ]
    }

    fn check(&self, broker: &BrokerConfig, keys: [&'static str; 3]) -> Result<(), Conflict> {
        self.ranges(broker, keys).iter().try_for_each(Range::check)?;
        if self.consumer_heartbeat_interval_ms < self.consumer_session_timeout_ms {
            return Ok(());
        }
        let [session, heartbeat, _] = keys;
        let expected = format!("less than {session}, which is {}", self.consumer_session_timeout_ms);
        Err(Conflict { key: heartbeat, value: self.consumer_heartbeat_interval_ms, expected })
    }
}

/// Holds the broker's own values against each other.
pub(super) fn check_broker(broker: &BrokerConfig) -> Result<(), Conflict> {
    let keys = ["group.consumer.session.timeout.ms", "group.consumer.heartbeat.interval.ms", ASSIGNMENT_INTERVAL];
    GroupConfig::of(broker).check(broker, keys)
}

/// Holds the configs of a group against the broker's bounds, and against each other.
pub(super) fn check_group(broker: &BrokerConfig, overrides: &BTreeMap<String, String>) -> Result<(), Conflict> {
    let keys = ["consumer.session.timeout.ms", "consumer.heartbeat.interval.ms", "consumer.assignment.interval.ms"];
    unbounded(broker, overrides).check(broker, keys)
}

fn unbounded(broker: &BrokerConfig, overrides: &BTreeMap<String, String>) -> GroupConfig {
    let mut config = GroupConfig::of(broker);
    for (key, text) in overrides {
        if let Some(row) = GroupConfig::row(key) {
            // A value that is refused changes nothing.
            row.set(&mut config, text).unwrap_or_default();
        }
    }
    config
}

impl BrokerConfig {
    /// What a group with these configs goes by. What lies outside the bounds that the broker was given since counts as
    /// the nearest bound, as in Kafka; a session that is not longer than a heartbeat is the broker's, and so is the
    /// heartbeat.
    #[must_use]
    pub fn group_config(&self, overrides: &BTreeMap<String, String>) -> GroupConfig {
        let mut config = unbounded(self, overrides);
        let within = |range: &Range| range.value.max(range.least.1).min(range.most.1);
        let [session, heartbeat, assignment] = config.ranges(self, [""; 3]).map(|range| within(&range));
        config.consumer_session_timeout_ms = session;
        config.consumer_heartbeat_interval_ms = heartbeat;
        config.consumer_assignment_interval_ms = assignment;
        if heartbeat >= session {
            let own = GroupConfig::of(self);
            config.consumer_session_timeout_ms = own.consumer_session_timeout_ms;
            config.consumer_heartbeat_interval_ms = own.consumer_heartbeat_interval_ms;
        }
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(overrides: &[(&str, &str)]) -> BTreeMap<String, String> {
        overrides.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_default_is_the_brokers() {
        let broker = BrokerConfig::default();
        assert_eq!(GroupConfig::of(&broker), GroupConfig::default());
        assert_eq!(broker.group_config(&BTreeMap::new()), GroupConfig::default());
        assert_eq!(check_broker(&broker), Ok(()));
    }

    #[test]
    fn a_group_stays_within_the_brokers_bounds() {
        let broker = BrokerConfig::default();
        for (key, value, is_good) in [
            ("consumer.session.timeout.ms", "44999", false),
            ("consumer.session.timeout.ms", "45000", true),
            ("consumer.session.timeout.ms", "60000", true),
            ("consumer.session.timeout.ms", "60001", false),
            ("consumer.heartbeat.interval.ms", "4999", false),
            ("consumer.heartbeat.interval.ms", "15000", true),
            ("consumer.heartbeat.interval.ms", "15001", false),
            ("consumer.assignment.interval.ms", "0", true),
            ("consumer.assignment.interval.ms", "15001", false),
        ] {
            let checked = check_group(&broker, &group(&[(key, value)]));
            assert_eq!(checked.is_ok(), is_good, "{key}={value}");
            assert!(checked.is_ok() || checked.is_err_and(|conflict| conflict.key == key));
        }
    }

    #[test]
    fn a_bound_that_came_later_counts() {
        let broker = BrokerConfig { group_consumer_max_session_timeout_ms: 50_000, ..BrokerConfig::default() };
        let config = broker.group_config(&group(&[("consumer.session.timeout.ms", "60000")]));
        assert_eq!(config.consumer_session_timeout_ms, 50_000);
    }

    #[test]
    fn a_heartbeat_is_shorter_than_a_session() {
        let broker = BrokerConfig {
            group_consumer_min_session_timeout_ms: 1,
            group_consumer_session_timeout_ms: 6000,
            ..BrokerConfig::default()
        };
        assert_eq!(check_broker(&broker), Ok(()));
        assert!(check_group(&broker, &group(&[("consumer.session.timeout.ms", "5000")])).is_err());
        let config = broker.group_config(&group(&[("consumer.session.timeout.ms", "5000")]));
        assert_eq!((config.consumer_session_timeout_ms, config.consumer_heartbeat_interval_ms), (6000, 5000));
    }
}
