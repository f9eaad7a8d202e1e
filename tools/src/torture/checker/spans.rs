//! Records at offsets that follow each other, and how two such spans meet.

use std::collections::BTreeMap;

use super::history::{Place, Reading, Seen};

/// What stands at the offsets of a partition, by one reading.
#[derive(Debug, Default)]
pub(super) struct Spans(Vec<Seen>);

/// A part of an asked span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// From the first to behind the last, nothing.
    Nothing(i64, i64),
    /// From the first to behind the last, a part of what was seen.
    Found(i64, i64, Seen),
}

impl Spans {
    pub(super) fn of(reading: &Reading, place: &Place) -> Self {
        let mut seen = reading.seen.get(place).cloned().unwrap_or_default();
        seen.sort_by_key(|seen| seen.off);
        Self(seen)
    }

    /// What stands from `from` up to and without `upto`, in order.
    pub(super) fn parts(&self, from: i64, upto: i64) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut at = from;
        let first = self.0.partition_point(|seen| seen.off + seen.n <= from);
        for seen in self.0.iter().skip(first).take_while(|seen| seen.off < upto) {
            if seen.off > at {
                parts.push(Part::Nothing(at, seen.off));
            }
            let (begin, end) = (seen.off.max(at), (seen.off + seen.n).min(upto));
            parts.push(Part::Found(begin, end, *seen));
            at = end;
        }
        if at < upto {
            parts.push(Part::Nothing(at, upto));
        }
        parts
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Seen> {
        self.0.iter()
    }
}

/// The spans of all partitions of a reading.
pub(super) fn all(reading: &Reading) -> BTreeMap<&Place, Spans> {
    reading.seen.keys().map(|place| (place, Spans::of(reading, place))).collect()
}

impl Seen {
    /// The number of the record at `off`.
    pub(super) const fn seq_at(&self, off: i64) -> i64 {
        self.seq + (off - self.off)
    }
}
