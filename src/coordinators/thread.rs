//! One thread: takes events from its queue, has its shards decide, and lets answers go when what they rest on is durable.
//!
//! All that a thread waits for is in [`CoordinatorThread::wait`]; with nothing to do it sleeps. Its shards are those whose
//! partition, modulo the number of threads, is its own number.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use coordinator::shard::Now;
use model::ErrorCode;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinSet, LocalSet};
use tracing::error;

use super::handle::Question;
use super::shard::{Shard, World};
use super::shard_runtime::{Effects, Held, Released, ShardRuntime};
use crate::clock::Clock;
use crate::metadata::{Image, Images};
use crate::partitions::Partition;

/// Events that are decided together: their records share an append, and their answers a sync.
const TOGETHER_MAX: usize = 1024;

/// The threads that run.
#[derive(Debug, Default)]
pub(crate) struct CoordinatorThreads(Vec<JoinHandle<()>>);

impl CoordinatorThreads {
    /// Starts a thread.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn start<S: Shard>(
        &mut self,
        thread: CoordinatorThread<S>,
        queue: mpsc::Receiver<Question<S>>,
        stopping: watch::Receiver<bool>,
    ) -> io::Result<()> {
        let runtime: Runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let handle = std::thread::Builder::new()
            .name(format!("{}-{}", S::WHAT, thread.place.0))
            .spawn(move || LocalSet::new().block_on(&runtime, thread.run(queue, stopping)))?;
        self.0.push(handle);
        Ok(())
    }

    /// Waits for their end, which `stopping` began.
    pub(crate) fn join(self) {
        for handle in self.0 {
            if handle.join().is_err() {
                error!("a coordinator thread ended with a panic");
            }
        }
    }
}

/// What a thread owns.
pub(super) struct CoordinatorThread<S: Shard> {
    /// Which of how many threads this is.
    place: (usize, usize),
    clock: Clock,
    images: Images,
    /// What exists, as the shards know it.
    image: Arc<Image>,
    settings: S::Settings,
    hands: S::Hands,
    shards: BTreeMap<i32, ShardRuntime<S>>,
    /// Answers and effects that wait for durability.
    releases: JoinSet<Released<S>>,
    /// What is being done for a shard.
    deeds: JoinSet<Done<S>>,
}

/// Something that was done for a shard of a partition, and what came of it.
struct Done<S: Shard> {
    partition: Arc<Partition>,
    life: u64,
    report: S::Report,
}

/// What ended a wait.
enum Woken<S: Shard> {
    Asked,
    Stopping,
    Released(Released<S>),
    Done(Done<S>),
    ToLook,
}

impl<S: Shard> CoordinatorThread<S> {
    /// A thread without shards: it finds them in the image.
    pub(super) fn new(place: (usize, usize), images: Images, clock: Clock, hands: S::Hands) -> Self {
        let image = images.keep();
        let settings = S::settings(&image);
        let (shards, releases, deeds) = (BTreeMap::new(), JoinSet::new(), JoinSet::new());
        let mut this = Self { place, clock, images, image, settings, hands, shards, releases, deeds };
        this.open_shards();
        this
    }

    async fn run(mut self, mut queue: mpsc::Receiver<Question<S>>, mut stopping: watch::Receiver<bool>) {
        let mut asked = Vec::new();
        let mut done = Vec::new();
        while !*stopping.borrow() {
            // Before the questions: who asks has seen an image that is at least as old.
            self.look_around();
            let now = Now { time: self.clock.now(), tick: self.clock.tick() };
            let world = World { now, settings: &self.settings, image: &self.image };
            for done in done.drain(..) {
                follow(&mut self.shards, &world, done);
            }
            for question in asked.drain(..) {
                answer(&mut self.shards, &world, question);
            }
            let mut held = Vec::new();
            for shard in self.shards.values_mut() {
                shard.load_some(&world);
                shard.on_time(&world);
                shard.end_turn(&world, &mut held);
            }
            self.hold(held);
            match self.wait(&mut queue, &mut asked, &mut stopping).await {
                Woken::Asked | Woken::ToLook => {}
                Woken::Released(released) => self.on_released(released),
                Woken::Done(first) => {
                    done.push(first);
                    self.take_done(&mut done);
                }
                Woken::Stopping => break,
            }
        }
        self.stop(queue, asked).await;
    }

    /// Takes over a newer image: other settings, topics that came or went, and with them perhaps shards.
    fn look_around(&mut self) {
        let image = self.images.keep();
        if Arc::ptr_eq(&image, &self.image) {
            return;
        }
        let before = std::mem::replace(&mut self.image, image);
        if !S::goes_by_the_same(&before, &self.image) {
            self.settings = S::settings(&self.image);
        }
        self.open_shards();
        let now = Now { time: self.clock.now(), tick: self.clock.tick() };
        let world = World { now, settings: &self.settings, image: &self.image };
        for shard in self.shards.values_mut() {
            shard.on_changes(&world, &before);
        }
    }

