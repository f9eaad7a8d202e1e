//! Classic groups: cases 87 to 89 and 91 to 93.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use test_support::{SOON, wait_until};

use crate::support::brokers;
use crate::support::client::Client;
use crate::support::groups::{
    JOIN_AT_ONCE, JOIN_WITH_ID, Member, find_coordinator, group, join, joined, joined_with, stable, state, with,
};
use crate::support::topics::{Topic, connect};

const ILLEGAL_GENERATION: i64 = 22;
const INCONSISTENT_GROUP_PROTOCOL: i64 = 23;
const INVALID_GROUP_ID: i64 = 24;
const UNKNOWN_MEMBER_ID: i64 = 25;
const INVALID_SESSION_TIMEOUT: i64 = 26;
const REBALANCE_IN_PROGRESS: i64 = 27;
const MEMBER_ID_REQUIRED: i64 = 79;
const GROUP_MAX_SIZE_REACHED: i64 = 81;
const FENCED_INSTANCE_ID: i64 = 82;

/// The shortest session that a broker takes.
const SESSION: Duration = Duration::from_secs(6);
/// A short time for a rebalance; longer than a test takes between two of its steps.
const REBALANCE: Duration = Duration::from_secs(5);
/// Timers may be this much late.
const SLACK: Duration = Duration::from_secs(3);

/// The code of a refused join, which says nothing but that and a member id.
#[track_caller]
fn refused(client: &mut Client, version: i16, body: &Value) -> (i64, String) {
    let answer = client.call("JoinGroup", version, body);
    let (code, member_id) = (answer["error_code"].as_i64().unwrap(), answer["member_id"].as_str().unwrap());
    assert_eq!(answer["generation_id"], -1, "{answer}");
    assert_eq!([&answer["leader"], &answer["members"]], [&json!(""), &json!([])], "{answer}");
    let no_protocol = if version < 7 { json!("") } else { Value::Null };
    assert_eq!(answer["protocol_name"], no_protocol, "{answer}");
    (code, member_id.to_owned())
}

#[test]
fn case_87_a_first_join_is_answered_with_a_member_id_from_version_4_on() {
    let mut client = connect();
    let group = group(&mut client);
    for version in 4..=9 {
        let (code, member_id) = refused(&mut client, version, &join(&group, json!({})));
        assert_eq!(code, MEMBER_ID_REQUIRED);
        assert!(member_id.starts_with("cases-") && member_id.len() == "cases-".len() + 36, "{member_id}");
    }
    assert_eq!(state(&mut client, &group), "Empty");
}

#[test]
fn case_87_before_version_4_a_member_is_in_at_once() {
    let mut client = connect();
    for version in 0..JOIN_WITH_ID.min(4) {
        let group = group(&mut client);
        let answer = client.call("JoinGroup", version, &join(&group, json!({})));
        assert_eq!([&answer["error_code"], &answer["generation_id"]], [&json!(0), &json!(1)], "{answer}");
        assert_eq!([&answer["leader"], &answer["protocol_name"]], [&answer["member_id"], &json!("range")], "{answer}");
        assert_eq!(answer["members"][0]["metadata"], "00", "{answer}");
    }
}

#[test]
fn case_87_session_timeouts_and_group_ids_have_bounds() {
    let mut client = connect();
    let group = group(&mut client);
    for version in 0..=9 {
        for session in [5_999, 1_800_001, 0, -1] {
            let body = join(&group, json!({"session_timeout_ms": session, "member_id": "me"}));
            assert_eq!(refused(&mut client, version, &body), (INVALID_SESSION_TIMEOUT, "me".to_owned()), "{session}");
        }
        let body = join("", json!({"session_timeout_ms": 0, "member_id": "me"}));
        assert_eq!(refused(&mut client, version, &body), (INVALID_GROUP_ID, "me".to_owned()));
    }
    assert_eq!(state(&mut client, &group), "Dead", "there is no group yet");
}

