//! Appending: the producer's sequence, the offset, the write, the indexes, what readers see; in this order and under the
//! writer's lock.
//!
//! Nothing here is synced. A write that finds no room is cut back and refused; any other failure takes the log offline.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::config::TopicConfig;
use model::{LeaderEpoch, Offset, Timestamp};

use crate::batch::CheckedBatch;
use crate::disk::{DiskFile, OpenMode, is_refusal};
use crate::error::AppendError;
use crate::index::OffsetEntry;
use crate::partition_log::PartitionLog;
use crate::planted::Planted;
use crate::producers::{Admission, AppendedAt, EpochRule, Marker, ProducerTable, Verified};
use crate::segment::{LOG_SUFFIX, LookupError, Mark, Segment, WalkError};
use crate::sync::CHECKPOINT_BYTES;

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It was written.
    Written(Placed),
    /// It was written before, as these offsets say, and may not be durable yet.
    Duplicate(Placed),
}

/// Where a batch lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The offset of its first record.
    pub base_offset: Offset,
    /// The offset of its last record.
    pub last_offset: Offset,
    /// The broker's time that was written into it, on a topic with `LogAppendTime`.
    pub log_append_time: Option<Timestamp>,
    /// The log's start offset.
    pub log_start_offset: Offset,
}

/// What only the writer of a log knows.
#[derive(Debug)]
pub(crate) struct Writer {
    next_offset: Offset,
    active: Option<Active>,
    producers: ProducerTable,
    /// Segments with bytes that no sync has taken up yet, oldest first.
    unsynced: Vec<Arc<Segment>>,
    bytes_since_checkpoint: u64,
}

/// The segment that is appended to.
#[derive(Debug)]
struct Active {
    segment: Arc<Segment>,
    file: Arc<dyn DiskFile>,
    size: u32,
    /// Bytes since the last entry of the offset index.
    since_index_entry: u64,
    /// The largest timestamp of the first batch: the age of the segment counts from it.
    first_timestamp: Option<Timestamp>,
    /// The age counts from here where the first batch has no timestamp.
    opened: Timestamp,
    is_unsynced: bool,
}

/// What a sync takes along when it begins.
#[derive(Debug)]
pub(crate) struct Unsynced {
    /// The log's end at that moment.
    pub(crate) end: Offset,
    /// The segments with bytes below it that may not be durable.
    pub(crate) segments: Vec<Arc<Segment>>,
}

/// What is to be appended.
pub(crate) struct Submission<'a> {
    pub(crate) batch: &'a CheckedBatch<'a>,
    pub(crate) origin: Origin<'a>,
    pub(crate) leader_epoch: LeaderEpoch,
    /// The broker's time.
    pub(crate) now: Timestamp,
}

/// What a batch is held against in the table of producers.
pub(crate) enum Origin<'a> {
    /// Its producer's earlier batches, if it has a producer.
    Producer(Verified),
    /// The transaction that it ends.
    Marker(&'a Marker, EpochRule),
}

/// How a batch fits the log: computed before anything is changed.
struct Place {
    base_offset: Offset,
    last_offset: Offset,
    /// What the next batch begins with.
    end: Offset,
}

impl Writer {
    /// A writer that goes on at `next_offset`. `unsynced` are the segments that may not be durable, oldest first; `bytes` of
    /// them lie past the recovery point.
    pub(crate) const fn reopened(
        next_offset: Offset,
        producers: ProducerTable,
        unsynced: Vec<Arc<Segment>>,
        bytes: u64,
    ) -> Self {
        Self { next_offset, active: None, producers, unsynced, bytes_since_checkpoint: bytes }
    }

    pub(crate) const fn next_offset(&self) -> Offset {
        self.next_offset
    }

    pub(crate) const fn producers(&self) -> &ProducerTable {
        &self.producers
    }

    pub(crate) fn expire_producers(&mut self, now: Timestamp, expiration_ms: i64) -> usize {
        self.producers.expire(now, expiration_ms)
    }

