//! What is asked of groups as things to be described, listed and deleted.

use std::collections::BTreeMap;

use bytes::Bytes;
use model::{ErrorCode, TopicId};

use super::Client;

/// What is this classic group?
#[derive(Clone, Debug, Default)]
pub struct DescribeGroup {
    /// The group.
    pub group_id: String,
    /// The request's version: from 6 on an absent group is an error.
    pub version: i16,
}

/// A classic group, described.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DescribedGroup {
    /// Kafka's code.
    pub error: ErrorCode,
    /// What was wrong (version 6 and later).
    pub error_message: Option<String>,
    /// Its state, in Kafka's word; `Dead` if there is none.
    pub state: String,
    /// Its protocol type.
    pub protocol_type: String,
    /// Its protocol; empty unless it is stable.
    pub protocol: String,
    /// Its members.
    pub members: Vec<DescribedMember>,
}

/// A member of a classic group, described.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DescribedMember {
    /// Its id.
    pub member_id: String,
    /// Its instance id.
    pub group_instance_id: Option<String>,
    /// Who it is.
    pub client: Client,
    /// Its subscription; empty unless the group is stable.
    pub metadata: Bytes,
    /// Its assignment; in a rebalance the one before, until the leader is expected to make another.
    pub assignment: Bytes,
}

/// What is this KIP-848 group?
#[derive(Clone, Debug, Default)]
pub struct DescribeConsumerGroup {
    /// The group.
    pub group_id: String,
}

/// A KIP-848 group, described.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DescribedConsumerGroup {
    /// Kafka's code.
    pub error: ErrorCode,
    /// What was wrong.
    pub error_message: Option<String>,
    /// Its state, in Kafka's word.
    pub state: String,
    /// Its epoch.
    pub group_epoch: i32,
    /// The epoch of its target assignment.
    pub assignment_epoch: i32,
    /// The assignor that it uses.
    pub assignor_name: String,
    /// Its members.
    pub members: Vec<DescribedConsumerGroupMember>,
}

/// A member of a KIP-848 group, described.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DescribedConsumerGroupMember {
    /// Its id.
    pub member_id: String,
    /// Its instance id.
    pub instance_id: Option<String>,
    /// Where it stands.
    pub rack_id: Option<String>,
    /// Its epoch.
    pub member_epoch: i32,
    /// Who it is.
    pub client: Client,
    /// The topics it names.
    pub subscribed_topic_names: Vec<String>,
    /// The pattern it subscribes to.
    pub subscribed_topic_regex: Option<String>,
    /// What it owns, with topic names.
    pub assignment: Vec<(TopicId, String, Vec<i32>)>,
    /// What it is to own, with topic names.
    pub target_assignment: Vec<(TopicId, String, Vec<i32>)>,
    /// -1 unknown, 0 classic, 1 consumer.
    pub member_type: i8,
}

/// Which groups are there?
#[derive(Clone, Debug, Default)]
pub struct ListGroups {
    /// Kafka's words, in any case; empty for all.
    pub states: Vec<String>,
    /// Kafka's words, in any case; empty for all.
    pub types: Vec<String>,
}

/// A group in a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListedGroup {
    /// Its id.
    pub group_id: String,
    /// Its protocol type.
    pub protocol_type: String,
    /// Its state, in Kafka's word.
    pub state: String,
    /// `classic` or `consumer`.
    pub group_type: String,
}

/// How many groups there are, by type (`classic` or `consumer`) and state, in Kafka's words.
pub type GroupCounts = BTreeMap<(&'static str, &'static str), usize>;

/// A group is to be forgotten.
#[derive(Clone, Debug, Default)]
pub struct DeleteGroup {
    /// The group.
    pub group_id: String,
}