#[test]
fn case_87_a_full_group_takes_nobody() {
    let broker = brokers::start_with(&[("group.max.size", "1"), ("group.initial.rebalance.delay.ms", "200")]);
    let mut client = Client::connect(&broker.address());
    let group = "full";
    find_coordinator(&mut client, group);
    let first = client.call("JoinGroup", JOIN_AT_ONCE, &join(group, json!({})));
    assert_eq!(first["error_code"], 0, "{first}");
    for version in 0..=9 {
        let code = refused(&mut client, version, &join(group, json!({})));
        assert_eq!(code, (GROUP_MAX_SIZE_REACHED, String::new()), "v{version}");
    }
    let again = client.call("JoinGroup", JOIN_WITH_ID, &join(group, json!({"member_id": first["member_id"]})));
    assert_eq!(again["error_code"], 0, "{again}");
}

#[test]
fn case_88_protocols_must_be_shared() {
    let mut client = connect();
    let group = group(&mut client);
    let members = stable(vec![Member::new(&group, None)]);
    let me = &members[0].id;
    for changes in [
        json!({"protocols": [{"name": "other", "metadata": ""}]}),
        json!({"protocols": []}),
        json!({"protocol_type": "connect"}),
        json!({"protocol_type": ""}),
    ] {
        for version in [0, 4, 9] {
            for id in ["", me] {
                let body = with(join(&group, changes.clone()), json!({"member_id": id}));
                assert_eq!(refused(&mut client, version, &body), (INCONSISTENT_GROUP_PROTOCOL, id.to_owned()));
            }
        }
    }
    assert_eq!(state(&mut client, &group), "Stable");
}

#[test]
fn case_88_a_sync_must_name_the_groups_protocol() {
    let mut client = connect();
    let group = group(&mut client);
    let members = joined(vec![Member::new(&group, None)]);
    let ordinary = json!({
        "group_id": group, "generation_id": 1, "member_id": members[0].id,
        "protocol_type": "consumer", "protocol_name": "range",
    });
    for changes in [
        json!({"protocol_type": "connect"}),
        json!({"protocol_name": "other"}),
        json!({"protocol_type": null}),
        json!({"protocol_name": null}),
    ] {
        let answer = client.call("SyncGroup", 5, &with(ordinary.clone(), changes));
        assert_eq!(answer["error_code"], INCONSISTENT_GROUP_PROTOCOL, "{answer}");
    }
    for version in 0..=5 {
        let answer = client.call("SyncGroup", version, &ordinary);
        assert_eq!(answer["error_code"], 0, "{answer}");
    }
}

#[test]
fn case_89_wrong_generations_and_unknown_members() {
    let mut client = connect();
    let group = group(&mut client);
    let mut member = stable(vec![Member::new(&group, None)]).remove(0);
    for generation in [0, 2, -1] {
        assert_eq!(member.beat_in(generation), ILLEGAL_GENERATION, "{generation}");
    }
    assert_eq!(member.beat(), 0);
    for version in 0..=5 {
        let mut ask = |id: &str, generation: i64| {
            let body = json!({
                "group_id": group, "generation_id": generation, "member_id": id,
                "protocol_type": "consumer", "protocol_name": "range",
            });
            client.call("SyncGroup", version, &body)["error_code"].as_i64().unwrap()
        };
        assert_eq!([ask(&member.id, 0), ask("nobody", 1)], [ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID]);
    }
    let unknown = refused(&mut client, 9, &join(&group, json!({"member_id": "nobody"})));
    assert_eq!(unknown, (UNKNOWN_MEMBER_ID, "nobody".to_owned()));
    let mut stranger = Member { id: "nobody".to_owned(), generation: 1, ..Member::new(&group, None) };
    assert_eq!([stranger.beat(), stranger.leave()], [UNKNOWN_MEMBER_ID; 2]);
}

#[test]
fn case_89_what_a_heartbeat_says_in_each_state() {
    let mut client = connect();
    let group = group(&mut client);
    let mut nobody = Member { id: "m".to_owned(), generation: 1, ..Member::new(&group, None) };
    assert_eq!(nobody.beat(), UNKNOWN_MEMBER_ID, "there is no group");

    let mut member = joined(vec![Member::new(&group, None)]).remove(0);
    assert_eq!((state(&mut client, &group).as_str(), member.beat()), ("CompletingRebalance", 0));
    let sent = member.send_sync(&[]);
    assert_eq!(member.synced(sent).0, 0);
    assert_eq!((state(&mut client, &group).as_str(), member.beat()), ("Stable", 0));

    let mut other = Member::new(&group, None);
    other.get_id();
    let sent = other.send_join(json!({}));
    wait_until("a rebalance", SOON, || state(&mut client, &group) == "PreparingRebalance");
    assert_eq!(member.beat(), REBALANCE_IN_PROGRESS);
    assert_eq!(member.leave(), 0);
    other.joined(sent);
    assert_eq!(other.leave(), 0);
    assert_eq!((state(&mut client, &group).as_str(), other.beat()), ("Empty", UNKNOWN_MEMBER_ID));
}

