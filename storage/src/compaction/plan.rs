//! What of a log compaction may go through, and whether it is worth it. The rules are Kafka's.

use std::sync::Arc;

use model::config::TopicConfig;
use model::{Offset, Timestamp};

use super::CleanError;
use crate::disk::read_file;
use crate::format::cleaner_checkpoint_v1 as checkpoint;
use crate::partition_log::PartitionLog;
use crate::segment::Segment;

/// A part of a log that can be cleaned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cleanable {
    /// Everything before it was cleaned before.
    pub first_dirty: Offset,
    /// Where the part ends: a segment begins here that must not be touched.
    pub end: Offset,
    /// The last stable offset: transactions that began before it have ended.
    pub last_stable: Offset,
    /// Bytes of the segments that were cleaned before.
    pub clean_bytes: u64,
    /// Bytes of those that were not, up to the end.
    pub dirty_bytes: u64,
    /// Ms beyond `max.compaction.lag.ms` that a record among them has waited; 0 if none has.
    pub overdue_ms: i64,
    /// Whether the config asks for it to be cleaned now.
    pub is_due: bool,
}

impl Cleanable {
    /// The share of the bytes that was not cleaned yet.
    #[must_use]
    #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a share need not be exact")]
    pub fn dirty_ratio(&self) -> f64 {
        let all = self.clean_bytes.saturating_add(self.dirty_bytes);
        if all == 0 { 0.0 } else { self.dirty_bytes as f64 / all as f64 }
    }
}

impl PartitionLog {
    /// What could be cleaned of the log; `None` if it is not compacted, cannot be cleaned, or has nothing to clean.
    /// `last_stable` is the last stable offset, which never lies above the high watermark.
    ///
    /// # Errors
    /// [`CleanError`]: a segment cannot be read.
    pub fn cleanable(&self, last_stable: Offset, now: Timestamp) -> Result<Option<Cleanable>, CleanError> {
        let config = self.config();
        if !config.cleanup_policy.compact || self.is_offline() || !self.cleaning.is_cleanable() {
            return Ok(None);
        }
        let first_dirty = self.first_dirty_offset();
        let segments = self.published.segments.load();
        // The last one is the active one, and never cleaned.
        let places = segments.list().windows(2).filter_map(|pair| match pair {
            [segment, next] => Some((segment, next.base_offset())),
            _ => None,
        });
        let (mut end, mut clean_bytes, mut dirty_bytes, mut overdue_ms) = (first_dirty, 0, 0, 0);
        for (segment, next) in places {
            if next <= first_dirty {
                clean_bytes += u64::from(segment.size());
                continue;
            }
            if next > last_stable || is_too_young(segment, &config, now)? {
                break;
            }
            end = next;
            dirty_bytes += u64::from(segment.size());
            overdue_ms = overdue_ms.max(overdue_by(segment, &config, now)?);
        }
        if dirty_bytes == 0 {
            return Ok(None);
        }
        let mut cleanable =
            Cleanable { first_dirty, end, last_stable, clean_bytes, dirty_bytes, overdue_ms, is_due: overdue_ms > 0 };
        cleanable.is_due |= cleanable.dirty_ratio() > config.min_cleanable_dirty_ratio;
        Ok(Some(cleanable))
    }

    /// Bytes that should be cleaned and never will be before the next start, because the log is damaged there; `None` if it is
    /// not, or is not compacted.
    #[must_use]
    pub fn uncleanable_bytes(&self) -> Option<u64> {
        if !self.config().cleanup_policy.compact || self.cleaning.is_cleanable() {
            return None;
        }
        let first_dirty = self.first_dirty_offset();
        let segments = self.published.segments.load();
        let closed = segments.list().windows(2).filter_map(|pair| match pair {
            [segment, next] => Some((segment, next.base_offset())),
            _ => None,
        });
        Some(closed.filter(|(_, next)| *next > first_dirty).map(|(segment, _)| u64::from(segment.size())).sum())
    }

    /// Everything below this offset was cleaned before; the log's start, if that is not known, or cannot be.
    #[must_use]
    pub fn first_dirty_offset(&self) -> Offset {
        let (start, end) = (self.log_start_offset(), self.log_end_offset());
        let known = self.cleaning.first_dirty(|| read_checkpoint(self));
        known.filter(|known| *known >= start && *known <= end).unwrap_or(start)
    }
}

fn read_checkpoint(log: &PartitionLog) -> Option<Offset> {
    let path = log.directory.path.join(checkpoint::FILE_NAME);
    let bytes = read_file(log.directory.disk.as_ref(), &path, checkpoint::SIZE_MAX).ok()?;
    let known = checkpoint::decode(&bytes);
    if known.is_none() {
        tracing::warn!(file = %path.display(), "it is not known how far the log is compacted; beginning again");
    }
    known
}

/// Whether the segment has a record that is too young by `min.compaction.lag.ms`.
fn is_too_young(segment: &Arc<Segment>, config: &TopicConfig, now: Timestamp) -> Result<bool, CleanError> {
    if config.min_compaction_lag_ms <= 0 {
        return Ok(false);
    }
    let newest = segment.newest(now).map_err(|error| CleanError::unreadable(segment, &error))?;
    Ok(now.ms_since(newest) < config.min_compaction_lag_ms)
}

/// By how much the segment's first batch is too old by `max.compaction.lag.ms`, ms; 0 if it is not.
fn overdue_by(segment: &Arc<Segment>, config: &TopicConfig, now: Timestamp) -> Result<i64, CleanError> {
    if config.max_compaction_lag_ms == i64::MAX {
        return Ok(0);
    }
    let first = segment.batch_at(0).map_err(|error| CleanError::unreadable(segment, &error))?;
    let timestamp = first.map(|first| Timestamp::new(first.header.max_timestamp)).filter(|time| time.get() > 0);
    let waited_ms = timestamp.map_or(0, |timestamp| now.ms_since(timestamp));
    Ok(waited_ms.saturating_sub(config.max_compaction_lag_ms).max(0))
}
