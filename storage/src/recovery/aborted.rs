//! The indexes of aborted transactions at the start. What they say of markers below the recovery point is durable; what they say
//! beyond is forgotten, because the scan finds again what is true of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::Offset;

use super::remove_if_there;
use crate::error::StorageError;
use crate::segment::{LogDirectory, Segment, TRANSACTION_INDEX_SUFFIX};

/// Makes known which of the segments below the recovery point have aborted transactions. `found` are the base offsets of the
/// index files that are there.
pub(super) fn open_aborted(
    directory: &LogDirectory,
    found: &BTreeSet<Offset>,
    trusted: &[Arc<Segment>],
    recovery_point: Offset,
) -> Result<(), StorageError> {
    let is_trusted = |base: &Offset| trusted.binary_search_by_key(base, |segment| segment.base_offset()).is_ok();
    for base in found.iter().filter(|base| !is_trusted(base)) {
        remove_if_there(directory, *base, TRANSACTION_INDEX_SUFFIX)?;
    }
    for segment in trusted.iter().filter(|segment| found.contains(&segment.base_offset())) {
        segment.note_aborted_file();
    }
    // The last one is appended to.
    match trusted.last().filter(|last| last.has_aborted()) {
        Some(last) => last.keep_aborted_before(recovery_point).map_err(|error| StorageError::io(last.path(), error)),
        None => Ok(()),
    }
}
