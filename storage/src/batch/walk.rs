//! The walk over the records of a batch that a producer sent: the hot path of produce for uncompressed batches. Checks what
//! a header cannot say; keeps nothing but the largest timestamp.

use super::error::{BatchError, RecordFault, RecordProblem, RejectedRecords};
use super::record::{Record, read_head, read_headers};
use super::records::next_body;
use super::stream::RecordStream;
use super::view::BatchView;
use crate::compression::Codec;
use model::wire::Reader;

/// What a topic asks of each record.
#[derive(Clone, Copy, Debug)]
pub(super) struct RecordRules {
    pub(super) key_required: bool,
    pub(super) timestamps: TimestampRule,
    /// Bytes that a record may have when decompressed.
    pub(super) decompressed_size_max: u32,
}

/// Which timestamps are taken.
#[derive(Clone, Copy, Debug)]
pub(super) enum TimestampRule {
    /// Any: the broker sets its own.
    Any,
    /// Those near the broker's clock, and -1.
    Near { now: i64, before_max_ms: i64, after_max_ms: i64 },
}

impl TimestampRule {
    /// Whether the rule refuses a timestamp.
    #[inline]
    pub(super) const fn refuses(self, timestamp: i64) -> bool {
        match self {
            Self::Any => false,
            Self::Near { now, before_max_ms, after_max_ms } => {
                // Wraps as Kafka's arithmetic does, so that the ends of the number space are refused and not accepted.
                let age = now.wrapping_sub(timestamp);
                timestamp != -1 && (age > before_max_ms || age.wrapping_neg() > after_max_ms)
            }
        }
    }

    /// The first and the last timestamp that are taken.
    pub(super) const fn range(self) -> (i64, i64) {
        match self {
            Self::Any => (i64::MIN, i64::MAX),
            Self::Near { now, before_max_ms, after_max_ms } => {
                (now.saturating_sub(before_max_ms), now.saturating_add(after_max_ms))
            }
        }
    }
}

/// Walks all records and returns the largest timestamp; -1 if none has a later one.
pub(super) fn walk_records(batch: &BatchView<'_>, codec: Codec, rules: RecordRules) -> Result<i64, BatchError> {
    let mut walk = Walk {
        rules,
        base_timestamp: batch.header().base_timestamp,
        max_timestamp: -1,
        rejected: RejectedRecords::new(),
    };
    let at_end = match codec {
        Codec::None => walk.plain(batch)?,
        Codec::Gzip | Codec::Snappy | Codec::Lz4 | Codec::Zstd => walk.compressed(batch, codec)?,
    };
    if !at_end {
        return Err(BatchError::BytesAfterRecords { records_count: batch.header().records_count });
    }
    if walk.rejected.is_empty() { Ok(walk.max_timestamp) } else { Err(BatchError::Rejected(walk.rejected)) }
}

struct Walk {
    rules: RecordRules,
    base_timestamp: i64,
    max_timestamp: i64,
    rejected: RejectedRecords,
}

impl Walk {
    /// Returns whether the records end where the batch does.
    fn plain(&mut self, batch: &BatchView<'_>) -> Result<bool, BatchError> {
        let mut reader = Reader::new(batch.payload());
        for index in 0..batch.header().records_count {
            let record = next_body(&mut reader).and_then(Record::parse);
            let record = record.map_err(|fault| at(index, fault))?;
            self.judge(index, record.offset_delta, record.timestamp_delta, record.key.is_none())?;
        }
        Ok(reader.remaining() == 0)
    }

    fn compressed(&mut self, batch: &BatchView<'_>, codec: Codec) -> Result<bool, BatchError> {
        let mut stream = RecordStream::new(codec, batch.payload()).map_err(|fault| at(0, fault))?;
        for index in 0..batch.header().records_count {
            let head = stream.begin_record(self.rules.decompressed_size_max).and_then(|_| {
                let head = read_head(&mut stream)?;
                read_headers(&mut stream)?;
                Ok(head)
            });
            let head = head.map_err(|fault| at(index, fault))?;
            self.judge(index, head.offset_delta, head.timestamp_delta, head.key.is_none())?;
        }
        stream.is_at_end().map_err(|fault| at(batch.header().records_count, fault))
    }

    #[inline]
    fn judge(
        &mut self,
        index: i32,
        offset_delta: i32,
        timestamp_delta: i64,
        key_is_null: bool,
    ) -> Result<(), BatchError> {
        if offset_delta != index {
            return Err(at(index, RecordFault::WrongOffsetDelta { offset_delta }));
        }
        let timestamp = self.base_timestamp.wrapping_add(timestamp_delta);
        if key_is_null && self.rules.key_required {
            self.rejected.push(index.unsigned_abs(), RecordProblem::NullKey);
        } else if self.rules.timestamps.refuses(timestamp) {
            let (earliest, latest) = self.rules.timestamps.range();
            self.rejected.push(index.unsigned_abs(), RecordProblem::Timestamp { timestamp, earliest, latest });
        }
        self.max_timestamp = self.max_timestamp.max(timestamp);
        Ok(())
    }
}

#[cold]
fn at(index: i32, fault: RecordFault) -> BatchError {
    BatchError::Record { index: index.unsigned_abs(), fault }
}
