//! ListOffsets (key 2), versions 1-11. v2 isolation level; v4 leader epochs; v6 flexible; v7 max timestamp (-3); v8 earliest
//! local (-4); v9 latest tiered (-5); v10 timeout; v11 earliest pending upload (-6).
//! Nothing is tiered here: -4 is the log start, -5 and -6 find nothing.

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::sync::Arc;

use model::{ErrorCode, IsolationLevel, LeaderEpoch, Timestamp};
use protocol::ApiKey;
use protocol::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopic,
    ListOffsetsTopicResponse,
};

use super::{Api, Reply, RequestContext};
use crate::broker::Broker;
use crate::metadata::Image;
use crate::partitions::check_epoch;

/// The first version whose answers carry leader epochs.
const EPOCHS_FROM: i16 = 4;

pub(super) struct ListOffsets;

impl Api for ListOffsets {
    const KEY: ApiKey = ApiKey::ListOffsets;
    const VERSIONS: RangeInclusive<i16> = 1..=11;
    type Request<'frame> = ListOffsetsRequest<'frame>;
    type Response = ListOffsetsResponse;

    fn handle(
        broker: &Arc<Broker>,
        context: &RequestContext<'_>,
        request: ListOffsetsRequest<'_>,
    ) -> Reply<ListOffsetsResponse> {
        let image = broker.metadata.image();
        let isolation = IsolationLevel::from_wire(request.isolation_level);
        let doubled = doubled(&request.topics);
        let mut refused = HashSet::new();
        let mut topics = Vec::with_capacity(request.topics.len());
        for topic in request.topics.iter().filter(|topic| !topic.partitions.is_empty()) {
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for asked in &topic.partitions {
                let key = (topic.name, asked.partition_index);
                let answer = match isolation {
                    // Refused once, however often it is there.
                    _ if doubled.contains(&key) && !refused.insert(key) => continue,
                    _ if doubled.contains(&key) => Err(ErrorCode::InvalidRequest),
                    Ok(isolation) => look_up(&image, topic.name, asked, isolation, context.version),
                    Err(code) => Err(code),
                };
                partitions.push(answer.unwrap_or_else(|code| failed(asked.partition_index, code)));
            }
            topics.push(ListOffsetsTopicResponse { name: topic.name.to_owned(), partitions });
        }
        Reply::now(ListOffsetsResponse { topics, ..ListOffsetsResponse::default() })
    }
}

fn failed(partition_index: i32, code: ErrorCode) -> ListOffsetsPartitionResponse {
    ListOffsetsPartitionResponse { partition_index, error_code: code.code(), ..ListOffsetsPartitionResponse::default() }
}

/// Partitions that are asked about more than once: each of them is refused.
fn doubled<'a>(topics: &[ListOffsetsTopic<'a>]) -> HashSet<(&'a str, i32)> {
    let mut seen = HashSet::new();
    let each = topics.iter().flat_map(|topic| topic.partitions.iter().map(|asked| (topic.name, asked.partition_index)));
    each.filter(|key| !seen.insert(*key)).collect()
}

/// What a wire timestamp asks for.
enum Question {
    Latest,
    Earliest,
    MaxTimestamp,
    Tiered,
    AtOrAfter(Timestamp),
}

impl Question {
    fn parse(raw: i64, version: i16) -> Result<Self, ErrorCode> {
        match raw {
            -1 => Ok(Self::Latest),
            -2 => Ok(Self::Earliest),
            -3 if version >= 7 => Ok(Self::MaxTimestamp),
            -4 if version >= 8 => Ok(Self::Earliest),
            -5 if version >= 9 => Ok(Self::Tiered),
            -6 if version >= 11 => Ok(Self::Tiered),
            raw if raw < 0 => Err(ErrorCode::UnsupportedVersion),
            raw => Ok(Self::AtOrAfter(Timestamp::new(raw))),
        }
    }
}

fn look_up(
    image: &Image,
    topic: &str,
    asked: &ListOffsetsPartition,
    isolation: IsolationLevel,
    version: i16,
) -> Result<ListOffsetsPartitionResponse, ErrorCode> {
    let question = Question::parse(asked.timestamp, version)?;
    let topic = image.topic(topic).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let partition = topic.partition(asked.partition_index)?;
    check_epoch(partition, asked.current_leader_epoch)?;
    let log = partition.log();
    let end = partition.readable_end(isolation);
    let found = match question {
        Question::Latest => Some((end, Timestamp::NONE, Some(partition.leader_epoch()))),
        Question::Earliest => {
            let start = log.log_start_offset();
            Some((start, Timestamp::NONE, log.epoch_at(start)))
        }
        Question::Tiered => None,
        Question::MaxTimestamp => {
            // As Kafka: where the latest record is not stable yet, a reader of committed records finds none.
            let found = log.max_timestamp(partition.high_watermark()).map_err(|error| ErrorCode::from(&error))?;
            found.filter(|found| found.offset < end).map(|found| (found.offset, found.timestamp, found.leader_epoch))
        }
        Question::AtOrAfter(timestamp) => {
            let found = log.offset_for_timestamp(timestamp, end).map_err(|error| ErrorCode::from(&error))?;
            found.map(|found| (found.offset, found.timestamp, found.leader_epoch))
        }
    };
    let nothing = ListOffsetsPartitionResponse {
        partition_index: asked.partition_index,
        ..ListOffsetsPartitionResponse::default()
    };
    Ok(found.map_or(nothing.clone(), |(offset, timestamp, epoch)| ListOffsetsPartitionResponse {
        offset: offset.get(),
        timestamp: timestamp.get(),
        leader_epoch: epoch.filter(|_| version >= EPOCHS_FROM).map_or(-1, LeaderEpoch::get),
        ..nothing
    }))
}
