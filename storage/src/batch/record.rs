//! One record of a batch, magic 2: the parser that every reader of records shares. Checks lengths and counts; knows nothing
//! of the rules of a topic.
//!
//! ```text
//! length varint | attributes i8 | timestamp delta varlong | offset delta varint
//!   | key length varint (negative: null) | key | value length varint (negative: null) | value
//!   | header count varint | { key length varint | key | value length varint (negative: null) | value }...
//! ```

use super::error::RecordFault;
use model::wire::Reader;

/// Where the bytes of a record come from: a slice, or a stream that is being decompressed.
pub(super) trait Source {
    /// What is kept of a key, a value or a header.
    type Field;

    fn byte(&mut self) -> Result<u8, RecordFault>;
    fn varint(&mut self) -> Result<i32, RecordFault>;
    fn varlong(&mut self) -> Result<i64, RecordFault>;
    /// The next `length` bytes of the record.
    fn field(&mut self, length: u32) -> Result<Self::Field, RecordFault>;
    /// Bytes of the record that were not yet read.
    fn remaining(&self) -> u64;
}

impl<'a> Source for Reader<'a> {
    type Field = &'a [u8];

    #[inline]
    fn byte(&mut self) -> Result<u8, RecordFault> {
        Ok(self.u8()?)
    }

    #[inline]
    fn varint(&mut self) -> Result<i32, RecordFault> {
        Ok(Reader::varint(self)?)
    }

    #[inline]
    fn varlong(&mut self) -> Result<i64, RecordFault> {
        Ok(Reader::varlong(self)?)
    }

    #[inline]
    fn field(&mut self, length: u32) -> Result<&'a [u8], RecordFault> {
        Ok(self.take(model::num::usize_from_u32(length))?)
    }

    #[inline]
    fn remaining(&self) -> u64 {
        model::num::u64_from_usize(Reader::remaining(self))
    }
}

/// What stands before the headers of a record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head<F> {
    pub(super) attributes: u8,
    pub(super) timestamp_delta: i64,
    pub(super) offset_delta: i32,
    pub(super) key: Option<F>,
    pub(super) value: Option<F>,
}

/// Reads a record, without its length, up to its headers.
#[inline]
pub(super) fn read_head<S: Source>(source: &mut S) -> Result<Head<S::Field>, RecordFault> {
    Ok(Head {
        attributes: source.byte()?,
        timestamp_delta: source.varlong()?,
        offset_delta: source.varint()?,
        key: read_nullable(source)?,
        value: read_nullable(source)?,
    })
}

#[inline]
pub(super) fn read_nullable<S: Source>(source: &mut S) -> Result<Option<S::Field>, RecordFault> {
    // Kafka takes any negative length for null, not only -1.
    match u32::try_from(source.varint()?) {
        Ok(length) => source.field(length).map(Some),
        Err(_) => Ok(None),
    }
}

/// Reads the headers of a record to its end, which must be there, and returns their count.
#[inline]
pub(super) fn read_headers<S: Source>(source: &mut S) -> Result<u32, RecordFault> {
    let count = source.varint()?;
    if count != 0 {
        skip_headers(source, count)?;
    }
    if source.remaining() == 0 { Ok(count.unsigned_abs()) } else { Err(RecordFault::BytesLeftOver) }
}

fn skip_headers<S: Source>(source: &mut S, count: i32) -> Result<(), RecordFault> {
    for _ in 0..u32::try_from(count).map_err(|_| RecordFault::NegativeLength { length: count })? {
        read_header(source)?;
    }
    Ok(())
}

/// The key and value of one header.
fn read_header<S: Source>(source: &mut S) -> Result<(S::Field, Option<S::Field>), RecordFault> {
    let length = source.varint()?;
    let key = u32::try_from(length).map_err(|_| RecordFault::NegativeLength { length })?;
    Ok((source.field(key)?, read_nullable(source)?))
}

/// A record, borrowed from its bytes.
#[derive(Clone, Debug)]
pub struct Record<'a> {
    /// Unused in magic 2; kept as it came.
    pub attributes: u8,
    /// The timestamp, less the batch's base timestamp, in ms.
    pub timestamp_delta: i64,
    /// The offset, less the batch's base offset.
    pub offset_delta: i32,
    /// The key; `None` is null.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is null, which on a compacted topic deletes the key.
    pub value: Option<&'a [u8]>,
    /// The headers.
    pub headers: Headers<'a>,
}

/// What stands behind the deltas of a record's body: its key, its value and its headers.
pub(super) fn behind_deltas(body: &[u8]) -> Result<&[u8], RecordFault> {
    let mut source = Reader::new(body);
    source.byte()?;
    Source::varlong(&mut source)?;
    Source::varint(&mut source)?;
    let left = Reader::remaining(&source);
    Ok(source.take(left)?)
}

impl<'a> Record<'a> {
    /// Reads a record from all of `body`, the bytes after its length.
    #[inline]
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, RecordFault> {
        let mut source = Reader::new(body);
        let head = read_head(&mut source)?;
        let headers = Headers { left: source.clone() };
        read_headers(&mut source)?;
        let Head { attributes, timestamp_delta, offset_delta, key, value } = head;
        Ok(Self { attributes, timestamp_delta, offset_delta, key, value, headers: headers.after_count() })
    }
}

/// The headers of a record: key (text by convention, which nobody checked) and value, null if `None`.
#[derive(Clone, Debug)]
pub struct Headers<'a> {
    left: Reader<'a>,
}

impl Headers<'_> {
    #[inline]
    fn after_count(mut self) -> Self {
        // The count was read before, by `read_headers`; what follows is whole headers up to the end.
        let _count = Reader::varint(&mut self.left);
        self
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a [u8], Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        if Reader::remaining(&self.left) == 0 {
            return None;
        }
        read_header(&mut self.left).ok()
    }
}
