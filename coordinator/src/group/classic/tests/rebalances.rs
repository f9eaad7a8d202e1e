//! The join phase: the initial delay, who is waited for and for how long, and who leads.

use model::ErrorCode;

use super::driver::{Driver, Join};

#[test]
fn an_empty_group_waits_for_more_members_for_the_initial_delay() {
    let mut driver = Driver::new();
    let to = driver.join(&Join::new());
    driver.pass(2_999);
    assert!(driver.is_parked(to));
    driver.pass(1);
    assert_eq!(driver.joined(to).generation_id, 1);
}

#[test]
fn joins_extend_the_initial_delay_up_to_the_rebalance_timeout() {
    // When members join, and when the first generation begins; the rebalance timeout is 10 s.
    let table: [(&[u64], u64); 5] = [
        (&[0], 3_000),
        (&[0, 1_000], 6_000),
        (&[0, 1_000, 2_000], 6_000),
        (&[0, 1_000, 4_000], 9_000),
        (&[0, 1_000, 4_000, 7_000], 10_000),
    ];
    for (joins, begins) in table {
        let mut driver = Driver::new();
        let mut parked = Vec::new();
        let mut at = 0;
        for joins_at in joins {
            driver.pass(joins_at - at);
            at = *joins_at;
            parked.push(driver.join(&Join::new().change(|join| join.rebalance_ms = 10_000)));
        }
        driver.pass(begins - at - 1);
        assert!(parked.iter().all(|to| driver.is_parked(*to)), "{joins:?}");
        driver.pass(1);
        assert!(parked.iter().all(|to| driver.joined(*to).generation_id == 1), "{joins:?}");
    }
}

#[test]
fn without_an_initial_delay_the_first_member_need_not_wait() {
    let mut driver = Driver::with(|settings| settings.initial_rebalance_delay_ms = 0);
    let to = driver.join(&Join::new());
    driver.pass(0);
    assert_eq!(driver.joined(to).generation_id, 1);
}

#[test]
fn the_join_phase_ends_when_all_have_rejoined() {
    let mut driver = Driver::new();
    let ids = driver.stable(&[Join::new(), Join::new()]);
    let newcomer = driver.join(&Join::new());
    let first = driver.join(&Join::new().id(&ids[0]));
    assert!(driver.is_parked(first));
    let second = driver.join(&Join::new().id(&ids[1]));
    for to in [newcomer, first, second] {
        assert_eq!((driver.joined(to).generation_id, driver.joined(to).leader), (2, ids[0].clone()));
    }
}

#[test]
fn dynamic_members_that_do_not_rejoin_in_time_are_out() {
    let mut driver = Driver::new();
    let ids = driver.stable(&[
        Join::new().change(|join| join.rebalance_ms = 8_000),
        Join::new().change(|join| join.rebalance_ms = 9_000),
    ]);
    let to =
        driver.join(&Join::new().id(&ids[1]).protocols(&[("range", "new")]).change(|join| join.rebalance_ms = 7_000));
    driver.pass(7_999);
    assert!(driver.is_parked(to), "the longest of the members' timeouts counts");
    driver.pass(1);
    let reply = driver.joined(to);
    assert_eq!((reply.generation_id, reply.leader, reply.members.len()), (2, ids[1].clone(), 1));
    assert_eq!(driver.beat(&ids[0], 1), ErrorCode::UnknownMemberId);
}

#[test]
fn a_pending_member_is_waited_for() {
    let mut driver = Driver::new();
    let ids = driver.stable(&[Join::new()]);
    let pending = driver.join(&Join::new().change(|join| join.requires_id = true));
    let pending = driver.joined(pending).member_id;
    assert_eq!(driver.state(), "Stable");
    let leader = driver.join(&Join::new().id(&ids[0]));
    assert!(driver.is_parked(leader));
    let joined = driver.join(&Join::new().id(&pending));
    assert_eq!((driver.joined(leader).generation_id, driver.joined(joined).generation_id), (2, 2));
}

