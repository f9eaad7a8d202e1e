//! OffsetCommit, OffsetFetch and OffsetDelete, in every version and by everybody who may ask.

use std::ops::RangeInclusive;

use serde_json::{Value, json};

use super::compare;
use super::consumer_groups::{ID, assign_at_once, joins};
use super::peer::Peer;
use crate::support::groups::{JOIN_AT_ONCE, consumer_subscription, find_coordinator, join, with};
use crate::support::topics::Topic;

const COMMITS: RangeInclusive<i16> = 2..=10;
const FETCHES: RangeInclusive<i16> = 1..=10;
/// The first version of OffsetFetch with many groups.
const GROUPS_FROM: i16 = 8;
const NO_ID: &str = "0123456789abcdef0123456789abcdef";

fn group(peer: &mut Peer, name: &str) -> String {
    let group = peer.name(name);
    find_coordinator(peer.client(), &group);
    group
}

fn offset(index: i32, offset: i64) -> Value {
    json!({"partition_index": index, "committed_offset": offset, "committed_metadata": ""})
}

fn of(topic: &Topic, partitions: Value) -> Value {
    json!({"name": topic.name, "topic_id": topic.id, "partitions": partitions})
}

fn commit(group: &str, topics: Value) -> Value {
    json!({"group_id": group, "topics": topics})
}

fn asked(topic: &Topic, indexes: &[i32]) -> Value {
    json!({"name": topic.name, "topic_id": topic.id, "partition_indexes": indexes})
}

fn sort(peer: &Peer, topics: &mut Value) {
    for topic in topics.as_array_mut().into_iter().flatten() {
        topic["partitions"].as_array_mut().unwrap().sort_by_key(|part| part["partition_index"].as_i64());
    }
    peer.sort(topics);
}

/// Commits. The real one answers first what it refuses itself, and then what the group says.
fn commits(peer: &mut Peer, version: i16, body: &Value) {
    let mut answer = peer.client().call("OffsetCommit", version, body);
    sort(peer, &mut answer["topics"]);
    peer.note("OffsetCommit", version, body, &answer);
}

/// Fetches what groups have committed, in versions with one group the first of them. What is found of all topics comes in
/// the order of hash tables.
fn fetch(peer: &mut Peer, version: i16, require_stable: bool, groups: Value) {
    let first = &groups[0];
    let mut one = json!({"group_id": first["group_id"], "topics": first["topics"]});
    for topic in one["topics"].as_array_mut().into_iter().flatten() {
        topic.as_object_mut().unwrap().remove("topic_id");
    }
    let body = if version < GROUPS_FROM { one } else { json!({"groups": groups}) };
    let body = with(body, json!({"require_stable": require_stable}));
    let mut answer = peer.client().call("OffsetFetch", version, &body);
    if version < GROUPS_FROM {
        sort(peer, &mut answer["topics"]);
    }
    for group in answer["groups"].as_array_mut().into_iter().flatten() {
        sort(peer, &mut group["topics"]);
    }
    peer.note("OffsetFetch", version, &body, &answer);
}

/// Fetches all that a group has committed, and some of it, in every version.
fn fetch_all(peer: &mut Peer, group: &str, some: &Value) {
    for version in FETCHES {
        fetch(peer, version, false, json!([{"group_id": group, "topics": some}]));
        if version > 1 {
            fetch(peer, version, version > 6, json!([{"group_id": group, "topics": null}]));
        }
    }
}

#[test]
fn commits_and_fetches_without_a_group() {
    compare(|peer| {
        let (a, b) = (peer.topic("a", 3, &[]), peer.topic("b", 1, &[]));
        let nobody = Topic { name: peer.name("nobody"), id: NO_ID.to_owned() };
        for version in COMMITS {
            let group = group(peer, &format!("simple-{version}"));
            let mut step = |body: &Value| commits(peer, version, body);
            step(&commit(&group, json!([])));
            step(&commit(&group, json!([of(&a, json!([]))])));
            step(&commit(&group, json!([of(&a, json!([offset(0, 5)]))])));
            step(&commit(&group, json!([of(&a, json!([offset(1, 6), offset(7, 1), offset(-1, 1), offset(2, 7)]))])));
            step(&commit(&group, json!([of(&nobody, json!([offset(0, 1)]))])));
            step(&commit(&group, json!([of(&a, json!([offset(0, 8)])), of(&b, json!([offset(0, 9), offset(1, 1)]))])));
            step(&commit(&group, json!([of(&b, json!([offset(0, 3), offset(0, 4)]))])));
            for place in [-1, -2, i64::MIN, i64::MAX] {
                step(&commit(&group, json!([of(&a, json!([offset(0, place)]))])));
            }
            for epoch in [-1, 0, 5, -2] {
                let partition = with(offset(1, 10), json!({"committed_leader_epoch": epoch}));
                step(&commit(&group, json!([of(&a, json!([partition]))])));
            }
            for metadata in [Value::Null, json!("m"), json!("m".repeat(4096)), json!("m".repeat(4097))] {
                let partition = with(offset(2, 11), json!({"committed_metadata": metadata}));
                step(&commit(&group, json!([of(&a, json!([partition, offset(0, 12)]))])));
            }
            let some = json!([asked(&a, &[2, 0, 1, 7, -1]), asked(&b, &[0]), asked(&nobody, &[0])]);
            fetch_all(peer, &group, &some);
        }
    });
}

