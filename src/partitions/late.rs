//! When a transaction is so old that its coordinator must have forgotten it, or cannot end it.

use model::config::BrokerConfig;

/// Ms that a transaction has beyond its longest timeout before it is late, as in Kafka: its coordinator may be at ending it.
const GRACE_MS: i64 = 5 * 60 * 1000;

/// Ms without an append after which an open transaction is late.
pub(crate) fn late_transaction_ms(config: &BrokerConfig) -> i64 {
    i64::from(config.transaction_max_timeout_ms).saturating_add(GRACE_MS)
}
