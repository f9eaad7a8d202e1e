//! `tidelog produce`: a record per line of a file or of standard input. Works with any Kafka.
//!
//! Owns: cutting the input into records and choosing their partitions. Does not know how batches reach a broker.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use model::Acks;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::json;

use super::arguments::Separator;
use super::client::Cluster;
use super::client::compression::Codec;
use super::client::partitioner::partition_of;
use super::client::producer::{BatchSender, ProducerOptions};
use super::client::record_batch::BatchBuilder;
use super::error::CliError;
use super::{ClientArgs, OutputFormat, output, time};

/// `tidelog produce`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ProduceArgs {
    /// The topic
    #[arg(value_name = "TOPIC")]
    topic: String,
    #[command(flatten)]
    client: ClientArgs,
    /// Read this file instead of standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// What ends a record; \n \t \0 \xNN are understood
    #[arg(long, value_name = "BYTES", default_value = "\\n", value_parser = Separator::parse)]
    delimiter: Separator,
    /// What stands between key and value; without it records have no key
    #[arg(long, value_name = "BYTES", value_parser = Separator::parse)]
    key_separator: Option<Separator>,
    /// A header that every record gets; may be repeated, also with the same name
    #[arg(long = "header", value_name = "NAME=VALUE", value_parser = super::arguments::key_value)]
    headers: Vec<(String, String)>,
    /// Send everything to this partition [default: by the key's hash as Kafka's Java client, without a key in turn]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(0..))]
    partition: Option<i32>,
    /// How batches are compressed
    #[arg(long, value_enum, default_value_t = Codec::None)]
    compression: Codec,
    /// When the broker answers
    #[arg(long, value_enum, default_value_t = AcksArg::All)]
    acks: AcksArg,
    /// Do without a producer id: a retry may then write a batch twice. Always so with --acks 0 and 1
    #[arg(long)]
    no_idempotence: bool,
    /// The most bytes of a batch before compression
    #[arg(long, value_name = "BYTES", default_value_t = 512 << 10, value_parser = clap::value_parser!(u32).range(1..=1 << 30))]
    batch_bytes: u32,
    /// How long a batch that is not full waits for more input
    #[arg(long, value_name = "MS", default_value_t = 5)]
    linger_ms: u32,
}

const EXAMPLES: &str = "\
Examples:
  echo hello | tidelog produce greetings
  tidelog produce logs --file /var/log/syslog --compression zstd
  printf 'user1:login\\nuser2:logout\\n' | tidelog produce events --key-separator :
  tail -F app.log | tidelog produce logs --header host=web1

It ends when the input ends and every record is acknowledged, and says how many there were. With the default
--acks all an acknowledged record is as durable as its topic promises, and a retry never writes it twice.";

/// `--acks`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AcksArg {
    /// Never
    #[value(name = "0")]
    None,
    /// When the leader has written
    #[value(name = "1")]
    Leader,
    /// When the records are as durable as the topic promises
    #[value(name = "all", alias = "-1")]
    All,
}

impl From<AcksArg> for Acks {
    fn from(arg: AcksArg) -> Self {
        match arg {
            AcksArg::None => Self::None,
            AcksArg::Leader => Self::Leader,
            AcksArg::All => Self::All,
        }
    }
}

/// The longest record that is read: brokers refuse more than `max.message.bytes` long before.
const RECORD_BYTES_MAX: usize = 256 << 20;
/// All batches together, before they are sent: what one request may carry.
const PENDING_BYTES_MAX: usize = 16 << 20;
const READ_BYTES: usize = 256 << 10;

/// Runs `tidelog produce`.
///
/// # Errors
/// A broken input, or a batch that the cluster refuses or does not acknowledge in time.
pub(crate) fn run(args: &ProduceArgs) -> Result<(), CliError> {
    if args.delimiter.0.is_empty() || args.key_separator.as_ref().is_some_and(|separator| separator.0.is_empty()) {
        return Err(CliError::Usage("--delimiter and --key-separator must not be empty".to_owned()));
    }
    let mut source = Source::open(args)?;
    let mut cluster = args.client.cluster();
    let mut job = Job::open(args, &mut cluster)?;
    loop {
        if job.is_pending() && !source.is_ready(Duration::from_millis(u64::from(args.linger_ms)))? {
            job.flush(&mut cluster)?;
            continue;
        }
        let more = source.read()?;
        while let Some(record) = source.next_record(!more) {
            job.push(&mut cluster, &record)?;
        }
        source.check_length()?;
        if !more {
            break;
        }
    }
    job.flush(&mut cluster)?;
    job.report(args.client.output)
}

