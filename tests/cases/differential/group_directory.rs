//! FindCoordinator, DescribeGroups, ListGroups and DeleteGroups, in every version.

use serde_json::{Value, json};

use super::compare;
use super::consumer_groups::{ID, joins};
use super::peer::Peer;
use crate::support::groups::{JOIN_AT_ONCE, find_coordinator, join};

fn group(peer: &mut Peer, name: &str) -> String {
    let group = peer.name(name);
    find_coordinator(peer.client(), &group);
    group
}

/// A group of each kind and state: without members but with an offset, classic and stable, classic in a rebalance, classic and
/// empty, KIP-848 with a member.
fn one_of_each(peer: &mut Peer) -> [String; 5] {
    let groups = ["simple", "stable", "syncing", "empty", "consumer"].map(|name| group(peer, name));
    let topic = peer.topic("t", 1, &[]);
    let partition = json!({"partition_index": 0, "committed_offset": 1, "committed_metadata": ""});
    let topics = json!([{"name": topic.name, "partitions": [partition]}]);
    peer.call("OffsetCommit", 8, &json!({"group_id": groups[0], "topics": topics}));
    for group in &groups[1..4] {
        let joined = peer.client().call("JoinGroup", JOIN_AT_ONCE, &join(group, json!({"session_timeout_ms": 60_000})));
        let member = joined["member_id"].as_str().unwrap().to_owned();
        peer.mask(&member, "member");
        if *group == groups[1] {
            let assignments = json!([{"member_id": member, "assignment": "0102"}]);
            let sync = json!({"group_id": group, "generation_id": 1, "member_id": member, "assignments": assignments});
            peer.call("SyncGroup", 3, &sync);
        }
        if *group == groups[3] {
            peer.call("LeaveGroup", 2, &json!({"group_id": group, "member_id": member}));
        }
    }
    joins(peer, &groups[4], ID, &topic.name, json!({}));
    groups
}

#[test]
fn find_coordinator_in_every_version() {
    compare(|peer| {
        let name = group(peer, "found");
        let long = "g".repeat(32_767);
        for key in [name.as_str(), "", " ", &long] {
            for version in 0..=3 {
                peer.call("FindCoordinator", version, &json!({"key": key, "key_type": 0}));
            }
            for version in 4..=6 {
                peer.call("FindCoordinator", version, &json!({"key_type": 0, "coordinator_keys": [key]}));
            }
        }
        for version in 4..=6 {
            for keys in [json!([]), json!([name, "", name, peer.name("other")])] {
                peer.call("FindCoordinator", version, &json!({"key_type": 0, "coordinator_keys": keys}));
            }
        }
        for key_type in [3, 4, -1, i8::MAX] {
            for version in 1..=3 {
                peer.call("FindCoordinator", version, &json!({"key": name, "key_type": key_type}));
            }
            for version in 4..=6 {
                let keys = json!([name, ""]);
                peer.call("FindCoordinator", version, &json!({"key_type": key_type, "coordinator_keys": keys}));
            }
        }
        // Coordinators of share groups, in versions that do not know them.
        for version in 1..=3 {
            peer.call("FindCoordinator", version, &json!({"key": name, "key_type": 2}));
        }
        for version in 4..=5 {
            peer.call("FindCoordinator", version, &json!({"key_type": 2, "coordinator_keys": [name]}));
        }
    });
}

#[test]
fn describe_groups_of_each_kind() {
    compare(|peer| {
        let groups = one_of_each(peer);
        let nobody = peer.name("nobody");
        for include in [false, true] {
            for version in 0..=6 {
                let mut ask = |names: &[&str]| {
                    let body = json!({"groups": names, "include_authorized_operations": include});
                    let mut answer = peer.client().call("DescribeGroups", version, &body);
                    peer.sort(&mut answer["groups"]);
                    peer.note("DescribeGroups", version, &body, &answer);
                };
                for group in &groups {
                    ask(&[group]);
                }
                ask(&[&nobody]);
                ask(&[""]);
                ask(&[]);
                ask(&[&groups[1], &nobody, "", &groups[0], &groups[4]]);
            }
        }
    });
}

/// Lists the groups of this test alone.
fn list(peer: &mut Peer, version: i16, states: &[&str], types: &[&str]) {
    let mut body = json!({});
    if version >= 4 {
        body["states_filter"] = json!(states);
    }
    if version >= 5 {
        body["types_filter"] = json!(types);
    }
    let mut answer = peer.client().call("ListGroups", version, &body);
    let salt = peer.name("");
    answer["groups"].as_array_mut().unwrap().retain(|group| group["group_id"].as_str().unwrap().ends_with(&salt));
    peer.sort(&mut answer["groups"]);
    peer.note("ListGroups", version, &body, &answer);
}

#[test]
fn list_groups_by_state_and_type() {
    compare(|peer| {
        one_of_each(peer);
        for version in 0..=5 {
            list(peer, version, &[], &[]);
        }
        for version in 4..=5 {
            for states in [
                &["Empty"][..],
                &["empty"],
                &["EMPTY", "stable"],
                &["Stable"],
                &["CompletingRebalance"],
                &["completingrebalance"],
                &["PreparingRebalance"],
                &["Reconciling"],
                &["Assigning"],
                &["Dead"],
                &["Unknown"],
                &["nonsense"],
                &["nonsense", "Empty"],
                &[""],
                &[" Empty "],
                &["Empty,Stable"],
            ] {
                list(peer, version, states, &[]);
            }
        }
        for types in [
            &["classic"][..],
            &["Classic"],
            &["CLASSIC"],
            &["consumer"],
            &["Consumer"],
            &["consumer", "classic"],
            &["share"],
            &["streams"],
            &["unknown"],
            &["nonsense"],
            &["nonsense", "classic"],
            &[""],
            &[" classic "],
        ] {
            list(peer, 5, &[], types);
            list(peer, 5, &["Stable", "Empty"], types);
        }
    });
}

fn delete(peer: &mut Peer, version: i16, groups: Value) {
    let body = json!({"groups_names": groups});
    peer.call_sorted("DeleteGroups", version, &body, "results");
}

#[test]
fn delete_groups_of_each_kind() {
    for version in 0..=3 {
        compare(|peer| {
            let groups = one_of_each(peer);
            let nobody = peer.name("nobody");
            for names in [json!([]), json!([nobody]), json!([""]), json!([nobody, nobody]), json!([groups[1], ""])] {
                delete(peer, version, names);
            }
            delete(peer, version, json!(groups));
            list(peer, 5, &[], &[]);
            delete(peer, version, json!(groups));
        });
    }
}
