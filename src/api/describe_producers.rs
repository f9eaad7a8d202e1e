//! DescribeProducers (key 61), version 0 (KIP-664).
//! What each partition remembers of its producers, with where their open transactions begin. The times are those of the
//! broker's clock, where Kafka tells those of the records: how long a transaction has been silent depends on no producer's clock.

use std::ops::RangeInclusive;
use std::sync::Arc;

use model::{ErrorCode, Offset, Sequence, TopicName};
use protocol::ApiKey;
use protocol::messages::describe_producers::{
    DescribeProducersRequest, DescribeProducersResponse, PartitionResponse, ProducerState, TopicResponse,
};

use super::{Api, Reply, RequestContext};
use crate::broker::Broker;
use crate::metadata::Image;

pub(super) struct DescribeProducers;

impl Api for DescribeProducers {
    const KEY: ApiKey = ApiKey::DescribeProducers;
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    type Request<'frame> = DescribeProducersRequest<'frame>;
    type Response = DescribeProducersResponse;

    fn handle(
        broker: &Arc<Broker>,
        _context: &RequestContext<'_>,
        request: DescribeProducersRequest<'_>,
    ) -> Reply<DescribeProducersResponse> {
        let image = broker.metadata.image();
        let mut topics = Vec::with_capacity(request.topics.len());
        for topic in &request.topics {
            let partitions = topic.partition_indexes.iter().map(|index| describe(&image, topic.name, *index));
            topics.push(TopicResponse { name: topic.name.to_owned(), partitions: partitions.collect() });
        }
        Reply::now(DescribeProducersResponse { topics, ..DescribeProducersResponse::default() })
    }
}

fn describe(image: &Image, topic: &str, partition_index: i32) -> PartitionResponse {
    match producers(image, topic, partition_index) {
        Ok(active_producers) => PartitionResponse { partition_index, active_producers, ..PartitionResponse::default() },
        Err(code) => PartitionResponse { partition_index, error_code: code.code(), ..PartitionResponse::default() },
    }
}

fn producers(image: &Image, topic: &str, partition: i32) -> Result<Vec<ProducerState>, ErrorCode> {
    TopicName::parse(topic).map_err(|_| ErrorCode::InvalidTopicException)?;
    let topic = image.topic(topic).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let log = topic.partition(partition)?.log();
    let state = |producer: crate::partitions::ProducerState| ProducerState {
        producer_id: producer.id.get(),
        producer_epoch: i32::from(producer.epoch.get()),
        last_sequence: producer.last_sequence.map_or(-1, Sequence::get),
        last_timestamp: producer.last_append.get(),
        coordinator_epoch: producer.coordinator_epoch,
        current_txn_start_offset: producer.transaction_start.map_or(-1, Offset::get),
    };
    Ok(log.producers().into_iter().map(state).collect())
}
