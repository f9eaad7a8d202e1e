//! Rows that are no load: the start on an empty directory, doing nothing, the recovery after `kill -9`, and what else has a figure
//! of its own.

mod transactions;

use std::time::{Duration, Instant};

use serde_json::json;

use super::broker::{Broker, Brokers, Kind, now};
use super::report::Report;
use super::{Failure, Pace, load};

/// What a row does.
#[derive(Clone, Copy, Debug)]
enum Work {
    Start,
    Idle,
    Recovery,
    GroupLoad,
    ReadCommitted,
    ProducerIds,
    CompactKeys,
}

/// One row.
#[derive(Debug)]
pub(super) struct Single {
    /// Its name on the command line.
    pub(super) name: &'static str,
    /// What it measures.
    pub(super) title: &'static str,
    /// What the project wants.
    pub(super) goal: &'static str,
    /// Whether it is left out unless it is asked for.
    pub(super) only_if_named: bool,
    work: Work,
}

/// All such rows, in the order of the report.
pub(super) const ROWS: &[Single] = &[
    Single {
        name: "start",
        title: "from the start on an empty directory to the first answer, ms",
        goal: "under 100 ms",
        only_if_named: false,
        work: Work::Start,
    },
    Single {
        name: "idle",
        title: "after the start, without clients: resident memory, share of a core",
        goal: "under 20 MiB, under 0.1 %",
        only_if_named: false,
        work: Work::Idle,
    },
    Single {
        name: "recovery",
        title: "from the start after kill -9 with one large partition until its offsets are served, ms",
        goal: "under 2 s with 10 GB",
        only_if_named: false,
        work: Work::Recovery,
    },
    Single {
        name: "group-load",
        title: "from the start after kill -9 with 10,000 groups and a million offsets until every coordinator took a commit, ms",
        goal: "under 5 s",
        only_if_named: false,
        work: Work::GroupLoad,
    },
    Single {
        name: "read-committed",
        title: "fetching transactions of ten 1 KiB records, of which a tenth was aborted: read_committed in percent of read_uncommitted",
        goal: "more than 95 %",
        only_if_named: false,
        work: Work::ReadCommitted,
    },
    Single {
        name: "producer-ids",
        title: "producer ids in one partition: resident memory for each, from the start after a clean stop until the end of the log is served",
        goal: "under 200 bytes, under 5 s",
        only_if_named: false,
        work: Work::ProducerIds,
    },
    Single {
        name: "compact-keys",
        title: "cleaning a log of 80 million records of 50 million keys: most resident memory, cleanings, time",
        goal: "under 1 GiB",
        only_if_named: true,
        work: Work::CompactKeys,
    },
];

/// Measures a row for ours and for the peer.
pub(super) fn run(brokers: &Brokers, pace: Pace, row: &'static Single, report: &mut Report) -> Result<(), Failure> {
    let kinds: &[Kind] = if brokers.peer { &[Kind::Ours, Kind::Peer] } else { &[Kind::Ours] };
    for kind in kinds {
        let text = match row.work {
            Work::Start => start(brokers, pace, *kind)?,
            Work::Idle => idle(brokers, pace, *kind)?,
            Work::Recovery => recovery(brokers, pace, *kind)?,
            Work::GroupLoad => group_load(brokers, *kind)?,
            Work::ReadCommitted => transactions::read_committed(brokers, pace, *kind)?,
            Work::ProducerIds => transactions::producer_ids(brokers, pace, *kind)?,
            Work::CompactKeys => transactions::compact_keys(brokers, *kind)?,
        };
        eprintln!("  {kind:?}: {text}");
        report.add_single(row, *kind, text);
    }
    Ok(())
}

fn start(brokers: &Brokers, pace: Pace, kind: Kind) -> Result<String, Failure> {
    let mut times = Vec::new();
    for _ in 0..pace.rounds {
        times.push(brokers.start(kind, "start")?.answered_after);
    }
    times.sort();
    Ok(times.get(times.len() / 2).map_or_else(String::new, |median| format!("{} ms", median.as_millis())))
}

