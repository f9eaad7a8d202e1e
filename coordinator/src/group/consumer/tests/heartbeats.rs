//! What a heartbeat must say, epochs, and what is written when.

use model::ErrorCode;

use super::driver::{Consumer, Driver, GROUP, hard_state};
use crate::group::event::{ConsumerGroupHeartbeat, TopicPartitions};

#[test]
fn a_heartbeat_that_is_not_what_it_must_be_is_refused() {
    let first = || Consumer::new("m", &["t"]).first();
    let later = || Consumer::new("m", &["t"]).plain(1);
    let partition = TopicPartitions::default();
    let table = [
        (ConsumerGroupHeartbeat { group_id: " ".to_owned(), ..first() }, ErrorCode::InvalidRequest),
        (ConsumerGroupHeartbeat { member_id: String::new(), ..first() }, ErrorCode::InvalidRequest),
        (ConsumerGroupHeartbeat { member_id: String::new(), version: 0, ..later() }, ErrorCode::InvalidRequest),
        (ConsumerGroupHeartbeat { instance_id: Some(String::new()), ..first() }, ErrorCode::InvalidRequest),
        (ConsumerGroupHeartbeat { rack_id: Some(String::new()), ..first() }, ErrorCode::InvalidRequest),
        (ConsumerGroupHeartbeat { rebalance_timeout_ms: -1, ..first() }, ErrorCode::InvalidRequest),
        (ConsumerGroupHeartbeat { topic_partitions: None, ..first() }, ErrorCode::InvalidRequest),
        (ConsumerGroupHeartbeat { topic_partitions: Some(vec![partition]), ..first() }, ErrorCode::InvalidRequest),
        (ConsumerGroupHeartbeat { subscribed_topic_names: None, ..first() }, ErrorCode::InvalidRequest),
        (Consumer::new("m", &[]).plain(-2), ErrorCode::InvalidRequest),
        (Consumer::new("m", &[]).plain(-3), ErrorCode::InvalidRequest),
        (ConsumerGroupHeartbeat { server_assignor: Some("x".to_owned()), ..first() }, ErrorCode::UnsupportedAssignor),
        (
            ConsumerGroupHeartbeat { subscribed_topic_regex: Some("(".to_owned()), ..first() },
            ErrorCode::InvalidRegularExpression,
        ),
        (later(), ErrorCode::GroupIdNotFound),
        (Consumer::new("m", &[]).plain(-1), ErrorCode::GroupIdNotFound),
    ];
    for (request, expected) in table {
        let mut driver = Driver::new(&[("t", 1)]);
        let reply = driver.heartbeat(request.clone());
        assert_eq!((reply.error, reply.error_message.is_some()), (expected, true), "{request:?}");
        assert!(driver.log.is_empty(), "{request:?}");
    }
}

#[test]
fn before_version_1_the_coordinator_makes_the_member_id() {
    let mut driver = Driver::new(&[("t", 1)]);
    let request = ConsumerGroupHeartbeat {
        member_id: String::new(),
        version: 0,
        fresh_member_id: "made".to_owned(),
        ..Consumer::new("", &["t"]).first()
    };
    let reply = driver.heartbeat(request);
    assert_eq!((reply.error, reply.member_id.as_deref(), reply.member_epoch), (ErrorCode::None, Some("made"), 2));
}

#[test]
fn a_first_member_is_assigned_everything_with_kafkas_records_in_kafkas_order() {
    let mut driver = Driver::new(&[("t", 3)]);
    let mut member = Consumer::new("m", &["t", "absent"]);
    let reply = member.join(&mut driver);
    assert_eq!((reply.error, reply.member_epoch, reply.heartbeat_interval_ms), (ErrorCode::None, 2, 1_000));
    assert_eq!(member.of(driver.topic("t")), [0, 1, 2]);
    let all = [5, 3, 7, 6, 8].map(|kind| (kind, true));
    assert_eq!(driver.written(0), all);

    let described = driver.describe();
    assert_eq!((described.state.as_str(), described.group_epoch, described.assignment_epoch), ("Stable", 2, 2));
    assert_eq!(described.assignor_name, "uniform");
    let described = &described.members[0];
    assert_eq!(described.assignment, [(driver.topic("t"), "t".to_owned(), vec![0, 1, 2])]);
    assert_eq!((described.assignment.clone(), described.member_type), (described.target_assignment.clone(), 1));

    let from = driver.log.len();
    assert_eq!(member.leave(&mut driver, -1).member_epoch, -1);
    assert_eq!(driver.written(from), [(8, false), (7, false), (5, false), (3, true), (6, true)]);
    assert_eq!(driver.state(), "Empty");
}

