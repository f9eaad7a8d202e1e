//! A member of a group as the loads need it: it joins, assigns if it leads, and says what it has.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::consumer_group_heartbeat_request::TopicPartitions;
use kafka_protocol::messages::consumer_protocol_assignment::TopicPartition;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    ConsumerGroupHeartbeatRequest, ConsumerProtocolAssignment, ConsumerProtocolSubscription, HeartbeatRequest,
    JoinGroupRequest, JoinGroupResponse, SyncGroupRequest,
};
use kafka_protocol::protocol::{Encodable, StrBytes};
use model::ErrorCode;
use uuid::Uuid;

use super::super::BenchError;
use super::{Protocol, check, group_id};
use crate::cli::client::ClientError;
use crate::cli::client::admin::{text, topic_name};
use crate::cli::client::connection::Connection;
use crate::cli::time::Deadline;

/// The highest versions that are used: with member ids that are given out first, and without fields that no load needs.
const JOIN_HIGHEST: i16 = 5;
const SYNC_HIGHEST: i16 = 3;
/// The highest version of Heartbeat that is used.
pub(super) const HEARTBEAT_HIGHEST: i16 = 3;
/// The highest version of `ConsumerGroupHeartbeat` that is used.
pub(super) const CONSUMER_HEARTBEAT_HIGHEST: i16 = 1;
const SESSION_TIMEOUT_MS: i32 = 45_000;
const REBALANCE_TIMEOUT_MS: i32 = 60_000;
/// The version of subscriptions and assignments, which both begin with it.
const BLOB_VERSION: i16 = 0;

/// One member, and what it was told last.
#[derive(Clone, Debug)]
pub(super) struct Member {
    group: String,
    topic: String,
    partitions: i32,
    /// Its id; empty before a classic member was given one.
    pub(super) id: String,
    /// Its generation, or its epoch.
    pub(super) epoch: i32,
    /// What it reads.
    pub(super) owned: Vec<i32>,
    topic_id: Uuid,
}

impl Member {
    /// A member that has not joined. `partitions` is how many the topic has.
    pub(super) fn new(group: &str, topic: &str, partitions: i32, protocol: Protocol) -> Self {
        let id = match protocol {
            Protocol::Classic => String::new(),
            Protocol::Consumer => Uuid::new_v4().to_string(),
        };
        let (group, topic) = (group.to_owned(), topic.to_owned());
        Self { group, topic, partitions, id, epoch: 0, owned: Vec::new(), topic_id: Uuid::nil() }
    }

    /// Joins and syncs until a generation holds, as a classic member; leads if it is told to.
    ///
    /// # Errors
    /// Those of the connection; a broker that refuses.
    pub(super) fn join_classic(&mut self, connection: &mut Connection, deadline: Deadline) -> Result<(), BenchError> {
        loop {
            let joined = self.join_once(connection, deadline)?;
            if self.sync(connection, &joined, deadline)? {
                return Ok(());
            }
        }
    }

    fn join_once(&mut self, connection: &mut Connection, deadline: Deadline) -> Result<JoinGroupResponse, BenchError> {
        let version = connection.version::<JoinGroupRequest>(JOIN_HIGHEST)?;
        let subscription = ConsumerProtocolSubscription::default().with_topics(vec![text(&self.topic)]);
        let protocol = JoinGroupRequestProtocol::default()
            .with_name(StrBytes::from_static_str("range"))
            .with_metadata(blob(&subscription)?);
        loop {
            let request = JoinGroupRequest::default()
                .with_group_id(group_id(&self.group))
                .with_session_timeout_ms(SESSION_TIMEOUT_MS)
                .with_rebalance_timeout_ms(REBALANCE_TIMEOUT_MS)
                .with_member_id(text(&self.id))
                .with_protocol_type(StrBytes::from_static_str("consumer"))
                .with_protocols(vec![protocol.clone()]);
            let answer = connection.call(&request, version, deadline)?;
            match ErrorCode::from_code(answer.error_code) {
                Some(ErrorCode::None) => {
                    self.id = answer.member_id.to_string();
                    self.epoch = answer.generation_id;
                    return Ok(answer);
                }
                Some(ErrorCode::MemberIdRequired) => self.id = answer.member_id.to_string(),
                Some(ErrorCode::RebalanceInProgress) => {}
                _ => return Err(BenchError::Refused(answer.error_code)),
            }
        }
    }

