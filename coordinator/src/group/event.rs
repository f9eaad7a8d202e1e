//! What a group's shard is asked, and what it answers. Plain values: the broker's handlers turn requests into these and
//! these into responses.
//!
//! Lengths and counts were bounded by the frame that a request came in; nothing here was judged yet. Blobs are copies: slices
//! of a frame would keep all of it for as long as a member or an offset lives.

mod directory;

use bytes::Bytes;
use model::{ErrorCode, TopicId};

use crate::shard::Producer;

pub use directory::{
    DeleteGroup, DescribeConsumerGroup, DescribeGroup, DescribedConsumerGroup, DescribedConsumerGroupMember,
    DescribedGroup, DescribedMember, GroupCounts, ListGroups, ListedGroup,
};

/// Who sent a request, as groups describe their members.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// What the client calls itself; empty if it does not.
    pub id: String,
    /// Its address as Kafka writes it: `/127.0.0.1`.
    pub host: String,
}

/// A request, or something that happened.
#[derive(Clone, Debug)]
pub enum GroupEvent {
    /// `JoinGroup`.
    JoinGroup(JoinGroup),
    /// `SyncGroup`.
    SyncGroup(SyncGroup),
    /// `Heartbeat`.
    Heartbeat(Heartbeat),
    /// `LeaveGroup`.
    LeaveGroup(LeaveGroup),
    /// `ConsumerGroupHeartbeat`.
    ConsumerGroupHeartbeat(ConsumerGroupHeartbeat),
    /// `OffsetCommit`, or `TxnOffsetCommit`.
    OffsetCommit(OffsetCommit),
    /// `OffsetFetch`, one group of it.
    OffsetFetch(OffsetFetch),
    /// `OffsetDelete`.
    OffsetDelete(OffsetDelete),
    /// `DescribeGroups`, one group of it.
    DescribeGroup(DescribeGroup),
    /// `ConsumerGroupDescribe`, one group of it.
    DescribeConsumerGroup(DescribeConsumerGroup),
    /// `ListGroups`, this shard's part of it.
    ListGroups(ListGroups),
    /// How many groups of which kind and in which state are there in this shard? For metrics.
    CountGroups,
    /// `DeleteGroups`, one group of it.
    DeleteGroup(DeleteGroup),
    /// Topics came, went or grew: groups that subscribe to them look again. Not answered.
    TopicsChanged(TopicsChanged),
}

impl GroupEvent {
    /// The group that it is about; `None` where it is about all of them.
    #[must_use]
    pub fn group_id(&self) -> Option<&str> {
        match self {
            Self::JoinGroup(request) => Some(&request.group_id),
            Self::SyncGroup(request) => Some(&request.group_id),
            Self::Heartbeat(request) => Some(&request.group_id),
            Self::LeaveGroup(request) => Some(&request.group_id),
            Self::ConsumerGroupHeartbeat(request) => Some(&request.group_id),
            Self::OffsetCommit(request) => Some(&request.group_id),
            Self::OffsetFetch(request) => Some(&request.group_id),
            Self::OffsetDelete(request) => Some(&request.group_id),
            Self::DescribeGroup(request) => Some(&request.group_id),
            Self::DescribeConsumerGroup(request) => Some(&request.group_id),
            Self::DeleteGroup(request) => Some(&request.group_id),
            Self::ListGroups(_) | Self::CountGroups | Self::TopicsChanged(_) => None,
        }
    }
}

/// An answer; the variant is that of the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupReply {
    /// To `JoinGroup`.
    JoinGroup(JoinGroupReply),
    /// To `SyncGroup`.
    SyncGroup(SyncGroupReply),
    /// To `Heartbeat`.
    Heartbeat(ErrorCode),
    /// To `LeaveGroup`.
    LeaveGroup(LeaveGroupReply),
    /// To `ConsumerGroupHeartbeat`.
    ConsumerGroupHeartbeat(ConsumerGroupHeartbeatReply),
    /// To `OffsetCommit`.
    OffsetCommit(OffsetCommitReply),
    /// To `OffsetFetch`.
    OffsetFetch(OffsetFetchReply),
    /// To `OffsetDelete`.
    OffsetDelete(OffsetDeleteReply),
    /// To `DescribeGroups`.
    DescribeGroup(DescribedGroup),
    /// To `ConsumerGroupDescribe`.
    DescribeConsumerGroup(DescribedConsumerGroup),
    /// To `ListGroups`.
    ListGroups(Vec<ListedGroup>),
    /// To `CountGroups`.
    CountGroups(GroupCounts),
    /// To `DeleteGroups`.
    DeleteGroup(ErrorCode),
}

