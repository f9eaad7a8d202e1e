//! Which records of a log belong to aborted transactions, and which markers have nothing left to mark, while the log is read from
//! front to back. The rules are those of Kafka's cleaner: aborted records go at once; a marker goes when no record of its
//! transaction is left, and not before its delete horizon.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use model::{Offset, ProducerId};

use crate::batch::BatchView;
use crate::index::AbortedTransaction;
use crate::producers::{Marker, MarkerKind};
use crate::segment::BatchAt;

/// The transactions that a reader of a log is in the middle of.
#[derive(Clone, Debug, Default)]
pub(super) struct Transactions {
    /// Those that begin later, in the order of their first offsets.
    aborted: VecDeque<AbortedTransaction>,
    /// Those whose marker comes later, and whether a batch of them was seen.
    in_aborted: BTreeMap<ProducerId, bool>,
    in_committed: BTreeSet<ProducerId>,
}

impl Transactions {
    /// For a reader who begins before the markers of all `aborted`, which are in the order of their first offsets.
    pub(super) fn new(aborted: Vec<AbortedTransaction>) -> Self {
        Self { aborted: aborted.into(), ..Self::default() }
    }

    /// Whether the batch may go for what it is in its transaction: aborted data, or a marker whose transaction has no record
    /// any more.
    pub(super) fn may_go(&mut self, batch: &BatchAt, view: &BatchView<'_>) -> bool {
        self.begin_up_to(batch.last_offset);
        let attributes = batch.header.attributes;
        if attributes.is_control() {
            return self.end_of_transaction(batch, view);
        }
        let Some(id) = ProducerId::new(batch.header.producer_id).filter(|_| attributes.is_transactional()) else {
            return false;
        };
        if let Some(was_seen) = self.in_aborted.get_mut(&id) {
            *was_seen = true;
            return true;
        }
        self.in_committed.insert(id);
        false
    }

    fn end_of_transaction(&mut self, batch: &BatchAt, view: &BatchView<'_>) -> bool {
        if batch.header.records_count == 0 {
            // It was emptied before, when there was nothing left to mark.
            return true;
        }
        match Marker::of_stored(view) {
            Some(Marker { producer_id, kind: MarkerKind::Abort, .. }) => {
                !self.in_aborted.remove(&producer_id).unwrap_or(false)
            }
            Some(Marker { producer_id, kind: MarkerKind::Commit, .. }) => !self.in_committed.remove(&producer_id),
            // Another control record than ours: not for us to judge.
            None => false,
        }
    }

    fn begin_up_to(&mut self, offset: Offset) {
        while let Some(begun) = self.aborted.front().copied().filter(|next| next.first_offset <= offset) {
            self.aborted.pop_front();
            self.in_aborted.entry(begun.producer_id).or_insert(false);
        }
    }
}
