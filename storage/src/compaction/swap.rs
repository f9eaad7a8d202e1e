//! Putting a cleaned segment in the place of those that it was made from.
//!
//! First the cleaned files are whole and synced under names of their own. Then the records' file gets a name that says which
//! segments it replaces, and with the sync of the directory the swap is decided: a crash before leaves the old segments, one
//! after it the new one, because the next start goes on from there. Then the old files are set aside, and then the new ones get
//! their names. Readers go on with the old files, which stay open as long as anybody reads them.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use model::{Offset, Timestamp};

use super::output::{CLEANED_SUFFIX, CleanedSegment, cleaned_file};
use crate::error::{StorageError, SyncError};
use crate::partition_log::PartitionLog;
use crate::segment::{LOG_SUFFIX, LogDirectory, OFFSET_INDEX_SUFFIX, SEGMENT_SUFFIXES, Segment, TIME_INDEX_SUFFIX};

/// The end of the name of a records' file that waits to take its place.
const SWAP_SUFFIX: &str = ".swap";

/// What came of a swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Swapped {
    /// The log has the new segment.
    Yes,
    /// Some of the old ones were deleted meanwhile. Nothing was changed.
    TheyAreGone,
}

impl PartitionLog {
    /// Replaces `old`, which follow each other up to the segment that begins at `next`, by the cleaned one.
    ///
    /// # Errors
    /// [`SyncError`]; an I/O error takes the log offline.
    pub(super) fn swap(
        &self,
        old: &[Arc<Segment>],
        next: Offset,
        cleaned: &CleanedSegment,
        now: Timestamp,
    ) -> Result<Swapped, SyncError> {
        for segment in old {
            // Whoever reads them later must not open the new files by the old names.
            let pinned = segment.file().and_then(|_| segment.with_indexes(|_| ()));
            pinned.and_then(|()| segment.ensure_aborted_open()).map_err(SyncError::Io)?;
        }
        let _changing = self.stillness.change();
        let syncer = self.syncer();
        if self.is_offline() {
            return Err(SyncError::Offline);
        }
        let all_there = {
            let segments = self.published.segments.load();
            old.iter().all(|segment| segments.holds(segment))
        };
        if !all_there || next > syncer.checkpoint().segment_base_offset {
            return Ok(Swapped::TheyAreGone);
        }
        let due = Timestamp::new(now.get().saturating_add(self.config().file_delete_delay_ms));
        self.swap_files(old, next, cleaned, due).map_err(|error| self.io_failed("replacing segments", error))?;
        let new = Segment::found(Arc::clone(&self.directory), cleaned.base_offset, cleaned.size, None);
        // With the writer's lock, because it adds segments.
        let _writer = self.writer();
        let replaced = self.published.segments.load().replaced(cleaned.base_offset, next, Arc::new(new));
        self.published.segments.store(Arc::new(replaced));
        Ok(Swapped::Yes)
    }

    fn swap_files(
        &self,
        old: &[Arc<Segment>],
        next: Offset,
        cleaned: &CleanedSegment,
        due: Timestamp,
    ) -> io::Result<()> {
        let (disk, directory, base) = (self.directory.disk.as_ref(), &self.directory, cleaned.base_offset);
        let swap = directory.segment_file(base, &swap_suffix(next));
        disk.rename(&cleaned_file(directory, base, LOG_SUFFIX), &swap)?;
        disk.sync_directory(&directory.path)?;
        self.aside.set_aside(directory, old.iter().map(|segment| segment.base_offset()), due)?;
        for suffix in [OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX] {
            disk.rename(&cleaned_file(directory, base, suffix), &directory.segment_file(base, suffix))?;
        }
        disk.rename(&swap, &directory.segment_file(base, LOG_SUFFIX))?;
        disk.sync_directory(&directory.path)
    }
}

/// The suffix of the records' file of a segment that is to replace all that begin before `next`.
fn swap_suffix(next: Offset) -> String {
    format!("{LOG_SUFFIX}.{:020}{SWAP_SUFFIX}", next.get())
}

/// What an earlier process left of a cleaning, by the name of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LeftOver {
    /// A swap that was decided: the file is the segment that begins here, and all up to the other offset give way to it.
    Swap(Offset, Offset),
    /// A file of a cleaning that was not finished.
    Unfinished(String),
}

impl LeftOver {
    /// Whether it is a swap that does away with the segment that begins at `base`, or with an older one of that name.
    pub(crate) fn replaces(&self, base: Offset) -> bool {
        matches!(self, Self::Swap(from, next) if (*from..*next).contains(&base))
    }

    /// Reads the name of a file, which is that of a segment's file with this offset and this suffix.
    pub(crate) fn parse(name: &str, base: Offset, suffix: &str) -> Option<Self> {
        if suffix.ends_with(CLEANED_SUFFIX) {
            return Some(Self::Unfinished(name.to_owned()));
        }
        let next = suffix.strip_suffix(SWAP_SUFFIX)?.strip_prefix(LOG_SUFFIX)?.strip_prefix('.')?;
        let is_offset = next.len() == 20 && next.bytes().all(|digit| digit.is_ascii_digit());
        Some(Self::Swap(base, Offset::new(next.parse().ok().filter(|_| is_offset)?)?))
    }
}

/// Finishes the swaps that were decided and removes what is left of other cleanings. `segments` are the base offsets of the
/// segments that lie there; gives those that do afterwards.
///
/// # Errors
/// [`StorageError::Io`].
pub(crate) fn finish_cleanings(
    directory: &LogDirectory,
    mut segments: Vec<Offset>,
    left_over: &[LeftOver],
) -> Result<Vec<Offset>, StorageError> {
    let failed = |path: PathBuf| move |error| StorageError::io(path, error);
    let disk = directory.disk.as_ref();
    for left in left_over {
        match left {
            LeftOver::Unfinished(name) => {
                let path = directory.path.join(name);
                disk.remove_file(&path).map_err(failed(path))?;
            }
            LeftOver::Swap(base, next) => {
                let is_old = |segment: &Offset| (*base..*next).contains(segment);
                for segment in segments.iter().copied().filter(is_old) {
                    for suffix in SEGMENT_SUFFIXES {
                        crate::recovery::remove_if_there(directory, segment, suffix)?;
                    }
                }
                // Before the new one has its name: else both could be there after another crash.
                disk.sync_directory(&directory.path).map_err(failed(directory.path.clone()))?;
                let swap = directory.segment_file(*base, &swap_suffix(*next));
                disk.rename(&swap, &directory.segment_file(*base, LOG_SUFFIX)).map_err(failed(swap))?;
                disk.sync_directory(&directory.path).map_err(failed(directory.path.clone()))?;
                segments.retain(|segment| !is_old(segment));
                segments.push(*base);
                segments.sort_unstable();
            }
        }
    }
    Ok(segments)
}
