//! A deterministic simulation of clients, one broker's partitions and coordinators, a network, clocks, and a disk that loses
//! what was not synced.
//!
//! One thread, one seed. Real, as shipped: the crate `storage` whole (logs, segments, indexes, recovery, producers' histories,
//! checkpoints) over its `SimulatedDisk`, and the crate `coordinator` (the shards of groups and of
//! transactions). Simulated: sockets, threads and
//! the asynchronous code between requests and logs; `broker` takes the same steps as the real one, and says which file each
//! part follows. Not here: the wire's encoding, the metadata log, sendfile; other tests have those.
//!
//! A seed is a plan (`plan`): topics, clients, how often what breaks (`trouble`). Clients note what they did and saw
//! (`history`). After all has healed, every partition is read through twice, and again after one more restart; then `checker`
//! holds the history against the logs. [`run`] gives what is wrong, and a hash of the run: the same seed gives the same.
#![forbid(unsafe_code)]

mod audit;
mod broker;
mod bugs;
mod checker;
mod client;
mod executor;
mod history;
mod network;
mod plan;
mod random;
mod records;
mod signal;
mod trace;
mod trouble;
mod wire;
mod world;

use std::collections::BTreeMap;
use std::rc::Rc;

use model::IsolationLevel;

pub use bugs::Bug;

use crate::executor::Owner;
use crate::signal::Slot;
use crate::world::{Sim, World};

/// A run that takes longer than this is stuck, microseconds.
const END_US: u64 = 120_000_000;
/// The time after the end of all trouble in which the last late messages arrive, and the last transactions run out.
const SETTLE_US: u64 = 7_000_000;

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// What must not be, each with the name of its check first; none if all is well.
    pub wrong: Vec<String>,
    /// Stands for all that happened.
    pub hash: u64,
    /// How often what happened.
    pub counts: BTreeMap<&'static str, u64>,
}

/// Runs a seed, with a mistake built in if that is wanted.
#[must_use]
pub fn run(seed: u64, bug: Option<Bug>) -> Verdict {
    let sim = World::new(seed, bug);
    let done = Slot::new();
    let (world, at_end) = (Rc::clone(&sim), done.clone());
    sim.spawn(Owner::World, trouble::supervise(Rc::clone(&sim)));
    sim.spawn(Owner::World, async move {
        live(&world).await;
        at_end.put(());
    });
    let is_done = drive(&sim, &done);
    let logs = if is_done { checker::read_logs(&sim) } else { checker::Logs::default() };
    drop(sim.kill_broker());
    let history = sim.history.take();
    let mut wrong = history.wrong.clone();
    if is_done {
        wrong.extend(checker::check(&history, &logs));
    }
    // Tasks hold the world that holds them.
    sim.executor.kill(Owner::World);
    let hash = sim.trace.borrow().hash();
    Verdict { wrong, hash, counts: history.counts }
}

/// Runs tasks until the life is over; whether it came to its end.
fn drive(sim: &Sim, done: &Slot<()>) -> bool {
    while !done.is_filled() {
        if !sim.step() {
            sim.wrong("liveness: nothing will ever happen again".to_owned());
            return false;
        }
        if sim.broker().is_some() && sim.has_halted() {
            sim.fall();
        }
        if sim.executor.now_us() > END_US {
            sim.wrong("liveness: clients do not come to an end though everything is well".to_owned());
            return false;
        }
    }
    true
}

/// A life: chaos, healing, and the last look at everything.
async fn live(sim: &Sim) {
    trouble::wait_until_up(sim).await;
    let clients = client::start(sim);
    trouble::break_things(sim).await;
    trouble::heal(sim).await;
    clients.all_done().await;
    sim.sleep(SETTLE_US).await;
    read_everything(sim).await;
    trouble::compare_with_replay(sim);
    trouble::restart(sim).await;
    read_everything(sim).await;
}

/// Reads every partition twice, as both kinds of reader.
async fn read_everything(sim: &Sim) {
    for topic in &sim.plan.topics {
        for partition in topic.all() {
            for isolation in [IsolationLevel::ReadUncommitted, IsolationLevel::ReadCommitted] {
                client::read_through(sim, &partition, isolation).await;
            }
        }
    }
    client::ask_positions(sim).await;
}
