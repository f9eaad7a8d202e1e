//! OffsetFetch (key 9), versions 1-10. v2 all topics, and an error for the whole; v5 leader epochs; v6 flexible; v7 stable
//! offsets only (KIP-447); v8 many groups (KIP-709); v9 member epochs (KIP-848); v10 names topics by id.

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::sync::Arc;

use coordinator::group::event::{FetchOffsetsTopic, FetchedTopic, OffsetFetch as Event, OffsetFetchReply};
use model::{ErrorCode, TopicId};
use protocol::ApiKey;
use protocol::messages::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
    OffsetFetchResponse, OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};

use super::{Api, Reply, RequestContext};
use crate::broker::Broker;
use crate::metadata::Image;

/// The first version with an error for the whole.
const ERROR_FROM: i16 = 2;
/// The first version with many groups.
const GROUPS_FROM: i16 = 8;
/// The first version that names topics by id.
const IDS_FROM: i16 = 10;

pub(super) struct OffsetFetch;

impl Api for OffsetFetch {
    const KEY: ApiKey = ApiKey::OffsetFetch;
    const VERSIONS: RangeInclusive<i16> = 1..=10;
    type Request<'frame> = OffsetFetchRequest<'frame>;
    type Response = OffsetFetchResponse;

    fn handle(
        broker: &Arc<Broker>,
        context: &RequestContext<'_>,
        request: OffsetFetchRequest<'_>,
    ) -> Reply<OffsetFetchResponse> {
        let version = context.version;
        let groups = if version >= GROUPS_FROM { request.groups } else { vec![only_group(&request)] };
        let image = broker.metadata.image();
        let ask = |group: &OffsetFetchRequestGroup<'_>| {
            let question = Question::new(&image, group, version);
            let event = question.event(group, request.require_stable);
            (question, broker.coordinators.offset_fetch(event))
        };
        // Each group once: its offsets may be a thousand times as long as its name.
        let mut seen = HashSet::new();
        let asked: Vec<_> = groups.iter().filter(|group| seen.insert(group.group_id)).map(ask).collect();
        let broker = Arc::clone(broker);
        Reply::later(async move {
            let mut groups = Vec::with_capacity(asked.len());
            for (question, asked) in asked {
                let reply = asked.await;
                groups.push(question.answer(&broker.metadata.image(), reply));
            }
            if version >= GROUPS_FROM {
                return OffsetFetchResponse { groups, ..OffsetFetchResponse::default() };
            }
            groups.into_iter().next().map(only_answer).unwrap_or_default()
        })
    }
}

/// The one group of an early version.
fn only_group<'a>(request: &OffsetFetchRequest<'a>) -> OffsetFetchRequestGroup<'a> {
    let topic = |topic: &OffsetFetchRequestTopic<'a>| OffsetFetchRequestTopics {
        name: topic.name,
        partition_indexes: topic.partition_indexes.clone(),
        ..OffsetFetchRequestTopics::default()
    };
    let topics = request.topics.as_ref().map(|topics| topics.iter().map(topic).collect());
    OffsetFetchRequestGroup {
        group_id: request.group_id,
        topics,
        member_epoch: -1,
        ..OffsetFetchRequestGroup::default()
    }
}

/// What a group was asked, and what of it is known here.
struct Question {
    group_id: String,
    version: i16,
    /// Topics and partitions in the order of the request, with their names where they are known; `None` for all.
    topics: Option<Vec<AskedTopic>>,
}

struct AskedTopic {
    /// `None` for an id that no topic has.
    name: Option<String>,
    id: TopicId,
    partitions: Vec<i32>,
}

