//! `partition.checkpoint`: what of one log is known to be on stable storage and checked, and where the log begins.
//! `docs/format/partition_checkpoint.md` describes it. Lines of text with a checksum, replaced as a whole.

use model::Offset;

/// The name of the file.
pub const FILE_NAME: &str = "partition.checkpoint";
/// More than any such file has.
pub const SIZE_MAX: u64 = 4096;

/// What the file says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PartitionCheckpoint {
    /// The first offset that readers may see.
    pub log_start_offset: Offset,
    /// Everything below this offset is durable, with its indexes and epochs; only what lies above is scanned after a crash.
    pub recovery_point: Offset,
    /// The base offset of the segment that the recovery point lies in.
    pub segment_base_offset: Offset,
    /// Bytes of that segment below the recovery point.
    pub segment_position: u32,
    /// Entries of that segment's offset index below the recovery point; what the file holds behind them does not count.
    pub offset_index_entries: u64,
    /// Entries of that segment's time index below the recovery point.
    pub time_index_entries: u64,
    /// Whether `<recovery point>.producers` holds the producers at the recovery point; if not, there were none.
    pub has_producers: bool,
}

/// Why a file is no checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// A later version of the program wrote it.
    #[error("it has another version than 1")]
    Version,
    /// The lines are not the ones that belong there, or the numbers contradict each other.
    #[error("it is damaged: a line is not what it should be")]
    Line,
    /// The checksum does not fit.
    #[error("it is damaged: the checksum does not fit")]
    Checksum,
}

impl PartitionCheckpoint {
    /// The file.
    #[must_use]
    pub fn encode(&self) -> String {
        let body = format!(
            "version: 1\nlog_start_offset: {}\nrecovery_point: {}\nsegment_base_offset: {}\nsegment_position: {}\n\
             offset_index_entries: {}\ntime_index_entries: {}\nhas_producers: {}\n",
            self.log_start_offset,
            self.recovery_point,
            self.segment_base_offset,
            self.segment_position,
            self.offset_index_entries,
            self.time_index_entries,
            self.has_producers,
        );
        format!("{body}crc32c: {:08x}\n", crc32c::crc32c(body.as_bytes()))
    }

    /// Reads the file.
    ///
    /// # Errors
    /// [`CheckpointError`]: nothing of such a file can be used.
    pub fn decode(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let text = std::str::from_utf8(bytes).map_err(|_| CheckpointError::Line)?;
        if !text.starts_with("version: 1\n") {
            return Err(if text.starts_with("version: ") { CheckpointError::Version } else { CheckpointError::Line });
        }
        let (body, crc) = text.rsplit_once("crc32c: ").ok_or(CheckpointError::Line)?;
        let crc = u32::from_str_radix(crc.trim_end_matches('\n'), 16).map_err(|_| CheckpointError::Line)?;
        if crc != crc32c::crc32c(body.as_bytes()) {
            return Err(CheckpointError::Checksum);
        }
        let mut lines = body.lines().skip(1);
        let mut value = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(": ");
        let offset = |text: &str| text.parse().ok().and_then(Offset::new);
        let mut read = || {
            Some(Self {
                log_start_offset: value("log_start_offset").and_then(offset)?,
                recovery_point: value("recovery_point").and_then(offset)?,
                segment_base_offset: value("segment_base_offset").and_then(offset)?,
                segment_position: value("segment_position")?.parse().ok()?,
                offset_index_entries: value("offset_index_entries")?.parse().ok()?,
                time_index_entries: value("time_index_entries")?.parse().ok()?,
                has_producers: value("has_producers")?.parse().ok()?,
            })
        };
        let read = read().ok_or(CheckpointError::Line)?;
        if read.segment_base_offset > read.recovery_point { Err(CheckpointError::Line) } else { Ok(read) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> PartitionCheckpoint {
        PartitionCheckpoint {
            log_start_offset: Offset::new(3).unwrap(),
            recovery_point: Offset::new(1000).unwrap(),
            segment_base_offset: Offset::new(900).unwrap(),
            segment_position: 4711,
            offset_index_entries: 2,
            time_index_entries: 1,
            has_producers: true,
        }
    }

    #[test]
    fn it_reads_back() {
        assert_eq!(PartitionCheckpoint::decode(sample().encode().as_bytes()), Ok(sample()));
    }

    #[test]
    fn a_change_of_any_byte_and_a_cut_anywhere_are_found() {
        let good = sample().encode().into_bytes();
        for place in 0..good.len() {
            let mut bad = good.clone();
            bad[place] ^= 1;
            // The last byte is a line end that nothing depends on.
            assert!(PartitionCheckpoint::decode(&bad).is_err() || place == good.len() - 1, "byte {place}");
            assert!(PartitionCheckpoint::decode(&good[..place]).is_err() || place == good.len() - 1, "cut at {place}");
        }
    }

    #[test]
    fn a_later_version_is_named_as_such() {
        let later = sample().encode().replace("version: 1", "version: 2");
        assert_eq!(PartitionCheckpoint::decode(later.as_bytes()), Err(CheckpointError::Version));
    }
}
