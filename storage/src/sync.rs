//! Making a log durable: one sync for all that was appended before it, and now and then a checkpoint, so that a crash costs
//! little.
//!
//! The synced offset moves only over bytes that are on stable storage together with the names of their files. A checkpoint
//! makes durable what would otherwise be rebuilt (indexes, producers, epochs) and then says so in `partition.checkpoint`.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::Offset;

use crate::append::{Unsynced, Writer};
use crate::backup::Changing;
use crate::checkpoint::{ReplaceError, replace_file, replace_unsynced};
use crate::disk::is_refusal;
use crate::epochs::Epochs;
use crate::error::SyncError;
use crate::format::leader_epoch_checkpoint_v0;
use crate::format::partition_checkpoint_v1::{self, PartitionCheckpoint};
use crate::partition_log::PartitionLog;
use crate::segment::{Mark, Segment, StoredCounts, segment_file_name};

/// A log that was appended so many bytes gets a checkpoint with its next sync: after a crash no more than these, and what
/// one sync covers, are read again. At this distance a checkpoint's few syncs cost a percent of what the bytes did.
pub(crate) const CHECKPOINT_BYTES: u64 = 64 << 20;

/// The suffix of a snapshot of producers; its name is the offset that it was taken at.
pub(crate) const PRODUCERS_SUFFIX: &str = "producers";
/// Snapshots that are kept: the newest, and one to fall back to.
const SNAPSHOTS_KEPT: usize = 2;

/// When a sync writes a checkpoint as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Checkpointing {
    /// When much was appended since the last one, or a segment began.
    WhenDue,
    /// When at least so many bytes were.
    AfterBytes(u64),
    /// In any case.
    Now,
}

/// What only the thread that syncs knows.
#[derive(Debug)]
pub(crate) struct Syncer {
    /// What `partition.checkpoint` says.
    checkpoint: PartitionCheckpoint,
    /// What `leader-epoch-checkpoint` says.
    stored_epochs: Arc<Epochs>,
    /// Segments whose indexes are not all in their files, oldest first.
    unstored: Vec<Arc<Segment>>,
    /// The offsets of the snapshots on disk, oldest first.
    snapshots: Vec<Offset>,
}

/// What a sync is about, taken together with the writer's lock.
#[derive(Debug)]
struct Plan {
    unsynced: Unsynced,
    /// The segment that the log's end lies in, and how many bytes it has there.
    active: Option<(Arc<Segment>, u32)>,
    checkpoint: Option<Planned>,
}

/// A checkpoint in the making: what the writer's lock was needed for.
#[derive(Debug)]
struct Planned {
    checkpoint: PartitionCheckpoint,
    /// Aborted transactions of the segment that the checkpoint lies in.
    aborted: u64,
    producers: Option<Vec<u8>>,
    epochs: Arc<Epochs>,
}

impl Syncer {
    pub(crate) const fn new(
        checkpoint: PartitionCheckpoint,
        stored_epochs: Arc<Epochs>,
        snapshots: Vec<Offset>,
    ) -> Self {
        Self { checkpoint, stored_epochs, unstored: Vec::new(), snapshots }
    }

    /// What `partition.checkpoint` says.
    pub(crate) const fn checkpoint(&self) -> PartitionCheckpoint {
        self.checkpoint
    }

    /// Forgets segments that begin before `base`: they are deleted.
    pub(crate) fn forget_before(&mut self, base: Offset) {
        self.unstored.retain(|segment| segment.base_offset() >= base);
    }

    fn note_unstored(&mut self, segments: &[Arc<Segment>]) {
        for segment in segments {
            if !self.unstored.last().is_some_and(|last| Arc::ptr_eq(last, segment)) {
                self.unstored.push(Arc::clone(segment));
            }
        }
    }
}

impl PartitionLog {
    /// Puts everything that was appended before the call on stable storage, and returns the synced offset; then moves the
    /// log's start, if that was requested before. One at a time; appending goes on meanwhile.
    ///
    /// # Errors
    /// [`SyncError::Io`] takes the log offline: nothing is tried again, because a second sync may succeed without the data.
    pub fn sync(&self) -> Result<Offset, SyncError> {
        self.sync_with(Checkpointing::WhenDue)
    }

    /// As [`Self::sync`], and leaves behind what makes the next start cheap, if at least `bytes_min` bytes were appended
    /// since that was done last.
    ///
    /// # Errors
    /// As [`Self::sync`].
    pub fn checkpoint(&self, bytes_min: u64) -> Result<Offset, SyncError> {
        self.sync_with(Checkpointing::AfterBytes(bytes_min))
    }

