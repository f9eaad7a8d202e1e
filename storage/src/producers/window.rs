//! The last five batches of a producer. Five, because that is how many requests an idempotent producer may have in flight
//! (KIP-98's `max.in.flight.requests.per.connection`).

use model::{Offset, Sequence, Timestamp};

/// A batch that was appended, as much as a repeat of it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowBatch {
    /// Its first record's offset.
    pub base_offset: Offset,
    /// Its first record's sequence.
    pub base_sequence: Sequence,
    /// Sequences, and offsets, in it; at least one.
    pub record_count: u32,
    /// [`Timestamp::NONE`] for none, which takes half the room of an [`Option`]: a broker may remember millions of these.
    log_append_time: Timestamp,
}

impl WindowBatch {
    /// A batch of `record_count` sequences; with the broker's time that was written into it, on a topic with `LogAppendTime`.
    #[must_use]
    pub fn new(
        base_offset: Offset,
        base_sequence: Sequence,
        record_count: u32,
        log_append_time: Option<Timestamp>,
    ) -> Self {
        let log_append_time = log_append_time.unwrap_or(Timestamp::NONE);
        Self { base_offset, base_sequence, record_count, log_append_time }
    }

    /// The broker's time that was written into it, on a topic with `LogAppendTime`.
    #[must_use]
    pub fn log_append_time(&self) -> Option<Timestamp> {
        Some(self.log_append_time).filter(|time| *time != Timestamp::NONE)
    }

    /// The sequence of the last record.
    #[must_use]
    pub fn last_sequence(&self) -> Sequence {
        self.base_sequence.advance(self.record_count.saturating_sub(1))
    }

    /// The offset of the last record.
    #[must_use]
    pub fn last_offset(&self) -> Offset {
        self.base_offset.checked_add(u64::from(self.record_count.saturating_sub(1))).unwrap_or(Offset::MAX)
    }
}

/// The last batches of one epoch of a producer, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Window {
    batches: Vec<WindowBatch>,
}

impl Window {
    /// Batches that are remembered.
    pub const BATCHES_MAX: usize = 5;

    /// Adds the newest batch and forgets the oldest beyond the fifth.
    pub fn push(&mut self, batch: WindowBatch) {
        if self.batches.len() >= Self::BATCHES_MAX {
            self.batches.remove(0);
        }
        // Most of a million producers have sent one batch: room for more is made when there are more.
        self.batches.reserve_exact(1);
        self.batches.push(batch);
    }

    /// Forgets all, because a new epoch counts from 0.
    pub fn clear(&mut self) {
        self.batches.clear();
    }

    /// The remembered batch with exactly these sequences.
    #[must_use]
    pub fn find(&self, base_sequence: Sequence, record_count: u32) -> Option<&WindowBatch> {
        self.batches.iter().find(|batch| batch.base_sequence == base_sequence && batch.record_count == record_count)
    }

    /// The sequence that comes next: 0 in an epoch without batches.
    #[must_use]
    pub fn next_sequence(&self) -> Sequence {
        self.batches.last().map_or(Sequence::ZERO, |batch| batch.last_sequence().advance(1))
    }

    /// The batches, oldest first.
    #[must_use]
    pub fn batches(&self) -> &[WindowBatch] {
        &self.batches
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_takes_as_much_memory_as_its_batches() {
        assert_eq!(size_of::<WindowBatch>(), 24);
        let mut window = Window::default();
        for (count, offset) in (1..=7).zip((0..).step_by(2)) {
            window.push(WindowBatch::new(Offset::new(offset).unwrap(), Sequence::ZERO, 2, None));
            assert_eq!(window.batches.len(), window.batches.capacity());
            assert_eq!(window.batches.len(), Window::BATCHES_MAX.min(count));
        }
    }

    #[test]
    fn the_time_of_a_batch_is_what_was_written_or_none() {
        let at = |time| WindowBatch::new(Offset::ZERO, Sequence::ZERO, 1, time).log_append_time();
        assert_eq!(at(None), None);
        assert_eq!(at(Some(Timestamp::new(0))), Some(Timestamp::new(0)));
    }
}
