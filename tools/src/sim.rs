//! `cargo xtask sim`: more seeds of the simulation than CI runs, in a release build. `docs/simulation.md` says what they do.

use std::path::Path;
use std::process::Command;

/// Why the simulation did not end well.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SimError {
    /// It cannot be started.
    #[error("cargo: {0}")]
    Start(#[from] std::io::Error),
    /// It found something, or could not be built.
    #[error("the simulation failed; each seed that did is named above, and `cargo xtask sim --seed <n>` repeats it")]
    Failed,
}

/// How many seeds are run, and which.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Hours for which seeds are run, one after the other, on every core.
    #[arg(long)]
    hours: Option<f64>,
    /// The first seed, or the only one.
    #[arg(long)]
    seed: Option<u64>,
    /// How many seeds are run; one, if neither this nor the hours are given.
    #[arg(long, conflicts_with = "hours")]
    count: Option<u64>,
}

/// Builds the simulation and runs it.
pub(crate) fn run(root: &Path, args: &Args) -> Result<(), SimError> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["run", "--release", "--quiet", "--package", "sim", "--bin", "sim", "--"]).current_dir(root);
    let numbers = [("--seed", args.seed), ("--count", args.count)];
    for (name, number) in numbers {
        if let Some(number) = number {
            command.args([name, &number.to_string()]);
        }
    }
    if let Some(hours) = args.hours {
        command.args(["--hours", &hours.to_string()]);
    }
    if command.status()?.success() { Ok(()) } else { Err(SimError::Failed) }
}
