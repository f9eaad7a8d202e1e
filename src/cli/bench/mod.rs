//! `tidelog bench`: the load generator, for any broker that speaks Kafka's protocol.
//!
//! Owns: the arguments, and which kind of load is run. It must cost far less than the broker that it drives, so it
//! sends requests that were encoded once over non-blocking sockets, and looks at a few fields of each answer.
//! Does not know the broker: what it says about it is read from outside, in /proc.

mod answer;
mod compact;
mod control;
mod coordinators;
mod end_to_end;
mod error;
mod fetch;
mod groups;
mod lane;
mod layout;
mod machine;
mod produce;
mod report;
mod run;
mod target;
mod template;
mod transactions;
mod usage;

use clap::{Args, Subcommand};

use super::arguments::key_value;
use super::client::compression::Codec;
use super::consume::Isolation;
use super::error::CliError;
use super::produce::AcksArg;
use super::{ClientArgs, OutputFormat, output};

use error::BenchError;

/// `tidelog bench`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct BenchArgs {
    #[command(flatten)]
    client: ClientArgs,
    #[command(subcommand)]
    load: Load,
}

const EXAMPLES: &str = "\
Examples:
  tidelog bench produce --connections 4 --in-flight 4 --partitions 4     64 KiB batches of 1 KiB records
  tidelog bench produce --record-bytes 100 --batch-records 1 --connections 16 --in-flight 8
  tidelog bench produce --record-bytes 100 --batch-records 1 --connections 1 --in-flight 1     one at a time
  tidelog bench produce --rate 1000 --batch-records 1                    open loop: latency from when each was due
  tidelog bench fetch --connections 4                                    reads what a produce run has left behind
  tidelog bench end-to-end --rate 100                                    from when a record was due to its arrival
  tidelog bench transactions --partitions 3 --producers 50               ten records in each, over all partitions
  tidelog bench compact --log-bytes 1000000000                           what it costs to clean 1 GB
  tidelog bench commit --committers 100                                  offset commits, one in flight each
  tidelog bench heartbeat --groups 10000                                 what groups cost in which nothing happens
  tidelog bench join --members 100 --partitions 1000                     from the first join until all is assigned
  tidelog bench machine                                                  what the machine itself can do

A topic that does not exist is made, with --partitions and --config; it is kept unless --delete is given. For a broker
on this machine its CPU time and memory are shown. GB is 10^9 bytes: of batches as sent, or of answers as received.";

#[derive(Debug, Subcommand)]
enum Load {
    /// Sends batches as fast as answers allow, or at a rate
    Produce(ProduceLoad),
    /// Reads partitions from their beginning, again and again, and throws the bytes away
    Fetch(FetchLoad),
    /// Sends records at a rate and waits for each to arrive at a consumer
    EndToEnd(EndToEndLoad),
    /// Sends records in transactions and ends them
    Transactions(transactions::TransactionLoad),
    /// Fills a keyed log, has it compacted, and measures what that costs
    Compact(compact::CompactLoad),
    /// Commits offsets of groups
    Commit(groups::CommitLoad),
    /// Makes many groups with one member each, which then only say that they live
    Heartbeat(groups::HeartbeatLoad),
    /// Has many members join one group at once, until each has its partitions
    Join(groups::JoinLoad),
    /// Measures what bounds every broker here: memory, checksums, disk, loopback
    Machine(machine::MachineArgs),
}

/// What every load has in common.
#[derive(Clone, Debug, Args)]
struct CommonArgs {
    /// The topic
    #[arg(long, default_value = "tidelog-bench")]
    topic: String,
    /// Partitions of the topic if it is made
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(i32).range(1..))]
    partitions: i32,
    /// A config of the topic if it is made; may be repeated
    #[arg(long = "config", value_name = "KEY=VALUE", value_parser = key_value)]
    configs: Vec<(String, String)>,
    /// Delete the topic at the end
    #[arg(long)]
    delete: bool,
    /// Seconds that are measured
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, value_parser = seconds)]
    duration: f64,
    /// Stop earlier when this many bytes were moved while measuring
    #[arg(long, value_name = "BYTES")]
    bytes: Option<u64>,
    /// Seconds of load before measuring
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, value_parser = seconds)]
    warmup: f64,
    /// Begin measuring earlier when this many bytes were moved
    #[arg(long, value_name = "BYTES")]
    warmup_bytes: Option<u64>,
    /// The broker's process [default: the one that listens at the first bootstrap address, if it is on this machine]
    #[arg(long, value_name = "PID")]
    broker_pid: Option<u32>,
}

