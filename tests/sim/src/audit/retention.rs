//! Retention: a record goes when it is too old, or when `retention.bytes` of later ones are there; and none that a crash could
//! still take away, or that readers have not been able to see.

use model::Timestamp;
use model::config::TopicConfig;

use crate::records::Stored;

/// Where a log begins, where it is to begin, and its high watermark.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stretch {
    pub(crate) from: i64,
    pub(crate) start: i64,
    pub(crate) high: i64,
}

/// What must not be deleted, of all that lies before the start.
pub(crate) fn deleted(batches: &[Stored], config: &TopicConfig, stretch: Stretch, now: Timestamp) -> Option<String> {
    let Stretch { from, start, high } = stretch;
    if start > high {
        return Some(format!("the start moves to {start}, behind the high watermark {high}"));
    }
    if !config.cleanup_policy.delete {
        return Some(format!("the start moves to {start}, and nothing may be deleted"));
    }
    let is_young = |batch: &Stored| {
        config.retention_ms < 0 || now.ms_since(Timestamp::new(batch.max_timestamp)) <= config.retention_ms
    };
    let mut rest: u64 = batches.iter().map(|batch| batch.size).sum();
    for batch in batches.iter().filter(|batch| batch.base_offset < start) {
        rest -= batch.size;
        let has_room = u64::try_from(config.retention_bytes).map_or(true, |limit| rest < limit);
        // What compaction has left without records is nobody's loss.
        let is_loss = !batch.records.is_empty() && batch.last_offset >= from;
        if is_loss && is_young(batch) && has_room {
            let offset = batch.base_offset;
            let age_ms = now.ms_since(Timestamp::new(batch.max_timestamp));
            let (limit_ms, limit) = (config.retention_ms, config.retention_bytes);
            return Some(format!(
                "the start moves from {from} to {start}; the batch at {offset} is {age_ms} ms old, of {limit_ms}, and has {rest} \
                 bytes behind it, of {limit}"
            ));
        }
    }
    None
}
