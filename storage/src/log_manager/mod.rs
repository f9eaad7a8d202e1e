//! A data directory and the logs in it: makes, opens, sets aside and closes them.
//!
//! Owns: the directory's lock and marks, the names in it, which logs are open. Does not know: which partitions there should
//! be; that is the metadata's to say.

mod create;
mod directory;
mod names;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::config::TopicConfig;
use model::{BrokerId, Timestamp, TopicId, TopicPartition};

use self::directory::DataDirectory;
pub(crate) use self::directory::lock_stopped;
use self::names::{Aside, aside_name, parse_aside};
pub(crate) use self::names::{parse_partition, stands_prepared};
use crate::backup::{Changing, Stillness, remove_leftovers};
use crate::checkpoint::ReplaceError;
use crate::disk::{Disk, EntryKind, Space, read_file};
use crate::error::{StorageError, SyncError};
use crate::format::clean_shutdown_v2::ClosedLog;
use crate::format::partition_metadata_v0;
use crate::partition_log::{FoundLog, PartitionLog};
use crate::recovery::{self, OpenSpec};
use crate::segment::LogDirectory;

pub use directory::OpenError;

/// A checkpoint of a log that was appended less than this is not worth its syncs.
const CHECKPOINT_BYTES_MIN: u64 = 1 << 20;

/// How a data directory is opened.
#[derive(Clone, Copy, Debug)]
pub struct LogManagerOptions {
    /// The broker that it must belong to.
    pub node_id: BrokerId,
    /// A random id for the cluster, for a directory that has none yet.
    pub cluster_id_if_new: [u8; 16],
    /// A random id for the directory, if it has none yet.
    pub directory_id_if_new: [u8; 16],
    /// The most producers that one log remembers.
    pub producers_max: usize,
}

impl Default for LogManagerOptions {
    fn default() -> Self {
        Self {
            node_id: BrokerId::default(),
            cluster_id_if_new: [0; 16],
            directory_id_if_new: [0; 16],
            producers_max: 100_000,
        }
    }
}

/// An open data directory.
#[derive(Debug)]
pub struct LogManager {
    directory: DataDirectory,
    options: LogManagerOptions,
    open: Mutex<BTreeMap<TopicPartition, Arc<PartitionLog>>>,
    stillness: Arc<Stillness>,
}

impl LogManager {
    /// Opens the data directory `dir`; makes it if it is not there. No log is opened yet.
    ///
    /// # Errors
    /// [`OpenError`]: it is in use, or not ours, or cannot be read. Nothing was changed then.
    pub fn open(disk: Arc<dyn Disk>, dir: &Path, options: LogManagerOptions) -> Result<Self, OpenError> {
        let directory = DataDirectory::open(disk, dir, &options)?;
        remove_leftovers(directory.disk.as_ref(), &directory.path);
        Ok(Self { directory, options, open: Mutex::new(BTreeMap::new()), stillness: Arc::default() })
    }

