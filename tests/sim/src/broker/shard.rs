//! A shard at run time: loads it, has it decide, appends what it decided, and holds answers until they are durable. The steps of
//! `src/coordinators/shard_runtime`; each event is a turn of its own.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use coordinator::shard::{Outcome, Producer, ReplayError, ReplyTo};
use model::{ErrorCode, Offset, ProducerEpoch, ProducerId, Tick};
use storage::ReadSpec;
use storage::batch::{BatchBuilder, BatchView, CheckedBatch, DecompressionLimits, NewRecord, ProducerBatch};
use storage::producers::{EpochRule, Marker, Verified};

use super::Broker;
use super::partition::Partition;
use crate::bugs::Bug;
use crate::executor::Owner;
use crate::plan::OFFSETS;
use crate::signal::{Bell, Slot};
use crate::world::Sim;

/// The largest record of a shard.
const RECORD_BYTES_MAX: u32 = 1 << 20;
/// Microseconds until a shard that could not append is loaded again.
const RELOAD_PAUSE_US: u64 = 100_000;

/// A kind of shard.
pub(super) trait Machine: Sized + 'static {
    type Event;
    type Reply: 'static;
    type Effect: 'static;
    type Report: 'static;

    /// A shard of nothing, in this life of the broker.
    fn new(life: u64) -> Self;
    fn replay(&mut self, key: &[u8], value: Option<&[u8]>, producer: Option<Producer>) -> Result<(), ReplayError>;
    /// Follows a marker in its partition, which ends a transaction.
    fn replay_marker(&mut self, sim: &Sim, marker: &Marker);
    fn loaded(&mut self, sim: &Sim) -> Decision<Self>;
    fn on_event(&mut self, sim: &Sim, event: Self::Event, reply_to: ReplyTo) -> Decision<Self>;
    fn on_time(&mut self, sim: &Sim) -> Decision<Self>;
    fn next_deadline(&self) -> Option<Tick>;
    /// Does what was decided.
    fn perform(broker: Rc<Broker>, effect: Self::Effect) -> impl Future<Output = Self::Report>;
    /// Takes note of what came of it.
    fn on_report(&mut self, sim: &Sim, report: Self::Report) -> Decision<Self>;
}

pub(super) type Decision<M> = Outcome<<M as Machine>::Reply, <M as Machine>::Effect>;

/// Where an answer is left.
pub(super) type Answer<R> = Slot<Result<R, ErrorCode>>;

enum State<M> {
    Loading,
    Active(Box<M>),
    Closed,
}

pub(super) struct ShardRuntime<M: Machine> {
    sim: Sim,
    partition: Rc<Partition>,
    state: RefCell<State<M>>,
    waiting: RefCell<BTreeMap<ReplyTo, Answer<M::Reply>>>,
    addresses: Cell<u64>,
    /// What the shard knows rests on the log up to here.
    end: Cell<Offset>,
    /// How often it was loaded: reports to an earlier shard are not for this one.
    loads: Cell<u64>,
    changed: Bell,
}

impl<M: Machine> ShardRuntime<M> {
    pub(super) fn new(sim: &Sim, partition: &Rc<Partition>) -> Rc<Self> {
        Rc::new(Self {
            sim: Rc::clone(sim),
            partition: Rc::clone(partition),
            state: RefCell::new(State::Loading),
            waiting: RefCell::default(),
            addresses: Cell::new(0),
            end: Cell::new(Offset::ZERO),
            loads: Cell::new(0),
            changed: Bell::default(),
        })
    }

    /// Has an event decided; the answer comes when it is durable.
    pub(super) fn ask(self: &Rc<Self>, event: M::Event) -> Answer<M::Reply> {
        self.ask_verified(event, None)
    }

    /// As [`Self::ask`], in a transaction; what is vouched for is judged when the event is decided.
    pub(super) fn ask_verified(
        self: &Rc<Self>,
        event: M::Event,
        vouched: Option<(Producer, Verified)>,
    ) -> Answer<M::Reply> {
        let answer = Slot::new();
        if self.partition.log.is_offline() {
            self.close();
        }
        let outcome = match &mut *self.state.borrow_mut() {
            State::Loading => {
                answer.put(Err(ErrorCode::CoordinatorLoadInProgress));
                return answer;
            }
            State::Closed => {
                answer.put(Err(ErrorCode::CoordinatorNotAvailable));
                return answer;
            }
            State::Active(shard) => {
                if let Some((producer, verified)) = vouched
                    && let Err(error) = self.partition.log.check_verified(&stamp(producer), verified)
                {
                    answer.put(Err(ErrorCode::from(&error)));
                    return answer;
                }
                self.addresses.set(self.addresses.get() + 1);
                let reply_to = ReplyTo(self.addresses.get());
                self.waiting.borrow_mut().insert(reply_to, answer.clone());
                shard.on_event(&self.sim, event, reply_to)
            }
        };
        self.settle(outcome, vouched.map(|(_, verified)| verified));
        answer
    }

