//! Why storage calls fail: an enum per operation, and the one map from each to Kafka's codes.

use std::io;
use std::path::PathBuf;

use model::{ErrorCode, LeaderEpoch, Offset, TopicPartition};

use crate::producers::SequenceError;

/// Why a batch was not appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The log failed before, or its topic was deleted.
    #[error("the log is offline")]
    Offline,
    /// There was no room for the batch; what was written of it was cut off again, and the log goes on.
    #[error("there is no room: {0}")]
    NoSpace(io::Error),
    /// The batch does not continue its producer's stream.
    #[error("{0}")]
    Sequence(#[from] SequenceError),
    /// The batch comes from a leader that was replaced.
    #[error("leader epoch {found} is older than {latest}, which the log has seen")]
    StaleLeaderEpoch {
        /// The epoch that was given.
        found: LeaderEpoch,
        /// The latest epoch of the log.
        latest: LeaderEpoch,
    },
    /// No segment of this log could hold the batch.
    #[error("the batch has {size} bytes, a segment {segment_bytes}")]
    LargerThanSegment {
        /// Bytes of the batch.
        size: u32,
        /// `segment.bytes`.
        segment_bytes: i32,
    },
    /// There is no offset left.
    #[error("the offsets of the partition are used up")]
    OffsetsExhausted,
    /// The disk failed. The log is offline from here on.
    #[error("the disk failed: {0}")]
    Io(io::Error),
}

impl From<&AppendError> for ErrorCode {
    fn from(error: &AppendError) -> Self {
        match error {
            AppendError::Sequence(error) => Self::from(error),
            AppendError::StaleLeaderEpoch { .. } => Self::FencedLeaderEpoch,
            AppendError::LargerThanSegment { .. } => Self::RecordListTooLarge,
            AppendError::Offline | AppendError::NoSpace(_) | AppendError::OffsetsExhausted | AppendError::Io(_) => {
                Self::KafkaStorageError
            }
        }
    }
}

/// Why a log could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The log failed before, or its topic was deleted.
    #[error("the log is offline")]
    Offline,
    /// The offset lies outside of the log.
    #[error("the log has the offsets from {start} up to {end}")]
    OutOfRange {
        /// The log's start offset.
        start: Offset,
        /// The log's end offset.
        end: Offset,
    },
    /// The disk failed, or holds something else than was written. The log is offline from here on.
    #[error("{file}: {problem}")]
    Damaged {
        /// The segment.
        file: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The system refused, such as for want of a file descriptor; the log goes on.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl From<&ReadError> for ErrorCode {
    fn from(error: &ReadError) -> Self {
        match error {
            ReadError::OutOfRange { .. } => Self::OffsetOutOfRange,
            ReadError::Offline | ReadError::Damaged { .. } | ReadError::Io(_) => Self::KafkaStorageError,
        }
    }
}

/// Why a log could not be synced, or its checkpoint not be written.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The log failed before, or its topic was deleted.
    #[error("the log is offline")]
    Offline,
    /// The disk failed. What was not synced before may be lost, and the log is offline from here on.
    #[error("the disk failed: {0}")]
    Io(io::Error),
    /// There was no room for a checkpoint: what it would have said is not durable. The log goes on.
    #[error("there is no room for a checkpoint: {0}")]
    NoSpace(io::Error),
    /// The offset lies outside of the log.
    #[error("the log has the offsets from {start} up to {end}")]
    OutOfRange {
        /// The log's start offset.
        start: Offset,
        /// The log's end offset.
        end: Offset,
    },
}

impl From<AppendError> for SyncError {
    /// For a segment that could not be begun; no batch is concerned.
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::NoSpace(error) => Self::NoSpace(error),
            AppendError::Io(error) => Self::Io(error),
            AppendError::Offline
            | AppendError::Sequence(_)
            | AppendError::StaleLeaderEpoch { .. }
            | AppendError::LargerThanSegment { .. }
            | AppendError::OffsetsExhausted => Self::Offline,
        }
    }
}

impl From<&SyncError> for ErrorCode {
    fn from(error: &SyncError) -> Self {
        match error {
            SyncError::OutOfRange { .. } => Self::OffsetOutOfRange,
            SyncError::Offline | SyncError::Io(_) | SyncError::NoSpace(_) => Self::KafkaStorageError,
        }
    }
}

/// Why the log of a partition could not be made, opened or set aside.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The system says no.
    #[error("{path}: {error}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The directory exists and belongs to something else.
    #[error("{path} exists, and is not the log of this topic: {found}")]
    Occupied {
        /// The directory.
        path: PathBuf,
        /// What is there.
        found: String,
    },
    /// Bytes that were once durable are not there any more, or are others. Nothing was changed.
    #[error("{file} is damaged at byte {position}, below what is known to be durable: {problem}")]
    Damaged {
        /// The file.
        file: PathBuf,
        /// Where, in bytes.
        position: u64,
        /// What is wrong.
        problem: String,
    },
    /// There is no such log.
    #[error("there is no log of {0}: its directory is missing, or has no partition.metadata")]
    NotFound(TopicPartition),
    /// The log is open already.
    #[error("the log of {0} is open already")]
    AlreadyOpen(TopicPartition),
}

impl StorageError {
    pub(crate) fn io(path: impl Into<PathBuf>, error: io::Error) -> Self {
        Self::Io { path: path.into(), error }
    }
}

impl From<&StorageError> for ErrorCode {
    fn from(error: &StorageError) -> Self {
        match error {
            StorageError::Io { .. }
            | StorageError::Occupied { .. }
            | StorageError::Damaged { .. }
            | StorageError::NotFound(_)
            | StorageError::AlreadyOpen(_) => Self::KafkaStorageError,
        }
    }
}
