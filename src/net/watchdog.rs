//! One timer for each connection that notices silence. It is armed once and looked at when it fires, so that a busy
//! connection pays a flag for it, not a timer for each request.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Sleep, sleep};

/// Notices when nothing happened for at least a given time, and at most twice as long.
#[derive(Debug)]
pub(super) struct Watchdog {
    timer: Pin<Box<Sleep>>,
    armed_for: Duration,
    was_active: bool,
}

impl Watchdog {
    /// A watchdog that looks for the first time after `limit`.
    pub(super) fn new(limit: Duration) -> Self {
        Self { timer: Box::pin(sleep(limit)), armed_for: limit, was_active: false }
    }

    /// Something happened.
    pub(super) fn feed(&mut self) {
        self.was_active = true;
    }

    /// Ready when nothing happened for `limit`. The limit may change from call to call. Cancel-safe: holds only the timer.
    pub(super) fn poll_silence(&mut self, context: &mut Context<'_>, limit: Duration) -> Poll<()> {
        if limit < self.armed_for {
            self.arm(limit);
        }
        while self.timer.as_mut().poll(context).is_ready() {
            let was_silent = !self.was_active && self.armed_for >= limit;
            self.was_active = false;
            self.arm(limit);
            if was_silent {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }

    fn arm(&mut self, limit: Duration) {
        self.timer.set(sleep(limit));
        self.armed_for = limit;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    const LIMIT: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn silence_is_noticed_and_activity_postpones_it() {
        let mut dog = Watchdog::new(LIMIT);
        dog.feed();
        let began = tokio::time::Instant::now();
        poll_fn(|context| dog.poll_silence(context, LIMIT)).await;
        assert!(began.elapsed() >= 2 * LIMIT);
    }

    #[tokio::test]
    async fn a_longer_limit_holds_although_the_timer_was_armed_for_a_shorter_one() {
        let mut dog = Watchdog::new(LIMIT);
        let began = tokio::time::Instant::now();
        poll_fn(|context| dog.poll_silence(context, 3 * LIMIT)).await;
        assert!(began.elapsed() >= 3 * LIMIT);
    }
}
