//! Whoever breaks things, and whoever starts the broker again.

use std::io::ErrorKind;
use std::rc::Rc;

use storage::disk::{Fault, FaultKind};

use crate::broker::Broker;
use crate::world::Sim;

/// The most changes of the disk between an order to stop the machine and its stop.
const HALT_CHANGES_MAX: u64 = 40;

/// Starts the broker whenever it is down, also if the machine stops again meanwhile.
pub(crate) async fn supervise(sim: Sim) {
    loop {
        while sim.broker().is_some() {
            sim.changed.wait().await;
        }
        sim.pause(1_000, 150_000).await;
        if !sim.is_over.get() && sim.plan.trouble_us > 0 && sim.choose(|random| random.one_in(4)) {
            let (changes, is_kill) = sim.choose(|random| (random.below(HALT_CHANGES_MAX), random.one_in(3)));
            sim.is_killed_by_halt.set(is_kill);
            sim.disk.halt_after(changes);
        }
        match Broker::start(&sim) {
            Ok(broker) => {
                broker.run();
                sim.broker_is_up(broker);
                sim.count("starts");
            }
            Err(_) if sim.has_halted() => {
                sim.count("crashes while starting");
                sim.fall();
            }
            Err(_) if sim.disk_is_sick.get() => {
                sim.count("failures while starting");
                sim.cut_power();
            }
            Err(problem) => {
                sim.wrong(format!("start: {problem}"));
                return;
            }
        }
    }
}

/// Breaks something now and then, until the time is up.
pub(crate) async fn break_things(sim: &Sim) {
    let until_us = sim.plan.chaos_us;
    let mean_us = sim.plan.trouble_us;
    if mean_us == 0 {
        return sim.executor.sleep_until(until_us).await;
    }
    loop {
        sim.pause(mean_us / 4, mean_us * 2).await;
        if sim.executor.now_us() >= until_us {
            return;
        }
        compare_with_replay(sim);
        break_one(sim).await;
    }
}

/// Holds what the shards know against what their logs tell, at any moment.
pub(crate) fn compare_with_replay(sim: &Sim) {
    for unlike in sim.broker().map(|broker| broker.unlike_replay()).unwrap_or_default() {
        sim.wrong(format!("replay: {unlike}"));
    }
}

async fn break_one(sim: &Sim) {
    match sim.choose(|random| random.below(12)) {
        0..=3 => {
            sim.count("power cuts");
            sim.is_killed_by_halt.set(false);
            let changes = sim.choose(|random| random.below(HALT_CHANGES_MAX));
            sim.disk.halt_after(changes);
        }
        4 => {
            sim.count("kills");
            drop(sim.kill_broker());
        }
        5 => {
            sim.is_killed_by_halt.set(true);
            let changes = sim.choose(|random| random.below(HALT_CHANGES_MAX));
            sim.disk.halt_after(changes);
        }
        6 => stop_cleanly(sim),
        7 | 8 => {
            sim.count("cuts of connections");
            let connections: Vec<_> = sim.connections.borrow().values().cloned().collect();
            for connection in connections {
                if sim.choose(|random| random.one_in(2)) {
                    connection.cut(sim);
                }
            }
        }
        9 => {
            sim.count("failing syncs");
            let kinds = [FaultKind::SyncFile, FaultKind::SyncDirectory, FaultKind::Rename];
            fail(sim, &kinds, ErrorKind::Other).await;
        }
        10 => {
            sim.count("failing writes");
            fail(sim, &[FaultKind::Write], ErrorKind::Other).await;
        }
        _ => {
            sim.count("full disks");
            let after = sim.choose(|random| random.below(10));
            sim.disk_is_sick.set(true);
            sim.disk.inject(Fault { kind: FaultKind::Write, after, error: ErrorKind::StorageFull, is_lasting: true });
            sim.pause(10_000, 400_000).await;
            sim.disk.heal();
            sim.disk_is_sick.set(false);
        }
    }
}

/// Has one operation fail, which takes a log offline until the machine is started again.
async fn fail(sim: &Sim, kinds: &[FaultKind], error: ErrorKind) {
    let Some(kind) = sim.choose(|random| random.pick(kinds).copied()) else { return };
    let after = sim.choose(|random| random.below(10));
    sim.disk_is_sick.set(true);
    sim.disk.inject(Fault { kind, after, error, is_lasting: false });
    sim.pause(10_000, 800_000).await;
    if sim.choose(|random| random.one_in(2)) {
        return sim.cut_power();
    }
    // Only the process is started again: it is shown what the disk has refused, until the next power cut.
    sim.count("kills after a failure");
    drop(sim.kill_broker());
    sim.disk.heal();
    sim.disk_is_sick.set(false);
}

/// Stops the broker as an operator does.
pub(crate) fn stop_cleanly(sim: &Sim) {
    sim.count("clean stops");
    if let Some(broker) = sim.kill_broker() {
        let _closed = broker.manager.close();
    }
}

/// Ends all trouble, and starts the broker once more.
pub(crate) async fn heal(sim: &Sim) {
    sim.disk.heal();
    sim.is_over.set(true);
    restart(sim).await;
}

/// Stops the broker in one of the ways there are, and waits until it is up again.
pub(crate) async fn restart(sim: &Sim) {
    let has_failed = sim.broker().is_none_or(|broker| broker.partitions.values().any(|it| it.log.is_offline()));
    match sim.choose(|random| random.below(3)) {
        0 => sim.cut_power(),
        1 => drop(sim.kill_broker()),
        // A log that failed cannot be closed.
        _ if has_failed => drop(sim.kill_broker()),
        _ => stop_cleanly(sim),
    }
    sim.disk.halt_after(u64::MAX);
    sim.is_killed_by_halt.set(false);
    wait_until_up(sim).await;
}

pub(crate) async fn wait_until_up(sim: &Sim) {
    let sim = Rc::clone(sim);
    while sim.broker().is_none() {
        sim.changed.wait().await;
    }
}
