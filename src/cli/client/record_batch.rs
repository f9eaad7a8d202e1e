//! Record batches of format 2, written and read as bytes (KIP-98): for `produce`, `consume` and `bench`.
//!
//! kafka-protocol's own `Record` keeps headers in a map and so loses repeated names; a log must give back what it got.
//!
//! ```text
//!  0 base offset i64 | 8 length i32 (of what follows) | 12 leader epoch i32 | 16 magic i8 = 2 | 17 CRC-32C u32 of all from 21
//! 21 attributes i16 | 23 last offset delta i32 | 27 base timestamp i64 | 35 max timestamp i64
//! 43 producer id i64 | 51 producer epoch i16 | 53 base sequence i32 | 57 record count i32 | 61 records, compressed as one
//! ```

use bytes::Bytes;
use model::wire::{Reader, WireError, Writer};

use super::ClientError;
use super::compression::Codec;

/// Where the records begin.
pub(crate) const HEADER_BYTES: usize = 61;
/// Where the checked part begins.
pub(crate) const CRC_FROM: usize = 21;

const TRANSACTIONAL: i16 = 1 << 4;
const CONTROL: i16 = 1 << 5;
const LOG_APPEND_TIME: i16 = 1 << 3;

/// One record as a person sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Record {
    /// Its place in the partition.
    pub(crate) offset: i64,
    /// Milliseconds since 1970.
    pub(crate) timestamp: i64,
    /// The key, if it has one.
    pub(crate) key: Option<Bytes>,
    /// The value, unless it is a tombstone.
    pub(crate) value: Option<Bytes>,
    /// Names and values in their order; a name may come twice.
    pub(crate) headers: Vec<(Bytes, Option<Bytes>)>,
}

/// Who sends a batch and which of its records it starts with, for idempotence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Producer {
    /// The id that the cluster gave.
    pub(crate) id: i64,
    /// Its epoch.
    pub(crate) epoch: i16,
    /// The sequence of the batch's first record.
    pub(crate) base_sequence: i32,
}

/// Collects records into one batch.
#[derive(Clone, Debug, Default)]
pub(crate) struct BatchBuilder {
    records: Writer,
    scratch: Writer,
    count: i32,
    base_timestamp: i64,
    max_timestamp: i64,
}

impl BatchBuilder {
    /// Appends a record.
    pub(crate) fn push(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(Vec<u8>, Vec<u8>)],
    ) {
        if self.count == 0 {
            (self.base_timestamp, self.max_timestamp) = (timestamp, timestamp);
        }
        self.max_timestamp = self.max_timestamp.max(timestamp);
        // The size stands before the record, so the record is written aside first.
        let mut record = std::mem::take(&mut self.scratch);
        record.i8(0);
        record.varlong(timestamp.saturating_sub(self.base_timestamp));
        record.varint(self.count);
        put_nullable(&mut record, key);
        put_nullable(&mut record, value);
        record.varint(length_of(headers.len()));
        for (name, value) in headers {
            put_nullable(&mut record, Some(name));
            put_nullable(&mut record, Some(value));
        }
        self.records.varint(length_of(record.len()));
        self.records.put(record.as_slice());
        self.count += 1;
        let mut buffer = record.into_vec();
        buffer.clear();
        self.scratch = Writer::after(buffer);
    }

    /// How many records it holds.
    pub(crate) const fn count(&self) -> i32 {
        self.count
    }

    /// How many bytes they take before compression, with the batch's header.
    pub(crate) const fn size(&self) -> usize {
        HEADER_BYTES + self.records.len()
    }

    /// The finished batch. An empty builder gives an empty batch, which brokers refuse.
    ///
    /// # Errors
    /// What the codec said, or a batch beyond 2 GiB.
    pub(crate) fn finish(&self, codec: Codec, producer: Option<Producer>) -> Result<Vec<u8>, String> {
        let compressed;
        let records = if codec == Codec::None {
            self.records.as_slice()
        } else {
            compressed = codec.compress(self.records.as_slice())?;
            &compressed
        };
        let producer = producer.unwrap_or(Producer { id: -1, epoch: -1, base_sequence: -1 });
        let size = HEADER_BYTES - 12 + records.len();
        let mut checked = Writer::with_capacity(HEADER_BYTES - CRC_FROM + records.len());
        checked.i16(codec.bits());
        checked.i32(self.count - 1);
        checked.i64(self.base_timestamp);
        checked.i64(self.max_timestamp);
        checked.i64(producer.id);
        checked.i16(producer.epoch);
        checked.i32(producer.base_sequence);
        checked.i32(self.count);
        checked.put(records);
        let mut batch = Writer::with_capacity(CRC_FROM + checked.len());
        batch.i64(0);
        batch.i32(i32::try_from(size).map_err(|_| format!("a batch of {size} bytes"))?);
        batch.i32(-1);
        batch.i8(2);
        batch.u32(crc32c::crc32c(checked.as_slice()));
        batch.put(checked.as_slice());
        Ok(batch.into_vec())
    }
}

fn put_nullable(to: &mut Writer, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => {
            to.varint(length_of(bytes.len()));
            to.put(bytes);
        }
        None => to.varint(-1),
    }
}

