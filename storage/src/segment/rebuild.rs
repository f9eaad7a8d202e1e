//! Making the indexes of a segment again from the headers of its batches.

use std::io;

use super::{Indexes, OFFSET_INDEX_SUFFIX, Segment, TIME_INDEX_SUFFIX, Walk, WalkError};
use crate::index::OffsetEntry;

/// Bytes between two entries: Kafka's default of `index.interval.bytes`. A topic's own value only changes how far a lookup walks.
const INTERVAL_BYTES: u64 = 4096;

impl Segment {
    /// Walks the whole segment, and writes the index files if there is room; nothing depends on that.
    pub(super) fn rebuild_indexes(&self) -> io::Result<Indexes> {
        let mut indexes = Indexes::empty();
        let mut walk = Walk::new(self.file()?.as_ref(), 0, self.size(), self.base_offset());
        let mut since_entry = 0;
        while let Some(batch) = walk.next_batch().map_err(io_error)? {
            let Some(last) = self.relative(batch.last_offset) else { break };
            indexes.note_timestamp(batch.max_timestamp(), last);
            if since_entry > INTERVAL_BYTES {
                indexes.offsets.push(OffsetEntry { relative_offset: last, position: batch.position });
                indexes.push_max_timestamp();
                since_entry = 0;
            }
            since_entry += u64::from(batch.size);
        }
        indexes.push_max_timestamp();
        self.try_to_store(&mut indexes);
        Ok(indexes)
    }

    fn try_to_store(&self, indexes: &mut Indexes) {
        let offsets = indexes.offsets.unstored(indexes.offsets.entries());
        let times = indexes.times.unstored(indexes.times.entries());
        match (self.write_index(offsets, OFFSET_INDEX_SUFFIX), self.write_index(times, TIME_INDEX_SUFFIX)) {
            (Ok(offsets), Ok(times)) => {
                indexes.offsets.mark_stored(offsets);
                indexes.times.mark_stored(times);
            }
            (Err(error), _) | (_, Err(error)) => {
                tracing::warn!(segment = %self.path().display(), "the indexes are kept in memory: {error}");
            }
        }
    }
}

/// Not of the kinds that mean a damaged index: it is the segment that cannot be read.
fn io_error(error: WalkError) -> io::Error {
    match error {
        WalkError::Io { error, .. } => error,
        damaged @ WalkError::Damaged { .. } => io::Error::other(damaged.to_string()),
    }
}
