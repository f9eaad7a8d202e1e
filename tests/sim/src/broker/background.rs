//! What `src/background` does now and then.

use std::rc::Rc;

use super::Broker;

/// Microseconds between two rounds, at most.
const PAUSE_MAX_US: u64 = 300_000;

pub(super) async fn run(broker: Rc<Broker>) {
    let sim = Rc::clone(&broker.sim);
    loop {
        sim.pause(1_000, PAUSE_MAX_US).await;
        let now = sim.now().time;
        for partition in broker.partitions.values() {
            // What fails here takes the log offline, which everybody sees.
            let _rolled = partition.log.roll_if_due(now);
            let _deleted = partition.log.delete_dead_segments(now);
        }
        if sim.choose(|random| random.one_in(4)) {
            let _checkpointed = broker.manager.checkpoint();
        }
    }
}
