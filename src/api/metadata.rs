//! Metadata (key 3), versions 0-13. v1 null means all topics; v4 may forbid automatic creation; v7 leader epochs; v8
//! authorized operations (KIP-430); v9 flexible; v10 topic ids; v12 looks up by id; v13 an error for the whole answer.
//! A topic that is created automatically is answered when it is there, where Kafka answers an error first and lets the
//! client ask again.

use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

use model::{ErrorCode, TopicId, TopicName};
use protocol::ApiKey;
use protocol::messages::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseBroker, MetadataResponsePartition,
    MetadataResponseTopic,
};

use super::operations;
use super::{Api, Peer, Reply, RequestContext};
use crate::broker::Broker;
use crate::metadata::{Image, NewTopic, Topic, is_internal, wanted_topic};

/// The first version that looks topics up by id; in v10 and v11 the field is there but means nothing.
const IDS_FROM: i16 = 12;

pub(super) struct Metadata;

impl Api for Metadata {
    const KEY: ApiKey = ApiKey::Metadata;
    const VERSIONS: RangeInclusive<i16> = 0..=13;
    type Request<'frame> = MetadataRequest<'frame>;
    type Response = MetadataResponse;
    // librdkafka (seen in 2.12) asks for all topics in versions 9 and up with a count of four bytes instead of one, so that its
    // last three bytes are left over.
    const PASSES_OVER_TRAILING_BYTES: bool = true;

    fn handle(
        broker: &Arc<Broker>,
        context: &RequestContext<'_>,
        request: MetadataRequest<'_>,
    ) -> Reply<MetadataResponse> {
        let image = broker.metadata.image();
        let asked = match asked(&request, context.version) {
            Ok(asked) => asked,
            Err(code) => return Reply::now(refuse_all(&request, code)),
        };
        let describe = Describe {
            peer: context.peer,
            with_topic_operations: request.include_topic_authorized_operations,
            with_cluster_operations: request.include_cluster_authorized_operations,
        };
        let may_create = request.allow_auto_topic_creation && image.broker.auto_create_topics_enable;
        let missing = if may_create { missing(&image, &asked) } else { Vec::new() };
        if missing.is_empty() {
            return Reply::now(describe.answer(broker, &asked, &HashMap::new()));
        }
        let broker = Arc::clone(broker);
        Reply::exclusive(async move {
            let names: Vec<_> = missing.iter().map(|wish| wish.name.clone()).collect();
            let results = broker.metadata.create_topics(missing, false).await;
            let refused: HashMap<_, _> = names
                .into_iter()
                .zip(results)
                // Somebody else was faster: then it is there.
                .filter_map(|(name, result)| result.err().map(|refused| (name, refused.code)))
                .filter(|(_, code)| *code != ErrorCode::TopicAlreadyExists)
                .collect();
            describe.answer(&broker, &asked, &refused)
        })
    }
}

/// Which topics a request names.
enum Asked {
    All,
    Named(Vec<Named>),
}

enum Named {
    Name(String),
    Id(TopicId),
}

/// What a request asks for, each topic once.
///
/// # Errors
/// `INVALID_REQUEST` for a topic with neither name nor id, and for one with an id before ids could be asked for.
fn asked(request: &MetadataRequest<'_>, version: i16) -> Result<Asked, ErrorCode> {
    let topics = match &request.topics {
        None => return Ok(Asked::All),
        // Before null existed an empty list meant all.
        Some(topics) if topics.is_empty() && version == 0 => return Ok(Asked::All),
        Some(topics) => topics,
    };
    let has_ids = topics.iter().any(|topic| !topic.topic_id.is_zero());
    if topics.iter().any(|topic| topic.name.is_none() && topic.topic_id.is_zero()) || has_ids && version < IDS_FROM {
        return Err(ErrorCode::InvalidRequest);
    }
    // Where one topic has an id, all are looked up by id.
    if has_ids {
        let mut seen = HashSet::new();
        let ids = topics.iter().map(|topic| topic.topic_id).filter(|id| !id.is_zero() && seen.insert(*id));
        return Ok(Asked::Named(ids.map(Named::Id).collect()));
    }
    let mut seen = HashSet::new();
    let names = topics.iter().filter_map(|topic| topic.name).filter(|name| seen.insert(*name));
    Ok(Asked::Named(names.map(|name| Named::Name(name.to_owned())).collect()))
}

