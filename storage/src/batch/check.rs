//! From the bytes of a produce request to a batch that may be appended: the only way there.
//!
//! The order of the checks is Kafka's, because a batch can be wrong in several ways and clients act on the code. Where
//! Kafka 4.4 answers `UNKNOWN_SERVER_ERROR` for bytes that make no sense, or takes records whose offsets contradict the batch,
//! this answers `INVALID_RECORD`.

use std::borrow::Cow;

use super::error::{BatchError, RecordFault, RecordProblem, RejectedRecords};
use super::limits::DecompressionLimits;
use super::recode;
use super::view::{BatchView, ViewError};
use super::walk::{RecordRules, TimestampRule, walk_records};
use crate::compression::Codec;
use crate::format::record_batch_v2::{HEADER_SIZE, LENGTH_EXCLUDES, RecordBatchHeader};
use model::config::{TimestampType, TopicConfig};
use model::num::u64_from_usize;
use model::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};

/// One batch of a produce request, of which only the frame was judged.
#[derive(Clone, Copy, Debug)]
pub struct UncheckedBatch<'a> {
    view: BatchView<'a>,
}

impl<'a> UncheckedBatch<'a> {
    /// Finds exactly one batch, magic 2, in the records field of one partition. A tail that is too short to be a batch is
    /// dropped, as Kafka does.
    ///
    /// # Errors
    /// [`BatchError`]: no batch, several, or one whose length or magic is wrong.
    pub fn parse(records: &'a [u8]) -> Result<Self, BatchError> {
        let view = BatchView::parse(records).map_err(frame_error)?;
        let rest = records.get(view.size()..).unwrap_or_default();
        if rest.len() >= LENGTH_EXCLUDES {
            match BatchView::parse(rest) {
                Ok(_) => return Err(BatchError::SeveralBatches),
                Err(ViewError::Incomplete { .. }) => {}
                Err(error) => return Err(frame_error(error)),
            }
        }
        Ok(Self { view })
    }

    /// Whether the batch says that it belongs to a transaction; whether it may is the caller's to find out.
    #[must_use]
    pub const fn is_transactional(&self) -> bool {
        self.view.header().attributes.is_transactional()
    }

    /// The producer's stamp, as far as it is whole; [`Self::check`] refuses half a stamp.
    #[must_use]
    pub fn producer(&self) -> Option<ProducerBatch> {
        ProducerBatch::of_stored(self.view.header())
    }

    /// The codec; `None` for an unknown number, which [`Self::check`] refuses. Old produce versions do not know zstd.
    #[must_use]
    pub const fn codec(&self) -> Option<Codec> {
        self.view.codec()
    }

