//! What everything in a simulation shares: the time, the choices, the disk, the broker that is up, and the history.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::path::Path;
use std::rc::Rc;
use std::task::Poll;

use coordinator::shard::Now;
use model::{Tick, Timestamp};
use storage::Disk;
use storage::disk::SimulatedDisk;

use crate::broker::Broker;
use crate::bugs::Bug;
use crate::executor::{Executor, Owner};
use crate::history::History;
use crate::network::Connection;
use crate::plan::Plan;
use crate::random::Random;
use crate::signal::Bell;
use crate::trace::Trace;

/// Wall time when a simulation begins.
const EPOCH_MS: i64 = 1_700_000_000_000;

/// A simulation, as its parts see it.
pub(crate) type Sim = Rc<World>;

pub(crate) struct World {
    pub(crate) executor: Executor,
    pub(crate) plan: Plan,
    pub(crate) disk: SimulatedDisk,
    pub(crate) history: RefCell<History>,
    pub(crate) trace: RefCell<Trace>,
    pub(crate) bug: Option<Bug>,
    /// The connections that are open.
    pub(crate) connections: RefCell<BTreeMap<u64, Rc<Connection>>>,
    /// Rung when the broker comes or goes.
    pub(crate) changed: Bell,
    /// Set when everything has healed: clients end what they are at and stop.
    pub(crate) is_over: Cell<bool>,
    /// Whether an operation of the disk was made to fail, and the machine was not started again since.
    pub(crate) disk_is_sick: Cell<bool>,
    /// Whether what stops at the disk's last change is the process only, not the machine.
    pub(crate) is_killed_by_halt: Cell<bool>,
    random: RefCell<Random>,
    broker: RefCell<Option<Rc<Broker>>>,
    life: Cell<u64>,
}

impl World {
    pub(crate) fn new(seed: u64, bug: Option<Bug>) -> Sim {
        let mut random = Random::new(seed);
        Rc::new(Self {
            executor: Executor::default(),
            plan: Plan::new(&mut random),
            disk: SimulatedDisk::new(),
            history: RefCell::default(),
            trace: RefCell::default(),
            bug,
            connections: RefCell::default(),
            changed: Bell::default(),
            is_over: Cell::new(false),
            disk_is_sick: Cell::new(false),
            is_killed_by_halt: Cell::new(false),
            random: RefCell::new(random),
            broker: RefCell::new(None),
            life: Cell::new(0),
        })
    }

    pub(crate) fn choose<T>(&self, choice: impl FnOnce(&mut Random) -> T) -> T {
        choice(&mut self.random.borrow_mut())
    }

    pub(crate) fn note(&self) -> std::cell::RefMut<'_, History> {
        self.history.borrow_mut()
    }

    pub(crate) fn count(&self, what: &'static str) {
        self.note().count(what);
    }

    /// Notes something that must never be.
    pub(crate) fn wrong(&self, what: String) {
        self.note().wrong.push(what);
    }

    pub(crate) fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    /// Both clocks. They do not jump.
    pub(crate) fn now(&self) -> Now {
        let ms = self.executor.now_us() / 1_000;
        let time = Timestamp::new(EPOCH_MS.saturating_add(i64::try_from(ms).unwrap_or(i64::MAX)));
        Now { time, tick: Tick::from_ms(ms) }
    }

    pub(crate) async fn sleep(&self, us: u64) {
        self.executor.sleep_until(self.executor.now_us().saturating_add(us)).await;
    }

    /// Sleeps for some time between the two.
    pub(crate) async fn pause(&self, least_us: u64, most_us: u64) {
        let us = self.choose(|random| random.between(least_us, most_us));
        self.sleep(us).await;
    }

    /// What `future` gives, unless it takes longer.
    pub(crate) async fn within<T>(&self, us: u64, future: impl Future<Output = T>) -> Option<T> {
        let mut future = std::pin::pin!(future);
        let mut sleep = std::pin::pin!(self.sleep(us));
        poll_fn(|context| match (future.as_mut().poll(context), sleep.as_mut().poll(context)) {
            (Poll::Ready(value), _) => Poll::Ready(Some(value)),
            (Poll::Pending, Poll::Ready(())) => Poll::Ready(None),
            (Poll::Pending, Poll::Pending) => Poll::Pending,
        })
        .await
    }

    /// Runs the next task; whether there was one.
    pub(crate) fn step(&self) -> bool {
        let Some(task) = self.executor.step() else { return false };
        let now_us = self.executor.now_us();
        self.disk.set_time(self.now().time);
        let mut trace = self.trace.borrow_mut();
        trace.add(now_us);
        trace.add(task);
        true
    }

    pub(crate) fn spawn(&self, owner: Owner, future: impl Future<Output = ()> + 'static) {
        self.executor.spawn(owner, future);
    }

    /// The broker, if it is up.
    pub(crate) fn broker(&self) -> Option<Rc<Broker>> {
        self.broker.borrow().clone()
    }

    /// Which life of the broker this is.
    pub(crate) fn life(&self) -> u64 {
        self.life.get()
    }

    pub(crate) fn broker_is_up(&self, broker: Rc<Broker>) {
        self.life.set(self.life.get() + 1);
        *self.broker.borrow_mut() = Some(broker);
        self.changed.ring();
    }

    /// Ends the broker's process where it stands; gives what is left of it.
    pub(crate) fn kill_broker(&self) -> Option<Rc<Broker>> {
        self.executor.kill(Owner::Broker);
        let broker = self.broker.borrow_mut().take();
        for connection in self.connections.borrow().values() {
            connection.peer_is_gone();
        }
        self.changed.ring();
        broker
    }

    /// Whether the machine has stopped, in the middle of what it did to its disk.
    pub(crate) fn has_halted(&self) -> bool {
        self.disk.exists(Path::new("/")).is_err()
    }

    /// After the disk's last change before a stop: the machine has lost its power, or the process was killed there.
    pub(crate) fn fall(&self) {
        if self.is_killed_by_halt.take() {
            self.count("kills in the middle of something");
            drop(self.kill_broker());
            self.disk.halt_after(u64::MAX);
        } else {
            self.count("crashes");
            self.cut_power();
        }
    }

    /// Cuts the power: what was not synced is lost, or not.
    pub(crate) fn cut_power(&self) {
        drop(self.kill_broker());
        let seed = self.choose(Random::number);
        self.disk.crash(seed);
        self.disk_is_sick.set(false);
        self.is_killed_by_halt.set(false);
    }
}
