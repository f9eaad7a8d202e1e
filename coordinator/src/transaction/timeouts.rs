//! What happens when nobody asks: transactions that take too long are aborted, transactional ids that nobody uses are forgotten.

use std::ops::Bound;

use super::event::{ProducerIdAndEpoch, Waiting};
use super::record::TransactionRecord;
use super::state::TransactionState;
use super::{TimerKey, TransactionShard, TransactionalId, Turn, Undecided, need_id};

/// Transactional ids that are looked at in one step of a pass.
const STEP_MAX: usize = 1_000;
/// Ms between two steps over all ids: others are served meanwhile.
const STEP_PAUSE_MS: i32 = 1;
/// Bytes of tombstones that one step writes; one more than that at most.
const TOMBSTONE_BYTES_MAX: usize = 16 << 10;

impl TransactionShard {
    /// Both passes begin after their interval.
    pub(super) fn start_passes(&mut self, turn: &Turn<'_>) {
        self.set_timer(turn, TimerKey::TimedOut, turn.settings.abort_timed_out_interval_ms);
        self.set_timer(turn, TimerKey::Expired, turn.settings.remove_expired_interval_ms);
    }

    /// One step of the pass over transactions that are under way: at most one of them is aborted, as its records make a batch.
    pub(super) fn look_for_timed_out(&mut self, turn: &mut Turn<'_>) {
        let from = after(self.timed_out.take());
        let (mut seen, mut timed_out) = (None, None);
        for id in self.open.range((from, Bound::Unbounded)).take(STEP_MAX) {
            seen = Some(id);
            if let Some(transactional) = self.ids.get(id)
                && transactional.is_timed_out(turn)
            {
                timed_out = Some((id.clone(), transactional.logged.producer));
                break;
            }
        }
        let seen = seen.cloned();
        if let Some((id, producer)) = timed_out {
            self.abort_timed_out(turn, &id, producer);
        }
        let interval_ms = if seen.is_some() { 0 } else { turn.settings.abort_timed_out_interval_ms };
        self.timed_out = seen;
        self.set_timer(turn, TimerKey::TimedOut, interval_ms);
    }

    /// Aborts the transaction of this producer, if it still takes too long.
    pub(super) fn abort_timed_out(&mut self, turn: &mut Turn<'_>, id: &str, producer: ProducerIdAndEpoch) {
        let Some(transactional) = self.ids.get(id) else { return };
        if transactional.logged.producer != producer || !transactional.is_timed_out(turn) {
            return;
        }
        match self.abort(turn, id) {
            // What is refused now is looked at again in the next pass.
            Ok(()) | Err(Undecided::Refused(_)) => {}
            Err(Undecided::NeedsId) => turn.out.effects.push(need_id(Waiting::Abort(id.to_owned(), producer))),
        }
    }

    /// One step of the pass over transactional ids that nobody used for long.
    pub(super) fn look_for_expired(&mut self, turn: &mut Turn<'_>) {
        let from = after(self.expired.take());
        let (mut seen, mut bytes) = (None, 0);
        let mut expired = Vec::new();
        for (id, transactional) in self.ids.range((from, Bound::Unbounded)).take(STEP_MAX) {
            seen = Some(id);
            if transactional.is_expired(turn) {
                bytes += id.len();
                expired.push(id.clone());
            }
            if bytes > TOMBSTONE_BYTES_MAX {
                break;
            }
        }
        let seen = seen.cloned();
        for id in expired {
            let record = TransactionRecord { transactional_id: id, transaction: None };
            // An id that came from the log fits into it.
            if let Ok(encoded) = record.encode(turn.settings.version) {
                self.apply(record);
                turn.out.records.push(encoded);
            }
        }
        let interval_ms = if seen.is_some() { STEP_PAUSE_MS } else { turn.settings.remove_expired_interval_ms };
        self.expired = seen;
        self.set_timer(turn, TimerKey::Expired, interval_ms);
    }

    fn set_timer(&mut self, turn: &Turn<'_>, key: TimerKey, after_ms: i32) {
        let after_ms = u64::try_from(after_ms).unwrap_or(0);
        self.timers.set(key, turn.now.tick.after_ms(after_ms).at());
    }
}

impl TransactionalId {
    /// Whether a transaction is under way that takes too long, by either clock: by the wall's, it may have begun before the
    /// broker did; the other one does not go back.
    fn is_timed_out(&self, turn: &Turn<'_>) -> bool {
        let timeout_ms = i64::from(self.logged.timeout_ms);
        // Somebody outside decides how it ends (KIP-939).
        if self.logged.state != TransactionState::Ongoing || self.logged.timeout_ms == i32::MAX {
            return false;
        }
        let lasts_ms = turn.now.tick.as_ms().saturating_sub(self.since.as_ms());
        turn.now.time.ms_since(self.logged.start) > timeout_ms
            || i64::try_from(lasts_ms).unwrap_or(i64::MAX) > timeout_ms
    }

    fn is_expired(&self, turn: &Turn<'_>) -> bool {
        let unused_ms = turn.now.time.ms_since(self.logged.last_update);
        self.logged.state.is_final() && unused_ms >= i64::from(turn.settings.id_expiration_ms)
    }
}

/// Where a pass goes on.
fn after(last: Option<String>) -> Bound<String> {
    last.map_or(Bound::Unbounded, Bound::Excluded)
}
