//! A record batch read in place: what its header says, and where it ends. For batches on disk and as the first step for
//! those from a socket.

use super::limits::DecompressionLimits;
use super::records::Records;
use crate::compression::Codec;
use crate::format::record_batch_v2::{
    BATCH_LENGTH_MIN, HEADER_SIZE, LENGTH_EXCLUDES, MAGIC_V2, RecordBatchHeader, SIZE_TO_MAGIC,
};
use model::num::{u64_from_usize, usize_from_u32};
use model::wire::Reader;
use model::{ProducerEpoch, ProducerId, Sequence};

/// The smallest length of any message format: that of magic 0. Less cannot be a length.
const LENGTH_TO_MAGIC_MIN: i32 = 14;

/// Why bytes are not a record batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ViewError {
    /// The batch goes on after the bytes that are there.
    #[error("a record batch needs {needed} bytes, {found} are there")]
    Incomplete {
        /// Bytes of the batch, or of the part that says how long it is.
        needed: u64,
        /// Bytes that are there.
        found: u64,
    },
    /// The length leaves no room for the header.
    #[error("a batch length of {batch_length} is less than the 49 bytes of the header that it counts")]
    LengthTooSmall {
        /// The length found.
        batch_length: i32,
    },
    /// A format that is not magic 2.
    #[error("magic {magic} is not 2")]
    WrongMagic {
        /// The magic found.
        magic: i8,
    },
}

/// A batch whose length and magic are right; everything else is what its bytes say.
#[derive(Clone, Copy, Debug)]
pub struct BatchView<'a> {
    header: RecordBatchHeader,
    bytes: &'a [u8],
}

impl<'a> BatchView<'a> {
    /// The batch at the beginning of `bytes`, which may go on after it: [`Self::size`] says where.
    ///
    /// # Errors
    /// [`ViewError`]. The checksum is not computed here.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ViewError> {
        let size = batch_size(bytes)?;
        let incomplete = ViewError::Incomplete { needed: u64::from(size), found: u64_from_usize(bytes.len()) };
        let bytes = bytes.get(..usize_from_u32(size)).ok_or(incomplete)?;
        let header = RecordBatchHeader::read(&mut Reader::new(bytes)).map_err(|_| incomplete)?;
        Ok(Self { header, bytes })
    }

    /// The header.
    #[must_use]
    pub const fn header(&self) -> &RecordBatchHeader {
        &self.header
    }

    /// Bytes of the batch with its header.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The batch with its header, as it lies there.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// What follows the header: the records, perhaps compressed.
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        self.bytes.get(HEADER_SIZE..).unwrap_or_default()
    }

    /// The checksum that the bytes have, to compare with the header's. Reads the whole batch.
    #[must_use]
    pub fn compute_crc(&self) -> u32 {
        crc32c::crc32c(self.bytes.get(SIZE_TO_MAGIC + 4..).unwrap_or_default())
    }

    /// Whether the checksum is right. Reads the whole batch.
    #[must_use]
    pub fn crc_is_right(&self) -> bool {
        self.compute_crc() == self.header.crc
    }

    /// The offset of the last record; `None` if it lies outside the number space.
    #[must_use]
    pub fn last_offset(&self) -> Option<i64> {
        self.header.base_offset.checked_add(i64::from(self.header.last_offset_delta))
    }

    /// The codec; `None` for a number that nobody assigned.
    #[must_use]
    pub const fn codec(&self) -> Option<Codec> {
        Codec::from_id(self.header.attributes.codec_id())
    }

    /// The producer's stamp, if there is a complete one.
    #[must_use]
    pub fn producer(&self) -> Option<(ProducerId, ProducerEpoch, Sequence)> {
        let id = ProducerId::new(self.header.producer_id)?;
        Some((id, ProducerEpoch::new(self.header.producer_epoch)?, Sequence::new(self.header.base_sequence)?))
    }

    /// The records, one by one, decompressed on the way, within the limits.
    ///
    /// # Errors
    /// From reading them: the batch's bytes are not believed.
    #[must_use]
    pub const fn records(&self, limits: DecompressionLimits) -> Records<'a> {
        Records::new(*self, limits)
    }
}

/// The size that a batch claims, after the checks that need no more than its first 17 bytes.
fn batch_size(bytes: &[u8]) -> Result<u32, ViewError> {
    let found = u64_from_usize(bytes.len());
    let start = Reader::new(bytes)
        .array::<LENGTH_EXCLUDES>()
        .map_err(|_| ViewError::Incomplete { needed: u64_from_usize(LENGTH_EXCLUDES), found })?;
    let [_, _, _, _, _, _, _, _, length @ ..] = start;
    let batch_length = i32::from_be_bytes(length);
    let too_small = ViewError::LengthTooSmall { batch_length };
    if batch_length < LENGTH_TO_MAGIC_MIN {
        return Err(too_small);
    }
    // The magic is judged before the rest of the length: a message of before Kafka 0.11 may be smaller than our header.
    let magic = bytes
        .get(SIZE_TO_MAGIC - 1)
        .copied()
        .map(u8::cast_signed)
        .ok_or(ViewError::Incomplete { needed: u64_from_usize(SIZE_TO_MAGIC), found })?;
    if magic != MAGIC_V2 {
        return Err(ViewError::WrongMagic { magic });
    }
    if batch_length < BATCH_LENGTH_MIN {
        return Err(too_small);
    }
    // 12 more than a positive i32 fits a u32.
    Ok(batch_length.unsigned_abs() + 12)
}
