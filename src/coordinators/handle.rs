//! What handlers' questions go through: hands an event to the thread that has the shard.

use std::io;
use std::pin::Pin;

use coordinator::shard::Producer;
use model::ErrorCode;
use storage::producers::{EpochRule, FirstSequence, Marker, Verified};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot, watch};

use super::internal_topic::partition_of;
use super::shard::Shard;
use super::shard_runtime::stamp;
use super::thread::{CoordinatorThread, CoordinatorThreads};
use crate::clock::Clock;
use crate::metadata::{Images, Topic};

/// Where an answer goes. A client that went away does not want it.
pub(super) type AnswerTo<R> = oneshot::Sender<Result<R, ErrorCode>>;

/// The other end of it.
type Answer<R> = oneshot::Receiver<Result<R, ErrorCode>>;

/// An answer that is on its way to a handler.
pub(crate) type Later<T> = Pin<Box<dyn Future<Output = Result<T, ErrorCode>>>>;

/// A question on its way to its shard.
pub(super) struct Question<S: Shard> {
    /// The partition of the kind's topic.
    pub(super) partition: i32,
    /// What is asked.
    pub(super) asked: Asked<S>,
}

/// What a shard is asked, and where the answer goes.
pub(super) enum Asked<S: Shard> {
    /// To decide; in a transaction if there is something that vouches for it.
    Event(S::Event, Option<Vouched>, AnswerTo<S::Reply>),
    /// To append the end of a transaction to its partition, and to follow it.
    Marker(Marker, EpochRule, AnswerTo<()>),
}

/// A transaction, and what vouches for its beginning in the shard's partition.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vouched {
    /// Whose transaction.
    pub(super) producer: Producer,
    /// What vouches for it.
    pub(super) verified: Verified,
}

/// The shards of one kind, as those who ask see them.
#[derive(Debug)]
pub(super) struct Handle<S: Shard> {
    images: Images,
    clock: Clock,
    threads: Vec<mpsc::Sender<Question<S>>>,
}

impl<S: Shard> Handle<S> {
    /// Starts the threads, which `running` is to hold.
    ///
    /// # Errors
    /// The system's, when a thread or its runtime cannot be made.
    pub(super) fn start(
        images: &Images,
        clock: Clock,
        hands: &S::Hands,
        (running, stopping): (&mut CoordinatorThreads, &watch::Receiver<bool>),
    ) -> io::Result<Self> {
        let limits = S::limits(&images.now().broker);
        let mut threads = Vec::with_capacity(limits.threads);
        for number in 0..limits.threads {
            let (sender, queue) = mpsc::channel(limits.queue_max);
            let thread = CoordinatorThread::<S>::new((number, limits.threads), images.clone(), clock, hands.clone());
            running.start(thread, queue, stopping.clone())?;
            threads.push(sender);
        }
        Ok(Self { images: images.clone(), clock, threads })
    }

