//! Connections between clients and the broker. On one connection requests arrive in their order; a connection that breaks may
//! still deliver, late, what was sent on it, when its client has long asked again on another. So the broker sees requests
//! late, twice, and in another order than they were sent in.
//!
//! Answers of one connection leave when they are ready; the real broker's leave in the order of the requests.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::executor::Owner;
use crate::signal::Slot;
use crate::wire::{Request, Response};
use crate::world::Sim;

/// The largest delay of a message of a connection that is well, microseconds.
const DELAY_MAX_US: u64 = 800;
/// The largest delay of a message that is late.
const LATE_MAX_US: u64 = 3_000_000;

/// An answer that never came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// The request was not sent.
    NeverSent,
    /// The request may have arrived, may arrive still, or never will.
    Unknown,
}

/// One connection.
pub(crate) struct Connection {
    number: u64,
    /// The life of the broker that it leads to.
    life: u64,
    sent: Cell<u64>,
    /// When the last message arrives that was sent, each way.
    to_broker_us: Cell<u64>,
    to_client_us: Cell<u64>,
    is_closed: Cell<bool>,
    /// Requests from this one on never arrive.
    lost_from: Cell<u64>,
    /// Requests that are under way arrive no earlier.
    not_before_us: Cell<u64>,
    waiting: RefCell<BTreeMap<u64, Slot<Result<Response, Lost>>>>,
}

impl Connection {
    /// Breaks the connection for its client; what it sent may arrive still.
    fn close(&self) {
        self.is_closed.set(true);
        for slot in self.waiting.take().into_values() {
            slot.put(Err(Lost::Unknown));
        }
    }

    /// The broker's process has ended: the client sees the connection break.
    pub(crate) fn peer_is_gone(&self) {
        self.lost_from.set(0);
        self.close();
    }

    /// Something between breaks the connection, and holds on to a part of what was sent.
    pub(crate) fn cut(&self, sim: &Sim) {
        let (lost_from, late_us) = sim.choose(|random| (random.below(self.sent.get() + 1), random.below(LATE_MAX_US)));
        self.lost_from.set(lost_from.max(self.sent.get().saturating_sub(5)));
        self.not_before_us.set(sim.executor.now_us() + late_us);
        self.close();
    }
}

/// A client's way to the broker.
pub(crate) struct Link {
    sim: Sim,
    connection: RefCell<Option<Rc<Connection>>>,
    /// Microseconds that a client waits for an answer.
    timeout_us: u64,
}

/// A request that was sent.
pub(crate) struct Pending {
    sim: Sim,
    connection: Rc<Connection>,
    slot: Slot<Result<Response, Lost>>,
    until_us: u64,
}

impl Link {
    pub(crate) fn new(sim: &Sim) -> Self {
        let timeout_us = sim.choose(|random| random.between(200, 1_500)) * 1_000;
        Self { sim: Rc::clone(sim), connection: RefCell::new(None), timeout_us }
    }

    /// Connects if there is no connection; whether there is one.
    pub(crate) async fn connect(&self) -> bool {
        if self.connection.borrow().as_ref().is_some_and(|connection| !connection.is_closed.get()) {
            return true;
        }
        self.sim.pause(100, DELAY_MAX_US).await;
        if self.sim.broker().is_none() {
            // A client backs off.
            self.sim.pause(1_000, 50_000).await;
            return false;
        }
        let number = self.sim.note().now();
        let connection = Rc::new(Connection {
            number,
            life: self.sim.life(),
            sent: Cell::new(0),
            to_broker_us: Cell::new(0),
            to_client_us: Cell::new(0),
            is_closed: Cell::new(false),
            lost_from: Cell::new(u64::MAX),
            not_before_us: Cell::new(0),
            waiting: RefCell::default(),
        });
        self.sim.connections.borrow_mut().insert(number, Rc::clone(&connection));
        let before = self.connection.replace(Some(connection));
        if let Some(before) = before {
            self.sim.connections.borrow_mut().remove(&before.number);
        }
        true
    }

    /// Sends a request; `None` if there is no connection.
    pub(crate) fn send(&self, request: Request) -> Option<Pending> {
        let connection = Rc::clone(self.connection.borrow().as_ref()?);
        if connection.is_closed.get() {
            return None;
        }
        let (slot, number) = (Slot::new(), connection.sent.get());
        connection.sent.set(number + 1);
        connection.waiting.borrow_mut().insert(number, slot.clone());
        let arrives_us = arrival(&self.sim, &connection.to_broker_us);
        self.sim
            .spawn(Owner::World, deliver(Rc::clone(&self.sim), Rc::clone(&connection), (number, arrives_us), request));
        let until_us = self.sim.executor.now_us() + self.timeout_us;
        Some(Pending { sim: Rc::clone(&self.sim), connection, slot, until_us })
    }

    /// Asks and waits.
    pub(crate) async fn ask(&self, request: Request) -> Result<Response, Lost> {
        if !self.connect().await {
            return Err(Lost::NeverSent);
        }
        match self.send(request) {
            Some(pending) => pending.answer().await,
            None => Err(Lost::NeverSent),
        }
    }
}

impl Pending {
    /// Waits for the answer. One that takes too long costs the connection.
    pub(crate) async fn answer(self) -> Result<Response, Lost> {
        let left_us = self.until_us.saturating_sub(self.sim.executor.now_us());
        let answer = self.sim.within(left_us, self.slot.take()).await;
        answer.unwrap_or_else(|| {
            self.connection.close();
            Err(Lost::Unknown)
        })
    }
}

/// When a message that is sent now arrives: behind those before it.
fn arrival(sim: &Sim, last_us: &Cell<u64>) -> u64 {
    let late_one_in = sim.plan.late_one_in;
    let delay_us = sim.choose(|random| {
        let most_us = if random.one_in(late_one_in) { LATE_MAX_US } else { DELAY_MAX_US };
        random.between(20, most_us)
    });
    last_us.set(last_us.get().max(sim.executor.now_us() + delay_us));
    last_us.get()
}

/// The way of a request to the broker.
async fn deliver(sim: Sim, connection: Rc<Connection>, (number, arrives_us): (u64, u64), request: Request) {
    sim.executor.sleep_until(arrives_us).await;
    sim.executor.sleep_until(connection.not_before_us.get()).await;
    if number >= connection.lost_from.get() || connection.life != sim.life() {
        return;
    }
    let Some(broker) = sim.broker() else { return };
    let world = Rc::clone(&sim);
    sim.spawn(Owner::Broker, async move {
        let Some(response) = broker.handle(request).await else { return };
        // A machine that has stopped says nothing.
        if connection.is_closed.get() || world.has_halted() {
            return;
        }
        let arrives_us = arrival(&world, &connection.to_client_us);
        let executor = Rc::clone(&world);
        world.spawn(Owner::World, async move {
            executor.executor.sleep_until(arrives_us).await;
            let slot = connection.waiting.borrow_mut().remove(&number);
            if let Some(slot) = slot.filter(|_| !connection.is_closed.get()) {
                slot.put(Ok(response));
            }
        });
    });
}