#[test]
fn a_pending_member_that_never_comes_ends_the_wait_with_its_id() {
    let mut driver = Driver::new();
    let ids = driver.stable(&[Join::new()]);
    driver.join(&Join::new().change(|join| join.requires_id = true));
    let leader = driver.join(&Join::new().id(&ids[0]));
    driver.pass(9_999);
    assert!(driver.is_parked(leader));
    driver.pass(1);
    assert_eq!(driver.joined(leader).generation_id, 2);
}

#[test]
fn a_group_whose_members_all_fail_to_rejoin_is_empty_in_a_new_generation() {
    let mut driver = Driver::new();
    let ids = driver.stable(&[Join::new()]);
    driver.join(&Join::new().change(|join| join.instance_id = Some("i".to_owned())));
    assert_eq!(driver.state(), "PreparingRebalance");
    driver.leave(&[("", Some("i"))]);
    driver.pass(10_000);
    assert_eq!(driver.state(), "Empty");
    assert_eq!(driver.beat(&ids[0], 1), ErrorCode::UnknownMemberId);
    driver.restart();
    let to = driver.join(&Join::new());
    driver.pass(3_000);
    assert_eq!(driver.joined(to).generation_id, 3);
}

#[test]
fn a_member_that_rejoined_leads_if_the_leader_did_not() {
    let mut driver = Driver::new();
    let static_leader = Join::new().instance("i").change(|join| join.session_ms = 600_000);
    let ids = driver.stable(&[static_leader, Join::new()]);
    let to = driver.join(&Join::new().id(&ids[1]).protocols(&[("range", "new")]));
    driver.pass(60_000);
    let reply = driver.joined(to);
    assert_eq!((reply.generation_id, reply.leader.as_str()), (2, ids[1].as_str()));
    let members: Vec<&str> = reply.members.iter().map(|member| member.member_id.as_str()).collect();
    assert!(members.contains(&ids[0].as_str()), "a static member keeps its place until its session ends");
}

#[test]
fn a_rebalance_in_which_nobody_rejoins_waits_for_the_sessions_of_static_members() {
    let mut driver = Driver::new();
    let long = |instance: &str| Join::new().instance(instance).change(|join| join.session_ms = 100_000);
    let ids = driver.stable(&[long("i"), long("j"), Join::new()]);
    driver.leave(&[(&ids[2], None)]);
    driver.pass(60_000);
    assert_eq!(driver.state(), "PreparingRebalance");
    driver.pass(40_000);
    assert_eq!(driver.state(), "Empty");
}

#[test]
fn a_group_shows_what_it_knows_in_each_state() {
    let mut driver = Driver::new();
    let join = Join::new().protocols(&[("range", "subscription")]);
    let shown = |driver: &mut Driver| {
        let described = driver.describe();
        let texts = described.members.iter().map(|member| (!member.metadata.is_empty(), !member.assignment.is_empty()));
        let members: Vec<(bool, bool)> = texts.collect();
        (described.state, described.protocol, members)
    };
    let own = |state: &str, protocol: &str, members: &[(bool, bool)]| {
        (state.to_owned(), protocol.to_owned(), members.to_vec())
    };
    let ids = driver.stable(std::slice::from_ref(&join));
    assert_eq!(shown(&mut driver), own("Stable", "range", &[(true, true)]));
    let other = driver.join(&join);
    assert_eq!(shown(&mut driver), own("PreparingRebalance", "", &[(false, true), (false, false)]));
    driver.join(&join.clone().id(&ids[0]));
    assert_eq!(shown(&mut driver), own("CompletingRebalance", "", &[(false, true), (false, false)]));
    driver.join(&join.id(&driver.joined(other).member_id).protocols(&[("range", "new")]));
    assert_eq!(shown(&mut driver), own("PreparingRebalance", "", &[(false, false), (false, false)]));
    driver.pass(100_000);
    assert_eq!(shown(&mut driver), own("Empty", "", &[]));
}
