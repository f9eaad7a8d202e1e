//! `cargo xtask fuzz`: hostile bytes for every reader of bytes, steered by what code they reach (libFuzzer). The targets are in
//! `fuzz/targets`, what earlier runs found worth keeping in `fuzz/corpus`.
//!
//! `cargo fuzz` is not needed: its flags are few and stable, and the code has no `unsafe` for which a sanitizer would want a
//! nightly compiler. Who has it can use it on the same folder.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The coverage that libFuzzer steers by: what `cargo fuzz` asks the compiler for without sanitizers.
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// Seconds after which an input counts as one that hangs.
const TIMEOUT_S: u32 = 10;

/// Memory of the whole process: inputs, coverage, and a finding that is not a panic.
const RSS_MAX_MB: u32 = 2048;

/// Why fuzzing did not end well.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FuzzError {
    /// Something cannot be read, written or started.
    #[error("{what}: {error}")]
    Io {
        /// What.
        what: String,
        /// Why.
        error: std::io::Error,
    },
    /// The targets do not build.
    #[error("the fuzz targets do not build")]
    Build,
    /// No target has this name.
    #[error("there is no target {name}; there are {}", known.join(", "))]
    Unknown {
        /// The name.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// Inputs were found that break something.
    #[error(
        "found something: {0}; the inputs are in target/fuzz/findings, and `cargo xtask fuzz --input FILE TARGET` runs one"
    )]
    Found(String),
}

/// Which targets, and for how long.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The targets; all, if none is named.
    targets: Vec<String>,
    /// Seconds for all targets together.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Hours instead.
    #[arg(long, conflicts_with = "seconds")]
    hours: Option<f64>,
    /// Runs one input, such as one that was found.
    #[arg(long, conflicts_with_all = ["seconds", "hours"])]
    input: Option<PathBuf>,
    /// Keeps in fuzz/corpus the smallest set of inputs that reaches what all that were found reach.
    #[arg(long, conflicts_with = "input")]
    keep: bool,
}

/// Builds the targets and runs them, one after the other.
pub(crate) fn run(root: &Path, args: &Args) -> Result<(), FuzzError> {
    let fuzzer = Fuzzer { root, host: host()? };
    let known = fuzzer.known()?;
    let chosen = if args.targets.is_empty() { &known } else { &args.targets };
    if let Some(name) = chosen.iter().find(|name| !known.contains(name)) {
        return Err(FuzzError::Unknown { name: name.clone(), known });
    }
    fuzzer.build()?;
    if let Some(input) = &args.input {
        let broken = chosen.iter().filter_map(|target| match fuzzer.succeeds(target, &[input]) {
            Ok(true) => None,
            Ok(false) => Some(Ok(target.clone())),
            Err(error) => Some(Err(error)),
        });
        return found(&broken.collect::<Result<Vec<_>, _>>()?);
    }
    let seconds = args.hours.map_or(args.seconds, |hours| std::time::Duration::from_secs_f64(hours * 3600.0).as_secs());
    let each = (seconds / model::num::u64_from_usize(chosen.len())).max(1);
    let (mut broken, mut executions) = (Vec::new(), 0);
    for target in chosen {
        let (is_whole, count) = fuzzer.fuzz(target, each)?;
        say(&format!("{target:<20} {count:>12} executions  {}", if is_whole { "nothing found" } else { "FOUND" }))?;
        executions += count;
        if !is_whole {
            broken.push(target.clone());
        }
        if args.keep && is_whole {
            fuzzer.keep(target)?;
        }
    }
    say(&format!("{:<20} {executions:>12} executions", "together"))?;
    found(&broken)
}

fn found(broken: &[String]) -> Result<(), FuzzError> {
    if broken.is_empty() { Ok(()) } else { Err(FuzzError::Found(broken.join(", "))) }
}

fn host() -> Result<String, FuzzError> {
    let output = Command::new("rustc").arg("-vV").output().map_err(at("rustc"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().find_map(|line| line.strip_prefix("host: ")).map(str::to_owned).ok_or(FuzzError::Build)
}

fn say(line: &str) -> Result<(), FuzzError> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(at("standard output"))
}

fn at(what: &str) -> impl Fn(std::io::Error) -> FuzzError + '_ {
    move |error| FuzzError::Io { what: what.to_owned(), error }
}