    /// Ends a transaction in this partition: writes its marker, follows it, and answers when it is durable.
    ///
    /// # Errors
    /// The log's, or that the shard is not there now.
    pub(super) async fn end_transaction(&self, marker: &Marker, rule: EpochRule) -> Result<(), ErrorCode> {
        let now = self.sim.now().time;
        let end = match &mut *self.state.borrow_mut() {
            State::Active(shard) => {
                let end = self.partition.append_marker(marker, rule, now).map_err(|error| ErrorCode::from(&error))?;
                shard.replay_marker(&self.sim, marker);
                end
            }
            State::Loading => return Err(ErrorCode::CoordinatorLoadInProgress),
            State::Closed => return Err(ErrorCode::CoordinatorNotAvailable),
        };
        self.end.set(end);
        self.changed.ring();
        self.partition.committed(end).await.map_err(|_| ErrorCode::CoordinatorNotAvailable)
    }

    /// Its partition of the topic.
    pub(super) fn partition(&self) -> &Rc<Partition> {
        &self.partition
    }

    /// What the shard says to a question that changes nothing; `None` while there is none.
    pub(super) fn look<T>(&self, look: impl FnOnce(&M) -> T) -> Option<T> {
        match &*self.state.borrow() {
            State::Active(shard) => Some(look(shard)),
            State::Loading | State::Closed => None,
        }
    }

    /// What the shard replies to an event that must change nothing; `None` while there is none.
    pub(super) fn probe(&self, event: M::Event) -> Option<Vec<M::Reply>> {
        match &mut *self.state.borrow_mut() {
            State::Active(shard) => Some(replies(&self.sim, shard.as_mut(), event)),
            State::Loading | State::Closed => None,
        }
    }

    /// Loads the shard, and meets its deadlines.
    pub(super) async fn run(self: Rc<Self>) {
        loop {
            let next = match &*self.state.borrow() {
                State::Loading => None,
                State::Active(shard) => Some(shard.next_deadline().map(|tick| tick.as_ms() * 1_000)),
                State::Closed => return,
            };
            match next {
                None => {
                    self.sim.pause(100, 20_000).await;
                    self.load();
                }
                Some(None) => self.changed.wait().await,
                Some(Some(due_us)) if due_us > self.sim.executor.now_us() => {
                    let left_us = due_us - self.sim.executor.now_us();
                    self.sim.within(left_us, self.changed.wait()).await;
                }
                Some(Some(_)) => self.act(M::on_time),
            }
        }
    }

    fn act(self: &Rc<Self>, act: impl FnOnce(&mut M, &Sim) -> Decision<M>) {
        let outcome = match &mut *self.state.borrow_mut() {
            State::Active(shard) => act(shard, &self.sim),
            State::Loading | State::Closed => return,
        };
        self.settle(outcome, None);
    }

    fn load(self: &Rc<Self>) {
        let end = self.partition.log.log_end_offset();
        let Some(shard) = self.replayed() else { return self.close() };
        self.end.set(end);
        self.loads.set(self.loads.get() + 1);
        *self.state.borrow_mut() = State::Active(Box::new(shard));
        self.sim.count("shards loaded");
        self.act(M::loaded);
    }

    /// The shard that the partition's records give; `None` if the log cannot be read.
    pub(super) fn replayed(&self) -> Option<M> {
        let log = &self.partition.log;
        let (from, upto) = (log.log_start_offset(), log.log_end_offset());
        let slice = log.read(ReadSpec { from, upto, max_bytes: u32::MAX, at_least_one_batch: true });
        let bytes = slice.ok()?.read_to_vec().ok()?;
        let mut shard = M::new(self.sim.life() + 1);
        let mut rest = bytes.as_slice();
        while let Ok(batch) = BatchView::parse(rest) {
            rest = rest.get(batch.size()..).unwrap_or_default();
            if batch.header().attributes.is_control() {
                if let Some(marker) = Marker::of_stored(&batch) {
                    shard.replay_marker(&self.sim, &marker);
                }
                continue;
            }
            let producer = producer_of(&batch);
            let mut records = batch.records(DecompressionLimits::bytes(RECORD_BYTES_MAX));
            while let Ok(Some(record)) = records.next_record() {
                let key = record.record.key.unwrap_or_default();
                if let Err(error) = shard.replay(key, record.record.value, producer) {
                    self.sim.wrong(format!("replay: {} at {}: {error}", log.topic_partition(), record.offset));
                }
            }
        }
        Some(shard)
    }

