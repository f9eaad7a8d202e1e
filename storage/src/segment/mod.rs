//! One segment: a `.log` file with its two sparse indexes, as readers and the writer share it.
//!
//! Owns: what is published of the segment (its size, its indexes) and the lookups in it. Does not know: when to append,
//! roll or sync, and which other segments there are.

mod aborted;
mod age;
mod lookup;
mod rebuild;
mod recent;
mod walk;

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use model::{Offset, Timestamp};

use crate::disk::{Disk, DiskFile, OpenMode};
use crate::index::{OffsetEntry, SparseIndex, StoredEnd, TimeEntry, Unstored};

use aborted::AbortedState;
pub(crate) use lookup::{LookupError, TimedOffset};
pub(crate) use recent::{Mark, RecentBatches};
pub(crate) use walk::judge;
pub(crate) use walk::{BatchAt, Flaw, Walk, WalkError};

/// The directory of a log, and the disk it is on.
#[derive(Debug)]
pub(crate) struct LogDirectory {
    /// The disk.
    pub(crate) disk: Arc<dyn Disk>,
    /// The directory of the log.
    pub(crate) path: PathBuf,
}

impl LogDirectory {
    /// The path of a file of the segment that begins at `base_offset`.
    #[must_use]
    pub(crate) fn segment_file(&self, base_offset: Offset, suffix: &str) -> PathBuf {
        self.path.join(segment_file_name(base_offset, suffix))
    }
}

/// The name of a file of the segment that begins at `base_offset`, or of something that belongs to that offset.
#[must_use]
pub(crate) fn segment_file_name(base_offset: Offset, suffix: &str) -> String {
    format!("{:020}.{suffix}", base_offset.get())
}

/// The suffix of a segment's records.
pub(crate) const LOG_SUFFIX: &str = "log";
/// The suffix of a segment's offset index.
pub(crate) const OFFSET_INDEX_SUFFIX: &str = "index";
/// The suffix of a segment's time index.
pub(crate) const TIME_INDEX_SUFFIX: &str = "timeindex";

/// The suffix of the index of a segment's aborted transactions.
pub(crate) const TRANSACTION_INDEX_SUFFIX: &str = "txnindex";

/// The suffixes of all files of a segment, in the order in which they are removed: a segment without indexes is still one.
pub(crate) const SEGMENT_SUFFIXES: [&str; 4] =
    [OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX, TRANSACTION_INDEX_SUFFIX, LOG_SUFFIX];

/// How many entries of the index files count, where the files may hold more: in the segment that is appended to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct StoredCounts {
    /// Entries of the offset index.
    pub(crate) offsets: u64,
    /// Entries of the time index.
    pub(crate) times: u64,
}

/// A segment. Files are opened when they are first needed.
#[derive(Debug)]
pub(crate) struct Segment {
    directory: Arc<LogDirectory>,
    base_offset: Offset,
    file: OnceLock<Arc<dyn DiskFile>>,
    /// Bytes that readers may read. Stored after the bytes and the index entries are there.
    size: AtomicU32,
    /// Whether the file's name is on stable storage.
    name_is_durable: AtomicBool,
    /// Whether the index of aborted transactions has any.
    has_aborted: AtomicBool,
    state: Mutex<SegmentState>,
}

/// What readers look up and the writer adds to.
#[derive(Debug)]
pub(crate) struct SegmentState {
    indexes: IndexState,
    aborted: AbortedState,
    pub(crate) recent: RecentBatches,
}

#[derive(Debug)]
enum IndexState {
    /// In their files, which nobody needed yet. `None`: all entries of the files count.
    Closed(Option<StoredCounts>),
    Open(Indexes),
}

/// The two indexes of a segment.
#[derive(Debug)]
pub(crate) struct Indexes {
    pub(crate) offsets: SparseIndex<OffsetEntry>,
    pub(crate) times: SparseIndex<TimeEntry>,
    /// The largest timestamp in the segment and the batch that brought it first; `None` if no batch has a timestamp.
    pub(crate) max_timestamp: Option<TimeEntry>,
}

impl Indexes {
    pub(crate) const fn empty() -> Self {
        Self { offsets: SparseIndex::empty(), times: SparseIndex::empty(), max_timestamp: None }
    }

