//! The log: record batches, producers' histories, segments and their recovery. Synchronous and usable offline.

pub mod batch;
pub mod compression;
pub mod disk;
mod epochs;
pub mod error;
pub mod format;
mod index;
pub mod planted;
pub mod producers;
mod segment;

mod append;
mod aside;
mod backup;
mod checkpoint;
mod commit;
mod compaction;
mod log_manager;
mod log_slice;
mod log_start;
mod partition_log;
mod read;
mod read_committed;
mod recovery;
mod retention;
mod segments;
mod sync;
mod transactions;

pub use append::{Appended, Placed};
pub use backup::{BackedUp, BackupError, BackupOptions, Copied, back_up_stopped};
pub use commit::GroupCommit;
pub use compaction::{CleanError, CleanOptions, Cleanable, Cleaned};
pub use disk::{Disk, DiskFile, RealDisk};
pub use index::{AbortedTransaction, Entry as IndexEntry, OffsetEntry, TimeEntry};
pub use log_manager::{LogManager, LogManagerOptions, OpenError};
pub use log_slice::{FileRange, LogSlice};
pub use partition_log::{FoundLog, PartitionLog};
pub use read::{FoundOffset, ReadSpec};
pub use retention::RetentionError;
pub use transactions::ProducerState;
