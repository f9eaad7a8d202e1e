//! Counters that many threads add to and one reads now and then.
//!
//! Each thread has a part of its own, so that adding touches no line of memory that another thread writes; reading sums the
//! parts. There is no lock and nothing is looked up: the label is an index.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::label::{Label, Unlabelled};

/// Parts of a counter. Threads beyond it share one with another.
const PARTS: usize = 16;
/// Numbers in a line, which has 128 bytes: processors fetch lines of 64 in pairs.
const LINE: usize = 16;

/// A counter without labels.
pub(crate) type Counter = CounterBy<Unlabelled>;

/// A counter for each value of a label.
#[derive(Debug)]
pub(crate) struct CounterBy<L> {
    numbers: Numbers,
    label: PhantomData<L>,
}

impl<L: Label> Default for CounterBy<L> {
    fn default() -> Self {
        Self { numbers: Numbers::new(L::COUNT), label: PhantomData }
    }
}

impl<L: Label> CounterBy<L> {
    /// Counts `count` more.
    pub(crate) fn add(&self, label: L, count: u64) {
        self.numbers.add(label.place(), count);
    }

    /// All that was counted.
    pub(crate) fn total(&self, label: L) -> u64 {
        self.numbers.total(label.place())
    }
}

impl Counter {
    /// Counts `count` more.
    pub(crate) fn count(&self, count: u64) {
        self.add(Unlabelled, count);
    }

    /// All that was counted.
    pub(crate) fn sum(&self) -> u64 {
        self.total(Unlabelled)
    }
}

#[derive(Debug, Default)]
#[repr(align(128))]
struct Line([AtomicU64; LINE]);

/// A row of numbers, in parts.
#[derive(Debug)]
pub(super) struct Numbers {
    parts: [Box<[Line]>; PARTS],
}

impl Numbers {
    pub(super) fn new(count: usize) -> Self {
        let part = || (0..count.div_ceil(LINE)).map(|_| Line::default()).collect();
        Self { parts: std::array::from_fn(|_| part()) }
    }

    pub(super) fn add(&self, place: usize, count: u64) {
        let part = self.parts.get(part()).and_then(|part| number(part, place));
        if let Some(number) = part {
            number.fetch_add(count, Ordering::Relaxed);
        }
    }

    pub(super) fn total(&self, place: usize) -> u64 {
        let parts = self.parts.iter().filter_map(|part| number(part, place));
        parts.fold(0, |sum, number| sum.wrapping_add(number.load(Ordering::Relaxed)))
    }
}

fn number(part: &[Line], place: usize) -> Option<&AtomicU64> {
    part.get(place / LINE).and_then(|line| line.0.get(place % LINE))
}

/// The part of this thread.
fn part() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static PART: usize = NEXT.fetch_add(1, Ordering::Relaxed) % PARTS;
    }
    PART.with(|part| *part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::ApiKey;

    #[test]
    fn what_many_threads_count_adds_up_for_each_label() {
        let counter = CounterBy::<ApiKey>::default();
        std::thread::scope(|scope| {
            for _ in 0..2 * PARTS {
                scope.spawn(|| {
                    (0..1000).for_each(|_| counter.add(ApiKey::Produce, 1));
                    (0..1000).for_each(|_| counter.add(ApiKey::PushTelemetry, 2));
                });
            }
        });
        let threads = u64::try_from(2 * PARTS).unwrap();
        assert_eq!(counter.total(ApiKey::Produce), 1000 * threads);
        assert_eq!(counter.total(ApiKey::PushTelemetry), 2000 * threads);
        assert_eq!(counter.total(ApiKey::Fetch), 0);
    }
}
