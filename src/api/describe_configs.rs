//! DescribeConfigs (key 32), versions 1-4. v1 synonyms and sources (KIP-226); v3 types and documentation (KIP-569); v4
//! flexible.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use model::ErrorCode;
use model::config::{Described, Synonym, describe_client_metrics};
use protocol::ApiKey;
use protocol::messages::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult, DescribeConfigsResponse,
    DescribeConfigsResult, DescribeConfigsSynonym,
};

use super::{Api, Reply, RequestContext, config_resource};
use crate::broker::Broker;
use crate::metadata::{ConfigResource, Image, Refused};

pub(super) struct DescribeConfigs;

impl Api for DescribeConfigs {
    const KEY: ApiKey = ApiKey::DescribeConfigs;
    const VERSIONS: RangeInclusive<i16> = 1..=4;
    type Request<'frame> = DescribeConfigsRequest<'frame>;
    type Response = DescribeConfigsResponse;

    fn handle(
        broker: &Arc<Broker>,
        _context: &RequestContext<'_>,
        request: DescribeConfigsRequest<'_>,
    ) -> Reply<DescribeConfigsResponse> {
        let image = broker.metadata.image();
        let show = Show { synonyms: request.include_synonyms, documentation: request.include_documentation };
        let mut room = Room { bytes: u64::from(image.broker.socket_request_max_bytes.unsigned_abs()) };
        let results = request.resources.iter().map(|resource| show.resource(&image, resource, &mut room)).collect();
        Reply::now(DescribeConfigsResponse { results, ..DescribeConfigsResponse::default() })
    }
}

/// What a request wants to see of each config.
#[derive(Clone, Copy)]
struct Show {
    synonyms: bool,
    documentation: bool,
}

/// What an answer may still hold. A resource is a few bytes in a request and kilobytes in the answer, and a group or a
/// subscription need not exist to be described: without a bound one request could take all memory, or a thread for minutes.
struct Room {
    bytes: u64,
}

/// What it costs to look a config up, shown or not, as bytes of an answer.
const ROW_BYTES: u64 = 16;
/// What a config that is shown takes beside its texts, in the answer and in memory before it.
const SHOWN_BYTES: usize = 80;

impl Room {
    fn check(&self) -> Result<(), Refused> {
        if self.bytes > 0 {
            return Ok(());
        }
        let message = "the answer would be larger than socket.request.max.bytes: ask for fewer resources at once";
        Err(Refused::new(ErrorCode::InvalidRequest, message))
    }

    fn take(&mut self, looked_up: usize, shown: &[DescribeConfigsResourceResult]) {
        let looked_up = model::num::u64_from_usize(looked_up).saturating_mul(ROW_BYTES);
        self.bytes = self.bytes.saturating_sub(looked_up.saturating_add(shown.iter().map(shown_bytes).sum()));
    }
}

fn shown_bytes(row: &DescribeConfigsResourceResult) -> u64 {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let synonyms: usize = row.synonyms.iter().map(|synonym| synonym.name.len() + text(&synonym.value)).sum();
    let texts = row.name.len() + text(&row.value) + text(&row.documentation) + synonyms;
    model::num::u64_from_usize(SHOWN_BYTES + texts)
}

impl Show {
    fn resource(self, image: &Image, asked: &DescribeConfigsResource<'_>, room: &mut Room) -> DescribeConfigsResult {
        let result = DescribeConfigsResult {
            resource_type: asked.resource_type,
            resource_name: asked.resource_name.to_owned(),
            ..DescribeConfigsResult::default()
        };
        match room.check().and_then(|()| describe(image, asked)) {
            Ok(rows) => {
                let keys = asked.configuration_keys.as_ref();
                // No keys are all keys.
                let wanted = |row: &Described| keys.is_none_or(|keys| keys.is_empty() || keys.contains(&row.name));
                let looked_up = rows.len();
                let configs: Vec<_> = rows.into_iter().filter(wanted).map(|row| self.row(row)).collect();
                room.take(looked_up, &configs);
                DescribeConfigsResult { configs, error_message: Some(String::new()), ..result }
            }
            Err(refused) => DescribeConfigsResult {
                error_code: refused.code.code(),
                error_message: Some(refused.message),
                ..result
            },
        }
    }

    fn row(self, row: Described) -> DescribeConfigsResourceResult {
        let synonym = |synonym: Synonym| DescribeConfigsSynonym {
            name: synonym.name.to_owned(),
            value: Some(synonym.value),
            source: synonym.source.code(),
        };
        DescribeConfigsResourceResult {
            name: row.name.to_owned(),
            value: row.value,
            read_only: row.is_read_only,
            config_source: row.source.code(),
            is_sensitive: row.is_sensitive,
            synonyms: if self.synonyms { row.synonyms.into_iter().map(synonym).collect() } else { Vec::new() },
            config_type: row.value_type.code(),
            documentation: self.documentation.then_some(row.documentation),
        }
    }
}

fn describe(image: &Image, asked: &DescribeConfigsResource<'_>) -> Result<Vec<Described>, Refused> {
    match config_resource::parse(asked.resource_type, asked.resource_name)? {
        ConfigResource::Topic(name) => {
            if let Err(error) = model::TopicName::parse(&name) {
                return Err(Refused::new(ErrorCode::InvalidTopicException, format!("{name:?}: {error}")));
            }
            let missing = || Refused::new(ErrorCode::UnknownTopicOrPartition, format!("there is no topic '{name}'"));
            let topic = image.topic(&name).ok_or_else(missing)?;
            Ok(image.broker.describe_topic(&topic.overrides))
        }
        ConfigResource::Group(group) => Ok(image.broker.describe_group(settings_of(&image.group_configs, &group))),
        ConfigResource::ClientMetrics(name) => Ok(describe_client_metrics(settings_of(&image.client_metrics, &name))),
        ConfigResource::Broker(None) => Ok(image.broker.describe_cluster()),
        ConfigResource::Broker(Some(id)) if id == image.broker.node_id => Ok(image.broker.describe_broker()),
        ConfigResource::Broker(Some(id)) => {
            let message = format!("this is broker {}, not {id}; each broker describes itself", image.broker.node_id);
            Err(Refused::new(ErrorCode::InvalidRequest, message))
        }
    }
}

/// What was set for a name; nothing for one that nobody knows, which has the defaults.
fn settings_of<'a>(all: &'a BTreeMap<String, Settings>, name: &str) -> &'a Settings {
    static NOTHING: Settings = BTreeMap::new();
    all.get(name).unwrap_or(&NOTHING)
}

type Settings = BTreeMap<String, String>;
