//! `cargo xtask bench`: our release broker, and if asked a real Kafka beside it, under the same loads in the same minutes.
//!
//! Owns: which loads there are, in what order contenders take turns, and the report. `tidelog bench` makes the load.
//! It reports and does not gate on a figure; it fails when a broker does not answer or loses what it acknowledged.

mod broker;
pub(crate) mod kafka;
mod load;
mod report;
mod rows;
mod single;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use broker::{Broker, Brokers, Kind};
pub(crate) use broker::{build, now};
use report::Report;
use rows::{LOADS, Load};

/// Arguments of `cargo xtask bench`.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Rows to measure [default: all but compact-keys, which takes 10 GB of disk and many minutes]
    #[arg(value_name = "ROW")]
    rows: Vec<String>,
    /// Measure a real Kafka too, installed from published jars
    #[arg(long)]
    peer: bool,
    /// Three minutes in all, for CI: short runs, one round
    #[arg(long)]
    quick: bool,
    /// Rounds in which the contenders take turns; the median counts [default: 3, quick: 1]
    #[arg(long)]
    rounds: Option<usize>,
    /// Where brokers keep their data while they are measured
    #[arg(long, value_name = "DIR", default_value = "target/bench")]
    dir: PathBuf,
    /// A binary to measure instead of building one
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Write the report into docs/performance.md
    #[arg(long)]
    write: bool,
}

const EXAMPLES: &str = "\
Examples:
  cargo xtask bench --quick                    does everything answer, and roughly how fast
  cargo xtask bench --peer --write             the whole report of docs/performance.md; takes an hour
  cargo xtask bench --peer small durable-one   two rows";

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A row that nobody knows.
    #[error("there is no row '{0}'; rows are {1}")]
    NoSuchRow(String, String),
    /// A program that does not run or fails.
    #[error("{program}: {detail}")]
    Program {
        /// What was run.
        program: String,
        /// What it said.
        detail: String,
    },
    /// A file or a process that cannot be used.
    #[error("{what}: {source}")]
    Io {
        /// What was done.
        what: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Some rows failed; the others were reported.
    #[error("failed: {0}")]
    Rows(String),
}

/// How long things take.
#[derive(Clone, Copy, Debug)]
struct Pace {
    rounds: usize,
    /// Seconds that are measured.
    duration: u32,
    /// Seconds of load before, in every round.
    warmup: u32,
    /// Seconds or bytes of load before the first measurement of a JVM.
    peer_warmup: (u32, u64),
    /// Bytes in the log whose recovery is timed.
    recovery_bytes: u64,
    /// Bytes in a log that is compacted.
    log_bytes: u64,
    /// Bytes of transactions that are read.
    transaction_bytes: u64,
    /// Producers that a partition has to remember.
    producer_ids: u32,
    /// Seconds of idleness.
    idle: u32,
}

impl Pace {
    /// What a reader of the report must know.
    fn words(self) -> String {
        format!(
            "Median of {} rounds in which the contenders took turns, {} s each after {} s of the same load; Kafka had {} s or \
             {} GB of it before the first.",
            self.rounds,
            self.duration,
            self.warmup,
            self.peer_warmup.0,
            self.peer_warmup.1 / 1_000_000_000
        )
    }
}

const FULL: Pace = Pace {
    rounds: 3,
    duration: 10,
    warmup: 2,
    peer_warmup: (60, 20_000_000_000),
    recovery_bytes: 10_000_000_000,
    log_bytes: 1_000_000_000,
    transaction_bytes: 300_000_000,
    producer_ids: 1_000_000,
    idle: 30,
};
const QUICK: Pace = Pace {
    rounds: 1,
    duration: 3,
    warmup: 1,
    peer_warmup: (10, 2_000_000_000),
    recovery_bytes: 500_000_000,
    log_bytes: 100_000_000,
    transaction_bytes: 20_000_000,
    producer_ids: 100_000,
    idle: 5,
};

