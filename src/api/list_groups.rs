//! ListGroups (key 16), versions 0-5. v3 flexible; v4 by state (KIP-518); v5 by type (KIP-848).

use std::ops::RangeInclusive;
use std::sync::Arc;

use coordinator::group::event::{ListGroups as Event, ListedGroup as Listed};
use model::ErrorCode;
use protocol::ApiKey;
use protocol::messages::list_groups::{ListGroupsRequest, ListGroupsResponse, ListedGroup};

use super::{Api, Reply, RequestContext};
use crate::broker::Broker;

pub(super) struct ListGroups;

impl Api for ListGroups {
    const KEY: ApiKey = ApiKey::ListGroups;
    const VERSIONS: RangeInclusive<i16> = 0..=5;
    type Request<'frame> = ListGroupsRequest<'frame>;
    type Response = ListGroupsResponse;

    fn handle(
        broker: &Arc<Broker>,
        _context: &RequestContext<'_>,
        request: ListGroupsRequest<'_>,
    ) -> Reply<ListGroupsResponse> {
        let own = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let event = Event { states: own(&request.states_filter), types: own(&request.types_filter) };
        let asked = broker.coordinators.list_groups(&event);
        Reply::later(async move {
            let (code, groups) = match asked.await {
                Ok(groups) => (ErrorCode::None, groups.into_iter().map(listed).collect()),
                Err(code) => (code, Vec::new()),
            };
            ListGroupsResponse { error_code: code.code(), groups, ..ListGroupsResponse::default() }
        })
    }
}

fn listed(group: Listed) -> ListedGroup {
    ListedGroup {
        group_id: group.group_id,
        protocol_type: group.protocol_type,
        group_state: group.state,
        group_type: group.group_type,
    }
}