    /// Whether enough was appended for the next sync to write a checkpoint. For those who sync rarely: without one, a crash
    /// costs the next start a scan of all that was appended since the last.
    #[must_use]
    pub fn is_checkpoint_due(&self) -> bool {
        self.published.is_checkpoint_due.load(Ordering::Acquire)
    }

    /// Makes all that was appended durable and refuses what comes later.
    ///
    /// # Errors
    /// [`SyncError`]: the log cannot be marked as left cleanly.
    pub(crate) fn close(&self) -> Result<(), SyncError> {
        let changing = self.stillness.change();
        loop {
            let end = self.sync_under(Checkpointing::AfterBytes(0), Some(&changing))?;
            if self.syncer().checkpoint.recovery_point != end {
                return Err(SyncError::NoSpace(io::Error::from(io::ErrorKind::StorageFull)));
            }
            let writer = self.writer();
            if writer.next_offset() == end {
                // Appends look at this with the writer's lock.
                self.published.offline.store(true, Ordering::Release);
                return Ok(());
            }
        }
    }

    fn sync_with(&self, checkpointing: Checkpointing) -> Result<Offset, SyncError> {
        // While a backup holds the files, records become durable and nothing else: a later sync writes the checkpoint.
        let changing = self.stillness.try_change();
        self.sync_under(checkpointing, changing.as_ref())
    }

    /// As [`Self::sync`], for one who may have leave to change files. Without it there is no checkpoint, and the start stays.
    pub(crate) fn sync_under(
        &self,
        checkpointing: Checkpointing,
        changing: Option<&Changing<'_>>,
    ) -> Result<Offset, SyncError> {
        let mut syncer = self.syncer();
        if self.is_offline() {
            return Err(SyncError::Offline);
        }
        let checkpointing = changing.map(|_| checkpointing);
        let plan = self.plan(&syncer, checkpointing).map_err(|error| self.io_failed("a sync", error))?;
        let end = plan.unsynced.end;
        self.sync_segments(&plan.unsynced.segments).map_err(|error| self.io_failed("a sync", error))?;
        if end > self.synced_offset() {
            self.publish_synced(&plan);
        }
        syncer.note_unstored(&plan.unsynced.segments);
        if let Some(planned) = plan.checkpoint {
            match self.write_checkpoint(&mut syncer, planned) {
                Ok(()) => {}
                Err(ReplaceError::Refused(error)) => {
                    let partition = self.topic_partition();
                    tracing::warn!(%partition, "no room for a checkpoint, the next start will take longer: {error}");
                }
                Err(error) => return Err(self.replace_failed(error)),
            }
        }
        if changing.is_some() {
            self.move_requested_start(&mut syncer)?;
        }
        Ok(end)
    }

    /// Takes along what there is to sync, and what a checkpoint of this moment has to say.
    fn plan(&self, syncer: &Syncer, checkpointing: Option<Checkpointing>) -> io::Result<Plan> {
        let mut writer = self.writer();
        let unsynced = writer.take_unsynced();
        self.published.unsynced_since.store(-1, Ordering::Release);
        // With the writer's lock, so the sizes fit the end.
        let active = self.published.segments.load().active().map(|active| (Arc::clone(active), active.size()));
        let bytes = writer.bytes_since_checkpoint();
        let is_due = match checkpointing {
            None => false,
            Some(Checkpointing::WhenDue) => self.published.is_checkpoint_due.load(Ordering::Acquire),
            Some(Checkpointing::Now) => true,
            Some(Checkpointing::AfterBytes(bytes_min)) => {
                bytes >= bytes_min && unsynced.end != syncer.checkpoint.recovery_point
            }
        };
        let checkpoint = match &active {
            Some((segment, position)) if is_due => {
                Some(self.plan_checkpoint(&mut writer, syncer, segment, *position)?)
            }
            _ => None,
        };
        Ok(Plan { unsynced, active, checkpoint })
    }

    fn plan_checkpoint(
        &self,
        writer: &mut Writer,
        syncer: &Syncer,
        segment: &Segment,
        segment_position: u32,
    ) -> io::Result<Planned> {
        let counts = segment.count_index_entries()?;
        let (end, producers) = (writer.next_offset(), writer.producers());
        let has_producers = !producers.is_empty() || producers.first_unstable_offset().is_some();
        let planned = Planned {
            checkpoint: PartitionCheckpoint {
                log_start_offset: syncer.checkpoint.log_start_offset,
                recovery_point: end,
                segment_base_offset: segment.base_offset(),
                segment_position,
                offset_index_entries: counts.offsets,
                time_index_entries: counts.times,
                has_producers,
            },
            aborted: segment.count_aborted(),
            producers: has_producers.then(|| producers.encode_snapshot(end)),
            epochs: self.published.epochs.load_full(),
        };
        writer.begin_checkpoint();
        self.published.is_checkpoint_due.store(false, Ordering::Release);
        Ok(planned)
    }

