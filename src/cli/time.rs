//! The command line's own clock. A client measures from outside, so it shares nothing with the broker's `clock.rs`.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The monotonic moment of the call.
#[expect(clippy::disallowed_methods, reason = "the one place where the command line reads a monotonic clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Milliseconds since 1970, as records carry them.
#[expect(clippy::disallowed_methods, reason = "the one place where the command line reads the wall clock")]
pub(crate) fn wall_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A moment after which nobody waits any more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    /// The deadline that lies `span` from now.
    pub(crate) fn after(span: Duration) -> Self {
        Self(now() + span)
    }

    /// What is left; `None` when it has passed.
    pub(crate) fn remaining(self) -> Option<Duration> {
        self.0.checked_duration_since(now()).filter(|left| !left.is_zero())
    }

    /// Waits for `span`, or as long as is left; false when nothing was left.
    pub(crate) fn pause(self, span: Duration) -> bool {
        match self.remaining() {
            Some(left) => {
                std::thread::sleep(span.min(left));
                true
            }
            None => false,
        }
    }
}
