//! ConsumerGroupHeartbeat (key 68), versions 0-1 (KIP-848). v1 subscriptions by pattern, and member ids that clients make.

use std::ops::RangeInclusive;
use std::sync::Arc;

use coordinator::group::event::{
    ConsumerGroupHeartbeat as Event, ConsumerGroupHeartbeatReply, TopicPartitions as OwnedPartitions,
};
use model::ErrorCode;
use protocol::ApiKey;
use protocol::messages::consumer_group_heartbeat::{
    Assignment, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, RequestTopicPartitions,
    ResponseTopicPartitions,
};

use super::{Api, Reply, RequestContext, client};
use crate::broker::Broker;

pub(super) struct ConsumerGroupHeartbeat;

impl Api for ConsumerGroupHeartbeat {
    const KEY: ApiKey = ApiKey::ConsumerGroupHeartbeat;
    const VERSIONS: RangeInclusive<i16> = 0..=1;
    type Request<'frame> = ConsumerGroupHeartbeatRequest<'frame>;
    type Response = ConsumerGroupHeartbeatResponse;

    fn handle(
        broker: &Arc<Broker>,
        context: &RequestContext<'_>,
        request: ConsumerGroupHeartbeatRequest<'_>,
    ) -> Reply<ConsumerGroupHeartbeatResponse> {
        if !broker.metadata.image().serves_consumer_protocol() {
            return Reply::now(refused(ErrorCode::UnsupportedVersion));
        }
        let own = |text: Option<&str>| text.map(str::to_owned);
        let names = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
        let asked = broker.coordinators.consumer_group_heartbeat(Event {
            group_id: request.group_id.to_owned(),
            member_id: request.member_id.to_owned(),
            member_epoch: request.member_epoch,
            instance_id: own(request.instance_id),
            rack_id: own(request.rack_id),
            rebalance_timeout_ms: request.rebalance_timeout_ms,
            subscribed_topic_names: request.subscribed_topic_names.map(names),
            subscribed_topic_regex: own(request.subscribed_topic_regex),
            server_assignor: own(request.server_assignor),
            topic_partitions: request.topic_partitions.map(|topics| topics.into_iter().map(owned).collect()),
            client: client::of(context),
            version: context.version,
            fresh_member_id: client::consumer_member_id(),
        });
        Reply::later(async move {
            match asked.await {
                Ok(reply) => answer(reply),
                Err(code) => refused(code),
            }
        })
    }
}

fn owned(topic: RequestTopicPartitions) -> OwnedPartitions {
    OwnedPartitions { topic_id: topic.topic_id, partitions: topic.partitions }
}

fn answer(reply: ConsumerGroupHeartbeatReply) -> ConsumerGroupHeartbeatResponse {
    let topic =
        |topic: OwnedPartitions| ResponseTopicPartitions { topic_id: topic.topic_id, partitions: topic.partitions };
    let assignment = |topics: Vec<_>| Assignment { topic_partitions: topics.into_iter().map(topic).collect() };
    ConsumerGroupHeartbeatResponse {
        error_code: reply.error.code(),
        error_message: reply.error_message,
        member_id: reply.member_id,
        member_epoch: reply.member_epoch,
        heartbeat_interval_ms: reply.heartbeat_interval_ms,
        assignment: reply.assignment.map(assignment),
        ..ConsumerGroupHeartbeatResponse::default()
    }
}

fn refused(code: ErrorCode) -> ConsumerGroupHeartbeatResponse {
    ConsumerGroupHeartbeatResponse { error_code: code.code(), ..ConsumerGroupHeartbeatResponse::default() }
}
