//! What shows the configs of topics: in what a reader is told, and in the files of a partition. -1 is "nothing yet".

use super::Seen;
use crate::support::batch::Stored;
use crate::support::now_ms;
use crate::support::topics::EARLIEST;

/// The attribute that says that the base timestamp is a delete horizon (KIP-534).
const DELETE_HORIZON: i16 = 1 << 6;

impl Seen<'_> {
    fn first_batch(&mut self) -> Option<Stored> {
        let start = self.topic.offset(self.client, EARLIEST).as_i64().unwrap();
        self.topic.batches(self.client, start).into_iter().next()
    }

    /// The files of the partition whose names end so, and their bytes.
    fn files(&self, ending: &str) -> Vec<Vec<u8>> {
        let files = std::fs::read_dir(&self.partition).unwrap().map(|file| file.unwrap().path());
        let files = files.filter(|path| path.to_string_lossy().ends_with(ending));
        // A file may go while it is looked at.
        files.filter_map(|path| std::fs::read(path).ok()).collect()
    }
}

/// Whether retention has taken the first segment.
pub(super) fn deleted(seen: &mut Seen<'_>) -> i64 {
    i64::from(seen.topic.offset(seen.client, EARLIEST) == 2)
}

/// Whether compaction has taken the first record.
pub(super) fn compacted(seen: &mut Seen<'_>) -> i64 {
    i64::from(seen.first_batch().is_some_and(|batch| batch.base_offset == 1))
}

/// Whether the tombstone that compaction came by stays for more than an hour.
pub(super) fn far_horizon(seen: &mut Seen<'_>) -> i64 {
    let batch = seen.first_batch().filter(|batch| batch.attributes & DELETE_HORIZON != 0);
    batch.map_or(-1, |batch| i64::from(batch.base_timestamp > now_ms() + 3_600_000))
}

/// Whether files of the segment that retention took are still there.
pub(super) fn set_aside(seen: &mut Seen<'_>) -> i64 {
    if deleted(seen) == 0 {
        return -1;
    }
    // The log itself is let go first by one, renamed first by the other.
    i64::from(!seen.files(".log.deleted").is_empty())
}

pub(super) fn codec(seen: &mut Seen<'_>) -> i64 {
    seen.first_batch().map_or(-1, |batch| i64::from(batch.attributes & 7))
}

pub(super) fn size(seen: &mut Seen<'_>) -> i64 {
    seen.first_batch().map_or(-1, |batch| batch.body.len() as i64)
}

pub(super) fn is_of_now(seen: &mut Seen<'_>) -> i64 {
    seen.first_batch().map_or(-1, |batch| i64::from(batch.max_timestamp > now_ms() - 600_000))
}

/// Whether an offset index says anything. The real one fills its file with zeros, and has a new interval heeded by the next
/// segment; ours writes the index of a segment to its file when that is synced with a checkpoint.
pub(super) fn is_indexed(seen: &mut Seen<'_>) -> i64 {
    i64::from(seen.files(".index").iter().flatten().any(|byte| *byte != 0))
}

pub(super) fn segments(seen: &mut Seen<'_>) -> i64 {
    seen.files(".log").len() as i64
}

/// Whether there are more segments than times make.
pub(super) fn has_rolled(seen: &mut Seen<'_>) -> i64 {
    i64::from(segments(seen) > 3)
}
