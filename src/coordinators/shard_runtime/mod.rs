//! One shard at run time: its state or the way to it, who waits for its answers, and what of this turn is to be appended.
//!
//! A turn is what a thread handles at once. Its events are decided one after the other, each seeing the effects of those
//! before; [`ShardRuntime::end_turn`] appends their records and gives out their answers, to be held until all is durable.

mod held;
mod turn;

use std::collections::HashMap;
use std::sync::Arc;

use coordinator::shard::{Outcome, ReplyTo};
use model::{ErrorCode, Offset, Tick};
use storage::error::{AppendError, ReadError};
use storage::producers::{EpochRule, Marker, Verified};
use tracing::{error, info, warn};

pub(super) use self::held::{Effects, Held, Released};
pub(super) use self::turn::stamp;

use self::turn::{Turn, Unfit, in_codec};
use super::handle::{AnswerTo, Asked, Vouched, tell};
use super::loading::Loading;
use super::shard::{Decision, Shard, World};
use crate::metadata::Image;
use crate::partitions::Partition;

/// Deadlines that are handled in one turn; the others come in the next.
const DEADLINES_MAX: usize = 1024;
/// Ms until a shard that could not append is loaded again: there is no room now, and there may be some then.
const RELOAD_PAUSE_MS: u64 = 1000;

/// A shard, its partition, and those who wait.
pub(super) struct ShardRuntime<S: Shard> {
    partition: Arc<Partition>,
    state: State<S>,
    /// Who is to be answered, by the address that the shard knows.
    waiting: HashMap<ReplyTo, AnswerTo<S::Reply>>,
    addresses: u64,
    /// Which shard of this partition it is: one more with each that is loaded.
    life: u64,
    turn: Turn<S>,
    /// Answers and effects of this turn whose records are appended.
    held: Vec<Held<S>>,
    /// What the shard knows rests on the log up to here.
    end: Offset,
}

/// How far a shard is.
enum State<S: Shard> {
    /// Its records are read, from this moment on.
    Loading(Loading<S>, Tick),
    /// It decides.
    Active(S),
    /// Its log failed, or is gone: every request is refused with this.
    Closed(ErrorCode),
}

impl<S: Shard> ShardRuntime<S> {
    /// The shard of a partition, about to be loaded.
    pub(super) fn new(partition: Arc<Partition>, image: &Arc<Image>) -> Self {
        let loading = Loading::new(&partition, Arc::clone(image));
        Self {
            partition,
            state: State::Loading(loading, Tick::default()),
            waiting: HashMap::new(),
            addresses: 0,
            life: 0,
            turn: Turn::default(),
            held: Vec::new(),
            end: Offset::ZERO,
        }
    }

    /// Whether this is the shard of this partition, not of one that has its place now.
    pub(super) fn is_of(&self, partition: &Arc<Partition>) -> bool {
        Arc::ptr_eq(&self.partition, partition)
    }

    /// Takes up what is asked. The answer goes out with the turn, or with a later one.
    pub(super) fn on_asked(&mut self, world: &World<'_, S>, asked: Asked<S>) {
        if self.partition.log().is_offline() {
            self.close(ErrorCode::CoordinatorNotAvailable);
        }
        match (&self.state, asked) {
            (State::Active(_), Asked::Event(event, vouched, answer_to)) => {
                self.on_event(world, (event, vouched), answer_to);
            }
            (State::Active(_), Asked::Marker(marker, rule, answer_to)) => {
                self.on_marker(world, (&marker, rule), answer_to);
            }
            (State::Loading(..), Asked::Event(event, _, answer_to)) => tell(answer_to, S::while_loading(&event)),
            (State::Loading(..), asked) => asked.refuse(ErrorCode::CoordinatorLoadInProgress),
            (State::Closed(code), asked) => asked.refuse(*code),
        }
    }

    fn on_event(
        &mut self,
        world: &World<'_, S>,
        (event, vouched): (S::Event, Option<Vouched>),
        answer_to: AnswerTo<S::Reply>,
    ) {
        let State::Active(shard) = &mut self.state else { return };
        if shard.is_damaged(&event) {
            return tell(answer_to, Err(ErrorCode::UnknownServerError));
        }
        // Nobody else appends here: what is vouched for now still is when the turn ends.
        if let Some(vouched) = vouched
            && let Err(error) = self.partition.log().check_verified(&stamp(vouched.producer), vouched.verified)
        {
            return tell(answer_to, Err(ErrorCode::from(&error)));
        }
        self.addresses += 1;
        let reply_to = ReplyTo(self.addresses);
        self.waiting.insert(reply_to, answer_to);
        let decision = shard.on_event(world, event, reply_to);
        self.settle_verified(world, decision, vouched.map(|vouched| vouched.verified));
    }

