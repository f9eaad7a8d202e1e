//! The data directory: that it is ours, that nobody else uses it, and whether it was left cleanly.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::num::u64_from_usize;
use model::{BrokerId, Timestamp, TopicId};

use super::LogManagerOptions;
use super::names::{parse_aside, parse_partition};
use crate::checkpoint::{ReplaceError, replace_file};
use crate::disk::{Disk, DiskFile, EntryKind, OpenMode, read_file};
use crate::format::clean_shutdown_v2::ClosedLog;
use crate::format::meta_properties_v1::{self, MetaError, MetaProperties};
use crate::format::{clean_shutdown_v2, partition_checkpoint_v1, partition_metadata_v0};
use crate::segment::LOG_SUFFIX;

/// The name is Kafka's; the lock is not (`flock`), so each is also recognised by `meta.properties`.
const LOCK_FILE_NAME: &str = ".lock";
/// What only Kafka leaves in a data directory.
const KAFKA_ENTRIES: [&str; 4] =
    ["bootstrap.checkpoint", ".kafka_cleanshutdown", "__cluster_metadata-0", "recovery-point-offset-checkpoint"];

/// Why a data directory was not opened. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("the data directory {path} is in use by another process")]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// It belongs to an Apache Kafka broker.
    #[error(
        "the data directory {path} belongs to an Apache Kafka broker ({sign}); Tidelog keeps its own metadata and cannot take \
         it over: choose an empty directory, and copy the topics with a client"
    )]
    Kafka {
        /// The directory.
        path: PathBuf,
        /// By what it was recognised.
        sign: String,
    },
    /// A later version of the program wrote it.
    #[error(
        "the data directory {path} has format version {version}, this program knows those up to {known}: use a newer program"
    )]
    Newer {
        /// The directory.
        path: PathBuf,
        /// The version found.
        version: u64,
        /// The latest version known.
        known: u32,
    },
    /// It belongs to another broker.
    #[error("the data directory {path} belongs to the broker with node.id {found}, this one has {expected}")]
    OtherNode {
        /// The directory.
        path: PathBuf,
        /// The `node.id` in the directory.
        found: i32,
        /// The `node.id` of this broker.
        expected: i32,
    },
    /// A file that says what the directory is cannot be understood or is missing. It is left as it is.
    #[error("{file}: {problem}")]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What is wrong.
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
}

impl OpenError {
    pub(super) fn io(path: impl Into<PathBuf>, error: io::Error) -> Self {
        Self::Io { path: path.into(), error }
    }
}

/// A data directory that is ours, locked.
#[derive(Debug)]
pub(super) struct DataDirectory {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) path: PathBuf,
    pub(super) meta: MetaProperties,
    pub(super) was_clean: bool,
    /// What the mark of the last clean stop says of the logs; nothing after a crash.
    pub(super) closed: BTreeMap<String, ClosedLog>,
    /// When the last process that used the directory was surely still at work; `None` if nothing tells.
    pub(super) last_used: Option<Timestamp>,
    _lock: Arc<dyn DiskFile>,
}

impl DataDirectory {
    /// Opens the directory, making it if it is not there.
    pub(super) fn open(disk: Arc<dyn Disk>, path: &Path, options: &LogManagerOptions) -> Result<Self, OpenError> {
        make_directory(disk.as_ref(), path)?;
        // Before anything is written, the lock file included: the directory may be somebody else's.
        let found = read_meta(disk.as_ref(), path, options.node_id)?;
        let lock = lock(disk.as_ref(), path)?;
        let meta = if let Some(meta) = found {
            meta
        } else {
            // Whoever made the directory may have come to its end before that was durable.
            sync_ancestors(disk.as_ref(), path)?;
            claim(disk.as_ref(), path, options)?
        };
        // Before anything is written again.
        let last_used = last_used(disk.as_ref(), path);
        let (was_clean, closed) = take_clean_mark(disk.as_ref(), path)?;
        Ok(Self { disk, path: path.to_owned(), meta, was_clean, closed, last_used, _lock: lock })
    }

