//! Why a command did not do what it was asked, in words for a person, and the exit code that says so to a script.

use std::process::ExitCode;

/// The end of a command that did not succeed. What is printed is the `Display` of this and of its sources.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// It was attempted and failed. Exit code 1.
    #[error("{0}")]
    Failed(String),
}

impl CliError {
    /// The exit code for the shell.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Failed(_) => ExitCode::FAILURE,
        }
    }
}
