//! CreatePartitions (key 37), versions 0-3. v2 flexible; v3 throttling of admin requests.

use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

use model::ErrorCode;
use protocol::ApiKey;
use protocol::messages::create_partitions::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic, CreatePartitionsTopicResult,
};

use super::{Api, Reply, RequestContext};
use crate::broker::Broker;
use crate::metadata::{MorePartitions, Refused};

/// The first version that knows `THROTTLING_QUOTA_EXCEEDED` (KIP-599).
const THROTTLES_FROM: i16 = 3;

pub(super) struct CreatePartitions;

impl Api for CreatePartitions {
    const KEY: ApiKey = ApiKey::CreatePartitions;
    const VERSIONS: RangeInclusive<i16> = 0..=3;
    type Request<'frame> = CreatePartitionsRequest<'frame>;
    type Response = CreatePartitionsResponse;

    fn handle(
        broker: &Arc<Broker>,
        context: &RequestContext<'_>,
        request: CreatePartitionsRequest<'_>,
    ) -> Reply<CreatePartitionsResponse> {
        let mut times: HashMap<&str, u32> = HashMap::new();
        for topic in &request.topics {
            *times.entry(topic.name).or_default() += 1;
        }
        let is_double = |topic: &CreatePartitionsTopic<'_>| times.get(topic.name).is_some_and(|times| *times > 1);
        let mut names: Vec<_> = request.topics.iter().map(|topic| (topic.name.to_owned(), is_double(topic))).collect();
        // A name that was there twice is refused once.
        let mut told = HashSet::new();
        names.retain(|(name, _)| told.insert(name.clone()));
        let wishes = request.topics.iter().filter(|topic| !is_double(topic)).map(wish).collect();
        let validate_only = request.validate_only;
        let knows_throttling = context.version >= THROTTLES_FROM;
        let broker = Arc::clone(broker);
        Reply::exclusive(async move {
            let decided = broker.metadata.add_partitions(wishes, validate_only).await;
            let throttle_time_ms = Refused::throttle_time_ms(&decided);
            let mut decided = decided.into_iter();
            let doubled = || Err(Refused::new(ErrorCode::InvalidRequest, "the topic is asked for twice"));
            let answer = |(name, is_double)| {
                let result = if is_double { doubled() } else { decided.next().unwrap_or_else(doubled) };
                let (code, error_message) = match result {
                    Ok(()) => (ErrorCode::None, None),
                    Err(refused) => (refused.code_for(knows_throttling), Some(refused.message)),
                };
                CreatePartitionsTopicResult { name, error_code: code.code(), error_message }
            };
            let results = names.into_iter().map(answer).collect();
            CreatePartitionsResponse { results, throttle_time_ms }
        })
    }
}

fn wish(topic: &CreatePartitionsTopic<'_>) -> MorePartitions {
    let assignments = topic.assignments.as_ref();
    MorePartitions {
        name: topic.name.to_owned(),
        count: topic.count,
        assignments: assignments.map(|all| all.iter().map(|each| each.broker_ids.clone()).collect()),
    }
}
