//! The command line: `tidelog serve` runs the broker, everything else is a client of any Kafka or works on files.
//!
//! Owns: the tree of commands, the options that they share, the exit codes (0 done, 1 failed, 2 wrong usage).
//! Does not know the broker: only `serve` starts it, and no client command may lean on its code, so that each of them
//! works against Apache Kafka as well and judges our wire from outside.

mod error;
mod output;
mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A partitioned log that speaks Kafka's protocol: the broker, and a command line for any Kafka.
#[derive(Debug, Parser)]
#[command(name = "tidelog", version, after_help = TOUR, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

const TOUR: &str = "\
First steps:
  tidelog serve                                   a broker on 127.0.0.1:9092, its data in ./data
  tidelog topic create greetings --partitions 3   a topic
  echo hello | tidelog produce greetings          a record per line of standard input
  tidelog consume greetings --from beginning      what is in it

`tidelog help COMMAND` explains each command with examples. Exit codes: 0 done, 1 failed, 2 wrong usage.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the broker
    Serve(serve::ServeArgs),
}

/// Runs one command to its end; what it returns is the exit code of the process.
pub(crate) fn run(cli: Cli) -> ExitCode {
    let done = match cli.command {
        Command::Serve(args) => serve::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::problem(&error);
            error.exit_code()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_of_commands_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn serve_takes_the_flags_of_the_readme() {
        let line = ["tidelog", "serve", "--data", "/tmp/x", "--listen", "127.0.0.1:0", "--set", "num.partitions=3"];
        assert!(Cli::try_parse_from(line).is_ok());
        assert!(Cli::try_parse_from(["tidelog", "serve", "--set", "no-equals-sign"]).is_err());
    }
}
