//! OffsetForLeaderEpoch (key 23), versions 2-4. v3 the replica's id; v4 flexible.
//! By KIP-320: where a reader's last epoch ended here, so that it can tell whether its log and ours have parted.

use std::ops::RangeInclusive;
use std::sync::Arc;

use model::{ErrorCode, LeaderEpoch};
use protocol::ApiKey;
use protocol::messages::offset_for_leader_epoch::{
    EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, OffsetForLeaderPartition,
    OffsetForLeaderTopic, OffsetForLeaderTopicResult,
};

use super::{Api, Reply, RequestContext};
use crate::broker::Broker;
use crate::metadata::Image;
use crate::partitions::check_epoch;

pub(super) struct OffsetForLeaderEpoch;

impl Api for OffsetForLeaderEpoch {
    const KEY: ApiKey = ApiKey::OffsetForLeaderEpoch;
    const VERSIONS: RangeInclusive<i16> = 2..=4;
    type Request<'frame> = OffsetForLeaderEpochRequest<'frame>;
    type Response = OffsetForLeaderEpochResponse;

    fn handle(
        broker: &Arc<Broker>,
        _context: &RequestContext<'_>,
        request: OffsetForLeaderEpochRequest<'_>,
    ) -> Reply<OffsetForLeaderEpochResponse> {
        let image = broker.metadata.image();
        let topic = |topic: &OffsetForLeaderTopic<'_>| OffsetForLeaderTopicResult {
            topic: topic.topic.to_owned(),
            partitions: topic
                .partitions
                .iter()
                .map(|asked| {
                    look_up(&image, topic.topic, asked).unwrap_or_else(|code| EpochEndOffset {
                        error_code: code.code(),
                        partition: asked.partition,
                        ..EpochEndOffset::default()
                    })
                })
                .collect(),
        };
        let topics = request.topics.iter().map(topic).collect();
        Reply::now(OffsetForLeaderEpochResponse { topics, ..OffsetForLeaderEpochResponse::default() })
    }
}

fn look_up(image: &Image, topic: &str, asked: &OffsetForLeaderPartition) -> Result<EpochEndOffset, ErrorCode> {
    let topic = image.topic(topic).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let partition = topic.partition(asked.partition)?;
    check_epoch(partition, asked.current_leader_epoch)?;
    let nothing = EpochEndOffset { partition: asked.partition, ..EpochEndOffset::default() };
    let end = LeaderEpoch::new(asked.leader_epoch).and_then(|epoch| partition.epoch_end(epoch));
    Ok(match end {
        Some((epoch, end)) => EpochEndOffset { leader_epoch: epoch.get(), end_offset: end.get(), ..nothing },
        None => nothing,
    })
}
