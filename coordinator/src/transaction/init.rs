//! InitProducerId: a producer begins, or goes on after an error.

use model::{ErrorCode, ProducerEpoch};

use super::event::{InitProducerId, ProducerIdAndEpoch, RawProducer};
use super::state::TransactionState;
use super::steps::{EPOCH_LAST, Transaction, is_exhausted};
use super::{TransactionShard, TransactionalId, Turn, Undecided};

/// What a producer begins with: the step, and the epoch that it named.
type Begun = (Transaction, Option<ProducerEpoch>);

impl TransactionShard {
    pub(super) fn init_producer_id(
        &mut self,
        turn: &mut Turn<'_>,
        request: &InitProducerId,
    ) -> Result<ProducerIdAndEpoch, Undecided> {
        let timeout_ms = check(turn, request)?;
        let id = request.transactional_id.as_str();
        let (step, last_epoch) = match self.ids.get(id) {
            None => (self.unknown(turn, request, timeout_ms)?, None),
            Some(transactional) => {
                if transactional.logged.ending().is_some() {
                    return Err(ErrorCode::ConcurrentTransactions.into());
                }
                if !request.expected.is_none_or(|expected| may_go_on(&transactional.logged, expected)) {
                    return Err(ErrorCode::ProducerFenced.into());
                }
                if transactional.logged.state == TransactionState::Ongoing {
                    // The epoch of the abort is given to nobody: whoever asks again gets the one after it.
                    self.abort(turn, id)?;
                    return Err(ErrorCode::ConcurrentTransactions.into());
                }
                transactional.begin(turn, request.expected, timeout_ms)?
            }
        };
        let producer = step.producer;
        self.accept(turn, id, step, last_epoch)?;
        Ok(producer)
    }

    /// The first step of an id that nobody knew.
    fn unknown(
        &self,
        turn: &mut Turn<'_>,
        request: &InitProducerId,
        timeout_ms: i32,
    ) -> Result<Transaction, Undecided> {
        let settings = turn.settings;
        let is_full = self.ids.len() >= settings.transactional_ids_max;
        if is_full || request.transactional_id.len() > settings.id_bytes_max {
            return Err(ErrorCode::PolicyViolation.into());
        }
        let fresh = turn.fresh.take().ok_or(Undecided::NeedsId)?;
        Ok(Transaction::new(fresh, timeout_ms, turn.now.time))
    }
}

impl TransactionalId {
    /// The next step of an id without a transaction.
    fn begin(&self, turn: &mut Turn<'_>, expected: Option<RawProducer>, timeout_ms: i32) -> Result<Begun, Undecided> {
        let now = turn.now.time;
        let epoch = self.logged.producer.producer_epoch;
        let named = expected.map(|expected| expected.epoch);
        if named.is_none_or(|named| named == epoch.get()) {
            let last_epoch = named.map(|_| epoch);
            let producer = if is_exhausted(epoch) {
                let producer_id = turn.fresh.take().ok_or(Undecided::NeedsId)?;
                ProducerIdAndEpoch { producer_id, producer_epoch: ProducerEpoch::ZERO }
            } else {
                self.logged.next_producer()
            };
            return Ok((self.logged.begun(producer, timeout_ms, now), last_epoch));
        }
        // Where the epochs are used up and another one is named, Kafka throws; that producer was fenced.
        if named == self.last_epoch.map(ProducerEpoch::get) && !is_exhausted(epoch) {
            // The answer to the same request was lost: nobody else has begun since, or the last epoch would be none.
            return Ok((self.logged.begun(self.logged.producer, timeout_ms, now), self.last_epoch));
        }
        Err(ErrorCode::ProducerFenced.into())
    }
}

/// What is refused whatever the state; the timeout that holds if nothing is.
fn check(turn: &Turn<'_>, request: &InitProducerId) -> Result<i32, ErrorCode> {
    let settings = turn.settings;
    if request.transactional_id.is_empty() {
        return Err(ErrorCode::InvalidRequest);
    }
    if request.enable_two_phase_commit && !settings.two_phase_commit_enable {
        return Err(ErrorCode::TransactionalIdAuthorizationFailed);
    }
    if request.keep_prepared_transaction {
        return Err(ErrorCode::UnsupportedVersion);
    }
    if request.enable_two_phase_commit {
        return Ok(i32::MAX);
    }
    let timeout_ms = request.transaction_timeout_ms;
    if (1..=settings.max_timeout_ms).contains(&timeout_ms) {
        Ok(timeout_ms)
    } else {
        Err(ErrorCode::InvalidTransactionTimeout)
    }
}

/// Whether a producer that names this identity may be the present one (KIP-360). Its epoch is judged later.
fn may_go_on(logged: &Transaction, expected: RawProducer) -> bool {
    let had_other_id = logged.previous_producer_id.is_some_and(|previous| previous.get() == expected.id);
    // If it had, the answer that gave out the present id was lost.
    logged.producer.producer_id.get() == expected.id || had_other_id && expected.epoch >= EPOCH_LAST
}
