//! Changes of configs while the broker runs: of topics, brokers, groups, and subscriptions to clients' metrics.
//!
//! Owns: what may be set to what, and the operations of `IncrementalAlterConfigs`. Settings are maps from keys to texts,
//! as they are stored. Does not know who asks, or where they are stored.

mod error;
mod settable;

use std::collections::{BTreeMap, BTreeSet};

pub use self::error::{AlterError, ResourceKind};
use self::settable::Settable;
use super::broker::BrokerConfig;
use super::client_metrics::{ClientMetricsConfig, INTERVAL_MS};
use super::group;
use super::table::unique_words;
use super::topic;
use super::value::split_list;

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

/// What `then` changes in `now`: new values, and `None` for what is gone.
#[must_use]
pub fn changes(now: &BTreeMap<String, String>, then: &BTreeMap<String, String>) -> BTreeMap<String, Option<String>> {
    let set = then.iter().filter(|(key, text)| now.get(*key) != Some(text));
    let gone = now.keys().filter(|key| !then.contains_key(*key));
    set.map(|(key, text)| (key.clone(), Some(text.clone()))).chain(gone.map(|key| (key.clone(), None))).collect()
}

impl BrokerConfig {
    /// The overrides of a topic that is created with these.
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
            let text = Settable::find(ResourceKind::Topic, key, value)?.check(value)?;
            overrides.insert(key.to_owned(), text);
        }
        self.check_together(ResourceKind::Topic, &overrides)?;
        Ok(overrides)
    }

    /// The settings of a resource that has these, after alterations.
    ///
    /// # Errors
    /// [`AlterError`], for the first that cannot be.
    pub fn alter(
        &self,
        kind: ResourceKind,
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
            let found = Settable::find(kind, key, value)?;
            let is_edit = matches!(op, AlterOp::Append | AlterOp::Subtract);
            if is_edit && !found.is_list() {
                return Err(AlterError::NotList { key: key.to_owned() });
            }
            let now = || altered.get(key).cloned().unwrap_or_else(|| found.unset(self));
            let wanted = if is_edit { edit_list(&now(), op, value) } else { value.to_owned() };
            altered.insert(key.to_owned(), found.check(&wanted)?);
        }
        self.check_together(kind, &altered)?;
        Ok(altered)
    }

    /// Holds what this broker is to go by against what it goes by: too large a step at once is refused, as by Kafka.
    ///
    /// # Errors
    /// [`AlterError::Invalid`]: the threads of compaction may at most double, or halve.
    pub fn check_step(&self, then: &Self) -> Result<(), AlterError> {
        let (now, wanted) = (self.log_cleaner_threads, then.log_cleaner_threads);
        let (least, most) = (now / 2, now.saturating_mul(2));
        // Half of one is none, and Kafka has none neither come nor go while it runs.
        if wanted == now || (wanted > 0 && (least..=most).contains(&wanted)) {
            return Ok(());
        }
        Err(AlterError::Invalid {
            kind: ResourceKind::Broker,
            key: "log.cleaner.threads".to_owned(),
            value: wanted.to_string(),
            expected: format!("{} to {most}, as there are {now} now: at most half or double at once", least.max(1)),
        })
    }

    /// Holds the settings of a resource against each other, and against the broker's.
    fn check_together(&self, kind: ResourceKind, settings: &BTreeMap<String, String>) -> Result<(), AlterError> {
        let conflict = |group::Conflict { key, value, expected }| AlterError::Invalid {
            kind,
            key: key.to_owned(),
            value: value.to_string(),
            expected,
        };
        match kind {
            ResourceKind::Topic => topic::check_lags(&self.topic_config(settings)).map_err(|conflict| {
                let (key, value) = ("min.compaction.lag.ms".to_owned(), conflict.min_ms.to_string());
                AlterError::Invalid { kind, key, value, expected: conflict.expected() }
            }),
            ResourceKind::Broker => {
                group::check_broker(&self.with_dynamic(settings, &BTreeMap::new())).map_err(conflict)
            }
            ResourceKind::Group => group::check_group(self, settings).map_err(conflict),
            ResourceKind::ClientMetrics => check_interval(settings),
        }
    }
}

/// Kafka's code for an interval out of bounds is not that of other values.
fn check_interval(settings: &BTreeMap<String, String>) -> Result<(), AlterError> {
    let value = ClientMetricsConfig::of(settings).interval_ms;
    if INTERVAL_MS.contains(&value) {
        return Ok(());
    }
    let (least, most) = INTERVAL_MS.into_inner();
    Err(AlterError::Interval { key: "interval.ms".to_owned(), value, least, most })
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
