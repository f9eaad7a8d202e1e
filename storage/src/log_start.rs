//! Moving the log's start, and deleting the segments before it.
//!
//! The new start is durable before anything is deleted, so a crash in between leaves files that the next start removes. The
//! files get another name at once and are removed after `file.delete.delay.ms`; nothing reads them meanwhile.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::{Offset, Timestamp};

use crate::checkpoint::ReplaceError;
use crate::epochs::Epochs;
use crate::error::SyncError;
use crate::format::partition_checkpoint_v1::PartitionCheckpoint;
use crate::partition_log::PartitionLog;
use crate::recovery::remove_if_there;
use crate::segment::{SEGMENT_SUFFIXES, Segment};
use crate::sync::{Checkpointing, Syncer};

impl PartitionLog {
    /// Asks the next sync to move the log's start: records below it are not read any more. Once
    /// [`Self::log_start_offset`] says so, that is durable. A start below the present one changes nothing.
    ///
    /// # Errors
    /// [`SyncError::OutOfRange`] behind the log's end, [`SyncError::Offline`].
    pub fn request_log_start(&self, start: Offset, now: Timestamp) -> Result<(), SyncError> {
        self.check_start(start)?;
        if self.is_offline() {
            return Err(SyncError::Offline);
        }
        if start > self.log_start_offset() {
            // Before its time: whoever sees the time must see that the start is still to be moved.
            self.published.requested_start.fetch_max(start.get(), Ordering::AcqRel);
            let since = &self.published.start_moved_since;
            // The first move counts: a start that moves all the time would else never let anything go.
            if since.load(Ordering::Acquire) < 0 {
                since.store(now.get(), Ordering::Release);
            }
        }
        Ok(())
    }

    /// Where the log's start is, or where it was asked to be and no sync has come to it yet. A request that found no room is
    /// forgotten.
    #[must_use]
    pub fn requested_log_start(&self) -> Offset {
        let requested = Offset::new(self.published.requested_start.load(Ordering::Acquire));
        requested.unwrap_or(Offset::ZERO).max(self.log_start_offset())
    }

    /// Takes the segments that lie wholly before the log's start out of it, gives their files another name, and removes the
    /// files `file.delete.delay.ms` after the start was moved. If nothing at all is left in the log, a new segment begins.
    /// Returns whether anything was done. Cheap where there is nothing to do.
    ///
    /// # Errors
    /// As [`Self::truncate_before`]; tried again by the next call.
    pub fn delete_dead_segments(&self, now: Timestamp) -> Result<bool, SyncError> {
        // Before the start is looked at: a move that comes later counts from its own time.
        let since = self.published.start_moved_since.swap(-1, Ordering::AcqRel);
        let mut taken = false;
        if since >= 0 {
            if self.requested_log_start() > self.log_start_offset() {
                // No sync has come to it yet; what is dead then is for a later call.
                self.published.start_moved_since.store(since, Ordering::Release);
            }
            taken = match self.set_aside_dead(Timestamp::new(since)) {
                Ok(taken) => taken,
                Err(error) => {
                    self.published.start_moved_since.store(since, Ordering::Release);
                    return Err(error);
                }
            };
        }
        Ok(self.aside.remove_due(&self.directory, now) || taken)
    }

    /// Moves the log's start, durably, and deletes the segments of which nothing is left. If nothing at all is left, a new
    /// segment begins. Readers that hold slices of the deleted ones read on.
    ///
    /// # Errors
    /// [`SyncError`]. Files that could not be removed are removed by the next start.
    pub fn truncate_before(&self, start: Offset, now: Timestamp) -> Result<(), SyncError> {
        self.take_out_before(start, now, |gone| {
            for segment in gone {
                self.remove_files(segment);
            }
            Ok(())
        })
    }