    /// Oldest first: what is durable then has no hole.
    fn sync_segments(&self, segments: &[Arc<Segment>]) -> io::Result<()> {
        for segment in segments {
            let file = segment.file()?;
            if segment.name_is_durable() {
                file.sync_data()?;
            } else {
                file.sync_all()?;
                self.directory.disk.sync_directory(&self.directory.path)?;
                segment.mark_name_durable();
            }
        }
        Ok(())
    }

    fn publish_synced(&self, plan: &Plan) {
        let end = plan.unsynced.end;
        if let Some((segment, position)) = &plan.active
            && let Some(relative_offset) = segment.relative(end)
        {
            segment.state().recent.push_synced_end(Mark { relative_offset, position: *position });
        }
        {
            let _moving = self.stillness.move_end();
            self.published.synced.store(end.get(), Ordering::Release);
        }
        self.notify();
    }

    /// Everything that the checkpoint promises first, the checkpoint last.
    fn write_checkpoint(&self, syncer: &mut Syncer, planned: Planned) -> Result<(), ReplaceError> {
        let (disk, directory) = (self.directory.disk.as_ref(), &self.directory);
        for segment in &syncer.unstored {
            let (counts, aborted) = if segment.base_offset() == planned.checkpoint.segment_base_offset {
                let counts = StoredCounts {
                    offsets: planned.checkpoint.offset_index_entries,
                    times: planned.checkpoint.time_index_entries,
                };
                (counts, planned.aborted)
            } else {
                (segment.count_index_entries().map_err(refused_or_failed)?, segment.count_aborted())
            };
            segment.store_indexes(counts).map_err(refused_or_failed)?;
            segment.store_aborted(aborted).map_err(refused_or_failed)?;
        }
        let end = planned.checkpoint.recovery_point;
        if let Some(producers) = &planned.producers {
            // Not in place: the checkpoint that is in force may name the file that is there.
            replace_unsynced(disk, &directory.path, &segment_file_name(end, PRODUCERS_SUFFIX), producers)?;
            syncer.snapshots.retain(|snapshot| *snapshot != end);
            syncer.snapshots.push(end);
        }
        if *syncer.stored_epochs != *planned.epochs {
            let text = leader_epoch_checkpoint_v0::encode(planned.epochs.entries());
            replace_unsynced(disk, &directory.path, leader_epoch_checkpoint_v0::FILE_NAME, text.as_bytes())?;
            syncer.stored_epochs = planned.epochs;
        }
        disk.sync_directory(&directory.path).map_err(ReplaceError::Failed)?;
        self.store_checkpoint(syncer, planned.checkpoint)?;
        syncer.unstored.retain(|segment| segment.base_offset() == planned.checkpoint.segment_base_offset);
        self.remove_old_snapshots(syncer);
        Ok(())
    }

    pub(crate) fn store_checkpoint(
        &self,
        syncer: &mut Syncer,
        checkpoint: PartitionCheckpoint,
    ) -> Result<(), ReplaceError> {
        let (disk, path) = (self.directory.disk.as_ref(), &self.directory.path);
        let text = checkpoint.encode();
        replace_file(disk, path, partition_checkpoint_v1::FILE_NAME, text.as_bytes())?;
        syncer.checkpoint = checkpoint;
        Ok(())
    }

    /// A snapshot that cannot be removed is in nobody's way.
    fn remove_old_snapshots(&self, syncer: &mut Syncer) {
        while syncer.snapshots.len() > SNAPSHOTS_KEPT {
            let path = self.directory.segment_file(syncer.snapshots.remove(0), PRODUCERS_SUFFIX);
            if let Err(error) = self.directory.disk.remove_file(&path) {
                tracing::debug!(path = %path.display(), "an old snapshot of producers stays: {error}");
            }
        }
    }

    pub(crate) fn io_failed(&self, during: &str, error: io::Error) -> SyncError {
        self.take_offline(during, &error);
        SyncError::Io(error)
    }

    pub(crate) fn replace_failed(&self, error: ReplaceError) -> SyncError {
        match error {
            ReplaceError::Refused(error) => SyncError::NoSpace(error),
            ReplaceError::Failed(error) => self.io_failed("a checkpoint", error),
        }
    }
}

fn refused_or_failed(error: io::Error) -> ReplaceError {
    if is_refusal(&error) { ReplaceError::Refused(error) } else { ReplaceError::Failed(error) }
}
