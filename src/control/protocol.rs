//! Questions and answers: JSON, one line each. Both ends are of the same version, because they are the same program on the same
//! machine; what one does not understand it refuses.

use serde::{Deserialize, Serialize};
use storage::BackedUp;

/// The most bytes of a question.
pub(crate) const QUESTION_BYTES_MAX: u64 = 64 << 10;
/// The most bytes of an answer.
pub(crate) const ANSWER_BYTES_MAX: u64 = 16 << 20;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Question {
    /// To make a backup of the data directory.
    Backup {
        /// An absolute path, without links in it.
        destination: String,
    },
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    /// A backup was made.
    BackedUp(MadeBackup),
    /// It was not done, for this reason.
    Refused(String),
}

/// A backup, in figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MadeBackup {
    /// Logs in it.
    pub(crate) logs: u64,
    /// Files that it shares with the data directory.
    pub(crate) linked_files: u64,
    /// Bytes in them.
    pub(crate) linked_bytes: u64,
    /// Files of its own.
    pub(crate) copied_files: u64,
    /// Bytes in them.
    pub(crate) copied_bytes: u64,
    /// Microseconds for which acknowledgements waited.
    pub(crate) ends_held_us: u64,
    /// Microseconds for which nothing was deleted, compacted or made.
    pub(crate) files_held_us: u64,
}

impl From<BackedUp> for MadeBackup {
    fn from(made: BackedUp) -> Self {
        let us = |duration: std::time::Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        Self {
            logs: made.copied.directories,
            linked_files: made.copied.linked_files,
            linked_bytes: made.copied.linked_bytes,
            copied_files: made.copied.copied_files,
            copied_bytes: made.copied.copied_bytes,
            ends_held_us: us(made.ends_held),
            files_held_us: us(made.files_held),
        }
    }
}
