//! What the log holds of a transactional id, and what each step makes of it. Steps compute; nothing changes here.

use model::{ProducerEpoch, ProducerId, Timestamp};

use super::event::{ProducerIdAndEpoch, TransactionResult};
use super::partitions::Partitions;
use super::state::TransactionState;
use super::version::TransactionVersion;

/// A transactional id: its producer, and its transaction or the last one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// Who writes; while the transaction ends, with the epoch of its markers.
    pub producer: ProducerIdAndEpoch,
    /// The producer id before the last step: the same, but where the epochs of an id were used up.
    pub previous_producer_id: Option<ProducerId>,
    /// The producer id that takes over when the transaction has ended, because the epochs of this one are used up.
    pub next_producer_id: Option<ProducerId>,
    /// Ms that a transaction may take; `i32::MAX` is without end.
    pub timeout_ms: i32,
    /// Where it stands.
    pub state: TransactionState,
    /// What the transaction has written to, or may have.
    pub partitions: Partitions,
    /// When it began; [`Timestamp::NONE`] if none has begun since the producer did.
    pub start: Timestamp,
    /// When anything happened last.
    pub last_update: Timestamp,
    /// By which version the client did the last step.
    pub client_version: TransactionVersion,
}

/// The last epoch that a client gets: the one after it stays free, so that every producer can be fenced.
pub(super) const EPOCH_LAST: i16 = i16::MAX - 1;

/// Whether no client gets an epoch of this id after this one.
pub(super) const fn is_exhausted(epoch: ProducerEpoch) -> bool {
    epoch.get() >= EPOCH_LAST
}

/// The epoch after this one, up to the very last.
fn bumped(epoch: ProducerEpoch) -> ProducerEpoch {
    ProducerEpoch::new(epoch.get().saturating_add(1)).unwrap_or(epoch)
}

impl Transaction {
    /// What a producer begins with that nobody knew before.
    pub(super) fn new(producer_id: ProducerId, timeout_ms: i32, now: Timestamp) -> Self {
        Self {
            producer: ProducerIdAndEpoch { producer_id, producer_epoch: ProducerEpoch::ZERO },
            // Kafka makes the id first and gives it an epoch then: the id before that step is the same.
            previous_producer_id: Some(producer_id),
            next_producer_id: None,
            timeout_ms,
            state: TransactionState::Empty,
            partitions: Partitions::default(),
            start: Timestamp::NONE,
            last_update: now,
            client_version: TransactionVersion::V0,
        }
    }

    /// A producer begins again, with this identity.
    pub(super) fn begun(&self, producer: ProducerIdAndEpoch, timeout_ms: i32, now: Timestamp) -> Self {
        Self {
            producer,
            timeout_ms,
            state: TransactionState::Empty,
            partitions: Partitions::default(),
            start: Timestamp::NONE,
            ..self.step(now)
        }
    }

    /// The identity that follows this one: the next epoch.
    pub(super) fn next_producer(&self) -> ProducerIdAndEpoch {
        ProducerIdAndEpoch { producer_epoch: bumped(self.producer.producer_epoch), ..self.producer }
    }

    /// Partitions become part of it; with the first ones it begins.
    pub(super) fn with(&self, partitions: &Partitions, client_version: TransactionVersion, now: Timestamp) -> Self {
        let start = if self.state == TransactionState::Ongoing { self.start } else { now };
        let mut all = self.partitions.clone();
        all.extend(partitions);
        Self { state: TransactionState::Ongoing, partitions: all, start, client_version, ..self.step(now) }
    }

    /// It is to end in this way, on behalf of a client of transactions as of KIP-98: the epoch stays.
    pub(super) fn prepared_v0(&self, result: TransactionResult, now: Timestamp) -> Self {
        Self {
            state: preparing(result),
            client_version: TransactionVersion::V0,
            next_producer_id: None,
            ..self.step(now)
        }
    }

    /// It is to end in this way, by KIP-890: its markers have the next epoch, and so has what follows, or another id.
    pub(super) fn prepared_v2(&self, result: TransactionResult, next_id: Option<ProducerId>, now: Timestamp) -> Self {
        // An abort without a transaction needs a beginning all the same.
        let start = if self.state == TransactionState::Ongoing { self.start } else { now };
        Self {
            producer: self.next_producer(),
            next_producer_id: next_id,
            state: preparing(result),
            start,
            client_version: TransactionVersion::V2,
            ..self.step(now)
        }
    }

    /// It is to be aborted because its producer is fenced, by a broker with transactions as of KIP-98.
    pub(super) fn fenced_v0(&self, now: Timestamp) -> Self {
        Self { producer: self.next_producer(), ..self.prepared_v0(TransactionResult::Abort, now) }
    }

    /// All its markers are written.
    pub(super) fn completed(&self, now: Timestamp) -> Self {
        let producer = match self.next_producer_id {
            Some(producer_id) if self.client_version.bumps_epoch() => {
                ProducerIdAndEpoch { producer_id, producer_epoch: ProducerEpoch::ZERO }
            }
            Some(_) | None => self.producer,
        };
        let is_commit = self.state == TransactionState::PrepareCommit;
        let state = if is_commit { TransactionState::CompleteCommit } else { TransactionState::CompleteAbort };
        Self { producer, next_producer_id: None, state, partitions: Partitions::default(), ..self.step(now) }
    }

    /// What a log of this version keeps of it.
    pub(super) fn kept_by(mut self, version: TransactionVersion) -> Self {
        if version.record_version() == 0 {
            self.previous_producer_id = None;
            self.next_producer_id = None;
            self.client_version = TransactionVersion::V0;
        }
        self
    }

    /// How it is being ended, if it is.
    pub(super) const fn ending(&self) -> Option<TransactionResult> {
        match self.state {
            TransactionState::PrepareCommit => Some(TransactionResult::Commit),
            TransactionState::PrepareAbort => Some(TransactionResult::Abort),
            TransactionState::Empty
            | TransactionState::Ongoing
            | TransactionState::CompleteCommit
            | TransactionState::CompleteAbort => None,
        }
    }

    fn step(&self, now: Timestamp) -> Self {
        Self { previous_producer_id: Some(self.producer.producer_id), last_update: now, ..self.clone() }
    }
}

const fn preparing(result: TransactionResult) -> TransactionState {
    match result {
        TransactionResult::Commit => TransactionState::PrepareCommit,
        TransactionResult::Abort => TransactionState::PrepareAbort,
    }
}
