//! The records of the simulation as bytes. Each carries its number in a header, so that also a tombstone can be told from
//! every other.

use model::{Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};
use storage::batch::{BatchBuilder, BatchRecord, BatchView, DecompressionLimits, NewRecord, ProducerBatch};
use storage::producers::Marker;

use crate::history::RecordId;
use crate::trace::Trace;

/// The largest record that is read back, bytes.
const RECORD_BYTES_MAX: u32 = 1 << 20;
const HEADER: &str = "id";

/// Who sends a batch, as the batch says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) id: ProducerId,
    pub(crate) epoch: ProducerEpoch,
    pub(crate) sequence: Sequence,
    pub(crate) is_transactional: bool,
}

/// A record to send.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    pub(crate) id: RecordId,
    pub(crate) key: Option<String>,
    /// Bytes of the value; `None` is a tombstone.
    pub(crate) value_bytes: Option<usize>,
}

/// Of which record another one is made; the key of that says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) id: RecordId,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
}

impl Source {
    pub(crate) fn to_key(self) -> String {
        format!("{}-{}-{}", self.id, self.partition, self.offset)
    }

    pub(crate) fn parse(key: &str) -> Option<Self> {
        let mut parts = key.split('-');
        let (id, partition) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some(Self { id, partition, offset: parts.next()?.parse().ok()? })
    }
}

/// A batch of a log.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) base_offset: i64,
    pub(crate) last_offset: i64,
    pub(crate) crc_is_right: bool,
    pub(crate) producer_id: i64,
    pub(crate) is_transactional: bool,
    pub(crate) marker: Option<Marker>,
    /// Bytes of the batch.
    pub(crate) size: u64,
    pub(crate) max_timestamp: i64,
    /// From when on its tombstones may go.
    pub(crate) delete_horizon: Option<i64>,
    /// Stands for its header, with the checksum in it, and so for all of it.
    pub(crate) digest: u64,
    pub(crate) records: Vec<StoredRecord>,
}

/// A record of a log.
#[derive(Clone, Debug)]
pub(crate) struct StoredRecord {
    pub(crate) offset: i64,
    /// `None` for what the simulation's clients did not send.
    pub(crate) id: Option<RecordId>,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) is_tombstone: bool,
    /// Stands for its number, timestamp, key and value.
    pub(crate) digest: u64,
}

/// The bytes of a batch as a producer sends them; `None` for no records.
pub(crate) fn encode(records: &[Outgoing], stamp: Option<Stamp>, now: Timestamp) -> Option<Vec<u8>> {
    let mut batch: Option<BatchBuilder> = None;
    for record in records {
        let number = record.id.to_be_bytes();
        let value = record.value_bytes.map(|bytes| vec![b'v'; bytes]);
        let headers = [(HEADER, Some(number.as_slice()))];
        let key = record.key.as_deref().map(str::as_bytes);
        let new = NewRecord { timestamp: now, key, value: value.as_deref(), headers: &headers };
        match &mut batch {
            Some(batch) => batch.push(new).ok()?,
            None => batch = Some(BatchBuilder::new(new).ok()?),
        }
    }
    let batch = batch?;
    let batch = match stamp {
        Some(Stamp { id, epoch, sequence, is_transactional }) => {
            let base_sequence = Some(sequence);
            batch.with_producer(ProducerBatch { id, epoch, base_sequence, record_count: 0, is_transactional })
        }
        None => batch,
    };
    Some(batch.build().to_vec())
}

/// The batches in `bytes`, up to what is none.
pub(crate) fn decode(mut bytes: &[u8]) -> Vec<Stored> {
    let mut found = Vec::new();
    while let Ok(batch) = BatchView::parse(bytes) {
        found.push(stored(&batch));
        bytes = bytes.get(batch.size()..).unwrap_or_default();
    }
    found
}

fn stored(batch: &BatchView<'_>) -> Stored {
    let header = batch.header();
    let mut records = Vec::new();
    if !header.attributes.is_control() {
        let mut each = batch.records(DecompressionLimits::bytes(RECORD_BYTES_MAX));
        while let Ok(Some(found)) = each.next_record() {
            records.push(stored_record(&found));
        }
    }
    let mut digest = Trace::default();
    digest.add_bytes(&header.to_bytes());
    Stored {
        base_offset: header.base_offset,
        last_offset: batch.last_offset().unwrap_or(header.base_offset),
        crc_is_right: batch.crc_is_right(),
        producer_id: header.producer_id,
        is_transactional: header.attributes.is_transactional(),
        marker: Marker::of_stored(batch),
        size: u64::try_from(batch.size()).unwrap_or(u64::MAX),
        max_timestamp: header.max_timestamp,
        delete_horizon: header.attributes.has_delete_horizon().then_some(header.base_timestamp),
        digest: digest.hash(),
        records,
    }
}

fn stored_record(found: &BatchRecord<'_>) -> StoredRecord {
    let record = &found.record;
    let id = record.headers.clone().find(|(name, _)| *name == HEADER.as_bytes()).and_then(|(_, value)| value);
    let id = id.and_then(|value| value.try_into().ok()).map(u64::from_be_bytes);
    let mut digest = Trace::default();
    digest.add(id.unwrap_or_default());
    digest.add_bytes(&found.timestamp.to_be_bytes());
    for field in [record.key, record.value] {
        digest.add(field.map_or(u64::MAX, |field| u64::try_from(field.len()).unwrap_or(u64::MAX)));
        digest.add_bytes(field.unwrap_or_default());
    }
    StoredRecord {
        offset: found.offset,
        id,
        key: record.key.map(<[u8]>::to_vec),
        is_tombstone: record.value.is_none(),
        digest: digest.hash(),
    }
}

/// An offset that a log can have; 0 for one that it cannot.
pub(crate) fn offset(raw: i64) -> Offset {
    Offset::new(raw).unwrap_or(Offset::ZERO)
}
