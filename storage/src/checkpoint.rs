//! Small files that are replaced as a whole: after a crash there is the old one or the new one.

use std::io;
use std::path::Path;

use crate::disk::{Disk, OpenMode, is_refusal};

/// The suffix of a file that was not finished; whatever has it may be removed.
pub(crate) const UNFINISHED_SUFFIX: &str = ".tmp";

/// Why a file was not replaced.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplaceError {
    /// There was no room: the old file is in force, and a later try may succeed.
    #[error("no room: {0}")]
    Refused(io::Error),
    /// Anything else: nobody knows what the disk holds.
    #[error("{0}")]
    Failed(io::Error),
}

/// Puts `bytes` on stable storage as the file `name` of `directory`, in the place of the one that is there.
///
/// # Errors
/// [`ReplaceError`].
pub(crate) fn replace_file(disk: &dyn Disk, directory: &Path, name: &str, bytes: &[u8]) -> Result<(), ReplaceError> {
    replace_unsynced(disk, directory, name, bytes)?;
    disk.sync_directory(directory).map_err(ReplaceError::Failed)
}

/// As [`replace_file`], where the caller syncs the directory: until then a crash may leave the old file.
///
/// # Errors
/// [`ReplaceError`].
pub(crate) fn replace_unsynced(
    disk: &dyn Disk,
    directory: &Path,
    name: &str,
    bytes: &[u8],
) -> Result<(), ReplaceError> {
    let unfinished = directory.join(format!("{name}{UNFINISHED_SUFFIX}"));
    write_new(disk, &unfinished, bytes)?;
    disk.rename(&unfinished, &directory.join(name)).map_err(ReplaceError::Failed)
}

/// Writes a file and syncs it; its name is the caller's to make durable.
///
/// # Errors
/// [`ReplaceError`].
pub(crate) fn write_new(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<(), ReplaceError> {
    let judge = |error| if is_refusal(&error) { ReplaceError::Refused(error) } else { ReplaceError::Failed(error) };
    let file = disk.open(path, OpenMode::Replace).map_err(judge)?;
    file.write_all_at(bytes, &[], 0).map_err(judge)?;
    // Not judged: after a failed sync no reason is good enough to go on.
    file.sync_all().map_err(ReplaceError::Failed)
}
