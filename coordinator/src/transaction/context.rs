//! What a transactions' shard may know of the world when it decides: the time and the settings.

use super::settings::TransactionSettings;
use crate::shard::Now;

/// The world at one moment.
#[derive(Clone, Copy, Debug)]
pub struct TransactionContext<'a> {
    /// The time.
    pub now: Now,
    /// The broker's `transaction.*` and `transactional.id.*` settings.
    pub settings: &'a TransactionSettings,
}