/// The input, cut at the delimiter.
#[derive(Debug)]
struct Source {
    file: File,
    name: String,
    delimiter: Vec<u8>,
    buffer: Vec<u8>,
    /// Where the next record begins.
    begin: usize,
    /// Up to where no delimiter was found, so that a long record is not searched again and again.
    searched: usize,
    chunk: Vec<u8>,
}

impl Source {
    fn open(args: &ProduceArgs) -> Result<Self, CliError> {
        let name = args.file.as_ref().map_or_else(|| "standard input".to_owned(), |path| path.display().to_string());
        let opened = match &args.file {
            Some(path) => File::open(path),
            None => std::io::stdin().as_fd().try_clone_to_owned().map(File::from),
        };
        let file = opened.map_err(|source| CliError::Io { what: name.clone(), source })?;
        let delimiter = args.delimiter.0.clone();
        Ok(Self { file, name, delimiter, buffer: Vec::new(), begin: 0, searched: 0, chunk: vec![0; READ_BYTES] })
    }

    /// Whether reading gives something (or the end) within `span`.
    fn is_ready(&self, span: Duration) -> Result<bool, CliError> {
        let timeout = Timespec::try_from(span).ok();
        let mut fds = [PollFd::new(&self.file, PollFlags::IN)];
        match poll(&mut fds, timeout.as_ref()) {
            Ok(ready) => Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(error) => Err(self.failed(error.into())),
        }
    }

    /// Reads some more; false at the end.
    fn read(&mut self) -> Result<bool, CliError> {
        self.buffer.drain(..self.begin);
        self.searched -= self.begin.min(self.searched);
        self.begin = 0;
        let length = match self.file.read(&mut self.chunk) {
            Ok(length) => length,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => return Ok(true),
            Err(error) => return Err(self.failed(error)),
        };
        self.buffer.extend_from_slice(self.chunk.get(..length).unwrap_or_default());
        Ok(length > 0)
    }

    /// The next whole record; at the end also a last one without its delimiter.
    fn next_record(&mut self, at_end: bool) -> Option<Vec<u8>> {
        let from = self.searched.max(self.begin);
        let rest = self.buffer.get(from..).unwrap_or_default();
        let found = match self.delimiter.as_slice() {
            [byte] => rest.iter().position(|candidate| candidate == byte),
            several => rest.windows(several.len()).position(|window| window == several),
        };
        let (end, next) = match found {
            Some(place) => (from + place, from + place + self.delimiter.len()),
            None if at_end && self.begin < self.buffer.len() => (self.buffer.len(), self.buffer.len()),
            None => {
                // A delimiter of several bytes may have begun.
                self.searched = (self.buffer.len() + 1).saturating_sub(self.delimiter.len()).max(self.begin);
                return None;
            }
        };
        let record = self.buffer.get(self.begin..end).unwrap_or_default().to_vec();
        (self.begin, self.searched) = (next, next);
        Some(record)
    }

    fn check_length(&self) -> Result<(), CliError> {
        if self.buffer.len() - self.begin <= RECORD_BYTES_MAX {
            return Ok(());
        }
        let limit = output::bytes(model::num::u64_from_usize(RECORD_BYTES_MAX));
        Err(CliError::Failed(format!("{}: a record has more than {limit}; is the --delimiter right?", self.name)))
    }

    fn failed(&self, source: std::io::Error) -> CliError {
        CliError::Io { what: self.name.clone(), source }
    }
}

/// Records on their way into batches.
#[derive(Debug)]
struct Job {
    sender: BatchSender,
    partitions: Vec<i32>,
    fixed: Option<i32>,
    key_separator: Option<Vec<u8>>,
    headers: Vec<(Vec<u8>, Vec<u8>)>,
    batch_bytes: usize,
    /// The turn of records without a key: one partition until its batch is sent, then the next (KIP-480).
    turn: usize,
    batches: BTreeMap<i32, BatchBuilder>,
    pending_bytes: usize,
    records: u64,
    record_bytes: u64,
    sent_bytes: u64,
    progress: output::Progress,
}

