//! The transactions of one partition of `__transaction_state`.
//!
//! Owns: which transactional ids there are, who their producer is, and how their transactions end. `init` is how producers
//! begin, `add` what transactions take in, `end` how they end, `markers` the way from a decided end to a complete one,
//! `timeouts` what happens when nobody asks, `directory` describes and lists.
//!
//! Does not know: what is in the partitions that a transaction wrote to. It asks its runtime to write markers there, and the
//! runtime reports what became of them. As long as a transaction is to end and a marker is missing, it is asked for again:
//! after a report of failure, and after each load.

mod add;
mod context;
mod directory;
mod end;
pub mod event;
mod init;
mod markers;
mod partitions;
mod pattern;
mod record;
mod settings;
mod state;
mod steps;
#[cfg(test)]
mod tests;
mod timeouts;
mod version;

use std::collections::{BTreeMap, BTreeSet};

use model::{ErrorCode, LeaderEpoch, ProducerEpoch, ProducerId, Tick};

pub use context::TransactionContext;
pub use directory::{CountInState, TransactionCounts};
pub use event::{TransactionEffect, TransactionEvent, TransactionReply};
pub use partitions::Partitions;
pub use pattern::TransactionalIdPattern;
pub use record::TransactionRecord;
pub use settings::TransactionSettings;
pub use state::{StateFilter, TransactionState};
pub use steps::Transaction;
pub use version::TransactionVersion;

use self::event::{MarkersWritten, Waiting, WaitingForId};
use crate::shard::{Now, Outcome, ReplayError, ReplyTo};
use crate::timers::Timers;

/// What a transactions' shard decided.
pub type TransactionOutcome = Outcome<TransactionReply, TransactionEffect>;

/// The transactions of one partition. Everything in it follows from the partition's records, but for which markers are written
/// already, since when a state lasts by the monotonic clock, and the epoch before the present one: those are lost with the
/// process, as in Kafka.
#[derive(Debug)]
pub struct TransactionShard {
    coordinator_epoch: LeaderEpoch,
    ids: BTreeMap<String, TransactionalId>,
    /// The transactional ids whose state is not final.
    open: BTreeSet<String>,
    timers: Timers<TimerKey>,
    /// The ends of transactions that were seen: each has a number.
    endings: u64,
    timed_out: Pass,
    expired: Pass,
    /// Transactional ids with a record that cannot be replayed, and why: every request for them is refused.
    damaged: BTreeMap<String, String>,
}

/// A transactional id.
#[derive(Debug)]
struct TransactionalId {
    /// What the log holds of it.
    logged: Transaction,
    /// The epoch before the present one, if the producer got the present one when it named that: it may ask again.
    last_epoch: Option<ProducerEpoch>,
    /// Since when the state lasts; of a transaction that is under way, since when it is.
    since: Tick,
    /// The number of the end that the transaction came to, or that is being written.
    ending: u64,
    /// While the transaction ends: where its marker is not written yet.
    unmarked: Partitions,
    /// Whether those were asked for.
    is_asked: bool,
    /// Those of them that were reported to have failed.
    failed: Partitions,
}

/// What a deadline is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum TimerKey {
    /// When transactions are looked for that take too long.
    TimedOut,
    /// When transactional ids are looked for that nobody used for long.
    Expired,
    /// When the markers of this transactional id are asked for, again or after a load.
    Markers(String),
}

/// A pass over transactional ids, in steps: the one that was looked at last.
type Pass = Option<String>;

/// What one event, report or deadline goes by, and what is decided.
struct Turn<'a> {
    now: Now,
    settings: &'a TransactionSettings,
    /// A producer id that nobody ever had, if one was asked for.
    fresh: Option<ProducerId>,
    out: TransactionOutcome,
}

impl<'a> Turn<'a> {
    fn new(context: &TransactionContext<'a>) -> Self {
        Self { now: context.now, settings: context.settings, fresh: None, out: TransactionOutcome::default() }
    }
}

/// Why nothing was decided.
#[derive(Debug)]
enum Undecided {
    /// It must not be.
    Refused(ErrorCode),
    /// It takes a producer id that nobody ever had.
    NeedsId,
}

impl From<ErrorCode> for Undecided {
    fn from(code: ErrorCode) -> Self {
        Self::Refused(code)
    }
}

