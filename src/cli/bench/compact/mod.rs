//! Compaction measured from outside: a keyed log is filled while nothing is compacted, then its config asks for compaction, and
//! what the broker spends until its size stays the same is what the cleaning cost.
//!
//! Owns: the arguments, when the cleaning has ended, and whether what is left is right. Does not know how a broker cleans.

mod fill;
mod records;

use std::time::{Duration, Instant};

use clap::Args;
use kafka_protocol::messages::describe_log_dirs_request::DescribableLogDirTopic;
use kafka_protocol::messages::{DescribeLogDirsRequest, ProduceRequest};
use model::IsolationLevel;
use serde_json::json;

use super::control::{Phase, Tally};
use super::report::{Measured, Report};
use super::usage::{self, Usage};
use super::{BenchError, CommonArgs, target};
use crate::cli::client::admin::topic_name;
use crate::cli::client::cluster::To;
use crate::cli::client::compression::Codec;
use crate::cli::client::configs::{self, Resource};
use crate::cli::client::consumer::{LATEST, Reader};
use crate::cli::client::producer::PRODUCE_HIGHEST;
use crate::cli::client::{ClientError, Cluster};
use crate::cli::{ClientArgs, time};
use records::{Keyed, Ledger};

/// How often the size is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// The cleaning has ended when the size has not changed for so long,
const QUIET: Duration = Duration::from_secs(2);
/// and the broker has used less than this share of a core meanwhile.
const QUIET_CORES: f64 = 0.25;
/// The longest cleaning that is waited for.
const LIMIT: Duration = Duration::from_mins(30);
/// Bytes of a record besides its value: the key, and the numbers around both.
const AROUND_VALUE: u64 = 24;

/// A keyed log that is cleaned once.
#[derive(Clone, Debug, Args)]
pub(super) struct CompactLoad {
    #[command(flatten)]
    pub(super) common: CommonArgs,
    /// Bytes of the log before compression and cleaning, about
    #[arg(long, value_name = "BYTES", default_value_t = 1_000_000_000, value_parser = clap::value_parser!(u64).range(1_000_000..))]
    pub(super) log_bytes: u64,
    /// How often each key is written, on average
    #[arg(long, value_name = "TIMES", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) updates: u64,
    /// Bytes of a record's value, on average; they differ by four fifths of it
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    pub(super) record_bytes: u64,
    /// Bytes of each batch before compression, as many records as fit
    #[arg(long, default_value_t = 16384, value_parser = clap::value_parser!(u32).range(1..=1 << 28))]
    pub(super) batch_bytes: u32,
    /// Bytes of a segment
    #[arg(long, default_value_t = 32 << 20, value_parser = clap::value_parser!(u64).range(1 << 20..=1 << 30))]
    pub(super) segment_bytes: u64,
    /// How batches are compressed
    #[arg(long, value_enum, default_value_t = Codec::None)]
    pub(super) compression: Codec,
}

/// Runs the load: logs that are cleaned without being counted, until the warm-up is over, and one that is. Its one request is the
/// cleaning, its bytes are those of the log before.
pub(super) fn run(client: &ClientArgs, load: &CompactLoad) -> Result<Report, BenchError> {
    let mut cluster = client.cluster();
    let broker = load
        .common
        .broker_pid
        .or_else(|| client.bootstrap_server.first().and_then(|address| usage::listener(address)))
        .ok_or_else(|| BenchError::Template("a broker on this machine is needed, to see what it spends".to_owned()))?;
    if let Some(bytes) = load.common.warmup_bytes {
        let begun = time::now();
        let (mut cleaned, mut number) = (0, 0);
        while cleaned < bytes && time::now().duration_since(begun).as_secs_f64() < load.common.warmup {
            number += 1;
            let topic = format!("{}-warmup-{number}", load.common.topic);
            cleaned += clean_one(&mut cluster, load, &topic, broker)?.bytes_before;
            crate::cli::client::admin::delete(&mut cluster, &topic)?;
        }
    }
    let cleaning = clean_one(&mut cluster, load, &load.common.topic, broker)?;
    target::clean(&mut cluster, &load.common)?;
    let mut tally = Tally::new()?;
    tally.enter(Phase::Measure);
    tally.answered(cleaning.records, cleaning.bytes_before, cleaning.begun, cleaning.ended);
    let measured = Measured {
        tally,
        seconds: cleaning.ended.duration_since(cleaning.begun).as_secs_f64().max(0.001),
        broker: Some((broker, cleaning.spent)),
        generator: Usage::default(),
    };
    let parameters = json!({
        "updates": load.updates, "record_bytes": load.record_bytes, "batch_bytes": load.batch_bytes,
        "segment_bytes": load.segment_bytes, "compression": format!("{:?}", load.compression).to_lowercase(),
        "records": cleaning.records, "keys": cleaning.keys, "bytes_before": cleaning.bytes_before,
        "bytes_after": cleaning.bytes_after, "configs": load.common.configs,
    });
    Ok(Report { mode: "compact", parameters, measured, check: None })
}

/// What a cleaning was.
struct Cleaning {
    records: u64,
    keys: u64,
    bytes_before: u64,
    bytes_after: u64,
    begun: Instant,
    ended: Instant,
    spent: Usage,
}

