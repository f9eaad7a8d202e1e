//! `EndTxn`, and aborts by the coordinator: how it is decided that a transaction ends.

use model::{ErrorCode, ProducerId};

use super::add::effective;
use super::event::{EndTxn, ProducerIdAndEpoch, RawProducer, TransactionResult};
use super::state::TransactionState;
use super::steps::{EPOCH_LAST, Transaction, is_exhausted};
use super::{TransactionShard, Turn, Undecided};

impl TransactionShard {
    pub(super) fn end_txn(
        &mut self,
        turn: &mut Turn<'_>,
        request: &EndTxn,
    ) -> Result<Option<ProducerIdAndEpoch>, Undecided> {
        if request.transactional_id.is_empty() {
            return Err(ErrorCode::InvalidRequest.into());
        }
        if effective(request.client_version, turn.settings.version).bumps_epoch() {
            self.end_v2(turn, request).map(Some)
        } else {
            self.end_v0(turn, request)?;
            Ok(None)
        }
    }

    /// Transactions as of KIP-98: the epoch must be the producer's, and stays.
    fn end_v0(&mut self, turn: &mut Turn<'_>, request: &EndTxn) -> Result<(), ErrorCode> {
        let id = request.transactional_id.as_str();
        let transactional = self.ids.get(id).ok_or(ErrorCode::InvalidProducerIdMapping)?;
        let logged = &transactional.logged;
        if logged.producer.producer_id.get() != request.producer.id {
            return Err(ErrorCode::InvalidProducerIdMapping);
        }
        if logged.producer.producer_epoch.get() != request.producer.epoch {
            return Err(ErrorCode::ProducerFenced);
        }
        match logged.state {
            TransactionState::PrepareCommit | TransactionState::PrepareAbort => Err(ErrorCode::ConcurrentTransactions),
            TransactionState::Ongoing => {
                let step = logged.prepared_v0(request.result, turn.now.time);
                let last_epoch = transactional.last_epoch;
                self.accept(turn, id, step, last_epoch)?;
                self.ask_for_markers(turn, id);
                Ok(())
            }
            TransactionState::Empty => Err(ErrorCode::InvalidTxnState),
            TransactionState::CompleteCommit => was(TransactionResult::Commit, request.result),
            TransactionState::CompleteAbort => was(TransactionResult::Abort, request.result),
        }
    }

    /// Transactions by KIP-890: each end takes the producer to the next epoch, which is also how a request that comes late, or
    /// again, is told from one for the next transaction (KAFKA-17754).
    fn end_v2(&mut self, turn: &mut Turn<'_>, request: &EndTxn) -> Result<ProducerIdAndEpoch, Undecided> {
        let id = request.transactional_id.as_str();
        let logged = self.get(id).ok_or(ErrorCode::InvalidProducerIdMapping)?;
        // First, as in Kafka: whether it is the same request again will be known when the transaction has ended.
        if logged.ending().is_some() {
            return Err(ErrorCode::ConcurrentTransactions.into());
        }
        match judge(logged, request.producer, request.result)? {
            Judged::WasEnded => Ok(logged.producer),
            Judged::Ends => {
                let next_id = next_id(logged, turn.fresh.take())?;
                let last_epoch = Some(logged.producer.producer_epoch);
                let step = logged.prepared_v2(request.result, next_id, turn.now.time);
                // What the producer has once the markers are written; it may go on before that.
                let next = step.completed(turn.now.time).producer;
                self.accept(turn, id, step, last_epoch)?;
                self.ask_for_markers(turn, id);
                Ok(next)
            }
        }
    }

    /// Aborts a transaction that is under way, and fences its producer: it takes too long, or another producer has begun.
    pub(super) fn abort(&mut self, turn: &mut Turn<'_>, id: &str) -> Result<(), Undecided> {
        let logged = self.get(id).ok_or(ErrorCode::InvalidProducerIdMapping)?;
        let now = turn.now.time;
        // It is nobody's request: the broker's version counts, whatever the client's is.
        let (step, last_epoch) = if turn.settings.version.bumps_epoch() {
            let next_id = next_id(logged, turn.fresh.take())?;
            (logged.prepared_v2(TransactionResult::Abort, next_id, now), Some(logged.producer.producer_epoch))
        } else {
            (logged.fenced_v0(now), None)
        };
        self.accept(turn, id, step, last_epoch)?;
        self.ask_for_markers(turn, id);
        Ok(())
    }
}

/// What a request to end a transaction means.
enum Judged {
    /// It is the request that ended it, again.
    WasEnded,
    /// It ends one, or aborts where there is none: the client cannot know whether its last write has begun one.
    Ends,
}

/// Judges a request of KIP-890 by the producer and what it wants.
fn judge(logged: &Transaction, producer: RawProducer, result: TransactionResult) -> Result<Judged, ErrorCode> {
    let epoch = logged.producer.producer_epoch.get();
    let is_complete = matches!(logged.state, TransactionState::CompleteCommit | TransactionState::CompleteAbort);
    let is_other_id = logged.producer.producer_id.get() != producer.id;
    let had_other_id = is_other_id
        && logged.previous_producer_id.is_some_and(|previous| previous.get() == producer.id)
        && (producer.epoch, epoch) == (EPOCH_LAST, 0);
    // Only if it was an end by this version that took the producer to the epoch. Else a client that was fenced by one of KIP-98
    // would get that one's epoch when it ends in the same way, and both would go on as the same producer.
    let had_last_epoch = logged.client_version.bumps_epoch() && i32::from(producer.epoch) + 1 == i32::from(epoch);
    if is_other_id && !had_other_id {
        return Err(ErrorCode::InvalidProducerIdMapping);
    }
    let is_repeated = is_complete && (had_last_epoch || had_other_id);
    if producer.epoch != epoch && !is_repeated {
        return Err(ErrorCode::ProducerFenced);
    }
    match (logged.state, result) {
        (TransactionState::CompleteCommit, TransactionResult::Commit)
        | (TransactionState::CompleteAbort, TransactionResult::Abort)
            if is_repeated =>
        {
            Ok(Judged::WasEnded)
        }
        (TransactionState::CompleteCommit | TransactionState::CompleteAbort, TransactionResult::Abort)
            if !is_repeated =>
        {
            Ok(Judged::Ends)
        }
        (TransactionState::Ongoing, _) | (TransactionState::Empty, TransactionResult::Abort) => Ok(Judged::Ends),
        (
            TransactionState::Empty
            | TransactionState::CompleteCommit
            | TransactionState::CompleteAbort
            | TransactionState::PrepareCommit
            | TransactionState::PrepareAbort,
            _,
        ) => Err(ErrorCode::InvalidTxnState),
    }
}

/// The id that takes over when the epochs of this one are used up.
fn next_id(logged: &Transaction, fresh: Option<ProducerId>) -> Result<Option<ProducerId>, Undecided> {
    if is_exhausted(logged.producer.producer_epoch) { fresh.ok_or(Undecided::NeedsId).map(Some) } else { Ok(None) }
}

fn was(ended: TransactionResult, asked: TransactionResult) -> Result<(), ErrorCode> {
    if ended == asked { Ok(()) } else { Err(ErrorCode::InvalidTxnState) }
}
