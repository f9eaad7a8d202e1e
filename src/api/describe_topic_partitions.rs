//! DescribeTopicPartitions (key 75), version 0 (KIP-966): topics page by page, with eligible leader replicas, which one
//! broker without `eligible.leader.replicas.version` has none of.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;

use model::{ErrorCode, TopicName};
use protocol::ApiKey;
use protocol::messages::describe_topic_partitions::{
    DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, DescribeTopicPartitionsResponsePartition,
    DescribeTopicPartitionsResponseTopic, ResponseCursor,
};

use super::operations;
use super::{Api, Reply, RequestContext};
use crate::broker::Broker;
use crate::metadata::{Topic, is_internal};

pub(super) struct DescribeTopicPartitions;

impl Api for DescribeTopicPartitions {
    const KEY: ApiKey = ApiKey::DescribeTopicPartitions;
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    type Request<'frame> = DescribeTopicPartitionsRequest<'frame>;
    type Response = DescribeTopicPartitionsResponse;

    fn handle(
        broker: &Arc<Broker>,
        _context: &RequestContext<'_>,
        request: DescribeTopicPartitionsRequest<'_>,
    ) -> Reply<DescribeTopicPartitionsResponse> {
        let image = broker.metadata.image();
        let cursor = request.cursor.as_ref().map(|cursor| (cursor.topic_name, cursor.partition_index));
        let names: BTreeSet<&str> = request.topics.iter().map(|topic| topic.name).collect();
        if let Some((topic, partition)) = cursor
            && (partition < 0 || !(names.is_empty() || names.contains(topic)))
        {
            return Reply::now(refuse_all(request.topics.iter().map(|topic| topic.name)));
        }
        let limit = request.response_partition_limit.min(image.broker.max_request_partition_size_limit).max(1);
        let from = cursor.map_or("", |(topic, _)| topic);
        let first_index = |name: &str| cursor.filter(|(topic, _)| *topic == name).map_or(0, |(_, index)| index);
        let mut page = Page::new(limit.unsigned_abs(), image.broker.node_id);
        if names.is_empty() {
            for topic in image.topics_from(from) {
                if !page.add(topic, first_index(topic.name.as_str())) {
                    break;
                }
            }
        } else {
            for name in names.into_iter().filter(|name| *name >= from) {
                let goes_on = match image.topic(name) {
                    Some(topic) => page.add(topic, first_index(name)),
                    None => page.add_missing(name),
                };
                if !goes_on {
                    break;
                }
            }
        }
        Reply::now(page.response)
    }
}

/// A cursor that points to nothing that was asked for makes the whole request invalid.
fn refuse_all<'a>(names: impl Iterator<Item = &'a str>) -> DescribeTopicPartitionsResponse {
    let topics = names.map(|name| DescribeTopicPartitionsResponseTopic {
        error_code: ErrorCode::InvalidRequest.code(),
        name: Some(name.to_owned()),
        ..DescribeTopicPartitionsResponseTopic::default()
    });
    DescribeTopicPartitionsResponse { topics: topics.collect(), ..DescribeTopicPartitionsResponse::default() }
}

/// An answer that fills up.
struct Page {
    response: DescribeTopicPartitionsResponse,
    /// Partitions that still fit.
    left: u32,
    node_id: i32,
}

impl Page {
    fn new(limit: u32, node_id: i32) -> Self {
        Self { response: DescribeTopicPartitionsResponse::default(), left: limit, node_id }
    }

    /// Adds a topic from a partition on; whether the next one may follow.
    fn add(&mut self, topic: &Topic, first_index: i32) -> bool {
        if self.left == 0 {
            return self.end_at(topic.name.as_str(), 0);
        }
        let end = i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX);
        let stop = first_index.saturating_add_unsigned(self.left).min(end);
        let partitions: Vec<_> = (first_index..stop).map(|index| partition(topic, index, self.node_id)).collect();
        self.left = self.left.saturating_sub(u32::try_from(partitions.len()).unwrap_or(u32::MAX));
        self.response.topics.push(DescribeTopicPartitionsResponseTopic {
            name: Some(topic.name.as_str().to_owned()),
            topic_id: topic.id,
            is_internal: is_internal(topic.name.as_str()),
            partitions,
            topic_authorized_operations: operations::topic(true),
            ..DescribeTopicPartitionsResponseTopic::default()
        });
        if stop < end { self.end_at(topic.name.as_str(), stop) } else { true }
    }

    fn add_missing(&mut self, name: &str) -> bool {
        if self.left == 0 {
            return self.end_at(name, 0);
        }
        let is_valid = TopicName::parse(name).is_ok();
        let code = if is_valid { ErrorCode::UnknownTopicOrPartition } else { ErrorCode::InvalidTopicException };
        self.response.topics.push(DescribeTopicPartitionsResponseTopic {
            error_code: code.code(),
            name: Some(name.to_owned()),
            topic_authorized_operations: operations::topic(true),
            ..DescribeTopicPartitionsResponseTopic::default()
        });
        true
    }

    fn end_at(&mut self, topic: &str, partition_index: i32) -> bool {
        self.response.next_cursor = Some(ResponseCursor { topic_name: topic.to_owned(), partition_index });
        false
    }
}

fn partition(topic: &Topic, index: i32, node_id: i32) -> DescribeTopicPartitionsResponsePartition {
    let is_led = matches!(topic.partition(index), Ok(partition) if !partition.log().is_offline());
    let error_code = if is_led { ErrorCode::None } else { ErrorCode::LeaderNotAvailable };
    DescribeTopicPartitionsResponsePartition {
        error_code: error_code.code(),
        partition_index: index,
        leader_id: if is_led { node_id } else { -1 },
        leader_epoch: topic.leader_epoch.get(),
        replica_nodes: vec![node_id],
        isr_nodes: if is_led { vec![node_id] } else { Vec::new() },
        eligible_leader_replicas: Some(Vec::new()),
        last_known_elr: Some(Vec::new()),
        offline_replicas: if is_led { Vec::new() } else { vec![node_id] },
    }
}
