//! What keeps a batch out of a transaction that it comes too late for (KIP-890). A batch that would begin a transaction in this
//! partition needs the coordinator's word that the producer's transaction includes the partition; between that word and the
//! append, a marker may end the transaction. So the question gets a guard, a marker takes the guard away, and a batch whose
//! guard is gone is refused: nothing is appended that no marker would ever end.
//!
//! In version 2 a marker has the epoch of the producer's next transaction. A batch of that epoch may ask before the marker of
//! the transaction before is here, and keeps its guard: it cannot belong to what the marker ends.
//!
//! Owns: the guards that are out. Does not know: the coordinator, and whether the broker asks it at all.

use std::collections::BTreeMap;

use model::{ProducerEpoch, ProducerId, Sequence, Timestamp};

use super::error::SequenceError;
use super::marker::{EpochRule, Marker};
use crate::batch::ProducerBatch;

/// Stands for one question to the coordinator. No two are equal, also of the same producer: a word about an earlier
/// transaction says nothing about the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct VerificationGuard(u64);

/// What vouches for a transactional batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verified {
    /// The producer has its transaction open here: the coordinator knows of it.
    ByOpenTransaction,
    /// The coordinator said yes after the log gave this guard.
    By(VerificationGuard),
    /// Nobody: `transaction.partition.verification.enable` is off.
    NotAsked,
}

/// What a producer promises of its first batch in a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstSequence {
    /// Nothing: an unknown producer may have expired, and goes on with its count.
    Any,
    /// Its epoch is new with each transaction, and counts from 0 (transactions version 2): one that begins later is refused.
    Zero,
}

/// A question that is out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pending {
    guard: VerificationGuard,
    epoch: ProducerEpoch,
    /// Should a batch be refused while the coordinator is busy, those behind it must not be appended before it comes again.
    lowest_sequence: Sequence,
    first_sequence: FirstSequence,
    since: Timestamp,
}

/// The guards of a partition that are out, one for each producer at most.
#[derive(Clone, Debug)]
pub(super) struct Verifications {
    pending: BTreeMap<ProducerId, Pending>,
    /// The same, oldest first: clients can ask in the name of any producer, and the oldest gives way.
    by_age: BTreeMap<VerificationGuard, ProducerId>,
    next: u64,
    count_max: usize,
}

impl Verifications {
    pub(super) const fn new(count_max: usize) -> Self {
        Self { pending: BTreeMap::new(), by_age: BTreeMap::new(), next: 0, count_max }
    }

    /// The guard of the producer's question, the one that is out or a new one.
    pub(super) fn begin(
        &mut self,
        batch: &ProducerBatch,
        first_sequence: FirstSequence,
        now: Timestamp,
    ) -> VerificationGuard {
        let sequence = batch.base_sequence.unwrap_or(Sequence::ZERO);
        if let Some(pending) = self.pending.get_mut(&batch.id) {
            if batch.epoch > pending.epoch {
                (pending.epoch, pending.lowest_sequence) = (batch.epoch, sequence);
            } else if batch.epoch == pending.epoch {
                pending.lowest_sequence = pending.lowest_sequence.min(sequence);
            }
            return pending.guard;
        }
        if self.pending.len() >= self.count_max
            && let Some((_, oldest)) = self.by_age.pop_first()
        {
            self.pending.remove(&oldest);
        }
        let guard = VerificationGuard(self.next);
        self.next += 1;
        let epoch = batch.epoch;
        let pending = Pending { guard, epoch, lowest_sequence: sequence, first_sequence, since: now };
        self.pending.insert(batch.id, pending);
        self.by_age.insert(guard, batch.id);
        guard
    }

    /// Whether a batch that begins a transaction here is vouched for.
    pub(super) fn check(&self, batch: &ProducerBatch, verified: Verified) -> Result<(), SequenceError> {
        let is_vouched = match verified {
            Verified::ByOpenTransaction => false,
            Verified::By(guard) => self.pending.get(&batch.id).is_some_and(|pending| pending.guard == guard),
            Verified::NotAsked => true,
        };
        if is_vouched { Ok(()) } else { Err(SequenceError::NotVerified { id: batch.id }) }
    }

    /// What a question that is out says about the sequence of a batch. `is_known`: whether the producer has batches here.
    pub(super) fn check_sequence(&self, batch: &ProducerBatch, is_known: bool) -> Result<(), SequenceError> {
        let (Some(pending), Some(found)) = (self.pending.get(&batch.id), batch.base_sequence) else { return Ok(()) };
        if pending.first_sequence == FirstSequence::Zero && found != Sequence::ZERO && !is_known {
            return Err(SequenceError::EpochBeginsLate { id: batch.id, epoch: batch.epoch, found });
        }
        if found > pending.lowest_sequence {
            return Err(SequenceError::OutOfOrder { id: batch.id, expected: pending.lowest_sequence, found });
        }
        Ok(())
    }

    /// Takes the producer's guard away, if its transaction may be the one that the marker ends.
    pub(super) fn end_by(&mut self, marker: &Marker, rule: EpochRule) {
        let asked = self.pending.get(&marker.producer_id);
        let is_of_next = asked.is_some_and(|pending| match rule {
            EpochRule::SameOrNewer => pending.epoch > marker.producer_epoch,
            EpochRule::Newer => pending.epoch >= marker.producer_epoch,
        });
        if !is_of_next {
            self.end(marker.producer_id);
        }
    }

    /// Takes the producer's guard away: a transaction has begun here.
    pub(super) fn end(&mut self, id: ProducerId) {
        if let Some(pending) = self.pending.remove(&id) {
            self.by_age.remove(&pending.guard);
        }
    }

    /// Forgets questions that nobody came back with.
    pub(super) fn expire(&mut self, now: Timestamp, expiration_ms: i64) {
        let lives = |pending: &Pending| now.ms_since(pending.since) < expiration_ms;
        self.pending.retain(|_, pending| lives(pending));
        self.by_age.retain(|_, id| self.pending.contains_key(id));
    }
}
