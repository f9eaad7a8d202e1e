//! Offsets: who may commit and fetch them.

use model::ErrorCode;

use super::driver::{Consumer, Driver, GROUP};
use crate::group::Group;
use crate::group::event::{CommitPartition, CommitTopic, OffsetCommit};

fn commit(driver: &Driver, member_id: &str, epoch: i32, partitions: &[i32], version: i16) -> Result<(), ErrorCode> {
    let Some(Group::Consumer(group)) = driver.shard.groups.get(GROUP) else { panic!("there is no group") };
    let partitions = partitions.iter().map(|index| CommitPartition { index: *index, ..CommitPartition::default() });
    group.validate_offset_commit(&OffsetCommit {
        group_id: GROUP.to_owned(),
        generation_id_or_member_epoch: epoch,
        member_id: member_id.to_owned(),
        version,
        topics: vec![CommitTopic { name: "t".to_owned(), id: driver.topic("t"), partitions: partitions.collect() }],
        ..OffsetCommit::default()
    })
}

#[test]
fn members_commit_in_their_epoch_and_in_older_ones_what_they_had_then() {
    let mut driver = Driver::new(&[("t", 4)]);
    let (mut first, mut second) = (Consumer::new("a", &["t"]), Consumer::new("b", &["t"]));
    first.join(&mut driver);
    second.join(&mut driver);
    first.beat(&mut driver);
    first.beat(&mut driver);
    second.beat(&mut driver);
    let kept = first.of(driver.topic("t"));
    let given = second.of(driver.topic("t"));
    assert_eq!((first.epoch, second.epoch), (3, 3));
    assert_eq!(commit(&driver, "a", 3, &[0, 1, 2, 3], 9), Ok(()));
    assert_eq!(commit(&driver, "a", 2, &kept, 9), Ok(()));
    assert_eq!(commit(&driver, "a", 1, &kept, 9), Err(ErrorCode::StaleMemberEpoch));
    assert_eq!(commit(&driver, "a", 2, &given, 9), Err(ErrorCode::StaleMemberEpoch));
    assert_eq!(commit(&driver, "b", 2, &given, 9), Err(ErrorCode::StaleMemberEpoch));
    assert_eq!(commit(&driver, "a", 4, &kept, 9), Err(ErrorCode::StaleMemberEpoch));
    assert_eq!(commit(&driver, "x", 3, &kept, 9), Err(ErrorCode::UnknownMemberId));
    assert_eq!(commit(&driver, "", -1, &kept, 9), Err(ErrorCode::UnknownMemberId));
    assert_eq!(commit(&driver, "a", 3, &kept, 8), Err(ErrorCode::UnsupportedVersion));
}

#[test]
fn anybody_commits_to_an_empty_group() {
    let mut driver = Driver::new(&[("t", 4)]);
    let mut member = Consumer::new("a", &["t"]);
    member.join(&mut driver);
    member.leave(&mut driver, -1);
    assert_eq!(commit(&driver, "", -1, &[0], 2), Ok(()));
    assert_eq!(commit(&driver, "a", 2, &[0], 9), Err(ErrorCode::UnknownMemberId));
}

#[test]
fn fetches_are_of_members_in_their_epoch_or_of_nobody() {
    let mut driver = Driver::new(&[("t", 4)]);
    Consumer::new("a", &["t"]).join(&mut driver);
    let Some(Group::Consumer(group)) = driver.shard.groups.get(GROUP) else { panic!("there is no group") };
    assert_eq!(group.validate_offset_fetch(None, -1), Ok(()));
    assert_eq!(group.validate_offset_fetch(Some("a"), 2), Ok(()));
    assert_eq!(group.validate_offset_fetch(Some("a"), 1), Err(ErrorCode::StaleMemberEpoch));
    assert_eq!(group.validate_offset_fetch(Some("b"), 2), Err(ErrorCode::UnknownMemberId));
    assert_eq!((group.validate_delete(), group.is_subscribed_to("t")), (Err(ErrorCode::NonEmptyGroup), true));
}
