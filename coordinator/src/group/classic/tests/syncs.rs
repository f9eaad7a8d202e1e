//! The sync phase, and heartbeats and commits in every state.

use model::ErrorCode;

use super::driver::{Driver, Join, sync_request};
use crate::group::event::GroupEvent;

/// Two members of generation 1, whose leader, the first, has not assigned.
fn completing(driver: &mut Driver) -> [String; 2] {
    let both = [driver.join(&Join::new()), driver.join(&Join::new())];
    driver.pass(6_000);
    assert_eq!(driver.state(), "CompletingRebalance");
    both.map(|to| driver.joined(to).member_id)
}

#[test]
fn followers_wait_for_the_leader_and_all_get_what_it_assigned() {
    let mut driver = Driver::new();
    let [leader, follower] = completing(&mut driver);
    let written = driver.log.len();
    let waits = driver.sync(&follower, 1, &[("ignored", "by others than the leader")]);
    assert!(driver.is_parked(waits));
    assert_eq!(driver.log.len(), written);
    let assigns = driver.sync(&leader, 1, &[(&leader, "a"), (&follower, "b"), ("a stranger", "c")]);
    assert_eq!(driver.log.len(), written + 1);
    for (to, assignment) in [(assigns, b"a"), (waits, b"b")] {
        let reply = driver.synced(to);
        assert_eq!((reply.error, &reply.assignment[..]), (ErrorCode::None, &assignment[..]));
        assert_eq!((reply.protocol_type.as_deref(), reply.protocol_name.as_deref()), (Some("consumer"), Some("range")));
    }
    let late = driver.sync(&follower, 1, &[]);
    assert_eq!(&driver.synced(late).assignment[..], b"b", "a lost reply is repeated");
    assert_eq!(driver.state(), "Stable");
}

#[test]
fn a_member_that_the_leader_forgets_is_assigned_nothing() {
    let mut driver = Driver::new();
    let [leader, follower] = completing(&mut driver);
    driver.sync(&leader, 1, &[(&leader, "a")]);
    let to = driver.sync(&follower, 1, &[]);
    let reply = driver.synced(to);
    assert_eq!((reply.error, reply.assignment.len()), (ErrorCode::None, 0));
}

#[test]
fn what_a_sync_says_must_be_so() {
    let mut driver = Driver::new();
    let [leader, _] = completing(&mut driver);
    let table = [
        ("", 1, None, None, ErrorCode::UnknownMemberId),
        ("nobody", 1, None, None, ErrorCode::UnknownMemberId),
        (&leader, 0, None, None, ErrorCode::IllegalGeneration),
        (&leader, 2, None, None, ErrorCode::IllegalGeneration),
        (&leader, 1, Some("connect"), None, ErrorCode::InconsistentGroupProtocol),
        (&leader, 1, Some("consumer"), Some("sticky"), ErrorCode::InconsistentGroupProtocol),
        (&leader, 1, Some("consumer"), Some("range"), ErrorCode::None),
    ];
    for (member_id, generation, protocol_type, protocol_name, expected) in table {
        let mut request = sync_request(member_id, generation, &[]);
        request.protocol_type = protocol_type.map(str::to_owned);
        request.protocol_name = protocol_name.map(str::to_owned);
        let to = driver.send(GroupEvent::SyncGroup(request));
        let reply = driver.synced(to);
        assert_eq!(reply.error, expected, "{member_id} {generation} {protocol_type:?} {protocol_name:?}");
        if expected != ErrorCode::None {
            assert_eq!((reply.protocol_type, reply.protocol_name, reply.assignment.len()), (None, None, 0));
        }
    }
}

#[test]
fn a_sync_of_a_group_that_is_not_there_or_empty_or_nameless_is_refused() {
    let mut driver = Driver::new();
    let to = driver.sync("m", 1, &[]);
    assert_eq!(driver.synced(to).error, ErrorCode::UnknownMemberId);
    let ids = driver.stable(&[Join::new()]);
    driver.leave(&[(&ids[0], None)]);
    let to = driver.sync(&ids[0], 1, &[]);
    assert_eq!(driver.synced(to).error, ErrorCode::UnknownMemberId);
    let mut nameless = sync_request("m", 1, &[]);
    nameless.group_id.clear();
    let to = driver.send(GroupEvent::SyncGroup(nameless));
    assert_eq!(driver.synced(to).error, ErrorCode::InvalidGroupId);
}

