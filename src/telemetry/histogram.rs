//! Histograms of durations, on the counters' parts.

use std::marker::PhantomData;
use std::time::Duration;

use super::counter::Numbers;
use super::label::Label;

/// The upper bounds of the buckets, in microseconds; the last bucket has none.
const BOUNDS_US: [u64; 15] =
    [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 5_000_000];
/// A bucket for each bound, one beyond, and the sum.
const WIDTH: usize = BOUNDS_US.len() + 2;
const SUM: usize = BOUNDS_US.len() + 1;

/// A histogram of durations for each value of a label.
#[derive(Debug)]
pub(crate) struct HistogramBy<L> {
    numbers: Numbers,
    label: PhantomData<L>,
}

/// What a histogram has counted, in milliseconds.
#[derive(Debug)]
pub(super) struct Counted {
    pub(super) sum: f64,
    pub(super) count: u64,
    /// Each bucket's upper bound and its own count, not that of the buckets below.
    pub(super) buckets: Vec<(f64, u64)>,
}

impl<L: Label> Default for HistogramBy<L> {
    fn default() -> Self {
        Self { numbers: Numbers::new(L::COUNT * WIDTH), label: PhantomData }
    }
}

impl<L: Label> HistogramBy<L> {
    /// Counts one more.
    pub(crate) fn observe(&self, label: L, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let first = label.place() * WIDTH;
        let bucket = BOUNDS_US.partition_point(|bound| *bound < micros);
        self.numbers.add(first + bucket, 1);
        self.numbers.add(first + SUM, micros);
    }

    /// What was counted; `None` if that is nothing.
    pub(super) fn counted(&self, label: L) -> Option<Counted> {
        let first = label.place() * WIDTH;
        let bounds = BOUNDS_US.iter().map(|bound| milliseconds(*bound)).chain([f64::INFINITY]);
        let buckets: Vec<_> =
            bounds.enumerate().map(|(bucket, bound)| (bound, self.numbers.total(first + bucket))).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        (count > 0).then(|| Counted { sum: milliseconds(self.numbers.total(first + SUM)), count, buckets })
    }
}

fn milliseconds(micros: u64) -> f64 {
    Duration::from_micros(micros).as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::ApiKey;

    #[test]
    fn a_duration_falls_into_the_bucket_whose_bound_it_does_not_exceed() {
        let histogram = HistogramBy::<ApiKey>::default();
        assert!(histogram.counted(ApiKey::Fetch).is_none());
        for micros in [50, 51, 7_000_000] {
            histogram.observe(ApiKey::Fetch, Duration::from_micros(micros));
        }
        let counted = histogram.counted(ApiKey::Fetch).unwrap();
        let filled: Vec<_> = counted.buckets.iter().filter(|(_, count)| *count > 0).copied().collect();
        assert_eq!(filled, [(0.05, 1), (0.1, 1), (f64::INFINITY, 1)]);
        assert_eq!(counted.count, 3);
        assert!((counted.sum - 7000.101).abs() < 1e-6, "{}", counted.sum);
        assert!(histogram.counted(ApiKey::Produce).is_none());
    }
}
