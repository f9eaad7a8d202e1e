//! `cargo xtask torture`: our broker's own binary, ordinary clients that are not ours, and trouble; then the checks of what the
//! clients were told. `docs/durability.md` says what is promised and what each check is for.
//!
//! Owns: the runs, their seeds and their sum. The driver starts and troubles the broker and knows none of its code; the checker
//! reads histories and knows nothing of the driver.

mod broker;
mod checker;
mod clients;
mod figures;
mod machine;
mod nemesis;
mod planted;
mod proxy;
mod random;
mod round;
mod volume;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use self::broker::Program;
use self::checker::Violation;
use self::figures::{Figures, Round};
use self::nemesis::Trouble;
use self::planted::Mistake;
use self::round::{Outcome, Plan};
use self::volume::Disk;
use crate::bench::{build, kafka, now};

/// Arguments of `cargo xtask torture`.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The seed of the first round; each later one has the next [default: from the clock]
    #[arg(long)]
    seed: Option<u64>,
    /// Rounds are begun for so long; one is, if this is not given
    #[arg(long)]
    minutes: Option<u64>,
    /// Seconds of trouble in each round
    #[arg(long, default_value_t = 45)]
    seconds: u64,
    /// What the data is on, one after the other; power cuts and full disks need a file system of their own, and root
    #[arg(long, value_delimiter = ',', default_value = "directory,ext4,xfs")]
    disk: Vec<Disk>,
    /// The troubles
    #[arg(long, value_delimiter = ',', default_value = "kill,kill,power,power,pause,cut,errors,full")]
    trouble: Vec<Trouble>,
    /// Records a second, by all producers together
    #[arg(long, default_value_t = 30_000)]
    rate: u64,
    /// Append the figures of each round to this file
    #[arg(long, value_name = "FILE")]
    results: Option<PathBuf>,
    /// Print the sum of the figures in the file of --results, and run nothing
    #[arg(long, requires = "results")]
    sum: bool,
    /// Where the rounds keep their files
    #[arg(long, value_name = "DIR", default_value = "target/torture")]
    dir: PathBuf,
    /// Torture a real Kafka instead, installed from published jars
    #[arg(long)]
    peer: bool,
    /// Have that Kafka flush each write (log.flush.interval.messages=1)
    #[arg(long, requires = "peer")]
    flush: bool,
    /// Plant mistakes in the broker, all or these, and demand that each is found by the checks that are for it
    #[arg(long, value_name = "NAME", num_args = 0.., conflicts_with_all = ["peer", "minutes"])]
    planted: Option<Vec<String>>,
    /// A binary to torture instead of building one
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

/// Rounds in which a planted mistake must be found, and the seconds of trouble of each.
const PLANTED_ROUNDS: u64 = 4;
const PLANTED_SECONDS: u64 = 20;

const EXAMPLES: &str = "\
Examples:
  cargo xtask torture                                        a round of a minute on each kind of disk
  cargo xtask torture --seed 4711 --disk ext4                the same trouble again; what it meets differs
  cargo xtask torture --minutes 60 --results torture.jsonl   for an hour; the figures of each round are appended
  cargo xtask torture --results torture.jsonl --sum          what all rounds so far have done
  cargo xtask torture --planted                              is each of the mistakes found that can be planted?";

/// Why a run did not end well.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TortureError {
    /// Something of the machine that it cannot do without.
    #[error("torture needs what is not here: {0}")]
    Missing(String),
    /// A program that does not run, or fails.
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
    /// The broker cannot be built.
    #[error(transparent)]
    Build(#[from] crate::bench::Failure),
    /// Promises were broken.
    #[error("torture found {0} violations; the histories and the broker's log are in {1}")]
    Broken(usize, String),
    /// A mistake that no check found.
    #[error("not found by the checks that are for it: {0}")]
    NotFound(String),
    /// A run that proves nothing.
    #[error("the run is invalid, it was too weak to prove anything: {0}")]
    Invalid(String),
}

impl TortureError {
    fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { what: path.display().to_string(), source }
    }
}

/// Runs rounds until the time is over, and fails with the first that is not well.
pub(crate) fn run(root: &Path, args: &Args) -> Result<(), TortureError> {
    if let (Some(results), true) = (&args.results, args.sum) {
        return print_sum(results);
    }
    if let Some(names) = &args.planted {
        return run_planted(root, args, names);
    }
    let program = program(root, args)?;
    let seed = args.seed.unwrap_or_else(seed_of_today);
    let (begun, limit) = (now(), Duration::from_secs(args.minutes.unwrap_or(0) * 60));
    let mut sum = Figures::default();
    for (seed, disk) in (seed..).zip(args.disk.iter().cycle()) {
        let is_first_turn = sum.rounds < u64::try_from(args.disk.len()).unwrap_or(0);
        if now().duration_since(begun) >= limit && !is_first_turn {
            break;
        }
        let load = Duration::from_secs(args.seconds);
        let plan = Plan { seed, disk: *disk, load, rate: args.rate, troubles: args.trouble.clone() };
        let program = program.clone();
        sum.add(&one(root, args, &plan, program)?);
    }
    say(&sum.lines().join("\n"));
    let weak = sum.weaknesses();
    if weak.is_empty() { Ok(()) } else { Err(TortureError::Invalid(weak.join("; "))) }
}

