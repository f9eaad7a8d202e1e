//! The 61-byte header of a record batch, magic 2 (KIP-98): the same on the wire and on disk. `docs/format/record_batch_v2.md`
//! draws it. Owns where each field lies; knows nothing about what values are allowed.

use model::wire::{Reader, WireError};

/// Where each field begins, each computed from the one before it.
const BASE_OFFSET: usize = 0;
const BATCH_LENGTH: usize = BASE_OFFSET + 8;
const PARTITION_LEADER_EPOCH: usize = BATCH_LENGTH + 4;
const MAGIC: usize = PARTITION_LEADER_EPOCH + 4;
const CRC: usize = MAGIC + 1;
const ATTRIBUTES: usize = CRC + 4;
const LAST_OFFSET_DELTA: usize = ATTRIBUTES + 2;
const BASE_TIMESTAMP: usize = LAST_OFFSET_DELTA + 4;
const MAX_TIMESTAMP: usize = BASE_TIMESTAMP + 8;
const PRODUCER_ID: usize = MAX_TIMESTAMP + 8;
const PRODUCER_EPOCH: usize = PRODUCER_ID + 8;
const BASE_SEQUENCE: usize = PRODUCER_EPOCH + 2;
const RECORDS_COUNT: usize = BASE_SEQUENCE + 4;
const END: usize = RECORDS_COUNT + 4;

/// Bytes of the header, from the base offset to the count of records.
pub const HEADER_SIZE: usize = END;
/// Bytes of base offset and batch length, which the batch length does not count.
pub const LENGTH_EXCLUDES: usize = PARTITION_LEADER_EPOCH;
/// Bytes from the beginning of a batch to and with its magic, at the same place in every version of the format.
pub const SIZE_TO_MAGIC: usize = CRC;
/// The smallest batch length that leaves room for the header: 49.
pub const BATCH_LENGTH_MIN: i32 = 49;
/// The magic of this version.
pub const MAGIC_V2: i8 = 2;

const _: () = assert!(HEADER_SIZE == 61, "the header of a v2 batch has 61 bytes");
const _: () = assert!(HEADER_SIZE - LENGTH_EXCLUDES == 49, "the smallest batch length is the rest of the header");

/// The header, field by field, as the bytes say it: nothing here was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordBatchHeader {
    /// The offset of the first record.
    pub base_offset: i64,
    /// Bytes of the batch after this field.
    pub batch_length: i32,
    /// The epoch of the leader that appended the batch. The checksum does not cover what lies before it or this.
    pub partition_leader_epoch: i32,
    /// The version of the format, 2.
    pub magic: i8,
    /// CRC-32C of everything after this field.
    pub crc: u32,
    /// Codec, timestamp type and flags.
    pub attributes: Attributes,
    /// The last record's offset, less the base offset.
    pub last_offset_delta: i32,
    /// What the timestamps of the records are counted from, in ms since 1970.
    pub base_timestamp: i64,
    /// The largest timestamp of the records, or the time of the append, in ms since 1970.
    pub max_timestamp: i64,
    /// The producer's id, or -1.
    pub producer_id: i64,
    /// The producer's epoch, or -1.
    pub producer_epoch: i16,
    /// The sequence of the first record, or -1.
    pub base_sequence: i32,
    /// How many records follow.
    pub records_count: i32,
}

