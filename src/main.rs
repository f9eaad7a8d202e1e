//! The broker and its command line.
//!
//! Owns: the process: it parses the arguments and ends with an exit code. Does not know what any command does.

mod api;
mod background;
mod broker;
mod cli;
mod clock;
mod control;
mod coordinators;
mod gauges;
mod metadata;
mod net;
mod partitions;
mod server;
mod telemetry;
mod throttle;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    cli::run(cli::Cli::parse())
}
