//! The log of a group, replayed: whole, and as compaction may leave it.

use std::collections::BTreeMap;

use model::ErrorCode;

use super::driver::{Consumer, Driver, hard_state};
use crate::group::GroupShard;

#[test]
fn sessions_begin_anew_and_so_does_the_time_to_give_back() {
    let mut driver = Driver::new(&[("t", 4)]);
    let (mut first, mut second) = (Consumer::new("a", &["t"]), Consumer::new("b", &["t"]));
    first.join(&mut driver);
    second.join(&mut driver);
    first.beat(&mut driver);
    driver.pass(44_000);
    driver.restart();
    driver.pass(44_000);
    assert_eq!(driver.heartbeat(first.plain(2)).error, ErrorCode::None);
    second.beat(&mut driver);
    driver.pass(16_000);
    assert_eq!(driver.heartbeat(first.plain(2)).error, ErrorCode::UnknownMemberId);
    driver.pass(45_000);
    assert_eq!(driver.state(), "Empty");
}

#[test]
fn the_last_record_of_each_key_is_enough() {
    let mut driver = Driver::new(&[("t", 6), ("u", 3)]);
    let mut members = [Consumer::new("a", &["t"]), Consumer::of_pattern("b", "."), Consumer::new("c", &["u"])];
    for round in 0..4 {
        for member in &mut members {
            if member.epoch == 0 {
                member.join(&mut driver)
            } else {
                member.beat(&mut driver)
            };
        }
        if round == 2 {
            members[0].leave(&mut driver, -1);
            members[0].epoch = 0;
        }
    }
    let last: BTreeMap<_, _> = driver.log.iter().enumerate().map(|(place, record)| (&record.key, place)).collect();
    for with_tombstones in [true, false] {
        let mut shard = GroupShard::new();
        for (place, record) in driver.log.iter().enumerate() {
            let is_kept = last[&record.key] == place && (with_tombstones || record.value.is_some());
            if is_kept {
                shard.replay(&record.key, record.value.as_deref()).expect("compaction leaves what can be replayed");
            }
        }
        assert_eq!(hard_state(&shard), hard_state(&driver.shard));
    }
}

#[test]
fn a_deleted_group_leaves_nothing() {
    let mut driver = Driver::new(&[("t", 6)]);
    let mut member = Consumer::of_pattern("a", "t");
    member.join(&mut driver);
    member.leave(&mut driver, -1);
    let to = driver.send(crate::group::GroupEvent::DeleteGroup(crate::group::event::DeleteGroup {
        group_id: super::driver::GROUP.to_owned(),
    }));
    assert_eq!(driver.reply(to), Some(&crate::group::GroupReply::DeleteGroup(ErrorCode::None)));
    assert_eq!(driver.describe().error, ErrorCode::GroupIdNotFound);
    assert_eq!(hard_state(&driver.replayed()), "");
    let live: BTreeMap<_, _> = driver.log.iter().map(|record| (&record.key, record.value.is_some())).collect();
    assert!(live.values().all(|live| !live));
}
