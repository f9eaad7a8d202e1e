//! The snapshot of the metadata: `metadata.snapshot`, a line of JSON for each record, a header and a checksum around them
//! (`docs/format/metadata_snapshot.md`). Written whole beside the old one and then put in its place.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use model::Offset;
use serde::{Deserialize, Serialize};

use super::record::MetadataRecord;
use super::state::{ReplayError, State};

/// Its name in the data directory.
pub(super) const FILE_NAME: &str = "metadata.snapshot";
/// The version that is written.
const VERSION: u32 = 1;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    version: u32,
    /// The first offset of the metadata log that is not in the snapshot.
    end: i64,
    records: u64,
    /// CRC-32C of `end`, big-endian, and of all bytes after this line.
    crc32c: u32,
}

fn checksum(end: i64, lines: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&end.to_be_bytes()), lines)
}

/// A snapshot that was read.
pub(super) struct Snapshot {
    pub(super) state: State,
    pub(super) end: Offset,
}

/// Why a snapshot cannot be used. It is never replaced by an empty one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SnapshotError {
    /// The file system's.
    #[error("the metadata snapshot cannot be read or written: {0}")]
    Io(#[from] io::Error),
    /// A line that is not what it should be.
    #[error("the metadata snapshot is damaged: {0}")]
    Json(#[from] serde_json::Error),
    /// Not the bytes that were written.
    #[error("the metadata snapshot is damaged: {what}")]
    Damaged {
        /// What does not fit.
        what: &'static str,
    },
    /// Written by a later version.
    #[error("the metadata snapshot has version {version}; this version of tidelog reads up to {VERSION}")]
    Version {
        /// Its version.
        version: u32,
    },
    /// Records that contradict each other.
    #[error("the metadata snapshot contradicts itself: {0}")]
    Replay(#[from] ReplayError),
}

/// Reads the snapshot, if there is one.
///
/// # Errors
/// [`SnapshotError`].
pub(super) fn read(path: &Path) -> Result<Option<Snapshot>, SnapshotError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    decode(&bytes).map(Some)
}

/// Writes the snapshot: a new file, synced, renamed over the old one, the directory synced.
///
/// # Errors
/// [`SnapshotError`]; the old snapshot is in its place then.
pub(super) fn write(path: &Path, state: &State, end: Offset) -> Result<(), SnapshotError> {
    let bytes = encode(state, end)?;
    let new = path.with_extension("snapshot.new");
    let mut file = fs::File::create(&new)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    if let Some(dir) = path.parent() {
        fs::File::open(dir)?.sync_all()?;
    }
    Ok(())
}

fn encode(state: &State, end: Offset) -> Result<Vec<u8>, SnapshotError> {
    let records = state.to_records();
    let mut lines = Vec::new();
    for record in &records {
        serde_json::to_writer(&mut lines, record)?;
        lines.push(b'\n');
    }
    let count = model::num::u64_from_usize(records.len());
    let header = Header { version: VERSION, end: end.get(), records: count, crc32c: checksum(end.get(), &lines) };
    let mut bytes = serde_json::to_vec(&header)?;
    bytes.push(b'\n');
    bytes.extend_from_slice(&lines);
    Ok(bytes)
}

fn decode(bytes: &[u8]) -> Result<Snapshot, SnapshotError> {
    let first_line = bytes.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
    let lines = bytes.get(first_line.len()..).unwrap_or_default();
    let header: Header = serde_json::from_slice(first_line)?;
    if header.version != VERSION {
        return Err(SnapshotError::Version { version: header.version });
    }
    if checksum(header.end, lines) != header.crc32c {
        return Err(SnapshotError::Damaged { what: "the checksum is wrong" });
    }
    let end = Offset::new(header.end).ok_or(SnapshotError::Damaged { what: "the end offset is negative" })?;
    let mut state = State::default();
    let mut records = 0;
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        state.replay(serde_json::from_slice::<MetadataRecord>(line)?)?;
        records += 1;
    }
    if records != header.records {
        return Err(SnapshotError::Damaged { what: "records are missing" });
    }
    Ok(Snapshot { state, end })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> State {
        let mut state = State::default();
        state.replay(MetadataRecord::UncleanStart {}).unwrap();
        state.replay(MetadataRecord::ProducerIdsReserved { end: 3000 }).unwrap();
        state
    }

    #[test]
    fn a_snapshot_of_version_1_is_read() {
        let golden = decode(include_bytes!("golden/metadata_snapshot_v1.snapshot")).unwrap();
        assert_eq!((golden.state, golden.end.get()), (state(), 42));
    }

    #[test]
    fn a_snapshot_reads_back_and_any_changed_byte_is_noticed() {
        let end = Offset::new(42).unwrap();
        let bytes = encode(&state(), end).unwrap();
        let snapshot = decode(&bytes).unwrap();
        assert_eq!((snapshot.state, snapshot.end), (state(), end));
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 1;
            let is_unnoticed = decode(&changed).is_ok_and(|read| read.end != end || read.state != state());
            assert!(!is_unnoticed, "byte {index}");
        }
    }
}
