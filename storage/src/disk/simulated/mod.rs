//! A disk in memory that loses, when it crashes, whatever was not synced; and that fails where a test wants it to.
//!
//! What a crash leaves is chosen by a seed: any subset of the unsynced pages of 4 KiB, some of them torn at 512 bytes, sizes
//! between the old and the new with zeros where nothing came, and any subset of the unsynced changes of directories. That is
//! harsher than any file system we know, and what ext4 and XFS were seen to do lies within it.

mod choices;
mod directory;
mod file;
mod open_file;

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::Timestamp;

use self::choices::Choices;
use self::directory::{Change, Directory};
use self::file::FileContent;
use self::open_file::SimulatedFile;
use super::{DirectoryEntry, Disk, DiskFile, EntryKind, OpenMode, Space};

/// A kind of operation that can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Writing to a file.
    Write,
    /// Syncing a file. What was to be synced is lost, and the next sync succeeds, as on Linux.
    SyncFile,
    /// Syncing a directory.
    SyncDirectory,
    /// Renaming.
    Rename,
    /// Opening or making a file.
    Open,
    /// Reading from a file.
    Read,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// The kind of operation.
    pub kind: FaultKind,
    /// How many of that kind succeed before.
    pub after: u64,
    /// The error; [`io::ErrorKind::StorageFull`] on a write takes a part of the bytes before it.
    pub error: io::ErrorKind,
    /// Whether all later ones fail too.
    pub is_lasting: bool,
}

/// A file system in memory. Clones are the same disk.
#[derive(Clone, Debug)]
pub struct SimulatedDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    inodes: BTreeMap<u64, Inode>,
    /// Changes of directories that no sync made durable, in the order in which they were made.
    pending: Vec<Change>,
    /// Rises with every crash: files that were open before it are of no use after it.
    life: u64,
    changes: u64,
    changes_max: u64,
    faults: Vec<Fault>,
    /// What files are stamped with when they are written to.
    now: Timestamp,
}

#[derive(Debug)]
enum Inode {
    Directory(Directory),
    File(FileContent),
}

const ROOT: u64 = 0;

impl Default for SimulatedDisk {
    fn default() -> Self {
        Self::new()
    }
}

impl SimulatedDisk {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        let state = State {
            inodes: BTreeMap::from([(ROOT, Inode::Directory(Directory::default()))]),
            pending: Vec::new(),
            life: 0,
            changes: 0,
            changes_max: u64::MAX,
            faults: Vec::new(),
            now: Timestamp::NONE,
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// How many operations have changed something or made it durable.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.state().changes
    }

    /// Sets the file system's clock.
    pub fn set_time(&self, now: Timestamp) {
        self.state().now = now;
    }

    /// Makes everything fail, as if the machine had stopped, after `changes` more changes.
    pub fn halt_after(&self, changes: u64) {
        let mut state = self.state();
        state.changes_max = state.changes.saturating_add(changes);
    }

    /// Makes operations fail from here on.
    pub fn inject(&self, fault: Fault) {
        self.state().faults.push(fault);
    }

    /// Forgets the faults.
    pub fn heal(&self) {
        self.state().faults.clear();
    }