    pub(crate) const fn producers_mut(&mut self) -> &mut ProducerTable {
        &mut self.producers
    }

    /// What was appended before, if that is what is to be appended.
    fn admit(&self, submission: &Submission<'_>) -> Result<Admission, AppendError> {
        match (&submission.origin, submission.batch.producer()) {
            (Origin::Producer(verified), Some(stamp)) => Ok(self.producers.check(stamp, *verified)?),
            (Origin::Producer(_), None) => Ok(Admission::New),
            (Origin::Marker(marker, rule), _) => {
                self.producers.check_marker(marker, *rule)?;
                Ok(Admission::New)
            }
        }
    }

    pub(crate) const fn bytes_since_checkpoint(&self) -> u64 {
        self.bytes_since_checkpoint
    }

    pub(crate) const fn begin_checkpoint(&mut self) {
        self.bytes_since_checkpoint = 0;
    }

    pub(crate) fn take_unsynced(&mut self) -> Unsynced {
        if let Some(active) = &mut self.active {
            active.is_unsynced = false;
        }
        Unsynced { end: self.next_offset, segments: std::mem::take(&mut self.unsynced) }
    }
}

impl PartitionLog {
    /// Appends a batch at the end of the log, unless its producer has sent it before. `now` is the broker's time. The batch
    /// is durable once [`Self::synced_offset`] lies behind it. A transactional one is appended only if its transaction is open
    /// here; [`Self::append_verified`] begins it.
    ///
    /// # Errors
    /// [`AppendError`]: nothing was appended. [`AppendError::Io`] takes the log offline.
    pub fn append(
        &self,
        batch: &CheckedBatch<'_>,
        leader_epoch: LeaderEpoch,
        now: Timestamp,
    ) -> Result<Appended, AppendError> {
        self.append_verified(batch, Verified::ByOpenTransaction, leader_epoch, now)
    }

