//! The aborted transactions whose markers lie in a segment: what a reader of committed records is told to skip.
//!
//! Most segments have none, and no file. Markers rise from entry to entry, and so do the last stable offsets, so a search ends
//! soon: what comes behind an entry whose last stable offset is at the range's end began behind it.

use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use model::Offset;

use super::{Segment, TRANSACTION_INDEX_SUFFIX, segment_file_name};
use crate::checkpoint::replace_file;
use crate::index::{AbortedTransaction, Entry, SparseIndex, StoredEntries};

/// The index of a segment's aborted transactions.
#[derive(Debug)]
pub(super) enum AbortedState {
    /// In its file, which nobody needed yet.
    Closed,
    Open(SparseIndex<AbortedTransaction>),
}

impl AbortedState {
    pub(super) const fn none() -> Self {
        Self::Open(SparseIndex::empty())
    }
}

impl Segment {
    /// Whether any transaction was aborted here.
    #[must_use]
    pub(crate) fn has_aborted(&self) -> bool {
        self.has_aborted.load(Ordering::Acquire)
    }

    /// Notes that the index lies in its file.
    pub(crate) fn note_aborted_file(&self) {
        self.state().aborted = AbortedState::Closed;
        self.has_aborted.store(true, Ordering::Release);
    }

    /// Adds a transaction; returns whether it is the segment's first. Only to the segment that is appended to, whose index is
    /// open.
    pub(crate) fn push_aborted(&self, aborted: AbortedTransaction) -> bool {
        if let AbortedState::Open(index) = &mut self.state().aborted {
            index.push(aborted);
        }
        !self.has_aborted.swap(true, Ordering::AcqRel)
    }

    /// Takes these for the segment's aborted transactions: its file was of no use. Writes it anew if there is room; nothing
    /// depends on that.
    pub(crate) fn replace_aborted(&self, all: &[AbortedTransaction]) {
        let mut index = SparseIndex::empty();
        let mut bytes = Vec::with_capacity(all.len() * AbortedTransaction::SIZE);
        for aborted in all {
            aborted.encode(&mut bytes);
            index.push(*aborted);
        }
        let name = segment_file_name(self.base_offset(), TRANSACTION_INDEX_SUFFIX);
        if let Err(error) = replace_file(self.directory.disk.as_ref(), &self.directory.path, &name, &bytes) {
            tracing::warn!(name, "the index of aborted transactions is kept in memory: {error}");
        }
        self.state().aborted = AbortedState::Open(index);
    }

