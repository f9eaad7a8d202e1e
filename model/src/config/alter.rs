//! Changes of configs while the broker runs: the overrides of topics and the dynamic configs of brokers.
//!
//! Owns: what may be set to what, and the operations of `IncrementalAlterConfigs`. Settings are maps from keys to texts,
//! as they are stored. Does not know who asks, or where they are stored.

use std::collections::{BTreeMap, BTreeSet};

use super::broker::BrokerConfig;
use super::error::meant;
use super::foreign;
use super::key::Key;
use super::table::{Row, unique_words};
use super::topic::{self, TopicConfig};
use super::topic_fixed::{FIXED, FixedTopicKey};
use super::value::{ConfigType, ValueError, split_list};
use crate::ErrorCode;

/// What has configs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResourceKind {
    /// A topic.
    #[error("topic")]
    Topic,
    /// A broker, or all of them.
    #[error("broker")]
    Broker,
}

/// What is done to a setting (KIP-339).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlterOp {
    /// It gets a value.
    Set,
    /// It goes back to what holds without it.
    Delete,
    /// A list gets entries that it does not have.
    Append,
    /// A list loses entries.
    Subtract,
}

impl AlterOp {
    /// Reads the wire's 0 to 3.
    #[must_use]
    pub const fn from_wire(raw: i8) -> Option<Self> {
        match raw {
            0 => Some(Self::Set),
            1 => Some(Self::Delete),
            2 => Some(Self::Append),
            3 => Some(Self::Subtract),
            _ => None,
        }
    }
}

/// A change of one setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alteration<'a> {
    /// The key.
    pub key: &'a str,
    /// What is done.
    pub op: AlterOp,
    /// With what; only `Delete` goes without.
    pub value: Option<&'a str>,
}

/// Why a change is refused. Nothing of the request holds then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AlterError {
    /// There is no such key.
    #[error("there is no {kind} config {key:?}{}", meant(nearest.as_deref()))]
    Unknown {
        /// What was to be changed.
        kind: ResourceKind,
        /// The key.
        key: String,
        /// The key that may have been meant.
        nearest: Option<String>,
    },
    /// The value is none of the key's.
    #[error("{key}={value}: expected {expected}")]
    Invalid {
        /// What was to be changed.
        kind: ResourceKind,
        /// The key.
        key: String,
        /// The value.
        value: String,
        /// What would be right.
        expected: String,
    },
    /// Nothing would follow from the value.
    #[error("{key}={value} would have no effect, so it is refused: {why}; only {allowed:?} can be set")]
    Fixed {
        /// The key.
        key: &'static str,
        /// The value.
        value: String,
        /// The one value that it may have.
        allowed: &'static str,
        /// Why.
        why: &'static str,
    },
    /// A broker key that a running broker does not change.
    #[error("{key} cannot be changed while the broker runs; set it in its file, environment or flags")]
    NotDynamic {
        /// The key.
        key: &'static str,
    },
    /// A broker key of Kafka's without meaning here.
    #[error("{key} has no effect in Tidelog, so it is refused")]
    NoEffect {
        /// The key.
        key: String,
    },
    /// A broker key that must not be pretended to work.
    #[error("{key}: {why}")]
    Refused {
        /// The key.
        key: String,
        /// What is missing.
        why: &'static str,
    },
    /// Entries for something that is no list.
    #[error("{key} is not a list: nothing can be appended to it or subtracted from it")]
    NotList {
        /// The key.
        key: String,
    },
    /// A new topic's config without a value.
    #[error("{key}: a topic is not created with a null config")]
    NullOverride {
        /// The key.
        key: String,
    },
    /// An operation that needs a value and has none.
    #[error("{key}: a value is needed, and it is null")]
    NoValue {
        /// The key.
        key: String,
    },
    /// The same key twice in one request.
    #[error("{key} is there twice")]
    Repeated {
        /// The key.
        key: String,
    },
}

