//! A sorted list of fixed-size entries of which the beginning lies in a file and the end, not yet written, in memory.

use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use model::num::{u64_from_usize, usize_from_u64};

use super::Entry;
use crate::disk::{Disk, DiskFile, OpenMode};

/// Entries that are read at once when a binary search has come close: one page of them.
const BLOCK_BYTES: u64 = 4096;
/// No entry is larger.
const ENTRY_SIZE_MAX: usize = 64;

/// A sparse index. Entries are only added at the end; what is in the file never changes.
#[derive(Debug)]
pub(crate) struct SparseIndex<E> {
    file: Option<Arc<dyn DiskFile>>,
    /// Entries at the beginning of the file that count. What follows them is left over and is overwritten.
    stored: u64,
    tail: Vec<E>,
    last: Option<E>,
}

/// Where a search has to go on.
#[derive(Debug)]
pub(crate) enum FoundIn<E> {
    /// The answer is known without reading.
    Memory(Option<E>),
    /// The answer is among the stored entries, to be searched without the index's lock.
    File(StoredEntries),
}

/// The entries in the file, as they were when asked for: they do not change.
#[derive(Debug)]
pub(crate) struct StoredEntries {
    file: Arc<dyn DiskFile>,
    count: u64,
}

impl<E: Entry> SparseIndex<E> {
    /// An index that has no file yet.
    #[must_use]
    pub(crate) const fn empty() -> Self {
        Self { file: None, stored: 0, tail: Vec::new(), last: None }
    }

    /// The index in the file at `path`: its first `count` entries, or all.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::InvalidData`] for a size that no index has, or fewer entries.
    pub(crate) fn open(disk: &dyn Disk, path: &Path, count: Option<u64>) -> io::Result<Self> {
        let file = disk.open(path, OpenMode::Write)?;
        let size = file.size()?;
        let entry_size = u64_from_usize(E::SIZE);
        let stored = count.unwrap_or(size / entry_size);
        let expected = stored.saturating_mul(entry_size);
        if size < expected || (count.is_none() && size != expected) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("{size} bytes, {expected} expected")));
        }
        let mut index = Self { file: Some(file), stored, tail: Vec::new(), last: None };
        index.last = index.read_last_stored()?;
        Ok(index)
    }

    /// Entries, written or not.
    #[must_use]
    pub(crate) const fn entries(&self) -> u64 {
        self.stored + u64_from_usize(self.tail.len())
    }

    /// The last entry.
    #[must_use]
    pub(crate) const fn last(&self) -> Option<&E> {
        self.last.as_ref()
    }

    /// Adds an entry; the caller sees to the order.
    pub(crate) fn push(&mut self, entry: E) {
        self.tail.push(entry);
        self.last = Some(entry);
    }

    /// The last entry for which `is_before` holds; it must hold for a beginning of the entries and for none after.
    #[must_use]
    pub(crate) fn search(&self, is_before: impl Fn(&E) -> bool) -> FoundIn<E> {
        let in_tail = self.tail.partition_point(|entry| is_before(entry));
        match (in_tail.checked_sub(1).and_then(|place| self.tail.get(place)), &self.file) {
            (Some(entry), _) => FoundIn::Memory(Some(*entry)),
            (None, Some(file)) if self.stored > 0 => {
                FoundIn::File(StoredEntries { file: Arc::clone(file), count: self.stored })
            }
            (None, _) => FoundIn::Memory(None),
        }
    }

    /// Those of the first `upto` entries that the file does not hold yet, for [`Unstored::write`] to write without the lock.
    #[must_use]
    pub(crate) fn unstored(&self, upto: u64) -> Unstored {
        let count = usize_from_u64(upto.saturating_sub(self.stored)).min(self.tail.len());
        let mut bytes = Vec::with_capacity(count * E::SIZE);
        for entry in self.tail.iter().take(count) {
            entry.encode(&mut bytes);
        }
        Unstored { file: self.file.clone(), position: self.stored * u64_from_usize(E::SIZE), bytes }
    }

    /// Takes over what [`Unstored::write`] wrote. Entries that were added meanwhile stay in memory.
    pub(crate) fn mark_stored(&mut self, written: StoredEnd) {
        let entry_size = u64_from_usize(E::SIZE);
        let stored = written.end / entry_size;
        let newly = usize_from_u64(stored.saturating_sub(self.stored)).min(self.tail.len());
        self.tail.drain(..newly);
        if self.tail.is_empty() {
            // The tail is as large as what came between two syncs; an idle log keeps none of it.
            self.tail = Vec::new();
        }
        self.stored = stored;
        self.file = Some(written.file);
    }

    /// The entries that are in the file, to be read without the index's lock.
    #[must_use]
    pub(crate) fn stored_entries(&self) -> Option<StoredEntries> {
        let file = self.file.as_ref().filter(|_| self.stored > 0)?;
        Some(StoredEntries { file: Arc::clone(file), count: self.stored })
    }

    /// The entries behind them, which are only in memory.
    #[must_use]
    pub(crate) fn tail(&self) -> &[E] {
        &self.tail
    }

    /// What lies in the file at `path`, of any size: whole entries, of which nobody has said that they count.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn found(disk: &dyn Disk, path: &Path) -> io::Result<StoredEntries> {
        let file = disk.open(path, OpenMode::Write)?;
        let count = file.size()? / u64_from_usize(E::SIZE);
        Ok(StoredEntries { file, count })
    }

    /// The index of the first `count` of these entries. What else is in the file is cut off, durably.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn cut(found: StoredEntries, count: u64) -> io::Result<Self> {
        let end = count * u64_from_usize(E::SIZE);
        if found.file.size()? != end {
            found.file.set_size(end)?;
            found.file.sync_all()?;
        }
        let mut index = Self { file: Some(found.file), stored: count, tail: Vec::new(), last: None };
        index.last = index.read_last_stored()?;
        Ok(index)
    }

    fn read_last_stored(&self) -> io::Result<Option<E>> {
        match (&self.file, self.stored.checked_sub(1)) {
            (Some(file), Some(place)) => read_entry(file.as_ref(), place).map(Some),
            _ => Ok(None),
        }
    }
}

