//! Heartbeat (key 12), versions 0-4. v3 static members (KIP-345); v4 flexible.

use std::ops::RangeInclusive;
use std::sync::Arc;

use coordinator::group::event::Heartbeat as Event;
use model::ErrorCode;
use protocol::ApiKey;
use protocol::messages::heartbeat::{HeartbeatRequest, HeartbeatResponse};

use super::{Api, Reply, RequestContext};
use crate::broker::Broker;

pub(super) struct Heartbeat;

impl Api for Heartbeat {
    const KEY: ApiKey = ApiKey::Heartbeat;
    const VERSIONS: RangeInclusive<i16> = 0..=4;
    type Request<'frame> = HeartbeatRequest<'frame>;
    type Response = HeartbeatResponse;

    fn handle(
        broker: &Arc<Broker>,
        _context: &RequestContext<'_>,
        request: HeartbeatRequest<'_>,
    ) -> Reply<HeartbeatResponse> {
        if request.group_id.is_empty() {
            return Reply::now(answer(ErrorCode::InvalidGroupId));
        }
        let asked = broker.coordinators.heartbeat(Event {
            group_id: request.group_id.to_owned(),
            generation_id: request.generation_id,
            member_id: request.member_id.to_owned(),
            group_instance_id: request.group_instance_id.map(str::to_owned),
        });
        Reply::later(async move { answer(asked.await.unwrap_or_else(|code| code)) })
    }
}

fn answer(code: ErrorCode) -> HeartbeatResponse {
    HeartbeatResponse { error_code: code.code(), ..HeartbeatResponse::default() }
}