impl From<&AlterError> for ErrorCode {
    fn from(error: &AlterError) -> Self {
        match error {
            AlterError::Unknown { kind: ResourceKind::Topic, .. }
            | AlterError::Invalid { kind: ResourceKind::Topic, .. }
            | AlterError::Fixed { .. }
            | AlterError::NotList { .. }
            | AlterError::NullOverride { .. } => Self::InvalidConfig,
            AlterError::Unknown { kind: ResourceKind::Broker, .. }
            | AlterError::Invalid { kind: ResourceKind::Broker, .. }
            | AlterError::NotDynamic { .. }
            | AlterError::NoEffect { .. }
            | AlterError::Refused { .. }
            | AlterError::NoValue { .. }
            | AlterError::Repeated { .. } => Self::InvalidRequest,
        }
    }
}

/// What `then` changes in `now`: new values, and `None` for what is gone.
#[must_use]
pub fn changes(now: &BTreeMap<String, String>, then: &BTreeMap<String, String>) -> BTreeMap<String, Option<String>> {
    let set = then.iter().filter(|(key, text)| now.get(*key) != Some(text));
    let gone = now.keys().filter(|key| !then.contains_key(*key));
    set.map(|(key, text)| (key.clone(), Some(text.clone()))).chain(gone.map(|key| (key.clone(), None))).collect()
}