    /// Marks the directory as left cleanly, with these logs.
    pub(super) fn put_clean_mark(&self, logs: &BTreeMap<String, ClosedLog>) -> Result<(), ReplaceError> {
        let mut mark = clean_shutdown_v2::encode(logs);
        if u64_from_usize(mark.len()) > clean_shutdown_v2::SIZE_MAX {
            // It would not be read again. Without the logs' names each of them is checked in another way.
            mark = clean_shutdown_v2::encode(&BTreeMap::new());
        }
        replace_file(self.disk.as_ref(), &self.path, clean_shutdown_v2::FILE_NAME, mark.as_bytes())
    }
}

fn make_directory(disk: &dyn Disk, path: &Path) -> Result<(), OpenError> {
    let exists = |path: &Path| disk.exists(path).map_err(|error| OpenError::io(path, error));
    let mut missing = Vec::new();
    let mut ancestor = Some(path);
    while let Some(directory) = ancestor.filter(|directory| !directory.as_os_str().is_empty()) {
        if exists(directory)? {
            break;
        }
        missing.push(directory);
        ancestor = directory.parent();
    }
    for directory in missing.into_iter().rev() {
        disk.create_directory(directory).map_err(|error| OpenError::io(directory, error))?;
    }
    Ok(())
}

/// Makes the directory's name durable, and those above it. A directory that we may not open was not made by us.
fn sync_ancestors(disk: &dyn Disk, path: &Path) -> Result<(), OpenError> {
    for ancestor in path.ancestors().skip(1) {
        let ancestor = if ancestor.as_os_str().is_empty() { Path::new(".") } else { ancestor };
        match disk.sync_directory(ancestor) {
            Err(error) if error.kind() != io::ErrorKind::PermissionDenied => {
                return Err(OpenError::io(ancestor, error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// What the directory says about itself; `None` if it says nothing and holds nothing that would have to.
fn read_meta(disk: &dyn Disk, path: &Path, node_id: BrokerId) -> Result<Option<MetaProperties>, OpenError> {
    let file = path.join(meta_properties_v1::FILE_NAME);
    let bytes = match read_file(disk, &file, meta_properties_v1::SIZE_MAX) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return refuse_unlabelled(disk, path).map(|()| None);
        }
        Err(error) => return Err(OpenError::io(file, error)),
    };
    let meta = MetaProperties::decode(&bytes).map_err(|error| not_ours(path, file, &error))?;
    if meta.node_id != node_id {
        let (found, expected) = (meta.node_id.get(), node_id.get());
        return Err(OpenError::OtherNode { path: path.to_owned(), found, expected });
    }
    Ok(Some(meta))
}

fn not_ours(path: &Path, file: PathBuf, error: &MetaError) -> OpenError {
    let path = path.to_owned();
    match error {
        MetaError::Kafka => OpenError::Kafka { path, sign: "its meta.properties".to_owned() },
        MetaError::Newer { version } => {
            OpenError::Newer { path, version: *version, known: meta_properties_v1::VERSION }
        }
        MetaError::Key { .. } => OpenError::Unreadable { file, problem: error.to_string() },
    }
}

/// A directory without `meta.properties` is new, unless there are logs in it. Other files are not looked at.
fn refuse_unlabelled(disk: &dyn Disk, path: &Path) -> Result<(), OpenError> {
    for entry in disk.read_directory(path).map_err(|error| OpenError::io(path, error))? {
        if KAFKA_ENTRIES.contains(&entry.name.as_str()) {
            return Err(OpenError::Kafka { path: path.to_owned(), sign: entry.name });
        }
        let is_log = entry.kind == EntryKind::Directory
            && (parse_aside(&entry.name).is_some() || parse_partition(&entry.name).is_some())
            && disk.exists(&path.join(&entry.name).join(partition_metadata_v0::FILE_NAME)).unwrap_or(true);
        if is_log {
            let problem = format!("the file is missing, but there is a log beside it ({})", entry.name);
            return Err(OpenError::Unreadable { file: path.join(meta_properties_v1::FILE_NAME), problem });
        }
    }
    Ok(())
}

/// When the clean mark was written, or else when something in a log was written last.
fn last_used(disk: &dyn Disk, path: &Path) -> Option<Timestamp> {
    if let Ok(stopped) = disk.modified(&path.join(clean_shutdown_v2::FILE_NAME)) {
        return Some(stopped);
    }
    let entries = disk.read_directory(path).ok()?;
    let logs = entries.iter().filter(|entry| entry.kind == EntryKind::Directory);
    logs.filter_map(|log| newest_in(disk, &path.join(&log.name))).max()
}

fn newest_in(disk: &dyn Disk, log: &Path) -> Option<Timestamp> {
    let entries = disk.read_directory(log).ok()?;
    // The names of segments sort as their offsets do, so the last one was written last.
    let is_segment = |name: &&str| name.strip_suffix(LOG_SUFFIX).is_some_and(|base| base.ends_with('.'));
    let active = entries.iter().map(|entry| entry.name.as_str()).filter(is_segment).max();
    let names = active.into_iter().chain([partition_checkpoint_v1::FILE_NAME]);
    names.filter_map(|name| disk.modified(&log.join(name)).ok()).max()
}

fn lock(disk: &dyn Disk, path: &Path) -> Result<Arc<dyn DiskFile>, OpenError> {
    let file = path.join(LOCK_FILE_NAME);
    let take = || {
        let lock = disk.open(&file, OpenMode::Replace)?;
        Ok(lock.try_lock()?.then_some(lock))
    };
    match take() {
        Ok(Some(lock)) => Ok(lock),
        Ok(None) => Err(OpenError::InUse { path: path.to_owned() }),
        Err(error) => Err(OpenError::io(file, error)),
    }
}

/// Takes the lock of a data directory that is there, and changes nothing in it: it is held until the file is dropped.
///
/// # Errors
/// [`OpenError`].
pub(crate) fn lock_stopped(disk: &dyn Disk, path: &Path) -> Result<Arc<dyn DiskFile>, OpenError> {
    let file = path.join(meta_properties_v1::FILE_NAME);
    let bytes = read_file(disk, &file, meta_properties_v1::SIZE_MAX).map_err(|error| OpenError::io(&file, error))?;
    MetaProperties::decode(&bytes).map_err(|error| not_ours(path, file, &error))?;
    lock(disk, path)
}

fn claim(disk: &dyn Disk, path: &Path, options: &LogManagerOptions) -> Result<MetaProperties, OpenError> {
    // Again, now with the lock: another process may have claimed it meanwhile.
    if let Some(meta) = read_meta(disk, path, options.node_id)? {
        return Ok(meta);
    }
    let meta = MetaProperties {
        cluster_id: TopicId::from_bytes(options.cluster_id_if_new).to_string(),
        directory_id: TopicId::from_bytes(options.directory_id_if_new),
        node_id: options.node_id,
    };
    match replace_file(disk, path, meta_properties_v1::FILE_NAME, meta.encode().as_bytes()) {
        Ok(()) => Ok(meta),
        Err(ReplaceError::Refused(error) | ReplaceError::Failed(error)) => {
            Err(OpenError::io(path.join(meta_properties_v1::FILE_NAME), error))
        }
    }
}

/// Whether the mark was there, and what it says. It is gone, durably, before anything else happens.
fn take_clean_mark(disk: &dyn Disk, path: &Path) -> Result<(bool, BTreeMap<String, ClosedLog>), OpenError> {
    let mark = path.join(clean_shutdown_v2::FILE_NAME);
    let take = || {
        let mut taken = (false, BTreeMap::new());
        if disk.exists(&mark)? {
            // A mark that names no logs is one of an earlier version: they are checked in another way.
            let closed = clean_shutdown_v2::decode(&read_file(disk, &mark, clean_shutdown_v2::SIZE_MAX)?);
            disk.remove_file(&mark)?;
            taken = (true, closed.unwrap_or_default());
        }
        // Also if it is not there: a process that removed it may have been killed before that was durable.
        disk.sync_directory(path)?;
        Ok(taken)
    };
    take().map_err(|error| OpenError::io(&mark, error))
}
