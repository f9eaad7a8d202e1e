//! Waiting for the end of a transaction, on behalf of a client whose next one has begun: it writes, and with that adds what it
//! writes to, but the markers of the one before are still on their way (KIP-890). The client would wait as well, but longer.

use std::time::Duration;

/// The first pause. The longest, and how long it goes on, are those of Kafka's `add.partitions.to.txn.retry.backoff.ms` and
/// `add.partitions.to.txn.retry.backoff.max.ms`.
const PAUSE_MIN: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_millis(20);
const WAIT_MAX: Duration = Duration::from_millis(100);

/// How much longer it is worth to wait.
#[derive(Debug)]
pub(crate) struct Patience {
    waited: Duration,
    pause: Duration,
}

impl Patience {
    /// Nobody has waited yet.
    pub(crate) fn new() -> Self {
        Self { waited: Duration::ZERO, pause: PAUSE_MIN }
    }

    /// Waits a while; says at once that it is not worth it any more.
    pub(crate) async fn wait(&mut self) -> bool {
        if self.waited >= WAIT_MAX {
            return false;
        }
        tokio::time::sleep(self.pause).await;
        self.waited += self.pause;
        self.pause = PAUSE_MAX.min(self.pause * 2);
        true
    }
}