struct Fuzzer<'a> {
    root: &'a Path,
    /// This machine, as the compiler calls it.
    host: String,
}

impl Fuzzer<'_> {
    fn known(&self) -> Result<Vec<String>, FuzzError> {
        let folder = self.root.join("fuzz/targets");
        let entries = std::fs::read_dir(&folder).map_err(at("fuzz/targets"))?;
        let mut names = entries
            .map(|entry| Ok(entry?.path().file_stem().unwrap_or_default().to_string_lossy().into_owned()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(at("fuzz/targets"))?;
        names.sort();
        Ok(names)
    }

    fn build(&self) -> Result<(), FuzzError> {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        // With a target given, build scripts and macros are built without the coverage.
        command.args(["build", "--release", "--locked", "--quiet", "--target", &self.host]);
        command.arg("--manifest-path").arg(self.root.join("fuzz/Cargo.toml"));
        command.arg("--target-dir").arg(self.work("build"));
        command.env("RUSTFLAGS", COVERAGE).env_remove("CARGO_TARGET_DIR");
        let status = command.status().map_err(at("cargo"))?;
        if status.success() { Ok(()) } else { Err(FuzzError::Build) }
    }

    /// A folder of what is made on the way.
    fn work(&self, name: &str) -> PathBuf {
        self.root.join("target/fuzz").join(name)
    }

    fn folder(path: PathBuf) -> Result<PathBuf, FuzzError> {
        std::fs::create_dir_all(&path).map_err(at(&path.display().to_string()))?;
        Ok(path)
    }

    fn binary(&self, target: &str) -> Command {
        let mut command = Command::new(self.work("build").join(&self.host).join("release").join(target));
        command.arg(format!("-timeout={TIMEOUT_S}")).arg(format!("-rss_limit_mb={RSS_MAX_MB}"));
        command
    }

    fn succeeds(&self, target: &str, inputs: &[&PathBuf]) -> Result<bool, FuzzError> {
        Ok(self.binary(target).args(inputs).status().map_err(at(target))?.success())
    }

    /// Runs a target; whether nothing was found, and how many inputs were tried. What libFuzzer says is shown if it found
    /// something.
    fn fuzz(&self, target: &str, seconds: u64) -> Result<(bool, u64), FuzzError> {
        let found = Self::folder(self.work("corpus").join(target))?;
        let findings = Self::folder(self.work("findings"))?;
        let kept = Self::folder(self.root.join("fuzz/corpus").join(target))?;
        let mut command = self.binary(target);
        command.arg(format!("-max_total_time={seconds}")).arg("-print_final_stats=1");
        command.arg(format!("-artifact_prefix={}/{target}-", findings.display()));
        command.args([found, kept]).stderr(Stdio::piped()).stdout(Stdio::null());
        let mut child = command.spawn().map_err(at(target))?;
        let (mut lines, mut count) = (Vec::new(), 0);
        if let Some(stderr) = child.stderr.take() {
            for line in BufReader::new(stderr).lines() {
                let line = line.map_err(at(target))?;
                if let Some(number) = line.strip_prefix("stat::number_of_executed_units:") {
                    count = number.trim().parse().unwrap_or(0);
                }
                lines.push(line);
            }
        }
        let is_whole = child.wait().map_err(at(target))?.success();
        if !is_whole {
            say(&lines.split_off(lines.len().saturating_sub(60)).join("\n"))?;
        }
        Ok((is_whole, count))
    }

    /// Merges what was found into the corpus that is kept, by coverage.
    fn keep(&self, target: &str) -> Result<(), FuzzError> {
        let (found, kept) = (self.work("corpus").join(target), self.root.join("fuzz/corpus").join(target));
        let merged = Self::folder(self.work("merged").join(target))?;
        let mut command = self.binary(target);
        command.arg("-set_cover_merge=1").args([&merged, &kept, &found]).stderr(Stdio::null());
        if !command.status().map_err(at(target))?.success() {
            return Err(FuzzError::Found(target.to_owned()));
        }
        std::fs::remove_dir_all(&kept).map_err(at("fuzz/corpus"))?;
        std::fs::rename(&merged, &kept).map_err(at("fuzz/corpus"))
    }
}