    /// The data directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.directory.path
    }

    /// The id of the cluster that the directory belongs to.
    #[must_use]
    pub fn cluster_id(&self) -> &str {
        &self.directory.meta.cluster_id
    }

    /// The id of the directory.
    #[must_use]
    pub const fn directory_id(&self) -> TopicId {
        self.directory.meta.directory_id
    }

    /// The room on the volume of the directory.
    ///
    /// # Errors
    /// What the system says.
    pub fn space(&self) -> io::Result<Space> {
        self.disk().space(self.dir())
    }

    /// Whether the last process that used the directory stopped cleanly.
    #[must_use]
    pub const fn was_clean(&self) -> bool {
        self.directory.was_clean
    }

    /// When a process that used the directory before this one was surely still at work, by the file system's clock; `None` if
    /// nothing tells.
    #[must_use]
    pub const fn last_used(&self) -> Option<Timestamp> {
        self.directory.last_used
    }

    /// The logs in the directory, open or not. A directory without a good `partition.metadata` is none, and stays as it is.
    ///
    /// # Errors
    /// [`StorageError::Io`].
    pub fn found(&self) -> Result<Vec<FoundLog>, StorageError> {
        let mut found = Vec::new();
        for topic_partition in self.partition_directories()? {
            let path = self.path_of(&topic_partition);
            match self.read_topic_id(&path)? {
                Some(topic_id) => found.push(FoundLog { topic_partition, topic_id }),
                None => {
                    tracing::warn!(path = %path.display(), "a directory looks like a log but has no partition.metadata");
                }
            }
        }
        Ok(found)
    }

    /// Whether something has the name of this partition's directory.
    ///
    /// # Errors
    /// [`StorageError::Io`].
    pub fn holds(&self, partition: &TopicPartition) -> Result<bool, StorageError> {
        self.exists(&self.path_of(partition))
    }

    /// Makes the log of a partition, durably, and opens it. Its first segment is made by the first append.
    ///
    /// # Errors
    /// [`StorageError`]; then there is no log.
    pub fn create(
        &self,
        partition: &TopicPartition,
        topic_id: TopicId,
        config: Arc<TopicConfig>,
        now: Timestamp,
    ) -> Result<Arc<PartitionLog>, StorageError> {
        if self.holds(partition)? {
            let path = self.path_of(partition);
            return Err(StorageError::Occupied { path, found: "a file or directory of that name".to_owned() });
        }
        let partitions = std::slice::from_ref(partition);
        self.prepare_directories(partitions, topic_id)?;
        self.finish_directories(partitions, topic_id)?;
        self.open_log(partition, topic_id, config, now)
    }

    /// Opens a log that is there. What a crash left behind is judged and made durable here, so it may take time.
    ///
    /// # Errors
    /// [`StorageError`]. A damaged log is left as it is; others are not concerned.
    pub fn open_log(
        &self,
        partition: &TopicPartition,
        topic_id: TopicId,
        config: Arc<TopicConfig>,
        now: Timestamp,
    ) -> Result<Arc<PartitionLog>, StorageError> {
        if self.logs().contains_key(partition) {
            return Err(StorageError::AlreadyOpen(partition.clone()));
        }
        let path = self.path_of(partition);
        match self.read_topic_id(&path)? {
            Some(found) if found == topic_id => {}
            Some(found) => return Err(StorageError::Occupied { path, found: format!("the log of topic id {found}") }),
            None => return Err(StorageError::NotFound(partition.clone())),
        }
        let directory = Arc::new(LogDirectory { disk: Arc::clone(&self.directory.disk), path });
        let spec = OpenSpec {
            is_compacted: config.cleanup_policy.compact,
            index_interval_bytes: u64::try_from(config.index_interval_bytes).unwrap_or(0),
            producers_max: self.options.producers_max,
            now,
        };
        let closed = self.directory.closed.get(&partition.to_string()).filter(|closed| closed.topic_id == topic_id);
        let opened = recovery::open(&directory, spec, closed.map(|closed| closed.segments.as_slice()))?;
        let is_scanned = opened.synced < opened.writer.next_offset();
        let shared = (Arc::clone(&directory), Arc::clone(&self.stillness));
        let log = Arc::new(PartitionLog::new(partition.clone(), topic_id, config, shared, opened));
        if is_scanned {
            // What was found may lie in the page cache only. A checkpoint follows if it would spare the next start much.
            log.checkpoint(CHECKPOINT_BYTES_MIN).map_err(|error| sync_failed(&directory.path, error))?;
        }
        // Two threads that open the same log at once: the second finds the first's.
        match self.logs().entry(partition.clone()) {
            std::collections::btree_map::Entry::Vacant(vacant) => Ok(Arc::clone(vacant.insert(log))),
            std::collections::btree_map::Entry::Occupied(_) => Err(StorageError::AlreadyOpen(partition.clone())),
        }
    }

    /// Opens a log, making it if there is none.
    ///
    /// # Errors
    /// As [`Self::open_log`] and [`Self::create`].
    pub fn open_or_create(
        &self,
        partition: &TopicPartition,
        topic_id: TopicId,
        config: Arc<TopicConfig>,
        now: Timestamp,
    ) -> Result<Arc<PartitionLog>, StorageError> {
        if self.holds(partition)? {
            self.open_log(partition, topic_id, config, now)
        } else {
            self.create(partition, topic_id, config, now)
        }
    }

    /// Takes a log out of service and its directory aside, durably; its files are removed by [`Self::remove_aside`].
    /// Readers that hold slices of it read on.
    ///
    /// # Errors
    /// [`StorageError::Io`]; the log is out of service all the same.
    pub fn retire(&self, log: &PartitionLog) -> Result<(), StorageError> {
        let changing = self.stillness.change();
        self.retire_under(log, &changing)
    }

    fn retire_under(&self, log: &PartitionLog, changing: &Changing<'_>) -> Result<(), StorageError> {
        log.retire();
        self.logs().remove(log.topic_partition());
        self.set_aside(log.topic_partition(), log.topic_id(), changing)
    }

    /// Sets aside all logs of a topic, open or not.
    ///
    /// # Errors
    /// [`StorageError::Io`] of the first that failed; the others were set aside.
    pub fn retire_topic(&self, topic_id: TopicId) -> Result<(), StorageError> {
        let changing = self.stillness.change();
        let open: Vec<_> = self.logs().values().filter(|log| log.topic_id() == topic_id).cloned().collect();
        let mut result = Ok(());
        for log in &open {
            result = result.and(self.retire_under(log, &changing));
        }
        // Also those that are not open, as after a crash in the middle of a deletion.
        for partition in self.partition_directories()? {
            let is_open = self.logs().contains_key(&partition);
            if !is_open && self.read_topic_id(&self.path_of(&partition))? == Some(topic_id) {
                result = result.and(self.set_aside(&partition, topic_id, &changing));
            }
        }
        result
    }

    /// The directories that an earlier process left aside: of deleted logs, and of logs in the making when it crashed, but
    /// for those of topics that exist. To be asked before any log is prepared.
    #[must_use]
    pub fn leftovers(&self, topic_exists: impl Fn(TopicId) -> bool) -> Vec<String> {
        self.aside(|why, id| why == Aside::Delete || !topic_exists(id))
    }

    /// The directories of a topic's logs that were set aside.
    #[must_use]
    pub fn retired(&self, topic_id: TopicId) -> Vec<String> {
        self.aside(|why, id| why == Aside::Delete && id == topic_id)
    }

    fn aside(&self, is_wanted: impl Fn(Aside, TopicId) -> bool) -> Vec<String> {
        let entries = self.disk().read_directory(self.dir()).unwrap_or_default();
        let directories = entries.into_iter().filter(|entry| entry.kind == EntryKind::Directory);
        let names = directories.map(|entry| entry.name);
        names.filter(|name| parse_aside(name).is_some_and(|(why, id)| is_wanted(why, id))).collect()
    }

    /// Removes directories that [`Self::leftovers`] or [`Self::retired`] named; gives how many are gone. One that cannot be
    /// removed is a leftover of the next start.
    pub fn remove_aside(&self, names: &[String]) -> usize {
        let mut removed = 0;
        for path in names.iter().map(|name| self.dir().join(name)) {
            match remove_log_directory(self.disk(), &path) {
                Ok(()) => removed += 1,
                Err(error) => tracing::warn!(path = %path.display(), "a deleted log cannot be removed: {error}"),
            }
        }
        removed
    }

    /// Syncs the open logs that were appended much since their last checkpoint and writes their checkpoints, so that the
    /// next start is quick. To be called now and then; idle logs cost nothing.
    ///
    /// # Errors
    /// [`SyncError`] of the first log that failed, which is offline then; the others were not concerned.
    pub fn checkpoint(&self) -> Result<(), SyncError> {
        let mut result = Ok(());
        for log in self.open_logs().iter().filter(|log| !log.is_offline()) {
            result = result.and(log.checkpoint(CHECKPOINT_BYTES_MIN).map(|_| ()));
        }
        result
    }

    /// Syncs and closes all logs, and marks the directory as left cleanly if all of them could be. Appends that come later
    /// are refused.
    ///
    /// # Errors
    /// [`SyncError`] of the first log that failed. The next start then scans as after a crash.
    pub fn close(&self) -> Result<(), SyncError> {
        let mut result = Ok(());
        for log in self.open_logs() {
            result = result.and(log.close());
        }
        result?;
        if !self.was_clean() && self.has_unopened_logs() {
            // They were never looked at since the crash.
            return Ok(());
        }
        match self.directory.put_clean_mark(&self.closed_logs()) {
            Ok(()) => Ok(()),
            Err(ReplaceError::Refused(error)) => Err(SyncError::NoSpace(error)),
            Err(ReplaceError::Failed(error)) => Err(SyncError::Io(error)),
        }
    }

    /// What the mark of a clean stop says: how the logs are left, and of those that were not opened, how they were found.
    fn closed_logs(&self) -> BTreeMap<String, ClosedLog> {
        let mut logs = self.directory.closed.clone();
        logs.retain(|name, _| self.exists(&self.dir().join(name)).unwrap_or(true));
        let open = self.open_logs();
        logs.extend(open.iter().map(|log| {
            let closed = ClosedLog { topic_id: log.topic_id(), segments: log.segment_base_offsets() };
            (log.topic_partition().to_string(), closed)
        }));
        logs
    }

    fn has_unopened_logs(&self) -> bool {
        let open = self.logs();
        self.partition_directories().map_or(true, |found| found.iter().any(|partition| !open.contains_key(partition)))
    }

    fn set_aside(
        &self,
        partition: &TopicPartition,
        topic_id: TopicId,
        _changing: &Changing<'_>,
    ) -> Result<(), StorageError> {
        let (from, to) = (self.path_of(partition), self.dir().join(aside_name(partition, topic_id, Aside::Delete)));
        let rename = || {
            self.disk().rename(&from, &to)?;
            self.disk().sync_directory(self.dir())
        };
        rename().map_err(|error| StorageError::io(from.clone(), error))
    }

    fn partition_directories(&self) -> Result<Vec<TopicPartition>, StorageError> {
        let entries = self.disk().read_directory(self.dir()).map_err(|error| StorageError::io(self.dir(), error))?;
        let directories = entries.into_iter().filter(|entry| entry.kind == EntryKind::Directory);
        Ok(directories.filter_map(|entry| parse_partition(&entry.name)).collect())
    }

    fn read_topic_id(&self, path: &Path) -> Result<Option<TopicId>, StorageError> {
        let file = path.join(partition_metadata_v0::FILE_NAME);
        match read_file(self.disk(), &file, partition_metadata_v0::SIZE_MAX) {
            Ok(bytes) => Ok(partition_metadata_v0::decode(&bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StorageError::io(file, error)),
        }
    }

    fn path_of(&self, partition: &TopicPartition) -> PathBuf {
        self.dir().join(partition.to_string())
    }

    /// Runs `change`, which changes a file beside the logs, while no backup holds the files. It must not change anything in a log.
    pub fn change_file<T>(&self, change: impl FnOnce() -> T) -> T {
        let _changing = self.stillness.change();
        change()
    }

    /// Whether the log of this partition is open.
    pub(crate) fn is_open(&self, partition: &TopicPartition) -> bool {
        self.logs().contains_key(partition)
    }

    pub(crate) fn stillness(&self) -> &Stillness {
        &self.stillness
    }

    pub(crate) fn disk(&self) -> &dyn Disk {
        self.directory.disk.as_ref()
    }

    pub(crate) fn open_logs(&self) -> Vec<Arc<PartitionLog>> {
        self.logs().values().cloned().collect()
    }

    fn logs(&self) -> MutexGuard<'_, BTreeMap<TopicPartition, Arc<PartitionLog>>> {
        // Inserting and removing cannot leave the map half-changed.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes a directory with the files in it. What else is in it is not ours, and keeps it.
fn remove_log_directory(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    for entry in disk.read_directory(path)? {
        if entry.kind == EntryKind::File {
            disk.remove_file(&path.join(&entry.name))?;
        }
    }
    disk.remove_directory(path)
}

fn sync_failed(path: &Path, error: SyncError) -> StorageError {
    let error = match error {
        SyncError::Io(error) | SyncError::NoSpace(error) => error,
        SyncError::Offline | SyncError::OutOfRange { .. } => io::Error::other(error.to_string()),
    };
    StorageError::io(path, error)
}
