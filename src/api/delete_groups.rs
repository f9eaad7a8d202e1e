//! DeleteGroups (key 42), versions 0-3. v2 flexible; v3 error messages.

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::sync::Arc;

use coordinator::group::event::DeleteGroup;
use model::ErrorCode;
use protocol::ApiKey;
use protocol::messages::delete_groups::{DeletableGroupResult, DeleteGroupsRequest, DeleteGroupsResponse};

use super::{Api, Reply, RequestContext};
use crate::broker::Broker;

pub(super) struct DeleteGroups;

impl Api for DeleteGroups {
    const KEY: ApiKey = ApiKey::DeleteGroups;
    const VERSIONS: RangeInclusive<i16> = 0..=3;
    type Request<'frame> = DeleteGroupsRequest<'frame>;
    type Response = DeleteGroupsResponse;

    fn handle(
        broker: &Arc<Broker>,
        _context: &RequestContext<'_>,
        request: DeleteGroupsRequest<'_>,
    ) -> Reply<DeleteGroupsResponse> {
        let mut told = HashSet::new();
        let once = request.groups_names.iter().filter(|group_id| told.insert(**group_id));
        let ask = |group_id: &&str| {
            let event = DeleteGroup { group_id: (*group_id).to_owned() };
            ((*group_id).to_owned(), broker.coordinators.delete_group(event))
        };
        let asked: Vec<_> = once.map(ask).collect();
        Reply::later(async move {
            let mut results = Vec::with_capacity(asked.len());
            for (group_id, asked) in asked {
                results.push(result(group_id, asked.await.unwrap_or_else(|code| code)));
            }
            DeleteGroupsResponse { results, ..DeleteGroupsResponse::default() }
        })
    }
}

fn result(group_id: String, code: ErrorCode) -> DeletableGroupResult {
    DeletableGroupResult { group_id, error_code: code.code(), ..DeletableGroupResult::default() }
}
