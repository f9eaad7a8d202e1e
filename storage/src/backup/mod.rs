//! Backups: a copy of a data directory as it was at one moment, from which a broker starts as from its own after a crash.
//!
//! Of a directory in use: the files of all logs are held for the moment that it takes to link them into a directory of the backup's own,
//! [`STAGING`], after the ends of all logs were read at one moment, the cut. Then everybody goes on, and the backup is made from
//! those links at its leisure, whatever is deleted or compacted meanwhile. Producers wait for none of that: appends and syncs go on while
//! files are held, and only the ends do not move while they are read.
//!
//! Does not know: who asks for it, and what the time is.

mod copy;
mod cut;
mod plan;
mod stillness;

use std::collections::BTreeMap;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use model::TopicPartition;

use self::copy::{Copier, remove_tree, unfinished_path};
use self::cut::LogCut;
use self::plan::Plan;
pub(crate) use self::stillness::{Changing, Stillness};
use crate::disk::Disk;
use crate::format::clean_shutdown_v2;
use crate::log_manager::{LogManager, OpenError, lock_stopped};
use crate::partition_log::PartitionLog;

/// The name of the directory of links, in the data directory.
const STAGING: &str = ".backup";
/// The snapshot of the metadata, which is the broker's and lies beside the logs.
const METADATA_SNAPSHOT: &str = "metadata.snapshot";

/// Why there is no backup. Nothing was left of it, and the data directory is as it was.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Another one is being made.
    #[error("another backup of this data directory is being made")]
    Busy,
    /// There is something where it should be.
    #[error("{path} exists and is not an empty directory")]
    Occupied {
        /// The destination.
        path: PathBuf,
    },
    /// It would be a part of itself.
    #[error("{path} lies in the data directory {dir}")]
    Inside {
        /// The destination.
        path: PathBuf,
        /// The data directory.
        dir: PathBuf,
    },
    /// An earlier one was interrupted by the end of its process.
    #[error("{path} is left of a backup that was not finished: remove it")]
    Unfinished {
        /// What is left.
        path: PathBuf,
    },
    /// The data directory cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It cannot be seen where the end of a log lies.
    #[error("{file}: {problem}")]
    Unreadable {
        /// The segment.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The system says no.
    #[error("{path}: {error}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The broker stops.
    #[error("the broker stops")]
    Stopped,
}

impl BackupError {
    fn io(path: impl Into<PathBuf>, error: io::Error) -> Self {
        Self::Io { path: path.into(), error }
    }
}

/// What a backup consists of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Logs.
    pub directories: u64,
    /// Files that are shared with the data directory.
    pub linked_files: u64,
    /// Bytes in them.
    pub linked_bytes: u64,
    /// Files that were copied.
    pub copied_files: u64,
    /// Bytes in them.
    pub copied_bytes: u64,
}

/// A backup that was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BackedUp {
    /// What it consists of.
    pub copied: Copied,
    /// For how long no synced offset moved: all that producers can feel.
    pub ends_held: Duration,
    /// For how long no files were deleted, compacted or made.
    pub files_held: Duration,
}

/// How a backup is made.
pub struct BackupOptions<'a> {
    /// Monotonic time.
    pub elapsed: &'a dyn Fn() -> Duration,
    /// Called with the bytes that were copied since the last call; may sleep, and says whether to go on.
    pub pace: &'a mut dyn FnMut(u64) -> ControlFlow<()>,
}

impl std::fmt::Debug for BackupOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BackupOptions")
    }
}

impl LogManager {
    /// Makes a backup of this data directory, which is in use, at `destination`: an absolute path, at which there is nothing or an
    /// empty directory.
    ///
    /// # Errors
    /// [`BackupError`].
    pub fn back_up(&self, destination: &Path, options: &mut BackupOptions<'_>) -> Result<BackedUp, BackupError> {
        let _only = self.stillness().begin_backup().ok_or(BackupError::Busy)?;
        let (disk, dir) = (self.disk(), self.dir());
        check_destination(disk, dir, destination)?;
        // What is below a recovery point need not be copied. A log that fails here is offline, and taken as it lies.
        if let Err(error) = self.checkpoint() {
            tracing::warn!("before a backup: {error}");
        }
        let staging = dir.join(STAGING);
        let made = self.stage(&staging, options.elapsed).and_then(|(plan, held)| {
            let mut copier = Copier::new(disk, &mut *options.pace);
            copier.make(&plan, &staging, dir, destination)?;
            Ok(BackedUp { copied: copier.done, ..held })
        });
        remove_leftovers(disk, dir);
        made
    }

