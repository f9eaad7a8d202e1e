//! Retention: which of a log's oldest segments may go, by size and by time, as Kafka decides it. Nothing is deleted here; the
//! answer is where the log may begin, and moving its start is in `log_start`.
//!
//! Does not know: when to ask, and what the time is.

use std::sync::Arc;

use model::config::TopicConfig;
use model::{Offset, Timestamp};

use crate::partition_log::PartitionLog;
use crate::segment::{LookupError, Segment};

/// Why it is not known what may go. Nothing may, then: what cannot be read gives no right to delete.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct RetentionError {
    /// The segment.
    pub file: std::path::PathBuf,
    /// What is wrong with it.
    pub problem: String,
}

impl PartitionLog {
    /// Where the log may begin by its `cleanup.policy`, `retention.bytes` and `retention.ms`; where it begins, or was asked to,
    /// if nothing has to go. Whole segments go, the active one included, but none that holds an offset at or behind `upto`,
    /// which is the high watermark.
    ///
    /// A segment is as old as its newest record. One whose newest record lies behind `now`, in the future, is as old as its
    /// file: a wrong clock of one producer must not keep its segment, and all that follow, for ever. Kafka keeps them.
    ///
    /// # Errors
    /// [`RetentionError`].
    pub fn retained_start(&self, now: Timestamp, upto: Offset) -> Result<Offset, RetentionError> {
        let config = self.config();
        let start = self.requested_log_start();
        if !config.cleanup_policy.delete || (config.retention_bytes < 0 && config.retention_ms < 0) {
            return Ok(start);
        }
        // The end first: what is appended later counts as not there.
        let end = self.log_end_offset();
        let segments = self.published.segments.load();
        let live = live_segments(segments.list(), start);
        let mut excess = excess_bytes(live, &config);
        let mut retained = start;
        for (place, segment) in live.iter().enumerate() {
            let behind = live.get(place + 1).map_or(end, |next| next.base_offset());
            // An empty segment behind which nothing lies has nothing to give.
            if behind > upto.min(end) || behind <= segment.base_offset() {
                break;
            }
            let size = u64::from(segment.size());
            let is_excess = excess.is_some_and(|excess| excess >= size);
            let goes = is_excess || is_expired(segment, &config, now).map_err(|error| not_known(segment, &error))?;
            if !goes {
                break;
            }
            // A segment that is not in excess ends the ones that go by size, as in Kafka; later ones may go by time.
            excess = excess.filter(|_| is_excess).map(|excess| excess - size);
            retained = retained.max(behind);
        }
        Ok(retained)
    }
}

/// Those that hold something at or behind `start`.
fn live_segments(segments: &[Arc<Segment>], start: Offset) -> &[Arc<Segment>] {
    let live_from = segments.partition_point(|segment| segment.base_offset() <= start).saturating_sub(1);
    segments.get(live_from..).unwrap_or_default()
}

/// Bytes that the log has more than `retention.bytes`; `None` if it has not, or may have any number.
fn excess_bytes(live: &[Arc<Segment>], config: &TopicConfig) -> Option<u64> {
    let limit = u64::try_from(config.retention_bytes).ok()?;
    let size: u64 = live.iter().map(|segment| u64::from(segment.size())).sum();
    size.checked_sub(limit)
}

/// Whether `retention.ms` have passed since the segment's newest record.
fn is_expired(segment: &Segment, config: &TopicConfig, now: Timestamp) -> Result<bool, LookupError> {
    if config.retention_ms < 0 {
        return Ok(false);
    }
    // Most are young, which the time index alone says; only then is the segment looked into.
    let is_older = |newest: Timestamp| now.ms_since(newest) > config.retention_ms;
    match segment.largest_timestamp()? {
        Some(largest) if largest <= now && !is_older(largest) => Ok(false),
        _ => Ok(is_older(segment.newest(now)?)),
    }
}

fn not_known(segment: &Segment, error: &LookupError) -> RetentionError {
    RetentionError { file: segment.path(), problem: error.to_string() }
}
