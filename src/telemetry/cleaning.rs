//! What compaction tells of itself: how dirty the dirtiest log is, and how the last cleaning of each thread went.
//!
//! Written by the threads of compaction, read when somebody looks at the metrics. Does not know: logs, threads.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::Tick;

/// What is known of compaction.
#[derive(Debug, Default)]
pub(crate) struct Cleaning {
    looks: Mutex<Looks>,
    dead_threads: AtomicU64,
}

#[derive(Debug, Default)]
struct Looks {
    /// When a thread last looked for a log to clean, and the share of the dirtiest that it saw, in percent.
    last: Option<(Tick, u64)>,
    /// The last cleaning of each thread, by the thread's number.
    cleanings: BTreeMap<usize, LastCleaning>,
}

/// One cleaning of one log.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LastCleaning {
    /// Bytes that were gone through.
    pub(crate) bytes_before: u64,
    /// Bytes that were left of them.
    pub(crate) bytes_after: u64,
    /// Ms that it took.
    pub(crate) took_ms: u64,
    /// Ms beyond `max.compaction.lag.ms` that a record had waited for it.
    pub(crate) overdue_ms: u64,
}

/// Counts the thread that holds it as dead, if that ends with a panic.
#[derive(Debug)]
pub(crate) struct Life<'a>(&'a Cleaning);

/// What an operator is shown, in Kafka's units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CleaningShown {
    /// Percent of the dirtiest log that is not cleaned.
    pub(crate) max_dirty_percent: u64,
    /// Ms since a thread looked for a log to clean.
    pub(crate) since_last_run_ms: u64,
    /// Percent of the bytes gone through that the last cleanings left.
    pub(crate) recopy_percent: u64,
    /// Seconds that the longest of the last cleanings took.
    pub(crate) max_clean_time_secs: u64,
    /// Seconds that a record had waited too long for the last cleanings.
    pub(crate) max_compaction_delay_secs: u64,
    /// Threads that ended with a panic.
    pub(crate) dead_threads: u64,
}

impl Cleaning {
    /// A thread looked at all logs; the share of the dirtiest, from 0 to 1.
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share from 0 to 1"
    )]
    pub(crate) fn looked(&self, now: Tick, dirtiest: f64) {
        self.lock().last = Some((now, (dirtiest.clamp(0.0, 1.0) * 100.0) as u64));
    }

    /// A thread has cleaned a log.
    pub(crate) fn cleaned(&self, thread: usize, cleaning: LastCleaning) {
        self.lock().cleanings.insert(thread, cleaning);
    }

    /// To be held by a thread as long as it lives.
    pub(crate) fn begin_life(&self) -> Life<'_> {
        Life(self)
    }

    /// All of it; `None` as long as nobody has looked for a log to clean.
    pub(crate) fn shown(&self, now: Tick) -> Option<CleaningShown> {
        let looks = self.lock();
        let (looked_at, max_dirty_percent) = looks.last?;
        let sum = |of: fn(&LastCleaning) -> u64| looks.cleanings.values().map(of).sum::<u64>();
        let most = |of: fn(&LastCleaning) -> u64| looks.cleanings.values().map(of).max().unwrap_or(0);
        let (before, after) = (sum(|cleaning| cleaning.bytes_before), sum(|cleaning| cleaning.bytes_after));
        Some(CleaningShown {
            max_dirty_percent,
            since_last_run_ms: now.as_ms().saturating_sub(looked_at.as_ms()),
            recopy_percent: after.saturating_mul(100).checked_div(before).unwrap_or(0),
            max_clean_time_secs: most(|cleaning| cleaning.took_ms) / 1000,
            max_compaction_delay_secs: most(|cleaning| cleaning.overdue_ms) / 1000,
            dead_threads: self.dead_threads.load(Ordering::Relaxed),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Looks> {
        // Numbers that are replaced as a whole.
        self.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Life<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.dead_threads.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Tick {
        Tick::default().after_ms(ms).at()
    }

    #[test]
    fn the_last_cleaning_of_each_thread_counts() {
        let cleaning = Cleaning::default();
        assert_eq!(cleaning.shown(at(0)), None);
        cleaning.looked(at(100), 0.756);
        let of = |bytes_before, bytes_after, took_ms, overdue_ms| LastCleaning {
            bytes_before,
            bytes_after,
            took_ms,
            overdue_ms,
        };
        cleaning.cleaned(0, of(1000, 1000, 90_000, 90_000));
        cleaning.cleaned(0, of(1000, 100, 2_999, 0));
        cleaning.cleaned(1, of(1000, 500, 500, 7_000));
        let expected = CleaningShown {
            max_dirty_percent: 75,
            since_last_run_ms: 50,
            recopy_percent: 30,
            max_clean_time_secs: 2,
            max_compaction_delay_secs: 7,
            dead_threads: 0,
        };
        assert_eq!(cleaning.shown(at(150)), Some(expected));
    }

    #[test]
    fn a_thread_that_ends_with_a_panic_is_dead_and_one_that_returns_is_not() {
        let cleaning = Cleaning::default();
        cleaning.looked(at(0), 0.0);
        std::thread::scope(|scope| {
            scope.spawn(|| drop(cleaning.begin_life()));
            let dies = scope.spawn(|| {
                let _life = cleaning.begin_life();
                panic!("as a test wants it");
            });
            assert!(dies.join().is_err());
        });
        assert_eq!(cleaning.shown(at(0)).unwrap().dead_threads, 1);
    }
}
