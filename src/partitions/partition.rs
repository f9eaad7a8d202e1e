//! One partition: its log, its watermarks, and who waits for them.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use model::config::{FlushMode, TopicConfig};
use model::{ErrorCode, IsolationLevel, LeaderEpoch, Offset, Timestamp};
use storage::batch::CheckedBatch;
use storage::error::{AppendError, ReadError, SyncError};
use storage::planted::Planted;
use storage::producers::{EpochRule, Marker, Verified};
use storage::{AbortedTransaction, Appended, GroupCommit, LogSlice, PartitionLog, Placed, ReadSpec};

use super::waiters::{WaitCell, Waiters, WaitsFor};
use crate::telemetry::{Label as _, Metrics, Traffic};

/// A partition that this broker leads.
#[derive(Debug)]
pub(crate) struct Partition {
    log: Arc<PartitionLog>,
    leader_epoch: LeaderEpoch,
    group_commit: Arc<GroupCommit>,
    /// Never falls while the process lives, also when the topic's flush mode changes.
    high_watermark: AtomicI64,
    /// How far those who wait for committed records were told that they may read.
    told_stable: AtomicI64,
    /// `bytes_appended` of the log when the watermark last moved: for those who wait for a number of bytes.
    visible_bytes: AtomicU64,
    waiters: Waiters,
    /// Who waits for the log's start to move.
    start_waiters: Waiters,
    retired: AtomicBool,
    /// What came in and went out, in the order of [`Traffic::ALL`].
    traffic: [AtomicU64; Traffic::ALL.len()],
    /// The same of all partitions, and more.
    metrics: Arc<Metrics>,
}

/// What a read found, with the offsets that describe the log at that moment.
#[derive(Debug)]
pub(crate) struct ReadOutcome {
    /// Whole batches, possibly none.
    pub(crate) records: LogSlice,
    /// The aborted transactions that overlap with them, by first offset; only for a reader of committed records.
    pub(crate) aborted: Vec<AbortedTransaction>,
    /// The end of what is as durable as the topic promises.
    pub(crate) high_watermark: Offset,
    /// The end of what a `read_committed` reader sees.
    pub(crate) last_stable_offset: Offset,
    /// The first offset that the log still holds.
    pub(crate) log_start_offset: Offset,
}

/// The log failed while a request waited for it; whether what it wanted survives is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the partition's log went offline, was deleted or found no room before the change was durable")]
pub(crate) struct CommitFailed;

impl Partition {
    /// A partition over an open log. Everything in the log was made durable when it was opened.
    pub(super) fn new(
        log: Arc<PartitionLog>,
        leader_epoch: LeaderEpoch,
        group_commit: Arc<GroupCommit>,
        metrics: Arc<Metrics>,
    ) -> Arc<Self> {
        log.begin_epoch(leader_epoch);
        log.release_decided(log.synced_offset());
        let partition = Arc::new(Self {
            leader_epoch,
            group_commit,
            high_watermark: AtomicI64::new(log.synced_offset().get()),
            told_stable: AtomicI64::new(0),
            visible_bytes: AtomicU64::new(log.bytes_appended()),
            waiters: Waiters::default(),
            start_waiters: Waiters::default(),
            retired: AtomicBool::new(false),
            traffic: std::array::from_fn(|_| AtomicU64::new(0)),
            metrics,
            log,
        });
        let observer = Arc::downgrade(&partition);
        partition.log.on_durable(Box::new(move || {
            if let Some(partition) = observer.upgrade() {
                partition.on_durable();
            }
        }));
        partition
    }

    /// Its topic's effective config.
    pub(crate) fn config(&self) -> Arc<TopicConfig> {
        self.log.config()
    }

    /// The epoch under which it is led.
    pub(crate) fn leader_epoch(&self) -> LeaderEpoch {
        self.leader_epoch
    }

    /// The log itself, for offsets, times and epochs.
    pub(crate) fn log(&self) -> &Arc<PartitionLog> {
        &self.log
    }

