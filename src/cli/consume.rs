//! `tidelog consume`: the records of a topic, partition by partition in their order. Works with any Kafka.
//!
//! Owns: where to begin and end, and how records are printed. Does not know how they are fetched.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write};

use clap::{Args, ValueEnum};
use model::IsolationLevel;

use super::arguments::Separator;
use super::client::consumer::{Delivered, EARLIEST, LATEST, Reader, list_offsets};
use super::client::{ClientError, Cluster};
use super::error::CliError;
use super::moment::moment;
use super::{ClientArgs, OutputFormat, output, time};

/// `tidelog consume`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ConsumeArgs {
    /// The topic
    #[arg(value_name = "TOPIC")]
    topic: String,
    #[command(flatten)]
    client: ClientArgs,
    /// Where to begin: beginning, end, offset:N (negative: N before the end), time:T (2026-11-22T20:15:00Z,
    /// milliseconds since 1970, or -15m)
    #[arg(long, value_name = "PLACE", default_value = "beginning", value_parser = Begin::parse)]
    from: Begin,
    /// Only this partition; may be repeated
    #[arg(long = "partition", value_name = "N")]
    partitions: Vec<i32>,
    /// End after this many records
    #[arg(long, value_name = "N")]
    max_messages: Option<u64>,
    /// Go on when the end is reached; always so with --from end
    #[arg(long, short = 'f')]
    follow: bool,
    /// What is printed of a record
    #[arg(long, value_enum, default_value_t = Format::Value)]
    format: Format,
    /// What is printed between key and value
    #[arg(long, value_name = "BYTES", default_value = "\\t", value_parser = Separator::parse)]
    key_separator: Separator,
    /// What is printed after each record; may be empty
    #[arg(long, value_name = "BYTES", default_value = "\\n", value_parser = Separator::parse)]
    delimiter: Separator,
    /// Whether records of transactions that are open or were aborted are shown
    #[arg(long, value_enum, default_value_t = Isolation::ReadUncommitted)]
    isolation: Isolation,
}

const EXAMPLES: &str = "\
Examples:
  tidelog consume greetings
  tidelog consume logs --from time:-15m --follow
  tidelog consume events --format key-value --key-separator :
  tidelog consume events --partition 2 --from offset:1000 --max-messages 5 --format json

Without --follow it ends where the topic ended when it began. Keys and values are printed as the bytes they are;
--format json gives a line per record with offset, timestamp and headers, where bytes that are no text appear as
base64 under \"key_base64\" and \"value_base64\". --output json is the same as --format json.";

/// `--from`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Begin {
    Beginning,
    End,
    Offset(i64),
    Time(String),
}

impl Begin {
    fn parse(text: &str) -> Result<Self, String> {
        match (text, text.split_once(':')) {
            ("beginning", _) => Ok(Self::Beginning),
            ("end", _) => Ok(Self::End),
            (_, Some(("offset", number))) => {
                number.parse().map(Self::Offset).map_err(|_| format!("'{number}' is not an offset"))
            }
            (_, Some(("time", when))) => moment(when, i64::MAX).map(|_| Self::Time(when.to_owned())),
            _ => Err("use beginning, end, offset:N or time:T".to_owned()),
        }
    }
}

/// `--format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The value
    Value,
    /// Key, separator, value
    KeyValue,
    /// One JSON object a line
    Json,
}

/// `--isolation`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Isolation {
    /// Everything that is replicated
    ReadUncommitted,
    /// Only what is committed
    ReadCommitted,
}

impl Isolation {
    /// The protocol's level.
    pub(super) const fn level(self) -> IsolationLevel {
        match self {
            Self::ReadUncommitted => IsolationLevel::ReadUncommitted,
            Self::ReadCommitted => IsolationLevel::ReadCommitted,
        }
    }
}

/// How long a broker may hold a fetch when there is nothing.
const WAIT_MS: i32 = 500;

/// Why no more records are wanted.
#[derive(Debug)]
enum Stop {
    Enough,
    Failed(CliError),
}

impl From<ClientError> for Stop {
    fn from(error: ClientError) -> Self {
        Self::Failed(error.into())
    }
}

/// Runs `tidelog consume`.
///
/// # Errors
/// What the cluster refuses; a partition or an offset that does not exist.
pub(crate) fn run(args: &ConsumeArgs) -> Result<(), CliError> {
    let mut cluster = args.client.cluster();
    let partitions = partitions(args, &mut cluster)?;
    let isolation = args.isolation.level();
    let ends = list_offsets(&mut cluster, &args.topic, &partitions, LATEST, isolation)?;
    let begins = begins(args, &mut cluster, &partitions, &ends)?;
    let follow = args.follow || args.from == Begin::End;
    let mut reader = Reader::new(&args.topic, begins, isolation);
    let mut printer = Printer::new(args);
    loop {
        if !follow {
            reader.finish_at(&ends);
        }
        if reader.positions().is_empty() || printer.is_done() {
            return printer.flush();
        }
        match reader.poll(&mut cluster, WAIT_MS, &mut |delivered| printer.print(&delivered)) {
            Ok(()) => printer.flush()?,
            Err(Stop::Enough) => return printer.flush(),
            Err(Stop::Failed(error)) => {
                // What was read before the failure is worth having.
                printer.flush()?;
                return Err(error);
            }
        }
    }
}

