//! Bounds: Kafka's number of members, and ours of bytes, groups and ids.

use model::ErrorCode;

use super::driver::{Driver, Join};

fn code(driver: &mut Driver, join: &Join) -> Option<ErrorCode> {
    let to = driver.join(join);
    if driver.is_parked(to) { None } else { Some(driver.joined(to).error) }
}

#[test]
fn a_full_group_takes_nobody_but_its_members() {
    let mut driver = Driver::with(|settings| settings.max_size = 2);
    let ids = driver.stable(&[Join::new(), Join::new()]);
    assert_eq!(code(&mut driver, &Join::new()), Some(ErrorCode::GroupMaxSizeReached));
    assert_eq!(
        code(&mut driver, &Join::new().change(|join| join.requires_id = true)),
        Some(ErrorCode::GroupMaxSizeReached)
    );
    assert_eq!(driver.state(), "Stable");
    assert_eq!(code(&mut driver, &Join::new().id(&ids[1])), Some(ErrorCode::None));
}

#[test]
fn an_initial_join_phase_has_places_for_those_who_come_first() {
    let mut driver = Driver::with(|settings| settings.max_size = 2);
    let parked = [driver.join(&Join::new()), driver.join(&Join::new())];
    assert_eq!(code(&mut driver, &Join::new()), Some(ErrorCode::GroupMaxSizeReached));
    driver.pass(6_000);
    assert!(parked.iter().all(|to| driver.joined(*to).error == ErrorCode::None));
}

#[test]
fn ids_that_were_given_out_have_no_places() {
    let mut driver = Driver::with(|settings| settings.max_size = 1);
    let pending = Join::new().change(|join| join.requires_id = true);
    let ids = [driver.join(&pending), driver.join(&pending)].map(|to| driver.joined(to).member_id);
    assert_eq!(code(&mut driver, &Join::new().id(&ids[0])), None);
    assert_eq!(code(&mut driver, &Join::new().id(&ids[1])), Some(ErrorCode::GroupMaxSizeReached));
    driver.pass(3_000);
    assert_eq!(driver.describe().members.len(), 1);
}

#[test]
fn a_group_that_is_too_large_after_a_restart_loses_those_who_rejoin_last() {
    let mut driver = Driver::new();
    let ids = driver.stable(&[Join::new(), Join::new(), Join::new()]);
    driver.settings.max_size = 2;
    driver.restart();
    assert_eq!(driver.state(), "PreparingRebalance");
    assert_eq!(driver.commit(&ids[0], 1), ErrorCode::None, "there is time to commit");
    assert_eq!(code(&mut driver, &Join::new().id(&ids[1])), None);
    let second = driver.join(&Join::new().id(&ids[2]));
    let last = driver.join(&Join::new().id(&ids[0]));
    let reply = driver.joined(last);
    assert_eq!((reply.error, reply.member_id.as_str()), (ErrorCode::GroupMaxSizeReached, ""));
    assert_eq!(driver.joined(second).generation_id, 2, "nobody else is waited for");
}

#[test]
fn a_group_holds_so_many_bytes() {
    let mut driver = Driver::with(|settings| settings.group_bytes_max = 10_000);
    let large = "x".repeat(9_000);
    let join = Join::new().protocols(&[("range", &large)]);
    let ids = driver.stable(std::slice::from_ref(&join));
    assert_eq!(code(&mut driver, &join), Some(ErrorCode::GroupMaxSizeReached));
    assert_eq!(driver.state(), "Stable");
    assert_eq!(code(&mut driver, &join.clone().id(&ids[0])), Some(ErrorCode::None), "its own bytes are counted once");
    let larger = "x".repeat(11_000);
    let too_much = join.id(&ids[0]).protocols(&[("range", &larger)]);
    assert_eq!(code(&mut driver, &too_much), Some(ErrorCode::GroupMaxSizeReached));
    assert_eq!(driver.describe().members.len(), 1, "who asks for too much stays as it was");
}

#[test]
fn a_shard_has_so_many_groups() {
    let mut driver = Driver::with(|settings| settings.groups_max = 1);
    assert_eq!(code(&mut driver, &Join::new()), None);
    let other = Join::new().change(|join| join.group_id = "other".to_owned());
    assert_eq!(code(&mut driver, &other), Some(ErrorCode::GroupMaxSizeReached));
}

#[test]
fn a_generation_that_no_batch_can_hold_is_refused_as_by_kafkas_log() {
    let mut driver = Driver::with(|settings| settings.record_bytes_max = 2_000);
    let both = [driver.join(&Join::new()), driver.join(&Join::new())];
    driver.pass(6_000);
    let [leader, follower] = both.map(|to| driver.joined(to).member_id);
    let written = driver.log.len();
    let waits = driver.sync(&follower, 1, &[]);
    let large = "x".repeat(2_000);
    let assigns = driver.sync(&leader, 1, &[(&leader, &large)]);
    for to in [waits, assigns] {
        assert_eq!(driver.synced(to).error, ErrorCode::UnknownServerError);
    }
    assert_eq!((driver.state().as_str(), driver.log.len()), ("PreparingRebalance", written));
}

#[test]
fn a_static_member_that_no_batch_can_hold_is_not_replaced() {
    let mut driver = Driver::with(|settings| settings.record_bytes_max = 2_000);
    let ids = driver.stable(&[Join::new().instance("i")]);
    let large = "x".repeat(2_000);
    let to = driver.join(&Join::new().instance("i").protocols(&[("range", &large)]));
    let reply = driver.joined(to);
    assert_eq!(
        (reply.error, reply.generation_id, reply.leader.as_str()),
        (ErrorCode::UnknownServerError, 1, ids[0].as_str())
    );
    assert_eq!(driver.beat_as(&ids[0], Some("i"), 1), ErrorCode::None);
}