/// Bytes of an index that are to be written to its file.
#[derive(Debug)]
pub(crate) struct Unstored {
    file: Option<Arc<dyn DiskFile>>,
    position: u64,
    bytes: Vec<u8>,
}

/// How far the file of an index was written.
#[derive(Debug)]
pub(crate) struct StoredEnd {
    file: Arc<dyn DiskFile>,
    end: u64,
}

impl Unstored {
    /// Whether the file holds everything already.
    #[must_use]
    pub(crate) const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Writes the entries to the file at `path` and syncs it; it is made if the index had none. The directory is the caller's
    /// to sync.
    ///
    /// # Errors
    /// What the system says; the file may then hold some of the entries, and nothing counts them.
    pub(crate) fn write(self, disk: &dyn Disk, path: &Path) -> io::Result<StoredEnd> {
        let file = match self.file {
            Some(file) => file,
            None => disk.open(path, OpenMode::Replace)?,
        };
        let end = self.position + u64_from_usize(self.bytes.len());
        file.write_all_at(&self.bytes, &[], self.position)?;
        if file.size()? != end {
            file.set_size(end)?;
        }
        file.sync_all()?;
        Ok(StoredEnd { file, end })
    }
}

impl StoredEntries {
    /// As [`SparseIndex::search`].
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn search<E: Entry>(&self, is_before: impl Fn(&E) -> bool) -> io::Result<Option<E>> {
        match self.count_before(&is_before)?.checked_sub(1) {
            Some(place) => read_entry(self.file.as_ref(), place).map(Some),
            None => Ok(None),
        }
    }

    /// Calls `act` with each entry from the first for which `is_before` does not hold, until it breaks off; ends before one that
    /// cannot be read as an entry.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn walk<E: Entry>(
        &self,
        is_before: &impl Fn(&E) -> bool,
        mut act: impl FnMut(E) -> ControlFlow<()>,
    ) -> io::Result<ControlFlow<()>> {
        let (entry_size, mut place) = (u64_from_usize(E::SIZE), self.count_before(is_before)?);
        while place < self.count {
            let count = (BLOCK_BYTES / entry_size).min(self.count - place);
            let mut bytes = vec![0; usize_from_u64(count) * E::SIZE];
            self.file.read_exact_at(&mut bytes, place * entry_size)?;
            for bytes in bytes.chunks_exact(E::SIZE) {
                let Some(entry) = E::decode(bytes) else { return Ok(ControlFlow::Continue(())) };
                if act(entry).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            place += count;
        }
        Ok(ControlFlow::Continue(()))
    }

    /// A binary search that probes single entries until what is left fits one read.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn count_before<E: Entry>(&self, is_before: &impl Fn(&E) -> bool) -> io::Result<u64> {
        let block = BLOCK_BYTES / u64_from_usize(E::SIZE);
        let (mut low, mut high) = (0, self.count);
        while high - low > block {
            let middle = low + (high - low) / 2;
            if is_before(&read_entry(self.file.as_ref(), middle)?) { low = middle + 1 } else { high = middle }
        }
        let mut bytes = vec![0; usize_from_u64(high - low) * E::SIZE];
        self.file.read_exact_at(&mut bytes, low * u64_from_usize(E::SIZE))?;
        let before = bytes.chunks_exact(E::SIZE).filter_map(E::decode).take_while(|entry| is_before(entry)).count();
        Ok(low + u64_from_usize(before))
    }
}

fn read_entry<E: Entry>(file: &dyn DiskFile, place: u64) -> io::Result<E> {
    let mut bytes = [0; ENTRY_SIZE_MAX];
    let bytes = bytes.get_mut(..E::SIZE).unwrap_or_default();
    file.read_exact_at(bytes, place * u64_from_usize(E::SIZE))?;
    E::decode(bytes).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "an entry makes no sense"))
}
