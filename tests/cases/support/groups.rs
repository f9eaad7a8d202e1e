//! Members of classic groups, each with its connection.

use serde_json::{Value, json};
use test_support::{SOON, wait_until};

use super::client::Client;
use super::message::hex;
use super::topics::{connect, unique};

const COORDINATOR_LOAD_IN_PROGRESS: i64 = 14;
const COORDINATOR_NOT_AVAILABLE: i64 = 15;
const NOT_COORDINATOR: i64 = 16;
const MEMBER_ID_REQUIRED: i64 = 79;

/// Versions of `JoinGroup` in which members come back with the id they are given.
pub(crate) const JOIN_WITH_ID: i16 = 9;
/// A version of `JoinGroup` in which members have their id from the start.
pub(crate) const JOIN_AT_ONCE: i16 = 3;

/// Longer than a test on a busy machine does other things than to let its members beat.
const SESSION_MS: u64 = 60_000;
/// Longer than such a test takes to let its members rejoin and sync.
const REBALANCE_MS: u64 = 30_000;

/// A group that no other test uses, which has a coordinator.
pub(crate) fn group(client: &mut Client) -> String {
    let group = unique("group");
    find_coordinator(client, &group);
    group
}

/// Waits until the group has a coordinator that has loaded.
#[track_caller]
pub(crate) fn find_coordinator(client: &mut Client, group: &str) {
    let waits = [COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR];
    wait_until("a coordinator", SOON, || {
        let found = client.call("FindCoordinator", 4, &json!({"key_type": 0, "coordinator_keys": [group]}));
        let left = client.call("LeaveGroup", 3, &json!({"group_id": group, "members": []}));
        let codes = [&found["coordinators"][0]["error_code"], &left["error_code"]];
        codes.iter().all(|code| !waits.contains(&code.as_i64().unwrap()))
    });
}

/// The object with some members replaced.
pub(crate) fn with(mut object: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        object[name] = value.clone();
    }
    object
}

/// A join of a consumer that knows `range`, without a member id.
pub(crate) fn join(group: &str, changes: Value) -> Value {
    let ordinary = json!({
        "group_id": group,
        "session_timeout_ms": SESSION_MS,
        "rebalance_timeout_ms": REBALANCE_MS,
        "member_id": "",
        "protocol_type": "consumer",
        "protocols": [{"name": "range", "metadata": "00"}],
    });
    with(ordinary, changes)
}

/// What a classic consumer says of what it reads, in hexadecimal: version 0, one topic, no data.
pub(crate) fn consumer_subscription(topic: &str) -> String {
    let length = i16::try_from(topic.len()).unwrap().to_be_bytes();
    hex(&[&[0, 0, 0, 0, 0, 1][..], &length, topic.as_bytes(), &[255; 4]].concat())
}

/// A member, and what it was told last.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) client: Client,
    pub(crate) group: String,
    pub(crate) id: String,
    pub(crate) instance: Option<String>,
    pub(crate) generation: i64,
    pub(crate) leads: bool,
}

impl Member {
    /// A member that has not joined.
    pub(crate) fn new(group: &str, instance: Option<&str>) -> Self {
        let instance = instance.map(str::to_owned);
        Self { client: connect(), group: group.to_owned(), id: String::new(), instance, generation: -1, leads: false }
    }

    /// The same, of a group of another broker.
    pub(crate) fn at(address: &str, group: &str) -> Self {
        let client = Client::connect(address);
        Self { client, group: group.to_owned(), id: String::new(), instance: None, generation: -1, leads: false }
    }

    /// Gets a member id, if it is a dynamic member without one.
    #[track_caller]
    pub(crate) fn get_id(&mut self) {
        if self.id.is_empty() && self.instance.is_none() {
            let answer = self.client.call("JoinGroup", JOIN_WITH_ID, &join(&self.group, json!({})));
            assert_eq!(answer["error_code"], MEMBER_ID_REQUIRED, "{answer}");
            answer["member_id"].as_str().unwrap().clone_into(&mut self.id);
        }
    }

    /// Sends a join; the answer is for [`Self::joined`].
    #[track_caller]
    pub(crate) fn send_join(&mut self, changes: Value) -> i32 {
        self.get_id();
        let own = json!({"member_id": self.id, "group_instance_id": self.instance});
        self.client.send("JoinGroup", JOIN_WITH_ID, &with(join(&self.group, own), changes))
    }

