//! The disk as this crate sees it: a few operations on files and directories, so that tests can put a disk below the log
//! that forgets whatever was not synced.
//!
//! Owns: the traits and what each call promises. Does not know: logs, segments, retries (there are none: after a failed
//! write or sync nobody knows what the disk holds, so the callers give the file up).

mod real;
mod simulated;

use std::fmt::Debug;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::Arc;

use model::Timestamp;
use model::num::{u64_from_usize, usize_from_u64};

pub use real::RealDisk;
pub use simulated::{Fault, FaultKind, SimulatedDisk};

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// To read; it must exist.
    Read,
    /// To read and write; it must exist.
    Write,
    /// To read and write; it must not exist and is made.
    CreateNew,
    /// To read and write; made, or emptied if it exists.
    Replace,
}

/// What a directory's entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A link, a socket: nothing of ours.
    Other,
}

/// The room of a file system, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// All of it.
    pub total: u64,
    /// What this process may still fill.
    pub usable: u64,
}

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryEntry {
    /// The name without the path.
    pub name: String,
    /// What it is.
    pub kind: EntryKind,
}

/// An open file, shared between threads; positions are arguments. It stays readable when its name is gone.
pub trait DiskFile: Debug + Send + Sync {
    /// Reads up to `buffer.len()` bytes; 0 means that the file ends before `position`.
    ///
    /// # Errors
    /// What the system says.
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize>;

    /// Writes the two parts one after the other, in one call, and says how many bytes of them were taken: fewer than
    /// there are when space runs out in between. Durable only after [`Self::sync_data`].
    ///
    /// # Errors
    /// What the system says; the part of the file at and after `position` is unknown then.
    fn write_at(&self, head: &[u8], rest: &[u8], position: u64) -> io::Result<usize>;

    /// The size in bytes.
    ///
    /// # Errors
    /// What the system says.
    fn size(&self) -> io::Result<u64>;

    /// Cuts or grows (with zeros) the file. Durable only after a sync.
    ///
    /// # Errors
    /// What the system says.
    fn set_size(&self, size: u64) -> io::Result<()>;

    /// Puts the bytes, and the size where it changed, on stable storage (`fdatasync`).
    ///
    /// # Errors
    /// What the system says. A second call may succeed although the data is lost, so there must be none.
    fn sync_data(&self) -> io::Result<()>;

    /// As [`Self::sync_data`], with all of the inode (`fsync`): the first sync of a new file.
    ///
    /// # Errors
    /// As [`Self::sync_data`].
    fn sync_all(&self) -> io::Result<()>;

    /// Sets when the file was last written to, for one that takes the place of an older one.
    ///
    /// # Errors
    /// What the system says.
    fn set_modified(&self, modified: Timestamp) -> io::Result<()>;

    /// Takes the file's exclusive lock, if nobody has it; it is held until the last handle of the open file is dropped.
    ///
    /// # Errors
    /// What the system says, but not that somebody has it: that is `Ok(false)`.
    fn try_lock(&self) -> io::Result<bool>;

    /// The descriptor for `sendfile`; `None` where there is no file behind it.
    fn as_fd(&self) -> Option<BorrowedFd<'_>>;

    /// Fills `buffer` as far as the file goes, and says how far that was.
    ///
    /// # Errors
    /// What the system says.
    fn read_up_to_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.read_at(rest, position.saturating_add(u64_from_usize(filled)))? {
                0 => break,
                count => filled += count,
            }
        }
        Ok(filled)
    }

    /// Reads exactly `buffer.len()` bytes.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] if the file ends before, or what the system says.
    fn read_exact_at(&self, buffer: &mut [u8], position: u64) -> io::Result<()> {
        let size = buffer.len();
        if self.read_up_to_at(buffer, position)? < size {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the file ends before the bytes that should be there",
            ));
        }
        Ok(())
    }

    /// Writes both parts whole. A short write goes on with what is left: the system says there why it stopped.
    ///
    /// # Errors
    /// What the system says; the part of the file at and after `position` is unknown then.
    fn write_all_at(&self, head: &[u8], rest: &[u8], position: u64) -> io::Result<()> {
        let (mut head, mut rest, mut position) = (head, rest, position);
        while !(head.is_empty() && rest.is_empty()) {
            let written = self.write_at(head, rest, position)?;
            if written == 0 {
                return Err(io::Error::new(io::ErrorKind::StorageFull, "a write took no byte"));
            }
            let from_head = written.min(head.len());
            head = head.get(from_head..).unwrap_or_default();
            rest = rest.get(written - from_head..).unwrap_or_default();
            position = position.saturating_add(u64_from_usize(written));
        }
        Ok(())
    }
}