impl Job {
    fn open(args: &ProduceArgs, cluster: &mut Cluster) -> Result<Self, CliError> {
        let acks = Acks::from(args.acks);
        let options =
            ProducerOptions { acks, codec: args.compression, idempotent: !args.no_idempotence && acks == Acks::All };
        let sender = BatchSender::open(cluster, &args.topic, options)?;
        let partitions = sender.partitions();
        if let Some(fixed) = args.partition.filter(|fixed| !partitions.contains(fixed)) {
            let last = partitions.last().copied().unwrap_or(-1);
            return Err(CliError::Failed(format!("{} has no partition {fixed}; its last is {last}", args.topic)));
        }
        let headers = args.headers.iter().map(|(name, value)| (name.clone().into_bytes(), value.clone().into_bytes()));
        Ok(Self {
            sender,
            partitions,
            fixed: args.partition,
            key_separator: args.key_separator.as_ref().map(|separator| separator.0.clone()),
            headers: headers.collect(),
            batch_bytes: model::num::usize_from_u32(args.batch_bytes),
            turn: 0,
            batches: BTreeMap::new(),
            pending_bytes: 0,
            records: 0,
            record_bytes: 0,
            sent_bytes: 0,
            progress: output::Progress::start(),
        })
    }

    const fn is_pending(&self) -> bool {
        self.pending_bytes > 0
    }

    fn push(&mut self, cluster: &mut Cluster, record: &[u8]) -> Result<(), CliError> {
        let (key, value) = self.split(record)?;
        let partition = self.partition(key);
        let size = self.batches.get(&partition).map_or(0, BatchBuilder::size);
        let full = size > 0 && size + record.len() > self.batch_bytes;
        if full || self.pending_bytes > PENDING_BYTES_MAX {
            self.flush(cluster)?;
        }
        // A flush gives records without a key their next partition.
        let partition = self.partition(key);
        self.batches.entry(partition).or_default().push(time::wall_ms(), key, Some(value), &self.headers);
        self.pending_bytes += record.len() + 1;
        self.records += 1;
        self.record_bytes += model::num::u64_from_usize(record.len());
        Ok(())
    }

    fn flush(&mut self, cluster: &mut Cluster) -> Result<(), CliError> {
        if self.batches.is_empty() {
            return Ok(());
        }
        self.sent_bytes += self.sender.send(cluster, &self.batches)?;
        self.batches.clear();
        self.pending_bytes = 0;
        self.turn = self.turn.wrapping_add(1);
        let (records, bytes) = (self.records, self.record_bytes);
        self.progress.show(|| format!("{records} records, {} acknowledged", output::bytes(bytes)));
        Ok(())
    }

    /// Key and value of a record. The number of the record is named where there is no separator.
    fn split<'r>(&self, record: &'r [u8]) -> Result<(Option<&'r [u8]>, &'r [u8]), CliError> {
        let Some(separator) = &self.key_separator else { return Ok((None, record)) };
        let place = record.windows(separator.len()).position(|window| window == separator.as_slice());
        let cut = place.and_then(|place| Some((record.get(..place)?, record.get(place + separator.len()..)?)));
        match cut {
            Some((key, value)) => Ok((Some(key), value)),
            None => Err(CliError::Failed(format!(
                "record {} has no key: it does not contain the --key-separator; {} records before it were sent",
                self.records + 1,
                self.records
            ))),
        }
    }

    fn partition(&self, key: Option<&[u8]>) -> i32 {
        let count = self.partitions.len();
        let index = match (self.fixed, key) {
            (Some(fixed), _) => return fixed,
            (None, Some(key)) => partition_of(key, count),
            (None, None) => self.turn.checked_rem(count).unwrap_or(0),
        };
        self.partitions.get(index).copied().unwrap_or(0)
    }

    fn report(&self, format: OutputFormat) -> Result<(), CliError> {
        let seconds = self.progress.seconds();
        match format {
            OutputFormat::Text => {
                let (records, bytes) = (self.records, output::bytes(self.record_bytes));
                output::note(&format!("{records} records, {bytes} acknowledged in {seconds:.2} s"));
                Ok(())
            }
            OutputFormat::Json => output::json(&json!({
                "records": self.records, "record_bytes": self.record_bytes, "batch_bytes": self.sent_bytes,
                "seconds": seconds,
            })),
        }
    }
}
