//! A cleaned segment in the making: its records and its indexes, in files that no start takes for the log's.

use std::io;
use std::sync::Arc;

use model::num::{u64_from_usize, usize_from_u64};
use model::{Offset, Timestamp};

use crate::disk::{DiskFile, OpenMode};
use crate::index::OffsetEntry;
use crate::segment::{BatchAt, Indexes, LOG_SUFFIX, LogDirectory, OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX};

/// The suffix of a file that belongs to an unfinished cleaning. The next start removes it.
pub(crate) const CLEANED_SUFFIX: &str = ".cleaned";

/// Writes a cleaned segment.
#[derive(Debug)]
pub(super) struct Output {
    directory: Arc<LogDirectory>,
    base_offset: Offset,
    file: Arc<dyn DiskFile>,
    /// Bytes that are in the file.
    written: u64,
    /// Bytes behind them that are not.
    pending: Vec<u8>,
    buffer_size: usize,
    indexes: Indexes,
    interval_bytes: u64,
    since_index_entry: u64,
}

/// A cleaned segment, whole and synced, but not yet the log's.
#[derive(Debug)]
pub(super) struct CleanedSegment {
    pub(super) base_offset: Offset,
    pub(super) size: u32,
}

impl Output {
    /// Begins a segment that takes the place of others from `base_offset` on.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn begin(
        directory: &Arc<LogDirectory>,
        base_offset: Offset,
        interval_bytes: u64,
        buffer_size: usize,
    ) -> io::Result<Self> {
        let path = cleaned_file(directory, base_offset, LOG_SUFFIX);
        Ok(Self {
            file: directory.disk.open(&path, OpenMode::Replace)?,
            directory: Arc::clone(directory),
            base_offset,
            written: 0,
            pending: Vec::new(),
            buffer_size,
            indexes: Indexes::empty(),
            interval_bytes,
            since_index_entry: 0,
        })
    }

    /// Adds a batch that has the offsets of `original`: its bytes, and its largest timestamp.
    ///
    /// # Errors
    /// What the system says, or that the segment would be larger than one can be.
    pub(super) fn push(&mut self, original: &BatchAt, bytes: &[u8], max_timestamp: Timestamp) -> io::Result<()> {
        let position = self.written + u64_from_usize(self.pending.len());
        let too_large = || io::Error::other("a cleaned segment is larger than a segment can be");
        let position = u32::try_from(position).map_err(|_| too_large())?;
        let relative = original.last_offset.get().checked_sub(self.base_offset.get());
        let last = relative.and_then(|relative| i32::try_from(relative).ok()?.try_into().ok()).ok_or_else(too_large)?;
        self.indexes.note_timestamp(max_timestamp, last);
        if self.since_index_entry > self.interval_bytes {
            self.indexes.offsets.push(OffsetEntry { relative_offset: last, position });
            self.indexes.push_max_timestamp();
            self.since_index_entry = 0;
        }
        self.since_index_entry += u64_from_usize(bytes.len());
        self.pending.extend_from_slice(bytes);
        if self.pending.len() >= self.buffer_size { self.write() } else { Ok(()) }
    }

    /// Bytes of the segment by now.
    pub(super) fn size(&self) -> u64 {
        self.written + u64_from_usize(self.pending.len())
    }

    /// Ends the segment and puts all its files on stable storage, their names included. They count as written when the newest of
    /// the segments was whose place they take.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn finish(mut self, modified: Timestamp) -> io::Result<CleanedSegment> {
        self.write()?;
        let size = u32::try_from(self.written).map_err(|_| io::Error::other("a cleaned segment is too large"))?;
        let Self { directory, base_offset, file, mut indexes, .. } = self;
        let disk = directory.disk.as_ref();
        indexes.push_max_timestamp();
        let (offsets, times) = (&indexes.offsets, &indexes.times);
        offsets.unstored(offsets.entries()).write(disk, &cleaned_file(&directory, base_offset, OFFSET_INDEX_SUFFIX))?;
        times.unstored(times.entries()).write(disk, &cleaned_file(&directory, base_offset, TIME_INDEX_SUFFIX))?;
        file.set_modified(modified)?;
        file.sync_all()?;
        disk.sync_directory(&directory.path)?;
        Ok(CleanedSegment { base_offset, size })
    }

    fn write(&mut self) -> io::Result<()> {
        self.file.write_all_at(&self.pending, &[], self.written)?;
        self.written += u64_from_usize(self.pending.len());
        self.pending.clear();
        if self.pending.capacity() > self.buffer_size.saturating_mul(2).max(usize_from_u64(1 << 16)) {
            // One large batch is no reason to keep its room.
            self.pending = Vec::new();
        }
        Ok(())
    }
}

/// The path of a file of a cleaned segment before it is the log's.
pub(super) fn cleaned_file(directory: &LogDirectory, base_offset: Offset, suffix: &str) -> std::path::PathBuf {
    directory.segment_file(base_offset, &format!("{suffix}{CLEANED_SUFFIX}"))
}

/// Removes the files of a cleaned segment that is not wanted. What cannot be removed is removed by the next start.
pub(super) fn discard(directory: &LogDirectory, base_offset: Offset) {
    for suffix in [OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX, LOG_SUFFIX] {
        let path = cleaned_file(directory, base_offset, suffix);
        if let Err(error) = directory.disk.remove_file(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %path.display(), "what is left of a cleaning stays until the next start: {error}");
        }
    }
}