/// A length as the format's signed 32 bits. What would not fit makes a batch that [`BatchBuilder::finish`] refuses.
fn length_of(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}

/// The header of a batch that a broker sent, and its records as they came.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    /// The offset of its first record.
    pub(crate) base_offset: i64,
    /// The offset of its last record; a compacted batch may lack that record.
    pub(crate) last_offset: i64,
    /// Who wrote it; -1 for nobody.
    pub(crate) producer_id: i64,
    attributes: i16,
    base_timestamp: i64,
    max_timestamp: i64,
    count: i32,
    records: Bytes,
}

impl Batch {
    /// Whether it belongs to a transaction.
    pub(crate) const fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL != 0
    }

    /// Whether it holds a marker of the broker instead of records.
    pub(crate) const fn is_control(&self) -> bool {
        self.attributes & CONTROL != 0
    }

    /// Decodes the records, in their order.
    ///
    /// # Errors
    /// [`ClientError::Malformed`].
    pub(crate) fn records(&self) -> Result<Vec<Record>, ClientError> {
        let malformed = |detail: String| ClientError::Malformed {
            what: format!("the batch at offset {}", self.base_offset),
            detail,
        };
        let codec = Codec::from_attributes(self.attributes)
            .ok_or_else(|| malformed(format!("unknown codec {}", self.attributes & 7)))?;
        let bytes = codec.decompress(&self.records).map_err(malformed)?;
        let mut reader = Reader::new(&bytes);
        let mut records = Vec::new();
        for _ in 0..self.count {
            records.push(self.record(&mut reader, &bytes).map_err(|error| malformed(error.to_string()))?);
        }
        reader.finish().map_err(|error| malformed(error.to_string()))?;
        Ok(records)
    }

    fn record(&self, reader: &mut Reader<'_>, whole: &Bytes) -> Result<Record, WireError> {
        let length = usize::try_from(reader.varint()?).unwrap_or(usize::MAX);
        let mut record = Reader::new(reader.take(length)?);
        record.i8()?;
        let timestamp = record.varlong()?;
        let timestamp = if self.attributes & LOG_APPEND_TIME == 0 {
            self.base_timestamp.saturating_add(timestamp)
        } else {
            self.max_timestamp
        };
        let offset = self.base_offset.saturating_add(i64::from(record.varint()?));
        let key = nullable(&mut record, whole)?;
        let value = nullable(&mut record, whole)?;
        let mut headers = Vec::new();
        for _ in 0..record.varint()? {
            let name = nullable(&mut record, whole)?.unwrap_or_default();
            headers.push((name, nullable(&mut record, whole)?));
        }
        record.finish()?;
        Ok(Record { offset, timestamp, key, value, headers })
    }
}

fn nullable(reader: &mut Reader<'_>, whole: &Bytes) -> Result<Option<Bytes>, WireError> {
    let length = reader.varint()?;
    if length < 0 {
        return Ok(None);
    }
    reader.take(usize::try_from(length).unwrap_or(usize::MAX)).map(|slice| Some(whole.slice_ref(slice)))
}

/// Takes the next whole batch off `records`; `None` when only a torn rest is left, which brokers may send.
///
/// # Errors
/// [`ClientError::Malformed`] for another format or a wrong CRC.
pub(crate) fn next_batch(records: &mut Bytes) -> Result<Option<Batch>, ClientError> {
    let mut header = Reader::new(records);
    let Ok(base_offset) = header.i64() else { return Ok(None) };
    let Ok(length) = header.i32() else { return Ok(None) };
    let malformed =
        |detail: String| ClientError::Malformed { what: format!("the batch at offset {base_offset}"), detail };
    let size = usize::try_from(length).ok().and_then(|length| length.checked_add(12));
    let size = size.filter(|size| *size >= HEADER_BYTES).ok_or_else(|| malformed(format!("length {length}")))?;
    if records.len() < size {
        return Ok(None);
    }
    let bytes = records.split_to(size);
    parse(&bytes).map(Some).map_err(malformed)
}

fn parse(bytes: &Bytes) -> Result<Batch, String> {
    let text = |error: WireError| error.to_string();
    let mut reader = Reader::new(bytes);
    let base_offset = reader.i64().map_err(text)?;
    reader.take(8).map_err(text)?;
    match reader.i8().map_err(text)? {
        2 => {}
        magic => return Err(format!("format {magic}; this client reads format 2, of Kafka 0.11 and later")),
    }
    let crc = reader.u32().map_err(text)?;
    if crc32c::crc32c(reader.peek()) != crc {
        return Err("the CRC does not match: the bytes are damaged".to_owned());
    }
    let attributes = reader.i16().map_err(text)?;
    let last_offset = base_offset.saturating_add(i64::from(reader.i32().map_err(text)?));
    let base_timestamp = reader.i64().map_err(text)?;
    let max_timestamp = reader.i64().map_err(text)?;
    let producer_id = reader.i64().map_err(text)?;
    reader.take(6).map_err(text)?;
    let count = reader.i32().map_err(text)?;
    let records = bytes.slice(HEADER_BYTES..);
    Ok(Batch { base_offset, last_offset, producer_id, attributes, base_timestamp, max_timestamp, count, records })
}

#[cfg(test)]
mod tests;
