//! The indexes of a segment: from an offset to a position and from a time to an offset, both sparse; and the transactions that
//! were aborted there, all of them. They are caches that can be rebuilt from the segments; of the sparse ones, a reader checks
//! what they say against the batch it finds there.
//!
//! Owns: the entries, those in the file and those not yet written, and the search in both. Does not know: when an entry is
//! due (the segment's writer) and when the file is written (the sync).

mod sparse;

use model::{Offset, ProducerId, Timestamp};

pub(crate) use sparse::{FoundIn, SparseIndex, StoredEnd, StoredEntries, Unstored};

/// Something that a sparse index holds, of fixed size on disk.
pub trait Entry: Copy + std::fmt::Debug {
    /// Bytes of an entry on disk.
    const SIZE: usize;

    /// Appends the entry's bytes.
    fn encode(&self, bytes: &mut Vec<u8>);

    /// Reads an entry; `None` if fewer than [`Self::SIZE`] bytes are there.
    fn decode(bytes: &[u8]) -> Option<Self>;
}

/// A batch in the offset index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetEntry {
    /// The last offset of the batch, less the segment's base offset.
    pub relative_offset: u32,
    /// Where the batch begins in the segment, in bytes.
    pub position: u32,
}

/// A moment in the time index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeEntry {
    /// No record up to the offset has a later timestamp.
    pub timestamp: Timestamp,
    /// The last offset of the batch that brought the timestamp, less the segment's base offset.
    pub relative_offset: u32,
}

/// A transaction that was aborted: what it wrote into this partition is to be skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbortedTransaction {
    /// Its producer.
    pub producer_id: ProducerId,
    /// The offset of its first record.
    pub first_offset: Offset,
    /// The offset of its marker, in the segment that the index belongs to.
    pub marker_offset: Offset,
    /// What began before this offset had its marker by then.
    pub last_stable_offset: Offset,
}
