//! What compaction may take of the machine, as the broker's config says now.

use model::config::BrokerConfig;

/// The settings of compaction that may change while the broker runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct CleanerSettings {
    /// Threads that clean.
    pub(crate) threads: usize,
    /// Bytes of one thread's map of keys.
    pub(crate) map_bytes_max: u64,
    /// How full it may become.
    pub(crate) map_load_factor: f64,
    /// Bytes of one buffer: each thread has two.
    pub(crate) buffer_size: usize,
    /// Bytes that all threads together read and write in a second.
    pub(crate) bytes_per_second_max: f64,
    /// The pause when nothing is to be cleaned, ms.
    pub(crate) backoff_ms: u64,
}

impl CleanerSettings {
    /// Those of a config.
    pub(crate) fn of(config: &BrokerConfig) -> Self {
        let threads = usize::try_from(config.log_cleaner_threads).unwrap_or(0);
        let shares = threads.max(1);
        let map_bytes = u64::try_from(config.log_cleaner_dedupe_buffer_size).unwrap_or(0);
        let buffer_bytes = usize::try_from(config.log_cleaner_io_buffer_size).unwrap_or(0);
        Self {
            threads,
            map_bytes_max: map_bytes / u64::try_from(shares).unwrap_or(1),
            map_load_factor: config.log_cleaner_io_buffer_load_factor,
            buffer_size: buffer_bytes / shares / 2,
            bytes_per_second_max: config.log_cleaner_io_max_bytes_per_second,
            backoff_ms: u64::try_from(config.log_cleaner_backoff_ms).unwrap_or(0),
        }
    }
}
