//! The phases of a run, and what one thread of the generator counts in them.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::cli::time;

/// Where a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Under load, not counted.
    Warmup,
    /// Under load, counted.
    Measure,
    /// Nothing new is sent; what is in flight is awaited, so that every acknowledgement is known.
    Drain,
}

/// What the main thread tells the workers, and what they tell it while they run.
#[derive(Debug, Default)]
pub(super) struct Control {
    phase: AtomicU8,
    bytes: AtomicU64,
}

impl Control {
    /// The current phase.
    pub(super) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Relaxed) {
            0 => Phase::Warmup,
            1 => Phase::Measure,
            _ => Phase::Drain,
        }
    }

    /// Goes on to `phase`; never back.
    pub(super) fn enter(&self, phase: Phase) {
        let number = match phase {
            Phase::Warmup => 0,
            Phase::Measure => 1,
            Phase::Drain => 2,
        };
        self.phase.fetch_max(number, Ordering::Relaxed);
    }

    /// Counts bytes that were moved, in any phase.
    pub(super) fn moved(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes that were moved in all phases so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// What one thread counted.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    phase: Phase,
    /// Requests answered while it was measured.
    pub(super) requests: u64,
    /// Records in them.
    pub(super) records: u64,
    /// Bytes in them: of batches for produce, of the wire for fetch.
    pub(super) bytes: u64,
    /// Records acknowledged in all phases.
    pub(super) records_in_all: u64,
    /// Nanoseconds from when a request was due (open loop) or sent (closed loop) to its answer, while it was measured.
    pub(super) latency: Histogram<u64>,
}

impl Tally {
    /// Nothing counted yet.
    ///
    /// # Errors
    /// Never in practice: the histogram's bounds are constants.
    pub(super) fn new() -> Result<Self, super::BenchError> {
        Ok(Self { phase: Phase::Warmup, requests: 0, records: 0, bytes: 0, records_in_all: 0, latency: histogram()? })
    }

    /// Notes the phase in which the next answers come.
    pub(super) fn enter(&mut self, phase: Phase) {
        self.phase = phase;
    }

    /// Counts an answer that came at `now` to what was due at `due`.
    pub(super) fn answered(&mut self, records: u64, bytes: u64, due: Instant, now: Instant) {
        self.records_in_all += records;
        if self.phase != Phase::Measure {
            return;
        }
        self.requests += 1;
        self.records += records;
        self.bytes += bytes;
        let nanoseconds = u64::try_from(now.saturating_duration_since(due).as_nanos()).unwrap_or(u64::MAX);
        self.latency.saturating_record(nanoseconds);
    }

    /// Adds what another thread counted.
    pub(super) fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.records += other.records;
        self.bytes += other.bytes;
        self.records_in_all += other.records_in_all;
        // Both have the same bounds, so adding cannot fail.
        let _ = self.latency.add(&other.latency);
    }
}

/// An empty histogram of nanoseconds up to five minutes, exact to three digits.
///
/// # Errors
/// Never in practice: the bounds are constants.
pub(super) fn histogram() -> Result<Histogram<u64>, super::BenchError> {
    Histogram::new_with_bounds(1, 300_000_000_000, 3).map_err(|error| super::BenchError::Template(error.to_string()))
}

/// When requests are due in an open loop, whatever the answers do: so a slow answer cannot hide how late the next are
/// (coordinated omission).
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    begin: Instant,
    interval_ns: u64,
    next: u64,
}

impl Schedule {
    /// A request every `interval` from now on.
    pub(super) fn every(interval: Duration) -> Self {
        Self { begin: time::now(), interval_ns: u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX), next: 0 }
    }

    /// When the next request is due.
    pub(super) fn due(&self) -> Instant {
        self.due_of(self.next)
    }

    /// Takes the next request if it is due.
    pub(super) fn take(&mut self, now: Instant) -> Option<Instant> {
        let due = self.due();
        if due > now {
            return None;
        }
        self.next += 1;
        Some(due)
    }

    /// When the request number `index`, from 0, was or will be due.
    pub(super) fn due_of(&self, index: u64) -> Instant {
        self.begin + Duration::from_nanos(self.interval_ns.saturating_mul(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_keep_their_size() {
        let mut tally = Tally::new().unwrap();
        let begin = time::now();
        tally.answered(1, 10, begin, begin);
        tally.enter(Phase::Measure);
        tally.answered(2, 20, begin, begin + Duration::from_millis(3));
        assert_eq!((tally.requests, tally.records, tally.bytes, tally.records_in_all), (1, 2, 20, 3));
        assert!(tally.latency.max().abs_diff(3_000_000) < 3_000);
    }

    #[test]
    fn a_schedule_does_not_wait_for_answers() {
        let mut schedule = Schedule::every(Duration::from_millis(10));
        let begin = schedule.due();
        assert_eq!(schedule.take(begin), Some(begin));
        assert_eq!(schedule.take(begin), None);
        let late = begin + Duration::from_millis(25);
        assert_eq!(schedule.take(late), Some(begin + Duration::from_millis(10)));
        assert_eq!(schedule.take(late), Some(begin + Duration::from_millis(20)));
        assert_eq!(schedule.take(late), None);
        assert_eq!(schedule.due_of(1), begin + Duration::from_millis(10));
    }
}