#[test]
fn case_89_a_commit_while_the_leader_assigns_waits_for_the_rebalance() {
    let mut client = connect();
    let group = group(&mut client);
    let topic = Topic::create(&mut client);
    let mut member = joined(vec![Member::new(&group, None)]).remove(0);
    let commit = |client: &mut Client, member: &Member, generation: i64| {
        let partition = json!({"partition_index": 0, "committed_offset": 1, "committed_metadata": ""});
        let body = json!({
            "group_id": member.group, "generation_id_or_member_epoch": generation, "member_id": member.id,
            "topics": [{"name": topic.name, "partitions": [partition]}],
        });
        client.call("OffsetCommit", 8, &body)["topics"][0]["partitions"][0]["error_code"].as_i64().unwrap()
    };
    assert_eq!(commit(&mut client, &member, 1), REBALANCE_IN_PROGRESS);
    assert_eq!(commit(&mut client, &member, 0), ILLEGAL_GENERATION);
    let sent = member.send_sync(&[]);
    assert_eq!(member.synced(sent).0, 0);
    assert_eq!(commit(&mut client, &member, 1), 0);
}

#[test]
fn case_91_a_static_member_comes_back_without_a_rebalance() {
    let mut client = connect();
    let group = group(&mut client);
    let mut members = stable(vec![Member::new(&group, Some("one")), Member::new(&group, Some("two"))]);
    let (mut follower, mut leader) = (members.pop().unwrap(), members.pop().unwrap());

    let mut back = Member::new(&group, follower.instance.as_deref());
    let sent = back.send_join(json!({}));
    let answer = back.joined(sent);
    assert_ne!(back.id, follower.id);
    assert_eq!([&answer["generation_id"], &answer["leader"]], [&json!(1), &json!(leader.id)], "{answer}");
    assert_eq!((leader.beat(), back.beat(), follower.beat()), (0, 0, FENCED_INSTANCE_ID));
    let sent = back.send_sync(&[]);
    assert_eq!(back.synced(sent), (0, "02".to_owned()), "it has the assignment of its old id");
    let sent = follower.send_sync(&[]);
    assert_eq!(follower.synced(sent).0, FENCED_INSTANCE_ID);
    let sent = follower.send_join(json!({}));
    let answer = follower.client.answer("JoinGroup", JOIN_WITH_ID, sent);
    assert_eq!([&answer["error_code"], &answer["member_id"]], [&json!(FENCED_INSTANCE_ID), &json!(follower.id)]);
    assert_eq!(follower.leave(), FENCED_INSTANCE_ID);
    assert_eq!(state(&mut client, &group), "Stable");
}

#[test]
fn case_91_a_static_leader_that_comes_back_is_told_not_to_assign() {
    let mut client = connect();
    let group = group(&mut client);
    let leader = stable(vec![Member::new(&group, Some("one"))]).remove(0);
    let body = join(&group, json!({"group_instance_id": "one"}));
    let old = client.call("JoinGroup", 8, &body);
    assert_eq!([&old["leader"], &old["members"]], [&json!(leader.id), &json!([])], "{old}");
    let new = client.call("JoinGroup", 9, &body);
    assert_eq!([&new["leader"], &new["skip_assignment"]], [&new["member_id"], &json!(true)], "{new}");
    assert_eq!(new["members"][0]["member_id"], new["member_id"], "{new}");
    assert_eq!([&old["generation_id"], &new["generation_id"]], [&json!(1); 2]);
    assert_eq!(state(&mut client, &group), "Stable");
}

