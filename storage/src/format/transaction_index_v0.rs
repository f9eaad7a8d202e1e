//! `<base offset>.txnindex`, Kafka's own: the aborted transactions whose markers lie in the segment, in the order of the markers,
//! 34 bytes each, big-endian. `docs/format/transaction_index.md` describes it. A cache: the segments are the truth.

use model::wire::{Reader, Writer};
use model::{Offset, ProducerId};

use crate::index::{AbortedTransaction, Entry};

/// The version that each entry begins with.
const VERSION: i16 = 0;

impl Entry for AbortedTransaction {
    const SIZE: usize = 2 + 8 + 8 + 8 + 8;

    fn encode(&self, bytes: &mut Vec<u8>) {
        let mut entry = Writer::with_capacity(Self::SIZE);
        entry.i16(VERSION);
        entry.i64(self.producer_id.get());
        entry.i64(self.first_offset.get());
        entry.i64(self.marker_offset.get());
        entry.i64(self.last_stable_offset.get());
        bytes.extend_from_slice(entry.as_slice());
    }

    /// `None` also for an entry of another version, or with numbers that no transaction has.
    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut entry = Reader::new(bytes);
        if entry.i16().ok()? != VERSION {
            return None;
        }
        let offset = |entry: &mut Reader<'_>| Offset::new(entry.i64().ok()?);
        let producer_id = ProducerId::new(entry.i64().ok()?)?;
        let (first_offset, marker_offset) = (offset(&mut entry)?, offset(&mut entry)?);
        let last_stable_offset = offset(&mut entry)?;
        let transaction = Self { producer_id, first_offset, marker_offset, last_stable_offset };
        (first_offset < marker_offset).then_some(transaction)
    }
}