fn clean_one(cluster: &mut Cluster, load: &CompactLoad, topic: &str, broker: u32) -> Result<Cleaning, BenchError> {
    let records = (load.log_bytes / (load.record_bytes + AROUND_VALUE)).max(1);
    let mut keyed = Keyed::new((records, records / load.updates), load.record_bytes, time::wall_ms());
    let mut common = CommonArgs { topic: topic.to_owned(), partitions: 1, ..load.common.clone() };
    common.configs.push(("cleanup.policy".to_owned(), "delete".to_owned()));
    common.configs.push(("segment.bytes".to_owned(), load.segment_bytes.to_string()));
    target::prepare(cluster, &common)?;
    // Offsets are what records follow from. A leader that has just been named may not know it yet, and is asked until it does.
    if target::offsets(cluster, topic, LATEST)?.values().any(|end| *end != 0) {
        return Err(BenchError::Template(format!("topic {topic} is not empty")));
    }
    let leaders = cluster.retry(|cluster, deadline| cluster.leaders(topic, false, deadline))?;
    let node = leaders.first().map_or(-1, |leader| leader.leader);
    let deadline = cluster.deadline();
    let version = cluster.version::<ProduceRequest>(PRODUCE_HIGHEST, deadline)?;
    let shape = (model::num::usize_from_u32(load.batch_bytes), load.compression);
    fill::fill((target::open(cluster, node)?, version), topic, &keyed, 0..records, shape)?;
    // One record more in a segment of its own, which is the active one: all others can be cleaned.
    let roll = ("segment.ms".to_owned(), "1".to_owned());
    configs::alter(cluster, &Resource::topic(topic), &[roll], &[], false)?;
    keyed.timestamp = time::wall_ms() + 1_000;
    fill::fill((target::open(cluster, node)?, version), topic, &keyed, records..records + 1, shape)?;
    configs::alter(cluster, &Resource::topic(topic), &[], &["segment.ms".to_owned()], false)?;
    let mut ledger = Ledger::of(&keyed)?;
    let bytes_before = size(cluster, node, topic)?;

    let (begun, before) = (time::now(), spent(broker)?);
    let asked = [("cleanup.policy", "compact"), ("min.cleanable.dirty.ratio", "0.01")];
    let asked = asked.map(|(name, value)| (name.to_owned(), value.to_owned()));
    configs::alter(cluster, &Resource::topic(topic), &asked, &[], false)?;
    let mut last = (bytes_before, begun, before);
    loop {
        last = watch((bytes_before, begun), last, broker, &mut || size(cluster, node, topic))?;
        match verify(cluster, topic, &keyed, &mut ledger) {
            // It only seemed to be quiet, as on a machine that is busy with other things. What was read meanwhile counts.
            Err(BenchError::Unclean(_)) if time::now().duration_since(begun) < LIMIT => {}
            Err(error) => return Err(error),
            Ok(()) => break,
        }
    }
    let (bytes_after, ended, after) = last;
    Ok(Cleaning {
        records,
        keys: ledger.keys(),
        bytes_before,
        bytes_after,
        begun,
        ended,
        spent: Usage { cpu_seconds: after.cpu_seconds - before.cpu_seconds, ..after },
    })
}

/// Reads the whole log and holds it against what must be left of it.
fn verify(cluster: &mut Cluster, topic: &str, keyed: &Keyed, ledger: &mut Ledger) -> Result<(), BenchError> {
    let mut reader = Reader::new(topic, [(0, 0)].into(), IsolationLevel::ReadUncommitted);
    let ends = target::offsets(cluster, topic, LATEST)?;
    ledger.begin();
    while !reader.positions().is_empty() {
        reader.poll(cluster, 500, &mut |delivered| ledger.note(keyed, &delivered.record))?;
        reader.finish_at(&ends);
    }
    ledger.verdict()
}

/// The size of the log, since when it has it, and what the broker had spent by then.
type Seen = (u64, Instant, Usage);

/// Waits until the cleaning seems to have ended.
fn watch(
    (before, begun): (u64, Instant),
    mut last: Seen,
    broker: u32,
    size: &mut dyn FnMut() -> Result<u64, BenchError>,
) -> Result<Seen, BenchError> {
    let mut quiet_since = (time::now(), spent(broker)?);
    loop {
        std::thread::sleep(LOOK);
        let (found, now, usage) = (size()?, time::now(), spent(broker)?);
        if found != last.0 {
            last = (found, now, usage);
            quiet_since = (now, usage);
        }
        let quiet = now.duration_since(quiet_since.0);
        if quiet >= QUIET {
            let cores = (usage.cpu_seconds - quiet_since.1.cpu_seconds) / quiet.as_secs_f64();
            if cores < QUIET_CORES && last.0 != before {
                return Ok(last);
            }
            // It works on something that does not show yet.
            quiet_since = (now, usage);
        }
        if now.duration_since(begun) > LIMIT {
            let text = format!("the log had {before} bytes, has {found}, and is still being cleaned");
            return Err(BenchError::Protocol(text));
        }
    }
}

fn spent(broker: u32) -> Result<Usage, BenchError> {
    usage::of(broker).ok_or_else(|| BenchError::Template(format!("process {broker} is gone, or not ours to see")))
}

/// Bytes of the log of the topic's one partition.
fn size(cluster: &mut Cluster, node: i32, topic: &str) -> Result<u64, BenchError> {
    let asked = DescribableLogDirTopic::default().with_topic(topic_name(topic)).with_partitions(vec![0]);
    let request = DescribeLogDirsRequest::default().with_topics(Some(vec![asked]));
    let answer = cluster.retry(|cluster, deadline| {
        let answer = cluster.call(To::Node(node), &request, i16::MAX, deadline)?;
        for result in &answer.results {
            ClientError::check(result.error_code, || format!("the size of {topic}"))?;
        }
        Ok(answer)
    })?;
    let topics = answer.results.iter().flat_map(|result| &result.topics);
    let sizes = topics.flat_map(|topic| &topic.partitions).map(|partition| partition.partition_size);
    Ok(sizes.filter_map(|size| u64::try_from(size).ok()).sum())
}