    /// The end of what is as durable as the topic promises: consumers see nothing at or past it.
    pub(crate) fn high_watermark(&self) -> Offset {
        Offset::new(self.high_watermark.load(Ordering::Acquire)).unwrap_or(Offset::ZERO)
    }

    /// The end of what a `read_committed` reader sees: the first offset of the oldest open transaction, or the high
    /// watermark.
    pub(crate) fn last_stable_offset(&self) -> Offset {
        let high_watermark = self.high_watermark();
        if Planted::LastStableIsHighWatermark.is_on() {
            return high_watermark;
        }
        // Of a transaction that began before the log's start, what is left begins there.
        let unstable = self.log.first_unstable_offset().map(|unstable| unstable.max(self.log.log_start_offset()));
        unstable.map_or(high_watermark, |unstable| unstable.min(high_watermark))
    }

    /// The exclusive end for a reader.
    pub(crate) fn readable_end(&self, isolation: IsolationLevel) -> Offset {
        match isolation {
            IsolationLevel::ReadUncommitted => self.high_watermark(),
            IsolationLevel::ReadCommitted => self.last_stable_offset(),
        }
    }

    /// The largest epoch up to `asked` that has records or is the current one, and where it ends. `None` if `asked` lies
    /// ahead of ours (correctness by KIP-101 and KIP-320).
    pub(crate) fn epoch_end(&self, asked: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        self.log.epoch_end(asked)
    }

    /// Appends a batch and starts what makes it durable. [`Self::committed`] waits for that. `verified` says what vouches for a
    /// transactional batch.
    ///
    /// # Errors
    /// The log's: the batch is not appended then.
    pub(crate) fn append(
        &self,
        batch: &CheckedBatch<'_>,
        verified: Verified,
        now: Timestamp,
    ) -> Result<Appended, AppendError> {
        self.check_in_service()?;
        let appended = self.log.append_verified(batch, verified, self.leader_epoch, now)?;
        if let Appended::Written { .. } = appended {
            self.count(Traffic::MessagesIn, u64::from(batch.record_count()));
            self.count(Traffic::BytesIn, u64::from(batch.size()));
            self.have_it_durable();
        }
        Ok(appended)
    }

    /// Appends the marker that ends a producer's transaction here, and starts what makes it durable. The last stable offset
    /// moves when it is.
    ///
    /// # Errors
    /// The log's: the marker is not appended then, and its coordinator sends it again.
    pub(crate) fn append_marker(
        &self,
        marker: &Marker,
        rule: EpochRule,
        now: Timestamp,
    ) -> Result<Placed, AppendError> {
        self.check_in_service()?;
        let placed = self.log.append_marker(marker, rule, self.leader_epoch, now)?;
        self.have_it_durable();
        Ok(placed)
    }

    fn check_in_service(&self) -> Result<(), AppendError> {
        if self.retired.load(Ordering::Acquire) { Err(AppendError::Offline) } else { Ok(()) }
    }

    /// Starts what makes an append as durable as the topic promises.
    fn have_it_durable(&self) {
        let config = self.log.config();
        match config.flush_mode {
            // Also for acks 0 and 1, so that the watermark follows at once.
            FlushMode::Sync => {
                if Planted::AcksBeforeSync.is_on() {
                    self.advance_to(self.log.log_end_offset());
                }
                self.group_commit.request(&self.log);
            }
            FlushMode::Async => {
                self.advance_to(self.log.log_end_offset());
                let unsynced = self.log.log_end_offset().distance_from(self.log.synced_offset());
                let is_due = i64::try_from(unsynced).is_ok_and(|unsynced| unsynced >= config.flush_messages);
                // A checkpoint now and then also here: without it a crash costs the next start a scan of everything.
                if is_due || self.log.is_checkpoint_due() {
                    self.group_commit.request(&self.log);
                }
            }
        }
    }

    /// Counts what came in or went out, here and for all partitions.
    pub(crate) fn count(&self, traffic: Traffic, count: u64) {
        self.count_here(traffic, count);
        self.metrics.traffic.add(traffic, count);
    }