    fn set_aside_dead(&self, since: Timestamp) -> Result<bool, SyncError> {
        let start = self.log_start_offset();
        let has_dead = {
            let segments = self.published.segments.load();
            let is_empty = start == self.log_end_offset();
            if is_empty { segments.size_bytes() > 0 } else { !segments.split_before(start).1.is_empty() }
        };
        if !has_dead {
            return Ok(false);
        }
        let due = Timestamp::new(since.get().saturating_add(self.config().file_delete_delay_ms));
        self.take_out_before(start, since, |gone| {
            self.aside.set_aside(&self.directory, gone.iter().map(|segment| segment.base_offset()), due)
        })?;
        Ok(true)
    }

    /// Moves the log's start, durably, takes the segments out of the log of which nothing is left, and gives them to `dispose`:
    /// with the sync's lock, so that the directory is still this log's.
    fn take_out_before(
        &self,
        start: Offset,
        now: Timestamp,
        dispose: impl FnOnce(&[Arc<Segment>]) -> io::Result<()>,
    ) -> Result<(), SyncError> {
        self.check_start(start)?;
        if start == self.log_end_offset() {
            self.roll(now)?;
        }
        // The checkpoint must name a segment that stays.
        let changing = self.stillness.change();
        self.sync_under(Checkpointing::Now, Some(&changing))?;
        let mut syncer = self.syncer();
        if self.is_offline() {
            // Retired meanwhile: the directory may be another log's.
            return Err(SyncError::Offline);
        }
        self.store_start(&mut syncer, start).map_err(|error| self.replace_failed(error))?;
        let (kept, gone) = {
            // With the writer's lock, because it adds segments.
            let _writer = self.writer();
            let limit = start.min(syncer.checkpoint().segment_base_offset);
            let (kept, gone) = self.published.segments.load().split_before(limit);
            self.published.segments.store(Arc::new(kept.clone()));
            (kept, gone)
        };
        if let Some(first) = kept.from(Offset::ZERO).first() {
            syncer.forget_before(first.base_offset());
        }
        dispose(&gone).map_err(|error| self.io_failed("setting deleted segments aside", error))
    }

    fn remove_files(&self, segment: &Segment) {
        for suffix in SEGMENT_SUFFIXES {
            if let Err(error) = remove_if_there(&self.directory, segment.base_offset(), suffix) {
                tracing::warn!("a deleted segment stays until the next start: {error}");
            }
        }
    }

    fn check_start(&self, start: Offset) -> Result<(), SyncError> {
        let end = self.log_end_offset();
        if start > end { Err(SyncError::OutOfRange { start: self.log_start_offset(), end }) } else { Ok(()) }
    }

    /// Moves the start to where it was asked to be, if everything below that is synced: after a crash the log must not end
    /// before it starts. What was asked for after this sync began waits for the next.
    pub(crate) fn move_requested_start(&self, syncer: &mut Syncer) -> Result<(), SyncError> {
        let start = self.requested_log_start();
        if start <= self.log_start_offset() || start > self.synced_offset() {
            return Ok(());
        }
        match self.store_start(syncer, start) {
            Ok(()) => {}
            Err(ReplaceError::Refused(error)) => {
                let partition = self.topic_partition();
                tracing::warn!(%partition, "no room to note where the log starts; it starts where it did: {error}");
                self.published.requested_start.store(self.log_start_offset().get(), Ordering::Release);
            }
            Err(error) => return Err(self.replace_failed(error)),
        }
        self.notify();
        Ok(())
    }

    fn store_start(&self, syncer: &mut Syncer, start: Offset) -> Result<(), ReplaceError> {
        if start <= self.log_start_offset() {
            return Ok(());
        }
        let checkpoint = PartitionCheckpoint { log_start_offset: start, ..syncer.checkpoint() };
        self.store_checkpoint(syncer, checkpoint)?;
        // With the writer's lock, because it adds epochs.
        let _writer = self.writer();
        let mut epochs = Epochs::clone(&self.published.epochs.load());
        epochs.truncate_before(start);
        self.published.epochs.store(Arc::new(epochs));
        self.published.log_start.store(start.get(), Ordering::Release);
        Ok(())
    }
}
