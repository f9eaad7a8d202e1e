//! The requests of classic groups, in every version.

use serde_json::{Value, json};
use test_support::{SOON, wait_until};

use super::compare;
use super::peer::Peer;
use crate::support::groups::{JOIN_AT_ONCE, find_coordinator, join, state, with};

fn group(peer: &mut Peer, name: &str) -> String {
    let group = peer.name(name);
    find_coordinator(peer.client(), &group);
    group
}

/// A join whose answer has a member id that nobody can foretell.
#[track_caller]
fn join_as(peer: &mut Peer, version: i16, body: &Value, member: &str) -> String {
    let answer = peer.client().call("JoinGroup", version, body);
    let member_id = answer["member_id"].as_str().unwrap().to_owned();
    if !member_id.is_empty() {
        peer.mask(&member_id, member);
    }
    peer.note("JoinGroup", version, body, &answer);
    member_id
}

/// Waits for the group's first record. The real Kafka tells a member its id before that is written, and describes what is.
#[track_caller]
fn wait_until_written(peer: &mut Peer, group: &str) {
    wait_until("a group", SOON, || state(peer.client(), group) == "Empty");
}

fn describe(peer: &mut Peer, group: &str) {
    peer.call_all("DescribeGroups", &json!({"groups": [group], "include_authorized_operations": false}));
}

/// A heartbeat, a sync and a leave of a member that is not there, or not so.
fn ask_all(peer: &mut Peer, group: &str, member_id: &str, instance: Option<&str>, generation: i32) {
    let body = json!({"group_id": group, "generation_id": generation, "member_id": member_id});
    let instance_id = json!({"group_instance_id": instance});
    let of = |versions: std::ops::RangeInclusive<i16>, body: &Value| {
        let bodies: Vec<(i16, Value)> = versions.map(|version| (version, body.clone())).collect();
        bodies
    };
    let named = with(body.clone(), instance_id);
    for (version, body) in of(0..=2, &body).into_iter().chain(of(3..=4, &named)) {
        peer.call("Heartbeat", version, &body);
    }
    for (protocol_type, protocol_name) in [("consumer", "range"), ("connect", "range"), ("consumer", "other")] {
        let protocol = json!({"protocol_type": protocol_type, "protocol_name": protocol_name});
        for (version, body) in of(0..=2, &body).into_iter().chain(of(3..=5, &with(named.clone(), protocol))) {
            peer.call("SyncGroup", version, &body);
        }
    }
}

fn leave_all(peer: &mut Peer, group: &str, member_id: &str, instance: Option<&str>) {
    for version in 0..=2 {
        peer.call("LeaveGroup", version, &json!({"group_id": group, "member_id": member_id}));
    }
    for version in 3..=5 {
        let member = json!({"member_id": member_id, "group_instance_id": instance});
        peer.call("LeaveGroup", version, &json!({"group_id": group, "members": [member]}));
    }
}

#[test]
fn what_is_refused_in_every_version() {
    compare(|peer| {
        let group = group(peer, "refused");
        for changes in [
            json!({"group_id": ""}),
            json!({"session_timeout_ms": 5_999, "member_id": "me"}),
            json!({"session_timeout_ms": 1_800_001}),
            json!({"member_id": "me"}),
        ] {
            peer.call_all("JoinGroup", &join(&group, changes));
        }
        describe(peer, &group);
        for name in ["", &group] {
            ask_all(peer, name, "me", None, 1);
            ask_all(peer, name, "", None, -1);
            leave_all(peer, name, "me", None);
            leave_all(peer, name, "", None);
        }
        for version in 3..=5 {
            peer.call("LeaveGroup", version, &json!({"group_id": group, "members": []}));
        }
        describe(peer, &group);
    });
}

#[test]
fn what_no_group_is_made_of_is_refused_and_makes_one() {
    compare(|peer| {
        for (name, changes) in [("none", json!({"protocols": []})), ("typeless", json!({"protocol_type": ""}))] {
            let group = group(peer, name);
            peer.call_all("JoinGroup", &join(&group, changes));
            wait_until_written(peer, &group);
            describe(peer, &group);
        }
    });
}

#[test]
fn the_life_of_a_group_of_one() {
    for version in [0, 3, 4, 5, 7, 9] {
        compare(|peer| {
            let group = group(peer, "life");
            let first = join_as(peer, version, &join(&group, json!({})), "member");
            let again = join(&group, json!({"member_id": first}));
            if version >= 4 {
                wait_until_written(peer, &group);
                describe(peer, &group);
                join_as(peer, version, &again, "member");
            }
            describe(peer, &group);
            join_as(peer, version, &again, "member");
            for wrong in [0, 2] {
                ask_all(peer, &group, &first, None, wrong);
            }
            let sync = json!({
                "group_id": group, "generation_id": 1, "member_id": first,
                "protocol_type": "consumer", "protocol_name": "range",
                "assignments": [{"member_id": first, "assignment": "0a"}, {"member_id": "nobody", "assignment": "0b"}],
            });
            peer.call("SyncGroup", version.min(5), &sync);
            describe(peer, &group);
            ask_all(peer, &group, &first, None, 1);
            ask_all(peer, &group, &first, Some("one"), 1);
            peer.call_all("JoinGroup", &join(&group, json!({"protocols": [{"name": "other", "metadata": ""}]})));
            peer.call_all("JoinGroup", &join(&group, json!({"member_id": "nobody"})));
            join_as(peer, version, &again, "member");
            describe(peer, &group);
            leave_all(peer, &group, &first, None);
            describe(peer, &group);
            ask_all(peer, &group, &first, None, 2);
            peer.call_all("JoinGroup", &again);
        });
    }
}