#[test]
fn case_91_an_operator_takes_a_static_member_out_by_its_instance_id() {
    let mut client = connect();
    let group = group(&mut client);
    let mut member = stable(vec![Member::new(&group, Some("one"))]).remove(0);
    let who = json!([{"member_id": "", "group_instance_id": "one"}, {"member_id": "", "group_instance_id": "two"}]);
    let answer = client.call("LeaveGroup", 5, &json!({"group_id": group, "members": who}));
    let codes: Vec<&Value> = answer["members"].as_array().unwrap().iter().map(|of| &of["error_code"]).collect();
    assert_eq!(codes, [&json!(0), &json!(UNKNOWN_MEMBER_ID)], "{answer}");
    assert_eq!((state(&mut client, &group).as_str(), member.beat()), ("Empty", UNKNOWN_MEMBER_ID));
}

#[test]
fn case_92_an_id_that_is_not_used_expires() {
    let mut client = connect();
    let group = group(&mut client);
    let brief = json!({"session_timeout_ms": SESSION.as_millis() as u64});
    let (code, pending) = refused(&mut client, JOIN_WITH_ID, &join(&group, brief));
    assert_eq!(code, MEMBER_ID_REQUIRED);
    std::thread::sleep(SESSION + SLACK);
    let body = join(&group, json!({"member_id": pending}));
    assert_eq!(refused(&mut client, JOIN_WITH_ID, &body), (UNKNOWN_MEMBER_ID, pending));
}

#[test]
fn case_92_members_that_wait_in_a_join_or_a_sync_live() {
    let mut client = connect();
    let group = group(&mut client);
    let long = json!({"session_timeout_ms": SESSION.as_millis() as u64, "rebalance_timeout_ms": 60_000});
    let mut members = [Member::new(&group, None), Member::new(&group, None)];
    members.iter_mut().for_each(Member::get_id);
    let sent = members.each_mut().map(|member| member.send_join(long.clone()));
    let [first, second] = &mut members;
    let [first_sent, second_sent] = sent;
    first.joined(first_sent);
    second.joined(second_sent);
    let (leader, follower) = if first.leads { (first, second) } else { (second, first) };

    let parked = follower.send_sync(&[]);
    beat_for(leader, SESSION + SLACK, 0);
    let sent = leader.send_sync(&[(follower.id.as_str(), "0a")]);
    assert_eq!(leader.synced(sent).0, 0);
    assert_eq!(follower.synced(parked), (0, "0a".to_owned()));

    let parked = leader.send_join(long.clone());
    wait_until("a rebalance", SOON, || state(&mut client, &group) == "PreparingRebalance");
    beat_for(follower, SESSION + SLACK, REBALANCE_IN_PROGRESS);
    let sent = follower.send_join(long);
    assert_eq!(leader.joined(parked)["generation_id"], 2);
    follower.joined(sent);
}

/// Heartbeats for a while, each answered with this code.
#[track_caller]
#[expect(clippy::disallowed_methods, reason = "a member lives in real time")]
fn beat_for(member: &mut Member, time: Duration, code: i64) {
    let start = Instant::now();
    while start.elapsed() < time {
        assert_eq!(member.beat(), code);
        std::thread::sleep(Duration::from_millis(500));
    }
}

#[test]
fn case_93_a_leader_that_never_syncs_is_out_after_the_rebalance_timeout() {
    let mut client = connect();
    let group = group(&mut client);
    let brief = json!({"rebalance_timeout_ms": REBALANCE.as_millis() as u64});
    let mut members = joined_with(vec![Member::new(&group, None), Member::new(&group, None)], brief.clone());
    let (mut follower, mut leader) = (members.pop().unwrap(), members.pop().unwrap());
    let parked = follower.send_sync(&[]);
    assert_eq!(leader.beat(), 0);
    wait_until("a rebalance", SOON, || state(&mut client, &group) == "PreparingRebalance");
    assert_eq!(follower.synced(parked).0, REBALANCE_IN_PROGRESS);
    assert_eq!((leader.beat(), follower.beat()), (UNKNOWN_MEMBER_ID, REBALANCE_IN_PROGRESS));
    let sent = follower.send_join(brief);
    let answer = follower.joined(sent);
    assert_eq!([&answer["generation_id"], &answer["leader"]], [&json!(2), &json!(follower.id)], "{answer}");
}
