//! Reading the records of a batch one by one, decompressed on the way: for lookups by time, compaction and tools.

use super::error::RecordFault;
use super::limits::DecompressionLimits;
use super::record::{Record, read_head, read_headers};
use super::stream::RecordStream;
use super::view::BatchView;
use crate::compression::Codec;
use crate::format::record_batch_v2::RecordBatchHeader;
use model::wire::Reader;

/// The records of a batch. Not an [`Iterator`], because a record that was decompressed lives in a buffer that the next one
/// reuses.
#[derive(Debug)]
pub struct Records<'a> {
    batch: BatchView<'a>,
    limits: DecompressionLimits,
    index: u32,
    /// `None` before the first record.
    body: Option<Body<'a>>,
}

#[derive(Debug)]
enum Body<'a> {
    Plain(Reader<'a>),
    /// The buffer holds a record, or its key.
    Compressed {
        stream: RecordStream<'a>,
        record: Vec<u8>,
    },
}

/// A record with what its batch says about it.
#[derive(Clone, Debug)]
pub struct BatchRecord<'r> {
    /// The offset, as the batch says: base offset and delta.
    pub offset: i64,
    /// The timestamp that clients see, in ms since 1970; -1 is none.
    pub timestamp: i64,
    /// The record.
    pub record: Record<'r>,
    /// Its bytes, without the length before them.
    pub body: &'r [u8],
}

/// What is to be known of a record without its value.
#[derive(Clone, Copy, Debug)]
pub struct RecordHead<'r> {
    /// The offset, as the batch says: base offset and delta.
    pub offset: i64,
    /// The timestamp that clients see, in ms since 1970; -1 is none.
    pub timestamp: i64,
    /// The key; `None` is null.
    pub key: Option<&'r [u8]>,
    /// Whether the value is null, which on a compacted topic deletes the key.
    pub is_tombstone: bool,
}

impl<'a> Records<'a> {
    pub(super) const fn new(batch: BatchView<'a>, limits: DecompressionLimits) -> Self {
        Self { batch, limits, index: 0, body: None }
    }

    /// The next record; `None` after as many as the header says.
    ///
    /// # Errors
    /// [`RecordFault`] if the bytes are not those of a record, or of more than the caller allowed. Reading on after an error
    /// yields errors or nonsense, within the same bounds.
    pub fn next_record(&mut self) -> Result<Option<BatchRecord<'_>>, RecordFault> {
        let header = *self.batch.header();
        let body = match self.advance()? {
            None => return Ok(None),
            Some(Body::Plain(reader)) => next_body(reader)?,
            Some(Body::Compressed { stream, record }) => {
                stream.begin_record()?;
                record.clear();
                stream.read_record(record)?;
                record.as_slice()
            }
        };
        let record = Record::parse(body)?;
        let offset = offset_of(&header, record.offset_delta);
        let timestamp = timestamp_of(&header, record.timestamp_delta);
        Ok(Some(BatchRecord { offset, timestamp, record, body }))
    }

    /// The next record's place, time and key. Like [`Self::next_record`], without holding a value in memory.
    ///
    /// # Errors
    /// As [`Self::next_record`].
    pub fn next_head(&mut self) -> Result<Option<RecordHead<'_>>, RecordFault> {
        let header = *self.batch.header();
        let (deltas, key, is_tombstone) = match self.advance()? {
            None => return Ok(None),
            Some(Body::Plain(reader)) => {
                let mut record = Reader::new(next_body(reader)?);
                let head = read_head(&mut record)?;
                read_headers(&mut record)?;
                ((head.offset_delta, head.timestamp_delta), head.key, head.value.is_none())
            }
            Some(Body::Compressed { stream, record: key }) => {
                stream.begin_record()?;
                key.clear();
                let head = stream.read_key(key)?;
                let key = head.key.map(|()| key.as_slice());
                ((head.offset_delta, head.timestamp_delta), key, head.value.is_none())
            }
        };
        let (offset_delta, timestamp_delta) = deltas;
        let offset = offset_of(&header, offset_delta);
        Ok(Some(RecordHead { offset, timestamp: timestamp_of(&header, timestamp_delta), key, is_tombstone }))
    }

    /// What the next record is read from; `None` after the last.
    fn advance(&mut self) -> Result<Option<&mut Body<'a>>, RecordFault> {
        if i64::from(self.index) >= i64::from(self.batch.header().records_count) {
            return Ok(None);
        }
        self.index += 1;
        if self.body.is_none() {
            self.body = Some(open(&self.batch, self.limits)?);
        }
        Ok(self.body.as_mut())
    }
}

/// The offset of a record, as its batch says it.
fn offset_of(header: &RecordBatchHeader, offset_delta: i32) -> i64 {
    header.base_offset.wrapping_add(i64::from(offset_delta))
}

/// The timestamp of a record that clients see.
const fn timestamp_of(header: &RecordBatchHeader, timestamp_delta: i64) -> i64 {
    if header.attributes.is_log_append_time() {
        header.max_timestamp
    } else {
        header.base_timestamp.wrapping_add(timestamp_delta)
    }
}

fn open<'a>(batch: &BatchView<'a>, limits: DecompressionLimits) -> Result<Body<'a>, RecordFault> {
    match batch.codec() {
        Some(Codec::None) => Ok(Body::Plain(Reader::new(batch.payload()))),
        Some(codec) => {
            Ok(Body::Compressed { stream: RecordStream::new(codec, batch.payload(), limits)?, record: Vec::new() })
        }
        None => {
            Err(RecordFault::Decompress(std::io::Error::new(std::io::ErrorKind::Unsupported, "the codec is unknown")))
        }
    }
}

/// The bytes of the next record of an uncompressed batch, after its length.
#[inline]
pub(super) fn next_body<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], RecordFault> {
    let length = reader.varint()?;
    let size = u32::try_from(length).map_err(|_| RecordFault::NegativeLength { length })?;
    Ok(reader.take(model::num::usize_from_u32(size))?)
}
