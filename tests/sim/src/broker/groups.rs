//! One shard of groups at run time: loads it, has it decide, appends, and holds answers until they are durable. The steps of
//! `src/coordinators/shard_runtime`; each event is a turn of its own.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use coordinator::group::{Context, GroupEvent, GroupOutcome, GroupReply, GroupSettings, GroupShard, Topics};
use coordinator::shard::ReplyTo;
use model::{ErrorCode, Offset, TopicId};
use storage::ReadSpec;
use storage::batch::{BatchBuilder, BatchView, NewRecord};

use super::partition::Partition;
use crate::bugs::Bug;
use crate::executor::Owner;
use crate::plan::Plan;
use crate::signal::{Bell, Slot};
use crate::world::Sim;

/// The largest record of a group.
const RECORD_BYTES_MAX: u32 = 1 << 20;
/// Microseconds until a shard that could not append is loaded again.
const RELOAD_PAUSE_US: u64 = 100_000;

/// Where an answer is left.
pub(super) type Answer = Slot<Result<GroupReply, ErrorCode>>;

enum State {
    Loading,
    Active(Box<GroupShard>),
    Closed,
}

pub(super) struct GroupRuntime {
    sim: Sim,
    partition: Rc<Partition>,
    settings: GroupSettings,
    state: RefCell<State>,
    waiting: RefCell<BTreeMap<ReplyTo, Answer>>,
    addresses: Cell<u64>,
    /// What the shard knows rests on the log up to here.
    end: Cell<Offset>,
    changed: Bell,
}

impl GroupRuntime {
    pub(super) fn new(sim: &Sim, partition: &Rc<Partition>) -> Rc<Self> {
        Rc::new(Self {
            sim: Rc::clone(sim),
            partition: Rc::clone(partition),
            settings: GroupSettings::default(),
            state: RefCell::new(State::Loading),
            waiting: RefCell::default(),
            addresses: Cell::new(0),
            end: Cell::new(Offset::ZERO),
            changed: Bell::default(),
        })
    }

