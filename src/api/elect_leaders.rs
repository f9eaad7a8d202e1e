//! ElectLeaders (key 43), versions 0-2. v1 unclean elections (KIP-460); v2 flexible.
//! The one broker leads every partition that it can open: no election is ever needed, and where the log cannot be opened none
//! would help.

use std::ops::RangeInclusive;
use std::sync::Arc;

use model::ErrorCode;
use protocol::ApiKey;
use protocol::messages::elect_leaders::{
    ElectLeadersRequest, ElectLeadersResponse, PartitionResult, ReplicaElectionResult,
};

use super::{Api, Reply, RequestContext};
use crate::broker::Broker;
use crate::metadata::{Image, Refused};

/// The election that gives a partition to the first of its replicas.
const PREFERRED: i8 = 0;
/// The election that gives it to any, also to one that lacks records.
const UNCLEAN: i8 = 1;
/// The first version whose answers have an error for the whole request.
const ERROR_FROM: i16 = 1;

pub(super) struct ElectLeaders;

impl Api for ElectLeaders {
    const KEY: ApiKey = ApiKey::ElectLeaders;
    const VERSIONS: RangeInclusive<i16> = 0..=2;
    type Request<'frame> = ElectLeadersRequest<'frame>;
    type Response = ElectLeadersResponse;

    fn handle(
        broker: &Arc<Broker>,
        context: &RequestContext<'_>,
        request: ElectLeadersRequest<'_>,
    ) -> Reply<ElectLeadersResponse> {
        let image = broker.metadata.image();
        let is_known = [PREFERRED, UNCLEAN].contains(&request.election_type);
        let judge = |name: &str, index: i32| {
            if is_known {
                return elect(&image, name, index, request.election_type);
            }
            let message = format!("election type {} is not known; 0 is preferred, 1 unclean", request.election_type);
            Refused::new(ErrorCode::InvalidRequest, message)
        };
        let replica_election_results = match &request.topic_partitions {
            Some(topics) => topics
                .iter()
                .map(|topic| ReplicaElectionResult {
                    topic: topic.topic.to_owned(),
                    partition_result: topic
                        .partitions
                        .iter()
                        .map(|index| told(*index, judge(topic.topic, *index)))
                        .collect(),
                })
                .collect(),
            None if is_known => image
                .topics()
                .map(|topic| {
                    let name = topic.name.as_str();
                    let each = topic.indexes().map(|index| (index, judge(name, index)));
                    // Of all partitions, those are not named that need no election.
                    let partition_result = each
                        .filter(|(_, refused)| refused.code != ErrorCode::ElectionNotNeeded)
                        .map(|(index, refused)| told(index, refused));
                    ReplicaElectionResult { topic: name.to_owned(), partition_result: partition_result.collect() }
                })
                .collect(),
            None => Vec::new(),
        };
        // Nothing was asked for: Kafka does not look at the type then.
        let is_empty = request.topic_partitions.as_ref().is_some_and(Vec::is_empty);
        let is_fine = is_known || is_empty || context.version < ERROR_FROM;
        let error_code = if is_fine { ErrorCode::None } else { ErrorCode::InvalidRequest }.code();
        Reply::now(ElectLeadersResponse { error_code, replica_election_results, ..ElectLeadersResponse::default() })
    }
}

fn told(partition_id: i32, refused: Refused) -> PartitionResult {
    PartitionResult { partition_id, error_code: refused.code.code(), error_message: Some(refused.message) }
}

/// Why no leader is elected.
fn elect(image: &Image, name: &str, index: i32, election_type: i8) -> Refused {
    let unknown =
        || Refused::new(ErrorCode::UnknownTopicOrPartition, format!("there is no partition {index} of topic '{name}'"));
    match image.topic(name).map(|topic| topic.partition(index)) {
        None | Some(Err(ErrorCode::UnknownTopicOrPartition)) => unknown(),
        Some(Ok(_)) => Refused::new(ErrorCode::ElectionNotNeeded, "the partition is led by its only replica"),
        Some(Err(_)) => {
            let code = if election_type == PREFERRED {
                ErrorCode::PreferredLeaderNotAvailable
            } else {
                ErrorCode::EligibleLeadersNotAvailable
            };
            Refused::new(code, "the log of the only replica cannot be opened; the broker's log says why")
        }
    }
}
