//! Who waits for a partition's watermark. A waiting request costs nothing until the watermark moves far enough for it.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use model::Offset;

/// More than the bytes of any log: what a wait misses while it is not known.
const UNKNOWN: i64 = i64::MAX / 2;

/// What one request waits for; shared between the request and the partitions that it waits on.
#[derive(Debug)]
pub(super) struct WaitCell {
    fired: AtomicBool,
    /// Bytes that must still become visible, over all partitions of the wait.
    missing: AtomicI64,
    waker: Mutex<Option<Waker>>,
}

impl WaitCell {
    /// A wait that no number of bytes ends before [`Self::expect`] says how many are needed.
    pub(super) fn new() -> Arc<Self> {
        let missing = AtomicI64::new(UNKNOWN);
        Arc::new(Self { fired: AtomicBool::new(false), missing, waker: Mutex::new(None) })
    }

    /// Says how many bytes the wait is for; those that came since it began count.
    pub(super) fn expect(&self, missing: i64) {
        let came = UNKNOWN - self.missing.fetch_sub(UNKNOWN - missing, Ordering::AcqRel);
        if came >= missing {
            self.fire();
        }
    }

    /// Ends the wait.
    pub(super) fn fire(&self) {
        if !self.fired.swap(true, Ordering::AcqRel) {
            let waker = self.lock().take();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }

    /// Ready when the wait has ended.
    pub(super) fn poll(&self, context: &Context<'_>) -> Poll<()> {
        if self.fired.load(Ordering::Acquire) {
            return Poll::Ready(());
        }
        let mut waker = self.lock();
        match &mut *waker {
            Some(known) => known.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        drop(waker);
        // Fired between the first look and the registration.
        if self.fired.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
    }

    fn saw_bytes(&self, bytes: u64) -> bool {
        let bytes = i64::try_from(bytes).unwrap_or(UNKNOWN).min(UNKNOWN);
        self.missing.fetch_sub(bytes, Ordering::AcqRel) <= bytes
    }

    fn lock(&self) -> MutexGuard<'_, Option<Waker>> {
        self.waker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When a waiter is done with one partition.
#[derive(Clone, Copy, Debug)]
pub(super) enum WaitsFor {
    /// The watermark reaches this offset.
    Watermark(Offset),
    /// Its cell's bytes become visible, here or elsewhere.
    Bytes,
    /// Its cell's bytes become visible to a reader of committed records.
    StableBytes,
}

/// The waiters of one partition.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    count: AtomicUsize,
    lists: Mutex<Lists>,
}

/// Who waits, found by what they wait for and by the address of their cell.
#[derive(Debug, Default)]
struct Lists {
    watermark: BTreeMap<(Offset, usize), Arc<WaitCell>>,
    bytes: HashMap<usize, Arc<WaitCell>>,
    stable_bytes: HashMap<usize, Arc<WaitCell>>,
}

impl Lists {
    fn len(&self) -> usize {
        self.watermark.len() + self.bytes.len() + self.stable_bytes.len()
    }

    /// Takes out those whose wait has ended.
    fn take_done(&mut self, watermark: Offset, bytes: u64) -> Vec<Arc<WaitCell>> {
        let mut done = take_filled(&mut self.bytes, bytes);
        while let Some(first) = self.watermark.first_entry() {
            if first.key().0 > watermark {
                break;
            }
            done.push(first.remove());
        }
        done
    }
}

impl Waiters {
    /// Adds a waiter. What moved before is not seen: the caller looks again after this.
    pub(super) fn register(&self, waits_for: WaitsFor, cell: &Arc<WaitCell>) {
        let mut lists = self.lock();
        match waits_for {
            WaitsFor::Watermark(offset) => lists.watermark.insert((offset, address(cell)), Arc::clone(cell)),
            WaitsFor::Bytes => lists.bytes.insert(address(cell), Arc::clone(cell)),
            WaitsFor::StableBytes => lists.stable_bytes.insert(address(cell), Arc::clone(cell)),
        };
        self.count.store(lists.len(), Ordering::SeqCst);
    }

    /// Takes a waiter away; one that is gone already is fine.
    pub(super) fn deregister(&self, waits_for: WaitsFor, cell: &Arc<WaitCell>) {
        let mut lists = self.lock();
        match waits_for {
            WaitsFor::Watermark(offset) => lists.watermark.remove(&(offset, address(cell))),
            WaitsFor::Bytes => lists.bytes.remove(&address(cell)),
            WaitsFor::StableBytes => lists.stable_bytes.remove(&address(cell)),
        };
        self.count.store(lists.len(), Ordering::SeqCst);
    }

    /// The watermark is at `watermark` now, `bytes` further than before.
    pub(super) fn advanced(&self, watermark: Offset, bytes: u64) {
        if self.count.load(Ordering::SeqCst) == 0 {
            return;
        }
        let mut lists = self.lock();
        let done = lists.take_done(watermark, bytes);
        self.count.store(lists.len(), Ordering::SeqCst);
        // Woken outside the lock: who wakes may register again at once.
        drop(lists);
        fire_each(done);
    }

    /// A reader of committed records sees more than before: so many bytes, if that is known. If not, everybody looks again.
    pub(super) fn stable_advanced(&self, bytes: Option<u64>) {
        if self.count.load(Ordering::SeqCst) == 0 {
            return;
        }
        let mut lists = self.lock();
        let done = match bytes {
            Some(bytes) => take_filled(&mut lists.stable_bytes, bytes),
            None => std::mem::take(&mut lists.stable_bytes).into_values().collect(),
        };
        self.count.store(lists.len(), Ordering::SeqCst);
        drop(lists);
        fire_each(done);
    }

    /// Ends every wait: the log went offline, the topic was deleted, the broker stops.
    pub(super) fn fire_all(&self) {
        let lists = std::mem::take(&mut *self.lock());
        self.count.store(0, Ordering::SeqCst);
        let for_bytes = lists.bytes.into_values().chain(lists.stable_bytes.into_values());
        fire_each(lists.watermark.into_values().chain(for_bytes));
    }

    fn lock(&self) -> MutexGuard<'_, Lists> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn take_filled(cells: &mut HashMap<usize, Arc<WaitCell>>, bytes: u64) -> Vec<Arc<WaitCell>> {
    cells.extract_if(|_, cell| cell.saw_bytes(bytes)).map(|(_, cell)| cell).collect()
}

fn fire_each(cells: impl IntoIterator<Item = Arc<WaitCell>>) {
    for cell in cells {
        cell.fire();
    }
}

fn address(cell: &Arc<WaitCell>) -> usize {
    Arc::as_ptr(cell).addr()
}
