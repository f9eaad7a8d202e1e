//! `cargo xtask ci`: everything that must hold, in one run, as the project's CI runs it.
//!
//! Owns: the parts, their order and their budgets of time. Every part runs, whatever became of those before it, but for tests
//! whose build failed; nothing is tried twice. The last lines say what failed, the minutes of each part, and the counts.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::{docs, schema_import, tidy};

/// Why the run failed, after everything was said.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CiError {
    /// Parts failed.
    #[error("failed: {0}")]
    Failed(String),
    /// The crates cannot be listed.
    #[error(transparent)]
    Crates(#[from] tidy::TidyError),
    /// What is said cannot be written.
    #[error("standard output: {0}")]
    Output(#[from] std::io::Error),
}

/// Something that must hold.
struct Part {
    name: String,
    /// Minutes that it may take before the summary says so.
    budget_min: u64,
    job: Job,
}

enum Job {
    /// A command that fails or not.
    Check(Command),
    /// The same, without which no test can run.
    Build(Command),
    /// A command that runs tests and counts them.
    Tests(Command),
    /// A task of ours that says what is wrong.
    Own(fn(&Path) -> Result<(), String>),
}

/// What became of a part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Count {
    const PASSED: Self = Self { passed: 1, failed: 0, ignored: 0 };
    const FAILED: Self = Self { passed: 0, failed: 1, ignored: 0 };

    fn of(holds: bool) -> Self {
        if holds { Self::PASSED } else { Self::FAILED }
    }

    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }
}

/// A part that was run.
struct Done {
    name: String,
    budget: Duration,
    took: Duration,
    count: Count,
}

/// Runs all parts.
pub(crate) fn run(root: &Path) -> Result<(), CiError> {
    let mut out = std::io::stdout().lock();
    let mut is_built = true;
    let mut done = Vec::new();
    for part in parts(root, &tidy::test_targets(root)?) {
        writeln!(out, "\n==> {}", part.name)?;
        out.flush()?;
        let start = now();
        let count = match part.job {
            Job::Check(mut command) => Count::of(succeeds(&mut command)),
            Job::Build(mut command) => {
                let holds = succeeds(&mut command);
                is_built &= holds;
                Count::of(holds)
            }
            Job::Tests(_) if !is_built => {
                writeln!(out, "not run: the build failed")?;
                Count::FAILED
            }
            Job::Tests(mut command) => tests(&mut command, &mut out)?,
            Job::Own(task) => match task(root) {
                Ok(()) => Count::PASSED,
                Err(failure) => {
                    writeln!(out, "{failure}")?;
                    Count::FAILED
                }
            },
        };
        let budget = Duration::from_mins(part.budget_min);
        done.push(Done { name: part.name, budget, took: now().duration_since(start), count });
    }
    summarize(&done, &mut out)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the minutes of a part are for a person to read; nothing depends on them"
)]
fn now() -> Instant {
    Instant::now()
}

fn summarize(done: &[Done], out: &mut impl Write) -> Result<(), CiError> {
    let mut total = Count::default();
    let mut took = Duration::ZERO;
    writeln!(out, "\n{:<40} {:>7} {:>7} {:>7} {:>7}", "part", "minutes", "passed", "failed", "ignored")?;
    for Done { name, budget, took: minutes, count } in done {
        let late =
            if minutes > budget { format!("  over its {} minutes", budget.as_secs() / 60) } else { String::new() };
        let Count { passed, failed, ignored } = count;
        writeln!(out, "{name:<40} {:>7.1} {passed:>7} {failed:>7} {ignored:>7}{late}", minutes.as_secs_f64() / 60.0)?;
        total.add(*count);
        took += *minutes;
    }
    writeln!(out, "{:<40} {:>7.1}", "together", took.as_secs_f64() / 60.0)?;
    writeln!(out, "{} passed, {} failed", total.passed, total.failed)?;
    let failed: Vec<_> = done.iter().filter(|part| part.count.failed > 0).map(|part| part.name.as_str()).collect();
    if failed.is_empty() { Ok(()) } else { Err(CiError::Failed(failed.join(", "))) }
}

