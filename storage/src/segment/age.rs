//! How old a segment is: the time of its newest record, or of the last write to its file.

use std::io;

use model::Timestamp;

use super::{IndexState, LOG_SUFFIX, LookupError, Segment, StoredCounts, TIME_INDEX_SUFFIX};
use crate::index::{SparseIndex, TimeEntry};

impl Segment {
    /// The largest timestamp in the segment, as its time index says; `None` if no record has one. Does not keep the index
    /// open: who asks this asks it of segments that nobody reads.
    ///
    /// # Errors
    /// What the system says about the index, or about the records if the index must be made again.
    pub(crate) fn largest_timestamp(&self) -> io::Result<Option<Timestamp>> {
        let counts = match &self.state().indexes {
            IndexState::Open(indexes) => return Ok(indexes.max_timestamp.map(|max| max.timestamp)),
            IndexState::Closed(counts) => *counts,
        };
        if counts == Some(StoredCounts::default()) {
            return Ok(None);
        }
        let path = self.directory.segment_file(self.base_offset, TIME_INDEX_SUFFIX);
        let entries = counts.map(|counts| counts.times);
        match SparseIndex::<TimeEntry>::open(self.directory.disk.as_ref(), &path, entries) {
            Ok(index) => Ok(index.last().map(|last| last.timestamp)),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) => {
                self.with_indexes(|indexes| indexes.max_timestamp.map(|max| max.timestamp))
            }
            Err(error) => Err(error),
        }
    }

    /// When the segment got its newest record, seen at `now`: its largest timestamp; or the last write to its file, if that lies
    /// in the future or there is none. A wrong clock of one producer must not make a segment young for ever.
    ///
    /// # Errors
    /// [`LookupError`].
    pub(crate) fn newest(&self, now: Timestamp) -> Result<Timestamp, LookupError> {
        match self.largest_timestamp()?.filter(|largest| *largest <= now) {
            // The time index is a cache, and what it says would delete records: the segment's end must not say otherwise.
            Some(largest) => Ok(self.last_batch_timestamp()?.map_or(largest, |last| last.max(largest))),
            None => Ok(self.modified()?),
        }
    }

    /// The largest timestamp of the segment's last batch: what an index that lost its end would not tell.
    ///
    /// # Errors
    /// [`LookupError`].
    fn last_batch_timestamp(&self) -> Result<Option<Timestamp>, LookupError> {
        let last = self.with_indexes(|indexes| indexes.offsets.last().copied())?;
        let mut walk = self.walk_from(last, self.size())?;
        let mut timestamp = None;
        while let Some(batch) = walk.next_batch()? {
            timestamp = Some(Timestamp::new(batch.header.max_timestamp)).filter(|timestamp| timestamp.get() >= 0);
        }
        Ok(timestamp)
    }

    /// When the file with the records was last written to.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn modified(&self) -> io::Result<Timestamp> {
        self.directory.disk.modified(&self.directory.segment_file(self.base_offset, LOG_SUFFIX))
    }
}