    /// As [`Self::append`], for a batch whose transaction may begin here with it.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn append_verified(
        &self,
        batch: &CheckedBatch<'_>,
        verified: Verified,
        leader_epoch: LeaderEpoch,
        now: Timestamp,
    ) -> Result<Appended, AppendError> {
        let origin = Origin::Producer(verified);
        self.submit(&self.config(), &Submission { batch, origin, leader_epoch, now })
    }

    /// Appends, and takes the log offline if the disk fails.
    pub(crate) fn submit(&self, config: &TopicConfig, submission: &Submission<'_>) -> Result<Appended, AppendError> {
        let appended = self.append_locked(&mut self.writer(), config, submission);
        if let Err(AppendError::Io(error)) = &appended {
            // Here, where the writer's lock is free again: the observers look at the log.
            self.take_offline("a write", error);
        }
        appended
    }

    /// Begins a new segment if the active one has reached `segment.ms`, counted from its first record. Appending does so by
    /// itself; this is for logs that nobody appends to. Returns whether it did.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn roll_if_due(&self, now: Timestamp) -> Result<bool, AppendError> {
        let config = self.config();
        let rolled = self.roll_locked(&mut self.writer(), &config, now);
        if let Err(AppendError::Io(error)) = &rolled {
            self.take_offline("rolling a segment", error);
        }
        rolled
    }

    fn append_locked(
        &self,
        writer: &mut Writer,
        config: &TopicConfig,
        submission: &Submission<'_>,
    ) -> Result<Appended, AppendError> {
        let &Submission { batch, leader_epoch, now, .. } = submission;
        self.check(config, batch, leader_epoch)?;
        if let Admission::Duplicate { base_offset, last_offset, log_append_time } = writer.admit(submission)? {
            let log_start_offset = self.log_start_offset();
            return Ok(Appended::Duplicate(Placed { base_offset, last_offset, log_append_time, log_start_offset }));
        }
        let place = Place::of(writer.next_offset, batch)?;
        self.activate(writer, now)?;
        if writer.active.as_ref().is_none_or(|active| active.must_roll(config, batch, place.last_offset, now)) {
            self.begin_segment(writer, now)?;
        }
        let Some(active) = &mut writer.active else { return Err(AppendError::Offline) };
        active.write(batch, &place, leader_epoch)?;
        if !active.is_unsynced {
            active.is_unsynced = true;
            writer.unsynced.push(Arc::clone(&active.segment));
        }
        self.published.note_unsynced(now);
        active.publish(config, batch, &place).map_err(AppendError::Io)?;
        self.note_appended(writer, submission, &place);
        Ok(Appended::Written(Placed {
            base_offset: place.base_offset,
            last_offset: place.last_offset,
            log_append_time: batch.log_append_time(),
            log_start_offset: self.log_start_offset(),
        }))
    }

    /// The checks that need nothing but the log's published state.
    fn check(
        &self,
        config: &TopicConfig,
        batch: &CheckedBatch<'_>,
        leader_epoch: LeaderEpoch,
    ) -> Result<(), AppendError> {
        if self.is_offline() {
            return Err(AppendError::Offline);
        }
        if let Some(latest) = self.latest_epoch().filter(|latest| leader_epoch < *latest) {
            return Err(AppendError::StaleLeaderEpoch { found: leader_epoch, latest });
        }
        // Checked with the batch, but the config may have changed since.
        let (size, segment_bytes) = (batch.size(), config.segment_bytes);
        if u32::try_from(segment_bytes).is_ok_and(|segment_bytes| size > segment_bytes) {
            return Err(AppendError::LargerThanSegment { size, segment_bytes });
        }
        Ok(())
    }

    /// Makes ready the segment that lies on disk, before the first append since the log was opened.
    fn activate(&self, writer: &mut Writer, now: Timestamp) -> Result<(), AppendError> {
        if writer.active.is_some() {
            return Ok(());
        }
        let segments = self.published.segments.load();
        if let Some(segment) = segments.active() {
            writer.active = Some(Active::reopen(segment, now).map_err(refused_or_failed)?);
        }
        Ok(())
    }

    /// Begins a segment at the log's end. The one before stays unsynced if it is: the next sync takes it up first.
    fn begin_segment(&self, writer: &mut Writer, now: Timestamp) -> Result<(), AppendError> {
        if Planted::ForgetsProducersAtRoll.is_on() {
            writer.expire_producers(now, 0);
        }
        let path = self.directory.segment_file(writer.next_offset, LOG_SUFFIX);
        let file = self.directory.disk.open(&path, OpenMode::CreateNew).map_err(refused_or_failed)?;
        let segment = Arc::new(Segment::created(Arc::clone(&self.directory), writer.next_offset, Arc::clone(&file)));
        let segments = self.published.segments.load().with(Arc::clone(&segment));
        self.published.segments.store(Arc::new(segments));
        // Also while it is empty: a checkpoint may name it, and then its name must be durable.
        writer.unsynced.push(Arc::clone(&segment));
        if let Some(sealed) = writer.active.replace(Active::empty(segment, file, now)) {
            sealed.segment.state().recent.clear();
            self.published.is_checkpoint_due.store(true, Ordering::Release);
        }
        Ok(())
    }

    /// Begins a segment at the log's end, unless the active one is empty.
    pub(crate) fn roll(&self, now: Timestamp) -> Result<(), AppendError> {
        let rolled = {
            let mut writer = self.writer();
            if self.is_offline() {
                return Err(AppendError::Offline);
            }
            self.activate(&mut writer, now).and_then(|()| match &writer.active {
                Some(active) if active.size > 0 => self.begin_segment(&mut writer, now),
                _ => Ok(()),
            })
        };
        if let Err(AppendError::Io(error)) = &rolled {
            self.take_offline("rolling a segment", error);
        }
        rolled
    }

    fn roll_locked(&self, writer: &mut Writer, config: &TopicConfig, now: Timestamp) -> Result<bool, AppendError> {
        if self.is_offline() {
            return Err(AppendError::Offline);
        }
        self.activate(writer, now)?;
        let is_due = writer.active.as_ref().is_some_and(|active| active.is_due(config, now));
        if is_due {
            self.begin_segment(writer, now)?;
        }
        Ok(is_due)
    }

    /// Notes what was written, and lets readers see it.
    fn note_appended(&self, writer: &mut Writer, submission: &Submission<'_>, place: &Place) {
        let &Submission { batch, leader_epoch, now, .. } = submission;
        writer.next_offset = place.end;
        writer.bytes_since_checkpoint += u64::from(batch.size());
        if writer.bytes_since_checkpoint >= CHECKPOINT_BYTES {
            self.published.is_checkpoint_due.store(true, Ordering::Release);
        }
        match (&submission.origin, batch.producer()) {
            (Origin::Producer(_), Some(stamp)) => {
                let at = AppendedAt { base_offset: place.base_offset, now, log_append_time: batch.log_append_time() };
                writer.producers.apply(stamp, at);
                if stamp.is_transactional {
                    self.publish_unstable(writer);
                }
            }
            (Origin::Producer(_), None) => {}
            (Origin::Marker(marker, rule), _) => {
                if let Some(ended) = writer.producers.apply_marker(marker, *rule, place.base_offset, now) {
                    self.note_ended(&ended);
                }
                self.publish_unstable(writer);
            }
        }
        self.begin_epoch_at(leader_epoch, place.base_offset);
        self.published.bytes_appended.fetch_add(u64::from(batch.size()), Ordering::AcqRel);
        self.published.log_end.store(place.end.get(), Ordering::Release);
    }
}