#[test]
fn a_heartbeat_that_says_nothing_writes_nothing_and_gets_no_assignment() {
    let mut driver = Driver::new(&[("t", 3)]);
    let mut member = Consumer::new("m", &["t"]);
    member.join(&mut driver);
    let from = driver.log.len();
    for request in [member.plain(2), member.plain(2)] {
        let reply = driver.heartbeat(request);
        assert_eq!((reply.error, reply.member_epoch, reply.assignment), (ErrorCode::None, 2, None));
    }
    assert_eq!(driver.log.len(), from);
}

#[test]
fn a_full_heartbeat_gets_the_assignment_again() {
    let mut driver = Driver::new(&[("t", 3)]);
    let mut member = Consumer::new("m", &["t"]);
    member.join(&mut driver);
    let full = ConsumerGroupHeartbeat { member_epoch: 2, topic_partitions: Some(member.reported()), ..member.first() };
    assert_eq!(driver.heartbeat(full).assignment.map(|topics| topics.len()), Some(1));
}

#[test]
fn an_epoch_ahead_or_behind_is_fenced_unless_a_reply_was_lost() {
    let mut driver = Driver::new(&[("t", 4)]);
    let mut first = Consumer::new("a", &["t"]);
    first.join(&mut driver);
    assert_eq!(driver.heartbeat(first.plain(3)).error, ErrorCode::FencedMemberEpoch);
    assert_eq!(driver.heartbeat(first.plain(1)).error, ErrorCode::FencedMemberEpoch);

    let before = first.clone();
    Consumer::new("b", &["t"]).join(&mut driver);
    first.beat(&mut driver);
    assert_eq!(first.beat(&mut driver).member_epoch, 3);
    // The reply with epoch 3 was lost: the member is still in 2, and has given up what it was told to.
    let lost = |owned| ConsumerGroupHeartbeat { topic_partitions: owned, ..before.plain(2) };
    assert_eq!(driver.heartbeat(lost(None)).error, ErrorCode::FencedMemberEpoch);
    assert_eq!(driver.heartbeat(lost(Some(before.reported()))).error, ErrorCode::FencedMemberEpoch);
    let again = driver.heartbeat(lost(Some(first.reported())));
    assert_eq!((again.error, again.member_epoch), (ErrorCode::None, 3));

    assert_eq!(driver.heartbeat(Consumer::new("c", &[]).plain(3)).error, ErrorCode::UnknownMemberId);
    assert_eq!(driver.heartbeat(Consumer::new("c", &[]).plain(-1)).error, ErrorCode::UnknownMemberId);
}

#[test]
fn a_member_that_joins_again_keeps_its_place() {
    let mut driver = Driver::new(&[("t", 2)]);
    let mut member = Consumer::new("m", &["t"]);
    member.join(&mut driver);
    let from = driver.log.len();
    let reply = member.join(&mut driver);
    assert_eq!((reply.member_epoch, member.of(driver.topic("t")).len()), (2, 2));
    assert_eq!(driver.log.len(), from);
}

#[test]
fn a_full_group_takes_no_more_members() {
    let mut driver = Driver::new(&[("t", 2)]);
    driver.settings.consumer_max_size = 1;
    Consumer::new("a", &["t"]).join(&mut driver);
    assert_eq!(Consumer::new("b", &["t"]).join(&mut driver).error, ErrorCode::GroupMaxSizeReached);
    assert_eq!(Consumer::new("a", &["t"]).join(&mut driver).error, ErrorCode::None);
}

#[test]
fn the_most_used_assignor_assigns() {
    let mut driver = Driver::new(&[("t", 4), ("u", 4)]);
    let mut members: Vec<_> = ["a", "b", "c"].map(|id| Consumer::new(id, &["t", "u"])).into();
    members[0].assignor = Some("uniform".to_owned());
    members[1].assignor = Some("range".to_owned());
    members[2].assignor = Some("range".to_owned());
    members[0].join(&mut driver);
    members[1].join(&mut driver);
    let epoch = driver.describe().group_epoch;
    assert_eq!(driver.describe().assignor_name, "uniform");
    members[2].join(&mut driver);
    assert_eq!((driver.describe().assignor_name.as_str(), driver.describe().group_epoch), ("range", epoch + 1));
    // Nothing but the votes changes: that alone calls for another target.
    let says = ConsumerGroupHeartbeat {
        server_assignor: Some("uniform".to_owned()),
        topic_partitions: None,
        ..members[2].plain(members[2].epoch)
    };
    assert_eq!(driver.heartbeat(says).error, ErrorCode::None);
    assert_eq!((driver.describe().assignor_name.as_str(), driver.describe().group_epoch), ("uniform", epoch + 2));
}

