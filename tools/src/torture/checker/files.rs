//! What stands in the segments, when the broker has ended: record batches, byte by byte, by a reader of our own that shares no code
//! with the broker. Kafka's files are the same.

use std::path::{Path, PathBuf};

use super::sends::COMPACTED;
use super::{Findings, Violation};
use crate::torture::TortureError;
use crate::torture::clients::{PARTITIONS, TOPICS};

/// The name of the check.
const CHECK: &str = "files";
/// Where a batch has its length, its magic, its checksum and its last offset's delta; the checksum covers what follows it.
const LENGTH_AT: usize = 8;
const MAGIC_AT: usize = 16;
const CRC_AT: usize = 17;
const COVERED_FROM: usize = 21;
const DELTA_AT: usize = 23;
/// Bytes that the length does not count.
const BEFORE_LENGTH_ENDS: usize = 12;

/// Check 12: every batch is whole and right, and begins where the one before ended; in a compacted log behind it.
pub(in crate::torture) fn check(data: &Path) -> Result<Vec<Violation>, TortureError> {
    let mut found = Vec::new();
    let mut findings = Findings { check: CHECK, found: &mut found, count: 0 };
    for (topic, _) in TOPICS {
        for partition in 0..PARTITIONS {
            check_log(&data.join(format!("{topic}-{partition}")), topic == COMPACTED, &mut findings)?;
        }
    }
    Ok(found)
}

fn check_log(dir: &Path, is_compacted: bool, findings: &mut Findings<'_>) -> Result<(), TortureError> {
    let mut next: Option<i64> = None;
    for path in segments(dir)? {
        let bytes = std::fs::read(&path).map_err(|source| TortureError::io(&path, source))?;
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let Some((base, last, size)) = batch(rest) else {
                let at = bytes.len() - rest.len();
                findings.add(|| format!("{}: no whole and right batch at {at}", path.display()));
                return Ok(());
            };
            let follows = next.is_none_or(|next| if is_compacted { base >= next } else { base == next });
            if !follows {
                findings.add(|| format!("{}: a batch at offset {base}, expected {next:?}", path.display()));
            }
            next = Some(last + 1);
            rest = rest.get(size..).unwrap_or_default();
        }
    }
    Ok(())
}

/// The segments of a log, in order.
fn segments(dir: &Path) -> Result<Vec<PathBuf>, TortureError> {
    let io = |source| TortureError::io(dir, source);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if path.extension().is_some_and(|ending| ending == "log") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// The first and the last offset, and the size in bytes, of the batch at the start; `None` if it is not right.
fn batch(bytes: &[u8]) -> Option<(i64, i64, usize)> {
    let base = i64::from_be_bytes(field(bytes, 0)?);
    let size = usize::try_from(i32::from_be_bytes(field(bytes, LENGTH_AT)?)).ok()?.checked_add(BEFORE_LENGTH_ENDS)?;
    let covered = bytes.get(COVERED_FROM..size)?;
    let is_right =
        bytes.get(MAGIC_AT) == Some(&2) && crc32c::crc32c(covered) == u32::from_be_bytes(field(bytes, CRC_AT)?);
    let delta = i64::from(i32::from_be_bytes(field(bytes, DELTA_AT)?));
    (is_right && delta >= 0).then_some((base, base.checked_add(delta)?, size))
}

fn field<const SIZE: usize>(bytes: &[u8], at: usize) -> Option<[u8; SIZE]> {
    bytes.get(at..at.checked_add(SIZE)?)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(base: i64, records: i32) -> Vec<u8> {
        let mut bytes = vec![0; 61];
        bytes[..8].copy_from_slice(&base.to_be_bytes());
        bytes[LENGTH_AT..12].copy_from_slice(&49_i32.to_be_bytes());
        bytes[MAGIC_AT] = 2;
        bytes[DELTA_AT..27].copy_from_slice(&(records - 1).to_be_bytes());
        let crc = crc32c::crc32c(&bytes[COVERED_FROM..]);
        bytes[CRC_AT..COVERED_FROM].copy_from_slice(&crc.to_be_bytes());
        bytes
    }

    fn problems(is_compacted: bool, bytes: &[u8]) -> usize {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("00000000000000000000.log"), bytes).unwrap();
        let mut found = Vec::new();
        check_log(dir.path(), is_compacted, &mut Findings { check: CHECK, found: &mut found, count: 0 }).unwrap();
        found.len()
    }

    #[test]
    fn a_gap_a_flipped_bit_and_a_torn_batch_are_found() {
        let log = [encoded(0, 5), encoded(5, 2)].concat();
        assert_eq!(problems(false, &log), 0);
        let gap = [encoded(0, 5), encoded(6, 2)].concat();
        assert_eq!((problems(false, &gap), problems(true, &gap)), (1, 0));
        let back = [encoded(0, 5), encoded(4, 2)].concat();
        assert_eq!((problems(false, &back), problems(true, &back)), (1, 1));
        let mut flipped = log.clone();
        flipped[40] ^= 1;
        assert_eq!(problems(true, &flipped), 1);
        assert_eq!(problems(true, &log[..log.len() - 1]), 1);
    }
}
