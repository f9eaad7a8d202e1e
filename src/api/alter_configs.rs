//! AlterConfigs (key 33), versions 0-2: the old way, which replaces all configs of a resource. v2 flexible.

use std::ops::RangeInclusive;
use std::sync::Arc;

use protocol::ApiKey;
use protocol::messages::alter_configs::{
    AlterConfigsRequest, AlterConfigsResource, AlterConfigsResourceResponse, AlterConfigsResponse,
};

use super::config_resource::{self, AlterAll};
use super::{Api, Reply, RequestContext};
use crate::broker::Broker;
use crate::metadata::{ConfigChange, ConfigEdit, Refused};

pub(super) struct AlterConfigs;

impl Api for AlterConfigs {
    const KEY: ApiKey = ApiKey::AlterConfigs;
    const VERSIONS: RangeInclusive<i16> = 0..=2;
    type Request<'frame> = AlterConfigsRequest<'frame>;
    type Response = AlterConfigsResponse;

    fn handle(
        broker: &Arc<Broker>,
        _context: &RequestContext<'_>,
        request: AlterConfigsRequest<'_>,
    ) -> Reply<AlterConfigsResponse> {
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
            AlterConfigsResponse { responses, ..AlterConfigsResponse::default() }
        })
    }
}

fn change(resource: &AlterConfigsResource<'_>) -> Result<ConfigChange, Refused> {
    let parsed = config_resource::parse_for_change(resource.resource_type, resource.resource_name)?;
    let settings = resource.configs.iter().map(|config| (config.name.to_owned(), config.value.map(str::to_owned)));
    Ok(ConfigChange { resource: parsed, edit: ConfigEdit::Replace(settings.collect()) })
}