/// A member wants into a classic group, or to go on in it (KIP-62, KIP-345, KIP-394).
#[derive(Clone, Debug, Default)]
pub struct JoinGroup {
    /// The group.
    pub group_id: String,
    /// Empty on the first join.
    pub member_id: String,
    /// Of a static member.
    pub group_instance_id: Option<String>,
    /// Ms without a heartbeat after which the member is gone.
    pub session_timeout_ms: i32,
    /// Ms that the member may take to rejoin in a rebalance; in version 0 the session timeout.
    pub rebalance_timeout_ms: i32,
    /// `consumer`, `connect`, ...
    pub protocol_type: String,
    /// Names and subscriptions, the preferred first.
    pub protocols: Vec<(String, Bytes)>,
    /// Why, in the client's words (KIP-800).
    pub reason: Option<String>,
    /// Who asks.
    pub client: Client,
    /// Whether a first join is answered with `MEMBER_ID_REQUIRED` (version 4 and later, without an instance id).
    pub requires_known_member_id: bool,
    /// Whether the leader may be told to skip the assignment (version 9 and later, KIP-814).
    pub supports_skipping_assignment: bool,
    /// A member id that was never given out, for a member without one: `<client id or instance id>-<uuid>`.
    pub fresh_member_id: String,
}

/// What a member that joins is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinGroupReply {
    /// Kafka's code.
    pub error: ErrorCode,
    /// The generation; -1 with an error.
    pub generation_id: i32,
    /// The group's protocol type.
    pub protocol_type: Option<String>,
    /// The protocol that was chosen.
    pub protocol_name: Option<String>,
    /// The leader's member id; empty with an error.
    pub leader: String,
    /// Whether the leader need not assign.
    pub skip_assignment: bool,
    /// The member's id.
    pub member_id: String,
    /// For the leader: everybody and what they subscribe to.
    pub members: Vec<JoinedMember>,
}

/// A member as the leader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinedMember {
    /// Its id.
    pub member_id: String,
    /// Its instance id.
    pub group_instance_id: Option<String>,
    /// Its subscription, in the chosen protocol.
    pub metadata: Bytes,
}

/// A member of a generation wants its assignment; the leader's brings everybody's.
#[derive(Clone, Debug, Default)]
pub struct SyncGroup {
    /// The group.
    pub group_id: String,
    /// The generation that the member is in.
    pub generation_id: i32,
    /// Who asks.
    pub member_id: String,
    /// Of a static member.
    pub group_instance_id: Option<String>,
    /// What the client takes the protocol type for (version 5 and later).
    pub protocol_type: Option<String>,
    /// What the client takes the protocol for (version 5 and later).
    pub protocol_name: Option<String>,
    /// The leader's: member ids and assignments.
    pub assignments: Vec<(String, Bytes)>,
    /// Who asks, for a group of the newer protocol.
    pub client: Client,
}

/// What a member is to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncGroupReply {
    /// Kafka's code.
    pub error: ErrorCode,
    /// The group's protocol type.
    pub protocol_type: Option<String>,
    /// The group's protocol.
    pub protocol_name: Option<String>,
    /// The assignment, as the leader made it; empty with an error.
    pub assignment: Bytes,
}

/// A member lives.
#[derive(Clone, Debug, Default)]
pub struct Heartbeat {
    /// The group.
    pub group_id: String,
    /// The generation that the member is in.
    pub generation_id: i32,
    /// Who it is.
    pub member_id: String,
    /// Of a static member.
    pub group_instance_id: Option<String>,
}

/// Members leave.
#[derive(Clone, Debug, Default)]
pub struct LeaveGroup {
    /// The group.
    pub group_id: String,
    /// Who; below version 3 one.
    pub members: Vec<LeavingMember>,
}

/// A member that leaves.
#[derive(Clone, Debug, Default)]
pub struct LeavingMember {
    /// Its id; empty where a static member is named by its instance id only.
    pub member_id: String,
    /// Its instance id.
    pub group_instance_id: Option<String>,
    /// Why, in the client's words (KIP-800).
    pub reason: Option<String>,
}

/// What became of those who leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaveGroupReply {
    /// Kafka's code, for the whole.
    pub error: ErrorCode,
    /// Member id, instance id and code of each, in the order of the request.
    pub members: Vec<(String, Option<String>, ErrorCode)>,
}

/// The one request of KIP-848's members: join, live, leave, say what is owned, hear what to own. `None` is "as before".
#[derive(Clone, Debug, Default)]
pub struct ConsumerGroupHeartbeat {
    /// The group.
    pub group_id: String,
    /// Who; empty only in version 0, on the first heartbeat.
    pub member_id: String,
    /// The member's epoch; 0 joins, -1 leaves, -2 leaves for a while (static).
    pub member_epoch: i32,
    /// Of a static member.
    pub instance_id: Option<String>,
    /// Where the member stands.
    pub rack_id: Option<String>,
    /// Ms that the member may take to give partitions back; -1 as before.
    pub rebalance_timeout_ms: i32,
    /// The topics it reads, by name.
    pub subscribed_topic_names: Option<Vec<String>>,
    /// The topics it reads, by an RE2 pattern.
    pub subscribed_topic_regex: Option<String>,
    /// The assignor that it prefers.
    pub server_assignor: Option<String>,
    /// The partitions that it owns.
    pub topic_partitions: Option<Vec<TopicPartitions>>,
    /// Who asks.
    pub client: Client,
    /// The request's version.
    pub version: i16,
    /// A member id that was never given out, for a member without one (version 0).
    pub fresh_member_id: String,
}

