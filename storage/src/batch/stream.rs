//! Records that are decompressed as they are read: a small buffer, whatever the sizes inside say.

use super::error::RecordFault;
use super::limits::DecompressionLimits;
use super::record::{Head, Source, read_headers, read_nullable};
use crate::compression::{Codec, decompress};
use model::num::{u64_from_usize, usize_from_u64};
use std::io::{ErrorKind, Read};

/// Bytes that are decompressed at a time.
const BUFFER_SIZE: usize = 16 * 1024;

/// The decompressed records of a batch.
pub(super) struct RecordStream<'a> {
    decompressed: Box<dyn Read + 'a>,
    buffer: Box<[u8]>,
    /// The part of `buffer` that was filled and not yet read.
    start: usize,
    end: usize,
    /// Bytes of the current record that were not yet read.
    record_left: u64,
    limits: DecompressionLimits,
    /// Bytes of records that may still come before the batch is too large.
    batch_left: u32,
}

impl<'a> RecordStream<'a> {
    pub(super) fn new(codec: Codec, payload: &'a [u8], limits: DecompressionLimits) -> Result<Self, RecordFault> {
        let decompressed = decompress(codec, payload, u64::from(limits.batch)).map_err(RecordFault::Decompress)?;
        let buffer = vec![0; BUFFER_SIZE].into_boxed_slice();
        Ok(Self { decompressed, buffer, start: 0, end: 0, record_left: 0, limits, batch_left: limits.batch })
    }

    /// Reads the length of the next record and stands at its first byte.
    pub(super) fn begin_record(&mut self) -> Result<u32, RecordFault> {
        // The length itself has at most five bytes.
        self.record_left = 5;
        let length = self.varint()?;
        let size = u32::try_from(length).map_err(|_| RecordFault::NegativeLength { length })?;
        let DecompressionLimits { record: limit, batch } = self.limits;
        if size > limit {
            return Err(RecordFault::TooLarge { size, limit });
        }
        let too_large = RecordFault::BatchTooLarge { limit: batch };
        self.batch_left = self.batch_left.checked_sub(size).ok_or(too_large)?;
        self.record_left = u64::from(size);
        Ok(size)
    }

    /// Whether nothing follows the last record.
    pub(super) fn is_at_end(&mut self) -> Result<bool, RecordFault> {
        Ok(self.fill()?.is_empty())
    }

    /// Appends the rest of the current record to `record`.
    pub(super) fn read_record(&mut self, record: &mut Vec<u8>) -> Result<(), RecordFault> {
        self.read_bytes(self.record_left, record)
    }

    /// Reads the current record to its end and keeps its key in `key`, whatever the sizes of its other parts.
    pub(super) fn read_key(&mut self, key: &mut Vec<u8>) -> Result<Head<()>, RecordFault> {
        let (attributes, timestamp_delta, offset_delta) = (self.byte()?, self.varlong()?, self.varint()?);
        let has_key = match u32::try_from(self.varint()?) {
            Ok(length) => {
                self.read_bytes(u64::from(length), key)?;
                Some(())
            }
            Err(_) => None,
        };
        let value = read_nullable(self)?;
        read_headers(self)?;
        Ok(Head { attributes, timestamp_delta, offset_delta, key: has_key, value })
    }

    /// Appends the next `left` bytes of the record to `to`, which grows as bytes arrive and not by what they claim.
    fn read_bytes(&mut self, mut left: u64, to: &mut Vec<u8>) -> Result<(), RecordFault> {
        if left > self.record_left {
            return Err(RecordFault::CutShort);
        }
        while left > 0 {
            let piece = self.piece()?;
            let piece = piece.get(..piece.len().min(usize_from_u64(left))).unwrap_or(piece);
            if to.capacity() - to.len() < piece.len() {
                // Doubles, but never past what the record has.
                to.reserve_exact(to.len().max(BUFFER_SIZE).min(usize_from_u64(left)));
            }
            to.extend_from_slice(piece);
            let count = piece.len();
            self.consume(count);
            left -= u64_from_usize(count);
        }
        Ok(())
    }

    /// What is buffered, after reading more if nothing is; empty only at the end.
    fn fill(&mut self) -> Result<&[u8], RecordFault> {
        while self.start == self.end {
            match self.decompressed.read(&mut self.buffer) {
                Ok(0) => break,
                Ok(count) => (self.start, self.end) = (0, count),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::FileTooLarge => {
                    return Err(RecordFault::BatchTooLarge { limit: self.limits.batch });
                }
                Err(error) => return Err(RecordFault::Decompress(error)),
            }
        }
        Ok(self.buffer.get(self.start..self.end).unwrap_or_default())
    }

    /// Some of the bytes that are left of the record, at least one.
    fn piece(&mut self) -> Result<&[u8], RecordFault> {
        let left = usize_from_u64(self.record_left);
        let piece = self.fill()?;
        match piece.get(..piece.len().min(left)) {
            Some(piece) if !piece.is_empty() => Ok(piece),
            _ => Err(RecordFault::CutShort),
        }
    }

    fn consume(&mut self, count: usize) {
        self.start += count;
        self.record_left = self.record_left.saturating_sub(u64_from_usize(count));
    }

    fn unsigned(&mut self, bits: u32) -> Result<u64, RecordFault> {
        let mut value = 0_u64;
        for shift in (0..bits).step_by(7) {
            let byte = self.byte()?;
            let bits_left = bits - shift;
            if bits_left < 8 && u32::from(byte) >> bits_left != 0 {
                return Err(RecordFault::VarintTooLong);
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(RecordFault::VarintTooLong)
    }
}

impl Source for RecordStream<'_> {
    type Field = ();

    fn byte(&mut self) -> Result<u8, RecordFault> {
        let byte = self.piece()?.first().copied().ok_or(RecordFault::CutShort)?;
        self.consume(1);
        Ok(byte)
    }

    fn varint(&mut self) -> Result<i32, RecordFault> {
        let raw = u32::try_from(self.unsigned(32)?).map_err(|_| RecordFault::VarintTooLong)?;
        Ok((raw >> 1).cast_signed() ^ -(raw & 1).cast_signed())
    }

    fn varlong(&mut self) -> Result<i64, RecordFault> {
        let raw = self.unsigned(64)?;
        Ok((raw >> 1).cast_signed() ^ -(raw & 1).cast_signed())
    }

    fn field(&mut self, length: u32) -> Result<(), RecordFault> {
        let mut left = u64::from(length);
        if left > self.record_left {
            return Err(RecordFault::CutShort);
        }
        while left > 0 {
            let count = self.piece()?.len().min(usize_from_u64(left));
            self.consume(count);
            left -= u64_from_usize(count);
        }
        Ok(())
    }

    fn remaining(&self) -> u64 {
        self.record_left
    }
}

impl std::fmt::Debug for RecordStream<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecordStream").field("record_left", &self.record_left).finish_non_exhaustive()
    }
}
