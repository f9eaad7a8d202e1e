//! Static members (KIP-345): who they are, when they are away, and who takes their place.

use model::ErrorCode;

use super::driver::{Consumer, Driver, hard_state};

/// A static member with everything, and another one that waits for its share.
fn group() -> (Driver, Consumer) {
    let mut driver = Driver::new(&[("t", 4)]);
    let mut first = Consumer::new("a", &["t"]).instance("i");
    first.join(&mut driver);
    (driver, first)
}

#[test]
fn an_instance_id_in_use_is_not_given_to_another() {
    let (mut driver, mut first) = group();
    let mut other = Consumer::new("b", &["t"]).instance("i");
    assert_eq!(other.join(&mut driver).error, ErrorCode::UnreleasedInstanceId);
    assert_eq!(first.beat(&mut driver).error, ErrorCode::None);
    assert_eq!(driver.heartbeat(other.plain(2)).error, ErrorCode::FencedInstanceId);
    assert_eq!(driver.heartbeat(other.plain(-1)).error, ErrorCode::FencedInstanceId);
    let nobody = Consumer::new("b", &["t"]).instance("j");
    assert_eq!(driver.heartbeat(nobody.plain(2)).error, ErrorCode::UnknownMemberId);
    assert_eq!(driver.heartbeat(nobody.plain(-2)).error, ErrorCode::UnknownMemberId);
}

#[test]
fn a_member_that_was_away_is_back_with_all_that_it_had() {
    let (mut driver, mut first) = group();
    let mut other = Consumer::new("z", &["t"]);
    other.join(&mut driver);
    first.beat(&mut driver);
    first.beat(&mut driver);
    other.beat(&mut driver);
    let owned = first.owned.clone();
    let from = driver.log.len();
    assert_eq!(first.leave(&mut driver, -2).member_epoch, -2);
    assert_eq!(driver.written(from), [(8, true)]);
    assert_eq!(other.beat(&mut driver).assignment, None);

    let epoch = driver.describe().group_epoch;
    let mut back = Consumer::new("b", &["t"]).instance("i");
    let reply = back.join(&mut driver);
    assert_eq!((reply.error, reply.member_epoch, &back.owned), (ErrorCode::None, epoch, &owned));
    assert_eq!((driver.describe().group_epoch, driver.state().as_str()), (epoch, "Stable"));
    assert_eq!(first.beat(&mut driver).error, ErrorCode::FencedInstanceId);
    assert_eq!(hard_state(&driver.replayed()), hard_state(&driver.shard));
}

#[test]
fn a_member_that_stays_away_is_gone_with_its_session() {
    let (mut driver, mut first) = group();
    driver.pass(10_000);
    first.leave(&mut driver, -2);
    driver.pass(35_000);
    assert_eq!(driver.state(), "Empty");
}

#[test]
fn a_member_may_come_back_under_its_own_id() {
    let (mut driver, mut first) = group();
    first.leave(&mut driver, -2);
    let reply = first.join(&mut driver);
    assert_eq!((reply.error, reply.member_epoch, first.owned.len()), (ErrorCode::None, 2, 4));
}

#[test]
fn a_member_that_leaves_for_good_frees_its_instance_id() {
    let (mut driver, mut first) = group();
    first.leave(&mut driver, -1);
    let mut other = Consumer::new("b", &["t"]).instance("i");
    assert_eq!((other.join(&mut driver).error, other.owned.len()), (ErrorCode::None, 4));
}

#[test]
fn a_returning_member_finds_its_place_in_a_full_group() {
    let (mut driver, mut first) = group();
    driver.settings.consumer_max_size = 1;
    first.leave(&mut driver, -2);
    assert_eq!(Consumer::new("x", &["t"]).join(&mut driver).error, ErrorCode::GroupMaxSizeReached);
    assert_eq!(Consumer::new("b", &["t"]).instance("i").join(&mut driver).error, ErrorCode::None);
}