    /// Counts what came in or went out, here alone: the caller counts it for all partitions at once.
    pub(crate) fn count_here(&self, traffic: Traffic, count: u64) {
        if let Some(number) = self.traffic.get(traffic.place()) {
            number.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// What was counted here since it was opened.
    pub(crate) fn traffic(&self, traffic: Traffic) -> u64 {
        self.traffic.get(traffic.place()).map_or(0, |number| number.load(Ordering::Relaxed))
    }

    /// Has what is unsynced synced soon.
    pub(crate) fn request_sync(&self) {
        self.group_commit.request(&self.log);
    }

    /// Reads whole batches from the one that holds `from`.
    ///
    /// # Errors
    /// The log's: `from` lies outside it, or it cannot be read.
    pub(crate) fn read(
        &self,
        from: Offset,
        isolation: IsolationLevel,
        max_bytes: u32,
        at_least_one_batch: bool,
    ) -> Result<ReadOutcome, ReadError> {
        if self.retired.load(Ordering::Acquire) {
            return Err(ReadError::Offline);
        }
        // The watermark first: read later it could lie past what was read, and a client would skip nothing but wonder.
        let high_watermark =
            if Planted::ServesAboveHighWatermark.is_on() { self.log.log_end_offset() } else { self.high_watermark() };
        let last_stable_offset = self.last_stable_offset().min(high_watermark);
        let up_to = |upto| ReadSpec { from, upto, max_bytes, at_least_one_batch };
        let (records, aborted) = match isolation {
            IsolationLevel::ReadUncommitted => (self.log.read(up_to(high_watermark))?, Vec::new()),
            IsolationLevel::ReadCommitted => self.log.read_committed(up_to(last_stable_offset))?,
        };
        let log_start_offset = self.log.log_start_offset();
        Ok(ReadOutcome { records, aborted, high_watermark, last_stable_offset, log_start_offset })
    }

    /// Waits until everything below `end` is as durable as the topic promises.
    ///
    /// # Errors
    /// [`CommitFailed`] when the log goes offline first. Cancel-safe: a dropped wait is forgotten.
    pub(crate) async fn committed(&self, end: Offset) -> Result<(), CommitFailed> {
        if self.high_watermark() >= end {
            return Ok(());
        }
        let cell = WaitCell::new();
        let _registered = Registered::new(&self.waiters, WaitsFor::Watermark(end), &cell);
        while self.high_watermark() < end {
            if self.log.is_offline() || self.retired.load(Ordering::Acquire) {
                return Err(CommitFailed);
            }
            poll_fn(|context| cell.poll(context)).await;
            // A cell fires once: by now the watermark is there, or never will be.
            if self.high_watermark() < end {
                return Err(CommitFailed);
            }
        }
        Ok(())
    }

    /// Begins to delete the records below `start`: [`Self::start_moved`] waits until they are gone, also after a crash.
    ///
    /// # Errors
    /// [`SyncError::OutOfRange`] for a start behind the high watermark, [`SyncError::Offline`].
    pub(crate) fn move_start(&self, start: Offset, now: Timestamp) -> Result<(), SyncError> {
        let end = self.high_watermark();
        if self.retired.load(Ordering::Acquire) {
            return Err(SyncError::Offline);
        }
        if start > end {
            return Err(SyncError::OutOfRange { start: self.log.log_start_offset(), end });
        }
        self.log.request_log_start(start, now)?;
        if start > self.log.log_start_offset() {
            self.group_commit.request(&self.log);
        }
        Ok(())
    }

    /// Waits until the log's start is at or behind `start`, durably, and gives it.
    ///
    /// # Errors
    /// [`CommitFailed`] when the log goes offline first, or finds no room to note it. Cancel-safe: a dropped wait is
    /// forgotten.
    pub(crate) async fn start_moved(&self, start: Offset) -> Result<Offset, CommitFailed> {
        loop {
            let cell = WaitCell::new();
            let _registered = Registered::new(&self.start_waiters, WaitsFor::Bytes, &cell);
            let now = self.log.log_start_offset();
            if now >= start {
                return Ok(now);
            }
            let is_out = self.log.is_offline() || self.retired.load(Ordering::Acquire);
            if is_out || self.log.requested_log_start() < start {
                return Err(CommitFailed);
            }
            poll_fn(|context| cell.poll(context)).await;
        }
    }

    /// Registers a wait for bytes that a reader sees; [`Self::forget`] ends it.
    pub(super) fn watch(&self, isolation: IsolationLevel, cell: &Arc<WaitCell>) {
        self.waiters.register(bytes_for(isolation), cell);
    }

    /// Ends what [`Self::watch`] began.
    pub(super) fn forget(&self, isolation: IsolationLevel, cell: &Arc<WaitCell>) {
        self.waiters.deregister(bytes_for(isolation), cell);
    }

    /// Ends every wait without a result: those who wait look again.
    pub(super) fn wake_all(&self) {
        self.waiters.fire_all();
    }

    /// Refuses everything from here on: the topic is deleted.
    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::Release);
        self.waiters.fire_all();
        self.start_waiters.fire_all();
    }

