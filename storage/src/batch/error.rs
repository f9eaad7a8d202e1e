//! What can be wrong with a batch that a producer sent: facts, a text for its author, and Kafka's code.

use crate::format::record_batch_v2::BATCH_LENGTH_MIN;
use model::ErrorCode;
use std::fmt;

/// Why a batch is refused. Nothing of it is appended.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// The bytes hold no whole batch.
    #[error("one record batch is expected, but the batch needs {needed} bytes and there are {found}")]
    NoBatch {
        /// Bytes that the batch claims, or that it needs to claim any.
        needed: u64,
        /// Bytes that are there.
        found: u64,
    },
    /// More than one batch.
    #[error("one record batch is expected, and there is a second")]
    SeveralBatches,
    /// The length leaves no room for the header.
    #[error("a batch length of {batch_length} is less than the smallest, {BATCH_LENGTH_MIN}")]
    LengthTooSmall {
        /// The length found.
        batch_length: i32,
    },
    /// A message set of before Kafka 0.11.
    #[error("message format {magic} is no longer accepted, only record batches with magic 2")]
    OldMagic {
        /// 0 or 1.
        magic: i8,
    },
    /// A format that does not exist.
    #[error("magic {magic} is unknown")]
    UnknownMagic {
        /// The magic found.
        magic: i8,
    },
    /// Only the broker gives offsets.
    #[error("the base offset of a produced batch must be 0, it is {base_offset}")]
    BaseOffset {
        /// The base offset found.
        base_offset: i64,
    },
    /// Larger than the topic takes.
    #[error("the batch has {size} bytes, and the topic's max.message.bytes is {max}")]
    TooLarge {
        /// Bytes of the batch, as it came.
        size: u64,
        /// The topic's limit.
        max: i32,
    },
    /// Larger than a segment of the topic.
    #[error("the batch has {size} bytes, and the topic's segment.bytes is {segment_bytes}")]
    LargerThanSegment {
        /// Bytes of the batch.
        size: u64,
        /// The topic's segment size.
        segment_bytes: i32,
    },
    /// The bytes are not those that the producer wrote.
    #[error("the checksum is {computed:#010x}, the batch says {stored:#010x}")]
    WrongChecksum {
        /// The checksum in the header.
        stored: u32,
        /// The checksum of the bytes.
        computed: u32,
    },
    /// A codec number that nobody assigned.
    #[error("compression codec {codec_id} is unknown")]
    UnknownCodec {
        /// 5 to 7.
        codec_id: u8,
    },
    /// Only the broker writes control batches.
    #[error("producers must not send control batches")]
    ControlBatch,
    /// The counts of the header contradict each other.
    #[error("the batch says {records_count} records and a last offset delta of {last_offset_delta}")]
    WrongCount {
        /// Records, as the header says.
        records_count: i32,
        /// The last record's offset, as the header says.
        last_offset_delta: i32,
    },
    /// A producer id without a sequence.
    #[error("producer id {producer_id} comes with sequence {base_sequence}")]
    MissingSequence {
        /// The producer.
        producer_id: i64,
        /// The sequence found, negative.
        base_sequence: i32,
    },
    /// A producer id without an epoch.
    #[error("producer id {producer_id} comes with epoch {producer_epoch}")]
    MissingEpoch {
        /// The producer.
        producer_id: i64,
        /// The epoch found, negative.
        producer_epoch: i16,
    },
    /// A record that cannot be read.
    #[error("record {index}: {fault}")]
    Record {
        /// The record's place in the batch, from 0.
        index: u32,
        /// What is wrong.
        #[source]
        fault: RecordFault,
    },
    /// Bytes after the last record.
    #[error("bytes are left over after the {records_count} records that the batch says it has")]
    BytesAfterRecords {
        /// Records, as the header says.
        records_count: i32,
    },
    /// The header's max timestamp lies outside what the topic takes; records inside a batch that is not opened.
    #[error("max timestamp {max_timestamp} is outside [{earliest}, {latest}]")]
    MaxTimestamp {
        /// The header's.
        max_timestamp: i64,
        /// The earliest that is taken now, ms since 1970.
        earliest: i64,
        /// The latest that is taken now, ms since 1970.
        latest: i64,
    },
    /// Records that can be read but not accepted.
    #[error("{0}")]
    Rejected(RejectedRecords),
}

/// What is wrong with the bytes of a record.
#[derive(Debug, thiserror::Error)]
pub enum RecordFault {
    /// Its bytes end early, or a length in it goes past its end.
    #[error("a length or a field goes past the end of the record or of the batch")]
    CutShort,
    /// A varint longer than its type.
    #[error("a varint is longer than its type")]
    VarintTooLong,
    /// A negative length where null is not allowed.
    #[error("length {length} is negative")]
    NegativeLength {
        /// The length found.
        length: i32,
    },
    /// More bytes than its fields take.
    #[error("the record is longer than its fields")]
    BytesLeftOver,
    /// A record of another place.
    #[error("its offset delta is {offset_delta}")]
    WrongOffsetDelta {
        /// The delta found.
        offset_delta: i32,
    },
    /// More bytes than may be looked at.
    #[error("it has {size} bytes when decompressed, the limit (max.decompressed.message.bytes) is {limit}")]
    TooLarge {
        /// Bytes that it has, or claims.
        size: u32,
        /// The limit, from `max.decompressed.message.bytes` or from the reader.
        limit: u32,
    },
    /// With those before it in its batch, more bytes than may be looked at.
    #[error(
        "the records up to it have more bytes when decompressed than the limit (max.decompressed.batch.bytes), {limit}"
    )]
    BatchTooLarge {
        /// The limit, from `max.decompressed.batch.bytes` or from the reader.
        limit: u32,
    },
    /// The compressed bytes are not what the codec expects.
    #[error("the compressed records are damaged: {0}")]
    Decompress(#[source] std::io::Error),
}