    /// Opens the index of the segment that was appended to, and cuts off what a crash left in its file: transactions whose
    /// markers are not below `end`, whole or not.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn keep_aborted_before(&self, end: Offset) -> io::Result<()> {
        let found = SparseIndex::<AbortedTransaction>::found(self.directory.disk.as_ref(), &self.aborted_path())?;
        let kept = self.count_sound(&found, end)?;
        let index = SparseIndex::cut(found, kept)?;
        self.has_aborted.store(kept > 0, Ordering::Release);
        self.state().aborted = AbortedState::Open(index);
        Ok(())
    }

    /// How many there are, for [`Self::store_aborted`].
    #[must_use]
    pub(crate) fn count_aborted(&self) -> u64 {
        match &self.state().aborted {
            AbortedState::Closed => 0,
            AbortedState::Open(index) => index.entries(),
        }
    }

    /// Writes those of the first `upto` that are only in memory, and syncs the file; its name is the caller's to make durable.
    /// For one thread at a time.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn store_aborted(&self, upto: u64) -> io::Result<()> {
        let unstored = match &self.state().aborted {
            AbortedState::Open(index) => index.unstored(upto),
            AbortedState::Closed => return Ok(()),
        };
        if unstored.is_empty() {
            return Ok(());
        }
        let stored = self.write_index(unstored, TRANSACTION_INDEX_SUFFIX)?;
        if let AbortedState::Open(index) = &mut self.state().aborted {
            index.mark_stored(stored);
        }
        Ok(())
    }

    /// Adds to `found` the transactions that overlap with the range from `from` to before `upto`. Breaks off if no later segment
    /// can have any.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::InvalidData`] if the file is damaged.
    pub(crate) fn collect_aborted(
        &self,
        (from, upto): (Offset, Offset),
        found: &mut Vec<AbortedTransaction>,
    ) -> io::Result<ControlFlow<()>> {
        self.ensure_aborted_open()?;
        let is_before = |aborted: &AbortedTransaction| aborted.marker_offset < from;
        let look = |found: &mut Vec<AbortedTransaction>, aborted: AbortedTransaction| {
            if aborted.first_offset < upto {
                found.push(aborted);
            }
            if aborted.last_stable_offset >= upto { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let mut in_memory = Vec::new();
        let (file, ended) = match &self.state().aborted {
            AbortedState::Open(index) if index.last().is_some_and(|last| !is_before(last)) => {
                let (file, tail) = (index.stored_entries(), index.tail());
                let mut tail = tail.iter().skip(tail.partition_point(is_before));
                (file, tail.try_for_each(|aborted| look(&mut in_memory, *aborted)))
            }
            AbortedState::Open(_) | AbortedState::Closed => return Ok(ControlFlow::Continue(())),
        };
        // Without the lock: entries in the file do not change.
        if let Some(file) = file
            && file.walk(&is_before, |aborted| look(found, aborted))?.is_break()
        {
            return Ok(ControlFlow::Break(()));
        }
        found.append(&mut in_memory);
        Ok(ended)
    }

    /// Opens the index, if nobody needed it yet: compaction gives its file another name.
    ///
    /// # Errors
    /// As [`Self::collect_aborted`].
    pub(crate) fn ensure_aborted_open(&self) -> io::Result<()> {
        if matches!(self.state().aborted, AbortedState::Open(_)) {
            return Ok(());
        }
        let opened = self.open_aborted()?;
        let mut state = self.state();
        // Two threads may open it at once; the second's is dropped.
        if matches!(state.aborted, AbortedState::Closed) {
            state.aborted = AbortedState::Open(opened);
        }
        Ok(())
    }

    /// The index in its file, all of which is looked at once: what it says is believed from then on.
    fn open_aborted(&self) -> io::Result<SparseIndex<AbortedTransaction>> {
        let index = SparseIndex::open(self.directory.disk.as_ref(), &self.aborted_path(), None)?;
        let sound = match index.stored_entries() {
            Some(stored) => self.count_sound(&stored, Offset::MAX)?,
            None => 0,
        };
        if sound == index.entries() {
            return Ok(index);
        }
        let problem = format!("{}: entry {sound} makes no sense", self.aborted_path().display());
        Err(io::Error::new(io::ErrorKind::InvalidData, problem))
    }

    /// How many entries come before the first that cannot be there, or whose marker is not below `end`.
    fn count_sound(&self, stored: &StoredEntries, end: Offset) -> io::Result<u64> {
        let (mut marker_min, mut stable_min, mut count) = (self.base_offset(), Offset::ZERO, 0);
        let _: ControlFlow<()> = stored.walk(&|_| false, |aborted: AbortedTransaction| {
            let rises = aborted.marker_offset >= marker_min && aborted.last_stable_offset >= stable_min;
            if !rises || aborted.marker_offset >= end {
                return ControlFlow::Break(());
            }
            marker_min = aborted.marker_offset.checked_add(1).unwrap_or(Offset::MAX);
            stable_min = aborted.last_stable_offset;
            count += 1;
            ControlFlow::Continue(())
        })?;
        Ok(count)
    }

    fn aborted_path(&self) -> PathBuf {
        self.directory.segment_file(self.base_offset(), TRANSACTION_INDEX_SUFFIX)
    }
}