    /// Judges the batch by the rules of its topic. Reads all bytes once for the checksum; walks the records of uncompressed
    /// batches; opens compressed ones only if the topic is compacted or has `validate.compressed.records`. `now` is the
    /// time of the append.
    ///
    /// # Errors
    /// [`BatchError`] says which rule is broken. No rule depends on what the log holds.
    pub fn check(&self, config: &TopicConfig, now: Timestamp) -> Result<CheckedBatch<'a>, BatchError> {
        self.check_bytes(config)?;
        let (codec, producer) = self.check_header()?;
        self.check_timestamp_type(config)?;
        let max_timestamp = self.check_records(codec, config, now)?;
        let batch = CheckedBatch {
            header: *self.view.header(),
            payload: Cow::Borrowed(self.view.payload()),
            codec,
            producer,
            log_append_time: None,
        };
        let batch = batch.in_codec_of(config)?;
        let (size, segment_bytes) = (u64::from(batch.size()), config.segment_bytes);
        if exceeds(size, segment_bytes) {
            return Err(BatchError::LargerThanSegment { size, segment_bytes });
        }
        Ok(match config.message_timestamp_type {
            TimestampType::CreateTime => batch.with_max_timestamp(max_timestamp, false),
            TimestampType::LogAppendTime => batch.with_max_timestamp(now.get(), true),
        })
    }

    fn check_bytes(&self, config: &TopicConfig) -> Result<(), BatchError> {
        let header = self.view.header();
        if header.base_offset != 0 {
            return Err(BatchError::BaseOffset { base_offset: header.base_offset });
        }
        let (size, max) = (u64_from_usize(self.view.size()), config.max_message_bytes);
        if exceeds(size, max) {
            return Err(BatchError::TooLarge { size, max });
        }
        let (stored, computed) = (header.crc, self.view.compute_crc());
        if stored == computed { Ok(()) } else { Err(BatchError::WrongChecksum { stored, computed }) }
    }

    fn check_header(&self) -> Result<(Codec, Option<ProducerBatch>), BatchError> {
        let header = self.view.header();
        let (records_count, last_offset_delta) = (header.records_count, header.last_offset_delta);
        if records_count <= 0 || last_offset_delta != records_count - 1 {
            return Err(BatchError::WrongCount { records_count, last_offset_delta });
        }
        let producer = ProducerBatch::of(header)?;
        if header.attributes.is_control() {
            return Err(BatchError::ControlBatch);
        }
        let codec = self.codec().ok_or(BatchError::UnknownCodec { codec_id: header.attributes.codec_id() })?;
        Ok((codec, producer))
    }

    /// Kafka 4.4 takes a batch that says `LogAppendTime` on a topic with `CreateTime`, if it has a timestamp; it is stored as
    /// `CreateTime`.
    fn check_timestamp_type(&self, config: &TopicConfig) -> Result<(), BatchError> {
        let header = self.view.header();
        let topic_stamps = config.message_timestamp_type == TimestampType::LogAppendTime;
        if !header.attributes.is_log_append_time() || !(topic_stamps || header.max_timestamp == -1) {
            return Ok(());
        }
        let problem = RecordProblem::LogAppendTime;
        Err(BatchError::Rejected(RejectedRecords::all(header.records_count.unsigned_abs(), problem)))
    }

    /// Returns the largest timestamp of the records, or what the header says it is if the batch is not opened.
    fn check_records(&self, codec: Codec, config: &TopicConfig, now: Timestamp) -> Result<i64, BatchError> {
        let rules = RecordRules {
            key_required: config.cleanup_policy.compact,
            timestamps: match config.message_timestamp_type {
                TimestampType::LogAppendTime => TimestampRule::Any,
                TimestampType::CreateTime => TimestampRule::Near {
                    now: now.get(),
                    before_max_ms: config.message_timestamp_before_max_ms,
                    after_max_ms: config.message_timestamp_after_max_ms,
                },
            },
            limits: DecompressionLimits::of(config),
        };
        let is_recoded = recode::wanted(config).is_some_and(|(wanted, _)| wanted != codec);
        let open = codec == Codec::None || rules.key_required || config.validate_compressed_records || is_recoded;
        if open {
            return walk_records(&self.view, codec, rules);
        }
        let max_timestamp = self.view.header().max_timestamp;
        if rules.timestamps.refuses(max_timestamp) {
            let (earliest, latest) = rules.timestamps.range();
            return Err(BatchError::MaxTimestamp { max_timestamp, earliest, latest });
        }
        Ok(max_timestamp)
    }
}

fn exceeds(size: u64, limit: i32) -> bool {
    u64::try_from(limit).is_ok_and(|limit| size > limit)
}

const fn frame_error(error: ViewError) -> BatchError {
    match error {
        ViewError::Incomplete { needed, found } => BatchError::NoBatch { needed, found },
        ViewError::LengthTooSmall { batch_length } => BatchError::LengthTooSmall { batch_length },
        ViewError::WrongMagic { magic: magic @ (0 | 1) } => BatchError::OldMagic { magic },
        ViewError::WrongMagic { magic } => BatchError::UnknownMagic { magic },
    }
}