/// The answer to a request that cannot be understood.
fn refuse_all(request: &MetadataRequest<'_>, code: ErrorCode) -> MetadataResponse {
    let topic = |topic: &MetadataRequestTopic<'_>| MetadataResponseTopic {
        error_code: code.code(),
        name: Some(topic.name.unwrap_or_default().to_owned()),
        topic_id: topic.topic_id,
        ..MetadataResponseTopic::default()
    };
    let topics = request.topics.iter().flatten().map(topic).collect();
    MetadataResponse { controller_id: -1, error_code: code.code(), topics, ..MetadataResponse::default() }
}

/// Topics that are asked for by a good name and are not there.
fn missing(image: &Image, asked: &Asked) -> Vec<NewTopic> {
    let Asked::Named(named) = asked else { return Vec::new() };
    let is_missing = |name: &&String| image.topic(name).is_none() && TopicName::parse(name).is_ok();
    let asked_by_name = named.iter().filter_map(|topic| match topic {
        Named::Name(name) => Some(name),
        Named::Id(_) => None,
    });
    asked_by_name.filter(is_missing).map(|name| wanted_topic(name, &image.broker)).collect()
}

/// What an answer shows.
#[derive(Clone, Copy)]
struct Describe {
    peer: Peer,
    with_topic_operations: bool,
    with_cluster_operations: bool,
}

impl Describe {
    fn answer(self, broker: &Broker, asked: &Asked, refused: &HashMap<String, ErrorCode>) -> MetadataResponse {
        let image = broker.metadata.image();
        let node_id = image.broker.node_id;
        let (host, port) = broker.address_for(self.peer.local, self.peer.listener);
        let topics = match asked {
            Asked::All => image.topics().map(|topic| self.topic(topic, node_id)).collect(),
            Asked::Named(named) => named.iter().map(|name| self.named(&image, name, refused)).collect(),
        };
        MetadataResponse {
            brokers: vec![MetadataResponseBroker { node_id, host, port, rack: image.broker.broker_rack.clone() }],
            cluster_id: Some(broker.cluster_id.clone()),
            controller_id: node_id,
            topics,
            cluster_authorized_operations: operations::cluster(self.with_cluster_operations),
            ..MetadataResponse::default()
        }
    }

    fn named(self, image: &Image, named: &Named, refused: &HashMap<String, ErrorCode>) -> MetadataResponseTopic {
        let node_id = image.broker.node_id;
        match named {
            Named::Id(id) => match image.topic_by_id(*id) {
                Some(topic) => self.topic(topic, node_id),
                None => MetadataResponseTopic {
                    error_code: ErrorCode::UnknownTopicId.code(),
                    name: None,
                    topic_id: *id,
                    ..MetadataResponseTopic::default()
                },
            },
            Named::Name(name) => match image.topic(name) {
                Some(topic) => self.topic(topic, node_id),
                None => MetadataResponseTopic {
                    error_code: why_missing(name, refused).code(),
                    name: Some(name.clone()),
                    topic_authorized_operations: operations::topic(self.with_topic_operations),
                    ..MetadataResponseTopic::default()
                },
            },
        }
    }

    fn topic(self, topic: &Topic, node_id: i32) -> MetadataResponseTopic {
        let partition = |index| match topic.partition(index) {
            Ok(partition) if !partition.log().is_offline() => MetadataResponsePartition {
                partition_index: index,
                leader_id: node_id,
                leader_epoch: partition.leader_epoch().get(),
                replica_nodes: vec![node_id],
                isr_nodes: vec![node_id],
                ..MetadataResponsePartition::default()
            },
            _ => MetadataResponsePartition {
                error_code: ErrorCode::LeaderNotAvailable.code(),
                partition_index: index,
                leader_id: -1,
                leader_epoch: topic.leader_epoch.get(),
                replica_nodes: vec![node_id],
                offline_replicas: vec![node_id],
                ..MetadataResponsePartition::default()
            },
        };
        MetadataResponseTopic {
            name: Some(topic.name.as_str().to_owned()),
            topic_id: topic.id,
            is_internal: is_internal(topic.name.as_str()),
            partitions: topic.indexes().map(partition).collect(),
            topic_authorized_operations: operations::topic(self.with_topic_operations),
            ..MetadataResponseTopic::default()
        }
    }
}

fn why_missing(name: &str, refused: &HashMap<String, ErrorCode>) -> ErrorCode {
    match refused.get(name) {
        // What will pass, in a code that clients look again after.
        Some(ErrorCode::ThrottlingQuotaExceeded) => return ErrorCode::LeaderNotAvailable,
        Some(code) => return *code,
        None => {}
    }
    if TopicName::parse(name).is_ok() { ErrorCode::UnknownTopicOrPartition } else { ErrorCode::InvalidTopicException }
}