    fn open(directory: &LogDirectory, base_offset: Offset, counts: Option<StoredCounts>) -> io::Result<Self> {
        if counts == Some(StoredCounts::default()) {
            return Ok(Self::empty());
        }
        let disk = directory.disk.as_ref();
        let offsets = directory.segment_file(base_offset, OFFSET_INDEX_SUFFIX);
        let times = directory.segment_file(base_offset, TIME_INDEX_SUFFIX);
        let offsets = SparseIndex::open(disk, &offsets, counts.map(|counts| counts.offsets))?;
        let times: SparseIndex<TimeEntry> = SparseIndex::open(disk, &times, counts.map(|counts| counts.times))?;
        // Whenever the time index is written, its last entry is made to be the largest timestamp so far.
        let max_timestamp = times.last().copied();
        Ok(Self { offsets, times, max_timestamp })
    }

    /// Takes note of a batch's largest timestamp.
    pub(crate) fn note_timestamp(&mut self, timestamp: Timestamp, relative_offset: u32) {
        if timestamp.get() >= 0 && self.max_timestamp.is_none_or(|max| timestamp > max.timestamp) {
            self.max_timestamp = Some(TimeEntry { timestamp, relative_offset });
        }
    }

    /// Adds the largest timestamp so far to the time index, if it is not its last entry.
    pub(crate) fn push_max_timestamp(&mut self) {
        if let Some(max) = self.max_timestamp
            && self.times.last().is_none_or(|last| last.timestamp < max.timestamp)
        {
            self.times.push(max);
        }
    }
}

impl Segment {
    /// A segment that was just made: its file is open and empty, and its name not durable yet.
    #[must_use]
    pub(crate) fn created(directory: Arc<LogDirectory>, base_offset: Offset, file: Arc<dyn DiskFile>) -> Self {
        let segment = Self::new(directory, base_offset, 0, IndexState::Open(Indexes::empty()));
        segment.name_is_durable.store(false, Ordering::Relaxed);
        segment.file.get_or_init(|| file);
        segment
    }

    /// A segment that lies on disk with `size` bytes of checked batches. `counts` says how many entries of its indexes count,
    /// `None` all.
    #[must_use]
    pub(crate) fn found(
        directory: Arc<LogDirectory>,
        base_offset: Offset,
        size: u32,
        counts: Option<StoredCounts>,
    ) -> Self {
        Self::new(directory, base_offset, size, IndexState::Closed(counts))
    }

    fn new(directory: Arc<LogDirectory>, base_offset: Offset, size: u32, indexes: IndexState) -> Self {
        Self {
            directory,
            base_offset,
            file: OnceLock::new(),
            size: AtomicU32::new(size),
            name_is_durable: AtomicBool::new(true),
            has_aborted: AtomicBool::new(false),
            state: Mutex::new(SegmentState {
                indexes,
                aborted: AbortedState::none(),
                recent: RecentBatches::default(),
            }),
        }
    }

    /// The offset of its first record, or of the record that will be.
    #[must_use]
    pub(crate) const fn base_offset(&self) -> Offset {
        self.base_offset
    }

    /// Bytes that readers may read.
    #[must_use]
    pub(crate) fn size(&self) -> u32 {
        self.size.load(Ordering::Acquire)
    }

    /// The name of the file with the records, for messages.
    #[must_use]
    pub(crate) fn path(&self) -> PathBuf {
        self.directory.segment_file(self.base_offset, LOG_SUFFIX)
    }

