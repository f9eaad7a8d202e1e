//! The loop that moves logs' starts behind the records whose time is over or for which there is no room. What lies before a
//! start is deleted by the other loop.
//!
//! Owns: when. Does not know: which records those are.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use model::Timestamp;
use model::config::BrokerConfig;
use tracing::{error, info};

use super::retention_clock::RetentionClock;
use crate::clock::Clock;
use crate::partitions::{Partition, Registry};

/// The thread of retention.
#[derive(Debug)]
pub(super) struct Retention {
    stop: SyncSender<()>,
    thread: JoinHandle<()>,
}

impl Retention {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system's, when it cannot be made.
    pub(super) fn start(registry: Arc<Registry>, clock: Clock, config: &BrokerConfig) -> io::Result<Self> {
        let interval_ms = u64::try_from(config.log_retention_check_interval_ms).unwrap_or(1);
        let first_pause_ms = u64::try_from(config.log_initial_task_delay_ms).unwrap_or(0);
        let last_known = registry.log_manager().last_used();
        let pace_max = config.log_retention_clock_pace_max;
        let mut time = RetentionClock::new(pace_max, last_known, (clock.now(), clock.tick()));
        let (stop, stopped) = sync_channel(1);
        let thread = std::thread::Builder::new().name("retention".to_owned()).spawn(move || {
            let mut pause_ms = first_pause_ms;
            while matches!(stopped.recv_timeout(Duration::from_millis(pause_ms)), Err(RecvTimeoutError::Timeout)) {
                let now = clock.now();
                let by = time.advance(now, clock.tick());
                for partition in registry.all() {
                    move_start(&partition, by, now);
                }
                pause_ms = interval_ms;
            }
        })?;
        Ok(Self { stop, thread })
    }

    /// Ends the thread after its round.
    pub(super) fn stop(self) {
        drop(self.stop);
        if self.thread.join().is_err() {
            error!("the thread of retention ended with a panic");
        }
    }
}

/// Lets the partition's log begin behind what retention does not keep by the time `by`.
fn move_start(partition: &Partition, by: Timestamp, now: Timestamp) {
    let log = partition.log();
    if log.is_offline() || partition.is_retired() {
        return;
    }
    let name = log.topic_partition();
    match log.retained_start(by, partition.high_watermark()) {
        Ok(start) if start > log.requested_log_start() => {
            info!(partition = %name, %start, "retention moves the start of the log");
            if let Err(problem) = partition.move_start(start, now) {
                error!(partition = %name, error = %problem, "the log's start was not moved; retention will try again");
            }
        }
        Ok(_) => {}
        Err(problem) => {
            error!(partition = %name, error = %problem, "it cannot be seen which segments are too old; none is deleted");
        }
    }
}
