//! Why a command did not do what it was asked, in words for a person, and the exit code that says so to a script.

use std::io;
use std::process::ExitCode;

use super::client::ClientError;

/// The end of a command that did not succeed. What is printed is the `Display` of this and of its sources.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// The arguments contradict each other or name something impossible; nothing was attempted. Exit code 2, as clap's.
    #[error("{0}")]
    Usage(String),

    /// It was attempted and failed. Exit code 1.
    #[error("{0}")]
    Failed(String),

    /// The cluster did not do it, or cannot be reached. Exit code 1.
    #[error(transparent)]
    Client(#[from] ClientError),

    /// A file or a standard stream failed. Exit code 1.
    #[error("{what}: {source}")]
    Io {
        /// What was being read or written.
        what: String,
        /// The system's reason.
        source: io::Error,
    },

    /// Whoever read our output has seen enough, as `head` does: the usual end of a pipeline, so exit code 0.
    #[error("the reader of the output is gone")]
    OutputClosed,
}

impl CliError {
    /// A failure to print results.
    pub(crate) fn printing(source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::BrokenPipe {
            return Self::OutputClosed;
        }
        Self::Io { what: "writing to standard output".to_owned(), source }
    }

    /// The exit code for the shell.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Failed(_) | Self::Client(_) | Self::Io { .. } => ExitCode::FAILURE,
            Self::OutputClosed => ExitCode::SUCCESS,
        }
    }
}
