//! The content of a file of the simulated disk: the bytes now, those that are durable, and which pages differ.

use std::collections::BTreeSet;

use model::Timestamp;
use model::num::{u64_from_usize, usize_from_u64};

use super::choices::Choices;

const PAGE: usize = 4096;
/// What a disk writes as a whole.
const SECTOR: usize = 512;

/// A file's bytes.
#[derive(Debug, Default)]
pub(super) struct FileContent {
    current: Vec<u8>,
    durable: Vec<u8>,
    /// Pages that were written and not synced.
    dirty: BTreeSet<usize>,
    lock_holder: Option<usize>,
    pub(super) modified: Timestamp,
}

impl FileContent {
    pub(super) fn size(&self) -> u64 {
        u64_from_usize(self.current.len())
    }

    pub(super) fn read_at(&self, buffer: &mut [u8], position: u64) -> usize {
        let rest = self.current.get(usize_from_u64(position)..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(rest) {
            *to = *from;
        }
        count
    }

    pub(super) fn write_at(&mut self, bytes: &[u8], position: u64) {
        let start = usize_from_u64(position);
        let end = start + bytes.len();
        if self.current.len() < end {
            self.current.resize(end, 0);
        }
        copy(&mut self.current, bytes, start);
        if !bytes.is_empty() {
            self.dirty.extend(start / PAGE..=(end - 1) / PAGE);
        }
    }

    pub(super) fn set_size(&mut self, size: u64) {
        let size = usize_from_u64(size);
        let shorter = size.min(self.current.len());
        self.current.resize(size, 0);
        // The page that was cut, or that grows, differs now; those behind it are gone.
        self.dirty.retain(|page| page * PAGE < size);
        self.dirty.extend(shorter / PAGE..size.div_ceil(PAGE));
    }

    pub(super) fn sync(&mut self) {
        self.durable.resize(self.current.len(), 0);
        for page in std::mem::take(&mut self.dirty) {
            let bytes = self.current.chunks(PAGE).nth(page).unwrap_or_default();
            copy(&mut self.durable, bytes, page * PAGE);
        }
    }

    /// A sync failed: the pages count as clean and never reach the disk.
    pub(super) fn lose_unsynced(&mut self) {
        self.dirty.clear();
    }

    pub(super) fn crash(&mut self, choices: &mut Choices) {
        let (old, new) = (self.durable.len(), self.current.len());
        let span = u64_from_usize(old.abs_diff(new));
        let size = match choices.upto(3) {
            0 => old,
            1 => new,
            _ => old.min(new) + usize_from_u64(choices.upto(span)),
        };
        self.durable.resize(size, 0);
        for page in std::mem::take(&mut self.dirty) {
            let start = page * PAGE;
            let bytes = self.current.chunks(PAGE).nth(page).unwrap_or_default();
            match choices.upto(2) {
                0 => {}
                1 => copy(&mut self.durable, bytes, start),
                _ => {
                    for (place, sector) in bytes.chunks(SECTOR).enumerate().filter(|_| choices.next()) {
                        copy(&mut self.durable, sector, start + place * SECTOR);
                    }
                }
            }
        }
        self.current.clone_from(&self.durable);
        self.lock_holder = None;
    }

    pub(super) fn try_lock(&mut self, holder: usize) -> bool {
        let is_free = self.lock_holder.is_none_or(|current| current == holder);
        if is_free {
            self.lock_holder = Some(holder);
        }
        is_free
    }

    pub(super) fn unlock(&mut self, holder: usize) {
        if self.lock_holder == Some(holder) {
            self.lock_holder = None;
        }
    }
}

/// Copies as much of `bytes` to `start` as `target` has room for.
fn copy(target: &mut [u8], bytes: &[u8], start: usize) {
    for (to, from) in target.iter_mut().skip(start).zip(bytes) {
        *to = *from;
    }
}