impl TransactionShard {
    /// A shard without transactional ids. Replay its partition's records, then call [`Self::loaded`]. Its epoch is higher than
    /// that of each shard of this partition before it: partitions refuse markers of an older one.
    #[must_use]
    pub fn new(coordinator_epoch: LeaderEpoch) -> Self {
        Self {
            coordinator_epoch,
            ids: BTreeMap::new(),
            open: BTreeSet::new(),
            timers: Timers::default(),
            endings: 0,
            timed_out: None,
            expired: None,
            damaged: BTreeMap::new(),
        }
    }

    /// All records were replayed: timers start, and every transaction that is to end asks for its markers again, soon.
    pub fn loaded(&mut self, context: &TransactionContext<'_>) {
        let now = context.now.tick;
        for id in &self.open {
            let Some(transactional) = self.ids.get_mut(id) else { continue };
            transactional.since = now;
            if transactional.logged.ending().is_some() {
                self.timers.set(TimerKey::Markers(id.clone()), now);
            }
        }
        self.start_passes(&Turn::new(context));
    }

    /// Handles a request. Its reply, if it does not wait for a producer id, is in the outcome.
    pub fn on_event(
        &mut self,
        context: &TransactionContext<'_>,
        event: TransactionEvent,
        reply_to: ReplyTo,
    ) -> TransactionOutcome {
        let mut turn = Turn::new(context);
        self.handle(&mut turn, event, reply_to);
        turn.out
    }

    /// Goes on with what waited for a producer id: one that nobody ever had, and that is given to no other. If it is not
    /// needed any more, nobody will ever have it.
    pub fn on_producer_id(
        &mut self,
        context: &TransactionContext<'_>,
        waiting: WaitingForId,
        fresh: ProducerId,
    ) -> TransactionOutcome {
        let mut turn = Turn { fresh: Some(fresh), ..Turn::new(context) };
        match waiting.0 {
            Waiting::Request(event, reply_to) => self.handle(&mut turn, event, reply_to),
            Waiting::Abort(id, producer) => self.abort_timed_out(&mut turn, &id, producer),
        }
        turn.out
    }

    /// Takes note of what became of markers. A report about markers that nobody waits for changes nothing.
    pub fn on_markers_written(
        &mut self,
        context: &TransactionContext<'_>,
        written: &MarkersWritten,
    ) -> TransactionOutcome {
        let mut turn = Turn::new(context);
        self.markers_written(&mut turn, written);
        turn.out
    }

    /// Handles one deadline that has come. To be called until [`Self::next_deadline`] lies ahead; each outcome is appended
    /// before the next.
    pub fn on_time(&mut self, context: &TransactionContext<'_>) -> TransactionOutcome {
        let mut turn = Turn::new(context);
        match self.timers.pop_due(context.now.tick) {
            Some(TimerKey::TimedOut) => self.look_for_timed_out(&mut turn),
            Some(TimerKey::Expired) => self.look_for_expired(&mut turn),
            Some(TimerKey::Markers(id)) => self.ask_for_markers(&mut turn, &id),
            None => {}
        }
        turn.out
    }

