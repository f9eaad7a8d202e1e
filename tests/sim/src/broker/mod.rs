//! The broker of the simulation: real logs and real shards, and between them and the requests a runtime of its own.
//!
//! The real broker's handlers, partitions and coordinators' threads are asynchronous code of its binary, on sockets and
//! threads. What stands here takes the same steps in the same order, on the simulation's executor: `partition` is
//! `src/partitions/partition.rs`, `produce` and `fetch` are the handlers of these names, `offsets` is those of offsets in
//! transactions, `shard` is `src/coordinators/shard_runtime`, `background` is `src/background`. Changes there belong here, too.

mod background;
mod cleaner;
mod fetch;
mod groups;
mod offsets;
mod partition;
mod produce;
mod producer_ids;
mod retention;
mod shard;
mod transactions;

use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use coordinator::group::GroupShard;
use coordinator::transaction::TransactionShard;
use model::{ErrorCode, TopicPartition};
use storage::{Disk, LogManager, LogManagerOptions};

use self::partition::Partition;
use self::producer_ids::ProducerIds;
use self::shard::ShardRuntime;
use crate::bugs::Bug;
use crate::executor::Owner;
use crate::plan::{OFFSETS, PRODUCER_IDS, TRANSACTIONS, TopicPlan};
use crate::wire::{Refused, Request, Response};
use crate::world::Sim;

/// Where the logs are.
pub(crate) const DATA_DIRECTORY: &str = "/data";

/// One life of the broker's process.
pub(crate) struct Broker {
    pub(crate) sim: Sim,
    pub(crate) manager: LogManager,
    pub(crate) partitions: BTreeMap<TopicPartition, Rc<Partition>>,
    groups: Vec<Rc<ShardRuntime<GroupShard>>>,
    transactions: Vec<Rc<ShardRuntime<TransactionShard>>>,
    producer_ids: ProducerIds,
}

impl Broker {
    /// Opens everything, as `src/server.rs` does.
    ///
    /// # Errors
    /// What a person would read.
    pub(crate) fn start(sim: &Sim) -> Result<Rc<Self>, String> {
        let disk: Arc<dyn Disk> = Arc::new(sim.disk.clone());
        let options = LogManagerOptions {
            cluster_id_if_new: [1; 16],
            directory_id_if_new: [2; 16],
            ..LogManagerOptions::default()
        };
        let manager =
            LogManager::open(disk, Path::new(DATA_DIRECTORY), options).map_err(|error| format!("data: {error}"))?;
        manager.remove_aside(&manager.leftovers(|_| false));
        count_swaps(sim);
        if !manager.was_clean() {
            sim.count("recoveries");
        }
        let mut partitions = BTreeMap::new();
        for topic in &sim.plan.topics {
            for name in topic.all() {
                let log = manager
                    .open_or_create(&name, topic.id, Arc::clone(&topic.config), sim.now().time)
                    .map_err(|error| format!("{name}: {error}"))?;
                if sim.has(Bug::ForgetsProducersAtStart) {
                    log.expire_producers(sim.now().time, i64::MIN);
                }
                partitions.insert(name, Partition::new(sim, log));
            }
        }
        let groups = of_topic(&partitions, OFFSETS).map(|partition| ShardRuntime::new(sim, partition)).collect();
        let transactions = of_topic(&partitions, TRANSACTIONS).map(|it| ShardRuntime::new(sim, it)).collect();
        let ids = of_topic(&partitions, PRODUCER_IDS).next().ok_or("there is no log of producer ids")?;
        let producer_ids = ProducerIds::load(sim, ids)?;
        Ok(Rc::new(Self { sim: Rc::clone(sim), manager, partitions, groups, transactions, producer_ids }))
    }

