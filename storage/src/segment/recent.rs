//! The places of the batches that were appended last, so that a reader at the end of the log needs no index and no read.

use std::collections::VecDeque;

/// Batches that are remembered. Most readers are at the end, a few requests behind at worst.
const BATCHES_MAX: usize = 64;
/// Ends of syncs that are remembered: where the high watermark was, and with it where most readers go on.
const SYNCED_ENDS_MAX: usize = 16;

/// Where a batch begins, or where the log ended once: an offset relative to the segment's base, and a position in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) relative_offset: u32,
    pub(crate) position: u32,
}

/// The last batches of a segment, in order and without a gap; and ends of syncs.
#[derive(Debug, Default)]
pub(crate) struct RecentBatches {
    batches: VecDeque<Mark>,
    /// Where the last of them ends.
    end: Option<Mark>,
    synced_ends: VecDeque<Mark>,
}

impl RecentBatches {
    /// Remembers where a batch begins and ends; it must follow the one that was added before.
    pub(crate) fn push_batch(&mut self, begin: Mark, end: Mark) {
        debug_assert!(self.end.is_none_or(|before| before == begin), "a batch begins where the one before ended");
        push_bounded(&mut self.batches, begin, BATCHES_MAX);
        self.end = Some(end);
    }

    /// Remembers where the synced part of the segment ended.
    pub(crate) fn push_synced_end(&mut self, end: Mark) {
        if self.synced_ends.back() != Some(&end) {
            push_bounded(&mut self.synced_ends, end, SYNCED_ENDS_MAX);
        }
    }

    /// Where the batch begins that holds the offset, if that is remembered; the end of the last for any offset behind it.
    pub(crate) fn position_of(&self, relative_offset: u32) -> Option<u32> {
        if let Some(end) = self.end.filter(|end| end.relative_offset <= relative_offset) {
            return Some(end.position);
        }
        let later = self.batches.partition_point(|batch| batch.relative_offset <= relative_offset);
        let batch = later.checked_sub(1).and_then(|place| self.batches.get(place));
        batch
            .or_else(|| self.synced_ends.iter().rev().find(|end| end.relative_offset == relative_offset))
            .map(|mark| mark.position)
    }

    /// The last remembered beginning of a batch at or before `position`, if one is known to be the last.
    pub(crate) fn begin_at_or_before(&self, position: u32) -> Option<u32> {
        let later = self.batches.partition_point(|batch| batch.position <= position);
        later.checked_sub(1).and_then(|place| self.batches.get(place)).map(|batch| batch.position)
    }

    /// Forgets all, when nothing is appended any more.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

fn push_bounded(marks: &mut VecDeque<Mark>, mark: Mark, max: usize) {
    if marks.len() == max {
        marks.pop_front();
    }
    marks.push_back(mark);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(relative_offset: u32, position: u32) -> Mark {
        Mark { relative_offset, position }
    }

    #[test]
    fn only_what_is_remembered_is_answered() {
        let mut recent = RecentBatches::default();
        assert_eq!(recent.position_of(0), None);
        for batch in 0..100 {
            recent.push_batch(mark(batch * 10, batch * 100), mark(batch * 10 + 10, batch * 100 + 100));
        }
        assert_eq!(recent.position_of(1000), Some(10_000), "the end");
        assert_eq!(recent.position_of(995), Some(9900));
        assert_eq!(recent.position_of(360), Some(3600), "the oldest that is remembered");
        assert_eq!(recent.position_of(359), None);
        assert_eq!(recent.begin_at_or_before(9_999), Some(9900));
        assert_eq!(recent.begin_at_or_before(3_599), None);
        recent.push_synced_end(mark(100, 1000));
        assert_eq!(recent.position_of(100), Some(1000), "an old end of a sync");
        assert_eq!(recent.position_of(101), None, "only the offset itself is known");
    }
}