    /// When [`Self::on_time`] is due.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Tick> {
        self.timers.next()
    }

    /// Replays a record of the log. An error concerns one transactional id, which is refused from then on, unless a later
    /// record says all that is to be known of it; the rest is served.
    ///
    /// # Errors
    /// [`ReplayError`]: the record is damaged.
    pub fn replay(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), ReplayError> {
        match TransactionRecord::decode(key, value) {
            Ok(Some(record)) => {
                self.damaged.remove(&record.transactional_id);
                self.apply(record);
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(error) => {
                if let Some(id) = &error.id {
                    self.damaged.insert(id.clone(), error.problem.clone());
                }
                Err(error)
            }
        }
    }

    /// Why this transactional id is refused: its last record cannot be replayed.
    #[must_use]
    pub fn damage_of(&self, transactional_id: &str) -> Option<&str> {
        self.damaged.get(transactional_id).map(String::as_str)
    }

    /// Refuses the transactional id that a record belongs to: the bytes of its batch are not those that were written. Returns
    /// the id, if it can be read.
    pub fn distrust(&mut self, key: &[u8], problem: &str) -> Option<String> {
        let id = TransactionRecord::id_of(key).ok().flatten()?;
        self.damaged.insert(id.clone(), problem.to_owned());
        Some(id)
    }

    /// What the log holds of a transactional id.
    #[must_use]
    pub fn get(&self, transactional_id: &str) -> Option<&Transaction> {
        self.ids.get(transactional_id).map(|transactional| &transactional.logged)
    }

    fn handle(&mut self, turn: &mut Turn<'_>, event: TransactionEvent, reply_to: ReplyTo) {
        let reply = match &event {
            TransactionEvent::InitProducerId(request) => {
                replied(self.init_producer_id(turn, request)).map(TransactionReply::InitProducerId)
            }
            TransactionEvent::AddPartitions(request) => {
                Some(TransactionReply::AddPartitions(self.add_partitions(turn, request)))
            }
            TransactionEvent::VerifyPartitions(request) => {
                Some(TransactionReply::VerifyPartitions(self.verify_partitions(request)))
            }
            TransactionEvent::EndTxn(request) => replied(self.end_txn(turn, request)).map(TransactionReply::EndTxn),
            TransactionEvent::DescribeTransaction(request) => {
                Some(TransactionReply::DescribeTransaction(self.describe_transaction(request)))
            }
            TransactionEvent::ListTransactions(request) => {
                Some(TransactionReply::ListTransactions(self.list_transactions(turn.now, request)))
            }
            TransactionEvent::CountTransactions => {
                Some(TransactionReply::CountTransactions(self.count_transactions(turn.now)))
            }
        };
        match reply {
            Some(reply) => turn.out.replies.push((reply_to, reply)),
            None => turn.out.effects.push(need_id(Waiting::Request(event, reply_to))),
        }
    }

    /// Makes a step of a transactional id part of the state and of the outcome.
    ///
    /// # Errors
    /// `POLICY_VIOLATION` if the log has no room for a transaction as large as that; one that is there can always end.
    fn accept(
        &mut self,
        turn: &mut Turn<'_>,
        id: &str,
        step: Transaction,
        last_epoch: Option<ProducerEpoch>,
    ) -> Result<(), ErrorCode> {
        let version = turn.settings.version;
        let grows = step.state == TransactionState::Ongoing;
        let record = TransactionRecord { transactional_id: id.to_owned(), transaction: Some(step.kept_by(version)) };
        let encoded = record.encode(version).map_err(|_| ErrorCode::InvalidRequest)?;
        let bytes = encoded.key.len() + encoded.value.as_ref().map_or(0, Vec::len);
        if grows && bytes + ROOM_TO_END > turn.settings.record_bytes_max {
            return Err(ErrorCode::PolicyViolation);
        }
        let goes_on = grows && self.get(id).is_some_and(|before| before.state == TransactionState::Ongoing);
        let since = self.ids.get(id).map(|transactional| transactional.since);
        self.apply(record);
        if let Some(transactional) = self.ids.get_mut(id) {
            transactional.last_epoch = last_epoch;
            transactional.since = since.filter(|_| goes_on).unwrap_or(turn.now.tick);
        }
        turn.out.records.push(encoded);
        Ok(())
    }

    /// The one way to change what the log holds.
    fn apply(&mut self, record: TransactionRecord) {
        let TransactionRecord { transactional_id: id, transaction } = record;
        self.timers.cancel(&TimerKey::Markers(id.clone()));
        let Some(logged) = transaction else {
            self.open.remove(&id);
            self.ids.remove(&id);
            return;
        };
        if logged.state.is_final() {
            self.open.remove(&id);
        } else {
            self.open.insert(id.clone());
        }
        let (last_epoch, since, is_asked, failed) = (None, Tick::default(), false, Partitions::default());
        let mut unmarked = Partitions::default();
        if logged.ending().is_some() {
            self.endings += 1;
            unmarked = logged.partitions.clone();
        }
        let ending = self.endings;
        self.ids.insert(id, TransactionalId { logged, last_epoch, since, ending, unmarked, is_asked, failed });
    }
}

/// Bytes that a batch needs beside the key and value of a transaction that is under way, until it has ended: its header, the
/// record's own fields, and the ids that the end of a transaction adds.
const ROOM_TO_END: usize = 61 + 32 + 64;

/// What is answered; `None` if a producer id is needed first.
fn replied<T>(decided: Result<T, Undecided>) -> Option<Result<T, ErrorCode>> {
    match decided {
        Ok(value) => Some(Ok(value)),
        Err(Undecided::Refused(code)) => Some(Err(code)),
        Err(Undecided::NeedsId) => None,
    }
}

fn need_id(waiting: Waiting) -> TransactionEffect {
    TransactionEffect::NeedProducerId(WaitingForId(waiting))
}
