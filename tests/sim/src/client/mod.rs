//! The clients: each is a task, behaves as Kafka's Java client does, and notes what it did and saw.

mod committer;
mod member;
mod processor;
mod producer;
mod reader;
mod transactional;

use std::cell::Cell;
use std::rc::Rc;

pub(crate) use processor::ask_positions;
pub(crate) use reader::read_through;

use crate::executor::Owner;
use crate::plan::{EVENTS, KEYED, PROCESSED};
use crate::signal::Bell;
use crate::world::Sim;

/// Who is still at work.
#[derive(Default)]
pub(crate) struct AtWork {
    count: Cell<u64>,
    less: Bell,
}

impl AtWork {
    fn begin(self: &Rc<Self>, sim: &Sim, client: impl Future<Output = ()> + 'static) {
        self.count.set(self.count.get() + 1);
        let at_work = Rc::clone(self);
        sim.spawn(Owner::World, async move {
            client.await;
            at_work.count.set(at_work.count.get() - 1);
            at_work.less.ring();
        });
    }

    /// Waits until everybody has ended.
    pub(crate) async fn all_done(&self) {
        while self.count.get() > 0 {
            self.less.wait().await;
        }
    }
}

/// Starts the clients of the plan.
pub(crate) fn start(sim: &Sim) -> Rc<AtWork> {
    let at_work = Rc::<AtWork>::default();
    let plan = &sim.plan;
    let (events, keyed) = (plan.partitions(EVENTS), plan.partitions(KEYED));
    let mut number = 0;
    let mut next = || {
        number += 1;
        number
    };
    let kinds = [
        (plan.plain_producers, producer::Kind::Plain, &events),
        (plan.idempotent_producers, producer::Kind::Idempotent, &events),
        (plan.keyed_producers, producer::Kind::Keyed, &keyed),
    ];
    for (count, kind, partitions) in kinds {
        for _ in 0..count {
            let Some(partition) = sim.choose(|random| random.pick(partitions).cloned()) else { continue };
            at_work.begin(sim, producer::run(Rc::clone(sim), next(), kind, partition));
        }
    }
    for _ in 0..plan.transactional_producers {
        let keyed = if plan.transactions_have_keys { keyed.clone() } else { Vec::new() };
        at_work.begin(sim, transactional::run(Rc::clone(sim), next(), [events.clone(), keyed].concat()));
    }
    for _ in 0..plan.readers {
        let all = [events.clone(), keyed.clone(), plan.partitions(PROCESSED)].concat();
        at_work.begin(sim, reader::run(Rc::clone(sim), all));
    }
    for _ in 0..plan.committers {
        at_work.begin(sim, committer::run(Rc::clone(sim), next(), events.clone()));
    }
    for _ in 0..plan.members {
        at_work.begin(sim, member::run(Rc::clone(sim), next()));
    }
    for _ in 0..plan.processors {
        at_work.begin(sim, processor::run(Rc::clone(sim), Rc::clone(&at_work), next()));
    }
    at_work
}
