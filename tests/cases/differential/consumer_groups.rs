//! ConsumerGroupHeartbeat and ConsumerGroupDescribe (KIP-848), in both versions.

use serde_json::{Value, json};
use test_support::{SOON, wait_until};

use super::compare;
use super::peer::Peer;
use crate::support::consumer_groups::{first_heartbeat, heartbeat};
use crate::support::groups::{JOIN_AT_ONCE, consumer_subscription, find_coordinator, join, with};

/// Ids of members, which they make themselves.
pub(super) const ID: &str = "AAAAAAAAAAAAAAAAAAAAAA";
const OTHER_ID: &str = "BBBBBBBBBBBBBBBBBBBBBB";
const THIRD_ID: &str = "CCCCCCCCCCCCCCCCCCCCCC";

const GROUP: i8 = 32;

/// Takes the pause out of a group's assignments, so that how fast a test runs does not show in epochs.
pub(super) fn assign_at_once(peer: &mut Peer, group: &str) {
    let key = "consumer.assignment.interval.ms";
    let configs = json!([{"name": key, "config_operation": 0, "value": "0"}]);
    let resource = json!({"resource_type": GROUP, "resource_name": group, "configs": configs});
    let answer = peer.client().call("IncrementalAlterConfigs", 1, &json!({"resources": [resource]}));
    assert_eq!(answer["responses"][0]["error_code"], 0, "{answer}");
    let resource = json!({"resource_type": GROUP, "resource_name": group, "configuration_keys": [key]});
    wait_until("the group's config", SOON, || {
        let answer = peer.client().call("DescribeConfigs", 4, &json!({"resources": [resource]}));
        answer["results"][0]["configs"][0]["value"] == "0"
    });
}

fn group(peer: &mut Peer, name: &str) -> String {
    let group = peer.name(name);
    find_coordinator(peer.client(), &group);
    assign_at_once(peer, &group);
    group
}

/// A first heartbeat, compared; its answer.
#[track_caller]
pub(super) fn joins(peer: &mut Peer, group: &str, id: &str, topic: &str, changes: Value) -> Value {
    beats(peer, 1, &first_heartbeat(group, id, topic, changes))
}

/// A heartbeat, compared but for the order of what is assigned.
#[track_caller]
fn beats(peer: &mut Peer, version: i16, body: &Value) -> Value {
    let mut answer = peer.client().call("ConsumerGroupHeartbeat", version, body);
    if answer["assignment"].is_object() {
        sort(peer, &mut answer["assignment"]);
    }
    peer.note("ConsumerGroupHeartbeat", version, body, &answer);
    answer
}

fn sort(peer: &Peer, assignment: &mut Value) {
    for topic in assignment["topic_partitions"].as_array_mut().unwrap() {
        topic["partitions"].as_array_mut().unwrap().sort_by_key(Value::as_i64);
    }
    peer.sort(&mut assignment["topic_partitions"]);
}

/// Describes groups, compared but for their order, that of their members, and that of what these read and are assigned.
fn describe(peer: &mut Peer, groups: &[&str]) {
    for version in 0..=1 {
        for include in [false, true] {
            let body = json!({"group_ids": groups, "include_authorized_operations": include});
            let mut answer = peer.client().call("ConsumerGroupDescribe", version, &body);
            for group in answer["groups"].as_array_mut().unwrap() {
                for member in group["members"].as_array_mut().unwrap() {
                    peer.sort(&mut member["subscribed_topic_names"]);
                    sort(peer, &mut member["assignment"]);
                    sort(peer, &mut member["target_assignment"]);
                }
                peer.sort(&mut group["members"]);
            }
            peer.sort(&mut answer["groups"]);
            peer.note("ConsumerGroupDescribe", version, &body, &answer);
        }
    }
}