    /// The file with the records, opened when it is first needed.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn file(&self) -> io::Result<&Arc<dyn DiskFile>> {
        if let Some(file) = self.file.get() {
            return Ok(file);
        }
        match self.directory.disk.open(&self.path(), OpenMode::Write) {
            // Two threads may open it at once; the second's handle is dropped.
            Ok(file) => Ok(self.file.get_or_init(|| file)),
            // Compaction opens it before it gives the file another name.
            Err(error) => self.file.get().ok_or(error),
        }
    }

    /// An offset as the segment's indexes write it; `None` if it lies before the segment or too far behind its beginning.
    #[must_use]
    pub(crate) fn relative(&self, offset: Offset) -> Option<u32> {
        // Kafka reads the relative offset as a signed number.
        let relative = offset.get().checked_sub(self.base_offset.get())?;
        i32::try_from(relative).ok().and_then(|relative| u32::try_from(relative).ok())
    }

    /// Makes bytes that were written, and what the state says of them, visible to readers.
    pub(crate) fn publish_size(&self, size: u32) {
        self.size.store(size, Ordering::Release);
    }

    /// Whether the file's name still has to be made durable with the directory.
    #[must_use]
    pub(crate) fn name_is_durable(&self) -> bool {
        self.name_is_durable.load(Ordering::Acquire)
    }

    /// Notes that the directory was synced.
    pub(crate) fn mark_name_durable(&self) {
        self.name_is_durable.store(true, Ordering::Release);
    }

    /// Notes that a crash may have left the file without a durable name.
    pub(crate) fn mark_name_doubtful(&self) {
        self.name_is_durable.store(false, Ordering::Release);
    }

    /// The state, locked for a moment: the only lock that is taken below the writer's.
    pub(crate) fn state(&self) -> MutexGuard<'_, SegmentState> {
        // What panics in between has at worst not added an entry to an index, which is sparse anyway.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `act` on the indexes, which are opened first where nobody needed them yet.
    ///
    /// # Errors
    /// What the system says about opening them; [`io::ErrorKind::InvalidData`] if they are not what they should be.
    pub(crate) fn with_indexes<T>(&self, act: impl FnOnce(&mut Indexes) -> T) -> io::Result<T> {
        let mut state = self.state();
        if let IndexState::Closed(counts) = state.indexes {
            state.indexes = IndexState::Open(self.open_or_rebuild(counts)?);
        }
        match &mut state.indexes {
            IndexState::Open(indexes) => Ok(act(indexes)),
            IndexState::Closed(_) => Err(io::Error::other("the indexes were closed while they were locked")),
        }
    }

    /// Takes the indexes out, to add to them alone; [`Self::set_indexes`] puts them back.
    ///
    /// # Errors
    /// As [`Self::with_indexes`].
    pub(crate) fn take_indexes(&self) -> io::Result<Indexes> {
        self.with_indexes(|indexes| std::mem::replace(indexes, Indexes::empty()))
    }

    /// Indexes are caches: ones that are missing or of the wrong size are made again from the batches.
    fn open_or_rebuild(&self, counts: Option<StoredCounts>) -> io::Result<Indexes> {
        match Indexes::open(&self.directory, self.base_offset, counts) {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) => {
                tracing::warn!(segment = %self.path().display(), "making the indexes again: {error}");
                self.rebuild_indexes()
            }
            opened => opened,
        }
    }

    /// Replaces the indexes by ones that were added to.
    pub(crate) fn set_indexes(&self, indexes: Indexes) {
        self.state().indexes = IndexState::Open(indexes);
    }

    /// Ends the time index with the largest timestamp so far, and says how many entries the indexes have.
    ///
    /// # Errors
    /// What the system says about opening the indexes.
    pub(crate) fn count_index_entries(&self) -> io::Result<StoredCounts> {
        if let IndexState::Closed(Some(counts)) = self.state().indexes {
            return Ok(counts);
        }
        self.with_indexes(|indexes| {
            indexes.push_max_timestamp();
            StoredCounts { offsets: indexes.offsets.entries(), times: indexes.times.entries() }
        })
    }

    /// How many entries the indexes of a segment have that is not appended to any more; without opening them.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn count_index_entries_closed(&self) -> io::Result<StoredCounts> {
        if let IndexState::Open(indexes) = &self.state().indexes {
            return Ok(StoredCounts { offsets: indexes.offsets.entries(), times: indexes.times.entries() });
        }
        let entries = |suffix, size| match self
            .directory
            .disk
            .file_size(&self.directory.segment_file(self.base_offset, suffix))
        {
            Ok(bytes) => Ok(bytes / size),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error),
        };
        Ok(StoredCounts { offsets: entries(OFFSET_INDEX_SUFFIX, 8)?, times: entries(TIME_INDEX_SUFFIX, 12)? })
    }

    /// Writes those of the first `upto` entries of the indexes that are only in memory, and syncs the files; their names are
    /// the caller's to make durable. For one thread at a time.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn store_indexes(&self, upto: StoredCounts) -> io::Result<()> {
        if let IndexState::Closed(_) = self.state().indexes {
            return Ok(());
        }
        let (offsets, times) =
            self.with_indexes(|indexes| (indexes.offsets.unstored(upto.offsets), indexes.times.unstored(upto.times)))?;
        let offsets = self.write_index(offsets, OFFSET_INDEX_SUFFIX)?;
        let times = self.write_index(times, TIME_INDEX_SUFFIX)?;
        self.with_indexes(|indexes| {
            indexes.offsets.mark_stored(offsets);
            indexes.times.mark_stored(times);
        })
    }

    fn write_index(&self, unstored: Unstored, suffix: &str) -> io::Result<StoredEnd> {
        unstored.write(self.directory.disk.as_ref(), &self.directory.segment_file(self.base_offset, suffix))
    }
}
