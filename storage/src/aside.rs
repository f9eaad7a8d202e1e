//! Files that a log does not need any more and that are removed later: they get another name at once, so that whoever looks
//! into the directory, and the next start, know what they are.
//!
//! Does not know: why they are not needed. Whoever sets them aside has made that durable.

use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::{Offset, Timestamp};

use crate::segment::{LogDirectory, SEGMENT_SUFFIXES};

/// What is added to the name of such a file, as in Kafka.
pub(crate) const DELETED_SUFFIX: &str = ".deleted";

/// The files that were set aside and are not removed yet. As many as there were segments that died within the delay.
#[derive(Debug, Default)]
pub(crate) struct AsideFiles(Mutex<Vec<(Timestamp, PathBuf)>>);

impl AsideFiles {
    /// Gives the files of the segments that begin at these offsets the other name, durably; they are to be removed when `due`.
    ///
    /// # Errors
    /// What the system says. Files that have the old name still are as dead as before.
    pub(crate) fn set_aside(
        &self,
        directory: &LogDirectory,
        segments: impl Iterator<Item = Offset>,
        due: Timestamp,
    ) -> io::Result<()> {
        for base in segments {
            // The records last: what has no records is no segment, for whoever finds the rest after a crash.
            for suffix in SEGMENT_SUFFIXES {
                let path = directory.segment_file(base, suffix);
                let aside = directory.segment_file(base, &format!("{suffix}{DELETED_SUFFIX}"));
                match directory.disk.rename(&path, &aside) {
                    Ok(()) => self.lock().push((due, aside)),
                    // Some segments have no indexes.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
        }
        directory.disk.sync_directory(&directory.path)
    }

    /// Removes the files whose time has come; whether there were any. One that cannot be removed is left to the next start.
    pub(crate) fn remove_due(&self, directory: &LogDirectory, now: Timestamp) -> bool {
        let due: Vec<_> = self.lock().extract_if(.., |(due, _)| now >= *due).collect();
        for (_, path) in &due {
            if let Err(error) = directory.disk.remove_file(path) {
                tracing::warn!(path = %path.display(), "a deleted segment stays until the next start: {error}");
            }
        }
        !due.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Timestamp, PathBuf)>> {
        // Pushing and taking out cannot leave the list half-changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
