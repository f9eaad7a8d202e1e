//! OffsetCommit (key 8), versions 2-10. v5 no retention time of its own; v6 leader epochs; v7 static members (KIP-345); v8
//! flexible; v9 members of KIP-848 groups; v10 names topics by id.
//! Topics and partitions that do not exist are answered here; the others by the group.

use std::ops::RangeInclusive;
use std::sync::Arc;

use coordinator::group::event::{CommitPartition, CommitTopic, OffsetCommit as Event, OffsetCommitReply};
use protocol::ApiKey;
use protocol::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic, OffsetCommitResponse,
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};

use super::judged_commits::{self, Named};
use super::{Api, Reply, RequestContext};
use crate::broker::Broker;
use crate::metadata::Image;

/// The first version that names topics by id.
const IDS_FROM: i16 = 10;

pub(super) struct OffsetCommit;

impl Api for OffsetCommit {
    const KEY: ApiKey = ApiKey::OffsetCommit;
    const VERSIONS: RangeInclusive<i16> = 2..=10;
    type Request<'frame> = OffsetCommitRequest<'frame>;
    type Response = OffsetCommitResponse;

    fn handle(
        broker: &Arc<Broker>,
        context: &RequestContext<'_>,
        request: OffsetCommitRequest<'_>,
    ) -> Reply<OffsetCommitResponse> {
        let image = broker.metadata.image();
        // A topic without partitions is not answered.
        let asked = request.topics.iter().filter(|topic| !topic.partitions.is_empty());
        let judged = asked.map(|topic| judge(&image, topic, context.version));
        let (topics, wanted): (Vec<_>, Vec<_>) = judged.unzip();
        let wanted: Vec<CommitTopic> = wanted.into_iter().flatten().collect();
        if wanted.is_empty() {
            return Reply::now(OffsetCommitResponse { topics, ..OffsetCommitResponse::default() });
        }
        let asked = broker.coordinators.offset_commit(Event {
            group_id: request.group_id.to_owned(),
            generation_id_or_member_epoch: request.generation_id_or_member_epoch,
            member_id: request.member_id.to_owned(),
            group_instance_id: request.group_instance_id.map(str::to_owned),
            retention_time_ms: request.retention_time_ms,
            version: context.version,
            transaction: None,
            topics: wanted,
        });
        Reply::later(async move { filled_in(topics, asked.await.unwrap_or_else(OffsetCommitReply::Refused)) })
    }
}

/// The answer for a topic as far as it is known here, and what of it the group is asked for.
fn judge(
    image: &Image,
    topic: &OffsetCommitRequestTopic<'_>,
    version: i16,
) -> (OffsetCommitResponseTopic, Option<CommitTopic>) {
    let named = if version >= IDS_FROM { Named::Id(topic.topic_id) } else { Named::Name(topic.name) };
    let (codes, wanted) = judged_commits::judge(image, named, topic.partitions.iter().map(commit));
    let partitions = topic.partitions.iter().zip(codes);
    let partitions = partitions.map(|(partition, code)| OffsetCommitResponsePartition {
        partition_index: partition.partition_index,
        error_code: code.code(),
    });
    let (name, topic_id) = (topic.name.to_owned(), topic.topic_id);
    (OffsetCommitResponseTopic { name, topic_id, partitions: partitions.collect() }, wanted)
}

fn commit(partition: &OffsetCommitRequestPartition<'_>) -> CommitPartition {
    CommitPartition {
        index: partition.partition_index,
        offset: partition.committed_offset,
        leader_epoch: partition.committed_leader_epoch,
        metadata: partition.committed_metadata.map(str::to_owned),
    }
}

/// The answer with the group's codes where the group was asked.
fn filled_in(mut topics: Vec<OffsetCommitResponseTopic>, reply: OffsetCommitReply) -> OffsetCommitResponse {
    let partitions = topics.iter_mut().flat_map(|topic| &mut topic.partitions);
    judged_commits::fill_in(partitions.map(|partition| &mut partition.error_code), reply);
    OffsetCommitResponse { topics, ..OffsetCommitResponse::default() }
}
