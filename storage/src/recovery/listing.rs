//! What lies in the directory of a log, by the names of its files.

use std::collections::BTreeSet;

use model::Offset;

use crate::aside::DELETED_SUFFIX;
use crate::compaction::LeftOver;
use crate::disk::EntryKind;
use crate::error::StorageError;
use crate::format::{cleaner_checkpoint_v1, leader_epoch_checkpoint_v0, partition_checkpoint_v1};
use crate::segment::{LOG_SUFFIX, LogDirectory, TRANSACTION_INDEX_SUFFIX};
use crate::sync::PRODUCERS_SUFFIX;

/// What lies in the directory of a log. Files with other names are not ours and left alone.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) segments: Vec<Offset>,
    pub(super) snapshots: Vec<Offset>,
    /// Segments with an index of aborted transactions.
    pub(super) aborted: BTreeSet<Offset>,
    pub(super) has_checkpoint: bool,
    pub(super) has_epochs: bool,
    /// The names of files that were set aside to be removed later.
    pub(super) aside: Vec<String>,
    /// What compaction left behind.
    pub(super) left_over: Vec<LeftOver>,
    /// Whether compaction was ever at work here.
    pub(super) was_compacted: bool,
}

/// Reads the directory.
pub(super) fn list(directory: &LogDirectory) -> Result<Listing, StorageError> {
    let entries = directory.disk.read_directory(&directory.path);
    let entries = entries.map_err(|error| StorageError::io(&directory.path, error))?;
    let mut listing = Listing::default();
    for entry in entries.into_iter().filter(|entry| entry.kind == EntryKind::File) {
        match entry.name.as_str() {
            partition_checkpoint_v1::FILE_NAME => listing.has_checkpoint = true,
            leader_epoch_checkpoint_v0::FILE_NAME => listing.has_epochs = true,
            cleaner_checkpoint_v1::FILE_NAME => listing.was_compacted = true,
            name => match parse_segment_file(name) {
                Some((offset, LOG_SUFFIX)) => listing.segments.push(offset),
                Some((offset, PRODUCERS_SUFFIX)) => listing.snapshots.push(offset),
                Some((offset, TRANSACTION_INDEX_SUFFIX)) => drop(listing.aborted.insert(offset)),
                Some((_, suffix)) if suffix.ends_with(DELETED_SUFFIX) => listing.aside.push(entry.name),
                Some((offset, suffix)) => listing.left_over.extend(LeftOver::parse(name, offset, suffix)),
                None => {}
            },
        }
    }
    listing.segments.sort_unstable();
    listing.snapshots.sort_unstable();
    Ok(listing)
}

/// The offset and the suffix of a name such as `00000000000000000042.log`.
pub(crate) fn parse_segment_file(name: &str) -> Option<(Offset, &str)> {
    let (digits, suffix) = name.split_once('.')?;
    let is_offset = digits.len() == 20 && digits.bytes().all(|digit| digit.is_ascii_digit());
    Some((Offset::new(digits.parse().ok().filter(|_| is_offset)?)?, suffix))
}
