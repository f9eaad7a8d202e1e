//! Which files a backup consists of, and how each comes into it: linked where nobody ever writes to it again, copied otherwise.
//!
//! Linked are the records of segments that lie wholly below the recovery point, and nothing else: no start, neither of the original nor
//! of the backup, writes to those. Index files are copied, because whoever finds one damaged may make it again in its place.

use std::collections::BTreeMap;
use std::path::Path;

use model::{Offset, TopicPartition};

use super::BackupError;
use super::cut::LogCut;
use crate::aside::DELETED_SUFFIX;
use crate::checkpoint::UNFINISHED_SUFFIX;
use crate::compaction::CLEANED_SUFFIX;
use crate::disk::{Disk, EntryKind, read_file};
use crate::format::meta_properties_v1;
use crate::format::partition_checkpoint_v1::{self, PartitionCheckpoint};
use crate::log_manager::{parse_partition, stands_prepared};
use crate::partition_log::PartitionLog;
use crate::recovery::{CUT_SUFFIX, parse_segment_file};
use crate::segment::{
    LOG_SUFFIX, OFFSET_INDEX_SUFFIX, Segment, TIME_INDEX_SUFFIX, TRANSACTION_INDEX_SUFFIX, segment_file_name,
};
use crate::sync::PRODUCERS_SUFFIX;

/// Ends of names of files that are nobody's any more.
const LEFT_OUT: [&str; 3] = [DELETED_SUFFIX, CLEANED_SUFFIX, UNFINISHED_SUFFIX];

/// How a file comes into a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Take {
    /// As another name of the same file.
    Link,
    /// As a copy of all its bytes.
    Copy,
    /// As a copy of its first bytes, which are all there.
    CopyUpTo(u32),
}

/// A file of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PlannedFile {
    pub(super) name: String,
    pub(super) take: Take,
}

/// A directory of a backup, by its name in the data directory.
#[derive(Debug)]
pub(super) struct PlannedDirectory {
    pub(super) name: String,
    pub(super) files: Vec<PlannedFile>,
}

/// What a backup consists of, but for the file that says that it is a data directory: that comes last.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) files: Vec<String>,
    pub(super) directories: Vec<PlannedDirectory>,
}

impl Plan {
    /// The plan of a data directory whose files nobody changes. `cut` is that of its open logs; others are taken as they lie.
    /// `other_files` are the names of files beside the logs.
    pub(super) fn of(
        disk: &dyn Disk,
        dir: &Path,
        cut: &BTreeMap<TopicPartition, LogCut>,
        is_open: &dyn Fn(&TopicPartition) -> bool,
        other_files: &[&str],
    ) -> Result<Self, BackupError> {
        let mut plan = Self::default();
        let entries = disk.read_directory(dir).map_err(|error| BackupError::io(dir, error))?;
        for entry in entries {
            let path = dir.join(&entry.name);
            match entry.kind {
                EntryKind::File if other_files.contains(&entry.name.as_str()) => plan.files.push(entry.name),
                EntryKind::Directory => {
                    let files = match parse_partition(&entry.name) {
                        Some(partition) => of_partition(disk, &path, cut.get(&partition), || is_open(&partition))?,
                        None if stands_prepared(&entry.name) => as_it_lies(disk, &path)?,
                        None => continue,
                    };
                    plan.directories.push(PlannedDirectory { name: entry.name, files });
                }
                EntryKind::File | EntryKind::Other => {}
            }
        }
        Ok(plan)
    }
}

fn of_partition(
    disk: &dyn Disk,
    path: &Path,
    cut: Option<&LogCut>,
    is_open: impl FnOnce() -> bool,
) -> Result<Vec<PlannedFile>, BackupError> {
    match cut {
        // Of a log that failed nobody knows more than what lies there; a part of a swap may.
        Some(cut) if !cut.log.is_offline() => up_to(disk, path, &cut.log, cut.end),
        Some(_) => as_it_lies(disk, path),
        None => {
            let files = as_it_lies(disk, path)?;
            // Opened after the cut: it had no records then.
            Ok(if is_open() { files.into_iter().filter(|file| !is_of_segment(&file.name)).collect() } else { files })
        }
    }
}

