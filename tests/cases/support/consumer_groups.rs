//! Members of KIP-848 groups, each with its connection.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use test_support::{SOON, wait_until};

use super::client::Client;
use super::groups::with;
use super::topics::{Topic, connect};

/// A version in which members make their own ids.
pub(crate) const HEARTBEAT: i16 = 1;
/// The epoch of a member that joins.
pub(crate) const JOINS: i64 = 0;
/// The epoch with which a member leaves.
pub(crate) const LEAVES: i64 = -1;
/// The epoch with which a static member leaves for a while.
pub(crate) const AWAY: i64 = -2;

/// A first heartbeat of a member that reads this topic.
pub(crate) fn first_heartbeat(group: &str, member: &str, topic: &str, changes: Value) -> Value {
    let ordinary = json!({
        "group_id": group,
        "member_id": member,
        "member_epoch": JOINS,
        "rebalance_timeout_ms": 60_000,
        "subscribed_topic_names": [topic],
        "topic_partitions": [],
    });
    with(ordinary, changes)
}

/// A later heartbeat, which says nothing new.
pub(crate) fn heartbeat(group: &str, member: &str, epoch: i64, changes: Value) -> Value {
    let ordinary = json!({
        "group_id": group,
        "member_id": member,
        "member_epoch": epoch,
        "subscribed_topic_names": null,
        "topic_partitions": null,
    });
    with(ordinary, changes)
}

/// A member, and what it was told last.
#[derive(Debug)]
pub(crate) struct ConsumerMember {
    pub(crate) client: Client,
    group: String,
    topic: Topic,
    pub(crate) id: String,
    pub(crate) epoch: i64,
    /// The epoch before.
    pub(crate) previous: i64,
    pub(crate) owned: BTreeSet<i64>,
}

impl ConsumerMember {
    /// A member that has joined; what it is to own comes with its next heartbeats.
    #[track_caller]
    pub(crate) fn join(group: &str, id: &str, topic: &Topic, changes: Value) -> Self {
        let mut member = Self {
            client: connect(),
            group: group.to_owned(),
            topic: topic.clone(),
            id: id.to_owned(),
            epoch: JOINS,
            previous: JOINS,
            owned: BTreeSet::new(),
        };
        let answer = member.ask(&first_heartbeat(group, id, &topic.name, changes));
        member.hear(&answer);
        member
    }

    /// The answer to any heartbeat.
    #[track_caller]
    pub(crate) fn ask(&mut self, body: &Value) -> Value {
        self.client.call("ConsumerGroupHeartbeat", HEARTBEAT, body)
    }

    /// The code of a heartbeat in this epoch that says what the member owns, or nothing.
    #[track_caller]
    pub(crate) fn code_in(&mut self, epoch: i64, owned: Option<&[i64]>) -> i64 {
        let owned = owned.map(|partitions| json!([{"topic_id": self.topic.id, "partitions": partitions}]));
        let body = heartbeat(&self.group, &self.id, epoch, json!({"topic_partitions": owned}));
        self.ask(&body)["error_code"].as_i64().unwrap()
    }

    /// A heartbeat as a living member sends it; it does at once what it is told.
    #[track_caller]
    pub(crate) fn beat(&mut self) {
        let owned = json!([{"topic_id": self.topic.id, "partitions": self.owned}]);
        let body = heartbeat(&self.group, &self.id, self.epoch, json!({"topic_partitions": owned}));
        let answer = self.ask(&body);
        self.hear(&answer);
    }

    #[track_caller]
    fn hear(&mut self, answer: &Value) {
        assert_eq!(answer["error_code"], 0, "{answer}");
        let epoch = answer["member_epoch"].as_i64().unwrap();
        if epoch != self.epoch {
            self.previous = std::mem::replace(&mut self.epoch, epoch);
        }
        if let Some(topics) = answer["assignment"]["topic_partitions"].as_array() {
            let partitions = topics.iter().flat_map(|topic| topic["partitions"].as_array().unwrap());
            self.owned = partitions.map(|partition| partition.as_i64().unwrap()).collect();
        }
    }

    /// The code of a heartbeat with which the member goes.
    #[track_caller]
    pub(crate) fn leave(&mut self, epoch: i64, instance: Option<&str>) -> i64 {
        let body = heartbeat(&self.group, &self.id, epoch, json!({"instance_id": instance}));
        self.ask(&body)["error_code"].as_i64().unwrap()
    }
}

/// Lets the members beat until each owns so many partitions, in one epoch.
#[track_caller]
pub(crate) fn settle(members: &mut [&mut ConsumerMember], partitions: &[usize]) {
    wait_until("the partitions are shared", SOON, || {
        for member in members.iter_mut() {
            member.beat();
        }
        let all = members.iter().zip(partitions).all(|(member, count)| member.owned.len() == *count);
        all && members.windows(2).all(|pair| pair[0].epoch == pair[1].epoch)
    });
}
