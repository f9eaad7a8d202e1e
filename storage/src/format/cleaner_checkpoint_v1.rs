//! `cleaner.checkpoint`: how far compaction has come with one log. `docs/format/cleaner_checkpoint.md` describes it. Lines of text
//! with a checksum, replaced as a whole.

use model::Offset;

/// The name of the file.
pub const FILE_NAME: &str = "cleaner.checkpoint";
/// More than any such file has.
pub const SIZE_MAX: u64 = 4096;

/// The file.
#[must_use]
pub fn encode(first_dirty_offset: Offset) -> String {
    let body = format!("version: 1\nfirst_dirty_offset: {first_dirty_offset}\n");
    format!("{body}crc32c: {:08x}\n", crc32c::crc32c(body.as_bytes()))
}

/// The offset from which on the log was never compacted; `None` for a file that is damaged or of a later version.
#[must_use]
pub fn decode(bytes: &[u8]) -> Option<Offset> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (body, crc) = text.rsplit_once("crc32c: ")?;
    let crc = u32::from_str_radix(crc.strip_suffix('\n')?, 16).ok()?;
    if crc != crc32c::crc32c(body.as_bytes()) {
        return None;
    }
    let offset = body.strip_prefix("version: 1\nfirst_dirty_offset: ")?.strip_suffix('\n')?;
    Offset::new(offset.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_version_1_wrote_is_read_and_written_the_same() {
        let golden = include_bytes!("../../tests/golden/cleaner.checkpoint");
        assert_eq!(decode(golden), Offset::new(4_711));
        assert_eq!(encode(Offset::new(4_711).unwrap()).as_bytes(), golden);
    }

    #[test]
    fn it_reads_back_and_a_change_or_a_cut_anywhere_is_found() {
        let offset = Offset::new(4_711).unwrap();
        let good = encode(offset).into_bytes();
        assert_eq!(decode(&good), Some(offset));
        for place in 0..good.len() {
            let mut bad = good.clone();
            bad[place] ^= 1;
            assert_eq!(decode(&bad), None, "byte {place}");
            assert_eq!(decode(&good[..place]), None, "cut at {place}");
        }
    }
}
