//! Reading: from an offset or a time to record batches. Never takes the writer's lock.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use model::{LeaderEpoch, Offset, Timestamp};

use crate::batch::DecompressionLimits;
use crate::disk::is_refusal;
use crate::error::ReadError;
use crate::log_slice::{FileRange, LogSlice};
use crate::partition_log::PartitionLog;
use crate::segment::{LookupError, Segment, TimedOffset, WalkError};
use crate::segments::Segments;

/// What to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadSpec {
    /// The first offset that is wanted. The batch that holds it is read whole.
    pub from: Offset,
    /// Nothing from here on is read: the high watermark, or the last stable offset.
    pub upto: Offset,
    /// The most bytes.
    pub max_bytes: u32,
    /// Whether the first batch is read even if it is larger (KIP-74).
    pub at_least_one_batch: bool,
}

/// Where a slice ends: in which segment, at which position there.
pub(crate) type SliceEnd = (Arc<Segment>, u32);

/// A record found by its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundOffset {
    /// Its offset.
    pub offset: Offset,
    /// Its timestamp.
    pub timestamp: Timestamp,
    /// The leader epoch of its batch.
    pub leader_epoch: Option<LeaderEpoch>,
}

impl PartitionLog {
    /// Whole record batches, from the one that holds `from` up to those that end before `upto`. Nothing is copied: the slice
    /// names ranges of files. Empty if `from` is not below `upto`, or if the first batch has more than `max_bytes`.
    ///
    /// # Errors
    /// [`ReadError::OutOfRange`] for an offset before the log's start or behind its end. [`ReadError::Damaged`] takes the
    /// log offline.
    pub fn read(&self, spec: ReadSpec) -> Result<LogSlice, ReadError> {
        self.read_with_end(spec).map(|(slice, _)| slice)
    }

    /// What is read, and where it ends.
    pub(crate) fn read_with_end(&self, spec: ReadSpec) -> Result<(LogSlice, Option<SliceEnd>), ReadError> {
        let (start, end) = self.bounds()?;
        if spec.from < start || spec.from > end {
            return Err(ReadError::OutOfRange { start, end });
        }
        let spec = ReadSpec { upto: spec.upto.min(end), ..spec };
        if spec.from >= spec.upto {
            return Ok((LogSlice::empty(), None));
        }
        let segments = self.published.segments.load();
        let (mut slice, mut end) = (LogSlice::empty(), None);
        let mut later = segments.from(spec.from).iter().peekable();
        while let Some(segment) = later.next() {
            let next_base = later.peek().map(|next| next.base_offset());
            let wanted = ReadSpec {
                max_bytes: spec.max_bytes.saturating_sub(slice.size()),
                at_least_one_batch: spec.at_least_one_batch && slice.is_empty(),
                ..spec
            };
            let (range, is_whole) =
                range_in(segment, next_base, wanted).map_err(|error| self.failed(segment, error))?;
            if let Some((range, position)) = range {
                slice.push(range);
                end = Some((Arc::clone(segment), position));
            }
            if !is_whole || next_base.is_none_or(|next| next >= spec.upto) {
                break;
            }
        }
        self.check_still_online()?;
        Ok((slice, end))
    }