impl Question {
    fn new(image: &Image, group: &OffsetFetchRequestGroup<'_>, version: i16) -> Self {
        let topic = |topic: &OffsetFetchRequestTopics<'_>| AskedTopic {
            name: if version >= IDS_FROM {
                image.topic_by_id(topic.topic_id).map(|known| known.name.as_str().to_owned())
            } else {
                Some(topic.name.to_owned())
            },
            id: topic.topic_id,
            partitions: topic.partition_indexes.clone(),
        };
        let topics = group.topics.as_ref().map(|topics| topics.iter().map(topic).collect());
        Self { group_id: group.group_id.to_owned(), version, topics }
    }

    fn event(&self, group: &OffsetFetchRequestGroup<'_>, require_stable: bool) -> Event {
        let wanted = |topic: &AskedTopic| {
            let name = topic.name.clone()?;
            Some(FetchOffsetsTopic { name, id: topic.id, partitions: topic.partitions.clone() })
        };
        Event {
            group_id: self.group_id.clone(),
            member_id: group.member_id.map(str::to_owned),
            member_epoch: group.member_epoch,
            topics: self.topics.as_ref().map(|topics| topics.iter().filter_map(wanted).collect()),
            require_stable,
        }
    }

    fn answer(self, image: &Image, reply: Result<OffsetFetchReply, ErrorCode>) -> OffsetFetchResponseGroup {
        let fetched = match reply {
            Ok(OffsetFetchReply { error: ErrorCode::None, topics }) => topics,
            Ok(OffsetFetchReply { error, .. }) => return self.refused(error),
            // Consumers of before 3.9 do not know COORDINATOR_NOT_AVAILABLE here; both make them look for it again.
            Err(ErrorCode::CoordinatorNotAvailable) => return self.refused(ErrorCode::NotCoordinator),
            Err(code) => return self.refused(code),
        };
        let topics = match self.topics {
            Some(asked) => {
                let mut fetched = fetched.into_iter();
                let answer = |topic: AskedTopic| match topic.name.as_ref().and_then(|_| fetched.next()) {
                    Some(found) => OffsetFetchResponseTopics { topic_id: topic.id, ..found_topic(found) },
                    None => nothing(topic, ErrorCode::UnknownTopicId),
                };
                asked.into_iter().map(answer).collect()
            }
            None if self.version >= IDS_FROM => fetched.into_iter().filter_map(|topic| with_id(image, topic)).collect(),
            None => fetched.into_iter().map(found_topic).collect(),
        };
        OffsetFetchResponseGroup { group_id: self.group_id, topics, error_code: ErrorCode::None.code() }
    }

    fn refused(self, code: ErrorCode) -> OffsetFetchResponseGroup {
        // The one version without an error for the whole says it for each partition.
        let topics = self.topics.filter(|_| self.version < ERROR_FROM).unwrap_or_default();
        OffsetFetchResponseGroup {
            group_id: self.group_id,
            topics: topics.into_iter().map(|topic| nothing(topic, code)).collect(),
            error_code: code.code(),
        }
    }
}

/// A topic of a group's offsets, for a client that knows topics by their ids; `None` if it was deleted.
fn with_id(image: &Image, topic: FetchedTopic) -> Option<OffsetFetchResponseTopics> {
    let topic_id = image.topic(&topic.name)?.id;
    Some(OffsetFetchResponseTopics { topic_id, ..found_topic(topic) })
}

fn found_topic(topic: FetchedTopic) -> OffsetFetchResponseTopics {
    let partitions =
        topic.partitions.into_iter().map(|(partition_index, committed, code)| OffsetFetchResponsePartitions {
            partition_index,
            committed_offset: committed.offset,
            committed_leader_epoch: committed.leader_epoch,
            metadata: Some(committed.metadata),
            error_code: code.code(),
        });
    OffsetFetchResponseTopics { name: topic.name, topic_id: topic.id, partitions: partitions.collect() }
}

fn nothing(topic: AskedTopic, code: ErrorCode) -> OffsetFetchResponseTopics {
    let partition = |partition_index| OffsetFetchResponsePartitions {
        partition_index,
        committed_offset: -1,
        committed_leader_epoch: -1,
        metadata: Some(String::new()),
        error_code: code.code(),
    };
    OffsetFetchResponseTopics {
        name: topic.name.unwrap_or_default(),
        topic_id: topic.id,
        partitions: topic.partitions.into_iter().map(partition).collect(),
    }
}

fn only_answer(group: OffsetFetchResponseGroup) -> OffsetFetchResponse {
    let partition = |partition: OffsetFetchResponsePartitions| OffsetFetchResponsePartition {
        partition_index: partition.partition_index,
        committed_offset: partition.committed_offset,
        committed_leader_epoch: partition.committed_leader_epoch,
        metadata: partition.metadata,
        error_code: partition.error_code,
    };
    let topic = |topic: OffsetFetchResponseTopics| OffsetFetchResponseTopic {
        name: topic.name,
        partitions: topic.partitions.into_iter().map(partition).collect(),
    };
    OffsetFetchResponse {
        topics: group.topics.into_iter().map(topic).collect(),
        error_code: group.error_code,
        ..OffsetFetchResponse::default()
    }
}
