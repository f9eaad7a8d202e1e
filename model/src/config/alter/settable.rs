//! One config that somebody wants to set, of whatever kind of resource.

use super::error::{AlterError, ResourceKind};
use crate::config::broker::BrokerConfig;
use crate::config::client_metrics::ClientMetricsConfig;
use crate::config::fixed::FixedKey;
use crate::config::foreign;
use crate::config::group::GroupConfig;
use crate::config::key::Key;
use crate::config::table::Row;
use crate::config::topic::TopicConfig;
use crate::config::value::{ConfigType, ValueError};
use crate::config::{group_fixed, topic_fixed};

/// A config that can be set, to any value or to one.
pub(super) enum Settable {
    Topic(&'static Row<TopicConfig>),
    Broker(Key),
    Group(&'static Row<GroupConfig>),
    ClientMetrics(&'static Row<ClientMetricsConfig>),
    Fixed(ResourceKind, &'static FixedKey),
}

impl Settable {
    /// The config of this name; `value` is what it is to be, or a part of it.
    pub(super) fn find(kind: ResourceKind, key: &str, value: &str) -> Result<Self, AlterError> {
        let fixed = |table: &'static [FixedKey]| {
            table.iter().find(|fixed| fixed.key == key).map(|fixed| Self::Fixed(kind, fixed))
        };
        let found = match kind {
            ResourceKind::Topic => TopicConfig::row(key).map(Self::Topic).or_else(|| fixed(topic_fixed::FIXED)),
            ResourceKind::Group => GroupConfig::row(key).map(Self::Group).or_else(|| fixed(group_fixed::FIXED)),
            ResourceKind::ClientMetrics => ClientMetricsConfig::row(key).map(Self::ClientMetrics),
            ResourceKind::Broker => return dynamic_key(key, value).map(Self::Broker),
        };
        found.ok_or_else(|| AlterError::Unknown {
            kind,
            key: key.to_owned(),
            nearest: foreign::nearest(key, names(kind).into_iter()),
        })
    }

    /// Whether entries can be appended and subtracted. Kafka knows of no lists of groups and of client metrics.
    pub(super) fn is_list(&self) -> bool {
        let value_type = match self {
            Self::Topic(row) => row.value_type,
            Self::Broker(key) => key.value_type(),
            Self::Fixed(ResourceKind::Topic, fixed) => fixed.value_type,
            Self::Group(_) | Self::ClientMetrics(_) | Self::Fixed(..) => return false,
        };
        value_type == ConfigType::List
    }

    /// What holds where nothing is set.
    pub(super) fn unset(&self, broker: &BrokerConfig) -> String {
        let text = match self {
            Self::Topic(row) => broker.topic_default_text(row),
            Self::Broker(key) => key.default_text(),
            Self::Group(row) => row.get(&GroupConfig::of(broker)),
            Self::ClientMetrics(row) => row.get(&ClientMetricsConfig::default()),
            Self::Fixed(_, fixed) => Some(fixed.value.to_owned()),
        };
        text.unwrap_or_default()
    }

    /// The value as it is stored.
    pub(super) fn check(&self, value: &str) -> Result<String, AlterError> {
        match self {
            Self::Topic(row) => named(ResourceKind::Topic, row.key, value, row.normalize(value)),
            Self::Broker(key) => named(ResourceKind::Broker, key.name(), value, key.normalize(value)),
            Self::Group(row) => named(ResourceKind::Group, row.key, value, row.normalize(value)),
            Self::ClientMetrics(row) => named(ResourceKind::ClientMetrics, row.key, value, row.normalize(value)),
            Self::Fixed(kind, fixed) => {
                let text = named(*kind, fixed.key, value, fixed.normalize(value))?;
                if text == fixed.value {
                    return Ok(text);
                }
                Err(AlterError::Fixed { key: fixed.key, value: text, allowed: fixed.value, why: fixed.why })
            }
        }
    }
}

fn names(kind: ResourceKind) -> Vec<&'static str> {
    let fixed = |table: &'static [FixedKey]| table.iter().map(|fixed| fixed.key);
    match kind {
        ResourceKind::Topic => TopicConfig::ROWS.iter().map(|row| row.key).chain(fixed(topic_fixed::FIXED)).collect(),
        ResourceKind::Broker => Key::all().map(Key::name).collect(),
        ResourceKind::Group => GroupConfig::ROWS.iter().map(|row| row.key).chain(fixed(group_fixed::FIXED)).collect(),
        ResourceKind::ClientMetrics => ClientMetricsConfig::ROWS.iter().map(|row| row.key).collect(),
    }
}

fn dynamic_key(key: &str, value: &str) -> Result<Key, AlterError> {
    match Key::find(key) {
        Some(found) if found.is_dynamic() => Ok(found),
        Some(found) => Err(AlterError::NotDynamic { key: found.name() }),
        None => {
            let key = key.to_owned();
            if let Some(why) = foreign::refusal(&key, value) {
                return Err(AlterError::Refused { key, why });
            }
            if foreign::is_known(&key) {
                return Err(AlterError::NoEffect { key });
            }
            let nearest = foreign::nearest(&key, names(ResourceKind::Broker).into_iter());
            Err(AlterError::Unknown { kind: ResourceKind::Broker, key, nearest })
        }
    }
}

fn named(
    kind: ResourceKind,
    key: &str,
    value: &str,
    checked: Result<String, ValueError>,
) -> Result<String, AlterError> {
    let (key, value) = (key.to_owned(), value.to_owned());
    checked.map_err(|error| AlterError::Invalid { kind, key, value, expected: error.expected })
}
