//! `tidelog serve`: the flags of the broker.
//!
//! Owns: what may stand on the command line. Does not know the configuration's keys: `model::config` does.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use clap::Args;

use model::config::{BrokerConfig, FileText, Warning};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::error::CliError;
use super::output;
use crate::server::{self, Ready};

/// With fewer open files than this a broker is soon at its end.
const OPEN_FILES_WANTED: u64 = 4096;

/// The flags of `tidelog serve`. Each wins over the file and the environment.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ServeArgs {
    /// A file in server.properties syntax
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// The directory of the log; made if it does not exist [default: ./data, or log.dirs of the file]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,

    /// Where to listen; port 0 takes a free one [default: 127.0.0.1:9092, or listeners of the file]
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) listen: Option<String>,

    /// One setting of the broker, as in the file; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = parse_setting)]
    pub(crate) settings: Vec<(String, String)>,
}

const EXAMPLES: &str = "\
Examples:
  tidelog serve                                        data in ./data, port 9092
  tidelog serve --data /var/lib/tidelog --listen 0.0.0.0:9092
  tidelog serve --config server.properties --set num.partitions=8

Settings come from, the later winning: the defaults, the file, KAFKA_* environment variables, these flags.";

fn parse_setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.trim().to_owned())),
        _ => Err(format!("'{text}' is not KEY=VALUE")),
    }
}

/// Runs the broker until it is told to stop.
///
/// # Errors
/// [`CliError::Usage`] for settings with which it must not start, [`CliError::Failed`] when it cannot start or did not stop
/// cleanly.
pub(crate) fn run(args: &ServeArgs) -> Result<(), CliError> {
    log_to_stderr();
    let (config, warnings) = load_config(args)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    raise_open_files();
    server::run(config, tell_what_next).map_err(|error| CliError::Failed(error.to_string()))
}

/// Takes as many open files as the system grants: each partition with records has three, each connection one, and the usual
/// soft limit of 1024 is for programs that use `select`. The JVM does the same for Kafka.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, ..limit };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit of open files stays at {:?}", limit.current);
    } else if limit.maximum.is_some_and(|most| most < OPEN_FILES_WANTED) {
        tracing::warn!(
            "at most {} files may be open: enough for some hundred partitions; more need a higher limit (ulimit -Hn)",
            limit.maximum.unwrap_or_default()
        );
    }
}

/// The log for operators: standard error, a line an event; `TIDELOG_LOG` picks levels as `RUST_LOG` does elsewhere.
fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("TIDELOG_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let with_colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(with_colours)
        .with_target(false)
        .init();
}

fn load_config(args: &ServeArgs) -> Result<(BrokerConfig, Vec<Warning>), CliError> {
    let read = |path: &PathBuf| {
        std::fs::read(path).map(text_of).map_err(|error| CliError::Usage(format!("{}: {error}", path.display())))
    };
    let text = args.config.as_ref().map(read).transpose()?;
    let name = args.config.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
    let file = text.as_deref().map(|text| FileText { name: &name, text });
    let environment: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let mut flags = args.settings.clone();
    if let Some(dir) = &args.data {
        flags.push(("log.dirs".to_owned(), dir.display().to_string()));
    }
    if let Some(address) = &args.listen {
        flags.push(("listeners".to_owned(), format!("PLAINTEXT://{address}")));
    }
    let environment = environment.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    let flags = flags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    BrokerConfig::from_layers(file, environment, flags).map_err(|error| CliError::Usage(error.to_string()))
}

/// The text of a configuration file: UTF-8, or else Latin-1, which is what Java takes every such file for.
fn text_of(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| error.into_bytes().into_iter().map(char::from).collect())
}

fn tell_what_next(ready: &Ready) {
    let Some(address) = ready.addresses.first() else { return };
    // `0.0.0.0` listens everywhere but is nowhere to connect to.
    let reachable =
        if address.ip().is_unspecified() { format!("127.0.0.1:{}", address.port()) } else { address.to_string() };
    let text = format!(
        "Tidelog serves Kafka clients on {reachable}; its data is in {}. Try, in another terminal:\n  \
           tidelog topic create greetings --bootstrap-server {reachable}\n  \
           echo hello | tidelog produce greetings --bootstrap-server {reachable}\n  \
           tidelog consume greetings --from beginning --bootstrap-server {reachable}",
        ready.dir.display()
    );
    // Nobody reads standard output: the broker serves all the same.
    drop(output::line(&text));
}
