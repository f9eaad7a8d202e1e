//! The broker's config as transactions go by it.

use std::sync::Arc;

use coordinator::transaction::{TransactionSettings, TransactionVersion};
use model::config::{BrokerConfig, CompressionType};

use super::super::shard::Limits;
use crate::metadata::{Image, TRANSACTION_VERSION, TRANSACTIONS_TOPIC};

/// The bounds of the transactions' threads.
pub(super) fn limits(config: &BrokerConfig) -> Limits {
    Limits {
        threads: usize::try_from(config.transaction_coordinator_threads).unwrap_or(1),
        queue_max: usize::try_from(config.transaction_coordinator_queue_max).unwrap_or(1),
        load_bytes: u32::try_from(config.transaction_state_log_load_buffer_size).unwrap_or(u32::MAX),
        answered_within: None,
        compression: CompressionType::Producer,
    }
}

/// Whether transactions go by the same settings in both images.
pub(super) fn are_same(before: &Image, after: &Image) -> bool {
    Arc::ptr_eq(&before.broker, &after.broker)
        && version(before) == version(after)
        && record_bytes_max(before) == record_bytes_max(after)
}

/// What transactions go by.
pub(super) fn transaction_settings(image: &Image) -> TransactionSettings {
    let config = &image.broker;
    let count = |value: i32| usize::try_from(value).unwrap_or(0);
    let defaults = TransactionSettings::default();
    TransactionSettings {
        max_timeout_ms: config.transaction_max_timeout_ms,
        abort_timed_out_interval_ms: config.transaction_abort_timed_out_interval_ms,
        id_expiration_ms: config.transactional_id_expiration_ms,
        remove_expired_interval_ms: config.transaction_remove_expired_interval_ms,
        two_phase_commit_enable: false,
        version: version(image),
        transactional_ids_max: count(config.transaction_coordinator_ids_max),
        id_bytes_max: count(config.transactional_id_max_bytes),
        partitions_max: count(config.transaction_partitions_max),
        record_bytes_max: record_bytes_max(image).unwrap_or(defaults.record_bytes_max),
    }
}

fn version(image: &Image) -> TransactionVersion {
    TransactionVersion::from_level(image.features.level(TRANSACTION_VERSION)).unwrap_or_default()
}

fn record_bytes_max(image: &Image) -> Option<usize> {
    let config = &image.topic(TRANSACTIONS_TOPIC)?.config;
    usize::try_from(config.max_message_bytes.min(config.segment_bytes)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transactions_go_by_kafkas_defaults_where_nothing_was_set() {
        assert_eq!(transaction_settings(&Image::default()), TransactionSettings::default());
    }
}