    /// Cuts the power and starts again: what was not synced survives or not, as `seed` says.
    pub fn crash(&self, seed: u64) {
        let mut state = self.state();
        let mut choices = Choices(seed);
        let pending = std::mem::take(&mut state.pending);
        for change in pending {
            if choices.next() {
                state.make_durable(&change);
            }
        }
        for inode in state.inodes.values_mut() {
            match inode {
                Inode::Directory(directory) => directory.crash(),
                Inode::File(file) => file.crash(&mut choices),
            }
        }
        state.life += 1;
        state.changes_max = u64::MAX;
        state.faults.clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Counts a change, and fails if the machine has stopped.
    fn change(&mut self) -> io::Result<()> {
        if self.changes >= self.changes_max {
            return Err(io::Error::other("the machine has stopped"));
        }
        self.changes += 1;
        Ok(())
    }

    fn running(&self) -> io::Result<()> {
        if self.changes >= self.changes_max { Err(io::Error::other("the machine has stopped")) } else { Ok(()) }
    }

    /// The error that is due for an operation of this kind.
    fn fault(&mut self, kind: FaultKind) -> io::Result<()> {
        let Some(place) = self.faults.iter().position(|fault| fault.kind == kind) else { return Ok(()) };
        let Some(fault) = self.faults.get_mut(place) else { return Ok(()) };
        if fault.after > 0 {
            fault.after -= 1;
            return Ok(());
        }
        let error = fault.error;
        if !fault.is_lasting {
            self.faults.remove(place);
        }
        Err(io::Error::from(error))
    }

    fn directory(&mut self, inode: u64) -> io::Result<&mut Directory> {
        match self.inodes.get_mut(&inode) {
            Some(Inode::Directory(directory)) => Ok(directory),
            _ => Err(io::Error::from(io::ErrorKind::NotADirectory)),
        }
    }

    fn file(&mut self, inode: u64) -> io::Result<&mut FileContent> {
        match self.inodes.get_mut(&inode) {
            Some(Inode::File(file)) => Ok(file),
            _ => Err(io::Error::from(io::ErrorKind::IsADirectory)),
        }
    }

    fn find(&mut self, path: &Path) -> io::Result<u64> {
        let mut inode = ROOT;
        for component in path.components() {
            if let Component::Normal(name) = component {
                let name = name.to_string_lossy();
                let child = self.directory(inode)?.current.get(name.as_ref()).copied();
                inode = child.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
            }
        }
        Ok(inode)
    }

    fn parent_of(&mut self, path: &Path) -> io::Result<(u64, String)> {
        let name = path.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        let parent = self.find(path.parent().unwrap_or(Path::new("/")))?;
        Ok((parent, name.to_string_lossy().into_owned()))
    }

    fn apply(&mut self, change: Change) -> io::Result<()> {
        for (directory, name, inode) in change.steps() {
            let entries = &mut self.directory(directory)?.current;
            match inode {
                Some(inode) => entries.insert(name.to_owned(), inode),
                None => entries.remove(name),
            };
        }
        self.pending.push(change);
        Ok(())
    }

    fn make_durable(&mut self, change: &Change) {
        for (directory, name, inode) in change.steps() {
            if let Some(Inode::Directory(directory)) = self.inodes.get_mut(&directory) {
                match inode {
                    Some(inode) => directory.durable.insert(name.to_owned(), inode),
                    None => directory.durable.remove(name),
                };
            }
        }
    }

    fn make(&mut self, path: &Path, inode: Inode) -> io::Result<u64> {
        let (directory, name) = self.parent_of(path)?;
        self.change()?;
        let number = self.inodes.keys().next_back().map_or(0, |last| last + 1);
        self.inodes.insert(number, inode);
        self.apply(Change::Add { directory, name, inode: number })?;
        Ok(number)
    }
}

impl Disk for SimulatedDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state();
        state.running()?;
        state.fault(FaultKind::Open)?;
        let inode = match (state.find(path), mode) {
            (Ok(_), OpenMode::CreateNew) => return Err(io::Error::from(io::ErrorKind::AlreadyExists)),
            (Ok(inode), OpenMode::Replace) => {
                state.change()?;
                state.file(inode)?.set_size(0);
                inode
            }
            (Ok(inode), OpenMode::Read | OpenMode::Write) => inode,
            (Err(error), OpenMode::CreateNew | OpenMode::Replace) if error.kind() == io::ErrorKind::NotFound => {
                state.make(path, Inode::File(FileContent::default()))?
            }
            (Err(error), _) => return Err(error),
        };
        state.file(inode)?;
        let life = state.life;
        drop(state);
        Ok(Arc::new(SimulatedFile { disk: self.clone(), inode, life }))
    }

    fn file_size(&self, path: &Path) -> io::Result<u64> {
        let mut state = self.state();
        state.running()?;
        let inode = state.find(path)?;
        Ok(state.file(inode)?.size())
    }

    fn modified(&self, path: &Path) -> io::Result<Timestamp> {
        let mut state = self.state();
        state.running()?;
        let inode = state.find(path)?;
        Ok(state.file(inode)?.modified)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        let mut state = self.state();
        state.running()?;
        match state.find(path) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn read_directory(&self, path: &Path) -> io::Result<Vec<DirectoryEntry>> {
        let mut state = self.state();
        state.running()?;
        let inode = state.find(path)?;
        let entries = state.directory(inode)?.current.clone();
        let kind = |inode| match state.inodes.get(&inode) {
            Some(Inode::Directory(_)) => EntryKind::Directory,
            Some(Inode::File(_)) => EntryKind::File,
            None => EntryKind::Other,
        };
        Ok(entries.into_iter().map(|(name, inode)| DirectoryEntry { name, kind: kind(inode) }).collect())
    }

    fn space(&self, path: &Path) -> io::Result<Space> {
        let mut state = self.state();
        state.running()?;
        state.find(path)?;
        // It is memory, which has no bound of its own here.
        Ok(Space { total: u64::MAX, usable: u64::MAX })
    }

    fn create_directory(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        if state.find(path).is_ok() {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists));
        }
        state.make(path, Inode::Directory(Directory::default())).map(|_| ())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.running()?;
        state.fault(FaultKind::Rename)?;
        let inode = state.find(from)?;
        let ((from_directory, from_name), (to_directory, to_name)) = (state.parent_of(from)?, state.parent_of(to)?);
        state.change()?;
        state.apply(Change::Rename { from: (from_directory, from_name), to: (to_directory, to_name), inode })
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.running()?;
        if state.find(to).is_ok() {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists));
        }
        let inode = state.find(from)?;
        state.file(inode)?;
        let (directory, name) = state.parent_of(to)?;
        state.change()?;
        state.apply(Change::Add { directory, name, inode })
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        let inode = state.find(path)?;
        state.file(inode)?;
        let (directory, name) = state.parent_of(path)?;
        state.change()?;
        state.apply(Change::Remove { directory, name })
    }

    fn remove_directory(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        let inode = state.find(path)?;
        if !state.directory(inode)?.current.is_empty() {
            return Err(io::Error::from(io::ErrorKind::DirectoryNotEmpty));
        }
        let (directory, name) = state.parent_of(path)?;
        state.change()?;
        state.apply(Change::Remove { directory, name })
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        let synced = state.find(path)?;
        state.change()?;
        state.fault(FaultKind::SyncDirectory)?;
        let (touched, rest) = std::mem::take(&mut state.pending).into_iter().partition(|change| change.touches(synced));
        state.pending = rest;
        let touched: Vec<Change> = touched;
        for change in &touched {
            state.make_durable(change);
        }
        Ok(())
    }

    fn sync_file_system(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.find(path)?;
        state.change()?;
        state.fault(FaultKind::SyncDirectory)?;
        for change in std::mem::take(&mut state.pending) {
            state.make_durable(&change);
        }
        for inode in state.inodes.values_mut() {
            if let Inode::File(file) = inode {
                file.sync();
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