#[test]
fn the_metadata_of_a_commit_is_measured_as_kafka_measures_it() {
    compare(|peer| {
        let topic = peer.topic("t", 1, &[]);
        let group = group(peer, "metadata");
        for metadata in
            ["\u{e4}".repeat(4096), "\u{e4}".repeat(4097), "\u{1f980}".repeat(2048), "\u{1f980}".repeat(2049)]
        {
            let partition = with(offset(0, 1), json!({"committed_metadata": metadata}));
            for version in COMMITS {
                commits(peer, version, &commit(&group, json!([of(&topic, json!([partition]))])));
            }
            fetch(peer, 10, false, json!([{"group_id": group, "topics": null}]));
        }
    });
}

#[test]
fn commits_and_fetches_of_those_who_are_in_no_group() {
    compare(|peer| {
        let topic = peer.topic("t", 2, &[]);
        let simple = group(peer, "simple");
        commits(peer, 9, &commit(&simple, json!([of(&topic, json!([offset(0, 5)]))])));
        let nobody = group(peer, "nobody");
        for group in [simple.as_str(), &nobody, ""] {
            // Who names no generation makes a group, and other tests use the one without a name.
            let may_make = |(generation, _): &(i32, &str)| group == simple || *generation >= 0;
            let generations = [(0, ""), (1, "me"), (-1, "me"), (-2, ""), (-1, "")].into_iter().filter(may_make);
            for (version, (generation, member)) in
                COMMITS.flat_map(|version| generations.clone().map(move |who| (version, who)))
            {
                let who = json!({"generation_id_or_member_epoch": generation, "member_id": member});
                let body = with(commit(group, json!([of(&topic, json!([offset(0, 5)]))])), who);
                commits(peer, version, &body);
            }
            let members = [Value::Null, json!(""), json!("me")];
            let who = members.iter().flat_map(|member| [-1, 0, 1, -2].map(|epoch| (member, epoch)));
            for (version, (member, epoch)) in FETCHES.flat_map(|version| who.clone().map(move |who| (version, who))) {
                let one = json!({
                    "group_id": group, "member_id": member, "member_epoch": epoch, "topics": [asked(&topic, &[0, 1])],
                });
                fetch(peer, version, version > 6, json!([one]));
            }
        }
    });
}

#[test]
fn offsets_of_many_groups_are_fetched_at_once() {
    compare(|peer| {
        let (a, b) = (peer.topic("a", 2, &[]), peer.topic("b", 1, &[]));
        let groups = ["one", "two", "three"].map(|name| group(peer, name));
        for (group, place) in groups.iter().zip(1..) {
            let body = commit(group, json!([of(&a, json!([offset(1, place)])), of(&b, json!([offset(0, place)]))]));
            commits(peer, 9, &body);
        }
        let (nobody, nobody_else) = (peer.name("nobody"), peer.name("nobody else"));
        for version in GROUPS_FROM..=10 {
            for require_stable in [false, true] {
                fetch(
                    peer,
                    version,
                    require_stable,
                    json!([
                        {"group_id": groups[2], "topics": [asked(&b, &[0]), asked(&a, &[1, 0])]},
                        {"group_id": nobody, "topics": [asked(&a, &[0])]},
                        {"group_id": groups[0], "topics": null},
                        {"group_id": "", "topics": [asked(&a, &[1])]},
                        {"group_id": nobody_else, "topics": []},
                        {"group_id": groups[1], "topics": [asked(&a, &[]), asked(&a, &[1]), asked(&a, &[1, 1])]},
                    ]),
                );
                fetch(peer, version, require_stable, json!([{"group_id": nobody, "topics": null}]));
                fetch(peer, version, require_stable, json!([]));
            }
        }
    });
}

