//! How far compaction has come with a log, as far as the log remembers it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::Offset;

/// The state of compaction of one log.
#[derive(Debug, Default)]
pub(crate) struct Cleaning {
    first_dirty: Mutex<Known>,
    /// Held while the log is cleaned.
    busy: Mutex<()>,
    /// Set once and never cleared: the log is damaged where it should be cleaned.
    is_damaged: AtomicBool,
}

#[derive(Clone, Copy, Debug, Default)]
enum Known {
    /// Nobody looked yet.
    #[default]
    Unread,
    /// What the file says; `None` if there is none, or none that can be read.
    Read(Option<Offset>),
}

impl Cleaning {
    /// What the checkpoint says, which `read` reads when it is first asked for.
    pub(super) fn first_dirty(&self, read: impl FnOnce() -> Option<Offset>) -> Option<Offset> {
        let mut known = self.known();
        match *known {
            Known::Read(offset) => offset,
            Known::Unread => {
                let offset = read();
                *known = Known::Read(offset);
                offset
            }
        }
    }

    /// Notes what the checkpoint says from now on.
    pub(super) fn set_first_dirty(&self, offset: Offset) {
        *self.known() = Known::Read(Some(offset));
    }

    /// Whether there is a checkpoint, as far as is known.
    pub(super) fn has_checkpoint(&self) -> bool {
        matches!(*self.known(), Known::Read(Some(_)))
    }

    /// Takes the log for a cleaning; `None` if another is under way.
    pub(super) fn begin(&self) -> Option<MutexGuard<'_, ()>> {
        match self.busy.try_lock() {
            Ok(guard) => Some(guard),
            // A cleaning that panicked has left files beside the log, which stay until they are written again.
            Err(std::sync::TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(std::sync::TryLockError::WouldBlock) => None,
        }
    }

    /// Whether nothing stands against cleaning the log.
    pub(super) fn is_cleanable(&self) -> bool {
        !self.is_damaged.load(Ordering::Acquire)
    }

    /// Gives the log up for cleaning until the next start; whether it was not given up before.
    pub(super) fn give_up(&self) -> bool {
        !self.is_damaged.swap(true, Ordering::AcqRel)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // A number that is replaced as a whole.
        self.first_dirty.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