    /// The answer to a join, which must be a good one.
    #[track_caller]
    pub(crate) fn joined(&mut self, sent: i32) -> Value {
        let answer = self.client.answer("JoinGroup", JOIN_WITH_ID, sent);
        assert_eq!(answer["error_code"], 0, "{answer}");
        answer["member_id"].as_str().unwrap().clone_into(&mut self.id);
        self.generation = answer["generation_id"].as_i64().unwrap();
        self.leads = answer["leader"] == answer["member_id"];
        answer
    }

    fn sync_body(&self, assignments: &[(&str, &str)]) -> Value {
        let each = |(id, assignment): &(&str, &str)| json!({"member_id": id, "assignment": assignment});
        json!({
            "group_id": self.group,
            "generation_id": self.generation,
            "member_id": self.id,
            "group_instance_id": self.instance,
            "protocol_type": "consumer",
            "protocol_name": "range",
            "assignments": assignments.iter().map(each).collect::<Vec<_>>(),
        })
    }

    pub(crate) fn send_sync(&mut self, assignments: &[(&str, &str)]) -> i32 {
        let body = self.sync_body(assignments);
        self.client.send("SyncGroup", 5, &body)
    }

    /// Error and assignment of a sync that was sent.
    #[track_caller]
    pub(crate) fn synced(&mut self, sent: i32) -> (i64, String) {
        let answer = self.client.answer("SyncGroup", 5, sent);
        (answer["error_code"].as_i64().unwrap(), answer["assignment"].as_str().unwrap().to_owned())
    }

    /// The code of a heartbeat.
    #[track_caller]
    pub(crate) fn beat(&mut self) -> i64 {
        self.beat_in(self.generation)
    }

    /// The code of a heartbeat in this generation.
    #[track_caller]
    pub(crate) fn beat_in(&mut self, generation: i64) -> i64 {
        let body = json!({
            "group_id": self.group,
            "generation_id": generation,
            "member_id": self.id,
            "group_instance_id": self.instance,
        });
        self.client.call("Heartbeat", 4, &body)["error_code"].as_i64().unwrap()
    }

    /// The code of a leave.
    #[track_caller]
    pub(crate) fn leave(&mut self) -> i64 {
        let member = json!({"member_id": self.id, "group_instance_id": self.instance});
        let answer = self.client.call("LeaveGroup", 5, &json!({"group_id": self.group, "members": [member]}));
        answer["members"][0]["error_code"].as_i64().unwrap()
    }
}

/// Members of one new generation, the leader first, who have not synced.
#[track_caller]
pub(crate) fn joined(members: Vec<Member>) -> Vec<Member> {
    joined_with(members, json!({}))
}

/// The same, with changes to their joins.
#[track_caller]
pub(crate) fn joined_with(mut members: Vec<Member>, changes: Value) -> Vec<Member> {
    members.iter_mut().for_each(Member::get_id);
    let sent: Vec<i32> = members.iter_mut().map(|member| member.send_join(changes.clone())).collect();
    for (member, sent) in members.iter_mut().zip(sent) {
        member.joined(sent);
    }
    members.sort_by_key(|member| !member.leads);
    members
}

/// Members of a stable group, the leader first. Each is assigned its own number, from 01 on.
#[track_caller]
pub(crate) fn stable(members: Vec<Member>) -> Vec<Member> {
    let mut members = joined(members);
    let numbers: Vec<(String, String)> =
        members.iter().zip(1..).map(|(member, number)| (member.id.clone(), format!("{number:02x}"))).collect();
    let all: Vec<(&str, &str)> = numbers.iter().map(|(id, number)| (id.as_str(), number.as_str())).collect();
    for member in &mut members {
        let assignments = if member.leads { all.as_slice() } else { &[] };
        let sent = member.send_sync(assignments);
        let number = numbers.iter().find(|(id, _)| *id == member.id).map(|(_, number)| number.clone());
        assert_eq!(member.synced(sent), (0, number.unwrap()));
    }
    members
}

/// The state of a group.
#[track_caller]
pub(crate) fn state(client: &mut Client, group: &str) -> String {
    let answer = client.call("DescribeGroups", 5, &json!({"groups": [group]}));
    answer["groups"][0]["group_state"].as_str().unwrap().to_owned()
}
