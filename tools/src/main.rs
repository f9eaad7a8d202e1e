//! `cargo xtask`: what the project does to itself. Each task is a module with `run`; this file only names them.
//!
//! Owns: the list of tasks. A task says what failed on standard error and ends with exit code 1.
#![forbid(unsafe_code)]

mod bench;
mod ci;
mod docs;
mod fuzz;
mod schema_import;
mod sim;
mod tidy;
mod torture;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own tasks", disable_help_subcommand = true)]
enum Task {
    /// Measures our broker, and a real Kafka beside it.
    Bench(bench::Args),
    /// Runs everything that must hold: format, lints, documentation, tidy, generated pages, build, all tests.
    Ci,
    /// Writes the generated pages of docs/ from the tables in the code.
    Docs(docs::Args),
    /// Runs the fuzz targets: hostile bytes for every reader of bytes.
    Fuzz(fuzz::Args),
    /// Works on the schema of the wire.
    #[command(subcommand)]
    Schema(schema_import::Task),
    /// Runs seeds of the simulation: random schedules of clients, crashes and delays.
    Sim(sim::Args),
    /// Checks what the compiler and clippy do not: who imports whom, sizes, tables against code, links.
    Tidy,
    /// Kills the broker, cuts its power and fails its calls under clients that are not ours, and checks what they were told.
    Torture(torture::Args),
}

fn main() -> ExitCode {
    let done: Result<(), Box<dyn std::error::Error>> = match Task::parse() {
        Task::Bench(args) => bench::run(&root(), &args).map_err(Box::from),
        Task::Ci => ci::run(&root()).map_err(Box::from),
        Task::Docs(args) => docs::run(&root(), &args).map_err(Box::from),
        Task::Fuzz(args) => fuzz::run(&root(), &args).map_err(Box::from),
        Task::Schema(task) => schema_import::run(&root(), &task).map_err(Box::from),
        Task::Sim(args) => sim::run(&root(), &args).map_err(Box::from),
        Task::Tidy => tidy::run(&root()).map_err(Box::from),
        Task::Torture(args) => torture::run(&root(), &args).map_err(Box::from),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the repository: the folder above this crate, wherever the task is started.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or_else(|| Path::new(".")).to_owned()
}