/// Commits and fetches by and beside a member, in its epoch and in others.
fn ask_as(peer: &mut Peer, group: &str, topic: &Topic, member: &str, epochs: &[i64]) {
    for version in COMMITS {
        for who in [member, "nobody", ""] {
            for epoch in epochs {
                let who = json!({"generation_id_or_member_epoch": epoch, "member_id": who});
                let body = with(commit(group, json!([of(topic, json!([offset(0, 5), offset(9, 1)]))])), who);
                commits(peer, version, &body);
            }
        }
        if version > 6 {
            let who =
                json!({"generation_id_or_member_epoch": epochs[0], "member_id": member, "group_instance_id": "one"});
            let body = with(commit(group, json!([of(topic, json!([offset(0, 5)]))])), who);
            commits(peer, version, &body);
        }
    }
    for version in FETCHES {
        // The first version does not ask for everything.
        let wanted = [json!([asked(topic, &[0])]), Value::Null];
        let wanted = if version > 1 { &wanted[..] } else { &wanted[..1] };
        for who in [json!(member), json!("nobody"), json!(""), Value::Null] {
            // Nobody in an epoch is not asked: the real one answers that with an unknown error.
            let epochs = epochs.iter().filter(|epoch| !who.is_null() || **epoch < 0);
            for (epoch, topics) in epochs.flat_map(|epoch| wanted.iter().map(move |topics| (epoch, topics))) {
                let one = json!({"group_id": group, "member_id": who, "member_epoch": epoch, "topics": topics});
                fetch(peer, version, false, json!([one]));
            }
        }
    }
}

fn delete(peer: &mut Peer, group: &str, topics: &[(&Topic, &[i32])]) {
    let partitions = |indexes: &[i32]| indexes.iter().map(|index| json!({"partition_index": index})).collect::<Value>();
    let topics: Vec<_> =
        topics.iter().map(|(topic, indexes)| json!({"name": topic.name, "partitions": partitions(indexes)})).collect();
    let body = json!({"group_id": group, "topics": topics});
    let mut answer = peer.client().call("OffsetDelete", 0, &body);
    sort(peer, &mut answer["topics"]);
    peer.note("OffsetDelete", 0, &body, &answer);
}

/// Deletes offsets in every way, and shows what is left.
fn delete_all_ways(peer: &mut Peer, group: &str, read: &Topic, other: &Topic) {
    let nobody = Topic { name: peer.name("nobody"), id: NO_ID.to_owned() };
    for topics in [
        &[][..],
        &[(read, &[][..])],
        &[(read, &[0][..])],
        &[(other, &[0, 1, 7, -1][..])],
        &[(other, &[0, 0][..])],
        &[(&nobody, &[0][..]), (other, &[1][..]), (read, &[0, 9][..])],
        &[(other, &[0][..]), (other, &[1][..])],
    ] {
        delete(peer, group, topics);
    }
    fetch(peer, 10, false, json!([{"group_id": group, "topics": null}]));
}

fn commit_some(peer: &mut Peer, group: &str, topics: &[&Topic], who: Value) {
    let topics: Vec<_> = topics.iter().map(|topic| of(topic, json!([offset(0, 5), offset(1, 6)]))).collect();
    let version = if who["member_id"].is_null() { 8 } else { 9 };
    commits(peer, version, &with(commit(group, json!(topics)), who));
}

#[test]
fn commits_fetches_and_deletes_of_a_classic_group() {
    compare(|peer| {
        let (topic, other) = (peer.topic("t", 2, &[]), peer.topic("o", 2, &[]));
        let group = group(peer, "classic");
        let protocols = json!([{"name": "range", "metadata": consumer_subscription(&topic.name)}]);
        let joined = peer.client().call("JoinGroup", JOIN_AT_ONCE, &join(&group, json!({"protocols": protocols})));
        let member = joined["member_id"].as_str().unwrap().to_owned();
        peer.mask(&member, "member");
        ask_as(peer, &group, &topic, &member, &[1, 0, 2, -1]);
        let sync = json!({"group_id": group, "generation_id": 1, "member_id": member});
        peer.call("SyncGroup", 3, &sync);
        ask_as(peer, &group, &topic, &member, &[1, 0, 2, -1]);
        let who = json!({"generation_id_or_member_epoch": 1, "member_id": member});
        commit_some(peer, &group, &[&topic, &other], who);
        delete_all_ways(peer, &group, &topic, &other);
        peer.call("DeleteGroups", 2, &json!({"groups_names": [group]}));
        peer.call("LeaveGroup", 2, &json!({"group_id": group, "member_id": member}));
        ask_as(peer, &group, &topic, &member, &[1, 0, -1]);
        commit_some(peer, &group, &[&topic, &other], json!({}));
        delete_all_ways(peer, &group, &topic, &other);
    });
}

