//! Making the directories of logs: beside their place first, and under their names when everything in them is durable, so that
//! a log is there as a whole or not at all. Between the two somebody may decide, durably, that the logs exist: what is
//! prepared then waits for its name also after a crash, and a log that was neither prepared nor has its place was lost.

use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use model::{TopicId, TopicPartition};

use super::names::{Aside, aside_name};
use super::{LogManager, remove_log_directory};
use crate::backup::Changing;
use crate::disk::{Disk, OpenMode};
use crate::error::StorageError;
use crate::format::partition_metadata_v0;

/// Syncs that are under way at once: file systems put those that come together into one commit of their journal, so that 300
/// logs are made ten times as fast as one after another (measured on ext4).
const SYNCS_AT_ONCE: NonZeroUsize = NonZeroUsize::new(16).unwrap();

impl LogManager {
    /// Makes the directories of a topic's logs beside their places, with all the room that they need until the first append.
    /// What is in them is durable; their names are with [`Self::sync_prepared`]. Many at once cost little more than one.
    ///
    /// # Errors
    /// [`StorageError::Io`]; none of them is there then.
    pub fn prepare_directories(&self, partitions: &[TopicPartition], topic_id: TopicId) -> Result<(), StorageError> {
        let changing = self.stillness().change();
        self.prepare_under(partitions, topic_id, &changing)
    }

    fn prepare_under(
        &self,
        partitions: &[TopicPartition],
        topic_id: TopicId,
        changing: &Changing<'_>,
    ) -> Result<(), StorageError> {
        let prepared: Vec<_> = partitions.iter().map(|partition| self.prepared_path(partition, topic_id)).collect();
        prepare_all(self.disk(), &prepared, topic_id).map_err(|error| {
            // What failed to be synced must not be synced again: another try begins with other files.
            self.abandon_under(partitions, topic_id, changing);
            StorageError::io(self.dir(), error)
        })
    }

    /// Makes the names of all prepared directories durable: from here on [`Self::finish_directories`] finds them, also after a
    /// crash.
    ///
    /// # Errors
    /// [`StorageError::Io`].
    pub fn sync_prepared(&self) -> Result<(), StorageError> {
        self.disk().sync_directory(self.dir()).map_err(|error| StorageError::io(self.dir(), error))
    }

    /// Removes prepared directories that nobody wants any more. What cannot be removed is a leftover of the next start.
    pub fn abandon_directories(&self, partitions: &[TopicPartition], topic_id: TopicId) {
        let changing = self.stillness().change();
        self.abandon_under(partitions, topic_id, &changing);
    }

    fn abandon_under(&self, partitions: &[TopicPartition], topic_id: TopicId, _changing: &Changing<'_>) {
        for aside in partitions.iter().map(|partition| self.prepared_path(partition, topic_id)) {
            match remove_log_directory(self.disk(), &aside) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    tracing::debug!(path = %aside.display(), "what is left of a log that was not made: {error}");
                }
                _ => {}
            }
        }
    }

    /// Gives the prepared ones of these directories their names, durably. Those that have them, and those that were never
    /// prepared, are not concerned.
    ///
    /// # Errors
    /// [`StorageError::Io`]; some have their names then, and the others can still be finished.
    pub fn finish_directories(&self, partitions: &[TopicPartition], topic_id: TopicId) -> Result<(), StorageError> {
        let changing = self.stillness().change();
        let mut is_changed = false;
        for partition in partitions {
            let (path, aside) = (self.path_of(partition), self.prepared_path(partition, topic_id));
            if self.exists(&path)? || !self.exists(&aside)? {
                continue;
            }
            // Earlier versions made them after the topic's record, so that a crash could leave half of one.
            if self.read_topic_id(&aside)? != Some(topic_id) {
                self.prepare_under(std::slice::from_ref(partition), topic_id, &changing)?;
            }
            self.disk().rename(&aside, &path).map_err(|error| StorageError::io(&path, error))?;
            is_changed = true;
        }
        if is_changed { self.sync_prepared() } else { Ok(()) }
    }

    fn prepared_path(&self, partition: &TopicPartition, topic_id: TopicId) -> PathBuf {
        self.dir().join(aside_name(partition, topic_id, Aside::Create))
    }

    pub(super) fn exists(&self, path: &Path) -> Result<bool, StorageError> {
        self.disk().exists(path).map_err(|error| StorageError::io(path, error))
    }
}

fn prepare_all(disk: &dyn Disk, directories: &[PathBuf], topic_id: TopicId) -> io::Result<()> {
    let metadata = partition_metadata_v0::encode(topic_id);
    for directory in directories {
        if disk.exists(directory)? {
            remove_log_directory(disk, directory)?;
        }
        disk.create_directory(directory)?;
        let file = disk.open(&directory.join(partition_metadata_v0::FILE_NAME), OpenMode::CreateNew)?;
        file.write_all_at(metadata.as_bytes(), &[], 0)?;
    }
    sync_all(disk, directories)
}

fn sync_all(disk: &dyn Disk, made: &[PathBuf]) -> io::Result<()> {
    let share = made.len().div_ceil(SYNCS_AT_ONCE.get());
    let mut shares = made.chunks(share.max(1));
    let Some(first) = shares.next() else { return Ok(()) };
    std::thread::scope(|scope| {
        let others: Vec<_> = shares.map(|share| scope.spawn(|| sync_share(disk, share))).collect();
        let first = sync_share(disk, first);
        others.into_iter().fold(first, |result, other| {
            result.and(
                other.join().unwrap_or_else(|_| Err(io::Error::other("a thread that syncs directories has panicked"))),
            )
        })
    })
}

fn sync_share(disk: &dyn Disk, share: &[PathBuf]) -> io::Result<()> {
    share.iter().try_for_each(|directory| sync_one(disk, directory))
}

fn sync_one(disk: &dyn Disk, directory: &Path) -> io::Result<()> {
    disk.open(&directory.join(partition_metadata_v0::FILE_NAME), OpenMode::Write)?.sync_all()?;
    disk.sync_directory(directory)
}
