//! Committed offsets and the ends of groups: cases 94 and 97 to 100.

use serde_json::{Value, json};
use test_support::{SOON, wait_until};

use crate::support::brokers;
use crate::support::client::Client;
use crate::support::consumer_groups::{ConsumerMember, LEAVES, settle};
use crate::support::groups::{Member, consumer_subscription, find_coordinator, group, joined, stable, state, with};
use crate::support::topics::{Topic, connect, unique};

const OFFSET_METADATA_TOO_LARGE: i64 = 12;
const ILLEGAL_GENERATION: i64 = 22;
const UNKNOWN_MEMBER_ID: i64 = 25;
const UNSUPPORTED_VERSION: i64 = 35;
const NON_EMPTY_GROUP: i64 = 68;
const GROUP_ID_NOT_FOUND: i64 = 69;
const GROUP_SUBSCRIBED_TO_TOPIC: i64 = 86;
const STALE_MEMBER_EPOCH: i64 = 113;

/// The first version of OffsetCommit and OffsetFetch with member epochs.
const EPOCHS_FROM: i16 = 9;
const COMMIT: i16 = 9;

fn body(group: &str, topic: &Topic, partitions: Value, who: Value) -> Value {
    let topics = json!([{"name": topic.name, "topic_id": topic.id, "partitions": partitions}]);
    with(json!({"group_id": group, "topics": topics}), who)
}

/// The code of a commit of partition 0: the offset, and who commits it.
#[track_caller]
fn commit(client: &mut Client, version: i16, group: &str, topic: &Topic, (offset, who): (i64, Value)) -> i64 {
    let partition = json!({"partition_index": 0, "committed_offset": offset, "committed_metadata": ""});
    let answer = client.call("OffsetCommit", version, &body(group, topic, json!([partition]), who));
    answer["topics"][0]["partitions"][0]["error_code"].as_i64().unwrap()
}

/// What a group has committed for partition 0: code, offset, leader epoch and metadata.
#[track_caller]
fn fetch(client: &mut Client, group: &str, topic: &Topic) -> [Value; 4] {
    let topics = json!([{"name": topic.name, "partition_indexes": [0]}]);
    let answer = client.call("OffsetFetch", 8, &json!({"groups": [{"group_id": group, "topics": topics}]}));
    assert_eq!(answer["groups"][0]["error_code"], 0, "{answer}");
    let partition = &answer["groups"][0]["topics"][0]["partitions"][0];
    ["error_code", "committed_offset", "committed_leader_epoch", "metadata"].map(|name| partition[name].clone())
}

fn nothing() -> [Value; 4] {
    [json!(0), json!(-1), json!(-1), json!("")]
}

fn offset(offset: i64) -> [Value; 4] {
    [json!(0), json!(offset), json!(-1), json!("")]
}

/// The code of a group's deletion.
#[track_caller]
fn delete(client: &mut Client, version: i16, group: &str) -> i64 {
    let answer = client.call("DeleteGroups", version, &json!({"groups_names": [group]}));
    answer["results"][0]["error_code"].as_i64().unwrap()
}

/// The codes of the deletion of a group's offset of partition 0: the group's and the partition's.
#[track_caller]
fn delete_offset(client: &mut Client, group: &str, topic: &Topic) -> (i64, Value) {
    let topics = json!([{"name": topic.name, "partitions": [{"partition_index": 0}]}]);
    let answer = client.call("OffsetDelete", 0, &json!({"group_id": group, "topics": topics}));
    (answer["error_code"].as_i64().unwrap(), answer["topics"][0]["partitions"][0]["error_code"].clone())
}

