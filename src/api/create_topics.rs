//! CreateTopics (key 19), versions 2-7. v4 defaults for counts (KIP-464); v5 flexible, the created topic's configs
//! (KIP-525); v7 topic ids.

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::sync::Arc;

use protocol::ApiKey;
use protocol::messages::create_topics::{
    CreatableTopic, CreatableTopicConfigs, CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse,
};

use super::{Api, Reply, RequestContext};
use crate::broker::Broker;
use crate::metadata::{CreatedTopic, NewTopic, Refused};

/// The first version that knows `THROTTLING_QUOTA_EXCEEDED` (KIP-599).
const THROTTLES_FROM: i16 = 6;

pub(super) struct CreateTopics;

impl Api for CreateTopics {
    const KEY: ApiKey = ApiKey::CreateTopics;
    const VERSIONS: RangeInclusive<i16> = 2..=7;
    type Request<'frame> = CreateTopicsRequest<'frame>;
    type Response = CreateTopicsResponse;

    fn handle(
        broker: &Arc<Broker>,
        context: &RequestContext<'_>,
        request: CreateTopicsRequest<'_>,
    ) -> Reply<CreateTopicsResponse> {
        let wishes: Vec<NewTopic> = request.topics.iter().map(wish).collect();
        let validate_only = request.validate_only;
        let knows_throttling = context.version >= THROTTLES_FROM;
        let broker = Arc::clone(broker);
        Reply::exclusive(async move {
            let names: Vec<String> = wishes.iter().map(|wish| wish.name.clone()).collect();
            let results = broker.metadata.create_topics(wishes, validate_only).await;
            let throttle_time_ms = Refused::throttle_time_ms(&results);
            let answer = |(name, result)| match result {
                Ok(created) => described(&broker, &created),
                Err(refused) => failed(name, refused, knows_throttling),
            };
            let mut topics: Vec<_> = names.into_iter().zip(results).map(answer).collect();
            // A name that was there twice is refused once.
            let mut told = HashSet::new();
            topics.retain(|topic| told.insert(topic.name.clone()));
            CreateTopicsResponse { topics, throttle_time_ms }
        })
    }
}

fn wish(topic: &CreatableTopic<'_>) -> NewTopic {
    let assignments = topic.assignments.iter().map(|each| (each.partition_index, each.broker_ids.clone()));
    let configs = topic.configs.iter().map(|config| (config.name.to_owned(), config.value.map(str::to_owned)));
    NewTopic {
        name: topic.name.to_owned(),
        partitions: topic.num_partitions,
        replication_factor: topic.replication_factor,
        assignments: assignments.collect(),
        configs: configs.collect(),
    }
}

fn described(broker: &Broker, created: &CreatedTopic) -> CreatableTopicResult {
    let image = broker.metadata.image();
    let configs = image.broker.describe_topic(&created.configs).into_iter().map(|row| CreatableTopicConfigs {
        name: row.name.to_owned(),
        value: row.value,
        read_only: row.is_read_only,
        config_source: row.source.code(),
        is_sensitive: row.is_sensitive,
    });
    CreatableTopicResult {
        name: created.name.as_str().to_owned(),
        topic_id: created.id,
        num_partitions: created.partitions,
        replication_factor: 1,
        configs: Some(configs.collect()),
        ..CreatableTopicResult::default()
    }
}

fn failed(name: String, refused: Refused, knows_throttling: bool) -> CreatableTopicResult {
    CreatableTopicResult {
        name,
        error_code: refused.code_for(knows_throttling).code(),
        error_message: Some(refused.message),
        configs: Some(Vec::new()),
        ..CreatableTopicResult::default()
    }
}
