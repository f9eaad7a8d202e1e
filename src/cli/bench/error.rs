//! Why a benchmark cannot be run or believed.

use std::io;

use crate::cli::client::{ClientError, error};
use crate::cli::error::CliError;

/// The end of a benchmark that has no result.
#[derive(Debug, thiserror::Error)]
pub(super) enum BenchError {
    /// The cluster refused before or after the load.
    #[error(transparent)]
    Client(#[from] ClientError),

    /// A connection under load broke.
    #[error("a connection broke under load: {0}")]
    Io(#[from] io::Error),

    /// The broker answered what the protocol does not allow here.
    #[error("the broker answered wrongly under load: {0}")]
    Protocol(String),

    /// The broker refused under load.
    #[error("the broker refused under load: {}", error::name(*.0))]
    Refused(i16),

    /// No answer came for a long time.
    #[error("{0} requests were not answered within {1} s")]
    Silent(usize, u64),

    /// A request cannot be encoded with these arguments.
    #[error("the requests cannot be encoded: {0}")]
    Template(String),

    /// The log was to be compacted and is not.
    #[error("the record at offset {0} should have been cleaned away")]
    Unclean(u64),

    /// The broker's log is not what its acknowledgements said.
    #[error("{acknowledged} records were acknowledged, the log has {found}")]
    Lost {
        /// What the answers promised.
        acknowledged: u64,
        /// By how much the log has grown.
        found: u64,
    },
}

impl From<model::wire::WireError> for BenchError {
    fn from(error: model::wire::WireError) -> Self {
        Self::Protocol(error.to_string())
    }
}

impl From<BenchError> for CliError {
    fn from(error: BenchError) -> Self {
        if let BenchError::Client(error) = error { Self::Client(error) } else { Self::Failed(error.to_string()) }
    }
}
