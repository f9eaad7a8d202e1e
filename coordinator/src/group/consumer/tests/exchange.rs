//! Partitions that go from one member to another: revocation, and what happens to who does not give back.

use model::ErrorCode;

use super::driver::{Consumer, Driver};

/// A group whose first member has everything, and a second one that has just joined.
fn two() -> (Driver, Consumer, Consumer) {
    let mut driver = Driver::new(&[("t", 4)]);
    let (mut first, mut second) = (Consumer::new("a", &["t"]), Consumer::new("b", &["t"]));
    first.join(&mut driver);
    second.join(&mut driver);
    (driver, first, second)
}

#[test]
fn a_partition_is_given_only_after_it_was_given_back() {
    let (mut driver, mut first, mut second) = two();
    assert_eq!((second.epoch, second.owned.len()), (3, 0));
    assert_eq!(driver.state(), "Reconciling");
    // The first member is told to give two back, and stays in its epoch.
    let told = first.beat(&mut driver);
    assert_eq!((told.member_epoch, first.owned.len()), (2, 2));
    assert_eq!(second.beat(&mut driver).assignment, None);
    // It has; now they are free.
    let moved_on = first.beat(&mut driver);
    assert_eq!((moved_on.member_epoch, moved_on.assignment), (3, None));
    second.beat(&mut driver);
    assert_eq!((second.owned.len(), second.epoch), (2, 3));
    assert_eq!(driver.state(), "Stable");
}

#[test]
fn a_member_that_still_owns_or_does_not_say_stays_where_it_is() {
    let (mut driver, mut first, mut second) = two();
    let all = first.reported();
    first.beat(&mut driver);
    for owned in [None, Some(all)] {
        let mut request = first.plain(2);
        request.topic_partitions = owned;
        assert_eq!(driver.heartbeat(request).member_epoch, 2);
        second.beat(&mut driver);
        assert!(second.owned.is_empty());
    }
}

#[test]
fn a_member_that_does_not_give_back_in_time_is_fenced() {
    let (mut driver, mut first, mut second) = two();
    first.beat(&mut driver);
    for _ in 0..59 {
        driver.pass(1_000);
        assert_eq!(driver.heartbeat(first.plain(2)).error, ErrorCode::None);
        second.beat(&mut driver);
    }
    driver.pass(1_000);
    assert_eq!(driver.heartbeat(first.plain(2)).error, ErrorCode::UnknownMemberId);
    second.beat(&mut driver);
    assert_eq!((second.owned.len(), driver.state().as_str()), (4, "Stable"));
}

#[test]
fn what_was_asked_back_and_is_wanted_again_is_given_again() {
    let (mut driver, mut first, mut second) = two();
    first.beat(&mut driver);
    second.leave(&mut driver, -1);
    // All four are its own again; two of them it was giving back.
    first.beat(&mut driver);
    assert_eq!((first.owned.len(), first.epoch), (4, 4));
    assert_eq!(driver.state(), "Stable");
}

#[test]
fn a_member_that_is_silent_loses_its_partitions() {
    let (mut driver, mut first, mut second) = two();
    for _ in 0..9 {
        driver.pass(5_000);
        second.beat(&mut driver);
    }
    assert_eq!(first.beat(&mut driver).error, ErrorCode::UnknownMemberId);
    second.beat(&mut driver);
    assert_eq!(second.owned.len(), 4);
}

#[test]
fn a_heartbeat_moves_the_end_of_the_session() {
    let mut driver = Driver::new(&[("t", 1)]);
    let mut member = Consumer::new("m", &["t"]);
    member.join(&mut driver);
    for _ in 0..10 {
        driver.pass(44_999);
        assert_eq!(driver.heartbeat(member.plain(2)).error, ErrorCode::None);
    }
    driver.pass(45_000);
    assert_eq!(driver.state(), "Empty");
}

#[test]
fn a_topic_that_is_not_subscribed_to_any_more_is_taken_back_at_once() {
    let mut driver = Driver::new(&[("t", 2), ("u", 2)]);
    driver.settings.consumer_assignment_interval_ms = 1_000;
    let mut member = Consumer::new("m", &["t", "u"]);
    member.join(&mut driver);
    assert_eq!(member.owned.len(), 4);
    let mut request = member.plain(2);
    request.subscribed_topic_names = Some(vec!["u".to_owned()]);
    request.topic_partitions = Some(member.reported());
    let reply = driver.heartbeat(request);
    // The next target is not due yet.
    assert_eq!(driver.state(), "Assigning");
    member.hear(&reply);
    assert_eq!((member.of(driver.topic("t")).len(), member.of(driver.topic("u")).len()), (0, 2));
}

#[test]
fn a_hundred_members_that_join_at_once_share_a_thousand_partitions() {
    let mut driver = Driver::new(&[("t", 1_000)]);
    driver.settings.consumer_assignment_interval_ms = 1_000;
    let mut members: Vec<_> = (0..100).map(|n| Consumer::new(&format!("m{n:03}"), &["t"])).collect();
    for member in &mut members {
        member.join(&mut driver);
    }
    driver.pass(5_000);
    for _ in 0..3 {
        for member in &mut members {
            member.beat(&mut driver);
        }
    }
    assert!(members.iter().all(|member| member.owned.len() == 10));
    assert_eq!(driver.state(), "Stable");
    // Three for a join, two for its target and its taking it, a few for who gives back: nobody is written again and again.
    assert!(driver.log.len() < 620, "{} records", driver.log.len());
}
