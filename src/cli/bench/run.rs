//! Runs the threads of a load through its phases and measures what happens meanwhile.

use std::time::Duration;

use super::control::{Control, Phase, Tally};
use super::report::Measured;
use super::usage::{self, Usage};
use super::{BenchError, CommonArgs};
use crate::cli::{ClientArgs, output, time};

/// What one thread does: it works until [`Phase::Drain`], waits for what is in flight, and says what it counted.
pub(super) type Work = Box<dyn FnOnce(&Control) -> Result<Tally, BenchError> + Send>;

/// How often the main thread looks; also how exactly a run ends.
const STEP: Duration = Duration::from_millis(2);

/// Runs `works` to their end.
///
/// # Errors
/// The first error of a thread.
pub(super) fn run(client: &ClientArgs, common: &CommonArgs, works: Vec<Work>) -> Result<Measured, BenchError> {
    let broker =
        common.broker_pid.or_else(|| client.bootstrap_server.first().and_then(|address| usage::listener(address)));
    let control = Control::default();
    std::thread::scope(|scope| {
        let workers: Vec<_> = works.into_iter().map(|work| scope.spawn(|| guarded(&control, work))).collect();
        let measured = conduct(&control, common, broker);
        let mut tally = Tally::new()?;
        for worker in workers {
            let counted =
                worker.join().map_err(|_| BenchError::Protocol("a thread of the generator panicked".to_owned()))?;
            tally.add(&counted?);
        }
        Ok(Measured { tally, ..measured? })
    })
}

/// A thread that fails ends the run for the others.
fn guarded(control: &Control, work: Work) -> Result<Tally, BenchError> {
    // Without this a timer may fire 50 us late, as much as a request takes. A kernel that refuses only measures worse.
    let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
    let done = work(control);
    if done.is_err() {
        control.enter(Phase::Drain);
    }
    done
}

/// Leads the phases by time and bytes.
fn conduct(control: &Control, common: &CommonArgs, broker: Option<u32>) -> Result<Measured, BenchError> {
    let mut progress = output::Progress::start();
    wait(control, common.warmup, common.warmup_bytes, &mut progress);
    let generator = std::process::id();
    let before = (broker.and_then(usage::of), usage::of(generator).unwrap_or_default());
    let begun = time::now();
    if control.phase() == Phase::Warmup {
        control.enter(Phase::Measure);
    }
    let limit = common.bytes.map(|bytes| bytes.saturating_add(control.bytes()));
    wait(control, common.duration, limit, &mut progress);
    let seconds = time::now().duration_since(begun).as_secs_f64();
    let after = (broker.and_then(usage::of), usage::of(generator).unwrap_or_default());
    control.enter(Phase::Drain);
    Ok(Measured {
        tally: Tally::new()?,
        seconds,
        broker: broker.zip(before.0.zip(after.0).map(|(before, after)| spent(before, after))),
        generator: spent(before.1, after.1),
    })
}

fn spent(before: Usage, after: Usage) -> Usage {
    Usage { cpu_seconds: after.cpu_seconds - before.cpu_seconds, ..after }
}

fn wait(control: &Control, seconds: f64, bytes: Option<u64>, progress: &mut output::Progress) {
    let begun = time::now();
    let whole = Duration::from_secs_f64(seconds);
    while time::now().duration_since(begun) < whole && control.phase() != Phase::Drain {
        let moved = control.bytes();
        if bytes.is_some_and(|limit| moved >= limit) {
            return;
        }
        let phase = control.phase();
        progress.show(|| format!("{phase:?}: {} moved", output::bytes(moved)));
        std::thread::sleep(STEP.min(whole.saturating_sub(time::now().duration_since(begun))));
    }
}
