//! Calls `tidelog bench` and reads its result.

use std::process::Command;

use serde_json::Value;

use super::broker::{Broker, Brokers, Kind};
use super::rows::{Contender, Load};
use super::{Failure, Pace};

/// How long one load runs.
#[derive(Debug)]
pub(super) struct Timing {
    duration: u32,
    warmup: u32,
    warmup_bytes: Option<u64>,
    log_bytes: u64,
}

impl Timing {
    /// A JVM gets a long warm-up before its first measurement, until its compiler has seen the load.
    pub(super) fn of(pace: Pace, kind: Kind, round: usize) -> Self {
        let (warmup, warmup_bytes) = match (kind, round) {
            (Kind::Peer, 0) => (pace.peer_warmup.0, Some(pace.peer_warmup.1)),
            (Kind::Peer | Kind::Ours, _) => (pace.warmup, None),
        };
        Self { duration: pace.duration, warmup, warmup_bytes, log_bytes: pace.log_bytes }
    }
}

/// Runs a load on a topic of its own, which is deleted afterwards.
pub(super) fn run(
    brokers: &Brokers,
    broker: &Broker,
    row: &Load,
    contender: &Contender,
    timing: &Timing,
) -> Result<Value, Failure> {
    let configs: Vec<String> = contender.configs.iter().map(|config| format!("--config={config}")).collect();
    let common = ["--topic=bench".to_owned(), format!("--broker-pid={}", broker.pid())];
    if let Some(fill) = row.fill {
        let args = fill.iter().map(|arg| (*arg).to_owned()).chain(common.clone()).chain(configs.clone());
        bench(brokers, broker, args.chain(["--warmup=0".to_owned()]).collect())?;
    }
    let mut args: Vec<String> = row.args.iter().map(|arg| (*arg).to_owned()).chain(common).chain(configs).collect();
    args.extend([
        format!("--duration={}", timing.duration),
        format!("--warmup={}", timing.warmup),
        "--delete".to_owned(),
    ]);
    args.extend(row.has_size().then(|| format!("--log-bytes={}", timing.log_bytes)));
    args.extend(timing.warmup_bytes.map(|bytes| format!("--warmup-bytes={bytes}")));
    bench(brokers, broker, args)
}

/// Runs `tidelog bench` against a broker.
pub(super) fn bench(brokers: &Brokers, broker: &Broker, mut args: Vec<String>) -> Result<Value, Failure> {
    args.insert(0, "bench".to_owned());
    args.extend([format!("--bootstrap-server={}", broker.address), "--output=json".to_owned()]);
    tidelog(brokers, &args)
}

/// The limits of the machine, on the disk that the brokers use.
pub(super) fn machine(brokers: &Brokers) -> Result<Value, Failure> {
    let args = ["bench", "machine", "--output=json", "--dir"].map(str::to_owned);
    let dir = brokers.dir.display().to_string();
    tidelog(brokers, &args.into_iter().chain([dir]).collect::<Vec<_>>())
}

/// Runs our binary and reads the document that it prints.
pub(super) fn tidelog(brokers: &Brokers, args: &[String]) -> Result<Value, Failure> {
    let program = format!("tidelog {}", args.join(" "));
    let output = Command::new(&brokers.binary).args(args).output();
    let output = output.map_err(|source| Failure::Io { what: program.clone(), source })?;
    if !output.status.success() {
        let detail = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(Failure::Program { program, detail });
    }
    serde_json::from_slice(&output.stdout).map_err(|error| Failure::Program { program, detail: error.to_string() })
}
