//! Why a log is not cleaned.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::error::{ReadError, SyncError};
use crate::segment::{LookupError, Segment};

/// Why a cleaning ended without its end. The log has its old segments then, or new ones, each as a whole.
#[derive(Debug, thiserror::Error)]
pub enum CleanError {
    /// The log failed before, or its topic was deleted.
    #[error("the log is offline")]
    Offline,
    /// The caller wanted it to end.
    #[error("the cleaning was stopped")]
    Stopped,
    /// The log is being cleaned already, or was cut meanwhile.
    #[error("the log changed under the cleaning")]
    Changed,
    /// A batch is damaged, or cannot be read. The log is not cleaned any more until the next start.
    #[error("{file}: {problem}")]
    Damaged {
        /// The segment.
        file: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// There was no room for the new segments, or no file descriptor; a later try may succeed.
    #[error("the system refused: {0}")]
    NoSpace(io::Error),
    /// The disk failed. The log is offline from here on.
    #[error("the disk failed: {0}")]
    Io(io::Error),
}

impl CleanError {
    pub(super) fn unreadable(segment: &Arc<Segment>, error: &LookupError) -> Self {
        Self::Damaged { file: segment.path(), problem: error.to_string() }
    }
}

impl From<ReadError> for CleanError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Offline => Self::Offline,
            ReadError::OutOfRange { .. } => Self::Changed,
            ReadError::Damaged { file, problem } => Self::Damaged { file, problem },
            ReadError::Io(error) => Self::NoSpace(error),
        }
    }
}

impl From<SyncError> for CleanError {
    fn from(error: SyncError) -> Self {
        match error {
            SyncError::Offline => Self::Offline,
            SyncError::NoSpace(error) => Self::NoSpace(error),
            SyncError::Io(error) => Self::Io(error),
            SyncError::OutOfRange { .. } => Self::Changed,
        }
    }
}
