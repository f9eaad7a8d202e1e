//! Transactions that have their marker, and whose marker may still be lost: a reader of committed records waits for them as
//! for open ones.

use std::collections::{BTreeMap, VecDeque};

use model::Offset;

/// Ended transactions whose marker lies at or above the high watermark.
#[derive(Clone, Debug, Default)]
pub(super) struct Decided {
    /// Their first offsets, with the offsets of their markers.
    markers: BTreeMap<Offset, Offset>,
    /// Their first offsets in the order of the markers.
    order: VecDeque<Offset>,
}

impl Decided {
    /// What a snapshot says, by first offset.
    pub(super) fn from_snapshot(markers: BTreeMap<Offset, Offset>) -> Self {
        let mut by_marker: Vec<_> = markers.iter().map(|(first, marker)| (*marker, *first)).collect();
        by_marker.sort_unstable();
        Self { order: by_marker.into_iter().map(|(_, first)| first).collect(), markers }
    }

    /// The offsets of the markers, by first offset.
    pub(super) const fn markers(&self) -> &BTreeMap<Offset, Offset> {
        &self.markers
    }

    /// Adds a transaction; markers come in the order of their offsets.
    pub(super) fn push(&mut self, first: Offset, marker: Offset) {
        self.markers.insert(first, marker);
        self.order.push_back(first);
    }

    /// The first offset of the one that began first.
    pub(super) fn first_offset(&self) -> Option<Offset> {
        self.markers.keys().next().copied()
    }

    /// The offset of the oldest marker.
    pub(super) fn oldest_marker(&self) -> Option<Offset> {
        self.order.front().and_then(|first| self.markers.get(first)).copied()
    }

    /// Lets go of those whose marker lies below `high_watermark`.
    pub(super) fn release(&mut self, high_watermark: Offset) {
        while self.oldest_marker().is_some_and(|marker| marker < high_watermark) {
            if let Some(first) = self.order.pop_front() {
                self.markers.remove(&first);
            }
        }
    }
}
