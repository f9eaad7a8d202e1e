//! Transactions in a log: their markers, and how far a reader of committed records may go.
//!
//! A transaction is open here from its first batch to its marker, and a reader of committed records waits at that batch until
//! the marker is as durable as the high watermark says: [`PartitionLog::release_decided`]. Does not know: which partitions a
//! transaction has, and who decides it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};

use crate::append::{Appended, Origin, Placed, Submission, Writer};
use crate::batch::ProducerBatch;
use crate::error::AppendError;
use crate::partition_log::PartitionLog;
use crate::producers::{
    CompletedTransaction, EpochRule, FirstSequence, Marker, MarkerKind, ProducerSummary, SequenceError,
    VerificationGuard, Verified, WindowBatch,
};

/// What a log remembers of a producer, to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerState {
    /// The producer.
    pub id: ProducerId,
    /// Its newest epoch.
    pub epoch: ProducerEpoch,
    /// The epoch of the coordinator that wrote its last marker; -1 before the first.
    pub coordinator_epoch: i32,
    /// The sequence of its last record in this epoch; `None` if it has only a marker.
    pub last_sequence: Option<Sequence>,
    /// When something of it was last appended, by the broker's clock.
    pub last_append: Timestamp,
    /// The first offset of its open transaction.
    pub transaction_start: Option<Offset>,
}

impl From<&ProducerSummary<'_>> for ProducerState {
    fn from(producer: &ProducerSummary<'_>) -> Self {
        Self {
            id: producer.id,
            epoch: producer.epoch,
            coordinator_epoch: producer.coordinator_epoch,
            last_sequence: producer.window.last().map(WindowBatch::last_sequence),
            last_append: producer.last_append,
            transaction_start: producer.transaction_start,
        }
    }
}

impl PartitionLog {
    /// Appends the marker that ends a producer's transaction here, at exactly one offset. It is also appended if nothing is
    /// open: its epoch fences what the producer may have under way, and a coordinator that did not hear of it sends it again.
    ///
    /// # Errors
    /// [`AppendError`]: nothing was appended. [`AppendError::Sequence`] for an epoch, of the producer or of the coordinator,
    /// that was left behind.
    pub fn append_marker(
        &self,
        marker: &Marker,
        rule: EpochRule,
        leader_epoch: LeaderEpoch,
        now: Timestamp,
    ) -> Result<Placed, AppendError> {
        let config = self.config();
        // A record of twenty bytes fits every batch.
        let owned = marker.to_batch(now).map_err(|_| AppendError::OffsetsExhausted)?;
        let batch = owned.checked().by_rule_of(&config, now);
        let submission = Submission { batch: &batch, origin: Origin::Marker(marker, rule), leader_epoch, now };
        match self.submit(&config, &submission)? {
            Appended::Written(placed) | Appended::Duplicate(placed) => Ok(placed),
        }
    }

    /// Whether the producer has a transaction open here, in this epoch: then the coordinator knows of it.
    #[must_use]
    pub fn has_open_transaction(&self, id: ProducerId, epoch: ProducerEpoch) -> bool {
        self.writer().producers().has_open_transaction(id, epoch)
    }

    /// Begins to ask the coordinator about a batch; `None` if its transaction is open here and nothing is to be asked. The
    /// guard is to come with the batch to [`Self::append_verified`]; it is taken away by a marker that comes before and may end
    /// the batch's transaction.
    #[must_use]
    pub fn begin_verification(
        &self,
        batch: &ProducerBatch,
        first_sequence: FirstSequence,
        now: Timestamp,
    ) -> Option<VerificationGuard> {
        self.writer().producers_mut().begin_verification(batch, first_sequence, now)
    }

    /// What is remembered of each producer, by id.
    #[must_use]
    pub fn producers(&self) -> Vec<ProducerState> {
        self.writer().producers().producers().map(|producer| (&producer).into()).collect()
    }

    /// Whether a transactional batch would be taken now. It will be later, too, if nobody else appends meanwhile.
    ///
    /// # Errors
    /// [`SequenceError`], as [`Self::append_verified`] has it.
    pub fn check_verified(&self, batch: &ProducerBatch, verified: Verified) -> Result<(), SequenceError> {
        self.writer().producers().check(batch, verified).map(drop)
    }

    /// The open transactions whose producer appended nothing here for `silent_ms`, oldest first: those that may hang.
    #[must_use]
    pub fn silent_transactions(&self, now: Timestamp, silent_ms: i64) -> Vec<ProducerState> {
        let writer = self.writer();
        let open = writer.producers().open_transactions();
        open.filter(|producer| now.ms_since(producer.last_append) >= silent_ms)
            .map(|producer| (&producer).into())
            .collect()
    }

    /// Where the oldest transaction begins that a reader of committed records must wait for.
    #[must_use]
    pub fn first_unstable_offset(&self) -> Option<Offset> {
        Offset::new(self.published.first_unstable.load(Ordering::Acquire))
    }

    /// Lets go of the transactions whose marker lies below `high_watermark`: their records count, or are known to be aborted.
    /// Takes the writer's lock only if there are any.
    pub fn release_decided(&self, high_watermark: Offset) {
        if self.published.oldest_decided_marker.load(Ordering::Acquire) < high_watermark.get() {
            let mut writer = self.writer();
            writer.producers_mut().release_decided(high_watermark);
            self.publish_unstable(&writer);
        }
    }

    /// Takes note of a transaction that a marker ended, before readers hear of the marker.
    pub(crate) fn note_ended(&self, ended: &CompletedTransaction) {
        let segments = self.published.segments.load();
        if let (MarkerKind::Abort, Some(active)) = (ended.kind, segments.active())
            && active.push_aborted(ended.into())
        {
            self.published.segments.store(Arc::new(segments.renewed()));
        }
    }

    /// Lets readers know what the table of producers says of open and ended transactions.
    pub(crate) fn publish_unstable(&self, writer: &Writer) {
        let (published, producers) = (&self.published, writer.producers());
        let first_unstable = producers.first_unstable_offset().map_or(-1, Offset::get);
        published.first_unstable.store(first_unstable, Ordering::Release);
        let oldest_decided = producers.oldest_decided_marker().map_or(i64::MAX, Offset::get);
        published.oldest_decided_marker.store(oldest_decided, Ordering::Release);
    }
}
