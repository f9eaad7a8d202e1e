//! Records that are not in memory: a few threads read them from the disk into the page cache, so that an event loop never
//! waits for a disk while others wait for the event loop.
//!
//! Bounded by the connections: each has at most one read under way.

use std::collections::VecDeque;
use std::io::{self, IoSliceMut};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use model::num::{usize_from_u32, usize_from_u64};
use rustix::io::{Errno, ReadWriteFlags};
use storage::FileRange;
use tokio::sync::oneshot;

/// Bytes that a thread reads at once.
const CHUNK: u32 = 128 << 10;

/// Whether sending this range would wait for the disk: its first or its last byte is not in memory. What lies between has
/// usually come with them, by the kernel's read-ahead; where not, the send waits for that part.
pub(super) fn is_cold(range: &FileRange) -> bool {
    let last = range.position + u64::from(range.length.saturating_sub(1));
    let Some(file) = range.file.as_fd() else { return false };
    [range.position, last].into_iter().any(|position| {
        let mut byte = [0];
        let read = rustix::io::preadv2(file, &mut [IoSliceMut::new(&mut byte)], position, ReadWriteFlags::NOWAIT);
        // A file system without RWF_NOWAIT says so with another error; then every range counts as warm.
        matches!(read, Err(Errno::AGAIN))
    })
}

/// A range to read, and whom to tell.
struct Job {
    range: FileRange,
    done: oneshot::Sender<()>,
}

#[derive(Default)]
struct Queue {
    jobs: Mutex<Jobs>,
    is_filled: Condvar,
}

#[derive(Default)]
struct Jobs {
    waiting: VecDeque<Job>,
    is_stopped: bool,
}

/// The threads that read. They end when the last handle is dropped.
pub(crate) struct ColdReads {
    queue: Arc<Queue>,
}

impl ColdReads {
    /// Starts the threads (`cold.read.threads`).
    ///
    /// # Errors
    /// The system's, when one cannot be made.
    pub(crate) fn start(threads: usize) -> io::Result<Self> {
        let queue = Arc::new(Queue::default());
        for number in 0..threads.max(1) {
            let queue = Arc::clone(&queue);
            std::thread::Builder::new().name(format!("read-{number}")).spawn(move || queue.serve())?;
        }
        Ok(Self { queue })
    }

    /// Has a range read; the receiver hears when it was, also if that failed: the send that follows meets the same error.
    pub(super) fn read(&self, range: FileRange) -> oneshot::Receiver<()> {
        let (done, is_done) = oneshot::channel();
        self.queue.lock().waiting.push_back(Job { range, done });
        self.queue.is_filled.notify_one();
        is_done
    }
}

impl Drop for ColdReads {
    fn drop(&mut self) {
        self.queue.lock().is_stopped = true;
        self.queue.is_filled.notify_all();
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self) {
        let mut buffer = vec![0; usize_from_u32(CHUNK)];
        while let Some(job) = self.next() {
            read(&job.range, &mut buffer);
            // The connection may have ended meanwhile.
            job.done.send(()).unwrap_or_default();
        }
    }

    fn next(&self) -> Option<Job> {
        let mut jobs = self.lock();
        while jobs.waiting.is_empty() && !jobs.is_stopped {
            jobs = self.is_filled.wait(jobs).unwrap_or_else(PoisonError::into_inner);
        }
        jobs.waiting.pop_front()
    }
}

/// Reads a range and forgets it: the page cache keeps it.
fn read(range: &FileRange, buffer: &mut [u8]) {
    let mut position = range.position;
    let end = range.position + u64::from(range.length);
    while position < end {
        let wanted = usize_from_u64(end - position).min(buffer.len());
        let Some(part) = buffer.get_mut(..wanted) else { return };
        match range.file.read_at(part, position) {
            Ok(0) | Err(_) => return,
            Ok(bytes) => position += model::num::u64_from_usize(bytes),
        }
    }
}
