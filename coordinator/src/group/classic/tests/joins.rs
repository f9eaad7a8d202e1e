//! First joins, member ids, protocols, and what a join of a known member means in each state.

use model::ErrorCode;

use super::driver::{Driver, Join};
use crate::group::event::JoinGroupReply;

fn refusal(driver: &mut Driver, join: &Join) -> (ErrorCode, String) {
    let to = driver.join(join);
    let reply = driver.joined(to);
    let nothing = JoinGroupReply {
        error: reply.error,
        generation_id: -1,
        protocol_type: None,
        protocol_name: None,
        leader: String::new(),
        skip_assignment: false,
        member_id: reply.member_id.clone(),
        members: Vec::new(),
    };
    assert_eq!(reply, nothing);
    (reply.error, reply.member_id)
}

#[test]
fn a_join_that_cannot_be_is_refused_before_there_is_a_group() {
    let table = [
        (Join::new().change(|join| join.group_id = String::new()), ErrorCode::InvalidGroupId),
        (Join::new().change(|join| join.session_ms = 5_999), ErrorCode::InvalidSessionTimeout),
        (Join::new().change(|join| join.session_ms = 1_800_001), ErrorCode::InvalidSessionTimeout),
        (Join::new().id("somebody"), ErrorCode::UnknownMemberId),
    ];
    for (join, expected) in table {
        let mut driver = Driver::new();
        assert_eq!(refusal(&mut driver, &join), (expected, join.member_id.clone()));
        assert_eq!(driver.state(), "Dead");
        assert!(driver.log.is_empty());
    }
}

#[test]
fn a_group_is_in_the_log_from_its_first_join_on() {
    let mut driver = Driver::new();
    driver.join(&Join::new().change(|join| join.requires_id = true));
    assert_eq!((driver.log.len(), driver.state().as_str()), (1, "Empty"));
    driver.restart();
    assert_eq!(driver.state(), "Empty");
}

#[test]
fn a_first_join_of_a_new_client_is_answered_with_an_id_to_come_again_with() {
    let mut driver = Driver::new();
    let first = Join::new().change(|join| join.requires_id = true);
    let (error, member_id) = refusal(&mut driver, &first);
    assert_eq!(error, ErrorCode::MemberIdRequired);
    assert_eq!(driver.state(), "Empty");

    let again = driver.join(&first.id(&member_id));
    assert_eq!(driver.state(), "PreparingRebalance");
    driver.pass(3_000);
    assert_eq!(driver.joined(again).member_id, member_id);
}

#[test]
fn an_id_that_was_given_out_is_forgotten_after_the_session_timeout() {
    let mut driver = Driver::new();
    let first = Join::new().change(|join| join.requires_id = true);
    let (_, member_id) = refusal(&mut driver, &first);
    driver.pass(10_000);
    assert_eq!(refusal(&mut driver, &first.id(&member_id)), (ErrorCode::UnknownMemberId, member_id));
}

#[test]
fn an_id_that_was_given_out_cannot_be_a_static_member() {
    let mut driver = Driver::new();
    let (_, member_id) = refusal(&mut driver, &Join::new().change(|join| join.requires_id = true));
    let again = Join::new().id(&member_id).instance("i");
    assert_eq!(refusal(&mut driver, &again).0, ErrorCode::UnknownServerError);
}

#[test]
fn protocols_must_be_shared_with_all_members() {
    let mut driver = Driver::new();
    let both = Join::new().protocols(&[("range", "a"), ("sticky", "b")]);
    let ids = driver.stable(&[both.clone(), both.clone()]);
    let table = [
        (Join::new().protocols(&[("roundrobin", "")]), ErrorCode::InconsistentGroupProtocol),
        (Join::new().protocols(&[]), ErrorCode::InconsistentGroupProtocol),
        (Join::new().change(|join| join.protocol_type = "connect".to_owned()), ErrorCode::InconsistentGroupProtocol),
        (Join::new().change(|join| join.protocol_type = String::new()), ErrorCode::InconsistentGroupProtocol),
        (Join::new().id(&ids[1]).protocols(&[("roundrobin", "")]), ErrorCode::InconsistentGroupProtocol),
        (Join::new().id("nobody"), ErrorCode::UnknownMemberId),
        (Join::new().id(&ids[1]).instance("i"), ErrorCode::UnknownMemberId),
    ];
    for (join, expected) in table {
        assert_eq!(refusal(&mut driver, &join), (expected, join.member_id.clone()));
        assert_eq!(driver.state(), "Stable");
    }
}

#[test]
fn an_empty_group_takes_any_protocol_but_none() {
    let mut driver = Driver::new();
    let table = [Join::new().protocols(&[]), Join::new().change(|join| join.protocol_type = String::new())];
    for join in table {
        assert_eq!(refusal(&mut driver, &join), (ErrorCode::InconsistentGroupProtocol, String::new()));
    }
    let ids = driver.stable(&[Join::new()]);
    driver.leave(&[(&ids[0], None)]);
    assert_eq!(driver.describe().protocol_type, "consumer");
    driver.stable(&[Join::new().change(|join| join.protocol_type = "connect".to_owned())]);
    assert_eq!(driver.describe().protocol_type, "connect");
}