#[test]
fn case_94_a_classic_group_with_members_is_not_deleted_nor_its_offsets_of_what_they_read() {
    let mut client = connect();
    let (read, other) = (Topic::create(&mut client), Topic::create(&mut client));
    let group = group(&mut client);
    let reads = json!([{"name": "range", "metadata": consumer_subscription(&read.name)}]);
    let mut member = Member::new(&group, None);
    member.get_id();
    let sent = member.send_join(json!({"protocols": reads}));
    member.joined(sent);
    for version in 0..=3 {
        assert_eq!(delete(&mut client, version, &group), NON_EMPTY_GROUP);
        assert_eq!(delete(&mut client, version, &unique("nobody")), GROUP_ID_NOT_FOUND);
    }
    let sent = member.send_sync(&[]);
    assert_eq!(member.synced(sent).0, 0);
    let who = json!({"generation_id_or_member_epoch": 1, "member_id": member.id});
    for topic in [&read, &other] {
        assert_eq!(commit(&mut client, COMMIT, &group, topic, (5, who.clone())), 0);
    }
    assert_eq!(delete_offset(&mut client, &group, &read), (0, json!(GROUP_SUBSCRIBED_TO_TOPIC)));
    assert_eq!(delete_offset(&mut client, &group, &other), (0, json!(0)));
    assert_eq!((fetch(&mut client, &group, &read), fetch(&mut client, &group, &other)), (offset(5), nothing()));
    assert_eq!(delete_offset(&mut client, &unique("nobody"), &read), (GROUP_ID_NOT_FOUND, Value::Null));

    assert_eq!(member.leave(), 0);
    assert_eq!(delete_offset(&mut client, &group, &read), (0, json!(0)), "nobody reads it any more");
    assert_eq!(delete(&mut client, 3, &group), 0);
    assert_eq!(delete(&mut client, 3, &group), GROUP_ID_NOT_FOUND);
}

#[test]
fn case_94_a_kip_848_group_with_members_is_not_deleted_nor_its_offsets_of_what_they_read() {
    let mut client = connect();
    let (read, other) = (Topic::create(&mut client), Topic::create(&mut client));
    let group = group(&mut client);
    let mut member = ConsumerMember::join(&group, "me", &read, json!({}));
    settle(&mut [&mut member], &[1]);
    let who = json!({"generation_id_or_member_epoch": member.epoch, "member_id": "me"});
    for topic in [&read, &other] {
        assert_eq!(commit(&mut client, COMMIT, &group, topic, (5, who.clone())), 0);
    }
    for version in 0..=3 {
        assert_eq!(delete(&mut client, version, &group), NON_EMPTY_GROUP);
    }
    assert_eq!(delete_offset(&mut client, &group, &read), (0, json!(GROUP_SUBSCRIBED_TO_TOPIC)));
    assert_eq!(delete_offset(&mut client, &group, &other), (0, json!(0)));
    assert_eq!(member.leave(LEAVES, None), 0);
    assert_eq!(delete_offset(&mut client, &group, &read), (0, json!(0)));
    assert_eq!(delete(&mut client, 3, &group), 0);
}

#[test]
fn case_97_an_epoch_that_is_not_the_members_neither_commits_nor_fetches() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let group = group(&mut client);
    let mut member = ConsumerMember::join(&group, "me", &topic, json!({}));
    settle(&mut [&mut member], &[1]);
    let epoch = member.epoch;
    let as_in = |epoch: i64| json!({"generation_id_or_member_epoch": epoch, "member_id": "me"});
    for version in 2..=10 {
        let mut code = |epoch: i64| commit(&mut client, version, &group, &topic, (7, as_in(epoch)));
        if version < EPOCHS_FROM {
            assert_eq!(code(epoch), UNSUPPORTED_VERSION, "v{version}");
        } else {
            assert_eq!(code(epoch + 1), STALE_MEMBER_EPOCH, "v{version}");
            assert_eq!(code(epoch), 0, "v{version}");
        }
        let nobody = json!({"generation_id_or_member_epoch": epoch, "member_id": "nobody"});
        assert_eq!(commit(&mut client, version, &group, &topic, (7, nobody)), UNKNOWN_MEMBER_ID, "v{version}");
    }
    for version in EPOCHS_FROM..=10 {
        let mut code = |member: Value, epoch: i64| {
            let topics = json!([{"name": topic.name, "topic_id": topic.id, "partition_indexes": [0]}]);
            let one = json!({"group_id": group, "member_id": member, "member_epoch": epoch, "topics": topics});
            client.call("OffsetFetch", version, &json!({"groups": [one]}))["groups"][0]["error_code"].as_i64().unwrap()
        };
        assert_eq!([code(json!("me"), epoch), code(Value::Null, -1)], [0, 0], "v{version}");
        assert_eq!([code(json!("me"), epoch + 1), code(json!("me"), epoch - 1)], [STALE_MEMBER_EPOCH; 2], "v{version}");
        assert_eq!([code(json!("nobody"), epoch), code(json!("nobody"), 0)], [UNKNOWN_MEMBER_ID; 2], "v{version}");
    }
}

