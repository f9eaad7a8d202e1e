//! `tidelog log`: what lies in the files of a data directory, and whether it is whole. Needs no broker, and should have none:
//! a file that is being written to looks torn. Works on the segments of Apache Kafka too, which are the same.

mod dump;
mod files;
mod index;
mod scan;
mod verify;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::OutputFormat;
use super::error::CliError;

/// `tidelog log`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct LogArgs {
    #[command(subcommand)]
    action: Action,
    /// How results are printed
    #[arg(long, value_enum, default_value_t = OutputFormat::Text, global = true)]
    output: OutputFormat,
}

const EXAMPLES: &str = "\
Examples:
  tidelog log dump data/orders-0
  tidelog log dump data/orders-0/00000000000000000000.log --records --output json
  tidelog log verify data
  tidelog log verify data/orders-0 --records

A partition lies in DATA/TOPIC-PARTITION; its segments are NAME.log with NAME.index, NAME.timeindex and
NAME.txnindex beside them, and NAME is the offset of the first record. Stop the broker first, or take a copy: what it is writing looks torn.";

#[derive(Debug, Subcommand)]
enum Action {
    /// Prints the batches of segments, and the entries of indexes and producer snapshots
    #[command(after_help = DUMP_HELP)]
    Dump {
        /// Files, or folders of partitions
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// Also the records of each batch
        #[arg(long)]
        records: bool,
    },
    /// Reads all partitions of a data directory and says what is wrong
    #[command(after_help = VERIFY_HELP)]
    Verify {
        /// A data directory, or the folder of a partition
        #[arg(value_name = "DIR")]
        directory: PathBuf,
        /// Also opens every batch and reads its records
        #[arg(long)]
        records: bool,
    },
}

const DUMP_HELP: &str = "\
A line per batch, and with --records a line per record below it. With --output json each line is an object: \"type\" is
batch, record, offset_index, time_index, aborted_transaction, producer or damage. Exit code 1 if a file is damaged; what can be read is printed.";

const VERIFY_HELP: &str = "\
Checks lengths, checksums and counts of all batches, that offsets rise and lie in their segment, and that the indexes point
where they should. Bytes after the last whole batch of a partition are no problem but a note: a crash leaves them, nothing in
them was acknowledged, and the next start cuts them off. Exit code 0: all is whole. 1: problems were found, and printed.";

/// Runs `tidelog log`.
///
/// # Errors
/// Damage, and files that cannot be read.
pub(crate) fn run(args: &LogArgs) -> Result<(), CliError> {
    match &args.action {
        Action::Dump { paths, records } => dump::run(paths, *records, args.output),
        Action::Verify { directory, records } => verify::run(directory, *records, args.output),
    }
}

/// A file that could not be read.
fn unreadable(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> CliError {
    let what = path.display().to_string();
    move |source| CliError::Io { what, source }
}
