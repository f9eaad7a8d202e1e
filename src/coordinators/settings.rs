//! The broker's config as groups go by it.

use coordinator::group::GroupSettings;
use model::config::BrokerConfig;

/// Threads that have shards.
const THREADS: usize = 4;
/// Events that may wait for one thread; one more is answered with a retriable error.
const QUEUE_MAX: usize = 10_000;

/// How many threads there are.
pub(super) fn threads(_config: &BrokerConfig) -> usize {
    THREADS
}

/// How many events may wait for one thread.
pub(super) fn queue_max(_config: &BrokerConfig) -> usize {
    QUEUE_MAX
}

/// What groups go by.
pub(super) fn group_settings(_config: &BrokerConfig) -> GroupSettings {
    GroupSettings::default()
}