impl BrokerConfig {
    /// The overrides of a topic that is created, or whose configs are replaced, with these.
    ///
    /// # Errors
    /// [`AlterError`], for the first that cannot be.
    pub fn topic_overrides<'a>(
        &self,
        given: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
    ) -> Result<BTreeMap<String, String>, AlterError> {
        let mut overrides = BTreeMap::new();
        for (key, value) in given {
            let value = value.ok_or_else(|| AlterError::NullOverride { key: key.to_owned() })?;
            let text = TopicKey::find(key)?.check(value)?;
            overrides.insert(key.to_owned(), text);
        }
        self.check_topic(overrides)
    }

    /// The overrides of a topic that has these, after alterations.
    ///
    /// # Errors
    /// [`AlterError`], for the first that cannot be.
    pub fn alter_topic(
        &self,
        overrides: &BTreeMap<String, String>,
        alterations: &[Alteration<'_>],
    ) -> Result<BTreeMap<String, String>, AlterError> {
        check_repeated(alterations)?;
        let mut altered = overrides.clone();
        for alteration in alterations {
            let Alteration { key, op, .. } = *alteration;
            if op == AlterOp::Delete {
                altered.remove(key);
                continue;
            }
            let value = needed_value(alteration)?;
            let new = match op {
                AlterOp::Append | AlterOp::Subtract => {
                    let found = TopicKey::find(key).ok().filter(|found| found.value_type() == ConfigType::List);
                    let found = found.ok_or_else(|| AlterError::NotList { key: key.to_owned() })?;
                    let now = altered.get(key).cloned().unwrap_or_else(|| found.value_without_override(self));
                    found.check(&edit_list(&now, op, value))?
                }
                AlterOp::Set | AlterOp::Delete => TopicKey::find(key)?.check(value)?,
            };
            altered.insert(key.to_owned(), new);
        }
        self.check_topic(altered)
    }

    /// The dynamic configs of a broker, or of all of them, that has these, after alterations.
    ///
    /// # Errors
    /// [`AlterError`], for the first that cannot be.
    pub fn alter_broker(
        &self,
        settings: &BTreeMap<String, String>,
        alterations: &[Alteration<'_>],
    ) -> Result<BTreeMap<String, String>, AlterError> {
        check_repeated(alterations)?;
        let mut altered = settings.clone();
        for alteration in alterations {
            let Alteration { key, op, .. } = *alteration;
            if op == AlterOp::Delete {
                altered.remove(key);
                continue;
            }
            let value = needed_value(alteration)?;
            let found = dynamic_key(key, value)?;
            let is_edit = matches!(op, AlterOp::Append | AlterOp::Subtract);
            if is_edit && found.value_type() != ConfigType::List {
                return Err(AlterError::NotList { key: key.to_owned() });
            }
            let now = || altered.get(key).cloned().or_else(|| found.default_text()).unwrap_or_default();
            let wanted = if is_edit { edit_list(&now(), op, value) } else { value.to_owned() };
            let text = found.normalize(&wanted).map_err(|error| invalid(ResourceKind::Broker, key, &wanted, error))?;
            altered.insert(key.to_owned(), text);
        }
        Ok(altered)
    }

    fn check_topic(&self, overrides: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, AlterError> {
        match topic::check_lags(&self.topic_config(&overrides)) {
            Ok(()) => Ok(overrides),
            Err(conflict) => {
                let expected = ValueError::new(conflict.expected());
                Err(invalid(ResourceKind::Topic, "min.compaction.lag.ms", &conflict.min_ms.to_string(), expected))
            }
        }
    }
}

/// A topic config, with any value or with one.
enum TopicKey {
    Free(&'static Row<TopicConfig>),
    Fixed(&'static FixedTopicKey),
}

impl TopicKey {
    fn find(key: &str) -> Result<Self, AlterError> {
        let free = TopicConfig::row(key).map(Self::Free);
        free.or_else(|| FixedTopicKey::find(key).map(Self::Fixed)).ok_or_else(|| {
            let names = TopicConfig::ROWS.iter().map(|row| row.key).chain(FIXED.iter().map(|fixed| fixed.key));
            AlterError::Unknown {
                kind: ResourceKind::Topic,
                key: key.to_owned(),
                nearest: foreign::nearest(key, names),
            }
        })
    }

    const fn value_type(&self) -> ConfigType {
        match self {
            Self::Free(row) => row.value_type,
            Self::Fixed(fixed) => fixed.value_type,
        }
    }

    fn value_without_override(&self, broker: &BrokerConfig) -> String {
        match self {
            Self::Free(row) => broker.topic_default_text(row).unwrap_or_default(),
            Self::Fixed(fixed) => fixed.value.to_owned(),
        }
    }

    /// The value as it is stored.
    fn check(&self, value: &str) -> Result<String, AlterError> {
        match self {
            Self::Free(row) => {
                row.normalize(value).map_err(|error| invalid(ResourceKind::Topic, row.key, value, error))
            }
            Self::Fixed(fixed) => {
                let text =
                    fixed.normalize(value).map_err(|error| invalid(ResourceKind::Topic, fixed.key, value, error))?;
                if text == fixed.value {
                    return Ok(text);
                }
                Err(AlterError::Fixed { key: fixed.key, value: text, allowed: fixed.value, why: fixed.why })
            }
        }
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
            let nearest = foreign::nearest(&key, Key::all().map(Key::name));
            Err(AlterError::Unknown { kind: ResourceKind::Broker, key, nearest })
        }
    }
}

fn invalid(kind: ResourceKind, key: &str, value: &str, error: ValueError) -> AlterError {
    AlterError::Invalid { kind, key: key.to_owned(), value: value.to_owned(), expected: error.expected }
}

fn check_repeated(alterations: &[Alteration<'_>]) -> Result<(), AlterError> {
    let mut seen = BTreeSet::new();
    match alterations.iter().find(|alteration| !seen.insert(alteration.key)) {
        None => Ok(()),
        Some(twice) => Err(AlterError::Repeated { key: twice.key.to_owned() }),
    }
}

fn needed_value<'a>(alteration: &Alteration<'a>) -> Result<&'a str, AlterError> {
    alteration.value.ok_or_else(|| AlterError::NoValue { key: alteration.key.to_owned() })
}

fn edit_list(now: &str, op: AlterOp, value: &str) -> String {
    if op == AlterOp::Append {
        return unique_words(&format!("{now},{value}")).trim_start_matches(',').to_owned();
    }
    let gone: Vec<_> = split_list(value).collect();
    split_list(now).filter(|word| !gone.contains(word)).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests;