/// The producer's stamp on a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerBatch {
    /// The producer.
    pub id: ProducerId,
    /// Its epoch.
    pub epoch: ProducerEpoch,
    /// The sequence of the first record. `None` in batches of the group coordinator, which writes the offsets of a transaction
    /// in the name of its producer: nobody repeats those.
    pub base_sequence: Option<Sequence>,
    /// Sequences in the batch, one for each record, at least one.
    pub record_count: u32,
    /// Whether the records belong to the producer's open transaction.
    pub is_transactional: bool,
}

impl ProducerBatch {
    /// The stamp in a header; `None` where no producer is named (-1, or less, as Kafka reads it).
    fn of(header: &RecordBatchHeader) -> Result<Option<Self>, BatchError> {
        let &RecordBatchHeader { producer_id, producer_epoch, base_sequence, .. } = header;
        let Some(id) = ProducerId::new(producer_id) else { return Ok(None) };
        let missing_sequence = BatchError::MissingSequence { producer_id, base_sequence };
        let base_sequence = Some(Sequence::new(base_sequence).ok_or(missing_sequence)?);
        // Kafka would take epoch -1 and then hold no sequence against it: a producer that nothing protects. Nobody sends it.
        let epoch =
            ProducerEpoch::new(producer_epoch).ok_or(BatchError::MissingEpoch { producer_id, producer_epoch })?;
        let record_count = header.records_count.unsigned_abs();
        let is_transactional = header.attributes.is_transactional();
        Ok(Some(Self { id, epoch, base_sequence, record_count, is_transactional }))
    }

    /// The stamp of a batch on disk; `None` where there is no complete one, and for markers. Compaction removes records but
    /// keeps the batch's range of offsets and sequences, so the count is that of the range.
    #[must_use]
    pub fn of_stored(header: &RecordBatchHeader) -> Option<Self> {
        if header.attributes.is_control() {
            return None;
        }
        Some(Self {
            id: ProducerId::new(header.producer_id)?,
            epoch: ProducerEpoch::new(header.producer_epoch)?,
            base_sequence: Sequence::new(header.base_sequence),
            record_count: u32::try_from(header.last_offset_delta).ok()?.checked_add(1)?,
            is_transactional: header.attributes.is_transactional(),
        })
    }
}

/// A batch that may be appended. Its header is a copy that the log completes; its payload is still the caller's bytes.
#[derive(Clone, Debug)]
pub struct CheckedBatch<'a> {
    header: RecordBatchHeader,
    payload: Cow<'a, [u8]>,
    codec: Codec,
    producer: Option<ProducerBatch>,
    log_append_time: Option<Timestamp>,
}

impl<'a> CheckedBatch<'a> {
    /// A batch of the broker's own, which needs no check: [`super::OwnedBatch`] vouches for it.
    pub(super) fn vouched(header: RecordBatchHeader, payload: &'a [u8], producer: Option<ProducerBatch>) -> Self {
        Self { header, payload: Cow::Borrowed(payload), codec: Codec::None, producer, log_append_time: None }
    }

    /// The same records in the codec that the topic asks for; the batch itself where it asks for none, or has it already.
    ///
    /// # Errors
    /// [`BatchError::TooLarge`] if the batch would be larger than the topic takes, [`BatchError::Record`] for a level that the
    /// codec does not have.
    pub fn in_codec_of(mut self, config: &TopicConfig) -> Result<Self, BatchError> {
        let Some((codec, level)) = recode::wanted(config).filter(|(codec, _)| *codec != self.codec) else {
            return Ok(self);
        };
        let header_size = u64_from_usize(HEADER_SIZE);
        let size_max = u64::try_from(config.max_message_bytes).unwrap_or(0);
        let recoded = recode::recode(
            &self.payload,
            (self.codec, DecompressionLimits::of(config).batch),
            (codec, level),
            size_max.saturating_sub(header_size),
        );
        // The records were all read before, so it is the codec that is at fault.
        let recoded =
            recoded.map_err(|error| BatchError::Record { index: 0, fault: RecordFault::Decompress(error) })?;
        let Some(payload) = recoded else {
            // How large it would be is not known: it was given up on the way.
            return Err(BatchError::TooLarge { size: size_max.saturating_add(1), max: config.max_message_bytes });
        };
        let length = u64_from_usize(payload.len()) + u64_from_usize(HEADER_SIZE - LENGTH_EXCLUDES);
        self.header.batch_length = i32::try_from(length).unwrap_or(i32::MAX);
        self.header.attributes = self.header.attributes.with_codec_id(i16::from(codec.id()));
        self.header.crc = self.header.compute_crc(&payload);
        self.payload = Cow::Owned(payload);
        self.codec = codec;
        Ok(self)
    }