/// What is tortured.
fn program(root: &Path, args: &Args) -> Result<Program, TortureError> {
    if args.peer {
        return Ok(Program::Kafka { class_path: kafka::class_path(root)?, flushes: args.flush });
    }
    let binary = args.binary.clone().map_or_else(|| build(root), Ok)?;
    Ok(Program::Tidelog { binary, planted: None })
}

/// Tortures brokers that make mistakes. Each has a few rounds in which it must be found.
fn run_planted(root: &Path, args: &Args, names: &[String]) -> Result<(), TortureError> {
    let work = root.join(&args.dir);
    let binary = args.binary.clone().map_or_else(|| planted::build(root, &work), Ok)?;
    let mut missed = Vec::new();
    let is_asked = |mistake: &&Mistake| names.is_empty() || names.iter().any(|name| name == mistake.name);
    for mistake in planted::MISTAKES.iter().filter(is_asked) {
        if !is_found(root, args, mistake, &binary)? {
            missed.push(mistake.name);
        }
    }
    if missed.is_empty() { Ok(()) } else { Err(TortureError::NotFound(missed.join(", "))) }
}

fn is_found(root: &Path, args: &Args, mistake: &'static Mistake, binary: &Path) -> Result<bool, TortureError> {
    let first = args.seed.unwrap_or_else(seed_of_today);
    for seed in first..first + PLANTED_ROUNDS {
        let load = Duration::from_secs(args.seconds.min(PLANTED_SECONDS));
        let plan = Plan { seed, disk: mistake.disk, load, rate: args.rate, troubles: mistake.troubles.to_vec() };
        let program = Program::Tidelog { binary: binary.to_owned(), planted: Some(mistake.name) };
        let dir = round::dir_of(&root.join(&args.dir), &plan);
        let begun = now();
        let violations = round::run(root, &dir, &plan, program)?.violations;
        std::fs::remove_dir_all(&dir).map_err(|source| TortureError::io(&dir, source))?;
        let found = violations.iter().find(|violation| mistake.checks.contains(&violation.check));
        let seconds = now().duration_since(begun).as_secs();
        if let Some(Violation { check, what, .. }) = found {
            say(&format!("{}: found by {check} in {seconds} s, seed {seed}: {what}", mistake.name));
            return Ok(true);
        }
        say(&format!("{}: not found in {seconds} s, seed {seed}", mistake.name));
    }
    Ok(false)
}

/// One round, with all that is said of it.
fn one(root: &Path, args: &Args, plan: &Plan, program: Program) -> Result<Figures, TortureError> {
    let name = program.to_string();
    let dir = round::dir_of(&root.join(&args.dir), plan);
    say(&format!("{name}, seed {} on {}: {} s of trouble", plan.seed, plan.disk, plan.load.as_secs()));
    let Outcome { violations, figures } = round::run(root, &dir, plan, program)?;
    if let Some(results) = &args.results {
        let round = Round { seed: plan.seed, broker: name, figures: figures.clone() };
        round.append(results)?;
    }
    for violation in &violations {
        say(&format!("{}: {}", violation.check, violation.what));
    }
    if !violations.is_empty() {
        return Err(TortureError::Broken(violations.len(), dir.display().to_string()));
    }
    // What is kept is what something was found in.
    std::fs::remove_dir_all(&dir).map_err(|source| TortureError::io(&dir, source))?;
    Ok(figures)
}

fn print_sum(results: &Path) -> Result<(), TortureError> {
    for (broker, (sum, seeds)) in Round::sums(results)? {
        let seeds: Vec<_> = seeds.iter().map(u64::to_string).collect();
        say(&format!("{broker}, seeds {}\n{}", seeds.join(" "), sum.lines().join("\n")));
    }
    Ok(())
}

/// Nobody may read it; the exit code says the same.
fn say(text: &str) {
    drop(writeln!(std::io::stdout(), "{text}"));
}

/// A seed that is another one each time.
fn seed_of_today() -> u64 {
    let seconds = Command::new("date").arg("+%s").output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&seconds).trim().parse().unwrap_or(1)
}
