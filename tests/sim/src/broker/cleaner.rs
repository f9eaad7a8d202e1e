//! What `src/background/cleaner.rs` does: cleans one log after the other. In the real broker that is a thread of its own, so here
//! everything else goes on in the middle of a cleaning, and the broker may come to its end there.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::rc::Rc;

use model::{Timestamp, TopicPartition};
use storage::{CleanError, CleanOptions, Cleanable};

use super::Broker;
use super::partition::Partition;
use crate::audit::Cleaning;
use crate::bugs::Bug;

/// Microseconds between two looks, at most.
const PAUSE_MAX_US: u64 = 300_000;
/// Steps that the others take at once in the middle of a cleaning, at most.
const STEPS_MAX: u64 = 30;

pub(super) async fn run(broker: Rc<Broker>) {
    let sim = Rc::clone(&broker.sim);
    let mut failed = BTreeSet::new();
    loop {
        sim.pause(1_000, PAUSE_MAX_US).await;
        let Some((partition, cleanable)) = filthiest(&broker, &failed) else {
            failed.clear();
            continue;
        };
        let is_clean = clean(&broker, &partition, &cleanable);
        if !is_clean {
            failed.insert(partition.log.topic_partition().clone());
        }
    }
}

/// The log that has the most to clean by its share, of those that are due.
fn filthiest(broker: &Broker, failed: &BTreeSet<TopicPartition>) -> Option<(Rc<Partition>, Cleanable)> {
    let now = broker.sim.now().time;
    let mut filthiest: Option<(Rc<Partition>, Cleanable)> = None;
    for (_, partition) in broker.partitions.iter().filter(|(name, _)| !failed.contains(name)) {
        let stable = if broker.sim.has(Bug::CleansAboveLastStable) {
            partition.log.log_end_offset()
        } else {
            partition.last_stable_offset()
        };
        let found = partition.log.cleanable(stable, now).ok().flatten().filter(|cleanable| cleanable.is_due);
        if let Some(cleanable) = found
            && filthiest.as_ref().is_none_or(|(_, other)| cleanable.dirty_ratio() > other.dirty_ratio())
        {
            filthiest = Some((Rc::clone(partition), cleanable));
        }
    }
    filthiest
}

/// Cleans a log, and judges what came of it; whether it was cleaned.
fn clean(broker: &Rc<Broker>, partition: &Rc<Partition>, cleanable: &Cleanable) -> bool {
    let (sim, log) = (&broker.sim, &partition.log);
    let (now, mut cleanable) = (sim.now().time, *cleanable);
    let Some(before) = Cleaning::begin(sim, log, partition.high_watermark(), now) else { return false };
    if sim.has(Bug::CleansWithoutAborts) {
        cleanable.last_stable = log.log_start_offset();
    }
    let told = if sim.has(Bug::TombstonesGoTooSoon) { Timestamp::new(now.get() * 1_000) } else { now };
    let options = CleanOptions {
        map_bytes_max: sim.plan.map_bytes_max,
        map_load_factor: 0.9,
        buffer_size: sim.plan.cleaning_buffer_size,
    };
    let mut has_ended = false;
    let result = log.clean(&cleanable, options, told, &mut |_| meanwhile(broker, &mut has_ended));
    if has_ended {
        sim.count("ends in the middle of a cleaning");
        // The broker is no more: what it wanted of the disk since, it was not given.
        sim.disk.halt_after(u64::MAX);
        return false;
    }
    if sim.has_halted() {
        return false;
    }
    let first_dirty = result.as_ref().ok().map(|cleaned| cleaned.first_dirty);
    for wrong in before.judge(sim, log, first_dirty) {
        sim.wrong(format!("cleaning: {}: {wrong}", log.topic_partition()));
    }
    match &result {
        Ok(_) => sim.count("cleanings"),
        Err(CleanError::Damaged { .. }) if !sim.disk_is_sick.get() => {
            sim.wrong(format!("cleaning: {}: {result:?}", log.topic_partition()));
        }
        Err(_) => sim.count("cleanings without an end"),
    }
    result.is_ok()
}

/// What the others do in the middle of a cleaning. If the broker comes to its end there, its disk does nothing more for it.
fn meanwhile(broker: &Rc<Broker>, has_ended: &mut bool) -> ControlFlow<()> {
    let sim = &broker.sim;
    let steps = sim.choose(|random| if random.one_in(6) { random.below(STEPS_MAX) } else { 0 });
    for _ in 0..steps {
        sim.step();
        if sim.has_halted() {
            return ControlFlow::Break(());
        }
        if sim.broker().is_none_or(|now| !Rc::ptr_eq(&now, broker)) {
            *has_ended = true;
            sim.disk.halt_after(0);
            return ControlFlow::Break(());
        }
    }
    ControlFlow::Continue(())
}
