//! DescribeQuorum (key 55), versions 0-2. v1 fetch times (KIP-836); v2 directories, nodes and error messages (KIP-853).
//! The quorum is this broker: it leads, it is the only voter, and nobody observes. It has no listener for controllers.

use std::ops::RangeInclusive;
use std::sync::Arc;

use model::{ErrorCode, TopicId};
use protocol::ApiKey;
use protocol::messages::describe_quorum::{
    DescribeQuorumRequest, DescribeQuorumResponse, Node, ReplicaState, RequestTopicData, ResponsePartitionData,
    ResponseTopicData,
};

use super::{Api, Reply, RequestContext};
use crate::broker::Broker;
use crate::metadata::QuorumLog;

/// The first version whose answers name the nodes and their directories.
const NODES_FROM: i16 = 2;

pub(super) struct DescribeQuorum;

impl Api for DescribeQuorum {
    const KEY: ApiKey = ApiKey::DescribeQuorum;
    const VERSIONS: RangeInclusive<i16> = 0..=2;
    type Request<'frame> = DescribeQuorumRequest<'frame>;
    type Response = DescribeQuorumResponse;

    fn handle(
        broker: &Arc<Broker>,
        context: &RequestContext<'_>,
        request: DescribeQuorumRequest<'_>,
    ) -> Reply<DescribeQuorumResponse> {
        if !is_quorum(&request.topics) {
            let topics = request.topics.iter().map(unknown).collect();
            return Reply::now(DescribeQuorumResponse { topics, ..DescribeQuorumResponse::default() });
        }
        let is_named = context.version >= NODES_FROM;
        let node_id = broker.metadata.image().broker.node_id;
        let log = broker.metadata.quorum_log();
        // First: the end does not fall behind it meanwhile.
        let high_watermark = log.high_watermark();
        let now = broker.clock.now().get();
        let voter = ReplicaState {
            replica_id: node_id,
            replica_directory_id: if is_named { broker.data_directory.id() } else { TopicId::ZERO },
            log_end_offset: log.log_end_offset().get(),
            // The leader is always with itself.
            last_fetch_timestamp: now,
            last_caught_up_timestamp: now,
        };
        let partition = ResponsePartitionData {
            leader_id: node_id,
            leader_epoch: broker.metadata.leader_epoch(),
            high_watermark: high_watermark.get(),
            current_voters: vec![voter],
            ..ResponsePartitionData::default()
        };
        let topic = ResponseTopicData { topic_name: QuorumLog::NAME.to_owned(), partitions: vec![partition] };
        let nodes = if is_named { vec![Node { node_id, listeners: Vec::new() }] } else { Vec::new() };
        Reply::now(DescribeQuorumResponse { topics: vec![topic], nodes, ..DescribeQuorumResponse::default() })
    }
}

/// Whether the request asks for the metadata log and nothing else.
fn is_quorum(topics: &[RequestTopicData<'_>]) -> bool {
    let [topic] = topics else { return false };
    let [partition] = topic.partitions.as_slice() else { return false };
    topic.topic_name == QuorumLog::NAME && partition.partition_index == 0
}

fn unknown(topic: &RequestTopicData<'_>) -> ResponseTopicData {
    let partition = |partition_index| ResponsePartitionData {
        partition_index,
        error_code: ErrorCode::UnknownTopicOrPartition.code(),
        error_message: Some(format!("the metadata log is partition 0 of {}", QuorumLog::NAME)),
        ..ResponsePartitionData::default()
    };
    let partitions = topic.partitions.iter().map(|asked| partition(asked.partition_index)).collect();
    ResponseTopicData { topic_name: topic.topic_name.to_owned(), partitions }
}
