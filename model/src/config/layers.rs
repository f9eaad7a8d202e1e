//! Settings from several sources, and the one configuration that they make.
//!
//! The weakest first: defaults, the file, KAFKA_* variables, flags, what was set for all brokers while they ran, what was
//! set for this broker while it ran.

use std::collections::BTreeMap;

use super::broker::BrokerConfig;
use super::checks;
use super::error::{ConfigError, Place, Warning};
use super::foreign;
use super::key::{Key, topic_text};
use super::properties;
use super::source::ConfigSource;
use super::topic::TopicConfig;

/// The settings of each source, by key, as DescribeConfigs prints them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Layers {
    start: BTreeMap<&'static str, String>,
    cluster: BTreeMap<&'static str, String>,
    broker: BTreeMap<&'static str, String>,
}

impl Layers {
    /// The settings of a key, the strongest first. Defaults are not among them.
    pub(super) fn of(&self, key: &str) -> impl Iterator<Item = (ConfigSource, &str)> {
        let layers = [
            (ConfigSource::DynamicBroker, &self.broker),
            (ConfigSource::DynamicDefaultBroker, &self.cluster),
            (ConfigSource::StaticBroker, &self.start),
        ];
        layers.into_iter().filter_map(move |(source, layer)| layer.get(key).map(|text| (source, text.as_str())))
    }
}

/// A file, as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileText<'a> {
    /// The name, for messages.
    pub name: &'a str,
    /// What stands in it.
    pub text: &'a str,
}

impl BrokerConfig {
    /// The configuration that a broker starts with, and what its operator should know about it. `environment` may hold
    /// any variables; those that do not begin with `KAFKA_` do not count.
    ///
    /// # Errors
    /// [`ConfigError`], for the first setting with which the broker must not start.
    pub fn from_layers<'a>(
        file: Option<FileText<'_>>,
        environment: impl IntoIterator<Item = (&'a str, &'a str)>,
        flags: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<(Self, Vec<Warning>), ConfigError> {
        let mut start = Start::default();
        if let Some(file) = file {
            start.read_file(file)?;
        }
        for (variable, value) in environment {
            start.read_variable(variable, value)?;
        }
        for (key, value) in flags {
            start.take(Setting { place: Place::Flag, key: key.trim(), value })?;
        }
        start.pair_ids();
        let config = resolve(Layers { start: start.settings, ..Layers::default() });
        checks::check(&config, &start.places, &mut start.warnings)?;
        Ok((checks::finish(config), start.warnings))
    }

    /// This configuration with what was set while the brokers ran: for all of them, and for this one. Settings that this
    /// version does not know, or that are no value any more, do not count.
    #[must_use]
    pub fn with_dynamic(&self, cluster: &BTreeMap<String, String>, broker: &BTreeMap<String, String>) -> Self {
        let known = |settings: &BTreeMap<String, String>| {
            settings.iter().filter_map(|(key, text)| dynamic(key, text)).collect()
        };
        let layers = Layers { start: self.layers.start.clone(), cluster: known(cluster), broker: known(broker) };
        checks::finish(resolve(layers))
    }

    /// What a topic with these overrides goes by. An override that this version does not know, or that is no value any
    /// more, does not count.
    #[must_use]
    pub fn topic_config(&self, overrides: &BTreeMap<String, String>) -> TopicConfig {
        let mut config = self.topic_defaults.clone();
        for (key, text) in overrides {
            if let Some(row) = TopicConfig::row(key) {
                // A value that is refused changes nothing.
                row.set(&mut config, text).unwrap_or_default();
            }
        }
        config
    }
}

fn dynamic(key: &str, text: &str) -> Option<(&'static str, String)> {
    let key = Key::find(key).filter(|key| key.is_dynamic())?;
    Some((key.name(), key.normalize(text).ok()?))
}