fn parts(root: &Path, test_targets: &BTreeSet<String>) -> Vec<Part> {
    let part = |name: &str, budget_min, job| Part { name: name.to_owned(), budget_min, job };
    let cargo = |arguments: &[&str]| {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(arguments).current_dir(root);
        command
    };
    let mut docs = cargo(&["doc", "--workspace", "--no-deps", "--quiet"]);
    docs.env("RUSTDOCFLAGS", "-D warnings");
    let mut tools = Command::new(root.join("tests/support/install.sh"));
    tools.current_dir(root);
    let mut parts = vec![
        part("what the tests need", 8, Job::Check(tools)),
        part("format", 1, Job::Check(cargo(&["fmt", "--all", "--check"]))),
        part(
            "format of the fuzz targets",
            1,
            Job::Check(cargo(&["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"])),
        ),
        part("tidy", 1, Job::Own(|root| tidy::run(root).map_err(|error| error.to_string()))),
        part("generated pages", 1, Job::Own(|root| docs::check(root).map_err(|error| error.to_string()))),
        part("schema", 1, Job::Own(|root| schema_import::check(root).map_err(|error| error.to_string()))),
        part("clippy", 4, Job::Check(cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))),
        part("documentation", 2, Job::Check(docs)),
        part("build", 8, Job::Build(cargo(&["test", "--workspace", "--no-run"]))),
        part("release build", 5, Job::Check(cargo(&["build", "--release"]))),
        part(
            "tests of the crates",
            3,
            Job::Tests(cargo(&["test", "--workspace", "--lib", "--bins", "--no-fail-fast"])),
        ),
        part(
            "examples in the documentation",
            2,
            Job::Tests(cargo(&["test", "--workspace", "--doc", "--no-fail-fast"])),
        ),
    ];
    // By name in the whole workspace: one package alone has other features, and would be built again with them.
    for name in test_targets {
        let arguments = ["test", "--workspace", "--test", name, "--no-fail-fast"];
        let mut tests = cargo(&arguments);
        if name == "groups" {
            // Its members wait for each other most of the time, so that more of them fit beside each other than there are cores.
            tests.args(["--", "--test-threads", "4"]);
        }
        parts.push(part(&format!("tests: {name}"), 8, Job::Tests(tests)));
        if name == "cases" {
            // What the cases say of us is worth as much as the real Kafka agrees with them. The comparisons of the two have been
            // made in the first run.
            let mut against_kafka = cargo(&arguments);
            against_kafka.args(["--", "--skip", "differential"]).env("TIDELOG_TEST_BROKER", "kafka");
            parts.push(part("tests: cases, the real Kafka", 4, Job::Tests(against_kafka)));
        }
    }
    // Torture: kills, power cuts and the rest, on both file systems; it needs root and loop devices, and fails without them.
    let torture = "torture --seconds 15 --disk ext4,xfs --trouble kill,kill,power,power,pause,cut,errors,full";
    for (name, budget_min, task) in [
        ("fuzz, a minute", 4, "fuzz --seconds 60"),
        ("bench, quick", 3, "bench --quick"),
        ("torture, two rounds", 4, torture),
    ] {
        let mut own = cargo(&["run", "--quiet", "--package", "tools", "--bin", "xtask", "--"]);
        own.args(task.split(' '));
        parts.push(part(name, budget_min, Job::Check(own)));
    }
    parts
}

fn succeeds(command: &mut Command) -> bool {
    match command.status() {
        Ok(status) => status.success(),
        Err(error) => {
            eprintln!("{}: {error}", command.get_program().display());
            false
        }
    }
}

/// Runs tests, passes on what they say, and adds up their counts.
fn tests(command: &mut Command, out: &mut impl Write) -> Result<Count, CiError> {
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let mut count = Count::default();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            writeln!(out, "{line}")?;
            count.add(counted(&line).unwrap_or_default());
        }
    }
    if !child.wait()?.success() && count.failed == 0 {
        // Something else than a test failed: a test's build, or a process that was killed.
        count.failed = 1;
    }
    Ok(count)
}

/// The counts of `test result: ok. 3 passed; 0 failed; 1 ignored; ...`.
fn counted(line: &str) -> Option<Count> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let number = |name: &str| {
        let part = counts.split(';').find_map(|part| part.trim().strip_suffix(name))?;
        part.trim().parse::<u64>().ok()
    };
    Some(Count { passed: number("passed")?, failed: number("failed")?, ignored: number("ignored")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_of_tests_are_read() {
        let line = "test result: FAILED. 12 passed; 2 failed; 1 ignored; 0 measured; 3 filtered out; finished in 1.00s";
        assert_eq!(counted(line), Some(Count { passed: 12, failed: 2, ignored: 1 }));
        assert_eq!(counted("test result is not known"), None);
    }

    #[test]
    fn a_run_of_tests_that_dies_has_failed() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo 'test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured'; exit 1"]);
        let count = tests(&mut command, &mut Vec::new()).unwrap();
        assert_eq!(count, Count { passed: 3, failed: 1, ignored: 0 });
    }

    #[test]
    fn the_summary_ends_with_the_counts_and_fails_with_a_part() {
        let done = |failed| Done {
            name: "part".to_owned(),
            budget: Duration::from_mins(1),
            took: Duration::from_mins(2),
            count: Count { passed: 3, failed, ignored: 0 },
        };
        let mut out = Vec::new();
        summarize(&[done(0), done(0)], &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("over its 1 minutes"), "{text}");
        assert!(text.ends_with("\n6 passed, 0 failed\n"), "{text}");
        assert!(summarize(&[done(0), done(1)], &mut Vec::new()).is_err());
    }
}
