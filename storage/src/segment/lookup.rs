//! From an offset, a size or a time to a place in the segment. Never takes the log's append lock; the sparse indexes come
//! first, then a walk over the few batches behind their answer.

use std::io;
use std::ops::Range;

use model::num::usize_from_u32;
use model::{LeaderEpoch, Offset, Timestamp};

use super::{BatchAt, Segment, Walk, WalkError};
use crate::batch::{BatchView, DecompressionLimits};
use crate::index::{FoundIn, OffsetEntry, TimeEntry};

/// Why a lookup failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LookupError {
    /// A file of the segment cannot be opened or read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The batches cannot be read or are damaged.
    #[error("{0}")]
    Walk(#[from] WalkError),
}

/// A record found by its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimedOffset {
    /// Its offset.
    pub(crate) offset: Offset,
    /// Its timestamp.
    pub(crate) timestamp: Timestamp,
    /// The leader epoch of its batch.
    pub(crate) leader_epoch: Option<LeaderEpoch>,
}

impl Segment {
    /// Where the batch begins that holds `offset`, or the first one behind it where compaction removed it; the segment's
    /// size if there is none.
    ///
    /// # Errors
    /// [`LookupError`].
    pub(crate) fn position_of(&self, offset: Offset) -> Result<u32, LookupError> {
        let size = self.size();
        if offset <= self.base_offset() || size == 0 {
            return Ok(0);
        }
        let Some(relative) = self.relative(offset) else { return Ok(size) };
        if let Some(position) = self.state().recent.position_of(relative) {
            return Ok(position);
        }
        let mut walk = self.walk_from(self.offset_entry(|entry| entry.relative_offset <= relative)?, size)?;
        while let Some(batch) = walk.next_batch()? {
            if batch.last_offset >= offset {
                return Ok(batch.position);
            }
        }
        Ok(size)
    }

    /// The last end of a batch at or before `limit`, for a reader that begins at `start`, where a batch begins. `start`
    /// itself if the first batch is larger.
    ///
    /// # Errors
    /// [`LookupError`].
    pub(crate) fn batch_end_at_or_before(&self, limit: u32, start: u32) -> Result<u32, LookupError> {
        let size = self.size();
        if limit >= size {
            return Ok(size);
        }
        if let Some(position) = self.state().recent.begin_at_or_before(limit) {
            return Ok(position.max(start));
        }
        let entry = self.offset_entry(|entry| entry.position <= limit)?.filter(|entry| entry.position > start);
        let mut walk = match entry {
            Some(entry) => self.walk_from(Some(entry), size)?,
            None => Walk::new(self.file()?.as_ref(), start, size, Offset::ZERO),
        };
        let mut end = start;
        while let Some(batch) = walk.next_batch()? {
            end = end.max(batch.position);
            if batch.end() > limit {
                break;
            }
            end = batch.end();
        }
        Ok(end)
    }

    /// The offset behind the segment's last batch, which must end where the segment ends.
    ///
    /// # Errors
    /// [`LookupError`].
    pub(crate) fn end_offset(&self) -> Result<Offset, LookupError> {
        let last = self.with_indexes(|indexes| indexes.offsets.last().copied())?;
        let mut walk = self.walk_from(last, self.size())?;
        let mut end = self.base_offset();
        while let Some(batch) = walk.next_batch()? {
            end = batch.last_offset.checked_add(1).unwrap_or(Offset::MAX);
        }
        Ok(end)
    }

    /// The batch that begins at `position`.
    ///
    /// # Errors
    /// [`LookupError`].
    pub(crate) fn batch_at(&self, position: u32) -> Result<Option<BatchAt>, LookupError> {
        Ok(Walk::new(self.file()?.as_ref(), position, self.size(), self.base_offset()).next_batch()?)
    }

    /// The largest timestamp of the segment's batches that end in the range, as `(timestamp, last offset of its batch)`; the
    /// first of several equal ones. Where the largest of all lies before the range, the headers from there on are read.
    ///
    /// # Errors
    /// [`LookupError`].
    pub(crate) fn max_timestamp_in(&self, range: Range<Offset>) -> Result<Option<(Timestamp, Offset)>, LookupError> {
        let size = self.size();
        let absolute = |entry: TimeEntry| {
            let offset = self.base_offset().checked_add(u64::from(entry.relative_offset))?;
            Some((entry.timestamp, offset))
        };
        let Some(max) = self.with_indexes(|indexes| indexes.max_timestamp)?.and_then(absolute) else {
            return Ok(None);
        };
        if range.contains(&max.1) {
            return Ok(Some(max));
        }
        // A segment has no offset that it cannot express: the range goes past its end then.
        let upto_relative = self.relative(range.end).unwrap_or(u32::MAX);
        let entry = self.time_entry(|entry| entry.relative_offset < upto_relative)?.and_then(absolute);
        let mut found = entry.filter(|(_, offset)| range.contains(offset));
        let from = found.map_or(range.start.max(self.base_offset()), |(_, offset)| offset);
        let mut walk = Walk::new(self.file()?.as_ref(), self.position_of(from)?, size, self.base_offset());
        while let Some(batch) = walk.next_batch()?.filter(|batch| batch.last_offset < range.end) {
            let timestamp = batch.max_timestamp();
            if timestamp.get() >= 0 && found.is_none_or(|(largest, _)| timestamp > largest) {
                found = Some((timestamp, batch.last_offset));
            }
        }
        Ok(found)
    }

