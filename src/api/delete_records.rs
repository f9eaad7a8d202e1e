//! DeleteRecords (key 21), versions 0-2. v2 flexible.
//! The log's start moves to the offset, or with -1 to the high watermark; it is answered when that is durable, which Kafka
//! does not wait for. A start that lies further on already is kept.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use model::{ErrorCode, Offset, Timestamp};
use protocol::ApiKey;
use protocol::messages::delete_records::{
    DeleteRecordsPartitionResult, DeleteRecordsRequest, DeleteRecordsResponse, DeleteRecordsTopicResult,
};

use super::{Api, Reply, RequestContext};
use crate::broker::Broker;
use crate::metadata::{Image, is_internal};
use crate::partitions::Partition;

/// The offset that stands for the high watermark.
const HIGH_WATERMARK: i64 = -1;
/// The start that a refused partition is answered with.
const NO_START: i64 = -1;

pub(super) struct DeleteRecords;

impl Api for DeleteRecords {
    const KEY: ApiKey = ApiKey::DeleteRecords;
    const VERSIONS: RangeInclusive<i16> = 0..=2;
    type Request<'frame> = DeleteRecordsRequest<'frame>;
    type Response = DeleteRecordsResponse;

    fn handle(
        broker: &Arc<Broker>,
        _context: &RequestContext<'_>,
        request: DeleteRecordsRequest<'_>,
    ) -> Reply<DeleteRecordsResponse> {
        // Of a partition that is named more than once, the last offset counts.
        let mut asked: BTreeMap<&str, BTreeMap<i32, i64>> = BTreeMap::new();
        for topic in &request.topics {
            let offsets = topic.partitions.iter().map(|partition| (partition.partition_index, partition.offset));
            asked.entry(topic.name).or_default().extend(offsets);
        }
        let (image, now) = (broker.metadata.image(), broker.clock.now());
        let mut under_way = Vec::with_capacity(asked.len());
        for (name, offsets) in asked.into_iter().filter(|(_, offsets)| !offsets.is_empty()) {
            let start = |(index, offset)| (index, begin(&image, (name, index), offset, now));
            under_way.push((name.to_owned(), offsets.into_iter().map(start).collect::<Vec<_>>()));
        }
        Reply::exclusive(async move {
            let mut topics = Vec::with_capacity(under_way.len());
            for (name, begun) in under_way {
                let mut partitions = Vec::with_capacity(begun.len());
                for (partition_index, begun) in begun {
                    let (code, low_watermark) = match end(begun).await {
                        Ok(start) => (ErrorCode::None, start.get()),
                        Err(code) => (code, NO_START),
                    };
                    let error_code = code.code();
                    partitions.push(DeleteRecordsPartitionResult { partition_index, low_watermark, error_code });
                }
                topics.push(DeleteRecordsTopicResult { name, partitions });
            }
            DeleteRecordsResponse { topics, ..DeleteRecordsResponse::default() }
        })
    }
}

/// A partition whose start is on its way, and where to.
type Begun = (Arc<Partition>, Offset);

fn begin(image: &Image, (topic, index): (&str, i32), offset: i64, now: Timestamp) -> Result<Begun, ErrorCode> {
    let topic = image.topic(topic).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let partition = topic.partition(index);
    let is_there = !matches!(partition, Err(ErrorCode::UnknownTopicOrPartition));
    if is_there && is_internal(topic.name.as_str()) {
        return Err(ErrorCode::InvalidTopicException);
    }
    let partition = partition?;
    if !topic.config.cleanup_policy.delete {
        return Err(ErrorCode::PolicyViolation);
    }
    let start = match offset {
        HIGH_WATERMARK => partition.high_watermark(),
        offset => Offset::new(offset).ok_or(ErrorCode::OffsetOutOfRange)?,
    };
    partition.move_start(start, now).map_err(|error| ErrorCode::from(&error))?;
    Ok((Arc::clone(partition), start))
}

async fn end(begun: Result<Begun, ErrorCode>) -> Result<Offset, ErrorCode> {
    let (partition, start) = begun?;
    partition.start_moved(start).await.map_err(|_| ErrorCode::KafkaStorageError)
}
