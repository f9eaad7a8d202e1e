//! ListConfigResources (key 74), versions 0-1. v0 subscriptions to clients' metrics alone (KIP-714); v1 any type (KIP-1142).
//! Loggers are not listed: there are none that a client could change.

use std::ops::RangeInclusive;
use std::sync::Arc;

use model::ErrorCode;
use protocol::ApiKey;
use protocol::messages::list_config_resources::{
    ConfigResource, ListConfigResourcesRequest, ListConfigResourcesResponse,
};

use super::config_resource::{BROKER, CLIENT_METRICS, GROUP, TOPIC};
use super::{Api, Reply, RequestContext};
use crate::broker::Broker;

pub(super) struct ListConfigResources;

/// The resource type of loggers, which may be asked for.
const BROKER_LOGGER: i8 = 8;
const TYPES: [i8; 5] = [TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP];

impl Api for ListConfigResources {
    const KEY: ApiKey = ApiKey::ListConfigResources;
    const VERSIONS: RangeInclusive<i16> = 0..=1;
    type Request<'frame> = ListConfigResourcesRequest;
    type Response = ListConfigResourcesResponse;

    fn handle(
        broker: &Arc<Broker>,
        context: &RequestContext<'_>,
        request: ListConfigResourcesRequest,
    ) -> Reply<ListConfigResourcesResponse> {
        let types = match request.resource_types.as_slice() {
            _ if context.version == 0 => &[CLIENT_METRICS],
            // No types are all types.
            [] => &TYPES[..],
            types => types,
        };
        if types.iter().any(|asked| !TYPES.contains(asked)) {
            let error_code = ErrorCode::UnsupportedVersion.code();
            return Reply::now(ListConfigResourcesResponse { error_code, ..ListConfigResourcesResponse::default() });
        }
        let image = broker.metadata.image();
        let mut config_resources = Vec::new();
        let mut list = |resource_type: i8, names: &mut dyn Iterator<Item = &str>| {
            if types.contains(&resource_type) {
                let resource = |name: &str| ConfigResource { resource_name: name.to_owned(), resource_type };
                config_resources.extend(names.map(resource));
            }
        };
        list(GROUP, &mut image.group_configs.keys().map(String::as_str));
        list(CLIENT_METRICS, &mut image.client_metrics.keys().map(String::as_str));
        list(BROKER, &mut std::iter::once(image.broker.node_id.to_string().as_str()));
        list(TOPIC, &mut image.topics().map(|topic| topic.name.as_str()));
        Reply::now(ListConfigResourcesResponse { config_resources, ..ListConfigResourcesResponse::default() })
    }
}