    /// Whether its topic was deleted.
    pub(crate) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Acquire)
    }

    fn on_durable(&self) {
        // They look again: each sync may have moved the start, or not.
        self.start_waiters.fire_all();
        if self.log.is_offline() {
            self.waiters.fire_all();
        } else {
            self.metrics.log_flushes.count(1);
            self.advance_to(self.log.synced_offset());
            // The start may have moved past where a transaction begins.
            self.tell_stable(None);
        }
    }

    fn advance_to(&self, end: Offset) {
        let before = self.high_watermark.fetch_max(end.get(), Ordering::AcqRel);
        if end.get() > before {
            // Counts also bytes that are appended but not visible yet: who waits for bytes may wake early and look
            // again, never late.
            let bytes = self.log.bytes_appended();
            let seen = self.visible_bytes.fetch_max(bytes, Ordering::SeqCst);
            let bytes = bytes.saturating_sub(seen).max(1);
            self.waiters.advanced(end, bytes);
            self.log.release_decided(self.high_watermark());
            self.tell_stable(Some((before, end.get(), bytes)));
        }
    }

    /// Tells those who wait for committed records that the last stable offset moved, if it did. `advance` is what the high
    /// watermark moved from and to, and the bytes between: where the last stable offset moved just so, the bytes are known;
    /// otherwise they are not, and everybody looks again.
    fn tell_stable(&self, advance: Option<(i64, i64, u64)>) {
        let stable = self.last_stable_offset().get();
        let told = self.told_stable.fetch_max(stable, Ordering::AcqRel);
        if stable > told {
            let known = advance.filter(|(from, to, _)| (*from, *to) == (told, stable));
            self.waiters.stable_advanced(known.map(|(_, _, bytes)| bytes));
        }
    }
}

/// Holds the leader epoch that a reader knows against ours (KIP-320); -1 is not checked.
pub(crate) fn check_epoch(partition: &Partition, known: i32) -> Result<(), ErrorCode> {
    match known.cmp(&partition.leader_epoch().get()) {
        _ if known == -1 => Ok(()),
        std::cmp::Ordering::Less => Err(ErrorCode::FencedLeaderEpoch),
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(ErrorCode::UnknownLeaderEpoch),
    }
}

/// What a reader that waits for bytes waits for.
const fn bytes_for(isolation: IsolationLevel) -> WaitsFor {
    match isolation {
        IsolationLevel::ReadUncommitted => WaitsFor::Bytes,
        IsolationLevel::ReadCommitted => WaitsFor::StableBytes,
    }
}

/// A registration that ends when dropped.
struct Registered<'a> {
    waiters: &'a Waiters,
    waits_for: WaitsFor,
    cell: &'a Arc<WaitCell>,
}

impl<'a> Registered<'a> {
    fn new(waiters: &'a Waiters, waits_for: WaitsFor, cell: &'a Arc<WaitCell>) -> Self {
        waiters.register(waits_for, cell);
        Self { waiters, waits_for, cell }
    }
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.waiters.deregister(self.waits_for, self.cell);
    }
}
