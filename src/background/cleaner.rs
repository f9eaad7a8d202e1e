//! The threads of compaction: each takes the log with the largest uncleaned share, cleans it, and pauses when there is none.
//!
//! Owns: which log, when, how fast, on which thread. Does not know: how.

use std::collections::BTreeSet;
use std::io;
use std::ops::ControlFlow;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use model::{PartitionIndex, TopicId};
use storage::{CleanError, CleanOptions, Cleanable};
use tracing::{error, info, warn};

use crate::clock::Clock;
use crate::partitions::{CleanerSettings, Partition, Registry};
use crate::telemetry::LastCleaning;
use crate::throttle::Throttle;

type LogKey = (TopicId, PartitionIndex);

/// The threads.
#[derive(Debug)]
pub(super) struct Cleaners {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    registry: Arc<Registry>,
    clock: Clock,
    throttle: Mutex<Throttle>,
    state: Mutex<State>,
    stopped: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_stopped: bool,
    /// Logs that a thread is cleaning.
    taken: BTreeSet<LogKey>,
    /// Logs whose cleaning failed; they wait until all others are done.
    failed: BTreeSet<LogKey>,
    /// The threads, by their numbers.
    threads: Vec<JoinHandle<()>>,
}

impl Cleaners {
    /// Starts the first thread, which starts the others.
    ///
    /// # Errors
    /// The system's, when it cannot be made.
    pub(super) fn start(registry: Arc<Registry>, clock: Clock) -> io::Result<Self> {
        let shared = Shared {
            registry,
            clock,
            throttle: Mutex::new(Throttle::new(clock.tick())),
            state: Mutex::default(),
            stopped: Condvar::new(),
        };
        let cleaners = Self { shared: Arc::new(shared) };
        let first = spawn(&cleaners.shared, 0)?;
        cleaners.shared.lock().threads.push(first);
        Ok(cleaners)
    }

    /// Ends the threads, also in the middle of a log.
    pub(super) fn stop(self) {
        let threads = {
            let mut state = self.shared.lock();
            state.is_stopped = true;
            std::mem::take(&mut state.threads)
        };
        self.shared.stopped.notify_all();
        for thread in threads {
            if thread.join().is_err() {
                error!("a thread of compaction ended with a panic");
            }
        }
    }
}

fn spawn(shared: &Arc<Shared>, number: usize) -> io::Result<JoinHandle<()>> {
    let shared = Arc::clone(shared);
    std::thread::Builder::new().name(format!("cleaner-{number}")).spawn(move || serve(&shared, number))
}

/// The life of a thread: until the broker stops, or fewer threads are wanted. The first one always stays.
fn serve(shared: &Arc<Shared>, number: usize) {
    let _life = shared.registry.metrics().cleaning.begin_life();
    loop {
        let settings = shared.registry.cleaner_settings();
        if number == 0 {
            shared.start_missing(settings.threads);
        } else if number >= settings.threads {
            return;
        }
        let found = if number < settings.threads { shared.take_filthiest() } else { None };
        match found {
            Some(found) => shared.clean(number, found, &settings),
            None if shared.pause(settings.backoff_ms.max(1)) => return,
            None => shared.lock().failed.clear(),
        }
    }
}

/// A log that was taken to be cleaned.
struct Taken {
    key: LogKey,
    partition: Arc<Partition>,
    cleanable: Cleanable,
}

impl Shared {
    fn start_missing(self: &Arc<Self>, wanted: usize) {
        let mut state = self.lock();
        if state.is_stopped {
            return;
        }
        while state.threads.len() > 1 && state.threads.last().is_some_and(JoinHandle::is_finished) {
            state.threads.pop();
        }
        for number in state.threads.len()..wanted {
            match spawn(self, number) {
                Ok(thread) => state.threads.push(thread),
                Err(problem) => {
                    warn!(number, error = %problem, "a thread of compaction could not be started");
                    return;
                }
            }
        }
    }