impl RecordBatchHeader {
    /// Reads the 61 bytes.
    ///
    /// # Errors
    /// [`WireError::Truncated`] when there are fewer.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            base_offset: reader.i64()?,
            batch_length: reader.i32()?,
            partition_leader_epoch: reader.i32()?,
            magic: reader.i8()?,
            crc: reader.u32()?,
            attributes: Attributes(reader.i16()?),
            last_offset_delta: reader.i32()?,
            base_timestamp: reader.i64()?,
            max_timestamp: reader.i64()?,
            producer_id: reader.i64()?,
            producer_epoch: reader.i16()?,
            base_sequence: reader.i32()?,
            records_count: reader.i32()?,
        })
    }

    /// The 61 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; HEADER_SIZE] {
        let mut bytes = [0; HEADER_SIZE];
        bytes[BASE_OFFSET..BATCH_LENGTH].copy_from_slice(&self.base_offset.to_be_bytes());
        bytes[BATCH_LENGTH..PARTITION_LEADER_EPOCH].copy_from_slice(&self.batch_length.to_be_bytes());
        bytes[PARTITION_LEADER_EPOCH..MAGIC].copy_from_slice(&self.partition_leader_epoch.to_be_bytes());
        bytes[MAGIC..CRC].copy_from_slice(&self.magic.to_be_bytes());
        bytes[CRC..ATTRIBUTES].copy_from_slice(&self.crc.to_be_bytes());
        bytes[ATTRIBUTES..LAST_OFFSET_DELTA].copy_from_slice(&self.attributes.0.to_be_bytes());
        bytes[LAST_OFFSET_DELTA..BASE_TIMESTAMP].copy_from_slice(&self.last_offset_delta.to_be_bytes());
        bytes[BASE_TIMESTAMP..MAX_TIMESTAMP].copy_from_slice(&self.base_timestamp.to_be_bytes());
        bytes[MAX_TIMESTAMP..PRODUCER_ID].copy_from_slice(&self.max_timestamp.to_be_bytes());
        bytes[PRODUCER_ID..PRODUCER_EPOCH].copy_from_slice(&self.producer_id.to_be_bytes());
        bytes[PRODUCER_EPOCH..BASE_SEQUENCE].copy_from_slice(&self.producer_epoch.to_be_bytes());
        bytes[BASE_SEQUENCE..RECORDS_COUNT].copy_from_slice(&self.base_sequence.to_be_bytes());
        bytes[RECORDS_COUNT..END].copy_from_slice(&self.records_count.to_be_bytes());
        bytes
    }

    /// The checksum of this header with `payload`, the bytes after it: CRC-32C from the attributes to the end.
    #[must_use]
    pub fn compute_crc(&self, payload: &[u8]) -> u32 {
        let header = self.to_bytes();
        crc32c::crc32c_append(crc32c::crc32c(&header[ATTRIBUTES..]), payload)
    }
}

/// The attributes of a batch: codec in bits 0-2, then timestamp type, transactional, control, delete horizon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes(pub i16);

impl Attributes {
    const CODEC_MASK: i16 = 0x07;
    const LOG_APPEND_TIME: i16 = 1 << 3;
    const TRANSACTIONAL: i16 = 1 << 4;
    const CONTROL: i16 = 1 << 5;
    const DELETE_HORIZON: i16 = 1 << 6;

    /// The number of the codec, 0 to 7, of which 0 to 4 are assigned.
    #[must_use]
    pub const fn codec_id(self) -> u8 {
        let [_, low] = (self.0 & Self::CODEC_MASK).to_be_bytes();
        low
    }

    /// Whether the records' time is that of the append, in the header's max timestamp.
    #[must_use]
    pub const fn is_log_append_time(self) -> bool {
        self.0 & Self::LOG_APPEND_TIME != 0
    }

    /// Whether the records belong to a transaction.
    #[must_use]
    pub const fn is_transactional(self) -> bool {
        self.0 & Self::TRANSACTIONAL != 0
    }

    /// Whether the batch holds a marker of the broker's own, never shown to applications.
    #[must_use]
    pub const fn is_control(self) -> bool {
        self.0 & Self::CONTROL != 0
    }

    /// Whether the base timestamp says when tombstones may go (KIP-534); only compaction sets it.
    #[must_use]
    pub const fn has_delete_horizon(self) -> bool {
        self.0 & Self::DELETE_HORIZON != 0
    }

    /// The same with the number of another codec, 0 to 4.
    #[must_use]
    pub const fn with_codec_id(self, id: i16) -> Self {
        Self(self.0 & !Self::CODEC_MASK | id & Self::CODEC_MASK)
    }

    /// The same, with or without a delete horizon in the base timestamp.
    #[must_use]
    pub const fn with_delete_horizon(self, set: bool) -> Self {
        if set { Self(self.0 | Self::DELETE_HORIZON) } else { Self(self.0 & !Self::DELETE_HORIZON) }
    }

    /// The same with another timestamp type.
    #[must_use]
    pub const fn with_log_append_time(self, set: bool) -> Self {
        if set { Self(self.0 | Self::LOG_APPEND_TIME) } else { Self(self.0 & !Self::LOG_APPEND_TIME) }
    }

    /// The same, in a transaction or not.
    #[must_use]
    pub const fn with_transactional(self, set: bool) -> Self {
        if set { Self(self.0 | Self::TRANSACTIONAL) } else { Self(self.0 & !Self::TRANSACTIONAL) }
    }

    /// The same for a marker of the broker's own.
    #[must_use]
    pub const fn with_control(self) -> Self {
        Self(self.0 | Self::CONTROL)
    }
}
