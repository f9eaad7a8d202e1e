//! What a restart finds, and what it makes of records that no broker should have written.

use bytes::Bytes;
use model::ErrorCode;

use super::super::subscription;
use super::driver::{Driver, GROUP, Join};
use crate::group::{GroupRecord, GroupShard};
use crate::records::group_metadata::{GroupMetadataKey, GroupMetadataValue, MemberMetadata};
use crate::shard::ReplayError;

#[test]
fn a_stable_group_is_found_as_it_was() {
    let mut driver = Driver::new();
    let ids = driver.stable(&[Join::new().protocols(&[("range", "1"), ("sticky", "2")]), Join::new().instance("i")]);
    let before = driver.describe();
    driver.restart();
    assert_eq!(driver.describe(), before);
    assert_eq!(driver.beat(&ids[0], 1), ErrorCode::None);
    let sync = driver.sync(&ids[0], 1, &[]);
    assert_eq!(&driver.synced(sync).assignment[..], ids[0].as_bytes());
}

#[test]
fn sessions_begin_anew() {
    let mut driver = Driver::new();
    let ids = driver.stable(&[Join::new()]);
    driver.pass(9_000);
    driver.restart();
    driver.pass(9_999);
    assert_eq!(driver.beat(&ids[0], 1), ErrorCode::None);
    driver.pass(10_000);
    assert_eq!(driver.state(), "Empty");
}

#[test]
fn a_rebalance_that_was_under_way_is_forgotten() {
    let mut driver = Driver::new();
    let ids = driver.stable(&[Join::new()]);
    driver.join(&Join::new());
    let rejoins = driver.join(&Join::new().id(&ids[0]));
    assert_eq!(driver.joined(rejoins).generation_id, 2);
    driver.restart();
    assert_eq!(driver.beat(&ids[0], 2), ErrorCode::IllegalGeneration);
    assert_eq!(driver.beat(&ids[0], 1), ErrorCode::None);
}

#[test]
fn a_deleted_group_is_gone() {
    let mut driver = Driver::new();
    let ids = driver.stable(&[Join::new()]);
    driver.leave(&[(&ids[0], None)]);
    driver.log.push(record(None).encode().expect("it fits"));
    driver.restart();
    assert_eq!(driver.state(), "Dead");
}

#[test]
fn records_of_old_brokers_have_the_session_timeout_for_both() {
    let member = MemberMetadata { member_id: "m".to_owned(), session_timeout: 7_000, ..MemberMetadata::default() };
    let value = GroupMetadataValue { protocol: Some("range".to_owned()), members: vec![member], ..consumers() };
    let shard = replay(value).expect("a group as any");
    let group = shard.groups.get(GROUP);
    let Some(crate::group::Group::Classic(group)) = group else { panic!("{group:?}") };
    assert_eq!(group.members.get("m").map(|member| member.rebalance_timeout_ms), Some(7_000));
}

#[test]
fn a_record_of_no_possible_group_concerns_that_group_alone() {
    let member = |id: &str, instance: Option<&str>| MemberMetadata {
        member_id: id.to_owned(),
        group_instance_id: instance.map(str::to_owned),
        ..MemberMetadata::default()
    };
    let table = [
        (None, vec![member("m", None)]),
        (Some("range"), vec![member("m", None), member("m", None)]),
        (Some("range"), vec![member("m", Some("i")), member("n", Some("i"))]),
    ];
    for (protocol, members) in table {
        let value = GroupMetadataValue { protocol: protocol.map(str::to_owned), members, ..consumers() };
        let error = replay(value).expect_err("no such group");
        assert_eq!(error.id.as_deref(), Some(GROUP));
    }
}

#[test]
fn topics_are_read_from_subscriptions_of_any_version_and_never_beyond() {
    let whole = [&[0, 0, 0, 0, 0, 2][..], &[0, 1, b'a', 0, 1, b'b'], &[0xff; 4]].concat();
    let newer = [&[0, 3], &whole[2..], &[1, 2, 3]].concat();
    let table: [(&[u8], Option<&[&str]>); 8] = [
        (&whole, Some(&["a", "b"])),
        (&newer, Some(&["a", "b"])),
        (&[0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff], Some(&[])),
        (&[], None),
        (&whole[..whole.len() - 1], None),
        (&[0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff], None),
        (&[0, 0, 0x7f, 0xff, 0xff, 0xff], None),
        (&[0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], None),
    ];
    for (blob, expected) in table {
        let mut topics = std::collections::BTreeSet::new();
        let read = subscription::add_topics(blob, &mut topics).ok();
        let found: Option<Vec<&str>> = read.map(|()| topics.iter().map(String::as_str).collect());
        assert_eq!(found.as_deref(), expected, "{blob:?}");
    }
}

#[test]
fn a_group_is_subscribed_to_what_its_members_say_or_may_be_to_all() {
    let subscription = [&[0, 0, 0, 0, 0, 1, 0, 1, b'a'][..], &[0xff; 4]].concat();
    let table: [(&str, &[u8], [bool; 2]); 3] = [
        ("consumer", &subscription, [true, false]),
        ("consumer", b"?", [true, true]),
        ("connect", &subscription, [false, false]),
    ];
    for (protocol_type, blob, expected) in table {
        let member = MemberMetadata {
            member_id: "m".to_owned(),
            subscription: Bytes::copy_from_slice(blob),
            ..MemberMetadata::default()
        };
        let value = GroupMetadataValue {
            protocol_type: protocol_type.to_owned(),
            protocol: Some("range".to_owned()),
            members: vec![member],
            ..GroupMetadataValue::default()
        };
        let shard = replay(value).expect("a group as any");
        let group = shard.groups.get(GROUP).expect("it was replayed");
        assert_eq!(["a", "b"].map(|topic| group.is_subscribed_to(topic)), expected, "{protocol_type}");
    }
}

fn consumers() -> GroupMetadataValue {
    GroupMetadataValue { protocol_type: "consumer".to_owned(), ..GroupMetadataValue::default() }
}

fn record(value: Option<GroupMetadataValue>) -> GroupRecord {
    GroupRecord::GroupMetadata(GroupMetadataKey { group: GROUP.to_owned() }, value)
}

fn replay(value: GroupMetadataValue) -> Result<GroupShard, ReplayError> {
    let mut shard = GroupShard::new();
    let record = record(Some(value)).encode().expect("it fits");
    shard.replay(&record.key, record.value.as_deref()).map(|()| shard)
}