    /// The log that has the most to clean by its share, of those that are due and that nobody has.
    fn take_filthiest(&self) -> Option<Taken> {
        let now = self.clock.now();
        let (mut filthiest, mut dirtiest): (Option<Taken>, f64) = (None, 0.0);
        for partition in self.registry.all() {
            let key = (partition.log().topic_id(), partition.log().topic_partition().partition);
            if self.is_out(&key) || partition.is_retired() {
                continue;
            }
            let cleanable = match partition.log().cleanable(partition.last_stable_offset(), now) {
                Ok(cleanable) => {
                    dirtiest = dirtiest.max(cleanable.as_ref().map_or(0.0, Cleanable::dirty_ratio));
                    cleanable.filter(|cleanable| cleanable.is_due)
                }
                Err(problem) => {
                    report(&partition, &problem);
                    self.lock().failed.insert(key);
                    None
                }
            };
            if let Some(cleanable) = cleanable
                && filthiest.as_ref().is_none_or(|found| cleanable.dirty_ratio() > found.cleanable.dirty_ratio())
            {
                filthiest = Some(Taken { key, partition, cleanable });
            }
        }
        self.registry.metrics().cleaning.looked(self.clock.tick(), dirtiest);
        // Another thread may have taken it meanwhile: then this one looks again after a pause.
        filthiest.filter(|found| self.lock().taken.insert(found.key))
    }

    fn is_out(&self, key: &LogKey) -> bool {
        let state = self.lock();
        state.taken.contains(key) || state.failed.contains(key)
    }

    fn clean(&self, thread: usize, taken: Taken, settings: &CleanerSettings) {
        let Taken { key, partition, cleanable } = taken;
        let options = CleanOptions {
            map_bytes_max: settings.map_bytes_max,
            map_load_factor: settings.map_load_factor,
            buffer_size: settings.buffer_size,
        };
        let started = self.clock.tick();
        let mut pace = |bytes| self.pace(bytes, settings);
        let result = partition.log().clean(&cleanable, options, self.clock.now(), &mut pace);
        match &result {
            Ok(cleaned) => {
                let (bytes_before, bytes_after) = (cleaned.bytes_before, cleaned.bytes_after);
                let took_ms = self.clock.tick().as_ms().saturating_sub(started.as_ms());
                let overdue_ms = u64::try_from(cleanable.overdue_ms).unwrap_or(0);
                let last = LastCleaning { bytes_before, bytes_after, took_ms, overdue_ms };
                self.registry.metrics().cleaning.cleaned(thread, last);
                info!(
                    partition = %partition.log().topic_partition(),
                    first_dirty = %cleaned.first_dirty,
                    bytes_before,
                    bytes_after,
                    ms = took_ms,
                    "compacted"
                );
            }
            Err(problem) => report(&partition, problem),
        }
        let mut state = self.lock();
        state.taken.remove(&key);
        if result.is_err() {
            state.failed.insert(key);
        }
    }

    fn pace(&self, bytes: u64, settings: &CleanerSettings) -> ControlFlow<()> {
        if self.lock().is_stopped {
            return ControlFlow::Break(());
        }
        if settings.bytes_per_second_max >= f64::MAX {
            return ControlFlow::Continue(());
        }
        let pause_ms = {
            let mut throttle = self.throttle.lock().unwrap_or_else(PoisonError::into_inner);
            throttle.note(bytes, settings.bytes_per_second_max, self.clock.tick())
        };
        if pause_ms > 0 && self.pause(pause_ms) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Waits; whether the broker stops.
    fn pause(&self, ms: u64) -> bool {
        let state = self.lock();
        let waited = self.stopped.wait_timeout_while(state, Duration::from_millis(ms), |state| !state.is_stopped);
        waited.unwrap_or_else(PoisonError::into_inner).0.is_stopped
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Sets that are changed by single calls.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn report(partition: &Partition, problem: &CleanError) {
    let name = partition.log().topic_partition();
    match problem {
        CleanError::Offline | CleanError::Stopped | CleanError::Changed => {
            tracing::debug!(partition = %name, "not compacted: {problem}");
        }
        CleanError::NoSpace(_) => warn!(partition = %name, error = %problem, "not compacted; tried again later"),
        CleanError::Damaged { .. } | CleanError::Io(_) => error!(partition = %name, error = %problem, "not compacted"),
    }
}
