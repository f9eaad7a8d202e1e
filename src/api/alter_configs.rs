//! AlterConfigs (key 33), versions 0-2: the old way, which replaces all configs of a resource. v2 flexible.

use std::ops::RangeInclusive;
use std::sync::Arc;

use protocol::ApiKey;
use protocol::messages::alter_configs::{
    AlterConfigsRequest, AlterConfigsResource, AlterConfigsResourceResponse, AlterConfigsResponse,
};

use super::config_resource::{AlterAll, Altered};
use super::{Api, Reply, RequestContext};
use crate::broker::Broker;
use crate::metadata::ConfigEdit;

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
            all.add(resource.resource_type, resource.resource_name, Ok(edit(resource)));
        }
        let answer = |Altered { error_code, error_message, resource_type, resource_name }| {
            AlterConfigsResourceResponse { error_code, error_message, resource_type, resource_name }
        };
        let respond = |responses| AlterConfigsResponse { responses, ..AlterConfigsResponse::default() };
        all.run(broker, request.validate_only, answer, respond)
    }
}

fn edit(resource: &AlterConfigsResource<'_>) -> ConfigEdit {
    let settings = resource.configs.iter().map(|config| (config.name.to_owned(), config.value.map(str::to_owned)));
    ConfigEdit::Replace(settings.collect())
}