    /// Appends what was decided, and lets the answers go when it is durable.
    fn settle(self: &Rc<Self>, outcome: Decision<M>, verified: Option<Verified>) {
        let Outcome { mut records, transaction, replies, effects } = outcome;
        let is_of_groups = self.partition.log.topic_partition().topic.as_str() == OFFSETS;
        if is_of_groups && self.sim.has(Bug::AGroupsRecordIsForgotten) && self.sim.choose(|random| random.one_in(50)) {
            records.pop();
        }
        let now = self.sim.now().time;
        let records: Vec<NewRecord<'_>> = records
            .iter()
            .map(|record| NewRecord {
                timestamp: now,
                key: Some(&record.key),
                value: record.value.as_deref(),
                ..NewRecord::default()
            })
            .collect();
        if !records.is_empty() {
            let batch = batch_of(&records).map(|batch| match transaction {
                Some(producer) => batch.with_producer(stamp(producer)).build(),
                None => batch.build(),
            });
            let verified = verified.unwrap_or(Verified::ByOpenTransaction);
            let append = |batch: &CheckedBatch<'_>| self.partition.append_verified(batch, verified, now);
            if batch.is_none_or(|batch| append(&batch.checked()).is_err()) {
                return self.load_again();
            }
            self.end.set(self.partition.log.log_end_offset());
        }
        self.changed.ring();
        let mut waiting = self.waiting.borrow_mut();
        let held = replies.into_iter().filter_map(|(reply_to, reply)| Some((waiting.remove(&reply_to)?, reply)));
        let held: Vec<(Answer<M::Reply>, M::Reply)> = held.collect();
        drop(waiting);
        if !held.is_empty() || !effects.is_empty() {
            self.sim.spawn(Owner::Broker, Rc::clone(self).release(held, effects));
        }
    }

    /// Waits until everything is durable; then answers, and does what was decided.
    async fn release(self: Rc<Self>, held: Vec<(Answer<M::Reply>, M::Reply)>, effects: Vec<M::Effect>) {
        let is_told_now = self.sim.has(Bug::CommitsInMemory);
        let durable = if is_told_now { Ok(()) } else { self.partition.committed(self.end.get()).await };
        if durable.is_err() {
            self.close();
        }
        for (answer, reply) in held {
            answer.put(durable.map(|()| reply).map_err(|_| ErrorCode::CoordinatorNotAvailable));
        }
        let Some(broker) = self.sim.broker().filter(|_| durable.is_ok()) else { return };
        for effect in effects {
            let (runtime, broker, load) = (Rc::clone(&self), Rc::clone(&broker), self.loads.get());
            self.sim.spawn(Owner::Broker, async move {
                let report = M::perform(broker, effect).await;
                if runtime.loads.get() == load {
                    runtime.act(|shard, sim| shard.on_report(sim, report));
                }
            });
        }
    }

    /// An append was refused: what was decided since must not be known any more.
    fn load_again(self: &Rc<Self>) {
        self.refuse_all();
        if self.partition.log.is_offline() {
            return self.close();
        }
        *self.state.borrow_mut() = State::Closed;
        self.loads.set(self.loads.get() + 1);
        self.sim.count("shards loaded again");
        let runtime = Rc::clone(self);
        self.sim.spawn(Owner::Broker, async move {
            runtime.sim.sleep(RELOAD_PAUSE_US).await;
            *runtime.state.borrow_mut() = State::Loading;
            runtime.run().await;
        });
        self.changed.ring();
    }

    fn close(&self) {
        self.refuse_all();
        *self.state.borrow_mut() = State::Closed;
        self.changed.ring();
    }

    fn refuse_all(&self) {
        for answer in self.waiting.take().into_values() {
            answer.put(Err(ErrorCode::CoordinatorNotAvailable));
        }
    }
}

/// What a shard replies to an event that must change nothing.
pub(super) fn replies<M: Machine>(sim: &Sim, shard: &mut M, event: M::Event) -> Vec<M::Reply> {
    // An address that nobody who waits has: those begin at 1.
    let decision = shard.on_event(sim, event, ReplyTo(0));
    if !decision.records.is_empty() || !decision.effects.is_empty() {
        sim.wrong("replay: a question has changed a shard".to_owned());
    }
    decision.replies.into_iter().map(|(_, reply)| reply).collect()
}

/// One batch of these records; `None` if they do not fit.
fn batch_of(records: &[NewRecord<'_>]) -> Option<BatchBuilder> {
    let (first, others) = records.split_first()?;
    let mut batch = BatchBuilder::new(*first).ok()?;
    for record in others {
        batch.push(*record).ok()?;
    }
    Some(batch)
}

/// A producer's stamp on a batch that is written in its name: without a sequence, because nobody repeats it.
pub(super) const fn stamp(producer: Producer) -> ProducerBatch {
    let Producer { id, epoch } = producer;
    ProducerBatch { id, epoch, base_sequence: None, record_count: 0, is_transactional: true }
}

/// Whose transaction a batch belongs to, if to one.
fn producer_of(batch: &BatchView<'_>) -> Option<Producer> {
    let header = batch.header();
    if !header.attributes.is_transactional() {
        return None;
    }
    Some(Producer { id: ProducerId::new(header.producer_id)?, epoch: ProducerEpoch::new(header.producer_epoch)? })
}
