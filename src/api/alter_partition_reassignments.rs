//! AlterPartitionReassignments (key 45), versions 0-1. v1 whether the number of replicas may change (KIP-860).
//! A partition can only be assigned to the broker that has it, which changes nothing, not even the number of replicas; and no
//! move is ever under way.

use std::ops::RangeInclusive;
use std::sync::Arc;

use model::ErrorCode;
use protocol::ApiKey;
use protocol::messages::alter_partition_reassignments::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, ReassignablePartition,
    ReassignablePartitionResponse, ReassignableTopic, ReassignableTopicResponse,
};

use super::{Api, Reply, RequestContext};
use crate::broker::Broker;
use crate::metadata::{Image, Refused};

pub(super) struct AlterPartitionReassignments;

impl Api for AlterPartitionReassignments {
    const KEY: ApiKey = ApiKey::AlterPartitionReassignments;
    const VERSIONS: RangeInclusive<i16> = 0..=1;
    type Request<'frame> = AlterPartitionReassignmentsRequest<'frame>;
    type Response = AlterPartitionReassignmentsResponse;

    fn handle(
        broker: &Arc<Broker>,
        _context: &RequestContext<'_>,
        request: AlterPartitionReassignmentsRequest<'_>,
    ) -> Reply<AlterPartitionReassignmentsResponse> {
        let image = broker.metadata.image();
        let topic = |topic: &ReassignableTopic<'_>| ReassignableTopicResponse {
            name: topic.name.to_owned(),
            partitions: topic
                .partitions
                .iter()
                .map(|wish| {
                    let (code, error_message) = match check(&image, topic.name, wish) {
                        Ok(()) => (ErrorCode::None, None),
                        Err(refused) => (refused.code, Some(refused.message)),
                    };
                    let (partition_index, error_code) = (wish.partition_index, code.code());
                    ReassignablePartitionResponse { partition_index, error_code, error_message }
                })
                .collect(),
        };
        Reply::now(AlterPartitionReassignmentsResponse {
            // Said again where there was something to allow.
            allow_replication_factor_change: request.allow_replication_factor_change || request.topics.is_empty(),
            responses: request.topics.iter().map(topic).collect(),
            ..AlterPartitionReassignmentsResponse::default()
        })
    }
}

fn check(image: &Image, name: &str, wish: &ReassignablePartition) -> Result<(), Refused> {
    let index = wish.partition_index;
    let is_there = image.topic(name).is_some_and(|topic| topic.indexes().any(|known| known == index));
    if !is_there {
        let message = format!("there is no partition {index} of topic '{name}'");
        return Err(Refused::new(ErrorCode::UnknownTopicOrPartition, message));
    }
    let Some(replicas) = &wish.replicas else {
        return Err(Refused::new(ErrorCode::NoReassignmentInProgress, "the partition is not being moved"));
    };
    let own = image.broker.node_id;
    if *replicas == [own] {
        return Ok(());
    }
    let message = format!("a partition is assigned to one broker, and broker {own} is the only one there is");
    Err(Refused::new(ErrorCode::InvalidReplicaAssignment, message))
}