    /// The first record at or behind `from` and below `upto` whose timestamp is at or after `timestamp`.
    ///
    /// # Errors
    /// [`LookupError`].
    pub(crate) fn first_at_or_after(
        &self,
        timestamp: Timestamp,
        from: Offset,
        upto: Offset,
        limits: DecompressionLimits,
    ) -> Result<Option<TimedOffset>, LookupError> {
        if self.with_indexes(|indexes| indexes.max_timestamp)?.is_none_or(|max| max.timestamp < timestamp) {
            return Ok(None);
        }
        // All records up to the entry's offset are older, so nothing before the next can be the answer.
        let older = self.time_entry(|entry| entry.timestamp < timestamp)?;
        let behind = older.and_then(|entry| self.base_offset().checked_add(u64::from(entry.relative_offset) + 1));
        let first = behind.unwrap_or(self.base_offset()).max(from);
        let file = self.file()?;
        let mut walk = Walk::new(file.as_ref(), self.position_of(first)?, self.size(), self.base_offset());
        while let Some(batch) = walk.next_batch()?.filter(|batch| batch.base_offset < upto) {
            if batch.last_offset < first || batch.max_timestamp() < timestamp {
                continue;
            }
            let found = self.record_in(&batch, limits, |offset, time| offset >= first && time >= timestamp)?;
            if let Some(found) = found {
                return Ok(Some(found).filter(|found| found.offset < upto));
            }
        }
        Ok(None)
    }

    /// The first record at or behind `from` of the batch that ends at `last_offset` whose timestamp is the batch's largest.
    ///
    /// # Errors
    /// [`LookupError`].
    pub(crate) fn record_with_max_timestamp(
        &self,
        last_offset: Offset,
        from: Offset,
        limits: DecompressionLimits,
    ) -> Result<Option<TimedOffset>, LookupError> {
        match self.batch_at(self.position_of(last_offset)?)? {
            Some(batch) => self
                .record_in(&batch, limits, |offset, time| offset >= from && time.get() == batch.header.max_timestamp),
            None => Ok(None),
        }
    }

    /// The first record of a batch that `is_wanted`. A batch whose records cannot be read within the limits is answered with
    /// its beginning: a reader then comes upon the damage, and no lookup fails over what one producer sent.
    fn record_in(
        &self,
        batch: &BatchAt,
        limits: DecompressionLimits,
        is_wanted: impl Fn(Offset, Timestamp) -> bool,
    ) -> Result<Option<TimedOffset>, LookupError> {
        let leader_epoch = LeaderEpoch::new(batch.header.partition_leader_epoch);
        let bytes = self.read_batch(batch)?;
        let beginning = TimedOffset {
            offset: batch.base_offset,
            timestamp: Timestamp::new(batch.header.max_timestamp),
            leader_epoch,
        };
        let Ok(view) = BatchView::parse(&bytes) else { return Ok(Some(beginning)) };
        let mut records = view.records(limits);
        loop {
            match records.next_head() {
                Ok(Some(record)) => {
                    let timestamp = Timestamp::new(record.timestamp);
                    if let Some(offset) = Offset::new(record.offset).filter(|offset| is_wanted(*offset, timestamp)) {
                        return Ok(Some(TimedOffset { offset, timestamp, leader_epoch }));
                    }
                }
                Ok(None) => return Ok(None),
                Err(_) => return Ok(Some(beginning)),
            }
        }
    }

    /// A walk from where an index entry points, if the batch that the entry names is there; else from the beginning. The
    /// indexes are caches: what they say is believed only so far.
    pub(super) fn walk_from(&self, entry: Option<OffsetEntry>, size: u32) -> Result<Walk<'_>, LookupError> {
        let file = self.file()?.as_ref();
        if let Some(entry) = entry {
            let named = self.base_offset().checked_add(u64::from(entry.relative_offset));
            let mut walk = Walk::new(file, entry.position, size, self.base_offset());
            if matches!(walk.next_batch(), Ok(Some(batch)) if Some(batch.last_offset) == named) {
                walk.restart(entry.position, self.base_offset());
                return Ok(walk);
            }
            tracing::warn!(segment = %self.path().display(), ?entry, "the offset index does not fit its segment; reading without it");
        }
        Ok(Walk::new(file, 0, size, self.base_offset()))
    }

    fn offset_entry(&self, is_before: impl Fn(&OffsetEntry) -> bool) -> io::Result<Option<OffsetEntry>> {
        match self.with_indexes(|indexes| indexes.offsets.search(&is_before))? {
            FoundIn::Memory(entry) => Ok(entry),
            FoundIn::File(stored) => stored.search(is_before),
        }
    }

    fn time_entry(&self, is_before: impl Fn(&TimeEntry) -> bool) -> io::Result<Option<TimeEntry>> {
        match self.with_indexes(|indexes| indexes.times.search(&is_before))? {
            FoundIn::Memory(entry) => Ok(entry),
            FoundIn::File(stored) => stored.search(is_before),
        }
    }

    /// The bytes of a batch.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn read_batch(&self, batch: &BatchAt) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize_from_u32(batch.size)];
        self.file()?.read_exact_at(&mut bytes, u64::from(batch.position))?;
        Ok(bytes)
    }
}