fn is_of_segment(name: &str) -> bool {
    parse_segment_file(name).is_some()
}

/// The files of an open log, up to `end`.
fn up_to(disk: &dyn Disk, path: &Path, log: &PartitionLog, end: Offset) -> Result<Vec<PlannedFile>, BackupError> {
    let checkpoint = read_checkpoint(disk, path)?.unwrap_or_default();
    let point_base = checkpoint.segment_base_offset;
    let is_wanted = |name: &str| match parse_segment_file(name) {
        // What is behind the recovery point is made again from the records.
        Some((base, OFFSET_INDEX_SUFFIX | TIME_INDEX_SUFFIX | TRANSACTION_INDEX_SUFFIX)) => base <= point_base,
        Some((at, PRODUCERS_SUFFIX)) => at <= checkpoint.recovery_point,
        // Records are taken by the list of segments.
        Some(_) => false,
        None => !name.ends_with(UNFINISHED_SUFFIX),
    };
    let mut files: Vec<_> = names(disk, path)?.into_iter().filter(|name| is_wanted(name)).map(copied).collect();
    let segments = log.published.segments.load();
    for (place, segment) in segments.list().iter().enumerate() {
        let base = segment.base_offset();
        let next = segments.list().get(place + 1).map(|next| next.base_offset());
        let take = if base < point_base {
            Take::Link
        } else if base < end || base == point_base {
            Take::CopyUpTo(size_up_to(segment, next, end)?)
        } else {
            break;
        };
        files.push(PlannedFile { name: segment_file_name(base, LOG_SUFFIX), take });
    }
    Ok(files)
}

fn size_up_to(segment: &Segment, next: Option<Offset>, end: Offset) -> Result<u32, BackupError> {
    if next.is_some_and(|next| next <= end) {
        return Ok(segment.size());
    }
    let position = segment.position_of(end);
    position.map_err(|error| BackupError::Unreadable { file: segment.path(), problem: error.to_string() })
}

/// The files of a directory in which nobody writes.
fn as_it_lies(disk: &dyn Disk, path: &Path) -> Result<Vec<PlannedFile>, BackupError> {
    // A checkpoint that cannot be read says nothing of what is below it.
    let checkpoint = read_checkpoint(disk, path)?.unwrap_or_default();
    let is_left_out = |name: &str| {
        let is_cut = parse_segment_file(name).is_some_and(|(_, suffix)| suffix == CUT_SUFFIX);
        is_cut || LEFT_OUT.iter().any(|suffix| name.ends_with(suffix))
    };
    let is_sealed = |name: &str| {
        let found = parse_segment_file(name);
        found.is_some_and(|(base, suffix)| suffix == LOG_SUFFIX && base < checkpoint.segment_base_offset)
    };
    let names = names(disk, path)?.into_iter().filter(|name| !is_left_out(name));
    Ok(names.map(|name| if is_sealed(&name) { PlannedFile { name, take: Take::Link } } else { copied(name) }).collect())
}

fn copied(name: String) -> PlannedFile {
    PlannedFile { name, take: Take::Copy }
}

fn names(disk: &dyn Disk, path: &Path) -> Result<Vec<String>, BackupError> {
    let entries = disk.read_directory(path).map_err(|error| BackupError::io(path, error))?;
    let files = entries.into_iter().filter(|entry| entry.kind == EntryKind::File);
    Ok(files.map(|entry| entry.name).collect())
}

/// What the checkpoint in a directory says; `None` if there is none that can be read.
fn read_checkpoint(disk: &dyn Disk, path: &Path) -> Result<Option<PartitionCheckpoint>, BackupError> {
    let file = path.join(partition_checkpoint_v1::FILE_NAME);
    match read_file(disk, &file, partition_checkpoint_v1::SIZE_MAX) {
        Ok(bytes) => Ok(PartitionCheckpoint::decode(&bytes).ok()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(BackupError::io(file, error)),
    }
}

/// The file that makes a directory a data directory.
pub(super) const LAST_FILE: &str = meta_properties_v1::FILE_NAME;
