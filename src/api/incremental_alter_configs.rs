//! IncrementalAlterConfigs (key 44), versions 0-1 (KIP-339). v1 flexible.

use std::ops::RangeInclusive;
use std::sync::Arc;

use model::ErrorCode;
use model::config::AlterOp;
use protocol::ApiKey;
use protocol::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterConfigsResourceResponse, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
};

use super::config_resource::{self, AlterAll};
use super::{Api, Reply, RequestContext};
use crate::broker::Broker;
use crate::metadata::{ConfigChange, ConfigEdit, Refused};

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
            all.add(resource.resource_type, resource.resource_name, change(resource));
        }
        let broker = Arc::clone(broker);
        let validate_only = request.validate_only;
        Reply::exclusive(async move {
            let answer = |(resource_type, resource_name, result): (i8, String, Result<(), Refused>)| {
                let (code, error_message) = config_resource::outcome(result);
                AlterConfigsResourceResponse { error_code: code.code(), error_message, resource_type, resource_name }
            };
            let responses = all.run(&broker, validate_only).await.into_iter().map(answer).collect();
            IncrementalAlterConfigsResponse { responses, ..IncrementalAlterConfigsResponse::default() }
        })
    }
}

fn change(resource: &AlterConfigsResource<'_>) -> Result<ConfigChange, Refused> {
    let parsed = config_resource::parse_for_change(resource.resource_type, resource.resource_name)?;
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
    Ok(ConfigChange { resource: parsed, edit: ConfigEdit::Alter(operations) })
}