#[test]
fn what_a_heartbeat_may_not_say() {
    compare(|peer| {
        let topic = peer.topic("t", 1, &[]);
        let group = group(peer, "invalid");
        for version in 0..=1 {
            for changes in [
                json!({"group_id": ""}),
                json!({"group_id": " "}),
                json!({"member_id": " "}),
                json!({"rebalance_timeout_ms": -1}),
                json!({"topic_partitions": null}),
                json!({"topic_partitions": [{"topic_id": topic.id, "partitions": []}]}),
                json!({"topic_partitions": [{"topic_id": topic.id, "partitions": [0]}]}),
                json!({"subscribed_topic_names": null}),
                json!({"instance_id": ""}),
                json!({"instance_id": " "}),
                json!({"rack_id": ""}),
                json!({"member_epoch": -3}),
                json!({"member_epoch": -2}),
                json!({"member_epoch": -1}),
                json!({"member_epoch": 1}),
                json!({"member_epoch": i32::MAX}),
                json!({"member_epoch": -1, "member_id": ""}),
                json!({"member_epoch": 1, "member_id": ""}),
                json!({"member_epoch": -2, "instance_id": "one"}),
                json!({"server_assignor": "other"}),
                json!({"server_assignor": ""}),
                json!({"server_assignor": "other", "rebalance_timeout_ms": -1}),
            ] {
                beats(peer, version, &first_heartbeat(&group, ID, &topic.name, changes));
            }
        }
        for changes in [
            json!({"member_id": ""}),
            json!({"subscribed_topic_regex": "("}),
            json!({"subscribed_topic_regex": "a(?=b)"}),
            json!({"subscribed_topic_regex": "[", "server_assignor": "other"}),
            json!({"subscribed_topic_regex": "*"}),
        ] {
            beats(peer, 1, &first_heartbeat(&group, ID, &topic.name, changes));
        }
        describe(peer, &[&group, "", &peer.name("nobody")]);
        describe(peer, &[]);
    });
}

#[test]
fn a_member_of_version_0_is_given_its_id() {
    compare(|peer| {
        let topic = peer.topic("t", 2, &[]);
        let group = group(peer, "given");
        let body = first_heartbeat(&group, "", &topic.name, json!({}));
        let answer = peer.client().call("ConsumerGroupHeartbeat", 0, &body);
        let id = answer["member_id"].as_str().unwrap().to_owned();
        assert_eq!(id.len(), 22, "{answer}");
        peer.mask(&id, "member");
        let mut answer = answer;
        sort(peer, &mut answer["assignment"]);
        peer.note("ConsumerGroupHeartbeat", 0, &body, &answer);
        describe(peer, &[&group]);
        beats(peer, 0, &heartbeat(&group, &id, -1, json!({})));
        describe(peer, &[&group]);
    });
}

#[test]
fn the_life_of_a_group() {
    compare(|peer| {
        let (topic, other) = (peer.topic("t", 3, &[]), peer.topic("o", 2, &[]));
        let group = group(peer, "life");
        let epoch = joins(peer, &group, ID, &topic.name, json!({}))["member_epoch"].as_i64().unwrap();
        describe(peer, &[&group]);
        let owns = |partitions: &[i32]| json!([{"topic_id": topic.id, "partitions": partitions}]);
        // The same first heartbeat again, nothing new, and epochs that are not the member's.
        joins(peer, &group, ID, &topic.name, json!({}));
        for wrong in [epoch - 1, epoch + 1] {
            for owned in [Value::Null, json!([]), owns(&[0, 1, 2]), owns(&[7])] {
                beats(peer, 1, &heartbeat(&group, ID, wrong, json!({"topic_partitions": owned})));
            }
        }
        beats(peer, 1, &heartbeat(&group, ID, epoch, json!({})));
        beats(peer, 1, &heartbeat(&group, ID, epoch, json!({"topic_partitions": owns(&[0, 1, 2])})));
        // All of it said again: that calls for a whole answer.
        let full = json!({
            "rebalance_timeout_ms": 60_000, "subscribed_topic_names": [topic.name],
            "topic_partitions": owns(&[0, 1, 2]),
        });
        beats(peer, 1, &heartbeat(&group, ID, epoch, full));
        // Another one joins.
        let second = joins(peer, &group, OTHER_ID, &topic.name, json!({"rack_id": "r", "server_assignor": "range"}));
        let second = second["member_epoch"].as_i64().unwrap();
        describe(peer, &[&group]);
        let told = beats(peer, 1, &heartbeat(&group, ID, epoch, json!({"topic_partitions": owns(&[0, 1, 2])})));
        describe(peer, &[&group]);
        let left: Vec<i32> = told["assignment"]["topic_partitions"][0]["partitions"]
            .as_array()
            .map(|list| list.iter().map(|index| i32::try_from(index.as_i64().unwrap()).unwrap()).collect())
            .unwrap_or_default();
        beats(peer, 1, &heartbeat(&group, ID, epoch, json!({"topic_partitions": owns(&[0, 1, 2])})));
        let told = beats(peer, 1, &heartbeat(&group, ID, epoch, json!({"topic_partitions": owns(&left)})));
        // That answer was lost.
        beats(peer, 1, &heartbeat(&group, ID, epoch, json!({"topic_partitions": owns(&left)})));
        beats(peer, 1, &heartbeat(&group, ID, epoch, json!({"topic_partitions": owns(&[0, 1, 2])})));
        beats(peer, 1, &heartbeat(&group, ID, epoch, json!({})));
        let epoch = told["member_epoch"].as_i64().unwrap();
        beats(peer, 1, &heartbeat(&group, OTHER_ID, second, json!({"topic_partitions": []})));
        describe(peer, &[&group]);
        // Other topics.
        let more = json!({"subscribed_topic_names": [topic.name, other.name, peer.name("nobody")]});
        let told = beats(peer, 1, &heartbeat(&group, ID, epoch, more));
        describe(peer, &[&group]);
        let epoch = told["member_epoch"].as_i64().unwrap();
        beats(peer, 1, &heartbeat(&group, ID, epoch, json!({"subscribed_topic_names": []})));
        describe(peer, &[&group]);
        // They leave.
        beats(peer, 1, &heartbeat(&group, OTHER_ID, -1, json!({})));
        beats(peer, 1, &heartbeat(&group, OTHER_ID, -1, json!({})));
        describe(peer, &[&group]);
        beats(peer, 1, &heartbeat(&group, ID, -1, json!({})));
        describe(peer, &[&group]);
        peer.call_all("DescribeGroups", &json!({"groups": [group]}));
        peer.call_all("DeleteGroups", &json!({"groups_names": [group]}));
        describe(peer, &[&group]);
    });
}