    /// Has an event decided; the answer comes when it is durable.
    pub(super) fn ask(self: &Rc<Self>, event: GroupEvent) -> Answer {
        let answer = Slot::new();
        if self.partition.log.is_offline() {
            self.close();
        }
        self.addresses.set(self.addresses.get() + 1);
        let reply_to = ReplyTo(self.addresses.get());
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
                let topics = PlannedTopics(&self.sim.plan);
                let context = Context { now: self.sim.now(), settings: &self.settings, topics: &topics };
                self.waiting.borrow_mut().insert(reply_to, answer.clone());
                shard.on_event(&context, event, reply_to)
            }
        };
        self.settle(outcome);
        answer
    }

    /// Loads the shard, and meets its deadlines.
    pub(super) async fn run(self: Rc<Self>) {
        loop {
            let next = match &*self.state.borrow() {
                State::Loading => None,
                State::Active(shard) => shard.next_deadline().map(|tick| tick.as_ms() * 1_000),
                State::Closed => return,
            };
            match next {
                None if matches!(&*self.state.borrow(), State::Loading) => {
                    self.sim.pause(100, 20_000).await;
                    self.load();
                }
                None => self.changed.wait().await,
                Some(due_us) if due_us > self.sim.executor.now_us() => {
                    let left_us = due_us - self.sim.executor.now_us();
                    self.sim.within(left_us, self.changed.wait()).await;
                }
                Some(_) => self.on_time(),
            }
        }
    }

    fn on_time(self: &Rc<Self>) {
        let outcome = match &mut *self.state.borrow_mut() {
            State::Active(shard) => {
                let topics = PlannedTopics(&self.sim.plan);
                shard.on_time(&Context { now: self.sim.now(), settings: &self.settings, topics: &topics })
            }
            State::Loading | State::Closed => return,
        };
        self.settle(outcome);
    }

    /// Replays the partition's records into a new shard.
    fn load(self: &Rc<Self>) {
        let end = self.partition.log.log_end_offset();
        let Some(mut shard) = replayed(&self.sim, &self.partition) else { return self.close() };
        let topics = PlannedTopics(&self.sim.plan);
        let outcome = shard.loaded(&Context { now: self.sim.now(), settings: &self.settings, topics: &topics });
        self.end.set(end);
        *self.state.borrow_mut() = State::Active(Box::new(shard));
        self.settle(outcome);
        self.sim.count("shards loaded");
    }

    /// Appends what was decided, and lets the answers go when it is durable.
    fn settle(self: &Rc<Self>, outcome: GroupOutcome) {
        let GroupOutcome { records, replies, .. } = outcome;
        let now = self.sim.now().time;
        let mut batch: Option<BatchBuilder> = None;
        for record in &records {
            let value = record.value.as_deref();
            let new = NewRecord { timestamp: now, key: Some(&record.key), value, ..NewRecord::default() };
            let pushed = match &mut batch {
                Some(batch) => batch.push(new).is_ok(),
                None => BatchBuilder::new(new).map(|first| batch = Some(first)).is_ok(),
            };
            if !pushed {
                return self.load_again();
            }
        }
        if let Some(batch) = batch {
            if self.partition.append(&batch.build().checked(), now).is_err() {
                return self.load_again();
            }
            self.end.set(self.partition.log.log_end_offset());
        }
        self.changed.ring();
        let mut waiting = self.waiting.borrow_mut();
        let held: Vec<(Answer, GroupReply)> =
            replies.into_iter().filter_map(|(reply_to, reply)| Some((waiting.remove(&reply_to)?, reply))).collect();
        drop(waiting);
        let (runtime, end) = (Rc::clone(self), self.end.get());
        self.sim.spawn(Owner::Broker, async move {
            let is_told_now = runtime.sim.has(Bug::CommitsInMemory);
            let durable = if is_told_now { Ok(()) } else { runtime.partition.committed(end).await };
            if durable.is_err() {
                runtime.close();
            }
            for (answer, reply) in held {
                answer.put(durable.map(|()| reply).map_err(|_| ErrorCode::CoordinatorNotAvailable));
            }
        });
    }

    /// An append was refused: what was decided since must not be known any more.
    fn load_again(self: &Rc<Self>) {
        self.refuse_all();
        if self.partition.log.is_offline() {
            return self.close();
        }
        *self.state.borrow_mut() = State::Closed;
        let runtime = Rc::clone(self);
        self.sim.count("shards loaded again");
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

/// The shard that a partition's records give; `None` if the log cannot be read.
fn replayed(sim: &Sim, partition: &Partition) -> Option<GroupShard> {
    let log = &partition.log;
    let spec = ReadSpec {
        from: log.log_start_offset(),
        upto: log.log_end_offset(),
        max_bytes: u32::MAX,
        at_least_one_batch: true,
    };
    let bytes = log.read(spec).ok()?.read_to_vec().ok()?;
    let mut shard = GroupShard::new();
    let mut rest = bytes.as_slice();
    while let Ok(batch) = BatchView::parse(rest) {
        let mut records = batch.records(RECORD_BYTES_MAX);
        while let Ok(Some(record)) = records.next_record() {
            let key = record.record.key.unwrap_or_default();
            if let Err(error) = shard.replay(key, record.record.value) {
                sim.wrong(format!("{} at {}: {error}", log.topic_partition(), record.offset));
            }
        }
        rest = rest.get(batch.size()..).unwrap_or_default();
    }
    Some(shard)
}

/// The topics of the plan, as shards ask for them.
struct PlannedTopics<'a>(&'a Plan);

impl Topics for PlannedTopics<'_> {
    fn by_name(&self, name: &str) -> Option<(TopicId, i32)> {
        let topic = self.0.topics.iter().find(|topic| topic.name.as_str() == name)?;
        Some((topic.id, topic.partitions))
    }

    fn by_id(&self, id: TopicId) -> Option<(&str, i32)> {
        let topic = self.0.topics.iter().find(|topic| topic.id == id)?;
        Some((topic.name.as_str(), topic.partitions))
    }

    fn each_name(&self, each: &mut dyn FnMut(&str)) {
        for topic in &self.0.topics {
            each(topic.name.as_str());
        }
    }

    fn version(&self) -> u64 {
        1
    }
}