/// A file system.
pub trait Disk: Debug + Send + Sync {
    /// Opens a file. A file that is made here has a durable name only after [`Self::sync_directory`] of its parent.
    ///
    /// # Errors
    /// What the system says.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>>;

    /// The size of the file at `path`, without opening it.
    ///
    /// # Errors
    /// What the system says.
    fn file_size(&self, path: &Path) -> io::Result<u64>;

    /// When the file at `path` was last written to, by the file system's clock.
    ///
    /// # Errors
    /// What the system says.
    fn modified(&self, path: &Path) -> io::Result<Timestamp>;

    /// Whether something is at `path`.
    ///
    /// # Errors
    /// What the system says, but not that nothing is there.
    fn exists(&self, path: &Path) -> io::Result<bool>;

    /// The entries of a directory, in no order. Names that are not UTF-8 are left out: none of ours is.
    ///
    /// # Errors
    /// What the system says.
    fn read_directory(&self, path: &Path) -> io::Result<Vec<DirectoryEntry>>;

    /// The room of the file system that `path` is on.
    ///
    /// # Errors
    /// What the system says.
    fn space(&self, path: &Path) -> io::Result<Space>;

    /// Makes a directory. Durable only after [`Self::sync_directory`] of its parent.
    ///
    /// # Errors
    /// What the system says.
    fn create_directory(&self, path: &Path) -> io::Result<()>;

    /// Gives a file or a directory another name, replacing a file that has it. Durable only after
    /// [`Self::sync_directory`] of the parents.
    ///
    /// # Errors
    /// What the system says.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Gives a file one more name, which must be free. Durable only after [`Self::sync_directory`] of its parent.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::CrossesDevices`] to another file system.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Takes a file's name away. Durable only after [`Self::sync_directory`] of its parent.
    ///
    /// # Errors
    /// What the system says.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Removes an empty directory. Durable only after [`Self::sync_directory`] of its parent.
    ///
    /// # Errors
    /// What the system says.
    fn remove_directory(&self, path: &Path) -> io::Result<()>;

    /// Puts a directory's entries on stable storage.
    ///
    /// # Errors
    /// What the system says.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;

    /// Puts everything that was written to the file system of `path` on stable storage, names included: where files are many, it
    /// costs less than a sync of each.
    ///
    /// # Errors
    /// What the system says.
    fn sync_file_system(&self, path: &Path) -> io::Result<()>;
}

/// The whole file at `path`, if it has at most `size_max` bytes.
///
/// # Errors
/// [`io::ErrorKind::FileTooLarge`] past the bound, or what the system says.
pub fn read_file(disk: &dyn Disk, path: &Path, size_max: u64) -> io::Result<Vec<u8>> {
    let file = disk.open(path, OpenMode::Read)?;
    let size = file.size()?;
    if size > size_max {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("{size} bytes, expected at most {size_max}")));
    }
    let mut bytes = vec![0; usize_from_u64(size)];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

/// Whether an error says that there was no room, or no descriptor: the operation did not happen, and the next may.
#[must_use]
pub fn is_refusal(error: &io::Error) -> bool {
    use rustix::io::Errno;
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge
            | io::ErrorKind::WriteZero
    ) || [Errno::MFILE, Errno::NFILE, Errno::NOMEM]
        .into_iter()
        .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}
