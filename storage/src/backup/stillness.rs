//! What a backup asks of the logs while it takes hold of their files, and how long it may.
//!
//! Two things are held, neither of which an append needs. The **files**: whoever gives a file of a log another name, replaces it or
//! makes a directory asks first, and waits; a sync does not wait but leaves its checkpoint to the next one. The **ends**: for the
//! moment in which the ends of all logs are read, no synced offset moves, so that all of them are of one moment.
//!
//! Does not know: what a backup is.

use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError};

/// The locks; one set for all logs whose backup is taken together.
#[derive(Debug, Default)]
pub(crate) struct Stillness {
    /// Held by the one backup that is under way.
    backup: Mutex<()>,
    /// Taken before a log's locks, never after.
    files: RwLock<()>,
    /// Taken after the lock of a sync; before those of writers, and only by a backup.
    ends: RwLock<()>,
}

/// Leave to change the files of logs other than by appending to segments.
#[derive(Debug)]
pub(crate) struct Changing<'a> {
    _files: RwLockReadGuard<'a, ()>,
}

impl Stillness {
    /// Waits for leave to change files, while a backup holds them. Who has leave must not ask again.
    pub(crate) fn change(&self) -> Changing<'_> {
        Changing { _files: self.files.read().unwrap_or_else(PoisonError::into_inner) }
    }

    /// Leave to change files, unless a backup holds them or is about to: for those who cannot wait.
    pub(crate) fn try_change(&self) -> Option<Changing<'_>> {
        match self.files.try_read() {
            Ok(files) => Some(Changing { _files: files }),
            Err(TryLockError::Poisoned(files)) => Some(Changing { _files: files.into_inner() }),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Leave to move a synced offset, for as long as that takes.
    pub(crate) fn move_end(&self) -> RwLockReadGuard<'_, ()> {
        self.ends.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The right to be the backup that is under way; `None` if there is one.
    pub(super) fn begin_backup(&self) -> Option<MutexGuard<'_, ()>> {
        match self.backup.try_lock() {
            Ok(backup) => Some(backup),
            Err(TryLockError::Poisoned(backup)) => Some(backup.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Waits until nobody changes files, and keeps it so.
    pub(super) fn hold_files(&self) -> RwLockWriteGuard<'_, ()> {
        self.files.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps all synced offsets where they are.
    pub(super) fn hold_ends(&self) -> RwLockWriteGuard<'_, ()> {
        self.ends.write().unwrap_or_else(PoisonError::into_inner)
    }
}
