//! The only reader of time. Everything else is told what time it is.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use model::{Tick, Timestamp};

/// Reads wall time and monotonic time. Cheap to copy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    started: Instant,
}

impl Clock {
    /// A clock whose ticks count from now.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
    pub(crate) fn start() -> Self {
        Self { started: Instant::now() }
    }

    /// Wall time: for stamps on records, never for timeouts.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    #[expect(clippy::unused_self, reason = "time is read through the clock that was passed in, never from nowhere")]
    pub(crate) fn now(self) -> Timestamp {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Timestamp::new(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX))
    }

    /// How long the process has run: for measuring what takes less than a millisecond.
    pub(crate) fn elapsed(self) -> Duration {
        self.started.elapsed()
    }

    /// Monotonic time: for timeouts.
    pub(crate) fn tick(self) -> Tick {
        Tick::from_ms(u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX))
    }
}
