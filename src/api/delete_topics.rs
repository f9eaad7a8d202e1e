//! DeleteTopics (key 20), versions 1-6. v4 flexible; v5 error messages; v6 by name or by id (KIP-516).

use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

use model::{ErrorCode, TopicId};
use protocol::ApiKey;
use protocol::messages::delete_topics::{
    DeletableTopicResult, DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse,
};

use super::{Api, Reply, RequestContext};
use crate::broker::Broker;
use crate::metadata::{Image, Refused, TopicRef};

/// The first version that also takes ids.
const IDS_FROM: i16 = 6;
/// The first version that knows `THROTTLING_QUOTA_EXCEEDED` (KIP-599).
const THROTTLES_FROM: i16 = 5;

pub(super) struct DeleteTopics;

impl Api for DeleteTopics {
    const KEY: ApiKey = ApiKey::DeleteTopics;
    const VERSIONS: RangeInclusive<i16> = 1..=6;
    type Request<'frame> = DeleteTopicsRequest<'frame>;
    type Response = DeleteTopicsResponse;

    fn handle(
        broker: &Arc<Broker>,
        context: &RequestContext<'_>,
        request: DeleteTopicsRequest<'_>,
    ) -> Reply<DeleteTopicsResponse> {
        let image = broker.metadata.image();
        let topics: Vec<_> = if context.version >= IDS_FROM {
            request.topics.iter().map(parse).collect()
        } else {
            request.topic_names.iter().map(|name| Ok(TopicRef::Name((*name).to_owned()))).collect()
        };
        let wishes = refuse_doubles(&image, topics);
        let knows_throttling = context.version >= THROTTLES_FROM;
        if !image.broker.delete_topic_enable {
            let refused = Refused::new(ErrorCode::TopicDeletionDisabled, "delete.topic.enable is false");
            let responses =
                wishes.into_iter().map(|(asked, _)| failed(asked, refused.clone(), knows_throttling)).collect();
            return Reply::now(DeleteTopicsResponse { responses, ..DeleteTopicsResponse::default() });
        }
        let broker = Arc::clone(broker);
        Reply::exclusive(async move {
            let good = wishes.iter().filter_map(|(_, wish)| wish.as_ref().ok().cloned()).collect();
            let results = broker.metadata.delete_topics(good).await;
            let throttle_time_ms = Refused::throttle_time_ms(&results);
            let mut results = results.into_iter();
            let answer = |(asked, wish): (Asked, Result<TopicRef, Refused>)| {
                let result = match wish {
                    Ok(_) => results.next().unwrap_or_else(|| Err(Refused::new(ErrorCode::UnknownServerError, ""))),
                    Err(refused) => Err(refused),
                };
                match result {
                    Ok((name, topic_id)) => DeletableTopicResult {
                        name: Some(name.as_str().to_owned()),
                        topic_id,
                        ..DeletableTopicResult::default()
                    },
                    Err(refused) => failed(asked, refused, knows_throttling),
                }
            };
            let mut responses: Vec<_> = wishes.into_iter().map(answer).collect();
            // What was there twice is refused once.
            let mut told = HashSet::new();
            responses.retain(|topic| told.insert((topic.name.clone(), topic.topic_id)));
            DeleteTopicsResponse { responses, throttle_time_ms }
        })
    }
}

/// What a request named: told back in a refusal.
type Asked = (Option<String>, TopicId);

fn parse(topic: &DeleteTopicState<'_>) -> Result<TopicRef, (Asked, Refused)> {
    let asked = (topic.name.map(str::to_owned), topic.topic_id);
    let refused = |message: &str| Err((asked.clone(), Refused::new(ErrorCode::InvalidRequest, message)));
    match (topic.name, topic.topic_id.is_zero()) {
        (Some(_), false) => refused("a topic is named either by name or by id, not by both"),
        (None, true) => refused("a topic is named by name or by id; this has neither"),
        (Some(name), true) => Ok(TopicRef::Name(name.to_owned())),
        (None, false) => Ok(TopicRef::Id(topic.topic_id)),
    }
}

/// Refuses every mention of a topic that is mentioned more than once, also once by name and once by id.
fn refuse_doubles(
    image: &Image,
    topics: Vec<Result<TopicRef, (Asked, Refused)>>,
) -> Vec<(Asked, Result<TopicRef, Refused>)> {
    let identity = |topic: &TopicRef| match topic {
        TopicRef::Name(name) => image.topic(name).map_or_else(|| topic.clone(), |topic| TopicRef::Id(topic.id)),
        TopicRef::Id(_) => topic.clone(),
    };
    let mut times: HashMap<TopicRef, u32> = HashMap::new();
    for topic in topics.iter().flatten() {
        *times.entry(identity(topic)).or_default() += 1;
    }
    let judge = |topic: Result<TopicRef, (Asked, Refused)>| match topic {
        Err((asked, refused)) => (asked, Err(refused)),
        Ok(topic) => {
            let asked = match &topic {
                TopicRef::Name(name) => (Some(name.clone()), TopicId::ZERO),
                TopicRef::Id(id) => (None, *id),
            };
            if times.get(&identity(&topic)).is_some_and(|times| *times > 1) {
                return (asked, Err(Refused::new(ErrorCode::InvalidRequest, "the topic is asked for twice")));
            }
            (asked, Ok(topic))
        }
    };
    topics.into_iter().map(judge).collect()
}

fn failed((name, topic_id): Asked, refused: Refused, knows_throttling: bool) -> DeletableTopicResult {
    let error_code = refused.code_for(knows_throttling).code();
    DeletableTopicResult { name, topic_id, error_code, error_message: Some(refused.message) }
}