impl Place {
    fn of(base_offset: Offset, batch: &CheckedBatch<'_>) -> Result<Self, AppendError> {
        let last_offset = base_offset.checked_add(u64::from(batch.last_offset_delta()));
        let end = last_offset.and_then(|last| last.checked_add(1));
        match (last_offset, end) {
            (Some(last_offset), Some(end)) => Ok(Self { base_offset, last_offset, end }),
            _ => Err(AppendError::OffsetsExhausted),
        }
    }
}

impl Active {
    fn empty(segment: Arc<Segment>, file: Arc<dyn DiskFile>, now: Timestamp) -> Self {
        Self { segment, file, size: 0, since_index_entry: 0, first_timestamp: None, opened: now, is_unsynced: true }
    }

    fn reopen(segment: &Arc<Segment>, now: Timestamp) -> io::Result<Self> {
        let size = segment.size();
        let last_entry = segment.with_indexes(|indexes| indexes.offsets.last().map_or(0, |entry| entry.position))?;
        let first = match segment.batch_at(0) {
            Ok(first) => first,
            Err(LookupError::Io(error) | LookupError::Walk(WalkError::Io { error, .. })) => return Err(error),
            Err(LookupError::Walk(error @ WalkError::Damaged { .. })) => {
                return Err(io::Error::other(error.to_string()));
            }
        };
        Ok(Self {
            segment: Arc::clone(segment),
            file: Arc::clone(segment.file()?),
            size,
            since_index_entry: u64::from(size.saturating_sub(last_entry)),
            first_timestamp: first.map(|first| Timestamp::new(first.header.max_timestamp)),
            opened: now,
            is_unsynced: false,
        })
    }

    /// Kafka's rules: by size, by time, when an index is full, when an offset no longer fits the indexes.
    fn must_roll(&self, config: &TopicConfig, batch: &CheckedBatch<'_>, last_offset: Offset, now: Timestamp) -> bool {
        if self.size == 0 {
            return false;
        }
        let size = u64::from(self.size) + u64::from(batch.size());
        u64::try_from(config.segment_bytes).is_ok_and(|segment_bytes| size > segment_bytes)
            || self.age(batch.max_timestamp(), now) > self.age_max(config)
            || self.segment.relative(last_offset).is_none()
            || self.indexes_are_full(config)
    }

    /// Whether the segment is so old that it is closed without an append.
    fn is_due(&self, config: &TopicConfig, now: Timestamp) -> bool {
        self.size > 0 && self.age(now, now) > self.age_max(config)
    }

