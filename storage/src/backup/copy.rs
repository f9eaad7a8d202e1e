//! Making the files of a backup: beside their place, and under the place's name when all of them are durable.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use model::num::{u64_from_usize, usize_from_u64};

use super::plan::{LAST_FILE, Plan, PlannedDirectory, Take};
use super::{BackupError, Copied};
use crate::disk::{Disk, EntryKind, OpenMode};
use crate::segment::LOG_SUFFIX;

/// Bytes that are copied at once.
const BUFFER_BYTES: u64 = 1 << 20;

/// Called with the bytes that were copied since the last call; may sleep, and says whether to go on.
pub(super) type Pace<'a> = &'a mut dyn FnMut(u64) -> ControlFlow<()>;

/// What all steps of making a backup share.
pub(super) struct Copier<'a> {
    pub(super) disk: &'a dyn Disk,
    pub(super) pace: Pace<'a>,
    pub(super) done: Copied,
    /// Whether the backup is where links are possible; found out by the first.
    can_link: bool,
}

impl<'a> Copier<'a> {
    pub(super) fn new(disk: &'a dyn Disk, pace: Pace<'a>) -> Self {
        Self { disk, pace, done: Copied::default(), can_link: true }
    }

    /// Makes the backup `destination` from the files below `source`. `dir` is the data directory.
    ///
    /// # Errors
    /// [`BackupError`]; nothing is left of it then, unless that cannot be removed either.
    pub(super) fn make(
        &mut self,
        plan: &Plan,
        source: &Path,
        dir: &Path,
        destination: &Path,
    ) -> Result<(), BackupError> {
        let unfinished = unfinished_path(destination);
        self.disk.create_directory(&unfinished).map_err(|error| BackupError::io(&unfinished, error))?;
        let made = self.fill(plan, source, dir, &unfinished).and_then(|()| finish(self.disk, &unfinished, destination));
        if made.is_err()
            && let Err(error) = remove_tree(self.disk, &unfinished)
        {
            tracing::warn!(path = %unfinished.display(), "what was made of a backup cannot be removed: {error}");
        }
        made
    }

    fn fill(&mut self, plan: &Plan, source: &Path, dir: &Path, unfinished: &Path) -> Result<(), BackupError> {
        for directory in &plan.directories {
            self.fill_directory(directory, &source.join(&directory.name), &unfinished.join(&directory.name))?;
        }
        for name in &plan.files {
            self.copy(&source.join(name), &unfinished.join(name), None)?;
        }
        self.copy(&dir.join(LAST_FILE), &unfinished.join(LAST_FILE), None)?;
        self.disk.sync_file_system(unfinished).map_err(|error| BackupError::io(unfinished, error))
    }

    fn fill_directory(&mut self, directory: &PlannedDirectory, from: &Path, to: &Path) -> Result<(), BackupError> {
        self.disk.create_directory(to).map_err(|error| BackupError::io(to, error))?;
        self.done.directories += 1;
        for file in &directory.files {
            let (from, to) = (from.join(&file.name), to.join(&file.name));
            match file.take {
                Take::Link if self.link(&from, &to)? => {}
                Take::Link | Take::Copy => self.copy(&from, &to, None)?,
                Take::CopyUpTo(size) => self.copy(&from, &to, Some(u64::from(size)))?,
            }
        }
        Ok(())
    }

    /// Whether the file could be linked.
    fn link(&mut self, from: &Path, to: &Path) -> Result<bool, BackupError> {
        if !self.can_link {
            return Ok(false);
        }
        match self.disk.link(from, to) {
            Ok(()) => {
                self.done.linked_files += 1;
                self.done.linked_bytes += self.disk.file_size(to).map_err(|error| BackupError::io(to, error))?;
                Ok(true)
            }
            // Another file system, or one without links.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::CrossesDevices | io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied
                ) =>
            {
                self.can_link = false;
                Ok(false)
            }
            // This file has as many names as it can have.
            Err(error) if error.kind() == io::ErrorKind::TooManyLinks => Ok(false),
            Err(error) => Err(BackupError::io(to, error)),
        }
    }

    /// Copies a file, or its first `size` bytes. When it was last written to is copied with it where records are in it: that
    /// decides how long they are kept.
    fn copy(&mut self, from: &Path, to: &Path, size: Option<u64>) -> Result<(), BackupError> {
        let (disk, pace) = (self.disk, &mut self.pace);
        let mut copied = 0;
        let mut copy = || {
            let (source, copy) = (disk.open(from, OpenMode::Read)?, disk.open(to, OpenMode::CreateNew)?);
            let size = size.map_or_else(|| source.size(), Ok)?;
            let mut buffer = vec![0; usize_from_u64(size.min(BUFFER_BYTES))];
            while copied < size {
                let count = usize_from_u64(BUFFER_BYTES.min(size - copied)).min(buffer.len());
                let bytes = buffer.get_mut(..count).unwrap_or_default();
                source.read_exact_at(bytes, copied)?;
                copy.write_all_at(bytes, &[], copied)?;
                copied += u64_from_usize(count);
                if pace(u64_from_usize(count)).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            if from.extension().is_some_and(|suffix| suffix == LOG_SUFFIX) {
                copy.set_modified(disk.modified(from)?)?;
            }
            Ok(ControlFlow::Continue(()))
        };
        let flow = copy().map_err(|error| BackupError::io(to, error))?;
        self.done.copied_files += 1;
        self.done.copied_bytes += copied;
        if flow.is_break() { Err(BackupError::Stopped) } else { Ok(()) }
    }
}

/// Where a backup is made before it has its name.
pub(super) fn unfinished_path(destination: &Path) -> PathBuf {
    let name = destination.file_name().unwrap_or_default().to_string_lossy();
    destination.with_file_name(format!(".{name}.unfinished"))
}

/// Gives a backup its name, durably.
fn finish(disk: &dyn Disk, unfinished: &Path, destination: &Path) -> Result<(), BackupError> {
    let parent = destination.parent().unwrap_or(Path::new("/"));
    let failed = |error| BackupError::io(destination, error);
    // Over an empty directory, or over nothing.
    if disk.exists(destination).map_err(failed)? {
        disk.remove_directory(destination).map_err(failed)?;
    }
    disk.rename(unfinished, destination).map_err(failed)?;
    disk.sync_directory(parent).map_err(|error| BackupError::io(parent, error))
}

/// Removes a directory of directories of files.
pub(super) fn remove_tree(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    for entry in disk.read_directory(path)? {
        let path = path.join(&entry.name);
        if entry.kind == EntryKind::Directory { remove_tree(disk, &path)? } else { disk.remove_file(&path)? }
    }
    disk.remove_directory(path)
}