/// The values of the strongest layer that has them.
fn resolve(layers: Layers) -> BrokerConfig {
    let mut config = BrokerConfig::default();
    for row in BrokerConfig::ROWS {
        if let Some((_, text)) = layers.of(row.key).next() {
            // Only what was read as a value is in a layer.
            row.set(&mut config, text).unwrap_or_default();
        }
    }
    for row in TopicConfig::ROWS {
        let strongest = row.broker_keys.iter().find_map(|key| layers.of(key.key).next().map(|(_, text)| (key, text)));
        if let Some(text) = strongest.and_then(|(key, text)| topic_text(key, text).ok()) {
            row.set(&mut config.topic_defaults, &text).unwrap_or_default();
        }
    }
    config.layers = layers;
    config
}

/// One `key=value`, and where it stands.
struct Setting<'a> {
    place: Place,
    key: &'a str,
    value: &'a str,
}

/// The settings of the sources that were read so far.
#[derive(Default)]
struct Start {
    settings: BTreeMap<&'static str, String>,
    places: BTreeMap<&'static str, Place>,
    warnings: Vec<Warning>,
}

impl Start {
    fn read_file(&mut self, file: FileText<'_>) -> Result<(), ConfigError> {
        let entries =
            properties::parse(file.text).map_err(|error| ConfigError::Syntax { name: file.name.to_owned(), error })?;
        for entry in entries {
            let place = Place::File { name: file.name.to_owned(), line: entry.line };
            if self.settings.contains_key(entry.key.as_str()) {
                self.warnings.push(Warning::Repeated { place: place.clone(), key: entry.key.clone() });
            }
            self.take(Setting { place, key: &entry.key, value: &entry.value })?;
        }
        Ok(())
    }

    /// `node.id` is also set by its old name `broker.id`, and the other way round.
    fn pair_ids(&mut self) {
        for (given, missing) in [("node.id", "broker.id"), ("broker.id", "node.id")] {
            if let Some(id) = self.settings.get(given).filter(|id| !id.starts_with('-')).cloned() {
                self.settings.entry(missing).or_insert(id);
            }
        }
    }

    fn read_variable(&mut self, variable: &str, value: &str) -> Result<(), ConfigError> {
        let Some(key) = key_of_variable(variable) else {
            return Ok(());
        };
        let place = Place::Environment { variable: variable.to_owned() };
        match self.take(Setting { place, key: &key, value }) {
            Err(ConfigError::Unknown { place, key, nearest }) => {
                // Kubernetes makes such variables for a service of the name "kafka".
                self.warnings.push(Warning::UnknownVariable { place, key, nearest });
                Ok(())
            }
            taken => taken,
        }
    }

    fn take(&mut self, setting: Setting<'_>) -> Result<(), ConfigError> {
        let Setting { place, key, value } = setting;
        if let Some(why) = foreign::refusal(key, value) {
            return Err(ConfigError::Refused { place, key: key.to_owned(), why });
        }
        let Some(known) = Key::find(key) else {
            if foreign::is_known(key) {
                self.warnings.push(Warning::NoEffect { place, key: key.to_owned() });
                return Ok(());
            }
            let nearest = foreign::nearest(key, foreign::names().chain(Key::all().map(Key::name)));
            return Err(ConfigError::Unknown { place, key: key.to_owned(), nearest });
        };
        match known.normalize(value) {
            Ok(text) => {
                self.settings.insert(known.name(), text);
                self.places.insert(known.name(), place);
                Ok(())
            }
            Err(error) => {
                let (key, value) = (key.to_owned(), value.to_owned());
                Err(ConfigError::Invalid { place, key, value, expected: error.expected })
            }
        }
    }
}

/// The key of a variable as the official image names it: `KAFKA_`, then the key in capitals with `_` for a dot, `__` for
/// an underscore and `___` for a hyphen. `None` if the variable is no setting.
fn key_of_variable(variable: &str) -> Option<String> {
    let name = variable.strip_prefix("KAFKA_").filter(|_| !foreign::is_image_variable(variable))?;
    Some(name.replace("___", "-").replace("__", "\u{0}").replace('_', ".").replace('\u{0}', "_").to_ascii_lowercase())
}

#[cfg(test)]
mod tests;
