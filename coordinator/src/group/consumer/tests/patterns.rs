//! Topics by pattern.

use model::ErrorCode;

use super::driver::{Consumer, Driver, hard_state};
use crate::group::event::ConsumerGroupHeartbeat;

#[test]
fn a_pattern_stands_for_whole_names() {
    let mut driver = Driver::new(&[("a1", 1), ("a2", 2), ("xa1", 4), ("a1x", 4)]);
    let mut member = Consumer::of_pattern("m", "a[0-9]|zzz");
    let reply = member.join(&mut driver);
    assert_eq!((reply.member_epoch, member.owned.len()), (2, 3));
    assert_eq!(driver.written(0), [5, 16, 3, 7, 6, 8].map(|kind| (kind, true)));
    assert_eq!(driver.describe().members[0].subscribed_topic_regex.as_deref(), Some("a[0-9]|zzz"));
    assert_eq!(hard_state(&driver.replayed()), hard_state(&driver.shard));
}

#[test]
fn patterns_are_res_and_not_javas() {
    let mut driver = Driver::new(&[("t", 1)]);
    for pattern in
        ["(?=t)t", r"(t)\1", "a)(b", "*", "[z-a]", r"\p{Nonsense}", "a**", "a{1001}", "(?x)t", "(?u)t", "{2}"]
    {
        let reply = Consumer::of_pattern("m", pattern).join(&mut driver);
        assert_eq!(reply.error, ErrorCode::InvalidRegularExpression, "{pattern}");
        let message = reply.error_message.unwrap_or_default();
        assert!(message.contains(pattern) && message.lines().count() == 1, "{message}");
    }
    for pattern in ["(?i)T", "t(?:)", "[[:alpha:]]", r"\pL", "(?P<name>t)", r"\Qt\E", "^t$"] {
        let mut member = Consumer::of_pattern("m", pattern);
        assert_eq!((member.join(&mut driver).error, member.owned.len()), (ErrorCode::None, 1), "{pattern}");
    }
    // Braces that repeat nothing stand for themselves, which no topic's name has.
    for pattern in [r"\b{start}t", "t{", "t{,2}"] {
        let mut member = Consumer::of_pattern("m", pattern);
        assert_eq!((member.join(&mut driver).error, member.owned.len()), (ErrorCode::None, 0), "{pattern}");
    }
}

#[test]
fn topics_that_come_and_go_are_found_by_pattern() {
    let mut driver = Driver::new(&[("a1", 1)]);
    let mut member = Consumer::of_pattern("m", "a.*");
    member.join(&mut driver);
    driver.set_topic("b", 9);
    let from = driver.log.len();
    assert_eq!(driver.heartbeat(member.plain(2)).assignment, None);
    assert_eq!(driver.log.len(), from);
    driver.set_topic("a2", 2);
    member.beat(&mut driver);
    assert_eq!((member.owned.len(), member.epoch), (3, 3));
    driver.delete_topic("a1");
    member.beat(&mut driver);
    member.beat(&mut driver);
    assert_eq!((member.owned.len(), driver.state().as_str()), (2, "Stable"));
}

#[test]
fn a_pattern_that_nobody_has_any_more_is_forgotten() {
    let mut driver = Driver::new(&[("a", 1), ("b", 2)]);
    let (mut first, mut second) = (Consumer::of_pattern("m", "a"), Consumer::of_pattern("n", "a"));
    first.join(&mut driver);
    second.join(&mut driver);
    let mut says = ConsumerGroupHeartbeat { subscribed_topic_regex: Some("b".to_owned()), ..first.plain(first.epoch) };
    says.topic_partitions = Some(first.reported());
    let from = driver.log.len();
    let reply = driver.heartbeat(says);
    first.hear(&reply);
    assert!(!driver.written(from).contains(&(16, false)));
    let from = driver.log.len();
    second.leave(&mut driver, -1);
    assert!(driver.written(from).contains(&(16, false)));
    first.beat(&mut driver);
    first.beat(&mut driver);
    assert_eq!(first.of(driver.topic("b")).len(), 2);
}

#[test]
fn more_patterns_than_are_kept_compiled_are_all_followed() {
    let mut driver = Driver::new(&[("a", 1)]);
    let mut members: Vec<_> = (0..300).map(|n| Consumer::of_pattern(&format!("m{n:03}"), &format!("a|n{n}"))).collect();
    for member in &mut members {
        member.join(&mut driver);
    }
    for n in [0, 150, 299] {
        driver.set_topic(&format!("n{n}"), 2);
    }
    for _ in 0..2 {
        for member in &mut members {
            member.beat(&mut driver);
        }
    }
    for n in [0, 150, 299] {
        assert_eq!(members[n].of(driver.topic(&format!("n{n}"))), [0, 1]);
    }
}

#[test]
fn names_and_a_pattern_go_together() {
    let mut driver = Driver::new(&[("a", 1), ("b", 2), ("c", 4)]);
    let mut member = Consumer { topics: Some(vec!["b".to_owned()]), ..Consumer::of_pattern("m", "a|b") };
    member.join(&mut driver);
    assert_eq!(member.owned.len(), 3);
}

#[test]
fn patterns_are_looked_at_again_when_it_is_time() {
    let mut driver = Driver::new(&[("a1", 1)]);
    driver.settings.consumer_regex_refresh_interval_ms = 60_000;
    let mut member = Consumer::of_pattern("m", "a.*");
    member.join(&mut driver);
    for _ in 0..3 {
        driver.pass(30_000);
        assert_eq!(driver.heartbeat(member.plain(2)).error, ErrorCode::None);
    }
    assert_eq!(driver.state(), "Stable");
}
