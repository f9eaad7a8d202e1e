//! What handlers call: hands an event to the thread that has the group's shard.

use std::io;
use std::pin::Pin;
use std::sync::Arc;

use coordinator::group::{GroupEvent, GroupReply};
use model::ErrorCode;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot, watch};

use super::internal_topic::partition_of;
use super::settings;
use super::thread::{CoordinatorThread, CoordinatorThreads};
use crate::clock::Clock;
use crate::metadata::{Images, OFFSETS_TOPIC, Topic};

/// Where an answer goes. A client that went away does not want it.
pub(super) type AnswerTo = oneshot::Sender<Result<GroupReply, ErrorCode>>;

/// The other end of it.
type Answer = oneshot::Receiver<Result<GroupReply, ErrorCode>>;

/// An answer that is on its way to a handler.
pub(super) type Later<T> = Pin<Box<dyn Future<Output = Result<T, ErrorCode>>>>;

/// An event on its way to its shard.
pub(super) struct Question {
    /// The partition of `__consumer_offsets`.
    pub(super) partition: i32,
    /// What is asked.
    pub(super) event: GroupEvent,
    /// Where the answer goes.
    pub(super) answer_to: AnswerTo,
}

/// The coordinators, as handlers see them.
#[derive(Debug)]
pub(crate) struct Coordinators {
    images: Images,
    threads: Vec<mpsc::Sender<Question>>,
}

impl Coordinators {
    /// Starts the threads. They end when `stopping` says so, which answers whoever waits, or when the last handle is dropped.
    ///
    /// # Errors
    /// The system's, when a thread or its runtime cannot be made.
    pub(crate) fn start(
        images: &Images,
        clock: Clock,
        stopping: &watch::Receiver<bool>,
    ) -> io::Result<(Self, CoordinatorThreads)> {
        let config = Arc::clone(&images.now().broker);
        let count = settings::threads(&config);
        let mut threads = Vec::with_capacity(count);
        let mut running = CoordinatorThreads::default();
        for number in 0..count {
            let (sender, queue) = mpsc::channel(settings::queue_max(&config));
            let thread = CoordinatorThread::new((number, count), images.clone(), clock);
            running.start(thread, queue, stopping.clone())?;
            threads.push(sender);
        }
        Ok((Self { images: images.clone(), threads }, running))
    }

    /// Asks the shard of the event's group. The event stands in the shard's queue when this returns, so that what one
    /// connection sends is decided in its order; the answer is awaited afterwards.
    pub(super) fn ask<T: 'static>(&self, event: GroupEvent, take: fn(GroupReply) -> Option<T>) -> Later<T> {
        let count = self.with_topic(|topic| i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX));
        let asked = count.and_then(|count| self.put(partition_of(event.group_id().unwrap_or_default(), count), event));
        answered(asked, take)
    }

    /// Asks every shard, with an event for each.
    pub(super) fn ask_all<T: 'static>(
        &self,
        event: impl Fn() -> GroupEvent,
        take: fn(GroupReply) -> Option<T>,
    ) -> Vec<Later<T>> {
        // Without the topic there is no group, which is an answer.
        let indexes: Vec<i32> = self.with_topic(|topic| topic.indexes().collect()).unwrap_or_default();
        indexes.into_iter().map(|partition| answered(self.put(partition, event()), take)).collect()
    }

    /// Whether this broker coordinates the group: its partition is there and its log is well.
    ///
    /// # Errors
    /// `NOT_COORDINATOR` if there is no topic yet, `COORDINATOR_NOT_AVAILABLE` if the partition is not served.
    pub(crate) fn check(&self, group_id: &str) -> Result<(), ErrorCode> {
        self.with_topic(|topic| {
            let count = i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX);
            let partition = topic.partition(partition_of(group_id, count));
            partition.is_ok_and(|partition| !partition.log().is_offline())
        })
        .and_then(|is_served| if is_served { Ok(()) } else { Err(ErrorCode::CoordinatorNotAvailable) })
    }

    fn with_topic<T>(&self, look: impl FnOnce(&Topic) -> T) -> Result<T, ErrorCode> {
        self.images.now().topic(OFFSETS_TOPIC).map(|topic| look(topic)).ok_or(ErrorCode::NotCoordinator)
    }

    fn put(&self, partition: i32, event: GroupEvent) -> Result<Answer, ErrorCode> {
        let place = usize::try_from(partition).unwrap_or(0).checked_rem(self.threads.len());
        let thread = place.and_then(|place| self.threads.get(place)).ok_or(ErrorCode::CoordinatorNotAvailable)?;
        let (answer_to, answer) = oneshot::channel();
        match thread.try_send(Question { partition, event, answer_to }) {
            Ok(()) => Ok(answer),
            Err(TrySendError::Full(_)) => Err(ErrorCode::CoordinatorLoadInProgress),
            Err(TrySendError::Closed(_)) => Err(ErrorCode::CoordinatorNotAvailable),
        }
    }
}

fn answered<T: 'static>(asked: Result<Answer, ErrorCode>, take: fn(GroupReply) -> Option<T>) -> Later<T> {
    Box::pin(async move {
        // A thread that ended without answering is gone.
        let reply = asked?.await.map_err(|_| ErrorCode::CoordinatorNotAvailable)??;
        take(reply).ok_or(ErrorCode::UnknownServerError)
    })
}

impl Question {
    /// Answers with an error.
    pub(super) fn refuse(self, code: ErrorCode) {
        // Whoever went away does not want it.
        drop(self.answer_to.send(Err(code)));
    }
}