    /// Something was done that the shard of this life had decided. Another one decides it again if it must be.
    pub(super) fn on_report(&mut self, world: &World<'_, S>, life: u64, report: S::Report) {
        let State::Active(shard) = &mut self.state else { return };
        if life != self.life {
            return;
        }
        let decision = shard.on_report(world, report);
        self.settle(world, decision);
    }

    /// Ends a transaction in this partition, as far as it has one of this producer.
    fn on_marker(&mut self, world: &World<'_, S>, (marker, rule): (&Marker, EpochRule), answer_to: AnswerTo<()>) {
        // What was decided before belongs before it.
        self.append(world);
        if !matches!(self.state, State::Active(_)) {
            return tell(answer_to, Err(ErrorCode::CoordinatorLoadInProgress));
        }
        match self.partition.append_marker(marker, rule, world.now.time) {
            Ok(placed) => {
                self.end = placed.last_offset.checked_add(1).unwrap_or(placed.last_offset);
                if let State::Active(shard) = &mut self.state {
                    shard.replay_marker(marker);
                }
                self.held.push(Held { markers: vec![answer_to], ..self.nothing_held() });
            }
            Err(error) => tell(answer_to, Err(ErrorCode::from(&error))),
        }
    }

    /// Tells an active shard what came, went or changed. One that is loading compares when it is loaded.
    pub(super) fn on_changes(&mut self, world: &World<'_, S>, before: &Image) {
        let State::Active(shard) = &mut self.state else { return };
        if let Some(decision) = shard.on_changes(world, before) {
            self.settle(world, decision);
        }
    }

    /// Handles the deadlines that have come.
    pub(super) fn on_time(&mut self, world: &World<'_, S>) {
        for _ in 0..DEADLINES_MAX {
            let State::Active(shard) = &mut self.state else { return };
            if shard.next_deadline().is_none_or(|due| due > world.now.tick) {
                return;
            }
            let decision = shard.on_time(world);
            self.settle(world, decision);
        }
    }

    /// When there is something to do though nobody asks.
    pub(super) fn next_deadline(&self) -> Option<Tick> {
        match &self.state {
            State::Active(shard) => shard.next_deadline(),
            State::Loading(_, from) => Some(*from),
            State::Closed(_) => None,
        }
    }

    /// Goes on with loading, if that is what the shard is at.
    pub(super) fn load_some(&mut self, world: &World<'_, S>) {
        let State::Loading(loading, from) = &mut self.state else { return };
        if *from > world.now.tick {
            return;
        }
        match loading.step(self.partition.log()) {
            Ok(None) => {}
            Ok(Some(loaded)) => {
                info!(
                    of = S::WHAT, partition = %self.partition.log().topic_partition(), records = loaded.records,
                    damaged = loaded.damaged, "coordinator loaded"
                );
                self.end = loaded.end;
                self.begin(world, loaded.shard, &loaded.image);
            }
            Err(ReadError::Io(error)) => {
                warn!(partition = %self.partition.log().topic_partition(), %error, of = S::WHAT, "cannot be loaded now");
                self.load_again(world, RELOAD_PAUSE_MS);
            }
            Err(error @ (ReadError::Offline | ReadError::OutOfRange { .. } | ReadError::Damaged { .. })) => {
                error!(partition = %self.partition.log().topic_partition(), %error, of = S::WHAT, "cannot be loaded");
                self.close(ErrorCode::CoordinatorNotAvailable);
            }
        }
    }

    fn begin(&mut self, world: &World<'_, S>, mut shard: S, before: &Image) {
        let decision = shard.loaded(world);
        self.state = State::Active(shard);
        self.settle(world, decision);
        self.on_changes(world, before);
    }

    /// Takes a decision into the turn. If it cannot be, it did not happen.
    fn settle(&mut self, world: &World<'_, S>, decision: Decision<S>) {
        self.settle_verified(world, decision, None);
    }

