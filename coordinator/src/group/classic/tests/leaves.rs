//! Members that leave, and static ones that an operator takes out.

use model::ErrorCode;

use super::driver::{Driver, GROUP, Join};

#[test]
fn each_who_leaves_has_a_code_of_its_own() {
    let mut driver = Driver::new();
    let pending = driver.join(&Join::new().change(|join| join.requires_id = true));
    let pending = driver.joined(pending).member_id;
    let ids = driver.stable(&[Join::new(), Join::new().instance("i"), Join::new().instance("j")]);
    let codes = driver.leave(&[
        (&ids[0], None),
        (&ids[0], None),
        ("nobody", None),
        ("", None),
        ("", Some("k")),
        ("nobody", Some("i")),
        (&ids[1], Some("i")),
        ("", Some("j")),
        (&pending, None),
    ]);
    let expected = [
        ErrorCode::None,
        ErrorCode::UnknownMemberId,
        ErrorCode::UnknownMemberId,
        ErrorCode::UnknownMemberId,
        ErrorCode::UnknownMemberId,
        ErrorCode::FencedInstanceId,
        ErrorCode::None,
        ErrorCode::None,
        ErrorCode::None,
    ];
    assert_eq!(codes, expected);
    assert_eq!(driver.state(), "Empty");
}

#[test]
fn leaving_a_group_that_is_not_there_is_each_members_error() {
    let mut driver = Driver::new();
    assert_eq!(driver.leave(&[("m", None), ("", Some("i"))]), [ErrorCode::UnknownMemberId; 2]);
    assert_eq!(driver.leave(&[]), []);
    assert_eq!(driver.leave_group("", &[("m", None)]).error, ErrorCode::InvalidGroupId);
    assert!(driver.leave_group("", &[("m", None)]).members.is_empty());
    assert_eq!(driver.leave_group(GROUP, &[("m", None)]).error, ErrorCode::None);
}

#[test]
fn who_waits_on_behalf_of_a_member_that_leaves_is_told() {
    let mut driver = Driver::new();
    let ids = driver.stable(&[Join::new().instance("i"), Join::new()]);
    let waits = driver.join(&Join::new().id(&ids[0]).instance("i"));
    driver.leave(&[("", Some("i"))]);
    let reply = driver.joined(waits);
    assert_eq!((reply.error, reply.member_id.as_str()), (ErrorCode::UnknownMemberId, ""));

    let rejoins = driver.join(&Join::new().id(&ids[1]));
    assert_eq!(driver.joined(rejoins).generation_id, 2);
    driver.join(&Join::new().instance("j"));
    let rejoins = driver.join(&Join::new().id(&ids[1]));
    let generation = driver.joined(rejoins).generation_id;
    let described = driver.describe();
    let other = described.members.iter().find(|member| member.member_id != ids[1]).expect("two members");
    let waits = driver.send_sync_as(&other.member_id, "j", generation);
    driver.leave(&[("", Some("j"))]);
    assert_eq!(driver.synced(waits).error, ErrorCode::UnknownMemberId);
}

#[test]
fn a_stable_group_rebalances_without_those_who_left() {
    let mut driver = Driver::new();
    let ids = driver.stable(&[Join::new(), Join::new()]);
    driver.leave(&[(&ids[0], None)]);
    assert_eq!(driver.state(), "PreparingRebalance");
    let rejoins = driver.join(&Join::new().id(&ids[1]));
    let reply = driver.joined(rejoins);
    assert_eq!((reply.generation_id, reply.leader.as_str(), reply.members.len()), (2, ids[1].as_str(), 1));
}

#[test]
fn leaving_ends_a_join_phase_that_waits_for_nobody_else() {
    let mut driver = Driver::new();
    let ids = driver.stable(&[Join::new(), Join::new()]);
    let rejoins = driver.join(&Join::new().id(&ids[0]));
    driver.leave(&[(&ids[1], None)]);
    assert_eq!(driver.joined(rejoins).generation_id, 2);
}

#[test]
fn a_pending_member_that_leaves_is_not_waited_for() {
    let mut driver = Driver::new();
    let ids = driver.stable(&[Join::new()]);
    let pending = driver.join(&Join::new().change(|join| join.requires_id = true));
    let pending = driver.joined(pending).member_id;
    let rejoins = driver.join(&Join::new().id(&ids[0]));
    assert!(driver.is_parked(rejoins));
    driver.leave(&[(&pending, None)]);
    assert_eq!(driver.joined(rejoins).generation_id, 2);
}

#[test]
fn the_initial_delay_outlives_members_that_leave() {
    let mut driver = Driver::new();
    let pending = driver.join(&Join::new().change(|join| join.requires_id = true));
    let pending = driver.joined(pending).member_id;
    let first = driver.join(&Join::new().id(&pending));
    driver.leave(&[(&pending, None)]);
    assert_eq!(driver.joined(first).error, ErrorCode::UnknownMemberId);
    assert_eq!(driver.state(), "PreparingRebalance");
    driver.pass(3_000);
    assert_eq!(driver.state(), "Empty");
}
