//! Batches of the broker's own: the records of internal partitions. Producers' batches are stored as they came and never
//! built here.

use super::check::{CheckedBatch, ProducerBatch};
use crate::format::record_batch_v2::{Attributes, HEADER_SIZE, LENGTH_EXCLUDES, MAGIC_V2, RecordBatchHeader};
use model::wire::Writer;
use model::{LeaderEpoch, Offset, Sequence, Timestamp};

/// A record to write.
#[derive(Clone, Copy, Debug, Default)]
pub struct NewRecord<'a> {
    /// The record's time.
    pub timestamp: Timestamp,
    /// The key; `None` is null.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is null.
    pub value: Option<&'a [u8]>,
    /// The headers, in order.
    pub headers: &'a [(&'a str, Option<&'a [u8]>)],
}

/// Collects records into one uncompressed batch.
#[derive(Clone, Debug)]
pub struct BatchBuilder {
    records: Writer,
    records_count: i32,
    base_timestamp: i64,
    max_timestamp: i64,
    producer: Option<ProducerBatch>,
    attributes: Attributes,
}

impl BatchBuilder {
    /// A batch that begins with `first`.
    ///
    /// # Errors
    /// [`BatchFull`] if the record does not fit a batch.
    pub fn new(first: NewRecord<'_>) -> Result<Self, BatchFull> {
        let timestamp = first.timestamp.get();
        let mut batch = Self {
            records: Writer::new(),
            records_count: 0,
            base_timestamp: timestamp,
            max_timestamp: timestamp,
            producer: None,
            attributes: Attributes::default(),
        };
        batch.push(first)?;
        Ok(batch)
    }

    /// Adds a record.
    ///
    /// # Errors
    /// [`BatchFull`] if the record does not fit; the batch is as it was.
    pub fn push(&mut self, record: NewRecord<'_>) -> Result<(), BatchFull> {
        let timestamp_delta = record.timestamp.get().wrapping_sub(self.base_timestamp);
        let mut body = Writer::new();
        body.i8(0);
        body.varlong(timestamp_delta);
        body.varint(self.records_count);
        put_nullable(&mut body, record.key)?;
        put_nullable(&mut body, record.value)?;
        body.varint(i32::try_from(record.headers.len()).map_err(|_| BatchFull)?);
        for (key, value) in record.headers {
            put_nullable(&mut body, Some(key.as_bytes()))?;
            put_nullable(&mut body, *value)?;
        }
        let length = i32::try_from(body.len()).map_err(|_| BatchFull)?;
        // What is added is the body and its length of at most five bytes.
        i32::try_from(HEADER_SIZE + self.records.len() + 5 + body.len()).map_err(|_| BatchFull)?;
        let records_count = self.records_count.checked_add(1).ok_or(BatchFull)?;
        self.records.varint(length);
        self.records.put(body.as_slice());
        self.records_count = records_count;
        self.max_timestamp = self.max_timestamp.max(record.timestamp.get());
        Ok(())
    }

    /// Stamps the batch with a producer; its `record_count` follows the records.
    #[must_use]
    pub const fn with_producer(mut self, producer: ProducerBatch) -> Self {
        self.attributes = self.attributes.with_transactional(producer.is_transactional);
        self.producer = Some(producer);
        self
    }

    /// Sets further attributes: those of a marker, for instance.
    #[must_use]
    pub const fn with_attributes(mut self, attributes: Attributes) -> Self {
        self.attributes = attributes;
        self
    }

    /// Bytes that the batch has by now.
    #[must_use]
    pub const fn size(&self) -> usize {
        HEADER_SIZE + self.records.len()
    }

    /// The finished batch.
    #[must_use]
    pub fn build(self) -> OwnedBatch {
        let payload = self.records.into_vec();
        let producer =
            self.producer.map(|producer| ProducerBatch { record_count: self.records_count.unsigned_abs(), ..producer });
        let batch_length = i32::try_from(HEADER_SIZE - LENGTH_EXCLUDES + payload.len()).unwrap_or(i32::MAX);
        let mut header = RecordBatchHeader {
            base_offset: 0,
            batch_length,
            partition_leader_epoch: -1,
            magic: MAGIC_V2,
            crc: 0,
            attributes: self.attributes,
            last_offset_delta: self.records_count - 1,
            base_timestamp: self.base_timestamp,
            max_timestamp: self.max_timestamp,
            producer_id: producer.map_or(-1, |producer| producer.id.get()),
            producer_epoch: producer.map_or(-1, |producer| producer.epoch.get()),
            base_sequence: producer.and_then(|producer| producer.base_sequence).map_or(-1, Sequence::get),
            records_count: self.records_count,
        };
        header.crc = header.compute_crc(&payload);
        OwnedBatch { header, payload, producer }
    }
}

fn put_nullable(body: &mut Writer, bytes: Option<&[u8]>) -> Result<(), BatchFull> {
    let Some(bytes) = bytes else {
        body.varint(-1);
        return Ok(());
    };
    body.varint(i32::try_from(bytes.len()).map_err(|_| BatchFull)?);
    body.put(bytes);
    Ok(())
}

/// A record does not fit: a batch has at most 2 GiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a record batch cannot have more than 2 GiB")]
pub struct BatchFull;

/// A batch that the broker made.
#[derive(Clone, Debug)]
pub struct OwnedBatch {
    header: RecordBatchHeader,
    payload: Vec<u8>,
    producer: Option<ProducerBatch>,
}

impl OwnedBatch {
    /// The batch as a log appends it.
    #[must_use]
    pub fn checked(&self) -> CheckedBatch<'_> {
        CheckedBatch::vouched(self.header, &self.payload, self.producer)
    }

    /// The bytes as a producer would send them: base offset 0, no leader epoch.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        [&self.header.to_bytes(), self.payload.as_slice()].concat()
    }

    /// The bytes as they lie in a log.
    #[must_use]
    pub fn to_vec_at(&self, base_offset: Offset, leader_epoch: LeaderEpoch) -> Vec<u8> {
        [&self.checked().header_at(base_offset, leader_epoch), self.payload.as_slice()].concat()
    }
}
