//! LeaveGroup (key 13), versions 0-5. v3 many members, also by their instance ids (KIP-345); v4 flexible; v5 the reason
//! (KIP-800).

use std::ops::RangeInclusive;
use std::sync::Arc;

use coordinator::group::event::{LeaveGroup as Event, LeaveGroupReply, LeavingMember};
use model::ErrorCode;
use protocol::ApiKey;
use protocol::messages::leave_group::{LeaveGroupRequest, LeaveGroupResponse, MemberIdentity, MemberResponse};

use super::{Api, Reply, RequestContext};
use crate::broker::Broker;

/// The first version that names many members, and answers for each.
const MEMBERS_FROM: i16 = 3;

pub(super) struct LeaveGroup;

impl Api for LeaveGroup {
    const KEY: ApiKey = ApiKey::LeaveGroup;
    const VERSIONS: RangeInclusive<i16> = 0..=5;
    type Request<'frame> = LeaveGroupRequest<'frame>;
    type Response = LeaveGroupResponse;

    fn handle(
        broker: &Arc<Broker>,
        context: &RequestContext<'_>,
        request: LeaveGroupRequest<'_>,
    ) -> Reply<LeaveGroupResponse> {
        if request.group_id.is_empty() {
            return Reply::now(refused(ErrorCode::InvalidGroupId));
        }
        let has_members = context.version >= MEMBERS_FROM;
        let members = if has_members {
            request.members.iter().map(leaving).collect()
        } else {
            vec![LeavingMember { member_id: request.member_id.to_owned(), ..LeavingMember::default() }]
        };
        let asked = broker.coordinators.leave_group(Event { group_id: request.group_id.to_owned(), members });
        Reply::later(async move {
            match asked.await {
                Ok(reply) if has_members => each(reply),
                Ok(reply) => refused(first_error(&reply)),
                Err(code) => refused(code),
            }
        })
    }
}

fn leaving(member: &MemberIdentity<'_>) -> LeavingMember {
    LeavingMember {
        member_id: member.member_id.to_owned(),
        group_instance_id: member.group_instance_id.map(str::to_owned),
        reason: member.reason.map(str::to_owned),
    }
}

fn each(reply: LeaveGroupReply) -> LeaveGroupResponse {
    let members = reply.members.into_iter().map(|(member_id, group_instance_id, code)| MemberResponse {
        member_id,
        group_instance_id,
        error_code: code.code(),
    });
    LeaveGroupResponse { error_code: reply.error.code(), members: members.collect(), ..LeaveGroupResponse::default() }
}

/// The one code of the versions that have one.
fn first_error(reply: &LeaveGroupReply) -> ErrorCode {
    let of_members = reply.members.iter().map(|(_, _, code)| *code);
    [reply.error].into_iter().chain(of_members).find(|code| *code != ErrorCode::None).unwrap_or(ErrorCode::None)
}

fn refused(code: ErrorCode) -> LeaveGroupResponse {
    LeaveGroupResponse { error_code: code.code(), ..LeaveGroupResponse::default() }
}
