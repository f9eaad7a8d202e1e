//! Reading the records of a batch one by one, decompressed on the way: for lookups by time, compaction and tools.

use super::error::RecordFault;
use super::record::Record;
use super::stream::RecordStream;
use super::view::BatchView;
use crate::compression::Codec;
use model::wire::Reader;

/// The records of a batch. Not an [`Iterator`], because a record that was decompressed lives in a buffer that the next one
/// reuses.
#[derive(Debug)]
pub struct Records<'a> {
    batch: BatchView<'a>,
    record_size_max: u32,
    index: u32,
    body: Body<'a>,
}

#[derive(Debug)]
enum Body<'a> {
    NotOpened,
    Plain(Reader<'a>),
    Compressed { stream: RecordStream<'a>, record: Vec<u8> },
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

impl<'a> Records<'a> {
    pub(super) const fn new(batch: BatchView<'a>, record_size_max: u32) -> Self {
        Self { batch, record_size_max, index: 0, body: Body::NotOpened }
    }

    /// The next record; `None` after as many as the header says.
    ///
    /// # Errors
    /// [`RecordFault`] if the bytes are not those of a record, or of more than the caller allowed. Reading on after an error
    /// yields errors or nonsense, within the same bounds.
    pub fn next_record(&mut self) -> Result<Option<BatchRecord<'_>>, RecordFault> {
        let header = *self.batch.header();
        if i64::from(self.index) >= i64::from(header.records_count) {
            return Ok(None);
        }
        if let Body::NotOpened = self.body {
            self.body = open(&self.batch)?;
        }
        self.index += 1;
        let body = match &mut self.body {
            Body::NotOpened => return Ok(None),
            Body::Plain(reader) => next_body(reader)?,
            Body::Compressed { stream, record } => {
                stream.begin_record(self.record_size_max)?;
                record.clear();
                stream.read_record(record)?;
                record.as_slice()
            }
        };
        let record = Record::parse(body)?;
        let timestamp = if header.attributes.is_log_append_time() {
            header.max_timestamp
        } else {
            header.base_timestamp.wrapping_add(record.timestamp_delta)
        };
        let offset = header.base_offset.wrapping_add(i64::from(record.offset_delta));
        Ok(Some(BatchRecord { offset, timestamp, record, body }))
    }
}

fn open<'a>(batch: &BatchView<'a>) -> Result<Body<'a>, RecordFault> {
    match batch.codec() {
        Some(Codec::None) => Ok(Body::Plain(Reader::new(batch.payload()))),
        Some(codec) => Ok(Body::Compressed { stream: RecordStream::new(codec, batch.payload())?, record: Vec::new() }),
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