#[test]
fn offsets_of_a_group_that_speaks_another_protocol_are_kept() {
    compare(|peer| {
        let (topic, other) = (peer.topic("t", 2, &[]), peer.topic("o", 2, &[]));
        let group = group(peer, "connect");
        let joined = peer.client().call("JoinGroup", JOIN_AT_ONCE, &join(&group, json!({"protocol_type": "connect"})));
        let member = joined["member_id"].as_str().unwrap().to_owned();
        peer.mask(&member, "member");
        peer.call("SyncGroup", 3, &json!({"group_id": group, "generation_id": 1, "member_id": member}));
        commit_some(peer, &group, &[&topic, &other], json!({"generation_id_or_member_epoch": 1, "member_id": member}));
        delete_all_ways(peer, &group, &topic, &other);
        peer.call("LeaveGroup", 2, &json!({"group_id": group, "member_id": member}));
        delete_all_ways(peer, &group, &topic, &other);
    });
}

#[test]
fn commits_fetches_and_deletes_of_a_kip_848_group() {
    compare(|peer| {
        let (topic, other) = (peer.topic("t", 2, &[]), peer.topic("o", 2, &[]));
        let group = group(peer, "consumer");
        assign_at_once(peer, &group);
        let epoch = joins(peer, &group, ID, &topic.name, json!({}))["member_epoch"].as_i64().unwrap();
        ask_as(peer, &group, &topic, ID, &[epoch, epoch - 1, epoch + 1, 0, -1, -2]);
        let who = json!({"generation_id_or_member_epoch": epoch, "member_id": ID});
        commit_some(peer, &group, &[&topic, &other], who);
        delete_all_ways(peer, &group, &topic, &other);
        peer.call("DeleteGroups", 2, &json!({"groups_names": [group]}));
        let leave = json!({"group_id": group, "member_id": ID, "member_epoch": -1});
        peer.call(
            "ConsumerGroupHeartbeat",
            1,
            &with(leave, json!({"subscribed_topic_names": null, "topic_partitions": null})),
        );
        ask_as(peer, &group, &topic, ID, &[epoch, 0, -1]);
        commit_some(peer, &group, &[&topic, &other], json!({}));
        delete_all_ways(peer, &group, &topic, &other);
    });
}

#[test]
fn commits_in_an_older_epoch() {
    compare(|peer| {
        let topic = peer.topic("t", 2, &[]);
        let group = group(peer, "older");
        assign_at_once(peer, &group);
        let first = joins(peer, &group, ID, &topic.name, json!({}))["member_epoch"].as_i64().unwrap();
        let says = |epoch: i64, topics: Value| json!({"group_id": group, "member_id": ID, "member_epoch": epoch, "subscribed_topic_names": topics, "topic_partitions": null});
        // Other subscriptions raise the epoch; what the member has it keeps.
        let more = says(first, json!([topic.name, peer.name("nobody")]));
        let second = peer.call("ConsumerGroupHeartbeat", 1, &more)["member_epoch"].as_i64().unwrap();
        for version in COMMITS {
            for epoch in [first - 1, first, second, second + 1] {
                let who = json!({"generation_id_or_member_epoch": epoch, "member_id": ID});
                let body = with(commit(&group, json!([of(&topic, json!([offset(0, 5), offset(1, 6)]))])), who);
                commits(peer, version, &body);
            }
        }
    });
}

#[test]
fn deletes_of_what_is_no_group() {
    compare(|peer| {
        let (a, b) = (peer.topic("a", 2, &[]), peer.topic("b", 2, &[]));
        let simple = group(peer, "simple");
        commit_some(peer, &simple, &[&a, &b], json!({}));
        delete_all_ways(peer, &simple, &a, &b);
        // Its last offset is gone, and with it the group.
        delete_all_ways(peer, &simple, &a, &b);
        let nobody = peer.name("nobody");
        for group in [nobody.as_str(), ""] {
            delete_all_ways(peer, group, &a, &b);
        }
    });
}

#[test]
fn offsets_of_a_topic_that_is_made_again_are_not_those_of_the_one_before() {
    compare(|peer| {
        let group = group(peer, "again");
        let first = peer.topic("again", 1, &[]);
        commit_some(peer, &group, &[&first], json!({}));
        let by_id = json!([of(&first, json!([offset(0, 7)]))]);
        commits(peer, 10, &commit(&group, by_id));
        fetch_all(peer, &group, &json!([asked(&first, &[0, 1])]));
    });
}
