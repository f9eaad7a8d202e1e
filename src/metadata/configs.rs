//! Decisions about configs: from the state and a wish to a record, or to a refusal. What a key takes is `model`'s to say.

use std::collections::BTreeMap;

use model::ErrorCode;
use model::config::{AlterError, AlterOp, Alteration, BrokerConfig, ResourceKind, changes};

use super::internal;
use super::record::{MetadataRecord, WireTopicId};
use super::state::State;
use super::topics::{Refused, unknown_topic};

/// Whose configs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ConfigResource {
    /// A topic's overrides.
    Topic(String),
    /// A broker's dynamic values; `None` for all brokers.
    Broker(Option<i32>),
    /// A group's configs.
    Group(String),
    /// A subscription to clients' metrics.
    ClientMetrics(String),
}

/// How they change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ConfigEdit {
    /// Key by key.
    Alter(Vec<(String, AlterOp, Option<String>)>),
    /// These, and nothing that was set before.
    Replace(Vec<(String, Option<String>)>),
}

/// A change that somebody wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConfigChange {
    /// Whose configs.
    pub(crate) resource: ConfigResource,
    /// How they change.
    pub(crate) edit: ConfigEdit,
}

/// Decides about a change. No record where nothing would change.
pub(super) fn decide(
    state: &State,
    change: &ConfigChange,
    broker: &BrokerConfig,
) -> Result<Option<MetadataRecord>, Refused> {
    let (kind, now) = settings(state, &change.resource, broker)?;
    let then = match &change.edit {
        ConfigEdit::Alter(operations) => broker.alter(kind, &now, &alterations(operations)),
        ConfigEdit::Replace(settings) => broker.alter(kind, &BTreeMap::new(), &replacements(settings)),
    };
    let then = then.map_err(|error| refused(&error))?;
    if let ConfigResource::Topic(name) = &change.resource {
        internal::check_overrides(name, &then)?;
    }
    if let ConfigResource::Broker(node_id) = &change.resource {
        let layer = |of| if of == *node_id { then.clone() } else { broker_settings(state, of) };
        let wanted = broker.with_dynamic(&layer(None), &layer(Some(broker.node_id)));
        broker.check_step(&wanted).map_err(|error| refused(&error))?;
    }
    let configs = changes(&now, &then);
    if configs.is_empty() {
        return Ok(None);
    }
    Ok(Some(match &change.resource {
        ConfigResource::Topic(name) => {
            let id = WireTopicId(state.id_of(name).ok_or_else(|| unknown_topic(name))?);
            MetadataRecord::TopicConfigsChanged { id, configs }
        }
        ConfigResource::Broker(node_id) => MetadataRecord::BrokerConfigsChanged { node_id: *node_id, configs },
        ConfigResource::Group(group) => MetadataRecord::GroupConfigsChanged { group: group.clone(), configs },
        ConfigResource::ClientMetrics(name) => MetadataRecord::ClientMetricsChanged { name: name.clone(), configs },
    }))
}

/// What is set for a resource now.
fn settings(
    state: &State,
    resource: &ConfigResource,
    broker: &BrokerConfig,
) -> Result<(ResourceKind, BTreeMap<String, String>), Refused> {
    Ok(match resource {
        ConfigResource::Topic(name) => {
            let topic = state.id_of(name).and_then(|id| state.topic(id)).ok_or_else(|| unknown_topic(name))?;
            (ResourceKind::Topic, topic.configs.clone())
        }
        ConfigResource::Broker(node_id) => {
            if let Some(other) = node_id.filter(|node_id| *node_id != broker.node_id) {
                let message = format!("there is no broker {other}; this is broker {}", broker.node_id);
                return Err(Refused::new(ErrorCode::InvalidRequest, message));
            }
            (ResourceKind::Broker, broker_settings(state, *node_id))
        }
        ConfigResource::Group(group) => {
            (ResourceKind::Group, state.group_configs().get(group).cloned().unwrap_or_default())
        }
        ConfigResource::ClientMetrics(name) => {
            (ResourceKind::ClientMetrics, state.client_metrics().get(name).cloned().unwrap_or_default())
        }
    })
}

/// What was set for a broker while it ran; `None` for what was set for all.
fn broker_settings(state: &State, node_id: Option<i32>) -> BTreeMap<String, String> {
    state.broker_configs(node_id).map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// The overrides of a new topic.
pub(super) fn checked_overrides(
    broker: &BrokerConfig,
    given: &[(String, Option<String>)],
) -> Result<BTreeMap<String, String>, Refused> {
    let given = given.iter().map(|(key, value)| (key.as_str(), value.as_deref()));
    broker.topic_overrides(given).map_err(|error| refused(&error))
}

fn alterations(operations: &[(String, AlterOp, Option<String>)]) -> Vec<Alteration<'_>> {
    operations.iter().map(|(key, op, value)| Alteration { key, op: *op, value: value.as_deref() }).collect()
}

fn replacements(settings: &[(String, Option<String>)]) -> Vec<Alteration<'_>> {
    settings.iter().map(|(key, value)| Alteration { key, op: AlterOp::Set, value: value.as_deref() }).collect()
}

fn refused(error: &AlterError) -> Refused {
    Refused::new(ErrorCode::from(error), error.to_string())
}
