//! Keeps what comes in a second, bytes or connections, below a bound on average.

use model::Tick;

/// What came longer ago does not count.
const WINDOW_MS: u64 = 1_000;

/// What came in the last moment.
#[derive(Debug)]
pub(crate) struct Throttle {
    since: Tick,
    count: u64,
}

impl Throttle {
    /// Nothing has come yet.
    pub(crate) const fn new(now: Tick) -> Self {
        Self { since: now, count: 0 }
    }

    /// Takes note of what came; gives how long to pause so that no more than `per_second` come in a second, ms.
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a pause need not be exact; `as` saturates"
    )]
    pub(crate) fn note(&mut self, count: u64, per_second: f64, now: Tick) -> u64 {
        self.count = self.count.saturating_add(count);
        let elapsed = now.as_ms().saturating_sub(self.since.as_ms());
        let due = (self.count as f64 * 1_000.0 / per_second.max(1.0)) as u64;
        if due > elapsed {
            return due - elapsed;
        }
        if elapsed >= WINDOW_MS {
            // Time in which little came is not saved up.
            (self.since, self.count) = (now, 0);
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_take_their_time_and_idle_time_is_not_saved_up() {
        let mut throttle = Throttle::new(Tick::from_ms(0));
        let mut now = 0;
        for _ in 0..100 {
            now += throttle.note(1_000, 100_000.0, Tick::from_ms(now));
        }
        assert!((900..=1_000).contains(&now), "{now} ms for a second's bytes");
        now += 3_600_000;
        assert_eq!(throttle.note(0, 100_000.0, Tick::from_ms(now)), 0);
        assert_eq!(throttle.note(200_000, 100_000.0, Tick::from_ms(now)), 2_000, "the hour before counts for nothing");
    }
}
