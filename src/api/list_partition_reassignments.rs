//! ListPartitionReassignments (key 46), version 0.
//! There is one broker, so no partition is ever on its way to another.

use std::ops::RangeInclusive;
use std::sync::Arc;

use protocol::ApiKey;
use protocol::messages::list_partition_reassignments::{
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
};

use super::{Api, Reply, RequestContext};
use crate::broker::Broker;

pub(super) struct ListPartitionReassignments;

impl Api for ListPartitionReassignments {
    const KEY: ApiKey = ApiKey::ListPartitionReassignments;
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    type Request<'frame> = ListPartitionReassignmentsRequest<'frame>;
    type Response = ListPartitionReassignmentsResponse;

    fn handle(
        _broker: &Arc<Broker>,
        _context: &RequestContext<'_>,
        _request: ListPartitionReassignmentsRequest<'_>,
    ) -> Reply<ListPartitionReassignmentsResponse> {
        Reply::now(ListPartitionReassignmentsResponse::default())
    }
}