    /// The first record below `upto` whose timestamp is at or after this one; looks into compressed batches.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn offset_for_timestamp(&self, at_or_after: Timestamp, upto: Offset) -> Result<Option<FoundOffset>, ReadError> {
        let (start, end) = self.bounds()?;
        let upto = upto.min(end);
        let limits = DecompressionLimits::of(&self.config());
        for segment in self.published.segments.load().from(start) {
            let found = segment.first_at_or_after(at_or_after, start, upto, limits);
            if let Some(found) = found.map_err(|error| self.failed(segment, error))? {
                self.check_still_online()?;
                return Ok(Some(found.into()));
            }
        }
        Ok(None)
    }

    /// The record below `upto` with the largest timestamp; the first of several. `None` if no record has a timestamp. Of a
    /// batch that the log's start cuts in two, the later part counts only if the largest timestamp is in it.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn max_timestamp(&self, upto: Offset) -> Result<Option<FoundOffset>, ReadError> {
        let (start, end) = self.bounds()?;
        let upto = upto.min(end);
        let limits = DecompressionLimits::of(&self.config());
        let segments = self.published.segments.load();
        let mut from = start;
        while let Some((segment, last_offset)) = self.latest_batch(&segments, from..upto)? {
            let found = segment.record_with_max_timestamp(last_offset, start, limits);
            if let Some(found) = found.map_err(|error| self.failed(segment, error))? {
                self.check_still_online()?;
                return Ok(Some(found.into()));
            }
            from = last_offset.checked_add(1).unwrap_or(upto);
        }
        Ok(None)
    }

    /// The batch with the largest timestamp among those that end in the range: its segment and its last offset.
    fn latest_batch<'a>(
        &self,
        segments: &'a Segments,
        range: Range<Offset>,
    ) -> Result<Option<(&'a Arc<Segment>, Offset)>, ReadError> {
        let mut latest: Option<(Timestamp, Offset, &Arc<Segment>)> = None;
        let in_range = segments.from(range.start).iter().take_while(|segment| segment.base_offset() < range.end);
        for segment in in_range {
            let max = segment.max_timestamp_in(range.clone()).map_err(|error| self.failed(segment, error))?;
            if let Some((timestamp, last_offset)) = max
                && latest.is_none_or(|(largest, ..)| timestamp > largest)
            {
                latest = Some((timestamp, last_offset, segment));
            }
        }
        Ok(latest.map(|(_, last_offset, segment)| (segment, last_offset)))
    }

    /// A file that was opened by name during the read is another log's if this one was retired meanwhile and its name used
    /// again: the flag is set before the name is free.
    pub(crate) fn check_still_online(&self) -> Result<(), ReadError> {
        if self.is_offline() { Err(ReadError::Offline) } else { Ok(()) }
    }

    /// The log's start and end, unless it is offline. The end is loaded first: everything below it is then found.
    fn bounds(&self) -> Result<(Offset, Offset), ReadError> {
        if self.is_offline() {
            return Err(ReadError::Offline);
        }
        let end = self.log_end_offset();
        Ok((self.log_start_offset(), end))
    }

    /// A batch that is not where it should be, or cannot be read, is damage: whatever else this log holds is in doubt.
    pub(crate) fn failed(&self, segment: &Segment, error: LookupError) -> ReadError {
        let refused: Option<&io::Error> = match &error {
            LookupError::Io(error) | LookupError::Walk(WalkError::Io { error, .. }) => Some(error),
            LookupError::Walk(WalkError::Damaged { .. }) => None,
        };
        if self.is_offline() {
            // Its directory was set aside meanwhile.
            return ReadError::Offline;
        }
        if !self.published.segments.load().contains(segment.base_offset()) {
            // It was deleted while it was looked up: its offsets lie before the log's start now.
            return ReadError::OutOfRange { start: self.log_start_offset(), end: self.log_end_offset() };
        }
        match (refused.is_some_and(is_refusal), error) {
            (true, LookupError::Io(error) | LookupError::Walk(WalkError::Io { error, .. })) => ReadError::Io(error),
            (_, error) => {
                let (file, problem) = (segment.path(), error.to_string());
                self.take_offline("reading", &format_args!("{}: {problem}", file.display()));
                ReadError::Damaged { file, problem }
            }
        }
    }
}

impl From<TimedOffset> for FoundOffset {
    fn from(found: TimedOffset) -> Self {
        Self { offset: found.offset, timestamp: found.timestamp, leader_epoch: found.leader_epoch }
    }
}

/// The range of one segment that is wanted and where it ends, and whether that is the segment's end.
fn range_in(
    segment: &Arc<Segment>,
    next_base: Option<Offset>,
    spec: ReadSpec,
) -> Result<(Option<(FileRange, u32)>, bool), LookupError> {
    let start = segment.position_of(spec.from)?;
    let is_sealed_below_upto = next_base.is_some_and(|next| next <= spec.upto);
    let end = if is_sealed_below_upto { segment.size() } else { segment.position_of(spec.upto)? };
    let limit = start.saturating_add(spec.max_bytes);
    let mut upto = if limit >= end { end } else { segment.batch_end_at_or_before(limit, start)?.min(end) };
    if upto <= start && end > start && spec.at_least_one_batch {
        upto = segment.batch_at(start)?.map_or(start, |first| first.end()).min(end);
    }
    let range = match upto.checked_sub(start) {
        None | Some(0) => None,
        Some(length) => {
            let file = Arc::clone(segment.file()?);
            Some((FileRange { file, position: u64::from(start), length }, upto))
        }
    };
    Ok((range, upto == end && is_sealed_below_upto))
}
