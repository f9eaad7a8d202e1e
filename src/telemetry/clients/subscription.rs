//! Which subscriptions there are, and what of them concerns a client.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::config::{ClientAttributes, ClientMetricsConfig};

use super::{ClientInstanceId, Configs};

/// The name that stands for all metrics.
const ALL: &str = "*";

/// The subscriptions, as they were last seen.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    seen: Configs,
    parsed: Vec<ClientMetricsConfig>,
    version: u64,
}

/// What a client is to push, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) metrics: Vec<String>,
    pub(super) interval_ms: i32,
}

impl Subscriptions {
    /// Takes what is stored now.
    pub(super) fn update(&mut self, configs: &Configs) {
        if Arc::ptr_eq(&self.seen, configs) {
            return;
        }
        self.seen = Arc::clone(configs);
        self.parsed = configs.values().filter(|settings| !settings.is_empty()).map(ClientMetricsConfig::of).collect();
        self.version += 1;
    }

    /// A number that grows with every change.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// What a client is to push: all that the subscriptions name that mean it, as often as the most frequent of them says,
    /// and never more seldom than by default.
    pub(super) fn wanted_of(&self, client: &ClientAttributes) -> Wanted {
        let mut metrics = BTreeSet::new();
        let mut interval_ms = ClientMetricsConfig::default().interval_ms;
        for subscription in self.parsed.iter().filter(|subscription| subscription.matches.matches(client)) {
            metrics.extend(subscription.metrics.iter().cloned());
            interval_ms = interval_ms.min(subscription.interval_ms);
        }
        if metrics.contains(ALL) {
            metrics.retain(|name| name == ALL);
        }
        Wanted { metrics: metrics.into_iter().collect(), interval_ms }
    }
}

impl Wanted {
    /// The number of this subscription of a client: it changes with what is wanted. Kafka's formula, but that Kafka takes the
    /// names in an order that follows from Java's hashes.
    pub(super) fn id(&self, client: ClientInstanceId) -> i32 {
        let text = format!("[{}]{}", self.metrics.join(", "), self.interval_ms);
        (crc32c::crc32c(text.as_bytes()) ^ hash(client)).cast_signed()
    }
}

/// The hash code of a uuid in Kafka: its four words, combined.
fn hash(client: ClientInstanceId) -> u32 {
    let bytes = client.to_wire().to_bytes();
    let (words, _) = bytes.as_chunks::<4>();
    words.iter().fold(0, |hash, word| hash ^ u32::from_be_bytes(*word))
}