    /// Whether the generation held until the assignment was there.
    fn sync(
        &mut self,
        connection: &mut Connection,
        joined: &JoinGroupResponse,
        deadline: Deadline,
    ) -> Result<bool, BenchError> {
        let version = connection.version::<SyncGroupRequest>(SYNC_HIGHEST)?;
        let mut assignments = Vec::new();
        if joined.leader == joined.member_id {
            let count = i32::try_from(joined.members.len()).unwrap_or(i32::MAX);
            for (place, member) in (0..).zip(&joined.members) {
                let partitions = (0..self.partitions).filter(|index| index.checked_rem(count) == Some(place)).collect();
                let topic = TopicPartition::default().with_topic(topic_name(&self.topic)).with_partitions(partitions);
                let assignment = ConsumerProtocolAssignment::default().with_assigned_partitions(vec![topic]);
                assignments.push(
                    SyncGroupRequestAssignment::default()
                        .with_member_id(member.member_id.clone())
                        .with_assignment(blob(&assignment)?),
                );
            }
        }
        let request = SyncGroupRequest::default()
            .with_group_id(group_id(&self.group))
            .with_generation_id(self.epoch)
            .with_member_id(text(&self.id))
            .with_assignments(assignments);
        let answer = connection.call(&request, version, deadline)?;
        if answer.error_code == ErrorCode::RebalanceInProgress.code() {
            return Ok(false);
        }
        check(answer.error_code)?;
        self.owned = partitions_of(&answer.assignment)?;
        Ok(true)
    }

    /// A classic member's heartbeat; false when it must join again.
    ///
    /// # Errors
    /// Those of the connection; a broker that refuses.
    pub(super) fn beat_classic(&self, connection: &mut Connection, deadline: Deadline) -> Result<bool, BenchError> {
        let version = connection.version::<HeartbeatRequest>(HEARTBEAT_HIGHEST)?;
        let answer = connection.call(&self.heartbeat(), version, deadline)?;
        if answer.error_code == ErrorCode::RebalanceInProgress.code() {
            return Ok(false);
        }
        check(answer.error_code)?;
        Ok(true)
    }

    /// The heartbeat of a classic member in its generation.
    pub(super) fn heartbeat(&self) -> HeartbeatRequest {
        HeartbeatRequest::default()
            .with_group_id(group_id(&self.group))
            .with_generation_id(self.epoch)
            .with_member_id(text(&self.id))
    }

    /// A KIP-848 member's heartbeat, the first of which joins; whether it was told another assignment, which it then has.
    ///
    /// # Errors
    /// Those of the connection; a broker that refuses.
    pub(super) fn beat_consumer(
        &mut self,
        connection: &mut Connection,
        tells_all: bool,
        deadline: Deadline,
    ) -> Result<bool, BenchError> {
        let version = connection.version::<ConsumerGroupHeartbeatRequest>(CONSUMER_HEARTBEAT_HIGHEST)?;
        let mut request = self.consumer_heartbeat();
        if self.epoch == 0 {
            request = request
                .with_rebalance_timeout_ms(REBALANCE_TIMEOUT_MS)
                .with_subscribed_topic_names(Some(vec![topic_name(&self.topic)]));
        }
        if self.epoch == 0 || tells_all {
            let owned = TopicPartitions::default().with_topic_id(self.topic_id).with_partitions(self.owned.clone());
            let is_empty = self.owned.is_empty();
            request = request.with_topic_partitions(Some(if is_empty { Vec::new() } else { vec![owned] }));
        }
        let answer = connection.call(&request, version, deadline)?;
        check(answer.error_code)?;
        self.epoch = answer.member_epoch;
        let Some(assignment) = answer.assignment else { return Ok(false) };
        self.owned = assignment.topic_partitions.iter().flat_map(|topic| topic.partitions.iter().copied()).collect();
        if let Some(topic) = assignment.topic_partitions.first() {
            self.topic_id = topic.topic_id;
        }
        Ok(true)
    }

    /// The heartbeat of a KIP-848 member to which nothing has happened.
    pub(super) fn consumer_heartbeat(&self) -> ConsumerGroupHeartbeatRequest {
        ConsumerGroupHeartbeatRequest::default()
            .with_group_id(group_id(&self.group))
            .with_member_id(text(&self.id))
            .with_member_epoch(self.epoch)
    }
}

fn blob(body: &impl Encodable) -> Result<Bytes, BenchError> {
    let mut bytes = BytesMut::from(&BLOB_VERSION.to_be_bytes()[..]);
    body.encode(&mut bytes, BLOB_VERSION).map_err(|error| BenchError::Template(error.to_string()))?;
    Ok(bytes.freeze())
}

fn partitions_of(blob: &Bytes) -> Result<Vec<i32>, BenchError> {
    use kafka_protocol::protocol::Decodable as _;
    if blob.len() < 2 {
        return Ok(Vec::new());
    }
    let mut body = blob.slice(2..);
    let assignment = ConsumerProtocolAssignment::decode(&mut body, BLOB_VERSION).map_err(|error| {
        BenchError::from(ClientError::Malformed { what: "an assignment".to_owned(), detail: error.to_string() })
    })?;
    Ok(assignment.assigned_partitions.iter().flat_map(|topic| topic.partitions.iter().copied()).collect())
}
