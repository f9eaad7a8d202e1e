//! The marker that ends a transaction in a partition: a control batch of one record (KIP-98).

use crate::batch::{BatchBuilder, BatchFull, BatchView, DecompressionLimits, NewRecord, OwnedBatch, ProducerBatch};
use crate::format::record_batch_v2::Attributes;
use model::wire::{Reader, Writer};
use model::{ProducerEpoch, ProducerId, Timestamp};

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

/// How the epoch of a new marker stands to the newest that the partition knows of the producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EpochRule {
    /// Transactions version 1: the marker has the epoch of the transaction, or a newer one.
    SameOrNewer,
    /// Transactions version 2 (KIP-890): the coordinator raises the epoch at each end, so a marker of the same epoch is late, or
    /// a repeat. A repeat finds no transaction open, and is written again, as Kafka 4.4 does (KIP-1228).
    Newer,
}

/// Bytes of a control record: a key of two 16-bit numbers, a value of a 16-bit and a 32-bit one, and what later versions add.
const LIMITS: DecompressionLimits = DecompressionLimits::bytes(1024);

/// The version of a marker's key and of its value.
const VERSION: i16 = 0;

impl Marker {
    /// The batch of the marker: one record, transactional, without a sequence.
    ///
    /// # Errors
    /// [`BatchFull`], which no marker is large enough for.
    pub fn to_batch(&self, now: Timestamp) -> Result<OwnedBatch, BatchFull> {
        let (mut key, mut value) = (Writer::new(), Writer::new());
        key.i16(VERSION);
        key.i16(match self.kind {
            MarkerKind::Abort => 0,
            MarkerKind::Commit => 1,
        });
        value.i16(VERSION);
        value.i32(self.coordinator_epoch);
        let (key, value) = (Some(key.as_slice()), Some(value.as_slice()));
        let stamp = ProducerBatch {
            id: self.producer_id,
            epoch: self.producer_epoch,
            base_sequence: None,
            record_count: 1,
            is_transactional: true,
        };
        let builder = BatchBuilder::new(NewRecord { timestamp: now, key, value, headers: &[] })?;
        let attributes = Attributes::default().with_control().with_transactional(true);
        Ok(builder.with_producer(stamp).with_attributes(attributes).build())
    }

    /// The marker that a batch holds; `None` for other batches, and for other control records, such as those of Raft.
    #[must_use]
    pub fn of_stored(batch: &BatchView<'_>) -> Option<Self> {
        let header = batch.header();
        if !header.attributes.is_control() {
            return None;
        }
        let producer_id = ProducerId::new(header.producer_id)?;
        let producer_epoch = ProducerEpoch::new(header.producer_epoch)?;
        let mut records = batch.records(LIMITS);
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