#[test]
fn case_97_a_commit_of_an_older_epoch_is_stale_for_partitions_that_came_later() {
    let mut client = connect();
    let topic = Topic::with(&mut client, 2, &[]);
    let group = group(&mut client);
    let mut first = ConsumerMember::join(&group, "first", &topic, json!({}));
    settle(&mut [&mut first], &[2]);
    let mut second = ConsumerMember::join(&group, "second", &topic, json!({}));
    settle(&mut [&mut first, &mut second], &[1, 1]);
    let kept = *first.owned.first().unwrap();
    let before = first.epoch;
    assert_eq!(second.leave(LEAVES, None), 0);
    settle(&mut [&mut first], &[2]);
    assert!(first.epoch > before);
    // The partition that it had all the time may be committed in the epoch before (KIP-1251), if the topic is named by its id.
    let mut code = |version: i16, partition: i64, epoch: i64| {
        let partition = json!({"partition_index": partition, "committed_offset": 3, "committed_metadata": ""});
        let who = json!({"generation_id_or_member_epoch": epoch, "member_id": "first"});
        let answer = client.call("OffsetCommit", version, &body(&group, &topic, json!([partition]), who));
        answer["topics"][0]["partitions"][0]["error_code"].as_i64().unwrap()
    };
    assert_eq!([code(10, kept, before), code(10, 1 - kept, before)], [0, STALE_MEMBER_EPOCH]);
    assert_eq!([code(10, kept, first.epoch), code(10, 1 - kept, first.epoch)], [0, 0]);
}

#[test]
fn case_98_metadata_that_is_too_long_is_refused_for_its_partition_alone() {
    let mut client = connect();
    let topic = Topic::with(&mut client, 3, &[]);
    let group = group(&mut client);
    let part = |index: i32, length: usize| json!({"partition_index": index, "committed_offset": 5, "committed_metadata": "m".repeat(length)});
    for version in 2..=10 {
        let partitions = json!([part(0, 4096), part(1, 4097), part(2, 0)]);
        let answer = client.call("OffsetCommit", version, &body(&group, &topic, partitions, json!({})));
        let partitions = answer["topics"][0]["partitions"].as_array().unwrap();
        let mut codes: Vec<_> = partitions.iter().map(|part| (&part["partition_index"], &part["error_code"])).collect();
        codes.sort_by_key(|(index, _)| index.as_i64());
        let codes: Vec<_> = codes.into_iter().map(|(_, code)| code.as_i64().unwrap()).collect();
        assert_eq!(codes, [0, OFFSET_METADATA_TOO_LARGE, 0], "v{version}");
    }
    let [code, committed, _, metadata] = fetch(&mut client, &group, &topic);
    assert_eq!((code, committed, metadata.as_str().unwrap().len()), (json!(0), json!(5), 4096));
}

#[test]
fn case_99_who_commits_without_a_group_makes_one_only_without_a_generation() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    for version in 2..=10 {
        let group = group(&mut client);
        for generation in [0, 1, 7] {
            let expected = if version < EPOCHS_FROM { ILLEGAL_GENERATION } else { GROUP_ID_NOT_FOUND };
            let who = json!({"generation_id_or_member_epoch": generation, "member_id": "me"});
            assert_eq!(commit(&mut client, version, &group, &topic, (5, who)), expected, "v{version}");
        }
        assert_eq!(state(&mut client, &group), "Dead", "v{version}");
        assert_eq!(commit(&mut client, version, &group, &topic, (5, json!({}))), 0, "v{version}");
        assert_eq!(state(&mut client, &group), "Empty", "v{version}");
        assert_eq!(fetch(&mut client, &group, &topic), offset(5));
        assert_eq!(delete(&mut client, 2, &group), 0);
    }
}

#[test]
fn case_99_who_is_no_member_does_not_commit_in_a_group_with_members() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let group = group(&mut client);
    let mut member = stable(vec![Member::new(&group, None)]).remove(0);
    for version in 2..=10 {
        assert_eq!(commit(&mut client, version, &group, &topic, (5, json!({}))), UNKNOWN_MEMBER_ID, "v{version}");
    }
    assert_eq!(fetch(&mut client, &group, &topic), nothing());
    assert_eq!(member.leave(), 0);
    assert_eq!(commit(&mut client, COMMIT, &group, &topic, (5, json!({}))), 0);
}

