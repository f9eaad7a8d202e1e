//! What the records of all internal topics have in common: keys begin with the record's type, values with their version, both
//! int16 (Kafka's `CoordinatorRecordSerde`).

use std::ops::RangeInclusive;

use model::wire::{Decode, Encode, EncodeError, Encoder, Reader, WireError, decode_body};

use crate::shard::{Record, ReplayError};

/// A record of this type; its key has version 0, its value this one.
pub(crate) fn record(
    code: i16,
    key: &impl Encode,
    value: Option<&impl Encode>,
    version: i16,
) -> Result<Record, EncodeError> {
    let value = value.map(|value| bytes(version, value, version)).transpose()?;
    Ok(Record { key: bytes(code, key, 0)?, value })
}

fn bytes(head: i16, body: &impl Encode, version: i16) -> Result<Vec<u8>, EncodeError> {
    let mut encoder = Encoder::with_capacity(64);
    encoder.i16(head);
    body.encode(&mut encoder, version)?;
    Ok(encoder.into_parts().0)
}

/// Reads a value of one of these versions.
pub(crate) fn value_of<'a, T: Decode<'a>>(bytes: &'a [u8], versions: RangeInclusive<i16>) -> Result<T, String> {
    let mut reader = Reader::new(bytes);
    let version = reader.i16().map_err(|error| error.to_string())?;
    if !versions.contains(&version) {
        return Err(format!("version {version}, where {} to {} are known", versions.start(), versions.end()));
    }
    decode_body(reader.peek(), version).map_err(|error| error.to_string())
}

/// What is said of a record whose key cannot be read.
pub(crate) fn damaged_key(what: &str, error: &WireError) -> ReplayError {
    ReplayError { what: what.to_owned(), id: None, problem: error.to_string() }
}
