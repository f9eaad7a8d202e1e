//! SyncGroup (key 14), versions 0-5. v3 static members (KIP-345); v4 flexible; v5 protocol type and name, which must be there.

use std::ops::RangeInclusive;
use std::sync::Arc;

use bytes::Bytes;
use coordinator::group::event::SyncGroup as Event;
use model::ErrorCode;
use protocol::ApiKey;
use protocol::messages::sync_group::{SyncGroupRequest, SyncGroupResponse};

use super::{Api, Reply, RequestContext, client};
use crate::broker::Broker;

/// The first version that says what it takes the protocol for.
const PROTOCOL_FROM: i16 = 5;

pub(super) struct SyncGroup;

impl Api for SyncGroup {
    const KEY: ApiKey = ApiKey::SyncGroup;
    const VERSIONS: RangeInclusive<i16> = 0..=5;
    type Request<'frame> = SyncGroupRequest<'frame>;
    type Response = SyncGroupResponse;

    fn handle(
        broker: &Arc<Broker>,
        context: &RequestContext<'_>,
        request: SyncGroupRequest<'_>,
    ) -> Reply<SyncGroupResponse> {
        let has_protocol = request.protocol_type.is_some() && request.protocol_name.is_some();
        if context.version >= PROTOCOL_FROM && !has_protocol {
            return Reply::now(refused(ErrorCode::InconsistentGroupProtocol));
        }
        if request.group_id.is_empty() {
            return Reply::now(refused(ErrorCode::InvalidGroupId));
        }
        let assignments = request.assignments.iter();
        let asked = broker.coordinators.sync_group(Event {
            group_id: request.group_id.to_owned(),
            generation_id: request.generation_id,
            member_id: request.member_id.to_owned(),
            group_instance_id: request.group_instance_id.map(str::to_owned),
            protocol_type: request.protocol_type.map(str::to_owned),
            protocol_name: request.protocol_name.map(str::to_owned),
            assignments: assignments
                .map(|each| (each.member_id.to_owned(), Bytes::copy_from_slice(each.assignment)))
                .collect(),
            client: client::of(context),
        });
        Reply::later(async move {
            match asked.await {
                Ok(reply) => SyncGroupResponse {
                    error_code: reply.error.code(),
                    protocol_type: reply.protocol_type,
                    protocol_name: reply.protocol_name,
                    assignment: reply.assignment,
                    ..SyncGroupResponse::default()
                },
                Err(code) => refused(code),
            }
        })
    }
}

fn refused(code: ErrorCode) -> SyncGroupResponse {
    SyncGroupResponse { error_code: code.code(), ..SyncGroupResponse::default() }
}