#[test]
fn static_members_leave_for_a_while() {
    compare(|peer| {
        let topic = peer.topic("t", 2, &[]);
        let group = group(peer, "static");
        let one = json!({"instance_id": "one"});
        let epoch = joins(peer, &group, ID, &topic.name, one.clone())["member_epoch"].as_i64().unwrap();
        joins(peer, &group, OTHER_ID, &topic.name, one.clone());
        beats(peer, 1, &heartbeat(&group, OTHER_ID, epoch, one.clone()));
        beats(peer, 1, &heartbeat(&group, ID, epoch, json!({"instance_id": "two"})));
        beats(peer, 1, &heartbeat(&group, ID, epoch, json!({})));
        beats(peer, 1, &heartbeat(&group, ID, -2, one.clone()));
        describe(peer, &[&group]);
        beats(peer, 1, &heartbeat(&group, ID, epoch, one.clone()));
        joins(peer, &group, OTHER_ID, &topic.name, one.clone());
        describe(peer, &[&group]);
        beats(peer, 1, &heartbeat(&group, ID, epoch, one.clone()));
        beats(peer, 1, &heartbeat(&group, ID, -1, one.clone()));
        joins(peer, &group, THIRD_ID, &topic.name, json!({"instance_id": "three", "subscribed_topic_names": []}));
        describe(peer, &[&group]);
        beats(peer, 1, &heartbeat(&group, OTHER_ID, -1, one));
        describe(peer, &[&group]);
    });
}

#[test]
fn members_subscribe_to_patterns() {
    compare(|peer| {
        let (a, b) = (peer.topic("pattern-a", 1, &[]), peer.topic("pattern-b", 2, &[]));
        let group = group(peer, "patterns");
        // The real one looks for the topics of a pattern beside the requests, and tells in a later heartbeat; ours at once.
        let pattern = json!({"subscribed_topic_names": [], "subscribed_topic_regex": format!("{}|none", a.name)});
        let first = first_heartbeat(&group, ID, &a.name, pattern);
        let answer = peer.client().call("ConsumerGroupHeartbeat", 1, &first);
        assert_eq!(answer["error_code"], 0, "{answer}");
        let mut epoch = 0;
        wait_until("the topics of a pattern", SOON, || {
            let body = json!({"group_ids": [group]});
            let group = peer.client().call("ConsumerGroupDescribe", 1, &body)["groups"][0].clone();
            let member = group["members"][0].clone();
            epoch = member["member_epoch"].as_i64().unwrap();
            let heartbeat = heartbeat(group["group_id"].as_str().unwrap(), ID, epoch, json!({}));
            peer.client().call("ConsumerGroupHeartbeat", 1, &heartbeat);
            member["assignment"]["topic_partitions"][0]["topic_id"] == a.id.as_str()
        });
        describe_without_epochs(peer, &group);
        let both = json!({"subscribed_topic_names": [b.name], "subscribed_topic_regex": ""});
        let answer = peer.client().call("ConsumerGroupHeartbeat", 1, &heartbeat(&group, ID, epoch, both));
        assert_eq!(answer["error_code"], 0, "{answer}");
        describe_without_epochs(peer, &group);
    });
}

