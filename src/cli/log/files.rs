//! Which file of a data directory is what, by its name: Kafka's layout.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// `.log`: batches.
    Segment,
    /// `.index`: from offsets to positions.
    OffsetIndex,
    /// `.timeindex`: from times to offsets.
    TimeIndex,
    /// `.txnindex`: transactions that were aborted.
    TransactionIndex,
    /// `.producers`: what is remembered of producers. Kafka's `.snapshot` has another format and is left alone.
    ProducerSnapshot,
}

impl Kind {
    /// The kind of a file that the user names, who may have renamed it.
    pub(super) fn by_extension(path: &Path) -> Option<Self> {
        match path.extension().and_then(OsStr::to_str)? {
            "log" => Some(Self::Segment),
            "index" => Some(Self::OffsetIndex),
            "timeindex" => Some(Self::TimeIndex),
            "txnindex" => Some(Self::TransactionIndex),
            "producers" => Some(Self::ProducerSnapshot),
            _ => None,
        }
    }

    /// The kind of a file, and the offset that its name says; `None` for other files.
    pub(super) fn of(path: &Path) -> Option<(Self, i64)> {
        let kind = Self::by_extension(path)?;
        let name = path.file_stem().and_then(OsStr::to_str)?;
        let is_offset = name.len() == 20 && name.bytes().all(|byte| byte.is_ascii_digit());
        let offset = if is_offset { name.parse().ok()? } else { return None };
        Some((kind, offset))
    }
}

/// The known files of a partition's folder, by offset and kind.
pub(super) fn of_partition(directory: &Path) -> io::Result<Vec<(i64, Kind, PathBuf)>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if let Some((kind, offset)) = Kind::of(&path) {
            files.push((offset, kind, path));
        }
    }
    files.sort();
    Ok(files)
}

/// The folders of partitions: `directory` itself, or those in it, by name.
pub(super) fn partitions(directory: &Path) -> io::Result<Vec<PathBuf>> {
    if has_segment(directory)? {
        return Ok(vec![directory.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() && is_partition_name(&entry.file_name()) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

fn has_segment(directory: &Path) -> io::Result<bool> {
    Ok(of_partition(directory)?.iter().any(|(_, kind, _)| *kind == Kind::Segment))
}

/// `TOPIC-PARTITION`. Folders of deleted topics have a suffix behind that and are left out.
fn is_partition_name(name: &OsStr) -> bool {
    let parts = name.to_str().and_then(|name| name.rsplit_once('-'));
    parts.is_some_and(|(topic, partition)| !topic.is_empty() && partition.parse::<u32>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_names() {
        let kind = |name: &str| Kind::of(Path::new(name));
        assert_eq!(kind("d/00000000000000000042.log"), Some((Kind::Segment, 42)));
        assert_eq!(kind("00000000000000000042.timeindex"), Some((Kind::TimeIndex, 42)));
        assert_eq!(kind("42.log"), None);
        assert_eq!(kind("99999999999999999999.log"), None, "no offset is that large");
        assert_eq!(kind("leader-epoch-checkpoint"), None);
        assert!(is_partition_name(OsStr::new("a-b-7")));
        assert!(!is_partition_name(OsStr::new("a-7.0123abc-delete")));
        assert!(!is_partition_name(OsStr::new("-7")));
    }
}
