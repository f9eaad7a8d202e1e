//! `<base offset>.index`, Kafka's own: sparse pairs of an offset and a position, 8 bytes each, big-endian.
//! `docs/format/offset_index.md` describes it. A cache: the segment is the truth.

use crate::index::{Entry, OffsetEntry};

impl Entry for OffsetEntry {
    const SIZE: usize = 8;

    fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.relative_offset.to_be_bytes());
        bytes.extend_from_slice(&self.position.to_be_bytes());
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (relative_offset, position) = bytes.split_first_chunk::<4>()?;
        let position = position.first_chunk::<4>()?;
        Some(Self { relative_offset: u32::from_be_bytes(*relative_offset), position: u32::from_be_bytes(*position) })
    }
}
