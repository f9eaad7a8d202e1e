//! Configs as DescribeConfigs shows them: value, source, and the synonyms that it was chosen from.

use std::collections::BTreeMap;

use super::broker::BrokerConfig;
use super::client_metrics::ClientMetricsConfig;
use super::fixed::FixedKey;
use super::group::GroupConfig;
use super::key::{Key, one_line};
use super::source::ConfigSource;
use super::table::{BrokerKey, Row};
use super::topic::TopicConfig;
use super::value::ConfigType;
use super::{group_fixed, topic_fixed};

/// One config of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// The key.
    pub name: &'static str,
    /// The value; `None` is the wire's null.
    pub value: Option<String>,
    /// Where the value comes from.
    pub source: ConfigSource,
    /// Whether it cannot be changed while the broker runs.
    pub is_read_only: bool,
    /// Whether it is a secret. None of ours is.
    pub is_sensitive: bool,
    /// The type of the value.
    pub value_type: ConfigType,
    /// What it means.
    pub documentation: String,
    /// What the value was chosen from: the settings of this key and of those that it follows from, the strongest first.
    pub synonyms: Vec<Synonym>,
}

/// A setting that was, or could have been, the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synonym {
    /// The key that was set.
    pub name: &'static str,
    /// Its value.
    pub value: String,
    /// Where it was set.
    pub source: ConfigSource,
}

impl BrokerConfig {
    /// The configs of a topic with these overrides.
    #[must_use]
    pub fn describe_topic(&self, overrides: &BTreeMap<String, String>) -> Vec<Described> {
        let own = Own { source: ConfigSource::DynamicTopic, settings: overrides };
        let free = TopicConfig::ROWS.iter().map(|row| {
            let from_broker = self.synonyms(row.broker_keys.first().map_or("", |key| key.key), row.broker_keys);
            own.describe(row.key, (self.topic_default_text(row), from_broker), (row.value_type, one_line(row.doc)))
        });
        sorted(free.chain(topic_fixed::FIXED.iter().map(|fixed| own.describe_fixed(fixed))))
    }

    /// The configs of a group that has these.
    #[must_use]
    pub fn describe_group(&self, settings: &BTreeMap<String, String>) -> Vec<Described> {
        let own = Own { source: ConfigSource::DynamicGroup, settings };
        let of_broker = GroupConfig::of(self);
        let free = GroupConfig::ROWS.iter().map(|row| {
            let from_broker = self.synonyms(row.broker_keys.first().map_or("", |key| key.key), row.broker_keys);
            own.describe(row.key, (row.get(&of_broker), from_broker), (row.value_type, one_line(row.doc)))
        });
        sorted(free.chain(group_fixed::FIXED.iter().map(|fixed| own.describe_fixed(fixed))))
    }

    /// The configs of this broker.
    #[must_use]
    pub fn describe_broker(&self) -> Vec<Described> {
        sorted(Key::all().map(|key| {
            let synonyms = match key {
                Key::Broker(row) => self.synonyms(row.key, &[BrokerKey::alone(row.key)]),
                Key::TopicDefault(row, key) => self.synonyms(key.key, row.broker_keys),
            };
            let strongest = self.layers.of(key.name()).next().map(|(_, text)| text.to_owned());
            Described {
                name: key.name(),
                value: strongest.or_else(|| key.default_text()),
                source: synonyms.first().map_or(ConfigSource::Default, |synonym| synonym.source),
                is_read_only: !key.is_dynamic(),
                is_sensitive: false,
                value_type: key.value_type(),
                documentation: key.doc(),
                synonyms,
            }
        }))
    }

    /// The configs that were set for all brokers while they ran: DescribeConfigs of the broker without a name.
    #[must_use]
    pub fn describe_cluster(&self) -> Vec<Described> {
        let mut described = self.describe_broker();
        for config in &mut described {
            let name = config.name;
            config
                .synonyms
                .retain(|synonym| synonym.source == ConfigSource::DynamicDefaultBroker && synonym.name == name);
            config.value = config.synonyms.first().map(|synonym| synonym.value.clone());
            config.source = ConfigSource::DynamicDefaultBroker;
        }
        described.retain(|config| !config.synonyms.is_empty());
        described
    }

    /// What a topic without overrides has, as a text. A list keeps the order in which the broker was told its words.
    pub(super) fn topic_default_text(&self, row: &Row<TopicConfig>) -> Option<String> {
        let mut told = row.broker_keys.iter().filter_map(|key| self.layers.of(key.key).next());
        match told.next() {
            Some((_, text)) if row.value_type == ConfigType::List => Some(text.to_owned()),
            _ => row.get(&self.topic_defaults),
        }
    }

    /// The settings of `keys`, the strongest source first, and within a source the strongest key. As in Kafka, those
    /// before the first of the key that is asked for are left out: they belong to a stronger key.
    fn synonyms(&self, asked: &str, keys: &[BrokerKey]) -> Vec<Synonym> {
        let mut synonyms = Vec::new();
        for source in [ConfigSource::DynamicBroker, ConfigSource::DynamicDefaultBroker, ConfigSource::StaticBroker] {
            for key in keys {
                let set = self.layers.of(key.key).find(|(layer, _)| *layer == source);
                synonyms.extend(set.map(|(_, text)| Synonym { name: key.key, value: text.to_owned(), source }));
            }
        }
        for key in keys {
            let default = Key::find(key.key).and_then(Key::default_text);
            synonyms.extend(default.map(|value| Synonym { name: key.key, value, source: ConfigSource::Default }));
        }
        synonyms.into_iter().skip_while(|synonym| synonym.name != asked).collect()
    }
}

/// The configs of a subscription to clients' metrics that has these.
#[must_use]
pub fn describe_client_metrics(settings: &BTreeMap<String, String>) -> Vec<Described> {
    let own = Own { source: ConfigSource::DynamicClientMetrics, settings };
    let default = ClientMetricsConfig::default();
    sorted(
        ClientMetricsConfig::ROWS
            .iter()
            .map(|row| own.describe(row.key, (row.get(&default), Vec::new()), (row.value_type, one_line(row.doc)))),
    )
}

/// What was set for a resource itself.
struct Own<'a> {
    source: ConfigSource,
    settings: &'a BTreeMap<String, String>,
}

impl Own<'_> {
    /// A config, with what holds where it is not set and the synonyms of that.
    fn describe(
        &self,
        name: &'static str,
        (default, from_broker): (Option<String>, Vec<Synonym>),
        (value_type, documentation): (ConfigType, String),
    ) -> Described {
        let own = self.settings.get(name);
        let synonym = own.map(|text| Synonym { name, value: text.clone(), source: self.source });
        let synonyms: Vec<_> = synonym.into_iter().chain(from_broker).collect();
        Described {
            name,
            value: own.cloned().or(default),
            source: synonyms.first().map_or(ConfigSource::Default, |synonym| synonym.source),
            is_read_only: false,
            is_sensitive: false,
            value_type,
            documentation,
            synonyms,
        }
    }

    fn describe_fixed(&self, fixed: &FixedKey) -> Described {
        let value = fixed.value.to_owned();
        let default = |name| Synonym { name, value: value.clone(), source: ConfigSource::Default };
        let synonyms = fixed.default_key.map(default).into_iter().collect();
        self.describe(fixed.key, (Some(value.clone()), synonyms), (fixed.value_type, fixed.doc()))
    }
}

fn sorted(described: impl Iterator<Item = Described>) -> Vec<Described> {
    let mut described: Vec<_> = described.collect();
    described.sort_by_key(|config| config.name);
    described
}

#[cfg(test)]
mod tests;
