//! An open file of the simulated disk: of no use after a crash.

use std::io;
use std::os::fd::BorrowedFd;

use model::Timestamp;

use super::file::FileContent;
use super::{FaultKind, SimulatedDisk};
use crate::disk::DiskFile;

/// An open file of a [`SimulatedDisk`].
#[derive(Debug)]
pub(super) struct SimulatedFile {
    pub(super) disk: SimulatedDisk,
    pub(super) inode: u64,
    pub(super) life: u64,
}

impl SimulatedFile {
    fn with<T>(
        &self,
        kind: Option<FaultKind>,
        act: impl FnOnce(&mut FileContent, Option<io::Error>) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut state = self.disk.state();
        if state.life != self.life {
            return Err(io::Error::other("the file was open before the crash"));
        }
        match kind {
            Some(FaultKind::Read) | None => state.running()?,
            Some(_) => state.change()?,
        }
        let fault = kind.and_then(|kind| state.fault(kind).err());
        let now = state.now;
        let file = state.file(self.inode)?;
        if kind == Some(FaultKind::Write) {
            file.modified = now;
        }
        act(file, fault)
    }
}

impl DiskFile for SimulatedFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        self.with(Some(FaultKind::Read), |file, fault| fault.map_or_else(|| Ok(file.read_at(buffer, position)), Err))
    }

    fn write_at(&self, head: &[u8], rest: &[u8], position: u64) -> io::Result<usize> {
        self.with(Some(FaultKind::Write), |file, fault| {
            let bytes = [head, rest].concat();
            match fault {
                Some(error) if error.kind() == io::ErrorKind::StorageFull && bytes.len() > 1 => {
                    // As the system does: what there is room for is taken; the next call says why no more.
                    let taken = bytes.get(..bytes.len() / 2).unwrap_or_default();
                    file.write_at(taken, position);
                    Err(error)
                }
                Some(error) => Err(error),
                None => {
                    file.write_at(&bytes, position);
                    Ok(bytes.len())
                }
            }
        })
    }

    fn size(&self) -> io::Result<u64> {
        self.with(None, |file, _| Ok(file.size()))
    }

    fn set_size(&self, size: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        if state.life != self.life {
            return Err(io::Error::other("the file was open before the crash"));
        }
        state.change()?;
        state.file(self.inode)?.set_size(size);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.with(Some(FaultKind::SyncFile), |file, fault| {
            if let Some(error) = fault {
                file.lose_unsynced();
                return Err(error);
            }
            file.sync();
            Ok(())
        })
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn set_modified(&self, modified: Timestamp) -> io::Result<()> {
        self.with(None, |file, _| {
            file.modified = modified;
            Ok(())
        })
    }

    fn try_lock(&self) -> io::Result<bool> {
        let holder = std::ptr::from_ref(self).addr();
        self.with(None, |file, _| Ok(file.try_lock(holder)))
    }

    fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

impl Drop for SimulatedFile {
    fn drop(&mut self) {
        let holder = std::ptr::from_ref(self).addr();
        let mut state = self.disk.state();
        if let Ok(file) = state.file(self.inode) {
            file.unlock(holder);
        }
    }
}
