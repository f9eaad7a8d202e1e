//! The expected answers are those of a Kafka 4.4 broker to the same requests, but for the configs that have no effect here.

use AlterOp::{Append, Delete, Set, Subtract};

use super::*;
use crate::ErrorCode;
use crate::config::topic_fixed::FIXED;

type Settings = BTreeMap<String, String>;

fn map(settings: &[(&str, &str)]) -> Settings {
    settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn alteration<'a>((op, key, value): &(AlterOp, &'a str, &'a str)) -> Alteration<'a> {
    Alteration { key, op: *op, value: (*value != "null").then_some(*value) }
}

fn alter(
    kind: ResourceKind,
    now: &[(&str, &str)],
    alterations: &[(AlterOp, &str, &str)],
) -> Result<Settings, ErrorCode> {
    let alterations: Vec<_> = alterations.iter().map(alteration).collect();
    BrokerConfig::default().alter(kind, &map(now), &alterations).map_err(|error| ErrorCode::from(&error))
}

fn alter_topic(now: &[(&str, &str)], alterations: &[(AlterOp, &str, &str)]) -> Result<Settings, ErrorCode> {
    alter(ResourceKind::Topic, now, alterations)
}

fn alter_broker(now: &[(&str, &str)], alterations: &[(AlterOp, &str, &str)]) -> Result<Settings, ErrorCode> {
    alter(ResourceKind::Broker, now, alterations)
}

#[test]
fn a_topic_value_is_stored_as_it_is_shown() {
    for (key, given, stored) in [
        ("segment.ms", " 7000000 ", "7000000"),
        ("min.cleanable.dirty.ratio", "1e0", "1.0"),
        ("cleanup.policy", "delete, compact", "delete,compact"),
        ("cleanup.policy", "delete,delete", "delete"),
        ("cleanup.policy", "", ""),
        ("retention.bytes", "-5", "-5"),
        ("unclean.leader.election.enable", "FALSE", "false"),
        ("flush.mode", "async", "async"),
    ] {
        assert_eq!(alter_topic(&[], &[(Set, key, given)]), Ok(map(&[(key, stored)])), "{key}={given}");
    }
}

#[test]
fn what_is_no_topic_value_is_refused() {
    for (key, value) in [
        ("segment.bytes", "5"),
        ("segment.bytes", "abc"),
        ("max.message.bytes", "2147483648"),
        ("retention.ms", "-5"),
        ("retention.ms", ""),
        ("cleanup.policy", "none"),
        ("min.cleanable.dirty.ratio", "1.5"),
        ("message.timestamp.type", "createtime"),
        ("nope", "1"),
        ("", "1"),
    ] {
        assert_eq!(alter_topic(&[], &[(Set, key, value)]), Err(ErrorCode::InvalidConfig), "{key}={value}");
    }
    assert_eq!(alter_topic(&[], &[(Set, "segment.bytes", "null")]), Err(ErrorCode::InvalidRequest));
    assert_eq!(alter_topic(&[], &[(Append, "cleanup.policy", "null")]), Err(ErrorCode::InvalidRequest));
}

#[test]
fn lists_take_and_lose_entries() {
    let policy = |text| Ok(map(&[("cleanup.policy", text)]));
    let compact = [("cleanup.policy", "compact")];
    assert_eq!(alter_topic(&compact, &[(Append, "cleanup.policy", "delete")]), policy("compact,delete"));
    assert_eq!(alter_topic(&compact, &[(Append, "cleanup.policy", "compact")]), policy("compact"));
    assert_eq!(alter_topic(&compact, &[(Subtract, "cleanup.policy", "compact")]), policy(""));
    assert_eq!(alter_topic(&compact, &[(Subtract, "cleanup.policy", "nope")]), policy("compact"));
    // Without an override the list begins with what holds without it.
    assert_eq!(alter_topic(&[], &[(Append, "cleanup.policy", "compact")]), policy("delete,compact"));
    for key in ["segment.bytes", "nope"] {
        assert_eq!(alter_topic(&[], &[(Append, key, "5")]), Err(ErrorCode::InvalidConfig), "{key}");
    }
}

#[test]
fn what_is_not_set_can_be_deleted() {
    assert_eq!(alter_topic(&[("segment.ms", "5")], &[(Delete, "segment.ms", "null")]), Ok(map(&[])));
    assert_eq!(alter_topic(&[], &[(Delete, "segment.ms", "null"), (Delete, "nope", "")]), Ok(map(&[])));
}

#[test]
fn one_key_twice_in_a_request_is_refused() {
    let twice = [(Set, "segment.ms", "5"), (Delete, "segment.ms", "null")];
    assert_eq!(alter_topic(&[], &twice), Err(ErrorCode::InvalidRequest));
}

#[test]
fn the_compaction_lags_must_go_together() {
    let max = [("max.compaction.lag.ms", "5")];
    assert_eq!(alter_topic(&max, &[(Set, "min.compaction.lag.ms", "50")]), Err(ErrorCode::InvalidConfig));
    assert!(alter_topic(&max, &[(Set, "min.compaction.lag.ms", "5")]).is_ok());
}

#[test]
fn a_value_without_effect_is_refused_with_its_reason() {
    let broker = BrokerConfig::default();
    for fixed in FIXED {
        assert_eq!(broker.topic_overrides([(fixed.key, Some(fixed.value))]), Ok(map(&[(fixed.key, fixed.value)])));
        assert_eq!(fixed.normalize(fixed.value).as_deref(), Ok(fixed.value), "{}", fixed.key);
    }
    let error = broker.topic_overrides([("remote.storage.enable", Some("true"))]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "remote.storage.enable=true would have no effect, so it is refused: all records are on the broker's own disk: \
         there is no remote storage; only \"false\" can be set"
    );
    assert_eq!(ErrorCode::from(&error), ErrorCode::InvalidConfig);
}

#[test]
fn a_new_topics_configs_are_values() {
    let broker = BrokerConfig::default();
    let given = [("segment.bytes", Some(" 2000000 ")), ("cleanup.policy", Some("compact"))];
    assert_eq!(broker.topic_overrides(given), Ok(map(&[("segment.bytes", "2000000"), ("cleanup.policy", "compact")])));
    let error = broker.topic_overrides([("segment.bytes", None)]).unwrap_err();
    assert_eq!(ErrorCode::from(&error), ErrorCode::InvalidConfig);
    let error = broker.topic_overrides([("segment.byte", Some("1"))]).unwrap_err();
    assert_eq!(error.to_string(), "there is no topic config \"segment.byte\"; did you mean segment.bytes?");
}

#[test]
fn a_running_broker_takes_what_is_dynamic() {
    for (key, value) in
        [("log.segment.bytes", "4000000"), ("producer.id.expiration.ms", "77"), ("log.retention.ms", "3000")]
    {
        assert_eq!(alter_broker(&[], &[(Set, key, value)]), Ok(map(&[(key, value)])), "{key}");
    }
    for (key, value) in [
        ("num.partitions", "3"),
        ("log.retention.hours", "3"),
        ("auto.create.topics.enable", "false"),
        ("message.max.bytes", "abc"),
        ("log.segment.bytes", "null"),
        ("advertised.listeners", "x"),
        ("ssl.keystore.location", "/etc/keystore"),
        ("num.io.threads", "4"),
        ("nope", "3"),
    ] {
        assert_eq!(alter_broker(&[], &[(Set, key, value)]), Err(ErrorCode::InvalidRequest), "{key}");
    }
    let interval = |value| alter_broker(&[], &[(Set, "group.consumer.assignment.interval.ms", value)]);
    assert_eq!(interval("777"), Ok(map(&[("group.consumer.assignment.interval.ms", "777")])));
    assert_eq!(interval("17777"), Err(ErrorCode::InvalidRequest));
    assert_eq!(alter_broker(&[], &[(Delete, "num.partitions", "null")]), Ok(map(&[])));
    assert_eq!(alter_broker(&[], &[(Append, "log.segment.bytes", "1")]), Err(ErrorCode::InvalidConfig));
    let policy = alter_broker(&[("log.cleanup.policy", "compact")], &[(Append, "log.cleanup.policy", "delete")]);
    assert_eq!(policy, Ok(map(&[("log.cleanup.policy", "compact,delete")])));
}

#[test]
fn threads_of_compaction_double_or_halve_at_once_and_never_come_to_an_end() {
    let with = |threads: i32| BrokerConfig { log_cleaner_threads: threads, ..BrokerConfig::default() };
    for (now, right, wrong) in
        [(1, &[1, 2][..], &[0, 3][..]), (4, &[2, 3, 4, 8], &[0, 1, 9]), (5, &[2, 10], &[1, 11]), (0, &[0], &[1])]
    {
        for then in right {
            assert_eq!(with(now).check_step(&with(*then)), Ok(()), "from {now} to {then}");
        }
        for then in wrong {
            let refused = with(now).check_step(&with(*then)).unwrap_err();
            assert_eq!(ErrorCode::from(&refused), ErrorCode::InvalidRequest, "from {now} to {then}");
        }
    }
}

#[test]
fn a_group_takes_what_the_brokers_bounds_allow() {
    const TIMEOUT: &str = "consumer.session.timeout.ms";
    let set = |key: &'static str, value: &'static str| alter(ResourceKind::Group, &[], &[(Set, key, value)]);
    assert_eq!(set(TIMEOUT, " 50000 "), Ok(map(&[(TIMEOUT, "50000")])));
    for (key, value) in [
        (TIMEOUT, "44999"),
        (TIMEOUT, "60001"),
        (TIMEOUT, "abc"),
        ("consumer.heartbeat.interval.ms", "4999"),
        ("consumer.assignment.interval.ms", "-1"),
        ("share.session.timeout.ms", "46000"),
        ("nope", "7"),
    ] {
        assert_eq!(set(key, value), Err(ErrorCode::InvalidConfig), "{key}={value}");
    }
    assert_eq!(set("share.session.timeout.ms", "45000"), Ok(map(&[("share.session.timeout.ms", "45000")])));
    let append = |key| alter(ResourceKind::Group, &[], &[(Append, key, "5")]);
    assert_eq!(append(TIMEOUT), Err(ErrorCode::InvalidConfig));
    assert_eq!(append("streams.rack.aware.assignment.tags"), Err(ErrorCode::InvalidConfig));
    assert_eq!(alter(ResourceKind::Group, &[(TIMEOUT, "50000")], &[(Delete, TIMEOUT, "null")]), Ok(map(&[])));
}

#[test]
fn a_subscription_to_clients_metrics_is_checked_as_in_kafka() {
    let set = |key: &'static str, value: &'static str| alter(ResourceKind::ClientMetrics, &[], &[(Set, key, value)]);
    for (key, value, stored) in [
        ("interval.ms", "100", "100"),
        ("interval.ms", "3600000", "3600000"),
        ("metrics", "", ""),
        ("metrics", "org.a., org.b", "org.a.,org.b"),
        ("match", "", ""),
        ("match", " client_software_name = x , client_id=1", "client_software_name = x,client_id=1"),
    ] {
        assert_eq!(set(key, value), Ok(map(&[(key, stored)])), "{key}={value}");
    }
    for (key, value, code) in [
        ("interval.ms", "99", ErrorCode::InvalidRequest),
        ("interval.ms", "3600001", ErrorCode::InvalidRequest),
        ("interval.ms", "x", ErrorCode::InvalidConfig),
        ("match", "nope=1", ErrorCode::InvalidConfig),
        ("match", "client_id=([", ErrorCode::InvalidConfig),
        ("nope", "1", ErrorCode::InvalidRequest),
    ] {
        assert_eq!(set(key, value), Err(code), "{key}={value}");
    }
    let append = alter(ResourceKind::ClientMetrics, &[], &[(Append, "metrics", "org.c")]);
    assert_eq!(append, Err(ErrorCode::InvalidConfig));
}

#[test]
fn changes_are_what_differs() {
    let (now, then) = (map(&[("a", "1"), ("b", "2"), ("c", "3")]), map(&[("a", "1"), ("b", "5"), ("d", "4")]));
    let expected = [("b", Some("5")), ("c", None), ("d", Some("4"))];
    let expected = expected.map(|(key, value)| (key.to_owned(), value.map(str::to_owned)));
    assert_eq!(changes(&now, &then), BTreeMap::from(expected));
}
