//! JoinGroup (key 11), versions 0-9. v1 the rebalance timeout; v4 members come back with the id they are given (KIP-394); v5
//! static members (KIP-345); v6 flexible; v7 the protocol type; v8 the reason (KIP-800); v9 leaders that need not assign
//! (KIP-814).

use std::ops::RangeInclusive;
use std::sync::Arc;

use bytes::Bytes;
use coordinator::group::event::{JoinGroup as Event, JoinGroupReply};
use model::ErrorCode;
use protocol::ApiKey;
use protocol::messages::join_group::{JoinGroupRequest, JoinGroupResponse, JoinGroupResponseMember};

use super::{Api, Reply, RequestContext, client};
use crate::broker::Broker;

/// The first version whose members come back with the id they are given.
const KNOWN_MEMBER_ID_FROM: i16 = 4;
/// The first version whose protocol name may be null.
const NULL_PROTOCOL_FROM: i16 = 7;
/// The first version in which a leader may be told not to assign.
const SKIPS_ASSIGNMENT_FROM: i16 = 9;

pub(super) struct JoinGroup;

impl Api for JoinGroup {
    const KEY: ApiKey = ApiKey::JoinGroup;
    const VERSIONS: RangeInclusive<i16> = 0..=9;
    type Request<'frame> = JoinGroupRequest<'frame>;
    type Response = JoinGroupResponse;

    fn handle(
        broker: &Arc<Broker>,
        context: &RequestContext<'_>,
        request: JoinGroupRequest<'_>,
    ) -> Reply<JoinGroupResponse> {
        let version = context.version;
        let member_id = request.member_id.to_owned();
        if request.group_id.is_empty() {
            return Reply::now(refused(ErrorCode::InvalidGroupId, member_id, version));
        }
        let asked = broker.coordinators.join_group(event(context, &request));
        Reply::later(async move {
            match asked.await {
                Ok(reply) => answer(reply, version),
                Err(code) => refused(code, String::new(), version),
            }
        })
    }
}

fn event(context: &RequestContext<'_>, request: &JoinGroupRequest<'_>) -> Event {
    let (version, client) = (context.version, client::of(context));
    let protocols = request.protocols.iter();
    Event {
        group_id: request.group_id.to_owned(),
        member_id: request.member_id.to_owned(),
        group_instance_id: request.group_instance_id.map(str::to_owned),
        session_timeout_ms: request.session_timeout_ms,
        rebalance_timeout_ms: if version == 0 { request.session_timeout_ms } else { request.rebalance_timeout_ms },
        protocol_type: request.protocol_type.to_owned(),
        protocols: protocols.map(|each| (each.name.to_owned(), Bytes::copy_from_slice(each.metadata))).collect(),
        reason: request.reason.map(str::to_owned),
        requires_known_member_id: version >= KNOWN_MEMBER_ID_FROM && request.group_instance_id.is_none(),
        supports_skipping_assignment: version >= SKIPS_ASSIGNMENT_FROM,
        fresh_member_id: client::classic_member_id(request.group_instance_id.unwrap_or(&client.id)),
        client,
    }
}

fn answer(reply: JoinGroupReply, version: i16) -> JoinGroupResponse {
    let members = reply.members.into_iter().map(|member| JoinGroupResponseMember {
        member_id: member.member_id,
        group_instance_id: member.group_instance_id,
        metadata: member.metadata,
    });
    JoinGroupResponse {
        error_code: reply.error.code(),
        generation_id: reply.generation_id,
        protocol_type: reply.protocol_type,
        protocol_name: protocol_name(reply.protocol_name, version),
        leader: reply.leader,
        skip_assignment: reply.skip_assignment,
        member_id: reply.member_id,
        members: members.collect(),
        ..JoinGroupResponse::default()
    }
}

fn refused(code: ErrorCode, member_id: String, version: i16) -> JoinGroupResponse {
    JoinGroupResponse {
        error_code: code.code(),
        generation_id: -1,
        protocol_name: protocol_name(None, version),
        member_id,
        ..JoinGroupResponse::default()
    }
}

/// No protocol is null in the versions that have null, and empty before.
fn protocol_name(name: Option<String>, version: i16) -> Option<String> {
    let name = name.filter(|name| !name.is_empty());
    if version < NULL_PROTOCOL_FROM { Some(name.unwrap_or_default()) } else { name }
}