#[derive(Clone, Debug, Args)]
struct ProduceLoad {
    #[command(flatten)]
    common: CommonArgs,
    /// Connections; they share the partitions evenly
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    connections: u16,
    /// Requests that a connection sends before it waits for an answer
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    in_flight: u16,
    /// Threads of the generator
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: u16,
    /// Bytes of each record's value
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u32).range(0..=1 << 27))]
    record_bytes: u32,
    /// Bytes of each batch before compression, as many records as fit
    #[arg(long, default_value_t = 65536, value_parser = clap::value_parser!(u32).range(1..=1 << 28))]
    batch_bytes: u32,
    /// Records of each batch, instead of --batch-bytes
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1 << 24))]
    batch_records: Option<u32>,
    /// When the broker answers
    #[arg(long, value_enum, default_value_t = AcksArg::All)]
    acks: AcksArg,
    /// How batches are compressed
    #[arg(long, value_enum, default_value_t = Codec::None)]
    compression: Codec,
    /// Give each connection a producer id, and batches their sequences
    #[arg(long)]
    idempotent: bool,
    /// Producer ids of each connection, made up, which take turns from request to request
    #[arg(long, value_name = "IDS", conflicts_with = "idempotent", value_parser = clap::value_parser!(u32).range(1..))]
    producer_ids: Option<u32>,
    /// Requests per second in all, sent when they are due whatever the answers do [default: as fast as answers come]
    #[arg(long, value_name = "PER_SECOND", value_parser = rate)]
    rate: Option<f64>,
}

#[derive(Clone, Debug, Args)]
struct FetchLoad {
    #[command(flatten)]
    common: CommonArgs,
    /// Connections, each with one request in flight; they share the partitions evenly
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    connections: u16,
    /// Threads of the generator
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: u16,
    /// The most bytes of an answer
    #[arg(long, default_value_t = 1 << 20, value_parser = clap::value_parser!(i32).range(1..))]
    fetch_bytes: i32,
    /// Which records of transactions are asked for
    #[arg(long, value_enum, default_value_t = Isolation::ReadUncommitted)]
    isolation: Isolation,
}

#[derive(Clone, Debug, Args)]
struct EndToEndLoad {
    #[command(flatten)]
    common: CommonArgs,
    /// Bytes of each record's value; one record a request
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(0..=1 << 20))]
    record_bytes: u32,
    /// Records per second
    #[arg(long, value_name = "PER_SECOND", default_value_t = 1000.0, value_parser = rate)]
    rate: f64,
    /// When the broker answers the producer
    #[arg(long, value_enum, default_value_t = AcksArg::All)]
    acks: AcksArg,
}

fn seconds(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|value| (0.0..=1e6).contains(value))
        .ok_or_else(|| format!("'{text}' is no number of seconds"))
}

fn rate(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|value| (0.001..=1e7).contains(value)).ok_or_else(|| format!("'{text}' is no rate"))
}

/// Runs `tidelog bench`.
///
/// # Errors
/// A broker that refuses, breaks or loses what it acknowledged.
pub(crate) fn run(args: &BenchArgs) -> Result<(), CliError> {
    let report = match &args.load {
        Load::Produce(load) => produce::run(&args.client, load),
        Load::Fetch(load) => fetch::run(&args.client, load),
        Load::EndToEnd(load) => end_to_end::run(&args.client, load),
        Load::Transactions(load) => transactions::run(&args.client, load),
        Load::Compact(load) => compact::run(&args.client, load),
        Load::Commit(load) => groups::run_commit(&args.client, load),
        Load::Heartbeat(load) => groups::run_heartbeat(&args.client, load),
        Load::Join(load) => groups::run_join(&args.client, load),
        Load::Machine(machine) => return machine::run(machine, args.client.output),
    }?;
    match args.client.output {
        OutputFormat::Json => output::json(&report.to_json())?,
        OutputFormat::Text => report.lines().iter().try_for_each(|text| output::line(text))?,
    }
    report.verdict().map_err(CliError::from)
}
