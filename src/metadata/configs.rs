//! Decisions about configs: from the state and a wish to a record, or to a refusal. What a key takes is `model`'s to say.

use std::collections::BTreeMap;

use model::ErrorCode;
use model::config::{AlterError, AlterOp, Alteration, BrokerConfig, changes};

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
    match &change.resource {
        ConfigResource::Topic(name) => {
            let (id, topic) = state
                .id_of(name)
                .and_then(|id| state.topic(id).map(|topic| (id, topic)))
                .ok_or_else(|| unknown_topic(name))?;
            let then = match &change.edit {
                ConfigEdit::Alter(operations) => broker.alter_topic(&topic.configs, &alterations(operations)),
                ConfigEdit::Replace(settings) => broker.alter_topic(&BTreeMap::new(), &replacements(settings)),
            };
            let then = then.map_err(|error| refused(&error))?;
            internal::check_overrides(name, &then)?;
            let configs = changes(&topic.configs, &then);
            let id = WireTopicId(id);
            Ok((!configs.is_empty()).then_some(MetadataRecord::TopicConfigsChanged { id, configs }))
        }
        ConfigResource::Broker(node_id) => {
            if node_id.is_some_and(|node_id| node_id != broker.node_id) {
                let message = format!("there is no broker {node_id:?}; this is broker {}", broker.node_id);
                return Err(Refused::new(ErrorCode::InvalidRequest, message));
            }
            let own = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
            let now: BTreeMap<String, String> = state.broker_configs(*node_id).map(own).collect();
            let then = match &change.edit {
                ConfigEdit::Alter(operations) => broker.alter_broker(&now, &alterations(operations)),
                ConfigEdit::Replace(settings) => broker.alter_broker(&BTreeMap::new(), &replacements(settings)),
            };
            let configs = changes(&now, &then.map_err(|error| refused(&error))?);
            let node_id = *node_id;
            Ok((!configs.is_empty()).then_some(MetadataRecord::BrokerConfigsChanged { node_id, configs }))
        }
    }
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