    /// Asks the shard that the event's key belongs to. The event stands in the shard's queue when this returns, so that what
    /// one connection sends is decided in its order; the answer is awaited afterwards.
    pub(super) fn ask<T: 'static>(&self, event: S::Event, take: fn(S::Reply) -> Option<T>) -> Later<T> {
        self.ask_with(event, None, take)
    }

    /// Asks as [`Self::ask`], in a transaction. What is vouched for is judged when the event is.
    pub(super) fn ask_in_transaction<T: 'static>(
        &self,
        event: S::Event,
        vouched: Vouched,
        take: fn(S::Reply) -> Option<T>,
    ) -> Later<T> {
        self.ask_with(event, Some(vouched), take)
    }

    fn ask_with<T: 'static>(
        &self,
        event: S::Event,
        vouched: Option<Vouched>,
        take: fn(S::Reply) -> Option<T>,
    ) -> Later<T> {
        let place = self.partition_of(S::key(&event).unwrap_or_default());
        answered(place.and_then(|partition| self.put_event(partition, event, vouched)), take)
    }

    /// Asks every shard, with an event for each.
    pub(super) fn ask_all<T: 'static>(
        &self,
        event: impl Fn() -> S::Event,
        take: fn(S::Reply) -> Option<T>,
    ) -> Vec<Later<T>> {
        // Without the topic there is nothing in it, which is an answer.
        let indexes: Vec<i32> = self.with_topic(|topic| topic.indexes().collect()).unwrap_or_default();
        indexes.into_iter().map(|partition| answered(self.put_event(partition, event(), None), take)).collect()
    }

    /// Whether this broker has the shard of this key: its partition is there and its log is well.
    ///
    /// # Errors
    /// `NOT_COORDINATOR` if there is no topic yet, `COORDINATOR_NOT_AVAILABLE` if the partition is not served.
    pub(super) fn check(&self, key: &str) -> Result<(), ErrorCode> {
        let partition = self.partition_of(key)?;
        let is_served = self.with_topic(|topic| {
            let partition = topic.partition(partition);
            partition.is_ok_and(|partition| !partition.log().is_offline())
        })?;
        if is_served { Ok(()) } else { Err(ErrorCode::CoordinatorNotAvailable) }
    }

    /// The partition that a key belongs to.
    ///
    /// # Errors
    /// `NOT_COORDINATOR` if there is no topic yet.
    pub(super) fn partition_of(&self, key: &str) -> Result<i32, ErrorCode> {
        self.with_topic(|topic| partition_of(key, i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX)))
    }

    /// Begins to ask whether a producer's transaction includes a partition of the topic: what vouches for it if the answer is
    /// yes.
    pub(super) fn begin_verification(&self, partition: i32, producer: Producer) -> Result<Verified, ErrorCode> {
        let partition = self.with_topic(|topic| topic.partition(partition).cloned())??;
        let guard = partition.log().begin_verification(&stamp(producer), FirstSequence::Any, self.clock.now());
        Ok(guard.map_or(Verified::ByOpenTransaction, Verified::By))
    }

    /// Has the marker that ends a transaction written to a partition of the topic, and followed.
    pub(super) fn end_transaction(&self, partition: i32, marker: Marker, rule: EpochRule) -> Later<()> {
        let (answer_to, answer) = oneshot::channel();
        let asked = self.put(Question { partition, asked: Asked::Marker(marker, rule, answer_to) });
        answered(asked.map(|()| answer), Some)
    }

    fn with_topic<T>(&self, look: impl FnOnce(&Topic) -> T) -> Result<T, ErrorCode> {
        self.images.now().topic(S::TOPIC).map(|topic| look(topic)).ok_or(ErrorCode::NotCoordinator)
    }

    fn put_event(
        &self,
        partition: i32,
        event: S::Event,
        vouched: Option<Vouched>,
    ) -> Result<Answer<S::Reply>, ErrorCode> {
        let (answer_to, answer) = oneshot::channel();
        self.put(Question { partition, asked: Asked::Event(event, vouched, answer_to) }).map(|()| answer)
    }

    fn put(&self, question: Question<S>) -> Result<(), ErrorCode> {
        let place = usize::try_from(question.partition).unwrap_or(0).checked_rem(self.threads.len());
        let thread = place.and_then(|place| self.threads.get(place)).ok_or(ErrorCode::CoordinatorNotAvailable)?;
        match thread.try_send(question) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => Err(ErrorCode::CoordinatorLoadInProgress),
            Err(TrySendError::Closed(_)) => Err(ErrorCode::CoordinatorNotAvailable),
        }
    }
}

fn answered<R: 'static, T: 'static>(asked: Result<Answer<R>, ErrorCode>, take: fn(R) -> Option<T>) -> Later<T> {
    Box::pin(async move {
        // A thread that ended without answering is gone.
        let reply = asked?.await.map_err(|_| ErrorCode::CoordinatorNotAvailable)??;
        take(reply).ok_or(ErrorCode::UnknownServerError)
    })
}

impl<S: Shard> Asked<S> {
    /// Answers with an error.
    pub(super) fn refuse(self, code: ErrorCode) {
        match self {
            Self::Event(_, _, answer_to) => tell(answer_to, Err(code)),
            Self::Marker(_, _, answer_to) => tell(answer_to, Err(code)),
        }
    }
}

/// Answers. Whoever went away does not want it.
pub(super) fn tell<R>(answer_to: AnswerTo<R>, answer: Result<R, ErrorCode>) {
    drop(answer_to.send(answer));
}
