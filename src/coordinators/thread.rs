//! One thread: takes events from its queue, has its shards decide, and lets answers go when what they rest on is durable.
//!
//! All that a thread waits for is in [`CoordinatorThread::wait`]; with nothing to do it sleeps. Its shards are those whose
//! partition, modulo the number of threads, is its own number.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use coordinator::group::GroupSettings;
use coordinator::shard::Now;
use model::ErrorCode;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinSet, LocalSet};
use tracing::error;

use super::handle::Question;
use super::settings;
use super::shard_runtime::{Held, Released, ShardRuntime, World};
use super::topics;
use crate::clock::Clock;
use crate::metadata::{Image, Images, OFFSETS_TOPIC};
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
    pub(super) fn start(
        &mut self,
        thread: CoordinatorThread,
        queue: mpsc::Receiver<Question>,
        stopping: watch::Receiver<bool>,
    ) -> io::Result<()> {
        let runtime: Runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let handle = std::thread::Builder::new()
            .name(format!("coordinator-{}", thread.place.0))
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
pub(super) struct CoordinatorThread {
    /// Which of how many threads this is.
    place: (usize, usize),
    clock: Clock,
    images: Images,
    /// What exists, as the shards know it.
    image: Arc<Image>,
    settings: GroupSettings,
    shards: BTreeMap<i32, ShardRuntime>,
    /// Answers that wait for durability; each ends with the partition that it waited for.
    releases: JoinSet<Released>,
}

/// What ended a wait.
enum Woken {
    Asked,
    Stopping,
    Released(Released),
    ToLook,
}

impl CoordinatorThread {
    /// A thread without shards: it finds them in the image.
    pub(super) fn new(place: (usize, usize), images: Images, clock: Clock) -> Self {
        let image = images.keep();
        let settings = settings::group_settings(&image);
        let (shards, releases) = (BTreeMap::new(), JoinSet::new());
        let mut this = Self { place, clock, images, image, settings, shards, releases };
        this.open_shards();
        this
    }

    async fn run(mut self, mut queue: mpsc::Receiver<Question>, mut stopping: watch::Receiver<bool>) {
        let mut asked = Vec::new();
        while !*stopping.borrow() {
            // Before the questions: who asks has seen an image that is at least as old.
            self.look_around();
            let now = Now { time: self.clock.now(), tick: self.clock.tick() };
            let world = World { now, settings: &self.settings, image: &self.image };
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
                Woken::Released(released) => self.on_released(&released),
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
        if !settings::are_same(&before, &self.image) {
            self.settings = settings::group_settings(&self.image);
        }
        self.open_shards();
        if let Some(changes) = topics::changes(&before, &self.image) {
            let now = Now { time: self.clock.now(), tick: self.clock.tick() };
            let world = World { now, settings: &self.settings, image: &self.image };
            for shard in self.shards.values_mut() {
                shard.on_topics_changed(&world, &changes);
            }
        }
    }

    /// Makes a shard for each partition that is this thread's, and drops those whose partition is gone.
    fn open_shards(&mut self) {
        let (number, count) = self.place;
        let topic = self.image.topic(OFFSETS_TOPIC);
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

    /// Lets answers go when they may.
    fn hold(&mut self, held: Vec<Held>) {
        for held in held {
            if let Some(held) = held.release_if_durable() {
                self.releases.spawn_local(held.release_when_durable());
            }
        }
    }

    /// A log that failed before what was appended to it was durable: nothing that its shard knows may be told any more.
    fn on_released(&mut self, released: &Released) {
        if let Released::Failed(partition) = released {
            for shard in self.shards.values_mut().filter(|shard| shard.is_of(partition)) {
                shard.close(ErrorCode::CoordinatorNotAvailable);
            }
        }
    }

    /// Waits until there is something to do. Every arm is cancel-safe: a queue, a watch and a set of tasks keep what was not
    /// taken, a timer holds nothing.
    async fn wait(
        &mut self,
        queue: &mut mpsc::Receiver<Question>,
        asked: &mut Vec<Question>,
        stopping: &mut watch::Receiver<bool>,
    ) -> Woken {
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
            () = self.images.changed() => Woken::ToLook,
            () = sleep(pause) => Woken::ToLook,
        }
    }

    /// Answers everybody: those who ask from now on and those who wait for other members with an error that makes them ask
    /// again; those whose answer is on its way to the disk with that answer.
    async fn stop(mut self, mut queue: mpsc::Receiver<Question>, asked: Vec<Question>) {
        queue.close();
        for question in asked {
            question.refuse(ErrorCode::CoordinatorNotAvailable);
        }
        while let Ok(question) = queue.try_recv() {
            question.refuse(ErrorCode::CoordinatorNotAvailable);
        }
        for shard in self.shards.values_mut() {
            shard.close(ErrorCode::CoordinatorNotAvailable);
        }
        while self.releases.join_next().await.is_some() {}
    }
}

fn answer(shards: &mut BTreeMap<i32, ShardRuntime>, world: &World<'_>, question: Question) {
    match shards.get_mut(&question.partition) {
        Some(shard) => shard.on_event(world, question.event, question.answer_to),
        // Its log cannot be opened, or its topic was deleted.
        None => question.refuse(ErrorCode::NotCoordinator),
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
