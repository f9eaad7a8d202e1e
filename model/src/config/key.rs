//! One broker key, whichever table it follows from.

use super::broker::BrokerConfig;
use super::table::{BrokerKey, Row, Unit, parse_valid};
use super::topic::TopicConfig;
use super::value::{ConfigType, ValueError};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 3_600_000;

/// A key that a broker's file, environment, flags or dynamic configs may hold.
#[derive(Clone, Copy, Debug)]
pub enum Key {
    /// A row of the broker's table.
    Broker(&'static Row<BrokerConfig>),
    /// The default of a topic config.
    TopicDefault(&'static Row<TopicConfig>, &'static BrokerKey),
}

impl Key {
    /// Every key, in no order that means something.
    pub fn all() -> impl Iterator<Item = Self> {
        let defaults =
            |row: &'static Row<TopicConfig>| row.broker_keys.iter().map(move |key| Self::TopicDefault(row, key));
        BrokerConfig::ROWS.iter().map(Self::Broker).chain(TopicConfig::ROWS.iter().flat_map(defaults))
    }

    /// The key of this name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::all().find(|key| key.name() == name)
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Broker(row) => row.key,
            Self::TopicDefault(_, key) => key.key,
        }
    }

    /// The type of its values. Hours and minutes are narrower than the milliseconds that they stand for.
    #[must_use]
    pub const fn value_type(self) -> ConfigType {
        match self {
            Self::Broker(row) => row.value_type,
            Self::TopicDefault(row, key) => match key.unit {
                Unit::Same | Unit::SameAtStart => row.value_type,
                Unit::Minutes | Unit::Hours => ConfigType::Int,
            },
        }
    }

    /// What it means.
    #[must_use]
    pub fn doc(self) -> String {
        match self {
            Self::Broker(row) => one_line(row.doc),
            Self::TopicDefault(row, key) => match key.unit {
                Unit::Same | Unit::SameAtStart => {
                    format!("The default of the topic config {}: {}", row.key, one_line(row.doc))
                }
                Unit::Minutes => format!("The default of the topic config {}, in minutes.", row.key),
                Unit::Hours => format!("The default of the topic config {}, in hours.", row.key),
            },
        }
    }

    /// Whether a running broker takes a new value (through `IncrementalAlterConfigs`).
    #[must_use]
    pub fn is_dynamic(self) -> bool {
        match self {
            Self::Broker(row) => row.is_dynamic,
            Self::TopicDefault(_, key) => key.unit == Unit::Same,
        }
    }

    /// The value where nobody gives one; `None` is the wire's null. Of several keys for one topic config, only the
    /// weakest has a default.
    #[must_use]
    pub fn default_text(self) -> Option<String> {
        match self {
            Self::Broker(row) => row.get(&BrokerConfig::default()),
            Self::TopicDefault(row, key) if row.broker_keys.last() == Some(key) => {
                let default = row.get(&TopicConfig::default())?;
                match scale(key.unit) {
                    None => Some(default),
                    Some(unit_ms) => default.parse::<i64>().ok().map(|ms| (ms / unit_ms).to_string()),
                }
            }
            Self::TopicDefault(..) => None,
        }
    }

    /// `text` as DescribeConfigs prints the value that it stands for.
    ///
    /// # Errors
    /// [`ValueError`] says what would be right.
    pub fn normalize(self, text: &str) -> Result<String, ValueError> {
        match self {
            Self::Broker(row) => row.normalize(text),
            Self::TopicDefault(row, key) => {
                let topic_text = topic_text(key, text)?;
                let normal = row.normalize(&topic_text)?;
                Ok(if scale(key.unit).is_none() { normal } else { text.trim().to_owned() })
            }
        }
    }
}

/// The value of a broker key as that of its topic config: hours and minutes become milliseconds.
pub(super) fn topic_text(key: &BrokerKey, text: &str) -> Result<String, ValueError> {
    let Some(unit_ms) = scale(key.unit) else {
        return Ok(text.to_owned());
    };
    match parse_valid::<i32>(text, super::Valid::Any)? {
        // As in Kafka: no limit stays no limit.
        negative if negative < 0 => Ok("-1".to_owned()),
        number => Ok((i64::from(number) * unit_ms).to_string()),
    }
}

const fn scale(unit: Unit) -> Option<i64> {
    match unit {
        Unit::Same | Unit::SameAtStart => None,
        Unit::Minutes => Some(MINUTE_MS),
        Unit::Hours => Some(HOUR_MS),
    }
}

/// A documentation comment as one line of text.
pub(super) fn one_line(doc: &str) -> String {
    doc.split_whitespace().collect::<Vec<_>>().join(" ")
}
