//! Group commit: which logs want a sync, and the threads that do it. One sync serves all that waited for it; what comes while
//! it runs waits for the next, which begins as soon as this one returns.
//!
//! Does not know: who waits. The logs tell their observers how far they are durable.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::partition_log::PartitionLog;

/// Where a log is on its way to a sync.
#[derive(Debug, Default)]
pub(crate) struct CommitState(AtomicU8);

const IDLE: u8 = 0;
const QUEUED: u8 = 1;
const SYNCING: u8 = 2;
const SYNCING_AND_REQUESTED: u8 = 3;

impl CommitState {
    /// Notes a request; whether the log has to be queued for it.
    fn request(&self) -> bool {
        let requested = |state| match state {
            IDLE => Some(QUEUED),
            SYNCING => Some(SYNCING_AND_REQUESTED),
            _ => None,
        };
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, requested) == Ok(IDLE)
    }

    fn begin_sync(&self) {
        self.0.store(SYNCING, Ordering::Release);
    }

    /// Notes that a sync returned; whether the log has to be queued again.
    fn end_sync(&self) -> bool {
        let ended = |state| Some(if state == SYNCING_AND_REQUESTED { QUEUED } else { IDLE });
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, ended) == Ok(SYNCING_AND_REQUESTED)
    }
}

/// A few threads that sync the logs that ask for it.
#[derive(Debug)]
pub struct GroupCommit {
    queue: Arc<Queue>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// Each log is in it once at most, so it is bounded by the number of logs.
#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    is_filled: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    logs: VecDeque<Arc<PartitionLog>>,
    is_stopped: bool,
}

impl GroupCommit {
    /// Starts `threads` threads, at least one.
    ///
    /// # Errors
    /// What the system says when a thread cannot be made.
    pub fn start(threads: usize) -> std::io::Result<Self> {
        let commit = Self { queue: Arc::new(Queue::default()), threads: Mutex::new(Vec::new()) };
        for number in 0..threads.max(1) {
            let queue = Arc::clone(&commit.queue);
            let thread = std::thread::Builder::new().name(format!("sync-{number}")).spawn(move || queue.serve())?;
            commit.threads().push(thread);
        }
        Ok(commit)
    }

    /// Asks for a sync of everything that was appended to the log until now. Returns at once; the log's observer is called
    /// when it is done. Asking again before the sync begins costs nothing.
    pub fn request(&self, log: &Arc<PartitionLog>) {
        if log.commit_state.request() {
            self.queue.push(Arc::clone(log));
        }
    }

    /// Syncs what was asked for, then ends the threads and waits for them. Requests after it are not served.
    pub fn stop(&self) {
        self.queue.lock().is_stopped = true;
        self.queue.is_filled.notify_all();
        for thread in self.threads().drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread that syncs logs has panicked");
            }
        }
    }

    fn threads(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for GroupCommit {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Queue {
    fn serve(&self) {
        while let Some(log) = self.next() {
            log.commit_state.begin_sync();
            // An error took the log offline, which told its observer and everybody else.
            let failed = log.sync().is_err();
            if log.commit_state.end_sync() && !failed {
                self.push(log);
            }
        }
    }

    /// The log whose turn it is; `None` when stopped and nothing is left.
    fn next(&self) -> Option<Arc<PartitionLog>> {
        let mut waiting = self.lock();
        loop {
            if let Some(log) = waiting.logs.pop_front() {
                return Some(log);
            }
            if waiting.is_stopped {
                return None;
            }
            waiting = self.is_filled.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn push(&self, log: Arc<PartitionLog>) {
        self.lock().logs.push_back(log);
        self.is_filled.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