    /// Makes a shard for each partition that is this thread's, and drops those whose partition is gone.
    fn open_shards(&mut self) {
        let (number, count) = self.place;
        let topic = self.image.topic(S::TOPIC);
        let own = |place: &usize| place.checked_rem(count) == Some(number);
        let partitions = topic.iter().flat_map(|topic| topic.partitions.iter().enumerate());
        let partitions: BTreeMap<i32, &Arc<Partition>> = partitions
            .filter(|(place, _)| own(place))
            .filter_map(|(place, partition)| Some((i32::try_from(place).ok()?, partition.as_ref()?)))
            .collect();
        self.shards.retain(|index, shard| {
            let stays = partitions.get(index).is_some_and(|partition| shard.is_of(partition));
            if !stays {
                shard.close(ErrorCode::NotCoordinator);
            }
            stays
        });
        for (index, partition) in partitions {
            self.shards.entry(index).or_insert_with(|| ShardRuntime::new(Arc::clone(partition), &self.image));
        }
    }

    /// Lets answers go, and effects begin, when they may.
    fn hold(&mut self, held: Vec<Held<S>>) {
        let within = S::limits(&self.image.broker).answered_within;
        for held in held {
            match held.release_if_durable() {
                Ok(released) => self.on_released(released),
                Err(held) => {
                    self.releases.spawn_local(held.release_when_durable(within));
                }
            }
        }
    }

    fn on_released(&mut self, released: Released<S>) {
        match released {
            Released::Sent(Effects { partition, life, decided }) => {
                for effect in decided {
                    let (deed, partition) = (S::perform(&self.hands, effect), Arc::clone(&partition));
                    self.deeds.spawn_local(async move { Done { partition, life, report: deed.await } });
                }
            }
            // A log that failed before what was appended to it was durable: nothing that its shard knows may be told any more.
            Released::Failed(partition) => {
                for shard in self.shards.values_mut().filter(|shard| shard.is_of(&partition)) {
                    shard.close(ErrorCode::CoordinatorNotAvailable);
                }
            }
        }
    }

    /// Takes what was done meanwhile, so that what is decided about it shares an append.
    fn take_done(&mut self, done: &mut Vec<Done<S>>) {
        while done.len() < TOGETHER_MAX {
            match self.deeds.try_join_next() {
                // A deed that panicked has nothing to say; its shard asks for it again when it is loaded.
                Some(deed) => done.extend(deed),
                None => return,
            }
        }
    }

    /// Waits until there is something to do. Every arm is cancel-safe: a queue, a watch and a set of tasks keep what was not
    /// taken, a timer holds nothing.
    async fn wait(
        &mut self,
        queue: &mut mpsc::Receiver<Question<S>>,
        asked: &mut Vec<Question<S>>,
        stopping: &mut watch::Receiver<bool>,
    ) -> Woken<S> {
        let now = self.clock.tick();
        let due = self.shards.values().filter_map(ShardRuntime::next_deadline).min();
        let pause = due.map(|due| Duration::from_millis(due.as_ms().saturating_sub(now.as_ms())));
        tokio::select! {
            biased;
            _ = stopping.changed() => Woken::Stopping,
            count = queue.recv_many(asked, TOGETHER_MAX) => if count == 0 { Woken::Stopping } else { Woken::Asked },
            Some(released) = self.releases.join_next(), if !self.releases.is_empty() => {
                released.map_or(Woken::ToLook, Woken::Released)
            }
            Some(done) = self.deeds.join_next(), if !self.deeds.is_empty() => done.map_or(Woken::ToLook, Woken::Done),
            () = self.images.changed() => Woken::ToLook,
            () = sleep(pause) => Woken::ToLook,
        }
    }

    /// Answers everybody: those who ask from now on and those who wait for others with an error that makes them ask again;
    /// those whose answer is on its way to the disk with that answer. What is being done is left: the next start does it.
    async fn stop(mut self, mut queue: mpsc::Receiver<Question<S>>, asked: Vec<Question<S>>) {
        queue.close();
        for question in asked {
            question.asked.refuse(ErrorCode::CoordinatorNotAvailable);
        }
        while let Ok(question) = queue.try_recv() {
            question.asked.refuse(ErrorCode::CoordinatorNotAvailable);
        }
        for shard in self.shards.values_mut() {
            shard.close(ErrorCode::CoordinatorNotAvailable);
        }
        self.deeds.abort_all();
        while self.releases.join_next().await.is_some() {}
    }
}

fn answer<S: Shard>(shards: &mut BTreeMap<i32, ShardRuntime<S>>, world: &World<'_, S>, question: Question<S>) {
    match shards.get_mut(&question.partition) {
        Some(shard) => shard.on_asked(world, question.asked),
        // Its log cannot be opened, or its topic was deleted.
        None => question.asked.refuse(ErrorCode::NotCoordinator),
    }
}

/// Tells a shard what came of what it decided. If it is loaded again meanwhile it does not care: it asks for it again.
fn follow<S: Shard>(shards: &mut BTreeMap<i32, ShardRuntime<S>>, world: &World<'_, S>, done: Done<S>) {
    if let Some(shard) = shards.values_mut().find(|shard| shard.is_of(&done.partition)) {
        shard.on_report(world, done.life, done.report);
    }
}

async fn sleep(pause: Option<Duration>) {
    match pause {
        // Lets the answers go that became durable meanwhile: their tasks run on this thread.
        Some(Duration::ZERO) => tokio::task::yield_now().await,
        Some(pause) => tokio::time::sleep(pause).await,
        None => std::future::pending().await,
    }
}
