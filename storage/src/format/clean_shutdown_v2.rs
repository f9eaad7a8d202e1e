//! `.clean_shutdown`: that the last stop was clean, and which segments each log had then. `docs/format/clean_shutdown.md`
//! describes it. Lines of text with a checksum, written once and removed by the next start.

use std::collections::BTreeMap;

use model::{Offset, TopicId};

/// The name of the file.
pub const FILE_NAME: &str = ".clean_shutdown";
/// More than a directory of any size has: ten million segments.
pub const SIZE_MAX: u64 = 256 << 20;

/// A log as the stop left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosedLog {
    /// Which life of the topic it is of.
    pub topic_id: TopicId,
    /// The base offsets of its segments, rising.
    pub segments: Vec<Offset>,
}

/// The file, for the logs in the directories of these names.
#[must_use]
pub fn encode(logs: &BTreeMap<String, ClosedLog>) -> String {
    let mut body = "version: 2\n".to_owned();
    for (name, log) in logs {
        body.push_str(name);
        body.push(' ');
        body.push_str(&log.topic_id.to_string());
        for base in &log.segments {
            body.push(' ');
            body.push_str(&base.to_string());
        }
        body.push('\n');
    }
    let crc = crc32c::crc32c(body.as_bytes());
    format!("{body}crc32c: {crc:08x}\n")
}

/// The logs; `None` for a file of version 1, which names none, or of a later one, and for one that is damaged.
#[must_use]
pub fn decode(bytes: &[u8]) -> Option<BTreeMap<String, ClosedLog>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (body, crc) = text.strip_suffix('\n')?.rsplit_once("crc32c: ")?;
    if crc != format!("{:08x}", crc32c::crc32c(body.as_bytes())) {
        return None;
    }
    body.strip_prefix("version: 2\n")?.lines().map(decode_line).collect()
}

fn decode_line(line: &str) -> Option<(String, ClosedLog)> {
    let mut words = line.split(' ');
    let (name, topic_id) = (words.next()?.to_owned(), TopicId::parse(words.next()?)?);
    let segments: Option<Vec<Offset>> = words.map(|base| Offset::new(base.parse().ok()?)).collect();
    let segments = segments.filter(|segments| segments.is_sorted())?;
    Some((name, ClosedLog { topic_id, segments }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> BTreeMap<String, ClosedLog> {
        let log = |id, bases: &[i64]| ClosedLog {
            topic_id: TopicId::from_bytes([id; 16]),
            segments: bases.iter().map(|base| Offset::new(*base).unwrap()).collect(),
        };
        BTreeMap::from([("empty-0".to_owned(), log(7, &[])), ("orders-12".to_owned(), log(8, &[40, 1000, 2500]))])
    }

    #[test]
    fn what_version_2_wrote_is_read_and_written_the_same() {
        let golden = include_bytes!("../../tests/golden/clean_shutdown_v2");
        assert_eq!(decode(golden), Some(sample()));
        assert_eq!(encode(&sample()).as_bytes(), golden);
    }

    #[test]
    fn a_change_of_any_byte_and_a_cut_anywhere_are_found() {
        let good = encode(&sample()).into_bytes();
        for place in 0..good.len() {
            let mut bad = good.clone();
            bad[place] ^= 1;
            assert_eq!(decode(&bad), None, "byte {place}");
            assert_eq!(decode(&good[..place]), None, "cut at {place}");
        }
    }

    #[test]
    fn a_mark_of_version_1_names_no_logs() {
        assert_eq!(decode(b"version: 1\n"), None);
    }
}
