//! What `src/background/retention.rs` does now and then.

use std::rc::Rc;

use super::Broker;
use super::partition::Partition;
use crate::audit::{self, Stretch};
use crate::bugs::Bug;

/// Microseconds between two rounds, at most.
const PAUSE_MAX_US: u64 = 400_000;

pub(super) async fn run(broker: Rc<Broker>) {
    let sim = Rc::clone(&broker.sim);
    loop {
        sim.pause(1_000, PAUSE_MAX_US).await;
        for partition in broker.partitions.values() {
            move_start(&broker, partition);
        }
    }
}

fn move_start(broker: &Broker, partition: &Rc<Partition>) {
    let (sim, log) = (&broker.sim, &partition.log);
    if log.is_offline() {
        return;
    }
    let now = sim.now().time;
    let high = partition.high_watermark();
    // What cannot be read now is not deleted.
    let Ok(mut start) = log.retained_start(now, high) else { return };
    let before = log.requested_log_start();
    if start <= before {
        return;
    }
    if sim.has(Bug::RetentionDeletesTooMuch) {
        start = high;
    }
    let stretch = Stretch { from: before.get(), start: start.get(), high: high.get() };
    let Some(batches) = audit::read(log) else { return };
    if let Some(wrong) = audit::deleted(&batches, &log.config(), stretch, now) {
        sim.wrong(format!("retention: {}: {wrong}", log.topic_partition()));
    }
    sim.count("starts moved by retention");
    let _moved = partition.move_start(start, now);
}
