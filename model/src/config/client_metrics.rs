//! Subscriptions to the metrics of clients (KIP-714): which clients are to push which metrics, and how often.

use std::collections::BTreeMap;

use regex::{Regex, RegexBuilder};

use super::table::config_table;
use super::value::{ConfigType, ConfigValue, ValueError, split_list};

/// Bytes that a pattern may take when compiled; a longer one is refused.
const PATTERN_BYTES_MAX: usize = 1 << 20;

config_table! {
    /// One subscription.
    pub struct ClientMetricsConfig {
        /// Milliseconds between two pushes of a client.
        interval_ms: i32 = "interval.ms", default 300_000;

        /// Which clients push: `name=pattern`, separated by commas, all of which must match. Names are
        /// `client_instance_id`, `client_id`, `client_software_name`, `client_software_version`,
        /// `client_source_address` and `client_source_port`. None: all clients.
        matches: ClientMatch = "match", default ClientMatch::default();

        /// What the names of the metrics begin with that are pushed; `*` is all metrics.
        metrics: Vec<String> = "metrics", default Vec::new();
    }
}

/// The least and the most milliseconds between two pushes.
pub(super) const INTERVAL_MS: std::ops::RangeInclusive<i32> = 100..=3_600_000;

impl ClientMetricsConfig {
    /// A subscription with these settings. What this version does not know, or what is no value any more, does not
    /// count.
    #[must_use]
    pub fn of(settings: &BTreeMap<String, String>) -> Self {
        let mut config = Self::default();
        for (key, text) in settings {
            if let Some(row) = Self::row(key) {
                // A value that is refused changes nothing.
                row.set(&mut config, text).unwrap_or_default();
            }
        }
        config
    }
}

/// What is known of a client that may push metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attribute {
    InstanceId,
    Id,
    SoftwareName,
    SoftwareVersion,
    SourceAddress,
    SourcePort,
}

const ATTRIBUTES: [(&str, Attribute); 6] = [
    ("client_id", Attribute::Id),
    ("client_instance_id", Attribute::InstanceId),
    ("client_software_name", Attribute::SoftwareName),
    ("client_software_version", Attribute::SoftwareVersion),
    ("client_source_address", Attribute::SourceAddress),
    ("client_source_port", Attribute::SourcePort),
];

/// A client, as subscriptions choose among them. What is not known matches no pattern.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientAttributes {
    /// The id that it pushes under.
    pub instance_id: String,
    /// What it calls itself.
    pub client_id: Option<String>,
    /// The name of its library (KIP-511).
    pub software_name: Option<String>,
    /// The version of its library.
    pub software_version: Option<String>,
    /// Where it connects from.
    pub source_address: String,
    /// The port that it connects from.
    pub source_port: String,
}

impl ClientAttributes {
    fn get(&self, attribute: Attribute) -> Option<&str> {
        match attribute {
            Attribute::InstanceId => Some(&self.instance_id),
            Attribute::Id => self.client_id.as_deref(),
            Attribute::SoftwareName => self.software_name.as_deref(),
            Attribute::SoftwareVersion => self.software_version.as_deref(),
            Attribute::SourceAddress => Some(&self.source_address),
            Attribute::SourcePort => Some(&self.source_port),
        }
    }
}

/// The patterns of `match`. Of two for one name the later counts, as in Kafka. A pattern must match the whole of a
/// value.
#[derive(Clone, Debug, Default)]
pub struct ClientMatch {
    text: String,
    patterns: Vec<(Attribute, Regex)>,
}

impl ClientMatch {
    /// Whether a client is meant.
    #[must_use]
    pub fn matches(&self, client: &ClientAttributes) -> bool {
        self.patterns
            .iter()
            .all(|(attribute, pattern)| client.get(*attribute).is_some_and(|value| pattern.is_match(value)))
    }
}

impl PartialEq for ClientMatch {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl ConfigValue for ClientMatch {
    const TYPE: ConfigType = ConfigType::List;

    fn parse(text: &str) -> Result<Self, ValueError> {
        let mut patterns = Vec::new();
        for word in split_list(text) {
            let (attribute, pattern) = parse_pattern(word).ok_or_else(|| {
                ValueError::new(format!(
                    "name=pattern, separated by commas, with names of{}, and a regular expression without \
                     look-around and back-references as the pattern",
                    ATTRIBUTES.map(|(name, _)| format!(" {name}")).concat()
                ))
            })?;
            patterns.retain(|(known, _)| *known != attribute);
            patterns.push((attribute, pattern));
        }
        Ok(Self { text: split_list(text).collect::<Vec<_>>().join(","), patterns })
    }

    fn print(&self) -> Option<String> {
        Some(self.text.clone())
    }
}

fn parse_pattern(word: &str) -> Option<(Attribute, Regex)> {
    let (name, pattern) = word.split_once('=')?;
    let pattern = pattern.trim();
    if pattern.is_empty() || pattern.contains('=') {
        return None;
    }
    let (_, attribute) = ATTRIBUTES.iter().find(|(known, _)| *known == name.trim())?;
    // By itself first, so that a parenthesis too many does not close ours.
    compile(pattern)?;
    Some((*attribute, compile(&format!("^(?:{pattern})$"))?))
}

fn compile(pattern: &str) -> Option<Regex> {
    RegexBuilder::new(pattern).size_limit(PATTERN_BYTES_MAX).build().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> ClientAttributes {
        ClientAttributes {
            instance_id: "AAAA".to_owned(),
            client_id: Some("producer-1".to_owned()),
            software_name: Some("apache-kafka-java".to_owned()),
            software_version: None,
            source_address: "127.0.0.1".to_owned(),
            source_port: "5000".to_owned(),
        }
    }

    #[test]
    fn all_patterns_must_match_the_whole_value() {
        for (text, expected) in [
            ("", true),
            ("client_id=producer-.*", true),
            ("client_id=producer", false),
            ("client_id=producer-1|x", true),
            ("client_id=producer-.*,client_source_port=6000", false),
            ("client_id=x, client_id = producer-[0-9]", true),
            ("client_software_version=.*", false),
            ("client_software_name=.*java , client_instance_id=A+,client_source_address=127\\..*", true),
        ] {
            assert_eq!(ClientMatch::parse(text).unwrap().matches(&client()), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for text in
            ["nope=1", "client_id", "client_id=", "client_id=a=b", "client_id=([", "client_id=a)(b", "a,client_id=b"]
        {
            assert!(ClientMatch::parse(text).is_err(), "{text}");
        }
    }
}