#[test]
fn a_static_member_and_its_successor() {
    compare(|peer| {
        let group = group(peer, "static");
        let fixed = |changes: Value| with(join(&group, json!({"group_instance_id": "one"})), changes);
        let first = join_as(peer, 9, &fixed(json!({})), "first");
        let sync = json!({
            "group_id": group, "generation_id": 1, "member_id": first, "group_instance_id": "one",
            "protocol_type": "consumer", "protocol_name": "range",
            "assignments": [{"member_id": first, "assignment": "0a"}],
        });
        peer.call("SyncGroup", 5, &sync);
        let mut last = first.clone();
        for version in 5..=9 {
            let successor = join_as(peer, version, &fixed(json!({})), "successor");
            ask_all(peer, &group, &last, Some("one"), 1);
            ask_all(peer, &group, &last, None, 1);
            leave_all(peer, &group, &last, Some("one"));
            for join_version in 5..=9 {
                peer.call("JoinGroup", join_version, &fixed(json!({"member_id": last})));
            }
            ask_all(peer, &group, &successor, Some("one"), 1);
            ask_all(peer, &group, &successor, Some("two"), 1);
            last = successor;
        }
        describe(peer, &group);
        let more = json!([{"name": "other", "metadata": "0c"}, {"name": "range", "metadata": "0d"}]);
        let rebalanced = join_as(peer, 9, &fixed(json!({"protocols": more})), "rebalanced");
        describe(peer, &group);
        leave_all(peer, &group, "", Some("two"));
        leave_all(peer, &group, "", Some("one"));
        ask_all(peer, &group, &rebalanced, Some("one"), 2);
        describe(peer, &group);
    });
}

#[test]
fn joins_as_no_client_sends_them() {
    compare(|peer| {
        let protocol = |name: &str, metadata: &str| json!({"name": name, "metadata": metadata});
        let many: Value = (0..300).map(|number| protocol(&format!("p{number}"), "00")).collect();
        // A protocol that is named twice is not asked: the real one never answers, and its group is stuck.
        let odd = [
            json!({"group_instance_id": ""}),
            json!({"group_instance_id": "."}),
            json!({"group_instance_id": "a b/\u{e4}"}),
            json!({"group_instance_id": "i".repeat(250)}),
            json!({"rebalance_timeout_ms": 0}),
            json!({"rebalance_timeout_ms": -1}),
            json!({"rebalance_timeout_ms": i32::MIN}),
            json!({"rebalance_timeout_ms": i32::MAX}),
            json!({"session_timeout_ms": 6_000}),
            json!({"session_timeout_ms": 1_800_000}),
            json!({"protocols": [protocol("", "")]}),
            json!({"protocols": [protocol("other", "ff".repeat(100_000).as_str()), protocol("range", "")]}),
            json!({"protocols": many}),
            json!({"protocol_type": " "}),
            json!({"protocol_type": "t".repeat(1000)}),
        ];
        let mut sent = Vec::new();
        for (number, changes) in odd.into_iter().enumerate() {
            let group = group(peer, &format!("odd-{number}"));
            let version = if changes["group_instance_id"].is_null() { JOIN_AT_ONCE } else { 5 };
            let body = join(&group, changes);
            let mut client = peer.connection();
            let correlation_id = client.send("JoinGroup", version, &body);
            sent.push((client, version, body, correlation_id));
        }
        for (number, (mut client, version, body, correlation_id)) in sent.into_iter().enumerate() {
            let answer = client.answer("JoinGroup", version, correlation_id);
            peer.mask(answer["member_id"].as_str().unwrap(), &format!("member {number}"));
            peer.note("JoinGroup", version, &body, &answer);
        }
    });
}

#[test]
fn rejoins_syncs_and_leaves_as_no_client_sends_them() {
    compare(|peer| {
        let group = group(peer, "odd");
        let member = join_as(peer, JOIN_AT_ONCE, &join(&group, json!({})), "member");
        let of = |generation: i32, assignments: Value| json!({"group_id": group, "generation_id": generation, "member_id": member, "assignments": assignments});
        let to = |id: &str, assignment: &str| json!({"member_id": id, "assignment": assignment});
        peer.call(
            "SyncGroup",
            3,
            &of(1, json!([to(&member, "0a"), to(&member, "0b"), to("", "0c"), to("nobody", "0d")])),
        );
        describe(peer, &group);
        peer.call("SyncGroup", 3, &of(1, json!([to(&member, "0e")])));
        let mut generation = 1;
        for protocols in [
            json!([{"name": "range", "metadata": ""}]),
            json!([{"name": "other", "metadata": "01"}, {"name": "range", "metadata": "02"}]),
            json!([]),
        ] {
            let body = join(&group, json!({"member_id": member, "protocols": protocols}));
            let joined = peer.call("JoinGroup", JOIN_AT_ONCE, &body);
            if joined["error_code"] == 0 {
                generation = i32::try_from(joined["generation_id"].as_i64().unwrap()).unwrap();
            }
            describe(peer, &group);
            peer.call("SyncGroup", 3, &of(generation, json!([])));
            describe(peer, &group);
        }
        let leaving = json!({"member_id": member});
        for version in 3..=5 {
            let members =
                json!([leaving, leaving, {"member_id": ""}, {"member_id": "nobody", "group_instance_id": "one"}]);
            peer.call("LeaveGroup", version, &json!({"group_id": group, "members": members}));
        }
        describe(peer, &group);
    });
}