    /// Links what the backup consists of into the directory of links.
    fn stage(&self, staging: &Path, elapsed: &dyn Fn() -> Duration) -> Result<(Plan, BackedUp), BackupError> {
        let (disk, dir) = (self.disk(), self.dir());
        let held = self.stillness().hold_files();
        let began = elapsed();
        let cut = cut::take(self.stillness(), || self.open_logs());
        let cut_at = elapsed();
        let is_open = |partition: &TopicPartition| self.is_open(partition);
        let plan = Plan::of(disk, dir, &cut, &is_open, &[METADATA_SNAPSHOT]);
        let staged = plan.and_then(|plan| link_all(disk, dir, staging, &plan).map(|()| plan));
        let held_for = elapsed().saturating_sub(began);
        drop(held);
        move_starts(&cut);
        let ends_held = cut_at.saturating_sub(began);
        Ok((staged?, BackedUp { ends_held, files_held: held_for, ..BackedUp::default() }))
    }
}

/// Makes a backup of a data directory that no broker uses, as [`LogManager::back_up`] does of one in use. What a crash left is in it
/// as it lies.
///
/// # Errors
/// [`BackupError`]; [`OpenError::InUse`] if a broker uses it.
pub fn back_up_stopped(
    disk: &dyn Disk,
    dir: &Path,
    destination: &Path,
    options: &mut BackupOptions<'_>,
) -> Result<BackedUp, BackupError> {
    let _lock = lock_stopped(disk, dir)?;
    check_destination(disk, dir, destination)?;
    let files = [METADATA_SNAPSHOT, clean_shutdown_v2::FILE_NAME];
    let plan = Plan::of(disk, dir, &BTreeMap::new(), &|_| false, &files)?;
    let mut copier = Copier::new(disk, &mut *options.pace);
    copier.make(&plan, dir, dir, destination)?;
    Ok(BackedUp { copied: copier.done, ..BackedUp::default() })
}

/// Removes what a backup left in a data directory when its process ended.
pub(crate) fn remove_leftovers(disk: &dyn Disk, dir: &Path) {
    let staging = dir.join(STAGING);
    match remove_tree(disk, &staging) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(path = %staging.display(), "links of a backup cannot be removed: {error}");
        }
        _ => {}
    }
}

fn check_destination(disk: &dyn Disk, dir: &Path, destination: &Path) -> Result<(), BackupError> {
    let path = destination.to_owned();
    if destination.starts_with(dir) {
        return Err(BackupError::Inside { path, dir: dir.to_owned() });
    }
    match disk.read_directory(destination) {
        Ok(entries) if entries.is_empty() => {}
        Ok(_) => return Err(BackupError::Occupied { path }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Err(BackupError::Occupied { path }),
        Err(error) => return Err(BackupError::Io { path, error }),
    }
    let unfinished = unfinished_path(destination);
    match disk.exists(&unfinished) {
        Ok(false) => Ok(()),
        Ok(true) => Err(BackupError::Unfinished { path: unfinished }),
        Err(error) => Err(BackupError::Io { path: unfinished, error }),
    }
}

/// Links all files of a plan into a directory of their own, where nobody takes them away.
fn link_all(disk: &dyn Disk, dir: &Path, staging: &Path, plan: &Plan) -> Result<(), BackupError> {
    remove_leftovers(disk, dir);
    let make = |path: &Path| disk.create_directory(path).map_err(|error| BackupError::io(path, error));
    let link = |from: PathBuf, to: PathBuf| disk.link(&from, &to).map_err(|error| BackupError::io(from, error));
    make(staging)?;
    for name in &plan.files {
        link(dir.join(name), staging.join(name))?;
    }
    for directory in &plan.directories {
        let (from, to) = (dir.join(&directory.name), staging.join(&directory.name));
        make(&to)?;
        for file in &directory.files {
            link(from.join(&file.name), to.join(&file.name))?;
        }
    }
    Ok(())
}

/// Moves the starts of logs that syncs could not move while files were held.
fn move_starts(cut: &BTreeMap<TopicPartition, LogCut>) {
    let waits = |log: &&Arc<PartitionLog>| !log.is_offline() && log.requested_log_start() > log.log_start_offset();
    for log in cut.values().map(|cut| &cut.log).filter(waits) {
        if let Err(error) = log.sync() {
            tracing::warn!(partition = %log.topic_partition(), "after a backup: {error}");
        }
    }
}