/// How many epochs it took depends on how fast the patterns were resolved.
fn describe_without_epochs(peer: &mut Peer, group: &str) {
    let body = json!({"group_ids": [group]});
    let mut answer = peer.client().call("ConsumerGroupDescribe", 1, &body);
    let group = &mut answer["groups"][0];
    group["group_epoch"].take();
    group["assignment_epoch"].take();
    group["members"][0]["member_epoch"].take();
    peer.note("ConsumerGroupDescribe", 1, &body, &answer);
}

#[test]
fn groups_of_the_other_kind() {
    compare(|peer| {
        let topic = peer.topic("t", 1, &[]);
        let classic = group(peer, "classic");
        let joined = peer.client().call("JoinGroup", JOIN_AT_ONCE, &join(&classic, json!({})));
        let member = joined["member_id"].as_str().unwrap().to_owned();
        peer.mask(&member, "member");
        peer.call("SyncGroup", 3, &json!({"group_id": classic, "generation_id": 1, "member_id": member}));
        describe(peer, &[&classic]);
        beats(peer, 1, &heartbeat(&classic, ID, 1, json!({})));
        beats(peer, 1, &heartbeat(&classic, ID, -1, json!({})));
        // What the classic member says it reads cannot be understood.
        joins(peer, &classic, ID, &topic.name, json!({}));
        describe(peer, &[&classic]);

        let consumer = group(peer, "consumer");
        joins(peer, &consumer, ID, &topic.name, json!({}));
        let unreadable = json!([{"name": "range", "metadata": "00"}]);
        let readable = json!([{"name": "range", "metadata": consumer_subscription(&topic.name)}]);
        for protocols in [unreadable, readable.clone(), json!([])] {
            for changes in [json!({"member_id": "me"}), json!({"member_id": "me", "protocol_type": "connect"})] {
                peer.call_all("JoinGroup", &join(&consumer, with(changes, json!({"protocols": protocols}))));
            }
        }
        for version in 4..=9 {
            let body = join(&consumer, json!({"protocols": readable}));
            let answer = peer.client().call("JoinGroup", version, &body);
            // An id that the member is to come back with.
            peer.mask(answer["member_id"].as_str().unwrap(), "fresh");
            peer.note("JoinGroup", version, &body, &answer);
        }
        for version in 0..=5 {
            let mut ask = |api: &str, last: i16, body: Value| {
                if version <= last {
                    peer.call(api, version, &body);
                }
            };
            let of = |id: &str| json!({"group_id": consumer, "generation_id": 1, "member_id": id});
            let protocol = json!({"protocol_type": "consumer", "protocol_name": "range"});
            for id in [ID, "nobody"] {
                ask("Heartbeat", 4, of(id));
                ask("SyncGroup", 5, with(of(id), protocol.clone()));
            }
            ask("LeaveGroup", 2, json!({"group_id": consumer, "member_id": "nobody"}));
        }
        for version in 3..=5 {
            let members = json!([{"member_id": "nobody"}, {"member_id": "", "group_instance_id": "one"}]);
            peer.call("LeaveGroup", version, &json!({"group_id": consumer, "members": members}));
        }
        describe(peer, &[&consumer, &classic]);
        peer.call_all("DescribeGroups", &json!({"groups": [consumer]}));
        // The operator's way.
        let member = json!([{"member_id": ID}]);
        peer.call("LeaveGroup", 5, &json!({"group_id": consumer, "members": member}));
        describe(peer, &[&consumer]);
    });
}