fn partitions(args: &ConsumeArgs, cluster: &mut Cluster) -> Result<Vec<i32>, CliError> {
    let deadline = cluster.deadline();
    let all: Vec<i32> =
        cluster.leaders(&args.topic, false, deadline)?.into_iter().map(|found| found.partition).collect();
    if let Some(missing) = args.partitions.iter().find(|wanted| !all.contains(wanted)) {
        return Err(CliError::Failed(format!("{} has no partition {missing}", args.topic)));
    }
    Ok(if args.partitions.is_empty() { all } else { args.partitions.clone() })
}

fn begins(
    args: &ConsumeArgs,
    cluster: &mut Cluster,
    partitions: &[i32],
    ends: &BTreeMap<i32, i64>,
) -> Result<BTreeMap<i32, i64>, CliError> {
    let mut ask = |when| list_offsets(cluster, &args.topic, partitions, when, IsolationLevel::ReadUncommitted);
    match &args.from {
        Begin::Beginning => Ok(ask(EARLIEST)?),
        Begin::End => Ok(ends.clone()),
        Begin::Offset(offset) if *offset >= 0 => {
            let starts = ask(EARLIEST)?;
            partitions.iter().map(|partition| Ok((*partition, within(*partition, *offset, &starts, ends)?))).collect()
        }
        Begin::Offset(back) => {
            let starts = ask(EARLIEST)?;
            let start = |partition| starts.get(partition).copied().unwrap_or(0);
            Ok(ends.iter().map(|(partition, end)| (*partition, (end + back).max(start(partition)))).collect())
        }
        Begin::Time(when) => {
            let found = ask(moment(when, time::wall_ms()).map_err(CliError::Usage)?)?;
            // A partition with nothing that late begins at its end.
            let begin = |partition| found.get(partition).or(ends.get(partition)).copied().unwrap_or(0);
            Ok(partitions.iter().map(|partition| (*partition, begin(partition))).collect())
        }
    }
}

/// An offset that the log of `partition` holds, or will hold next.
fn within(
    partition: i32,
    offset: i64,
    starts: &BTreeMap<i32, i64>,
    ends: &BTreeMap<i32, i64>,
) -> Result<i64, CliError> {
    let start = starts.get(&partition).copied().unwrap_or(0);
    let end = ends.get(&partition).copied().unwrap_or(0);
    if (start..=end).contains(&offset) {
        return Ok(offset);
    }
    Err(CliError::Failed(format!(
        "offset {offset} is not in partition {partition}: its log begins at {start} and its next offset is {end}"
    )))
}

/// Prints records as they come, and counts them.
#[derive(Debug)]
struct Printer {
    out: std::io::BufWriter<std::io::StdoutLock<'static>>,
    format: Format,
    key_separator: Vec<u8>,
    delimiter: Vec<u8>,
    left: Option<u64>,
    printed: u64,
    /// Only where the records go elsewhere: on the same terminal it would stand between them.
    progress: Option<output::Progress>,
}

impl Printer {
    fn new(args: &ConsumeArgs) -> Self {
        Self {
            out: output::results(),
            format: if args.client.output == OutputFormat::Json { Format::Json } else { args.format },
            key_separator: args.key_separator.0.clone(),
            delimiter: args.delimiter.0.clone(),
            left: args.max_messages,
            printed: 0,
            progress: (!std::io::stdout().is_terminal()).then(output::Progress::start),
        }
    }

    fn is_done(&self) -> bool {
        self.left == Some(0)
    }

    fn print(&mut self, delivered: &Delivered) -> Result<(), Stop> {
        if self.is_done() {
            return Err(Stop::Enough);
        }
        self.write(delivered).map_err(|error| Stop::Failed(CliError::printing(error)))?;
        self.left = self.left.map(|left| left - 1);
        self.printed += 1;
        Ok(())
    }

    fn write(&mut self, delivered: &Delivered) -> std::io::Result<()> {
        let record = &delivered.record;
        match self.format {
            Format::Value => self.out.write_all(record.value.as_deref().unwrap_or_default())?,
            Format::KeyValue => {
                self.out.write_all(record.key.as_deref().unwrap_or_default())?;
                self.out.write_all(&self.key_separator)?;
                self.out.write_all(record.value.as_deref().unwrap_or_default())?;
            }
            Format::Json => {
                writeln!(self.out, "{}", json::record(delivered))?;
                return Ok(());
            }
        }
        self.out.write_all(&self.delimiter)
    }

    fn flush(&mut self) -> Result<(), CliError> {
        let printed = self.printed;
        if let Some(progress) = &mut self.progress {
            progress.show(|| format!("{printed} records"));
        }
        self.out.flush().map_err(CliError::printing)
    }
}

mod json;

#[cfg(test)]
mod tests {
    use super::Begin;

    #[test]
    fn places_are_read_as_the_help_says() {
        assert_eq!(Begin::parse("beginning"), Ok(Begin::Beginning));
        assert_eq!(Begin::parse("end"), Ok(Begin::End));
        assert_eq!(Begin::parse("offset:-3"), Ok(Begin::Offset(-3)));
        assert_eq!(Begin::parse("time:-15m"), Ok(Begin::Time("-15m".to_owned())));
        assert!(Begin::parse("time:soon").is_err());
        assert!(Begin::parse("latest").is_err());
    }
}