/// Runs the task.
pub(crate) fn run(root: &Path, args: &Args) -> Result<(), Failure> {
    let mut pace = if args.quick { QUICK } else { FULL };
    pace.rounds = args.rounds.unwrap_or(pace.rounds).max(1);
    let wanted = wanted(&args.rows)?;
    let binary = match &args.binary {
        Some(binary) => binary.clone(),
        None => build(root)?,
    };
    let dir = root.join(&args.dir);
    std::fs::create_dir_all(&dir).map_err(|source| Failure::Io { what: dir.display().to_string(), source })?;
    let brokers = Brokers { root: root.to_owned(), binary, dir, peer: args.peer };
    let mut report = Report::new(load::machine(&brokers)?, pace.words());
    let mut failed = Vec::new();
    for row in LOADS.iter().filter(|row| wanted.iter().any(|name| name == row.name)) {
        eprintln!("{}: {}", row.name, row.title);
        if let Err(failure) = load_row(&brokers, pace, row, &mut report) {
            eprintln!("{}: {failure}", row.name);
            failed.push(row.name);
        }
    }
    for row in single::ROWS.iter().filter(|row| wanted.iter().any(|name| name == row.name)) {
        eprintln!("{}: {}", row.name, row.title);
        if let Err(failure) = single::run(&brokers, pace, row, &mut report) {
            eprintln!("{}: {failure}", row.name);
            failed.push(row.name);
        }
    }
    let printed = writeln!(std::io::stdout(), "{}", report.markdown());
    printed.map_err(|source| Failure::Io { what: "standard output".to_owned(), source })?;
    if args.write {
        report.write(&root.join("docs/performance.md"))?;
    }
    if failed.is_empty() { Ok(()) } else { Err(Failure::Rows(failed.join(", "))) }
}

/// Every contender runs the load in every round, on brokers that live as long as the row.
fn load_row(brokers: &Brokers, pace: Pace, row: &'static Load, report: &mut Report) -> Result<(), Failure> {
    let contenders = || row.contenders.iter().filter(|contender| brokers.peer || contender.kind == Kind::Ours);
    let mut running: Vec<((Kind, &[&str]), Broker)> = Vec::new();
    for contender in contenders() {
        let wanted = (contender.kind, contender.settings);
        if running.iter().all(|(has, _)| *has != wanted) {
            let name = format!("{}-{}", row.name, running.len());
            running.push((wanted, brokers.start_with(contender.kind, &name, contender.settings)?));
        }
    }
    for round in 0..pace.rounds {
        for contender in contenders() {
            let mine = running.iter().find(|(has, _)| *has == (contender.kind, contender.settings));
            let Some((_, broker)) = mine else { continue };
            let result = load::run(brokers, broker, row, contender, &load::Timing::of(pace, contender.kind, round))?;
            eprintln!("  round {}, {}: {}", round + 1, contender.name, row.metric.show(&result));
            report.add(row, contender, result);
        }
    }
    Ok(())
}

fn wanted(rows: &[String]) -> Result<Vec<String>, Failure> {
    let known = || LOADS.iter().map(|row| row.name).chain(single::ROWS.iter().map(|row| row.name));
    if let Some(unknown) = rows.iter().find(|row| known().all(|name| name != row.as_str())) {
        return Err(Failure::NoSuchRow(unknown.clone(), known().collect::<Vec<_>>().join(", ")));
    }
    let by_default = || {
        let singles = single::ROWS.iter().filter(|row| !row.only_if_named);
        LOADS.iter().map(|row| row.name).chain(singles.map(|row| row.name))
    };
    Ok(if rows.is_empty() { by_default().map(str::to_owned).collect() } else { rows.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_take_long_run_when_they_are_named() {
        let all = wanted(&[]).unwrap();
        assert!(all.iter().any(|row| row == "txn-one"));
        assert!(all.iter().all(|row| row != "compact-keys"));
        assert_eq!(wanted(&["compact-keys".to_owned()]).unwrap(), ["compact-keys"]);
        assert!(matches!(wanted(&["compact-key".to_owned()]), Err(Failure::NoSuchRow(_, _))));
    }
}