    fn settle_verified(&mut self, world: &World<'_, S>, decision: Decision<S>, verified: Option<Verified>) {
        let Outcome { records, transaction, replies, mut effects } = decision;
        let verified = verified.unwrap_or(Verified::ByOpenTransaction);
        let records = (records.as_slice(), transaction.map(|producer| Vouched { producer, verified }));
        match self.turn.add(records, world.now.time, &self.partition.config()) {
            Ok(()) => {}
            Err(Unfit::Now) => {
                self.append(world);
                // Not if the append failed, which has dropped the shard and answered everybody.
                if let State::Active(_) = self.state
                    && self.turn.add(records, world.now.time, &self.partition.config()).is_err()
                {
                    self.refuse_too_large(world, replies);
                    return;
                }
            }
            Err(Unfit::Ever) => {
                self.append(world);
                self.refuse_too_large(world, replies);
                return;
            }
        }
        for (reply_to, reply) in replies {
            if let Some(answer_to) = self.waiting.remove(&reply_to) {
                self.turn.replies.push((answer_to, reply));
            }
        }
        if let State::Active(_) = self.state {
            self.turn.effects.append(&mut effects);
        }
    }

    /// No batch takes what was decided: the state that has it already goes, and with it whoever waits.
    fn refuse_too_large(&mut self, world: &World<'_, S>, replies: Vec<(ReplyTo, S::Reply)>) {
        let State::Active(_) = self.state else { return };
        warn!(
            partition = %self.partition.log().topic_partition(),
            "an event was refused: its records do not fit the largest batch; the shard is loaded again"
        );
        for (reply_to, _) in replies {
            if let Some(answer_to) = self.waiting.remove(&reply_to) {
                tell(answer_to, Err(ErrorCode::UnknownServerError));
            }
        }
        self.load_again(world, 0);
    }

    /// Ends the turn: its records are appended, its answers given to `held`.
    pub(super) fn end_turn(&mut self, world: &World<'_, S>, held: &mut Vec<Held<S>>) {
        self.append(world);
        held.append(&mut self.held);
    }

    /// Appends what there is of the turn. Its answers rest on that, and on all that was appended before.
    fn append(&mut self, world: &World<'_, S>) {
        if let Some((batch, verified)) = self.turn.take_batch() {
            let checked = in_codec(&batch, S::limits(&world.image.broker).compression, &self.partition.config());
            match self.partition.append(&checked, verified, world.now.time) {
                Ok(storage::Appended::Written(placed) | storage::Appended::Duplicate(placed)) => {
                    self.end = placed.last_offset.checked_add(1).unwrap_or(placed.last_offset);
                }
                Err(error) => return self.on_refused_append(world, &error),
            }
        }
        let Turn { replies, effects, .. } = std::mem::take(&mut self.turn);
        if !replies.is_empty() || !effects.is_empty() {
            let effects = Effects { decided: effects, ..self.no_effects() };
            self.held.push(Held { replies, effects, ..self.nothing_held() });
        }
    }

    fn no_effects(&self) -> Effects<S> {
        Effects { partition: Arc::clone(&self.partition), life: self.life, decided: Vec::new() }
    }

    fn nothing_held(&self) -> Held<S> {
        Held {
            partition: Arc::clone(&self.partition),
            end: self.end,
            replies: Vec::new(),
            markers: Vec::new(),
            effects: self.no_effects(),
        }
    }

    fn on_refused_append(&mut self, world: &World<'_, S>, error: &AppendError) {
        let partition = self.partition.log().topic_partition();
        if self.partition.log().is_offline() || self.partition.is_retired() {
            error!(%partition, %error, of = S::WHAT, "their log failed; they are refused until the broker is started again");
            self.close(ErrorCode::CoordinatorNotAvailable);
        } else {
            warn!(%partition, %error, of = S::WHAT, "changes were refused; the shard is loaded again");
            self.load_again(world, RELOAD_PAUSE_MS);
        }
    }

    /// Drops the state, which holds what was not appended, and begins anew in `pause_ms`.
    fn load_again(&mut self, world: &World<'_, S>, pause_ms: u64) {
        self.refuse_all(ErrorCode::CoordinatorNotAvailable);
        self.life += 1;
        let loading = Loading::new(&self.partition, Arc::clone(world.image));
        self.state = State::Loading(loading, world.now.tick.after_ms(pause_ms).at());
    }

    /// Refuses everybody, from now on.
    pub(super) fn close(&mut self, code: ErrorCode) {
        self.refuse_all(code);
        self.state = State::Closed(code);
    }

    /// Refuses whoever waits. What was appended before is still answered when it is durable.
    fn refuse_all(&mut self, code: ErrorCode) {
        let undone = std::mem::take(&mut self.turn).replies.into_iter().map(|(answer_to, _)| answer_to);
        for answer_to in undone.chain(self.waiting.drain().map(|(_, answer_to)| answer_to)) {
            tell(answer_to, Err(code));
        }
    }
}
