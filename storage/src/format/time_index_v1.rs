//! `<base offset>.timeindex`, Kafka's own: sparse pairs of the largest timestamp so far and the offset of the batch that
//! brought it, 12 bytes each, big-endian. `docs/format/time_index.md` describes it. A cache: the segment is the truth.

use model::Timestamp;

use crate::index::{Entry, TimeEntry};

impl Entry for TimeEntry {
    const SIZE: usize = 12;

    fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.timestamp.get().to_be_bytes());
        bytes.extend_from_slice(&self.relative_offset.to_be_bytes());
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (timestamp, relative_offset) = bytes.split_first_chunk::<8>()?;
        let relative_offset = relative_offset.first_chunk::<4>()?;
        Some(Self {
            timestamp: Timestamp::new(i64::from_be_bytes(*timestamp)),
            relative_offset: u32::from_be_bytes(*relative_offset),
        })
    }
}
