//! Moving the log's start, and deleting the segments before it.
//!
//! The new start is durable before anything is deleted, so a crash in between leaves files that the next start removes.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::{Offset, Timestamp};

use crate::error::SyncError;
use crate::format::partition_checkpoint_v1::PartitionCheckpoint;
use crate::partition_log::PartitionLog;
use crate::recovery::remove_if_there;
use crate::segment::{SEGMENT_SUFFIXES, Segment};
use crate::sync::{Checkpointing, Syncer};

impl PartitionLog {
    /// Moves the log's start: records below it are not read any more. Durable when it returns; a start below the present one
    /// changes nothing. No file is deleted.
    ///
    /// # Errors
    /// [`SyncError`]; then the start is where it was, except that a log that went offline may have moved it on disk.
    pub fn advance_log_start(&self, start: Offset) -> Result<(), SyncError> {
        self.check_start(start)?;
        if start > self.synced_offset() {
            // After a crash the log must not end before it starts.
            self.sync()?;
        }
        self.store_start(&mut self.syncer(), start)
    }

    /// Moves the log's start as [`Self::advance_log_start`], and deletes the segments of which nothing is left. If nothing at
    /// all is left, a new segment begins. Readers that hold slices of the deleted ones read on.
    ///
    /// # Errors
    /// [`SyncError`]. Files that could not be removed are removed by the next start.
    pub fn truncate_before(&self, start: Offset, now: Timestamp) -> Result<(), SyncError> {
        self.check_start(start)?;
        if start == self.log_end_offset() {
            self.roll(now)?;
        }
        // The checkpoint must name a segment that stays.
        self.sync_with(Checkpointing::Now)?;
        let mut syncer = self.syncer();
        self.store_start(&mut syncer, start)?;
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
        for segment in &gone {
            self.remove_files(segment);
        }
        Ok(())
    }

    fn check_start(&self, start: Offset) -> Result<(), SyncError> {
        let end = self.log_end_offset();
        if start > end { Err(SyncError::OutOfRange { start: self.log_start_offset(), end }) } else { Ok(()) }
    }

    fn store_start(&self, syncer: &mut Syncer, start: Offset) -> Result<(), SyncError> {
        if self.is_offline() {
            return Err(SyncError::Offline);
        }
        if start <= self.log_start_offset() {
            return Ok(());
        }
        let checkpoint = PartitionCheckpoint { log_start_offset: start, ..syncer.checkpoint() };
        self.store_checkpoint(syncer, checkpoint).map_err(|error| self.replace_failed(error))?;
        self.published.log_start.store(start.get(), Ordering::Release);
        Ok(())
    }

    fn remove_files(&self, segment: &Segment) {
        for suffix in SEGMENT_SUFFIXES {
            if let Err(error) = remove_if_there(&self.directory, segment.base_offset(), suffix) {
                tracing::warn!("a deleted segment stays until the next start: {error}");
            }
        }
    }
}