#[test]
fn a_second_sync_of_one_member_takes_the_place_of_the_first() {
    let mut driver = Driver::new();
    let [leader, follower] = completing(&mut driver);
    let first = driver.sync(&follower, 1, &[]);
    let second = driver.sync(&follower, 1, &[]);
    assert_eq!(driver.synced(first).error, ErrorCode::RebalanceInProgress);
    driver.sync(&leader, 1, &[(&follower, "b")]);
    assert_eq!(&driver.synced(second).assignment[..], b"b");
}

#[test]
fn a_leader_that_never_syncs_is_out_after_the_rebalance_timeout() {
    let mut driver = Driver::new();
    let [leader, follower] = completing(&mut driver);
    let waits = driver.sync(&follower, 1, &[]);
    for _ in 0..11 {
        driver.pass(5_000);
        assert_eq!(driver.beat(&leader, 1), ErrorCode::None, "it lives, but does not sync");
    }
    assert!(driver.is_parked(waits), "a parked member needs no heartbeats");
    driver.pass(5_000);
    assert_eq!(driver.synced(waits).error, ErrorCode::RebalanceInProgress);
    assert_eq!(driver.beat(&leader, 1), ErrorCode::UnknownMemberId);
    assert_eq!(driver.beat(&follower, 1), ErrorCode::RebalanceInProgress);
    let again = driver.join(&Join::new().id(&follower));
    assert_eq!((driver.joined(again).generation_id, driver.joined(again).leader), (2, follower));
}

#[test]
fn a_follower_that_never_syncs_is_out_of_the_stable_group_after_the_rebalance_timeout() {
    let mut driver = Driver::new();
    let [leader, follower] = completing(&mut driver);
    driver.sync(&leader, 1, &[]);
    for _ in 0..12 {
        assert_eq!(driver.state(), "Stable");
        driver.pass(5_000);
        driver.beat(&leader, 1);
        driver.beat(&follower, 1);
    }
    assert_eq!(driver.state(), "PreparingRebalance");
    assert_eq!(driver.beat(&follower, 1), ErrorCode::UnknownMemberId);
}

#[test]
fn heartbeats_and_commits_are_answered_by_the_state() {
    type Prepare = fn(&mut Driver) -> String;
    let empty: Prepare = |driver| {
        let ids = driver.stable(&[Join::new()]);
        driver.leave(&[(&ids[0], None)]);
        ids[0].clone()
    };
    let preparing: Prepare = |driver| {
        let ids = driver.stable(&[Join::new(), Join::new()]);
        driver.join(&Join::new());
        ids[0].clone()
    };
    let stable: Prepare = |driver| driver.stable(&[Join::new()])[0].clone();
    let absent: Prepare = |_| "m".to_owned();
    let completes: Prepare = |driver| completing(driver)[0].clone();
    let table = [
        ("absent", absent, ErrorCode::UnknownMemberId, ErrorCode::IllegalGeneration),
        ("empty", empty, ErrorCode::UnknownMemberId, ErrorCode::UnknownMemberId),
        ("preparing", preparing, ErrorCode::RebalanceInProgress, ErrorCode::None),
        ("completing", completes, ErrorCode::None, ErrorCode::RebalanceInProgress),
        ("stable", stable, ErrorCode::None, ErrorCode::None),
    ];
    for (name, prepare, beat, commit) in table {
        let mut driver = Driver::new();
        let member_id = prepare(&mut driver);
        assert_eq!(driver.beat(&member_id, 1), beat, "{name}");
        assert_eq!(driver.commit(&member_id, 1), commit, "{name}");
        let (has_members, nobody) = match name {
            "absent" | "empty" => (false, ErrorCode::None),
            _ => (true, ErrorCode::UnknownMemberId),
        };
        assert_eq!(driver.commit("", -1), nobody, "{name}: from outside the group");
        if has_members {
            for (generation, expected) in [(0, ErrorCode::IllegalGeneration), (2, ErrorCode::IllegalGeneration)] {
                assert_eq!(driver.beat(&member_id, generation), expected, "{name}");
                assert_eq!(driver.commit(&member_id, generation), expected, "{name}");
            }
            assert_eq!(driver.beat("nobody", 1), ErrorCode::UnknownMemberId, "{name}");
            assert_eq!(driver.commit("nobody", 1), ErrorCode::UnknownMemberId, "{name}");
        }
    }
}
