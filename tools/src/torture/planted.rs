//! Mistakes that are planted in a broker, and the checks of which at least one must find each: a check that cannot fail is none.
//!
//! Owns: the list, and the build that has them. `storage/src/planted.rs` says what each is.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::TortureError;
use super::nemesis::Trouble;
use super::volume::Disk;

/// A mistake, and what finds it.
#[derive(Debug)]
pub(super) struct Mistake {
    /// As `TIDELOG_PLANTED` names it.
    pub(super) name: &'static str,
    pub(super) disk: Disk,
    pub(super) troubles: &'static [Trouble],
    pub(super) checks: &'static [&'static str],
}

const fn mistake(
    name: &'static str,
    disk: Disk,
    troubles: &'static [Trouble],
    checks: &'static [&'static str],
) -> Mistake {
    Mistake { name, disk, troubles, checks }
}

/// All of them.
pub(super) const MISTAKES: [Mistake; 11] = [
    mistake("AcksBeforeSync", Disk::Ext4, &[Trouble::Power], &["lost", "one-value", "watermarks", "sequence"]),
    mistake("IgnoresFailedSyncs", Disk::Ext4, &[Trouble::Errors], &["lost", "one-value", "watermarks", "sequence"]),
    mistake("DropsLastBatch", Disk::Directory, &[Trouble::Kill], &["lost", "one-value", "watermarks", "sequence"]),
    mistake("ForgetsProducersAtStart", Disk::Directory, &[Trouble::Kill], &["duplicates", "order", "sequence"]),
    mistake("ForgetsProducersAtRoll", Disk::Directory, &[Trouble::Cut], &["duplicates", "order", "sequence"]),
    mistake("OffsetOffByOne", Disk::Directory, &[Trouble::Pause], &["lost"]),
    mistake("LastStableIsHighWatermark", Disk::Directory, &[Trouble::Pause], &["aborted", "torn"]),
    mistake("AnAbortIsNotNamed", Disk::Directory, &[Trouble::Pause], &["aborted"]),
    mistake("CommitsInMemory", Disk::Ext4, &[Trouble::Power], &["commits", "aborted", "torn", "lost"]),
    mistake("ServesAboveHighWatermark", Disk::Ext4, &[Trouble::Power], &["one-value", "polls"]),
    mistake("DropsNewest", Disk::Directory, &[Trouble::Kill], &["lost"]),
];

/// Builds a broker that has the mistakes, and puts it in `work`, away from the one that has none.
pub(super) fn build(root: &Path, work: &Path) -> Result<PathBuf, TortureError> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["build", "--bin", "tidelog", "--features", "planted"];
    let status = Command::new(cargo).args(arguments).current_dir(root).status();
    let status = status.map_err(|source| TortureError::Io { what: "cargo build".to_owned(), source })?;
    if !status.success() {
        return Err(TortureError::Program { program: "cargo build".to_owned(), detail: status.to_string() });
    }
    std::fs::create_dir_all(work).map_err(|source| TortureError::io(work, source))?;
    let binary = work.join("tidelog-planted");
    std::fs::copy(root.join("target/debug/tidelog"), &binary).map_err(|source| TortureError::io(&binary, source))?;
    Ok(binary)
}
