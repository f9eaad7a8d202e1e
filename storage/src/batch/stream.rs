//! Records that are decompressed as they are read: a small buffer, whatever the sizes inside say.

use super::error::RecordFault;
use super::record::Source;
use crate::compression::{Codec, decompress};
use std::io::{ErrorKind, Read};

/// Bytes that are decompressed at a time.
const BUFFER_SIZE: usize = 16 * 1024;

/// Bytes that the records of one batch may have together. A batch that decompresses to more than Java's largest array can
/// only be a bomb; the limit keeps it from costing more than a second or two.
const BATCH_SIZE_MAX: u64 = 2_147_483_639;

/// The decompressed records of a batch.
pub(super) struct RecordStream<'a> {
    decompressed: Box<dyn Read + 'a>,
    buffer: Box<[u8]>,
    /// The part of `buffer` that was filled and not yet read.
    start: usize,
    end: usize,
    /// Bytes of the current record that were not yet read.
    record_left: u64,
    /// Bytes that may still come before the batch is too large.
    batch_left: u64,
}

impl<'a> RecordStream<'a> {
    pub(super) fn new(codec: Codec, payload: &'a [u8]) -> Result<Self, RecordFault> {
        let decompressed = decompress(codec, payload).map_err(RecordFault::Decompress)?;
        let buffer = vec![0; BUFFER_SIZE].into_boxed_slice();
        Ok(Self { decompressed, buffer, start: 0, end: 0, record_left: 0, batch_left: BATCH_SIZE_MAX })
    }

    /// Reads the length of the next record and stands at its first byte.
    pub(super) fn begin_record(&mut self, size_max: u32) -> Result<u32, RecordFault> {
        // The length itself has at most five bytes.
        self.record_left = 5;
        let length = self.varint()?;
        let size = u32::try_from(length).map_err(|_| RecordFault::NegativeLength { length })?;
        if size > size_max {
            return Err(RecordFault::TooLarge { size: u64::from(size), limit: u64::from(size_max) });
        }
        let too_large = RecordFault::TooLarge { size: u64::from(size), limit: self.batch_left };
        self.batch_left = self.batch_left.checked_sub(u64::from(size)).ok_or(too_large)?;
        self.record_left = u64::from(size);
        Ok(size)
    }

    /// Whether nothing follows the last record.
    pub(super) fn is_at_end(&mut self) -> Result<bool, RecordFault> {
        Ok(self.fill()?.is_empty())
    }

    /// Appends the rest of the current record to `record`, which grows as bytes arrive and not by what they claim.
    pub(super) fn read_record(&mut self, record: &mut Vec<u8>) -> Result<(), RecordFault> {
        while self.record_left > 0 {
            let piece = self.piece()?;
            record.extend_from_slice(piece);
            let count = piece.len();
            self.consume(count);
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
                Err(error) => return Err(RecordFault::Decompress(error)),
            }
        }
        Ok(self.buffer.get(self.start..self.end).unwrap_or_default())
    }

    /// Some of the bytes that are left of the record, at least one.
    fn piece(&mut self) -> Result<&[u8], RecordFault> {
        let left = model::num::usize_from_u64(self.record_left);
        let piece = self.fill()?;
        match piece.get(..piece.len().min(left)) {
            Some(piece) if !piece.is_empty() => Ok(piece),
            _ => Err(RecordFault::CutShort),
        }
    }

    fn consume(&mut self, count: usize) {
        self.start += count;
        self.record_left = self.record_left.saturating_sub(model::num::u64_from_usize(count));
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
            let count = self.piece()?.len().min(model::num::usize_from_u64(left));
            self.consume(count);
            left -= model::num::u64_from_usize(count);
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