fn idle(brokers: &Brokers, pace: Pace, kind: Kind) -> Result<String, Failure> {
    let broker = brokers.start(kind, "idle")?;
    // The work of the start itself is over after a moment.
    std::thread::sleep(Duration::from_secs(2));
    let before = ticks(&broker)?;
    std::thread::sleep(Duration::from_secs(u64::from(pace.idle)));
    // A tick is 10 ms: a share of a core in percent is ticks per second.
    let share = f64::from(ticks(&broker)? - before) / f64::from(pace.idle);
    let resident = resident_kib(&broker)? / 1024;
    Ok(format!("{resident} MiB, {share:.2} %"))
}

fn recovery(brokers: &Brokers, pace: Pace, kind: Kind) -> Result<String, Failure> {
    let broker = brokers.start(kind, "recovery")?;
    let args = ["produce", "--connections=1", "--in-flight=4", "--batch-bytes=1000000", "--topic=large", "--warmup=0"];
    let mut args: Vec<String> = args.map(str::to_owned).to_vec();
    args.extend(["--duration=900".to_owned(), format!("--bytes={}", pace.recovery_bytes)]);
    let filled = load::bench(brokers, &broker, args)?;
    let begun = now();
    let broker = brokers.restart(broker)?;
    let ms = served(brokers, &broker, "large", begun, &filled)?;
    let bytes = filled.get("bytes").and_then(serde_json::Value::as_f64).unwrap_or(0.0);
    Ok(format!("{ms} ms ({:.1} GB)", bytes / 1e9))
}

fn group_load(brokers: &Brokers, kind: Kind) -> Result<String, Failure> {
    let broker = brokers.start(kind, "group-load")?;
    let common = ["commit", "--topic=read", "--partitions=100", "--once", "--warmup=0", "--duration=900"];
    let args = |more: [&str; 3]| common.iter().chain(&more).map(|arg| (*arg).to_owned()).collect();
    load::bench(brokers, &broker, args(["--groups=10000", "--offsets=100", "--committers=8"]))?;
    let begun = now();
    let broker = brokers.restart(broker)?;
    // 500 groups lie on all 50 partitions, but for one case in 500; each commit waits until its partition is loaded.
    load::bench(brokers, &broker, args(["--groups=500", "--offsets=1", "--committers=8"]))?;
    Ok(format!("{} ms", now().duration_since(begun).as_millis()))
}

/// Waits until the partition's end is served and is where it was; milliseconds since `begun`.
pub(super) fn served(
    brokers: &Brokers,
    broker: &Broker,
    topic: &str,
    begun: Instant,
    filled: &serde_json::Value,
) -> Result<u128, Failure> {
    let args = ["topic", "describe", topic, "--output=json"].map(str::to_owned);
    let args: Vec<String> = args.into_iter().chain([format!("--bootstrap-server={}", broker.address)]).collect();
    let described = loop {
        match load::tidelog(brokers, &args) {
            Ok(described) => break described,
            Err(failure) if now().duration_since(begun) > Duration::from_mins(5) => return Err(failure),
            Err(_) => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    let ms = now().duration_since(begun).as_millis();
    let end = described.pointer("/0/partitions/0/end_offset").cloned().unwrap_or_default();
    let expected = filled.get("log_records").cloned().unwrap_or_default();
    if end == expected {
        return Ok(ms);
    }
    let detail = format!(
        "the log ended at {expected} and ends at {end} after the restart: {}",
        json!(broker.kind == Kind::Ours)
    );
    Err(Failure::Program { program: format!("{:?}", broker.kind), detail })
}

fn proc(broker: &Broker, file: &str) -> Result<String, Failure> {
    let path = format!("/proc/{}/{file}", broker.pid());
    std::fs::read_to_string(&path).map_err(|source| Failure::Io { what: path, source })
}

/// User and system time in hundredths of a second (proc(5): fields 14 and 15, after the name in parentheses).
fn ticks(broker: &Broker) -> Result<u32, Failure> {
    let stat = proc(broker, "stat")?;
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace().skip(11).take(2);
    Ok(fields.filter_map(|field| field.parse::<u32>().ok()).sum())
}

/// Resident memory now, in KiB.
pub(super) fn resident_kib(broker: &Broker) -> Result<u64, Failure> {
    let status = proc(broker, "status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    Ok(kib.unwrap_or(0))
}