impl From<model::wire::WireError> for RecordFault {
    fn from(error: model::wire::WireError) -> Self {
        use model::wire::WireError;
        match error {
            WireError::VarintTooLong => Self::VarintTooLong,
            WireError::TrailingBytes { .. } => Self::BytesLeftOver,
            WireError::Truncated { .. }
            | WireError::NegativeLength { .. }
            | WireError::UnexpectedNull
            | WireError::CountTooLarge { .. }
            | WireError::InvalidUtf8
            | WireError::StringTooLong { .. }
            | WireError::BadTaggedField { .. } => Self::CutShort,
        }
    }
}

/// The records of a batch that broke a rule of the topic (KIP-467). One of them is enough to refuse the batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedRecords {
    errors: Vec<RecordError>,
    total: u32,
}

impl RejectedRecords {
    /// Records that are named at most; the others are only counted.
    pub const NAMED_MAX: usize = 1000;

    pub(super) const fn new() -> Self {
        Self { errors: Vec::new(), total: 0 }
    }

    /// The same problem in each of `total` records.
    pub(super) fn all(total: u32, problem: RecordProblem) -> Self {
        let errors = (0..total).take(Self::NAMED_MAX).map(|index| RecordError { index, problem }).collect();
        Self { errors, total }
    }

    pub(super) fn push(&mut self, index: u32, problem: RecordProblem) {
        self.total = self.total.saturating_add(1);
        if self.errors.len() < Self::NAMED_MAX {
            self.errors.push(RecordError { index, problem });
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// The records, in order; never none, and no more than [`Self::NAMED_MAX`].
    #[must_use]
    pub fn errors(&self) -> &[RecordError] {
        &self.errors
    }

    /// How many records were rejected.
    #[must_use]
    pub const fn total(&self) -> u32 {
        self.total
    }

    fn code(&self) -> ErrorCode {
        // As Kafka: one bad timestamp names the whole batch, whatever else is wrong.
        let is_timestamp = |error: &RecordError| !matches!(error.problem, RecordProblem::NullKey);
        if self.errors.iter().any(is_timestamp) { ErrorCode::InvalidTimestamp } else { ErrorCode::InvalidRecord }
    }
}

impl fmt::Display for RejectedRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.total == 1 { "" } else { "s" };
        write!(f, "{} record{plural} of the batch rejected", self.total)?;
        self.errors
            .first()
            .map_or(Ok(()), |first| write!(f, ", the first is record {}: {}", first.index, first.problem))
    }
}

/// One record that broke a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordError {
    /// The record's place in the batch, from 0: the wire's `batch_index`.
    pub index: u32,
    /// The rule.
    pub problem: RecordProblem,
}

/// The rule that a record broke; its text is the wire's `batch_index_error_message`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordProblem {
    /// A compacted topic keeps the latest record of each key, so each needs one.
    #[error("a record of a compacted topic must have a key")]
    NullKey,
    /// Too far from the broker's clock.
    #[error("timestamp {timestamp} is outside [{earliest}, {latest}]")]
    Timestamp {
        /// The record's.
        timestamp: i64,
        /// The earliest that is taken now, ms since 1970.
        earliest: i64,
        /// The latest that is taken now, ms since 1970.
        latest: i64,
    },
    /// The timestamp type is the broker's to set.
    #[error("the producer must not set the timestamp type to LogAppendTime")]
    LogAppendTime,
}

impl From<&BatchError> for ErrorCode {
    fn from(error: &BatchError) -> Self {
        match error {
            BatchError::LengthTooSmall { .. } | BatchError::UnknownMagic { .. } | BatchError::WrongChecksum { .. } => {
                Self::CorruptMessage
            }
            BatchError::TooLarge { .. } => Self::MessageTooLarge,
            BatchError::LargerThanSegment { .. } => Self::RecordListTooLarge,
            BatchError::UnknownCodec { .. } => Self::UnsupportedCompressionType,
            BatchError::MissingEpoch { .. } => Self::InvalidProducerEpoch,
            BatchError::MaxTimestamp { .. } => Self::InvalidTimestamp,
            BatchError::Rejected(records) => records.code(),
            BatchError::NoBatch { .. }
            | BatchError::SeveralBatches
            | BatchError::OldMagic { .. }
            | BatchError::BaseOffset { .. }
            | BatchError::ControlBatch
            | BatchError::WrongCount { .. }
            | BatchError::MissingSequence { .. }
            | BatchError::Record { .. }
            | BatchError::BytesAfterRecords { .. } => Self::InvalidRecord,
        }
    }
}

impl BatchError {
    /// What a produce response names one by one in `record_errors` (version 8 and later); empty if the batch as a whole is
    /// at fault.
    #[must_use]
    pub fn record_errors(&self) -> &[RecordError] {
        match self {
            Self::Rejected(records) => records.errors(),
            Self::NoBatch { .. }
            | Self::SeveralBatches
            | Self::LengthTooSmall { .. }
            | Self::OldMagic { .. }
            | Self::UnknownMagic { .. }
            | Self::BaseOffset { .. }
            | Self::TooLarge { .. }
            | Self::LargerThanSegment { .. }
            | Self::WrongChecksum { .. }
            | Self::UnknownCodec { .. }
            | Self::ControlBatch
            | Self::WrongCount { .. }
            | Self::MissingSequence { .. }
            | Self::MissingEpoch { .. }
            | Self::Record { .. }
            | Self::BytesAfterRecords { .. }
            | Self::MaxTimestamp { .. } => &[],
        }
    }
}
