//! The marker that ends a transaction in a partition: a control batch of one record (KIP-98).

use crate::batch::BatchView;
use model::wire::Reader;
use model::{ProducerEpoch, ProducerId};

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkerKind {
    /// Its records are to be skipped.
    Abort,
    /// Its records count.
    Commit,
}

/// The end of a producer's transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marker {
    /// The producer.
    pub producer_id: ProducerId,
    /// The epoch that the coordinator ended the transaction with; it fences older ones.
    pub producer_epoch: ProducerEpoch,
    /// How it ended.
    pub kind: MarkerKind,
    /// The epoch of the coordinator, so that one that was replaced cannot write markers.
    pub coordinator_epoch: i32,
}

/// Bytes of a control record: a key of two 16-bit numbers, a value of a 16-bit and a 32-bit one, and what later versions add.
const CONTROL_RECORD_SIZE_MAX: u32 = 1024;

impl Marker {
    /// The marker that a batch holds; `None` for other batches, and for other control records, such as those of Raft.
    #[must_use]
    pub fn of_stored(batch: &BatchView<'_>) -> Option<Self> {
        let header = batch.header();
        if !header.attributes.is_control() {
            return None;
        }
        let producer_id = ProducerId::new(header.producer_id)?;
        let producer_epoch = ProducerEpoch::new(header.producer_epoch)?;
        let mut records = batch.records(CONTROL_RECORD_SIZE_MAX);
        let record = records.next_record().ok()??.record;
        let mut key = Reader::new(record.key?);
        let _version = key.i16().ok()?;
        let kind = match key.i16().ok()? {
            0 => MarkerKind::Abort,
            1 => MarkerKind::Commit,
            _ => return None,
        };
        let mut value = Reader::new(record.value?);
        let _version = value.i16().ok()?;
        Some(Self { producer_id, producer_epoch, kind, coordinator_epoch: value.i32().ok()? })
    }
}
