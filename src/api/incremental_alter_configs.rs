//! IncrementalAlterConfigs (key 44), versions 0-1 (KIP-339). v1 flexible.

use std::ops::RangeInclusive;
use std::sync::Arc;

use model::ErrorCode;
use model::config::AlterOp;
use protocol::ApiKey;
use protocol::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterConfigsResourceResponse, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
};

use super::config_resource::{AlterAll, Altered};
use super::{Api, Reply, RequestContext};
use crate::broker::Broker;
use crate::metadata::{ConfigEdit, Refused};

pub(super) struct IncrementalAlterConfigs;

impl Api for IncrementalAlterConfigs {
    const KEY: ApiKey = ApiKey::IncrementalAlterConfigs;
    const VERSIONS: RangeInclusive<i16> = 0..=1;
    type Request<'frame> = IncrementalAlterConfigsRequest<'frame>;
    type Response = IncrementalAlterConfigsResponse;

    fn handle(
        broker: &Arc<Broker>,
        _context: &RequestContext<'_>,
        request: IncrementalAlterConfigsRequest<'_>,
    ) -> Reply<IncrementalAlterConfigsResponse> {
        let mut all = AlterAll::default();
        for resource in &request.resources {
            all.add(resource.resource_type, resource.resource_name, edit(resource));
        }
        let answer = |Altered { error_code, error_message, resource_type, resource_name }| {
            AlterConfigsResourceResponse { error_code, error_message, resource_type, resource_name }
        };
        let respond =
            |responses| IncrementalAlterConfigsResponse { responses, ..IncrementalAlterConfigsResponse::default() };
        all.run(broker, request.validate_only, answer, respond)
    }
}

fn edit(resource: &AlterConfigsResource<'_>) -> Result<ConfigEdit, Refused> {
    let mut operations = Vec::with_capacity(resource.configs.len());
    for config in &resource.configs {
        let raw = config.config_operation;
        let op = AlterOp::from_wire(raw).ok_or_else(|| {
            let message =
                format!("{}: operation {raw} is not one of 0 set, 1 delete, 2 append, 3 subtract", config.name);
            Refused::new(ErrorCode::InvalidRequest, message)
        })?;
        operations.push((config.name.to_owned(), op, config.value.map(str::to_owned)));
    }
    Ok(ConfigEdit::Alter(operations))
}