#[test]
fn the_protocol_is_the_one_that_most_prefer_among_those_that_all_know() {
    type Known = &'static [&'static [&'static str]];
    let table: [(Known, &str); 5] = [
        (&[&["a", "b"]], "a"),
        (&[&["a", "b"], &["b", "a"], &["b", "a"]], "b"),
        (&[&["a", "b"], &["b"]], "b"),
        (&[&["b", "a"], &["a", "b"]], "a"),
        (&[&["x", "c", "b"], &["y", "b", "c"], &["c", "b"]], "c"),
    ];
    for (members, chosen) in table {
        let mut driver = Driver::new();
        let join = |known: &&[&str]| {
            let protocols: Vec<(&str, &str)> = known.iter().map(|name| (*name, "")).collect();
            Join::new().protocols(&protocols)
        };
        let joins: Vec<Join> = members.iter().map(join).collect();
        driver.stable(&joins);
        assert_eq!(driver.describe().protocol, chosen, "{members:?}");
    }
}

#[test]
fn a_protocol_that_is_named_twice_counts_once() {
    let mut driver = Driver::new();
    driver.stable(&[Join::new().protocols(&[("range", "1"), ("range", "2")]), Join::new()]);
    let described = driver.describe();
    assert_eq!(described.protocol, "range");
    assert_eq!(&described.members[0].metadata[..], b"1");
}

#[test]
fn the_leader_is_told_of_all_members_and_followers_of_none() {
    let mut driver = Driver::new();
    let leads = driver.join(&Join::new().protocols(&[("range", "1")]));
    let follows = driver.join(&Join::new().protocols(&[("range", "2")]));
    driver.pass(6_000);
    let (leader, follower) = (driver.joined(leads), driver.joined(follows));
    assert_eq!(
        (leader.error, leader.generation_id, leader.leader.as_str()),
        (ErrorCode::None, 1, leader.member_id.as_str())
    );
    assert_eq!((leader.protocol_type.as_deref(), leader.protocol_name.as_deref()), (Some("consumer"), Some("range")));
    let seen: Vec<(&str, &[u8])> =
        leader.members.iter().map(|member| (member.member_id.as_str(), &member.metadata[..])).collect();
    assert_eq!(seen, [(leader.member_id.as_str(), &b"1"[..]), (follower.member_id.as_str(), b"2")]);
    let expected = JoinGroupReply { member_id: follower.member_id.clone(), members: Vec::new(), ..leader };
    assert_eq!(follower, expected);
}

#[test]
fn a_member_that_joins_again_with_nothing_new_hears_the_same_again() {
    let mut driver = Driver::new();
    let first = driver.join(&Join::new());
    let second = driver.join(&Join::new());
    driver.pass(6_000);
    for to in [first, second] {
        let lost = driver.joined(to);
        let again = driver.join(&Join::new().id(&lost.member_id));
        assert_eq!(driver.joined(again), lost, "while the leader assigns");
    }
    let ids = [driver.joined(first).member_id, driver.joined(second).member_id];
    driver.sync(&ids[0], 1, &[]);
    let follower = driver.join(&Join::new().id(&ids[1]));
    assert_eq!(driver.joined(follower), driver.joined(second), "in a stable group");
    assert_eq!(driver.state(), "Stable");
}

#[test]
fn a_stable_group_rebalances_for_its_leader_and_for_changes() {
    type Joins = fn(&[String]) -> Join;
    let leader_again: Joins = |ids| Join::new().id(&ids[0]);
    let follower_changed: Joins = |ids| Join::new().id(&ids[1]).protocols(&[("range", "new")]);
    let somebody: Joins = |_| Join::new();
    let table: [(&str, Joins); 3] = [("leader", leader_again), ("change", follower_changed), ("new member", somebody)];
    for (name, join) in table {
        let mut driver = Driver::new();
        let ids = driver.stable(&[Join::new(), Join::new()]);
        let to = driver.join(&join(&ids));
        assert!(driver.is_parked(to), "{name}");
        assert_eq!(driver.state(), "PreparingRebalance", "{name}");
        assert_eq!(driver.beat(&ids[1], 1), ErrorCode::RebalanceInProgress, "{name}");
    }
}

#[test]
fn a_change_while_the_leader_assigns_begins_again() {
    let mut driver = Driver::new();
    let first = driver.join(&Join::new());
    let second = driver.join(&Join::new());
    driver.pass(6_000);
    let (leader, follower) = (driver.joined(first).member_id, driver.joined(second).member_id);
    let waits = driver.sync(&follower, 1, &[]);
    let changed = driver.join(&Join::new().id(&leader).protocols(&[("range", "new")]));
    assert_eq!(driver.synced(waits).error, ErrorCode::RebalanceInProgress);
    driver.join(&Join::new().id(&follower));
    assert_eq!(driver.joined(changed).generation_id, 2);
}

#[test]
fn a_second_join_of_one_member_takes_the_place_of_the_first() {
    let mut driver = Driver::new();
    let ids = driver.stable(&[Join::new(), Join::new()]);
    let first = driver.join(&Join::new().id(&ids[0]));
    let second = driver.join(&Join::new().id(&ids[0]));
    assert_eq!(driver.joined(first).error, ErrorCode::RebalanceInProgress);
    driver.join(&Join::new().id(&ids[1]));
    assert_eq!(driver.joined(second).generation_id, 2);
}
