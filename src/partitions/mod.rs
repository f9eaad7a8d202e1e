//! Partitions at run time: a log, how far it may be read, and who waits for it.
//!
//! Owns: the high watermark and the last stable offset, waiting for them, and which logs are open. Does not know: topics'
//! names beyond a directory's, configs' origin, requests.

mod cleaner_settings;
mod data_directory;
mod fetch_session;
mod fetch_wait;
mod late;
mod partition;
mod registry;
mod waiters;

pub(crate) use cleaner_settings::CleanerSettings;
pub(crate) use data_directory::DataDirectory;
pub(crate) use fetch_session::{FetchPlan, FetchSession, FetchSessions, PartitionKey, SessionPartition, lock};
pub(crate) use fetch_wait::FetchWait;
pub(crate) use late::late_transaction_ms;
pub(crate) use partition::{Partition, check_epoch};
pub(crate) use registry::Registry;
pub(crate) use storage::ProducerState;
