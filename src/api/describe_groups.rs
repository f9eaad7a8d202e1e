//! DescribeGroups (key 15), versions 0-6. v3 authorized operations (KIP-430); v4 static members (KIP-345); v5 flexible; v6 an
//! error for a group that does not exist.

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::sync::Arc;

use coordinator::group::event::{DescribeGroup, DescribedGroup as Description, DescribedMember};
use model::ErrorCode;
use protocol::ApiKey;
use protocol::messages::describe_groups::{
    DescribeGroupsRequest, DescribeGroupsResponse, DescribedGroup, DescribedGroupMember,
};

use super::{Api, Reply, RequestContext, operations};
use crate::broker::Broker;

pub(super) struct DescribeGroups;

impl Api for DescribeGroups {
    const KEY: ApiKey = ApiKey::DescribeGroups;
    const VERSIONS: RangeInclusive<i16> = 0..=6;
    type Request<'frame> = DescribeGroupsRequest<'frame>;
    type Response = DescribeGroupsResponse;

    fn handle(
        broker: &Arc<Broker>,
        context: &RequestContext<'_>,
        request: DescribeGroupsRequest<'_>,
    ) -> Reply<DescribeGroupsResponse> {
        let with_operations = request.include_authorized_operations;
        let ask = |group_id: &&str| {
            let event = DescribeGroup { group_id: (*group_id).to_owned(), version: context.version };
            ((*group_id).to_owned(), broker.coordinators.describe_group(event))
        };
        // Each group once: its members may be a thousand times as long as its name.
        let mut seen = HashSet::new();
        let asked: Vec<_> = request.groups.iter().filter(|group| seen.insert(**group)).map(ask).collect();
        Reply::later(async move {
            let mut groups = Vec::with_capacity(asked.len());
            for (group_id, asked) in asked {
                groups.push(match asked.await {
                    Ok(group) => described(group_id, group, with_operations),
                    Err(code) => refused(group_id, code),
                });
            }
            DescribeGroupsResponse { groups, ..DescribeGroupsResponse::default() }
        })
    }
}

fn described(group_id: String, group: Description, with_operations: bool) -> DescribedGroup {
    DescribedGroup {
        error_code: group.error.code(),
        error_message: group.error_message,
        group_id,
        group_state: group.state,
        protocol_type: group.protocol_type,
        protocol_data: group.protocol,
        members: group.members.into_iter().map(member).collect(),
        authorized_operations: operations::group(with_operations && group.error == ErrorCode::None),
    }
}

fn member(member: DescribedMember) -> DescribedGroupMember {
    DescribedGroupMember {
        member_id: member.member_id,
        group_instance_id: member.group_instance_id,
        client_id: member.client.id,
        client_host: member.client.host,
        member_metadata: member.metadata,
        member_assignment: member.assignment,
    }
}

fn refused(group_id: String, code: ErrorCode) -> DescribedGroup {
    DescribedGroup {
        error_code: code.code(),
        group_id,
        authorized_operations: operations::group(false),
        ..DescribedGroup::default()
    }
}
