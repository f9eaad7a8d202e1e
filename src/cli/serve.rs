//! `tidelog serve`: the flags of the broker.
//!
//! Owns: what may stand on the command line. Does not know the configuration's keys: `model::config` does.

use std::path::PathBuf;

use clap::Args;

use super::error::CliError;

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
/// [`CliError::Failed`] as long as this build has no broker.
pub(crate) fn run(args: &ServeArgs) -> Result<(), CliError> {
    Err(CliError::Failed(format!("this build has only the command line, it cannot serve {args:?}")))
}