    /// The same batch of the broker's own, stamped with the time of the append if that is the topic's rule.
    pub(crate) fn by_rule_of(self, config: &TopicConfig, now: Timestamp) -> Self {
        match config.message_timestamp_type {
            TimestampType::CreateTime => self,
            TimestampType::LogAppendTime => self.with_max_timestamp(now.get(), true),
        }
    }

    /// Writes what the broker decides into the header; the checksum covers it.
    fn with_max_timestamp(mut self, max_timestamp: i64, stamped_by_broker: bool) -> Self {
        let attributes = self.header.attributes.with_log_append_time(stamped_by_broker);
        if attributes != self.header.attributes || max_timestamp != self.header.max_timestamp {
            self.header.attributes = attributes;
            self.header.max_timestamp = max_timestamp;
            self.header.crc = self.header.compute_crc(&self.payload);
        }
        self.log_append_time = stamped_by_broker.then_some(Timestamp::new(max_timestamp));
        self
    }

    /// The 61 bytes of the header at its place in the log. Base offset and leader epoch lie outside the checksum (KIP-98),
    /// so the producer's stays valid.
    #[must_use]
    pub fn header_at(&self, base_offset: Offset, leader_epoch: LeaderEpoch) -> [u8; HEADER_SIZE] {
        let (base_offset, partition_leader_epoch) = (base_offset.get(), leader_epoch.get());
        RecordBatchHeader { base_offset, partition_leader_epoch, ..self.header }.to_bytes()
    }

    /// The bytes after the header.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Bytes of the batch with its header.
    #[must_use]
    pub fn size(&self) -> u32 {
        // At least 49 was checked, and a positive i32 plus 12 fits.
        self.header.batch_length.unsigned_abs() + 12
    }

    /// Records in the batch, at least one; for a batch that was not opened, what its header says.
    #[must_use]
    pub const fn record_count(&self) -> u32 {
        self.header.records_count.unsigned_abs()
    }

    /// The last record's offset, less that of the first.
    #[must_use]
    pub const fn last_offset_delta(&self) -> u32 {
        self.header.last_offset_delta.unsigned_abs()
    }

    /// The largest timestamp of the records, or the time of the append; for a batch that was not opened, what its header
    /// says.
    #[must_use]
    pub const fn max_timestamp(&self) -> Timestamp {
        Timestamp::new(self.header.max_timestamp)
    }

    /// What the timestamps of the records are counted from.
    #[must_use]
    pub const fn base_timestamp(&self) -> Timestamp {
        Timestamp::new(self.header.base_timestamp)
    }

    /// The codec.
    #[must_use]
    pub const fn codec(&self) -> Codec {
        self.codec
    }

    /// The producer's stamp, if the batch has one.
    #[must_use]
    pub const fn producer(&self) -> Option<&ProducerBatch> {
        self.producer.as_ref()
    }

    /// Whether the records belong to a transaction.
    #[must_use]
    pub const fn is_transactional(&self) -> bool {
        self.header.attributes.is_transactional()
    }

    /// Whether this is a marker of the broker's own.
    #[must_use]
    pub const fn is_control(&self) -> bool {
        self.header.attributes.is_control()
    }

    /// The broker's time that was written into the batch, on a topic with `LogAppendTime`: the response returns it.
    #[must_use]
    pub const fn log_append_time(&self) -> Option<Timestamp> {
        self.log_append_time
    }
}
