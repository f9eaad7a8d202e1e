//! OffsetDelete (key 47), version 0 (KIP-496). Topics and partitions that do not exist are answered here; the others by the
//! group.

use std::ops::RangeInclusive;
use std::sync::Arc;

use coordinator::group::event::OffsetDelete as Event;
use model::ErrorCode;
use protocol::ApiKey;
use protocol::messages::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteResponse, OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};

use super::{Api, Reply, RequestContext};
use crate::broker::Broker;

pub(super) struct OffsetDelete;

impl Api for OffsetDelete {
    const KEY: ApiKey = ApiKey::OffsetDelete;
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    type Request<'frame> = OffsetDeleteRequest<'frame>;
    type Response = OffsetDeleteResponse;

    fn handle(
        broker: &Arc<Broker>,
        _context: &RequestContext<'_>,
        request: OffsetDeleteRequest<'_>,
    ) -> Reply<OffsetDeleteResponse> {
        if request.group_id.is_empty() {
            return Reply::now(refused(ErrorCode::InvalidGroupId));
        }
        let image = broker.metadata.image();
        let mut event = Event { group_id: request.group_id.to_owned(), topics: Vec::new() };
        let mut topics = Vec::with_capacity(request.topics.len());
        // A topic without partitions is not answered.
        for topic in request.topics.iter().filter(|topic| !topic.partitions.is_empty()) {
            let known = image.topic(topic.name);
            let indexes = topic.partitions.iter().map(|partition| partition.partition_index);
            let judged: Vec<_> =
                indexes.map(|index| (index, known.is_some_and(|known| known.has_partition(index)))).collect();
            let there = judged.iter().filter(|(_, is_there)| *is_there).map(|(index, _)| *index).collect();
            event.topics.push((topic.name.to_owned(), there));
            let partitions = judged.into_iter().map(partition).collect();
            topics.push(OffsetDeleteResponseTopic { name: topic.name.to_owned(), partitions });
        }
        // Also with nothing left: whether there is such a group is an answer of its own.
        let asked = broker.coordinators.offset_delete(event);
        Reply::later(async move {
            let reply = match asked.await {
                Ok(reply) if reply.error == ErrorCode::None => reply,
                Ok(reply) => return refused(reply.error),
                Err(code) => return refused(code),
            };
            let mut codes = reply.topics.into_iter().flatten();
            for partition in topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
                // Those that do not exist were not asked for.
                if partition.error_code == ErrorCode::None.code() {
                    partition.error_code = codes.next().unwrap_or(ErrorCode::UnknownServerError).code();
                }
            }
            OffsetDeleteResponse { topics, ..OffsetDeleteResponse::default() }
        })
    }
}

/// A partition before the group was asked.
fn partition((partition_index, is_there): (i32, bool)) -> OffsetDeleteResponsePartition {
    let code = if is_there { ErrorCode::None } else { ErrorCode::UnknownTopicOrPartition };
    OffsetDeleteResponsePartition { partition_index, error_code: code.code() }
}

fn refused(code: ErrorCode) -> OffsetDeleteResponse {
    OffsetDeleteResponse { error_code: code.code(), ..OffsetDeleteResponse::default() }
}