/// Partitions of one topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicPartitions {
    /// The topic.
    pub topic_id: TopicId,
    /// Its partitions.
    pub partitions: Vec<i32>,
}

/// What a KIP-848 member is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConsumerGroupHeartbeatReply {
    /// Kafka's code.
    pub error: ErrorCode,
    /// What was wrong, and what would be right.
    pub error_message: Option<String>,
    /// The member's id.
    pub member_id: Option<String>,
    /// Its epoch.
    pub member_epoch: i32,
    /// Ms until the next heartbeat is expected.
    pub heartbeat_interval_ms: i32,
    /// All that it shall own, or `None` for "as before".
    pub assignment: Option<Vec<TopicPartitions>>,
}

/// Where a reader stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The next offset to read; -1 if nothing was committed.
    pub offset: i64,
    /// The leader epoch of the last record read; -1 if it is not known.
    pub leader_epoch: i32,
    /// The client's own words.
    pub metadata: String,
}

/// A group, or a reader outside any group, says how far it has read.
#[derive(Clone, Debug, Default)]
pub struct OffsetCommit {
    /// The group.
    pub group_id: String,
    /// The generation (classic) or the member epoch (KIP-848); -1 without a group.
    pub generation_id_or_member_epoch: i32,
    /// Who; empty without a group.
    pub member_id: String,
    /// Of a static member.
    pub group_instance_id: Option<String>,
    /// Ms that the offsets live, in versions up to 4; -1 for the broker's setting.
    pub retention_time_ms: i64,
    /// The request's version.
    pub version: i16,
    /// The transaction that it is a part of, if it is (`TxnOffsetCommit`).
    pub transaction: Option<Producer>,
    /// What was read. The handler has resolved the topics: those that do not exist never get here.
    pub topics: Vec<CommitTopic>,
}

/// The commits of one topic.
#[derive(Clone, Debug, Default)]
pub struct CommitTopic {
    /// Its name.
    pub name: String,
    /// Its id; zero where the request names topics by name and the topic is not known.
    pub id: TopicId,
    /// Its partitions.
    pub partitions: Vec<CommitPartition>,
}

/// The commit of one partition.
#[derive(Clone, Debug, Default)]
pub struct CommitPartition {
    /// The partition.
    pub index: i32,
    /// The next offset to read.
    pub offset: i64,
    /// The leader epoch of the last record read, or -1.
    pub leader_epoch: i32,
    /// The client's own words; `None` is the empty text.
    pub metadata: Option<String>,
}

/// What became of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OffsetCommitReply {
    /// The same for all of it.
    Refused(ErrorCode),
    /// A code for each partition, in the order of the request: topics, and partitions in them.
    Each(Vec<Vec<ErrorCode>>),
}

/// How far has a group read?
#[derive(Clone, Debug, Default)]
pub struct OffsetFetch {
    /// The group.
    pub group_id: String,
    /// Who asks, from version 9 on.
    pub member_id: Option<String>,
    /// Its epoch, from version 9 on; -1 without.
    pub member_epoch: i32,
    /// Which topics and partitions; `None` for all that were committed.
    pub topics: Option<Vec<FetchOffsetsTopic>>,
    /// Whether offsets of open transactions are to be waited for (KIP-447).
    pub require_stable: bool,
}

/// Partitions of one topic whose offsets are wanted.
#[derive(Clone, Debug, Default)]
pub struct FetchOffsetsTopic {
    /// Its name.
    pub name: String,
    /// Its id; zero where the request names topics by name and the topic is not known.
    pub id: TopicId,
    /// Its partitions.
    pub partitions: Vec<i32>,
}

/// How far a group has read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetFetchReply {
    /// Kafka's code, for the whole group.
    pub error: ErrorCode,
    /// Topics in the order of the request, or all.
    pub topics: Vec<FetchedTopic>,
}

/// How far a group has read one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedTopic {
    /// Its name.
    pub name: String,
    /// Its id as asked; zero if it was committed by name only.
    pub id: TopicId,
    /// Partition, offset, code.
    pub partitions: Vec<(i32, CommittedOffset, ErrorCode)>,
}

/// Offsets are to be forgotten (KIP-496).
#[derive(Clone, Debug, Default)]
pub struct OffsetDelete {
    /// The group.
    pub group_id: String,
    /// Topics and partitions.
    pub topics: Vec<(String, Vec<i32>)>,
}

/// What became of [`OffsetDelete`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetDeleteReply {
    /// Kafka's code, for the whole.
    pub error: ErrorCode,
    /// A code for each partition, in the order of the request.
    pub topics: Vec<Vec<ErrorCode>>,
}

/// What became of topics.
#[derive(Clone, Debug, Default)]
pub struct TopicsChanged {
    /// Names of topics that were made, changed or deleted.
    pub changed: Vec<String>,
    /// Those of them that are gone: their offsets are forgotten.
    pub deleted: Vec<(String, TopicId)>,
}