    /// Begins what runs beside the requests.
    pub(crate) fn run(self: &Rc<Self>) {
        self.sim.spawn(Owner::Broker, background::run(Rc::clone(self)));
        self.sim.spawn(Owner::Broker, retention::run(Rc::clone(self)));
        self.sim.spawn(Owner::Broker, cleaner::run(Rc::clone(self)));
        for groups in &self.groups {
            self.sim.spawn(Owner::Broker, Rc::clone(groups).run());
        }
        for transactions in &self.transactions {
            self.sim.spawn(Owner::Broker, Rc::clone(transactions).run());
        }
    }

    /// Answers a request; `None` if nobody is to hear of it.
    pub(crate) async fn handle(self: &Rc<Self>, request: Request) -> Option<Response> {
        Some(match request {
            Request::Produce(request) => Response::Produce(self.produce(request).await),
            Request::Fetch(request) => Response::Fetch(self.fetch(&request)),
            Request::NewProducerId => Response::ProducerId(self.producer_ids.next().await),
            Request::Group(event) => {
                let shard = of_name(&self.groups, event.group_id().unwrap_or_default());
                let answer = shard.map(|shard| shard.ask(*event));
                Response::Group(match answer {
                    Some(answer) => answer.take().await,
                    None => Err(ErrorCode::NotCoordinator),
                })
            }
            Request::AddOffsets(request) => Response::Transaction(self.add_offsets(*request).await),
            Request::TxnOffsetCommit(request) => Response::Group(self.commit_in_transaction(*request).await),
            Request::Transaction(event) => Response::Transaction(self.ask_transactions(*event).await),
        })
    }

    /// What the shards say differently than others that replay the same records, for a person to read.
    pub(crate) fn unlike_replay(&self) -> Vec<String> {
        let mut unlike = Vec::new();
        for shard in &self.transactions {
            let Some(replayed) = shard.replayed() else { continue };
            for id in self.sim.plan.transactional_ids() {
                let live = shard.look(|live| live.get(&id).cloned());
                let replayed = replayed.get(&id).cloned();
                if live.as_ref().is_some_and(|live| *live != replayed) {
                    unlike.push(format!("{id} is {live:?}, and {replayed:?} when it is replayed"));
                }
            }
        }
        for shard in &self.groups {
            let Some(mut replayed) = shard.replayed() else { continue };
            for question in groups::questions(&self.sim.plan) {
                let again = shard::replies(&self.sim, &mut replayed, question.clone());
                let live = shard.probe(question.clone());
                if live.as_ref().is_some_and(|live| *live != again) {
                    unlike.push(format!("{question:?} gets {live:?}, and {again:?} from what is replayed"));
                }
            }
        }
        unlike
    }
}

/// Counts the segments that were to take the place of others when the broker came to its end.
fn count_swaps(sim: &Sim) {
    for name in sim.plan.topics.iter().flat_map(TopicPlan::all) {
        let entries = sim.disk.read_directory(&Path::new(DATA_DIRECTORY).join(name.to_string()));
        for _ in entries
            .unwrap_or_default()
            .iter()
            .filter(|entry| Path::new(&entry.name).extension().is_some_and(|it| it == "swap"))
        {
            sim.count("swaps left behind");
        }
    }
}

/// The shard that has what is called so.
fn of_name<T>(shards: &[Rc<T>], name: &str) -> Option<Rc<T>> {
    let hash = name.bytes().fold(0_usize, |hash, byte| hash.wrapping_mul(31).wrapping_add(usize::from(byte)));
    shards.get(hash.checked_rem(shards.len())?).cloned()
}

fn of_topic<'a>(
    partitions: &'a BTreeMap<TopicPartition, Rc<Partition>>,
    topic: &'a str,
) -> impl Iterator<Item = &'a Rc<Partition>> {
    partitions.iter().filter(move |(name, _)| name.topic.as_str() == topic).map(|(_, partition)| partition)
}

impl Refused {
    const fn without_start(code: ErrorCode) -> Self {
        Self { code, start: 0 }
    }
}
