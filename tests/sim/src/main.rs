//! `sim`: runs seeds of the simulation until some number is done or some time is up. `cargo xtask sim` starts it.
#![forbid(unsafe_code)]

use std::io::Write;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;

#[derive(Parser)]
#[command(
    name = "sim",
    about = "Runs the simulation: random schedules of clients, crashes and delays, each from a seed"
)]
struct Args {
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How many seeds are run.
    #[arg(long, default_value_t = 1, conflicts_with = "hours")]
    count: u64,
    /// Hours for which seeds are run, one after the other.
    #[arg(long)]
    hours: Option<f64>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let until = args.hours.map(|hours| now() + Duration::from_secs_f64(hours * 3_600.0));
    let (next, failed) = (AtomicU64::new(args.seed), AtomicU64::new(0));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            let is_over = match until {
                Some(until) => now() >= until,
                None => seed >= args.seed.saturating_add(args.count),
            };
            if is_over {
                return;
            }
            let verdict = sim::run(seed, None);
            let mut out = std::io::stdout().lock();
            let is_single = until.is_none() && args.count == 1;
            if !verdict.wrong.is_empty() || is_single {
                failed.fetch_add(u64::from(!verdict.wrong.is_empty()), Ordering::Relaxed);
                // Whoever closed the output does not want it.
                let _said = writeln!(out, "seed {seed}, hash {:016x}: {:#?}", verdict.hash, verdict.wrong);
            }
            if is_single {
                let _said = writeln!(out, "{:#?}", verdict.counts);
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let (seeds, failed) = (next.into_inner().saturating_sub(args.seed), failed.into_inner());
    let _said = writeln!(std::io::stdout(), "about {seeds} seeds, {failed} of them failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[expect(clippy::disallowed_methods, reason = "how long seeds are run is no part of what a seed does")]
fn now() -> Instant {
    Instant::now()
}
