//! A partition: its log, its high watermark, and who waits for it. The steps of `src/partitions/partition.rs`.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use model::{LeaderEpoch, Offset, Timestamp};
use storage::batch::CheckedBatch;
use storage::error::{AppendError, SyncError};
use storage::producers::{EpochRule, Marker, Verified};
use storage::{Appended, PartitionLog};

use crate::bugs::Bug;
use crate::executor::Owner;
use crate::signal::Bell;
use crate::world::Sim;

pub(crate) struct Partition {
    sim: Sim,
    pub(crate) log: Arc<PartitionLog>,
    leader_epoch: LeaderEpoch,
    high_watermark: Cell<Offset>,
    sync_is_due: Cell<bool>,
    moved: Bell,
}

/// The log failed while somebody waited for it; whether what it wanted survives is unknown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CommitFailed;

impl Partition {
    pub(super) fn new(sim: &Sim, log: Arc<PartitionLog>) -> Rc<Self> {
        // A new leader with each start of the broker.
        let leader_epoch = i32::try_from(sim.life()).ok().and_then(LeaderEpoch::new).unwrap_or(LeaderEpoch::ZERO);
        log.begin_epoch(leader_epoch);
        log.release_decided(log.synced_offset());
        Rc::new(Self {
            sim: Rc::clone(sim),
            leader_epoch,
            high_watermark: Cell::new(log.synced_offset()),
            sync_is_due: Cell::new(false),
            moved: Bell::default(),
            log,
        })
    }

    pub(crate) fn high_watermark(&self) -> Offset {
        self.high_watermark.get()
    }

    /// The end of what a reader of committed records sees.
    pub(crate) fn last_stable_offset(&self) -> Offset {
        let high_watermark = self.high_watermark();
        if self.sim.has(Bug::LastStableIsHighWatermark) {
            return high_watermark;
        }
        let unstable = self.log.first_unstable_offset().map(|unstable| unstable.max(self.log.log_start_offset()));
        unstable.map_or(high_watermark, |unstable| unstable.min(high_watermark))
    }

    /// Appends a batch and has it synced soon.
    ///
    /// # Errors
    /// The log's.
    pub(super) fn append(self: &Rc<Self>, batch: &CheckedBatch<'_>, now: Timestamp) -> Result<Appended, AppendError> {
        self.append_verified(batch, Verified::ByOpenTransaction, now)
    }

    /// As [`Self::append`], for a batch whose transaction may begin here with it.
    ///
    /// # Errors
    /// The log's.
    pub(super) fn append_verified(
        self: &Rc<Self>,
        batch: &CheckedBatch<'_>,
        verified: Verified,
        now: Timestamp,
    ) -> Result<Appended, AppendError> {
        let appended = self.log.append_verified(batch, verified, self.leader_epoch, now)?;
        match appended {
            Appended::Written(_) => self.request_sync(),
            Appended::Duplicate(_) => self.sim.count("duplicates"),
        }
        Ok(appended)
    }

    /// Appends a marker, and has it synced soon; gives the offset behind it.
    ///
    /// # Errors
    /// The log's.
    pub(super) fn append_marker(
        self: &Rc<Self>,
        marker: &Marker,
        rule: EpochRule,
        now: Timestamp,
    ) -> Result<Offset, AppendError> {
        let placed = self.log.append_marker(marker, rule, self.leader_epoch, now)?;
        self.request_sync();
        Ok(placed.last_offset.checked_add(1).unwrap_or(placed.last_offset))
    }

    /// Asks for another start of the log, which the next sync moves.
    ///
    /// # Errors
    /// The log's.
    pub(super) fn move_start(self: &Rc<Self>, start: Offset, now: Timestamp) -> Result<(), SyncError> {
        self.log.request_log_start(start, now)?;
        if start > self.log.log_start_offset() {
            self.request_sync();
        }
        Ok(())
    }

    /// Has what is unsynced synced soon, once for all who ask until then: the steps of a group commit.
    pub(super) fn request_sync(self: &Rc<Self>) {
        if self.sim.has(Bug::AnswersBeforeSync) {
            self.advance_to(self.log.log_end_offset());
        }
        if self.sync_is_due.replace(true) {
            return;
        }
        let partition = Rc::clone(self);
        self.sim.spawn(Owner::Broker, async move {
            partition.sim.pause(20, 3_000).await;
            partition.sync_is_due.set(false);
            if let Ok(_synced) = partition.log.sync() {
                partition.advance_to(partition.log.synced_offset());
            }
            partition.moved.ring();
        });
    }

    fn advance_to(&self, end: Offset) {
        self.high_watermark.set(self.high_watermark().max(end));
        self.log.release_decided(self.high_watermark());
        self.moved.ring();
    }

    /// Waits until everything below `end` is durable.
    ///
    /// # Errors
    /// [`CommitFailed`] when the log goes offline first.
    pub(super) async fn committed(&self, end: Offset) -> Result<(), CommitFailed> {
        while self.high_watermark() < end {
            if self.log.is_offline() {
                return Err(CommitFailed);
            }
            self.moved.wait().await;
        }
        Ok(())
    }
}
