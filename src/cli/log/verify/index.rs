//! The two indexes of a segment, held against its batches as they pass. An index is a cache and may say little; what it says
//! must not lead a reader past what it looks for.

use std::iter::Peekable;
use std::path::{Path, PathBuf};
use std::{io, vec};

use storage::{IndexEntry, OffsetEntry, TimeEntry};

use super::{Finding, Weight};
use crate::cli::error::CliError;
use crate::cli::log::{index, unreadable};

/// A batch that was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Passed {
    pub(super) position: u64,
    pub(super) last_offset: i64,
    pub(super) max_timestamp: i64,
}

/// The entries that were not yet held against a batch.
#[derive(Debug)]
pub(super) struct IndexCheck {
    base_offset: i64,
    offsets: Entries<OffsetEntry>,
    times: Entries<TimeEntry>,
    /// The largest timestamp of the batches that passed.
    max_timestamp: i64,
}

impl IndexCheck {
    /// Reads both indexes, as far as they are there.
    pub(super) fn open(offset_index: &Path, time_index: &Path, base_offset: i64) -> Result<Self, CliError> {
        let (offsets, times) = (Entries::open(offset_index)?, Entries::open(time_index)?);
        Ok(Self { base_offset, offsets, times, max_timestamp: i64::MIN })
    }

    /// Holds the next batch against the entries that speak of it.
    pub(super) fn pass(&mut self, batch: &Passed, findings: &mut Vec<Finding>) {
        self.max_timestamp = self.max_timestamp.max(batch.max_timestamp);
        while let Some((place, entry)) = self.offsets.next_if(|entry| u64::from(entry.position) <= batch.position) {
            let (position, offset) = (u64::from(entry.position), self.base_offset + i64::from(entry.relative_offset));
            if position != batch.position {
                let what = format!("an entry points at {position}, and the next batch begins at {}", batch.position);
                self.offsets.find(place, what, findings);
            } else if offset != batch.last_offset {
                let what = format!("an entry says offset {offset}, the batch ends with {}", batch.last_offset);
                self.offsets.find(place, what, findings);
            }
        }
        let base_offset = self.base_offset;
        let reached = |entry: &TimeEntry| base_offset + i64::from(entry.relative_offset) <= batch.last_offset;
        while let Some((place, entry)) = self.times.next_if(reached) {
            let (said, found) = (entry.timestamp.get(), self.max_timestamp);
            if found > said {
                let offset = base_offset + i64::from(entry.relative_offset);
                let what =
                    format!("an entry says that no timestamp is later than {said} up to offset {offset}, {found} is");
                self.times.find(place, what, findings);
            }
        }
    }

    /// Says what is left over: entries that speak of no batch.
    pub(super) fn finish(mut self, findings: &mut Vec<Finding>) {
        if let Some((place, _)) = self.offsets.next_if(|_| true) {
            self.offsets.find(place, "the entries from here on point behind the last batch".to_owned(), findings);
        }
        if let Some((place, _)) = self.times.next_if(|_| true) {
            self.times.find(place, "the entries from here on name offsets behind the last batch".to_owned(), findings);
        }
    }
}

/// The entries of one index, with their places in the file.
#[derive(Debug)]
struct Entries<E> {
    path: PathBuf,
    left: Peekable<std::iter::Enumerate<vec::IntoIter<E>>>,
}

impl<E: IndexEntry> Entries<E> {
    /// A missing index is an empty one: it can be rebuilt.
    fn open(path: &Path) -> Result<Self, CliError> {
        let bytes = match std::fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            read => read.map_err(unreadable(path))?,
        };
        let entries = index::entries::<E>(&bytes);
        Ok(Self { path: path.to_owned(), left: entries.into_iter().enumerate().peekable() })
    }

    fn next_if(&mut self, condition: impl Fn(&E) -> bool) -> Option<(usize, E)> {
        self.left.next_if(|(_, entry)| condition(entry))
    }

    fn find(&self, place: usize, what: String, findings: &mut Vec<Finding>) {
        if findings.len() < super::FINDINGS_MAX {
            let position = model::num::u64_from_usize(place.saturating_mul(E::SIZE));
            findings.push(Finding { weight: Weight::Problem, file: self.path.clone(), position, what });
        }
    }
}
