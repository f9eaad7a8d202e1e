//! The ordered segments of a log, as an immutable list that is replaced as a whole: readers keep the one they loaded.

use std::sync::Arc;

use model::Offset;

use crate::segment::Segment;

/// The segments of a log, in the order of their base offsets; the last one is appended to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Segments {
    list: Vec<Arc<Segment>>,
    /// Those in which a transaction was aborted: few, so that a reader of committed records need not ask each.
    aborted: Vec<Arc<Segment>>,
}

impl Segments {
    /// These segments; the caller vouches for their order.
    #[must_use]
    pub(crate) fn new(list: Vec<Arc<Segment>>) -> Self {
        let aborted = list.iter().filter(|segment| segment.has_aborted()).cloned().collect();
        Self { list, aborted }
    }

    /// The same segments, when one of them has its first aborted transaction.
    #[must_use]
    pub(crate) fn renewed(&self) -> Self {
        Self::new(self.list.clone())
    }

    /// The list with one more at the end.
    #[must_use]
    pub(crate) fn with(&self, segment: Arc<Segment>) -> Self {
        let mut list = Vec::with_capacity(self.list.len() + 1);
        list.extend_from_slice(&self.list);
        list.push(segment);
        Self::new(list)
    }

    /// The segments from the one that `offset` lies in; from the first one if it lies before all.
    #[must_use]
    pub(crate) fn from(&self, offset: Offset) -> &[Arc<Segment>] {
        let later = self.list.partition_point(|segment| segment.base_offset() <= offset);
        self.list.get(later.saturating_sub(1)..).unwrap_or_default()
    }

    /// The segments up to the one that begins at `base`, and that one.
    #[must_use]
    pub(crate) fn up_to(&self, base: Offset) -> &[Arc<Segment>] {
        let later = self.list.partition_point(|segment| segment.base_offset() <= base);
        self.list.get(..later).unwrap_or_default()
    }

    /// The segments with aborted transactions, from the one that `offset` may lie in.
    #[must_use]
    pub(crate) fn aborted_from(&self, offset: Offset) -> &[Arc<Segment>] {
        let later = self.aborted.partition_point(|segment| segment.base_offset() <= offset);
        self.aborted.get(later.saturating_sub(1)..).unwrap_or_default()
    }

    /// The segments that hold something at or behind `start`, and those that do not.
    #[must_use]
    pub(crate) fn split_before(&self, start: Offset) -> (Self, Vec<Arc<Segment>>) {
        let kept_from = self.list.partition_point(|segment| segment.base_offset() <= start).saturating_sub(1);
        let (gone, kept) = self.list.split_at(kept_from.min(self.list.len()));
        (Self::new(kept.to_vec()), gone.to_vec())
    }

    /// All of them, in order.
    #[must_use]
    pub(crate) fn list(&self) -> &[Arc<Segment>] {
        &self.list
    }

    /// Whether the segment that begins at `base` is still one of them.
    #[must_use]
    pub(crate) fn contains(&self, base: Offset) -> bool {
        self.list.binary_search_by_key(&base, |segment| segment.base_offset()).is_ok()
    }

    /// Whether this very segment is still one of them, and not another that took its place.
    #[must_use]
    pub(crate) fn holds(&self, segment: &Arc<Segment>) -> bool {
        let found = self.list.binary_search_by_key(&segment.base_offset(), |segment| segment.base_offset());
        found.ok().and_then(|place| self.list.get(place)).is_some_and(|found| Arc::ptr_eq(found, segment))
    }

    /// The list with `new` in the place of all that begin at or behind `base` and before `next`.
    #[must_use]
    pub(crate) fn replaced(&self, base: Offset, next: Offset, new: Arc<Segment>) -> Self {
        let from = self.list.partition_point(|segment| segment.base_offset() < base);
        let upto = self.list.partition_point(|segment| segment.base_offset() < next);
        let mut list = self.list.clone();
        list.splice(from..upto, [new]);
        Self::new(list)
    }

    /// The one that is appended to.
    #[must_use]
    pub(crate) fn active(&self) -> Option<&Arc<Segment>> {
        self.list.last()
    }

    /// Bytes of all segments.
    #[must_use]
    pub(crate) fn size_bytes(&self) -> u64 {
        self.list.iter().map(|segment| u64::from(segment.size())).sum()
    }
}