#[test]
fn case_100_what_was_never_committed_is_no_error() {
    let mut client = connect();
    let (topic, other) = (Topic::create(&mut client), Topic::create(&mut client));
    let group = group(&mut client);
    assert_eq!(fetch(&mut client, &group, &topic), nothing(), "there is no group");
    assert_eq!(commit(&mut client, COMMIT, &group, &topic, (5, json!({}))), 0);
    assert_eq!([fetch(&mut client, &group, &topic), fetch(&mut client, &group, &other)], [offset(5), nothing()]);
    for version in 1..=7 {
        let topics =
            json!([{"name": other.name, "partition_indexes": [0, 7]}, {"name": "nobody", "partition_indexes": [0]}]);
        let answer = client.call("OffsetFetch", version, &json!({"group_id": group, "topics": topics}));
        for topic in answer["topics"].as_array().unwrap() {
            for part in topic["partitions"].as_array().unwrap() {
                assert_eq!([&part["error_code"], &part["committed_offset"]], [&json!(0), &json!(-1)], "{answer}");
            }
        }
    }
}

#[test]
fn case_100_offsets_expire_but_not_while_their_group_has_members() {
    let settings = [("offsets.retention.check.interval.ms", "200"), ("group.initial.rebalance.delay.ms", "0")];
    let broker = brokers::start_with(&settings);
    let mut client = Client::connect(&broker.address());
    let topic = Topic::create(&mut client);
    let (group, simple) = ("with-a-member", "without");
    find_coordinator(&mut client, group);
    find_coordinator(&mut client, simple);
    let mut member = joined(vec![Member::at(&broker.address(), group)]).remove(0);
    let sent = member.send_sync(&[]);
    assert_eq!(member.synced(sent).0, 0);
    // Up to version 4 the client says how long its offsets are kept.
    let briefly = |generation: i64, member: &str| json!({"generation_id_or_member_epoch": generation, "member_id": member, "retention_time_ms": 1});
    assert_eq!(commit(&mut client, 4, group, &topic, (5, briefly(1, &member.id))), 0);
    assert_eq!(commit(&mut client, COMMIT, simple, &topic, (7, json!({}))), 0);
    let other = Topic::create(&mut client);
    assert_eq!(commit(&mut client, 4, simple, &other, (6, briefly(-1, ""))), 0);
    let gone = |client: &mut Client, group: &str, topic: &Topic| fetch(client, group, topic) == nothing();
    // Of the two that were to be kept for a moment, that of the group without members goes.
    wait_until("an offset that expires", SOON, || gone(&mut client, simple, &other));
    assert_eq!([fetch(&mut client, group, &topic), fetch(&mut client, simple, &topic)], [offset(5), offset(7)]);
    assert_eq!(member.leave(), 0);
    wait_until("the offset of a group that is empty", SOON, || gone(&mut client, group, &topic));
    wait_until("the end of the group", SOON, || state(&mut client, group) == "Dead");
    assert_eq!(state(&mut client, simple), "Empty", "one of its offsets is kept");
}

#[test]
fn case_100_an_acknowledged_commit_survives_a_kill() {
    let mut broker = brokers::start_own(&[("group.initial.rebalance.delay.ms", "0")]);
    let mut client = Client::connect(&broker.address());
    let topic = Topic::create(&mut client);
    let groups: Vec<String> = (0..20).map(|number| format!("group-{number}")).collect();
    for group in &groups {
        find_coordinator(&mut client, group);
    }
    for round in 1..=3 {
        for (group, index) in groups.iter().zip(0..) {
            assert_eq!(commit(&mut client, COMMIT, group, &topic, (100 * round + index, json!({}))), 0);
        }
        broker.kill();
        broker.restart();
        client = Client::connect(&broker.address());
        for (group, index) in groups.iter().zip(0..) {
            find_coordinator(&mut client, group);
            assert_eq!(fetch(&mut client, group, &topic), offset(100 * round + index), "{group}");
        }
    }
}