    /// Milliseconds from the first record to a record with `timestamp`; from the opening to `now` if the first has no time.
    fn age(&self, timestamp: Timestamp, now: Timestamp) -> i64 {
        match self.first_timestamp.filter(|first| first.get() >= 0) {
            Some(first) => timestamp.ms_since(first),
            None => now.ms_since(self.opened),
        }
    }

    /// `segment.ms` less a part of `segment.jitter.ms` that differs between segments, so that they do not all roll at once.
    fn age_max(&self, config: &TopicConfig) -> i64 {
        // The active segment is never compacted, so it must not be open for longer than a record may wait.
        let compacts = config.cleanup_policy.compact;
        let segment_ms = if compacts { config.segment_ms.min(config.max_compaction_lag_ms) } else { config.segment_ms };
        // Without jitter, as by default, nothing is built for what every append asks.
        if config.segment_jitter_ms <= 0 {
            return segment_ms;
        }
        let name = self.segment.path();
        let spread = i64::from(crc32c::crc32c(name.as_os_str().as_encoded_bytes()));
        let jitter = spread.checked_rem(config.segment_jitter_ms).unwrap_or(0);
        segment_ms.saturating_sub(jitter.min(segment_ms))
    }

    fn indexes_are_full(&self, config: &TopicConfig) -> bool {
        let bytes = u64::try_from(config.segment_index_bytes).unwrap_or(0);
        // One entry of the time index stays free for the largest timestamp at the end.
        let (offsets_max, times_max) = ((bytes / 8).max(1), (bytes / 12).saturating_sub(1).max(1));
        let counts = self.segment.with_indexes(|indexes| (indexes.offsets.entries(), indexes.times.entries()));
        counts.is_ok_and(|(offsets, times)| offsets >= offsets_max || times >= times_max)
    }

    /// Writes the batch behind the segment's end, or leaves the segment as it was.
    fn write(&mut self, batch: &CheckedBatch<'_>, place: &Place, leader_epoch: LeaderEpoch) -> Result<(), AppendError> {
        let header = batch.header_at(place.base_offset, leader_epoch);
        let Err(error) = self.file.write_all_at(&header, batch.payload(), u64::from(self.size)) else { return Ok(()) };
        if !is_refusal(&error) {
            return Err(AppendError::Io(error));
        }
        match self.file.set_size(u64::from(self.size)) {
            Ok(()) => Err(AppendError::NoSpace(error)),
            Err(error) => Err(AppendError::Io(error)),
        }
    }

    /// Makes the batch findable, then readable.
    fn publish(&mut self, config: &TopicConfig, batch: &CheckedBatch<'_>, place: &Place) -> io::Result<()> {
        let position = self.size;
        let interval = u64::try_from(config.index_interval_bytes).unwrap_or(0);
        let index_is_due = self.since_index_entry > interval;
        // Both were seen to fit when the segment was chosen.
        let relative = |offset| self.segment.relative(offset).unwrap_or(u32::MAX);
        let (begin, last) = (relative(place.base_offset), relative(place.last_offset));
        self.segment.with_indexes(|indexes| {
            indexes.note_timestamp(batch.max_timestamp(), last);
            if index_is_due {
                indexes.offsets.push(OffsetEntry { relative_offset: last, position });
                indexes.push_max_timestamp();
            }
        })?;
        let end = Mark { relative_offset: last.saturating_add(1), position: position.saturating_add(batch.size()) };
        self.segment.state().recent.push_batch(Mark { relative_offset: begin, position }, end);
        if index_is_due {
            self.since_index_entry = 0;
        }
        if position == 0 {
            self.first_timestamp = Some(batch.max_timestamp());
        }
        self.since_index_entry += u64::from(batch.size());
        self.size = end.position;
        self.segment.publish_size(self.size);
        Ok(())
    }
}

fn refused_or_failed(error: io::Error) -> AppendError {
    if is_refusal(&error) { AppendError::NoSpace(error) } else { AppendError::Io(error) }
}
