//! Who lives, and what happens to the others.

use model::ErrorCode;

use super::driver::{Driver, Join};

#[test]
fn a_member_without_a_sign_of_life_is_out_after_its_session_timeout() {
    let mut driver = Driver::new();
    let ids = driver.stable(&[Join::new(), Join::new().change(|join| join.session_ms = 20_000)]);
    driver.pass(9_999);
    assert_eq!(driver.state(), "Stable");
    driver.pass(1);
    assert_eq!(driver.state(), "PreparingRebalance");
    assert_eq!(driver.beat(&ids[0], 1), ErrorCode::UnknownMemberId);
    assert_eq!(driver.beat(&ids[1], 1), ErrorCode::RebalanceInProgress);
}

#[test]
fn heartbeats_and_commits_are_signs_of_life() {
    let mut driver = Driver::new();
    let ids = driver.stable(&[Join::new()]);
    for _ in 0..3 {
        driver.pass(9_999);
        assert_eq!(driver.beat(&ids[0], 1), ErrorCode::None);
        driver.pass(9_999);
        assert_eq!(driver.commit(&ids[0], 1), ErrorCode::None);
    }
    driver.pass(10_000);
    assert_eq!(driver.state(), "Empty");
}

#[test]
fn the_last_member_to_go_leaves_an_empty_group_in_the_log() {
    let mut driver = Driver::new();
    driver.stable(&[Join::new()]);
    let written = driver.log.len();
    driver.pass(10_000);
    assert_eq!((driver.state().as_str(), driver.log.len()), ("Empty", written + 1));
    driver.restart();
    assert_eq!(driver.state(), "Empty");
}

#[test]
fn a_member_that_waits_in_a_join_does_not_expire() {
    let mut driver = Driver::new();
    let ids = driver.stable(&[Join::new(), Join::new().change(|join| join.session_ms = 60_000)]);
    let waits = driver.join(&Join::new().id(&ids[0]));
    driver.pass(50_000);
    assert!(driver.is_parked(waits));
    driver.join(&Join::new().id(&ids[1]));
    assert_eq!(driver.joined(waits).generation_id, 2);
    driver.pass(9_999);
    assert_eq!(driver.beat(&ids[0], 2), ErrorCode::None, "its session began with the reply");
}

#[test]
fn a_new_member_that_waits_too_long_is_told_to_join_anew() {
    let mut driver = Driver::new();
    let slow = Join::new().change(|join| {
        join.rebalance_ms = 400_000;
        join.session_ms = 500_000;
    });
    let ids = driver.stable(&[slow]);
    let newcomer = driver.join(&Join::new());
    driver.pass(299_999);
    assert!(driver.is_parked(newcomer));
    driver.pass(1);
    let reply = driver.joined(newcomer);
    assert_eq!((reply.error, reply.member_id.as_str()), (ErrorCode::UnknownMemberId, ""));
    let leader = driver.join(&Join::new().id(&ids[0]));
    assert_eq!(driver.joined(leader).members.len(), 1);
}

#[test]
fn the_session_of_a_member_that_was_new_counts_from_its_first_generation() {
    let mut driver = Driver::new();
    let to = driver.join(&Join::new());
    driver.pass(3_000);
    let member_id = driver.joined(to).member_id;
    driver.pass(9_999);
    assert_eq!(driver.beat(&member_id, 1), ErrorCode::None);
    driver.pass(10_000);
    assert_eq!(driver.state(), "Empty");
}

#[test]
fn a_loss_completes_a_join_phase_that_waits_for_nobody_else() {
    let mut driver = Driver::new();
    let ids = driver.stable(&[Join::new(), Join::new()]);
    let rejoins = driver.join(&Join::new().id(&ids[0]));
    driver.pass(10_000);
    let reply = driver.joined(rejoins);
    assert_eq!((reply.generation_id, reply.members.len()), (2, 1));
}

#[test]
fn a_loss_while_the_leader_assigns_begins_again() {
    let mut driver = Driver::new();
    let both = [driver.join(&Join::new()), driver.join(&Join::new())];
    driver.pass(6_000);
    let [leader, follower] = both.map(|to| driver.joined(to).member_id);
    let waits = driver.sync(&follower, 1, &[]);
    driver.pass(10_000);
    assert_eq!(driver.synced(waits).error, ErrorCode::RebalanceInProgress);
    assert_eq!(driver.beat(&leader, 1), ErrorCode::UnknownMemberId);
    assert_eq!(driver.state(), "PreparingRebalance");
}
