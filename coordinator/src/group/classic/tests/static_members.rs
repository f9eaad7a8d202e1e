//! Static members (KIP-345), and leaders that need not assign anew (KIP-814).

use model::ErrorCode;

use super::driver::{Driver, Join};

fn fixed() -> Join {
    Join::new().instance("i")
}

#[test]
fn a_static_member_needs_no_second_join_for_its_id() {
    let mut driver = Driver::new();
    let to = driver.join(&fixed().change(|join| join.requires_id = true));
    driver.pass(3_000);
    let reply = driver.joined(to);
    assert_eq!((reply.generation_id, reply.members[0].group_instance_id.as_deref()), (1, Some("i")));
}

#[test]
fn a_static_member_comes_back_to_a_stable_group_without_a_rebalance() {
    let mut driver = Driver::new();
    let ids = driver.stable(&[Join::new(), fixed()]);
    let written = driver.log.len();
    let to = driver.join(&fixed());
    let reply = driver.joined(to);
    assert_eq!((reply.error, reply.generation_id, reply.leader.as_str()), (ErrorCode::None, 1, ids[0].as_str()));
    assert_ne!(reply.member_id, ids[1]);
    assert!(!reply.skip_assignment && reply.members.is_empty());
    assert_eq!((driver.state().as_str(), driver.log.len()), ("Stable", written + 1));

    let sync = driver.send_sync_as(&reply.member_id, "i", 1);
    assert_eq!(&driver.synced(sync).assignment[..], ids[1].as_bytes(), "it has the assignment of its old id");
    driver.restart();
    assert_eq!(driver.beat_as(&reply.member_id, Some("i"), 1), ErrorCode::None);
}

#[test]
fn whoever_still_uses_the_old_id_is_fenced() {
    let mut driver = Driver::new();
    let ids = driver.stable(&[Join::new(), fixed()]);
    driver.join(&fixed());
    assert_eq!(driver.beat_as(&ids[1], Some("i"), 1), ErrorCode::FencedInstanceId);
    assert_eq!(driver.beat(&ids[1], 1), ErrorCode::UnknownMemberId, "without its instance id nobody knows it");
    assert_eq!(driver.leave(&[(&ids[1], Some("i"))]), [ErrorCode::FencedInstanceId]);
    let sync = driver.send_sync_as(&ids[1], "i", 1);
    assert_eq!(driver.synced(sync).error, ErrorCode::FencedInstanceId);
    let join = driver.join(&fixed().id(&ids[1]));
    let reply = driver.joined(join);
    assert_eq!((reply.error, reply.member_id.as_str()), (ErrorCode::FencedInstanceId, ids[1].as_str()));
    assert_eq!(reply.protocol_name, None);
    assert_eq!(driver.state(), "Stable");
}

#[test]
fn a_leader_that_comes_back_is_told_not_to_assign() {
    for may_skip in [true, false] {
        let mut driver = Driver::new();
        let ids = driver.stable(&[fixed(), Join::new()]);
        let to = driver.join(&fixed().change(|join| join.may_skip = may_skip));
        let reply = driver.joined(to);
        assert_eq!((reply.error, reply.skip_assignment), (ErrorCode::None, may_skip));
        if may_skip {
            assert_eq!((&reply.leader, reply.members.len()), (&reply.member_id, 2));
        } else {
            assert_eq!((&reply.leader, reply.members.len()), (&ids[0], 0), "an old client thinks that it follows");
        }
        assert_eq!(driver.state(), "Stable");
        let rejoins = driver.join(&fixed().id(&reply.member_id));
        assert!(driver.is_parked(rejoins), "it leads: a join of its own makes a rebalance");
    }
}

#[test]
fn a_static_member_that_changes_the_choice_of_protocol_makes_a_rebalance() {
    let table: [(&[(&str, &str)], bool); 4] = [
        (&[("a", ""), ("b", "")], false),
        (&[("a", "new"), ("c", "")], false),
        (&[("b", ""), ("a", "")], true),
        (&[("b", "")], true),
    ];
    for (protocols, rebalances) in table {
        let mut driver = Driver::new();
        let known = [("a", ""), ("b", "")];
        driver.stable(&[fixed().protocols(&known)]);
        let to = driver.join(&fixed().protocols(protocols));
        let reply = driver.joined(to);
        assert_eq!(
            (reply.error, reply.generation_id),
            (ErrorCode::None, if rebalances { 2 } else { 1 }),
            "{protocols:?}"
        );
    }
}

#[test]
fn a_static_member_that_comes_back_while_the_leader_assigns_begins_again() {
    let mut driver = Driver::new();
    let both = [driver.join(&fixed()), driver.join(&Join::new())];
    driver.pass(6_000);
    let [old, other] = both.map(|to| driver.joined(to).member_id);
    let waits = driver.sync(&other, 1, &[]);
    let waits_as_old = driver.send_sync_as(&old, "i", 0);
    assert_eq!(driver.synced(waits_as_old).error, ErrorCode::IllegalGeneration);
    let again = driver.join(&fixed());
    assert_eq!(driver.synced(waits).error, ErrorCode::RebalanceInProgress);
    driver.join(&Join::new().id(&other));
    let reply = driver.joined(again);
    assert_eq!((reply.generation_id, reply.leader.as_str()), (2, reply.member_id.as_str()));
}

#[test]
fn the_old_member_that_waits_is_fenced_by_the_new_one() {
    let mut driver = Driver::new();
    let first = driver.join(&fixed());
    let second = driver.join(&fixed());
    let reply = driver.joined(first);
    assert_eq!(reply.error, ErrorCode::FencedInstanceId);
    driver.pass(3_000);
    assert_eq!(driver.joined(second).members.len(), 1);

    let mut driver = Driver::new();
    let both = [driver.join(&Join::new()), driver.join(&fixed())];
    driver.pass(6_000);
    let [_, old] = both.map(|to| driver.joined(to).member_id);
    let waits = driver.send_sync_as(&old, "i", 1);
    driver.join(&fixed());
    assert_eq!(driver.synced(waits).error, ErrorCode::FencedInstanceId);
}

#[test]
fn a_static_member_that_goes_and_does_not_come_back_is_out_after_its_session() {
    let mut driver = Driver::new();
    let ids = driver.stable(&[Join::new(), fixed()]);
    driver.pass(5_000);
    driver.join(&fixed());
    driver.pass(5_000);
    assert_eq!(driver.beat(&ids[0], 1), ErrorCode::UnknownMemberId);
    driver.pass(5_000);
    assert_eq!(driver.state(), "Empty");
}

#[test]
fn an_operator_takes_a_static_member_out_by_its_instance_id() {
    let mut driver = Driver::new();
    let ids = driver.stable(&[Join::new(), fixed()]);
    assert_eq!(driver.leave(&[("", Some("i"))]), [ErrorCode::None]);
    assert_eq!(driver.state(), "PreparingRebalance");
    let rejoins = driver.join(&Join::new().id(&ids[0]));
    assert_eq!(driver.joined(rejoins).members.len(), 1);
}
