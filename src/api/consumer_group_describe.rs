//! ConsumerGroupDescribe (key 69), versions 0-1 (KIP-848). v1 says of which protocol each member is.

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::sync::Arc;

use coordinator::group::event::{DescribeConsumerGroup, DescribedConsumerGroup, DescribedConsumerGroupMember};
use model::{ErrorCode, TopicId};
use protocol::ApiKey;
use protocol::messages::consumer_group_describe::{
    Assignment, ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, DescribedGroup, Member, TopicPartitions,
};

use super::{Api, Reply, RequestContext, operations};
use crate::broker::Broker;

pub(super) struct ConsumerGroupDescribe;

impl Api for ConsumerGroupDescribe {
    const KEY: ApiKey = ApiKey::ConsumerGroupDescribe;
    const VERSIONS: RangeInclusive<i16> = 0..=1;
    type Request<'frame> = ConsumerGroupDescribeRequest<'frame>;
    type Response = ConsumerGroupDescribeResponse;

    fn handle(
        broker: &Arc<Broker>,
        _context: &RequestContext<'_>,
        request: ConsumerGroupDescribeRequest<'_>,
    ) -> Reply<ConsumerGroupDescribeResponse> {
        let with_operations = request.include_authorized_operations;
        let is_served = broker.metadata.image().serves_consumer_protocol();
        let ask = |group_id: &&str| {
            let group_id = (*group_id).to_owned();
            if !is_served {
                return (group_id, None);
            }
            let event = DescribeConsumerGroup { group_id: group_id.clone() };
            let asked = (!group_id.is_empty()).then(|| broker.coordinators.describe_consumer_group(event));
            (group_id, asked)
        };
        // Each group once: its members may be a thousand times as long as its name.
        let mut seen = HashSet::new();
        let asked: Vec<_> = request.group_ids.iter().filter(|group| seen.insert(**group)).map(ask).collect();
        Reply::later(async move {
            let mut groups = Vec::with_capacity(asked.len());
            for (group_id, asked) in asked {
                let group = match asked {
                    Some(asked) => asked.await,
                    None if is_served => Err(ErrorCode::InvalidGroupId),
                    None => Err(ErrorCode::UnsupportedVersion),
                };
                groups.push(match group {
                    Ok(group) => described(group_id, group, with_operations),
                    Err(code) => refused(group_id, code),
                });
            }
            ConsumerGroupDescribeResponse { groups, ..ConsumerGroupDescribeResponse::default() }
        })
    }
}

fn described(group_id: String, group: DescribedConsumerGroup, with_operations: bool) -> DescribedGroup {
    DescribedGroup {
        error_code: group.error.code(),
        error_message: group.error_message,
        group_id,
        group_state: group.state,
        group_epoch: group.group_epoch,
        assignment_epoch: group.assignment_epoch,
        assignor_name: group.assignor_name,
        members: group.members.into_iter().map(member).collect(),
        authorized_operations: operations::group(with_operations && group.error == ErrorCode::None),
    }
}

fn member(member: DescribedConsumerGroupMember) -> Member {
    Member {
        member_id: member.member_id,
        instance_id: member.instance_id,
        rack_id: member.rack_id,
        member_epoch: member.member_epoch,
        client_id: member.client.id,
        client_host: member.client.host,
        subscribed_topic_names: member.subscribed_topic_names,
        subscribed_topic_regex: member.subscribed_topic_regex,
        assignment: assignment(member.assignment),
        target_assignment: assignment(member.target_assignment),
        member_type: member.member_type,
    }
}

fn assignment(topics: Vec<(TopicId, String, Vec<i32>)>) -> Assignment {
    let topic = |(topic_id, topic_name, partitions)| TopicPartitions { topic_id, topic_name, partitions };
    Assignment { topic_partitions: topics.into_iter().map(topic).collect() }
}

fn refused(group_id: String, code: ErrorCode) -> DescribedGroup {
    DescribedGroup {
        error_code: code.code(),
        group_id,
        authorized_operations: operations::group(false),
        ..DescribedGroup::default()
    }
}
