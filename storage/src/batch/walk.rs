//! The walk over the records of a batch that a producer sent: the hot path of produce for uncompressed batches. Checks what
//! a header cannot say; keeps nothing but the largest timestamp.

use super::error::{BatchError, RecordFault, RecordProblem, RejectedRecords};
use super::limits::DecompressionLimits;
use super::record::{Head, Source, read_head, read_headers};
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
    pub(super) limits: DecompressionLimits,
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
            let head = next_body(&mut reader).and_then(|body| read_whole(&mut Reader::new(body)));
            self.judge(index, &head.map_err(|fault| at(index, fault))?)?;
        }
        Ok(reader.remaining() == 0)
    }

    fn compressed(&mut self, batch: &BatchView<'_>, codec: Codec) -> Result<bool, BatchError> {
        let mut stream = RecordStream::new(codec, batch.payload(), self.rules.limits).map_err(|fault| at(0, fault))?;
        for index in 0..batch.header().records_count {
            let size = stream.begin_record();
            let head = size.and_then(|_| read_whole(&mut stream));
            self.judge(index, &head.map_err(|fault| at(index, fault))?)?;
        }
        stream.is_at_end().map_err(|fault| at(batch.header().records_count, fault))
    }

    #[inline]
    fn judge<F>(&mut self, index: i32, record: &Head<F>) -> Result<(), BatchError> {
        if record.offset_delta != index {
            return Err(at(index, RecordFault::WrongOffsetDelta { offset_delta: record.offset_delta }));
        }
        let timestamp = self.base_timestamp.wrapping_add(record.timestamp_delta);
        if self.rules.key_required && record.key.is_none() {
            self.rejected.push(index.unsigned_abs(), RecordProblem::NullKey);
        } else if self.rules.timestamps.refuses(timestamp) {
            let (earliest, latest) = self.rules.timestamps.range();
            self.rejected.push(index.unsigned_abs(), RecordProblem::Timestamp { timestamp, earliest, latest });
        }
        self.max_timestamp = self.max_timestamp.max(timestamp);
        Ok(())
    }
}

/// Reads one record to its end and keeps what stands before its headers.
#[inline]
fn read_whole<S: Source>(record: &mut S) -> Result<Head<S::Field>, RecordFault> {
    let head = read_head(record)?;
    read_headers(record)?;
    Ok(head)
}

#[cold]
fn at(index: i32, fault: RecordFault) -> BatchError {
    BatchError::Record { index: index.unsigned_abs(), fault }
}
