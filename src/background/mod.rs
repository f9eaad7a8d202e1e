//! Loops that only call storage, at their own pace: recovery points, `flush.ms`, segments whose time has come, files of
//! deleted topics and of deleted records; and, each on a thread of its own, what may take long.
//!
//! Owns: when. Does not know: how.

mod cleaner;
mod retention;
mod retention_clock;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use model::config::{BrokerConfig, FlushMode};
use model::{Offset, Timestamp};
use tracing::{error, warn};

use self::cleaner::Cleaners;
use self::retention::Retention;
use crate::clock::Clock;
use crate::partitions::{Partition, Registry, late_transaction_ms};

/// How often the loop looks around when some topic wants to be synced by time, ms.
const EAGER_MS: u64 = 100;
/// How often it looks around otherwise, ms: nothing it does then is urgent, and an idle broker should be idle.
const RELAXED_MS: u64 = 10_000;

/// Transactions of one partition that are named in one round; the oldest hold up the others.
const SILENT_NAMED_MAX: usize = 10;

/// The background threads.
#[derive(Debug)]
pub(crate) struct Background {
    stop: SyncSender<()>,
    thread: JoinHandle<()>,
    retention: Retention,
    /// None if `log.cleaner.enable` is false.
    cleaners: Option<Cleaners>,
}

impl Background {
    /// Starts the threads. The first one removes the directories `leftovers` of an earlier process before anything else.
    ///
    /// # Errors
    /// The system's, when one cannot be made.
    pub(crate) fn start(
        registry: Arc<Registry>,
        clock: Clock,
        config: &BrokerConfig,
        leftovers: Vec<String>,
    ) -> io::Result<Self> {
        let checkpoint_ms = u64::from(config.log_flush_offset_checkpoint_interval_ms.unsigned_abs());
        let expiry_ms = u64::from(config.producer_id_expiration_check_interval_ms.unsigned_abs());
        let retention = Retention::start(Arc::clone(&registry), clock, config)?;
        let cleaners =
            if config.log_cleaner_enable { Some(Cleaners::start(Arc::clone(&registry), clock)?) } else { None };
        let silent_ms = late_transaction_ms(config);
        let (stop, stopped) = sync_channel(1);
        let thread = std::thread::Builder::new().name("background".to_owned()).spawn(move || {
            registry.log_manager().remove_aside(&leftovers);
            let (checkpointed, expired) = (clock.now(), clock.now());
            let mut rounds = Rounds { registry, clock, checkpoint_ms, checkpointed, expiry_ms, expired, silent_ms };
            loop {
                let pause = Duration::from_millis(rounds.run());
                if !matches!(stopped.recv_timeout(pause), Err(RecvTimeoutError::Timeout)) {
                    return;
                }
            }
        })?;
        Ok(Self { stop, thread, retention, cleaners })
    }

    /// Ends the threads after their rounds.
    pub(crate) fn stop(self) {
        drop(self.stop);
        self.retention.stop();
        if let Some(cleaners) = self.cleaners {
            cleaners.stop();
        }
        if self.thread.join().is_err() {
            error!("the background thread ended with a panic");
        }
    }
}

struct Rounds {
    registry: Arc<Registry>,
    clock: Clock,
    checkpoint_ms: u64,
    checkpointed: Timestamp,
    expiry_ms: u64,
    expired: Timestamp,
    /// A transaction that was silent for so long should have been ended.
    silent_ms: i64,
}

impl Rounds {
    /// Does what is due; gives the pause until the next round, ms.
    fn run(&mut self) -> u64 {
        let now = self.clock.now();
        let mut pause = RELAXED_MS.min(self.checkpoint_ms).min(self.expiry_ms);
        for partition in self.registry.all() {
            if let Err(error) = partition.log().roll_if_due(now) {
                error!(partition = %partition.log().topic_partition(), %error, "the segment whose time has come was not rolled");
            }
            if let Err(error) = partition.log().delete_dead_segments(now) {
                error!(partition = %partition.log().topic_partition(), %error, "segments before the log's start were not deleted");
            }
            if flush_if_due(&partition, now) {
                pause = pause.min(EAGER_MS);
            }
        }
        if u64::try_from(now.ms_since(self.checkpointed)).unwrap_or(u64::MAX) >= self.checkpoint_ms {
            self.checkpointed = now;
            if let Err(error) = self.registry.log_manager().checkpoint() {
                error!(%error, "the recovery points were not written; a crash would scan more");
            }
        }
        if let Some(next) = self.registry.remove_due_files(now) {
            pause = pause.min(next.max(EAGER_MS));
        }
        if u64::try_from(now.ms_since(self.expired)).unwrap_or(u64::MAX) >= self.expiry_ms {
            self.expired = now;
            let expiration_ms = self.registry.producer_expiration_ms();
            for partition in self.registry.all() {
                partition.log().expire_producers(now, expiration_ms);
                name_silent_transactions(&partition, now, self.silent_ms);
            }
        }
        pause
    }
}

/// Names in the broker's log the transactions that may hang, and so hold up all who read committed records: Kafka counts them as
/// `PartitionsWithLateTransactionsCount`. `kafka-transactions` finds and ends them.
fn name_silent_transactions(partition: &Partition, now: Timestamp, silent_ms: i64) {
    for transaction in partition.log().silent_transactions(now, silent_ms).iter().take(SILENT_NAMED_MAX) {
        warn!(
            partition = %partition.log().topic_partition(),
            producer_id = %transaction.id,
            producer_epoch = %transaction.epoch,
            start_offset = transaction.transaction_start.map(Offset::get),
            silent_ms = now.ms_since(transaction.last_append),
            "a transaction is open for longer than any may be; readers of committed records wait for it"
        );
    }
}

/// Syncs a log whose unsynced records are older than `flush.ms`; whether its topic has such a limit.
fn flush_if_due(partition: &Partition, now: Timestamp) -> bool {
    let config = partition.config();
    let is_timed = config.flush_mode == FlushMode::Async && config.flush_ms < i64::MAX;
    if is_timed && partition.log().unsynced_since().is_some_and(|since| now.ms_since(since) >= config.flush_ms) {
        partition.request_sync();
    }
    is_timed
}
