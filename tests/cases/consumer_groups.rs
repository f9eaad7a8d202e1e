//! KIP-848 groups: cases 95 and 96.

use serde_json::{Value, json};

use crate::support::consumer_groups::{AWAY, ConsumerMember, HEARTBEAT, LEAVES, first_heartbeat, heartbeat, settle};
use crate::support::groups::group;
use crate::support::topics::{Topic, connect};

const INVALID_REQUEST: i64 = 42;
const FENCED_INSTANCE_ID: i64 = 82;
const FENCED_MEMBER_EPOCH: i64 = 110;
const UNRELEASED_INSTANCE_ID: i64 = 111;
const UNSUPPORTED_ASSIGNOR: i64 = 112;
const INVALID_REGULAR_EXPRESSION: i64 = 128;

#[test]
fn case_95_an_epoch_that_is_not_the_members_is_fenced_unless_a_reply_was_lost() {
    let mut client = connect();
    let topic = Topic::with(&mut client, 2, &[]);
    let group = group(&mut client);
    let mut first = ConsumerMember::join(&group, "first", &topic, json!({}));
    settle(&mut [&mut first], &[2]);
    let mut second = ConsumerMember::join(&group, "second", &topic, json!({}));
    settle(&mut [&mut first, &mut second], &[1, 1]);

    let (epoch, previous) = (first.epoch, first.previous);
    assert!(0 < previous && previous < epoch, "{previous} before {epoch}");
    let (own, others): (Vec<i64>, Vec<i64>) = (0..2).partition(|partition| first.owned.contains(partition));
    for owned in [None, Some(own.as_slice()), Some(&[])] {
        assert_eq!(first.code_in(epoch + 1, owned), FENCED_MEMBER_EPOCH, "ahead, with {owned:?}");
        assert_eq!(first.code_in(i64::from(i32::MAX), owned), FENCED_MEMBER_EPOCH, "far ahead, with {owned:?}");
    }
    // The reply with the newest epoch was lost: the member owns what it was told to keep, or less.
    for owned in [own.as_slice(), &[]] {
        assert_eq!(first.code_in(previous, Some(owned)), 0, "behind, with {owned:?}");
    }
    for owned in [None, Some(others.as_slice()), Some(&[0, 1]), Some(&[7])] {
        assert_eq!(first.code_in(previous, owned), FENCED_MEMBER_EPOCH, "behind, with {owned:?}");
    }
    assert_eq!(first.code_in(epoch, Some(own.as_slice())), 0, "it is a member as before");
}

#[test]
fn case_96_an_instance_id_is_held_until_its_member_says_that_it_goes() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let group = group(&mut client);
    let one = json!({"instance_id": "one"});
    let mut old = ConsumerMember::join(&group, "old", &topic, one.clone());
    settle(&mut [&mut old], &[1]);
    let mut ask = |body: &Value| client.call("ConsumerGroupHeartbeat", HEARTBEAT, body);
    let refused = ask(&first_heartbeat(&group, "new", &topic.name, one.clone()));
    assert_eq!(refused["error_code"], UNRELEASED_INSTANCE_ID, "{refused}");
    assert_eq!([&refused["member_id"], &refused["member_epoch"]], [&Value::Null, &json!(0)], "{refused}");

    assert_eq!(old.leave(AWAY, Some("one")), 0);
    let mut new = ConsumerMember::join(&group, "new", &topic, one.clone());
    settle(&mut [&mut new], &[1]);
    let fenced = ask(&heartbeat(&group, "old", old.epoch, one.clone()));
    assert_eq!(fenced["error_code"], FENCED_INSTANCE_ID, "{fenced}");
    assert_eq!(old.leave(LEAVES, Some("one")), FENCED_INSTANCE_ID);
    assert_eq!(new.leave(LEAVES, Some("one")), 0);
}

#[test]
fn case_96_an_assignor_that_is_not_there() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let group = group(&mut client);
    for (assignor, code) in [("other", UNSUPPORTED_ASSIGNOR), ("", UNSUPPORTED_ASSIGNOR), ("range", 0), ("uniform", 0)]
    {
        for version in 0..=HEARTBEAT {
            let body = first_heartbeat(&group, "me", &topic.name, json!({"server_assignor": assignor}));
            let answer = client.call("ConsumerGroupHeartbeat", version, &body);
            assert_eq!(answer["error_code"], code, "{assignor} in v{version}: {answer}");
        }
    }
}

#[test]
fn case_96_a_pattern_that_is_none() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let group = group(&mut client);
    for pattern in ["(", "[a", "*", "a{2,1}", "(?=a)", "(?<name", "\\"] {
        let changes = json!({"subscribed_topic_regex": pattern, "subscribed_topic_names": null});
        let body = first_heartbeat(&group, "me", &topic.name, changes);
        let answer = client.call("ConsumerGroupHeartbeat", HEARTBEAT, &body);
        assert_eq!(answer["error_code"], INVALID_REGULAR_EXPRESSION, "{pattern}: {answer}");
    }
    let described = client.call("ConsumerGroupDescribe", 1, &json!({"group_ids": [group]}));
    assert_eq!(described["groups"][0]["members"], json!([]), "nobody has joined: {described}");
}

#[test]
fn case_96_a_first_heartbeat_says_all_that_it_has_to() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let group = group(&mut client);
    let owned = json!([{"topic_id": topic.id, "partitions": [0]}]);
    for changes in [
        json!({"group_id": ""}),
        json!({"member_id": " "}),
        json!({"rebalance_timeout_ms": -1}),
        json!({"topic_partitions": null}),
        json!({"topic_partitions": owned}),
        json!({"subscribed_topic_names": null}),
        json!({"instance_id": ""}),
        json!({"rack_id": ""}),
        json!({"member_epoch": -3}),
        json!({"member_epoch": AWAY}),
    ] {
        for version in 0..=HEARTBEAT {
            // Version 1 alone is strict with the ids of members.
            if version == 0 && changes["member_id"] == " " {
                continue;
            }
            let body = first_heartbeat(&group, "me", &topic.name, changes.clone());
            let answer = client.call("ConsumerGroupHeartbeat", version, &body);
            assert_eq!(answer["error_code"], INVALID_REQUEST, "{changes} in v{version}: {answer}");
        }
    }
    let answer = client.call("ConsumerGroupHeartbeat", 0, &first_heartbeat(&group, "", &topic.name, json!({})));
    assert_eq!((&answer["error_code"], answer["member_id"].as_str().unwrap().len()), (&json!(0), 22), "{answer}");
}
