//! The command line: `tidelog serve` runs the broker, everything else is a client of any Kafka or works on files.
//!
//! Owns: the tree of commands, the options that they share, the exit codes (0 done, 1 failed, 2 wrong usage).
//! Does not know the broker: only `serve` starts it, and no client command may lean on its code, so that each of them
//! works against Apache Kafka as well and judges our wire from outside.

mod arguments;
mod bench;
mod client;
mod config;
mod consume;
mod error;
mod group;
mod json;
mod log;
mod moment;
mod output;
mod produce;
mod serve;
mod time;
mod topic;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

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
    /// Lists, makes, describes, alters, empties and deletes topics
    Topic(topic::TopicArgs),
    /// Lists, describes and deletes consumer groups, and sets their offsets
    Group(group::GroupArgs),
    /// Shows and changes configs of topics, brokers, groups and client metrics
    Config(config::ConfigArgs),
    /// Sends a record per line of a file or of standard input
    Produce(produce::ProduceArgs),
    /// Prints the records of a topic
    Consume(consume::ConsumeArgs),
    /// Puts a broker under load and measures it
    Bench(bench::BenchArgs),
    /// Shows and checks the files of a data directory, without a broker
    Log(log::LogArgs),
}

/// Where the cluster is and how to print: what every client command takes.
#[derive(Clone, Debug, Args)]
pub(crate) struct ClientArgs {
    /// Brokers to ask first, separated by commas
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9092", value_delimiter = ',', global = true)]
    pub(crate) bootstrap_server: Vec<String>,

    /// Seconds after which an operation, with its retries, is given up
    #[arg(long, value_name = "SECONDS", default_value_t = 30, global = true,
          value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) timeout: u64,

    /// How results are printed
    #[arg(long, value_enum, default_value_t = OutputFormat::Text, global = true)]
    pub(crate) output: OutputFormat,
}

impl ClientArgs {
    /// The cluster that these arguments name; nobody is asked yet.
    pub(crate) fn cluster(&self) -> client::Cluster {
        client::Cluster::new(self.bootstrap_server.clone(), Duration::from_secs(self.timeout))
    }
}

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// For people
    #[default]
    Text,
    /// JSON, for programs
    Json,
}

/// Runs one command to its end; what it returns is the exit code of the process.
pub(crate) fn run(cli: Cli) -> ExitCode {
    let done = match cli.command {
        Command::Serve(args) => serve::run(&args),
        Command::Topic(args) => topic::run(&args),
        Command::Group(args) => group::run(&args),
        Command::Config(args) => config::run(&args),
        Command::Produce(args) => produce::run(&args),
        Command::Consume(args) => consume::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Log(args) => log::run(&args),
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
