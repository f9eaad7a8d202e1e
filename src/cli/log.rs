//! `tidelog log`: what lies in the files of a data directory, whether it is whole, and copies of it. Showing and checking need no
//! broker, and should have none: a file that is being written to looks torn. They work on the segments of Apache Kafka too, which are
//! the same.

mod dump;
mod files;
mod index;
mod scan;
mod snapshot;
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
  tidelog log snapshot /backups/monday --dir data

A partition lies in DATA/TOPIC-PARTITION; its segments are NAME.log with NAME.index, NAME.timeindex and
NAME.txnindex beside them, and NAME is the offset of the first record. Before dump and verify, stop the
broker or take a snapshot: what it is writing looks torn.";

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
    /// Makes a copy of a data directory as of one moment, while its broker runs or not
    #[command(after_help = SNAPSHOT_HELP)]
    Snapshot {
        /// Where the copy is to be: a directory that does not exist yet, or is empty
        #[arg(value_name = "DEST")]
        destination: PathBuf,
        /// The data directory
        #[arg(long, value_name = "DATA")]
        dir: PathBuf,
    },
}

const DUMP_HELP: &str = "\
A line per batch, and with --records a line per record below it. With --output json each line is an object: \"type\" is
batch, record, offset_index, time_index, aborted_transaction, producer or damage. Exit code 1 if a file is damaged; what can be read is printed.";

const VERIFY_HELP: &str = "\
Checks lengths, checksums and counts of all batches, that offsets rise and lie in their segment, and that the indexes point
where they should. Bytes after the last whole batch of a partition are no problem but a note: a crash leaves them, nothing in
them was acknowledged, and the next start cuts them off. Exit code 0: all is whole. 1: problems were found, and printed.";

const SNAPSHOT_HELP: &str = "\
The copy is a data directory: `tidelog serve --data DEST` starts from it as after a crash, with everything that was acknowledged at one
moment of this command, and nothing later. A running broker makes it itself, asked by the socket control.sock in DATA, and producers do
not wait for it. Segments that are not written to any more are linked where DEST is on the same file system, which costs no space until
they are deleted here; all else is copied. DEST appears when all of it is on stable storage; after an error there is nothing.";

/// Runs `tidelog log`.
///
/// # Errors
/// Damage, and files that cannot be read.
pub(crate) fn run(args: &LogArgs) -> Result<(), CliError> {
    match &args.action {
        Action::Dump { paths, records } => dump::run(paths, *records, args.output),
        Action::Verify { directory, records } => verify::run(directory, *records, args.output),
        Action::Snapshot { destination, dir } => snapshot::run(destination, dir, args.output),
    }
}

/// A file that could not be read.
fn unreadable(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> CliError {
    let what = path.display().to_string();
    move |source| CliError::Io { what, source }
}