#[test]
fn targets_are_computed_at_least_an_interval_apart() {
    let mut driver = Driver::new(&[("t", 6)]);
    driver.settings.consumer_assignment_interval_ms = 1_000;
    let mut members: Vec<_> = ["a", "b", "c"].map(|id| Consumer::new(id, &["t"])).into();
    for member in &mut members {
        assert_eq!(member.join(&mut driver).member_epoch, 2);
    }
    assert_eq!((driver.state().as_str(), members[1].owned.len()), ("Assigning", 0));
    driver.pass(1_000);
    for _ in 0..3 {
        for member in &mut members {
            member.beat(&mut driver);
        }
    }
    assert_eq!(driver.state(), "Stable");
    assert!(members.iter().all(|member| member.owned.len() == 2 && member.epoch == 4));
}

#[test]
fn members_of_a_group_that_settles_come_again_soon() {
    let mut driver = Driver::new(&[("t", 4)]);
    let (mut first, mut second) = (Consumer::new("a", &["t"]), Consumer::new("b", &["t"]));
    assert_eq!(first.join(&mut driver).heartbeat_interval_ms, 1_000);
    assert_eq!(first.beat(&mut driver).heartbeat_interval_ms, 5_000);
    second.join(&mut driver);
    assert_eq!(second.beat(&mut driver).heartbeat_interval_ms, 1_000);
    assert_eq!(first.beat(&mut driver).heartbeat_interval_ms, 1_000);
    assert_eq!(first.beat(&mut driver).heartbeat_interval_ms, 5_000);
    assert_eq!(second.beat(&mut driver).heartbeat_interval_ms, 5_000);
}

#[test]
fn topics_that_come_grow_and_go_are_seen_at_the_next_heartbeat() {
    let mut driver = Driver::new(&[("t", 1)]);
    let mut member = Consumer::new("m", &["t", "u"]);
    member.join(&mut driver);
    driver.set_topic("other", 7);
    assert_eq!(member.beat(&mut driver).member_epoch, 2);
    driver.set_topic("t", 3);
    assert_eq!((member.beat(&mut driver).member_epoch, member.owned.len()), (3, 3));
    driver.set_topic("u", 2);
    assert_eq!((member.beat(&mut driver).member_epoch, member.owned.len()), (4, 5));
    driver.delete_topic("t");
    member.beat(&mut driver);
    assert_eq!((member.beat(&mut driver).member_epoch, member.owned.len()), (5, 2));
    assert_eq!(driver.state(), "Stable");
}

#[test]
fn only_members_whose_target_changes_are_written() {
    let mut driver = Driver::new(&[("t", 4), ("u", 4)]);
    Consumer::new("a", &["t"]).join(&mut driver);
    let from = driver.log.len();
    Consumer::new("b", &["u"]).join(&mut driver);
    assert_eq!(driver.written(from), [5, 3, 7, 6, 8].map(|kind| (kind, true)));
}

#[test]
fn settings_of_a_group_win() {
    let mut driver = Driver::new(&[("t", 1)]);
    let own = crate::group::GroupOverrides {
        consumer_session_timeout_ms: Some(50_000),
        consumer_heartbeat_interval_ms: Some(7_000),
        ..Default::default()
    };
    driver.settings.overrides.insert(GROUP.to_owned(), own);
    let mut member = Consumer::new("m", &["t"]);
    member.join(&mut driver);
    assert_eq!(driver.heartbeat(member.plain(2)).heartbeat_interval_ms, 7_000);
    driver.pass(49_999);
    assert_eq!(driver.state(), "Stable");
    driver.pass(1);
    assert_eq!(driver.state(), "Empty");
}

#[test]
fn a_replay_gives_the_same_state() {
    let mut driver = Driver::new(&[("t", 5)]);
    let mut first = Consumer::new("a", &["t"]);
    first.join(&mut driver);
    Consumer::of_pattern("b", "t.*").join(&mut driver);
    first.beat(&mut driver);
    assert_eq!(hard_state(&driver.replayed()), hard_state(&driver.shard));
}
