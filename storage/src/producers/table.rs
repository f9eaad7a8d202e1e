//! The table of producers of one partition.
//!
//! [`ProducerTable::check`] and [`ProducerTable::check_marker`] decide and change nothing; [`ProducerTable::apply`] and
//! [`ProducerTable::apply_marker`] follow what was appended, in the live log and in replay alike. A producer's life here ends `producer.id.expiration.ms` after its
//! last append, never inside a transaction; its next batch is then taken with any sequence, as in Kafka.

use super::decided::Decided;
use super::error::SequenceError;
use super::marker::{EpochRule, Marker, MarkerKind};
use super::verification::{FirstSequence, VerificationGuard, Verifications, Verified};
use super::window::{Window, WindowBatch};
use crate::batch::{BatchView, ProducerBatch};
use crate::format::producer_snapshot_v1::{self, SnapshotError};
use crate::index::AbortedTransaction;
use model::{Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};
use std::collections::BTreeMap;

/// One producer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Producer {
    pub(crate) epoch: ProducerEpoch,
    /// The epoch of the coordinator that wrote the last marker; -1 before the first.
    pub(crate) coordinator_epoch: i32,
    /// When a batch of this producer was last appended, by the broker's clock.
    pub(crate) last_append: Timestamp,
    /// The first offset of its open transaction.
    pub(crate) transaction_start: Option<Offset>,
    pub(crate) window: Window,
}

/// What to do with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Append it.
    New,
    /// It was appended before: answer as then, once it is as durable as the topic promises.
    Duplicate {
        /// The offset that its first record got.
        base_offset: Offset,
        /// The offset that its last record got.
        last_offset: Offset,
        /// The broker's time that was written into it, on a topic with `LogAppendTime`.
        log_append_time: Option<Timestamp>,
    },
}

/// Where and when a batch was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppendedAt {
    /// The offset of its first record.
    pub base_offset: Offset,
    /// The broker's time: the producer's life is counted from it. In replay, where nobody knows it any more, the time of
    /// the replay: a life that is too long harms nobody.
    pub now: Timestamp,
    /// The broker's time that was written into the batch, on a topic with `LogAppendTime`.
    pub log_append_time: Option<Timestamp>,
}

/// A transaction that a marker ended, for the index of aborted transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompletedTransaction {
    /// The producer.
    pub producer_id: ProducerId,
    /// The offset of its first record.
    pub first_offset: Offset,
    /// The offset of its marker.
    pub marker_offset: Offset,
    /// What began before this offset was ended, by this marker or before it.
    pub last_stable_offset: Offset,
    /// How it ended.
    pub kind: MarkerKind,
}

impl From<&CompletedTransaction> for AbortedTransaction {
    fn from(ended: &CompletedTransaction) -> Self {
        let &CompletedTransaction { producer_id, first_offset, marker_offset, last_stable_offset, .. } = ended;
        Self { producer_id, first_offset, marker_offset, last_stable_offset }
    }
}

/// What is remembered of one producer, to be shown.
#[derive(Clone, Copy, Debug)]
pub struct ProducerSummary<'t> {
    /// The producer.
    pub id: ProducerId,
    /// Its newest epoch.
    pub epoch: ProducerEpoch,
    /// The epoch of the coordinator that wrote its last marker; -1 before the first.
    pub coordinator_epoch: i32,
    /// When it last appended, by the broker's clock.
    pub last_append: Timestamp,
    /// The first offset of its open transaction.
    pub transaction_start: Option<Offset>,
    /// Its last batches, oldest first; none in an epoch that has only a marker.
    pub window: &'t [WindowBatch],
}

/// What a partition remembers of its producers.
#[derive(Clone, Debug)]
pub struct ProducerTable {
    producers: BTreeMap<ProducerId, Producer>,
    producers_max: usize,
    /// Open transactions by their first offset, which no two share.
    open: BTreeMap<Offset, ProducerId>,
    /// Transactions whose marker may lie above the high watermark: first offset and marker offset. Until the marker is
    /// below it, a reader of committed records must not see theirs.
    decided: Decided,
    /// Batches that the coordinator is asked about. Not in the snapshot: after a restart it is asked again.
    verifications: Verifications,
}

impl ProducerTable {
    /// An empty table. Beyond `producers_max` producers, those that were idle the longest are forgotten, as if expired: a
    /// client can invent producer ids, and each costs 170 to 270 bytes.
    #[must_use]
    pub fn new(producers_max: usize) -> Self {
        Self {
            producers: BTreeMap::new(),
            producers_max,
            open: BTreeMap::new(),
            decided: Decided::default(),
            verifications: Verifications::new(producers_max),
        }
    }

    /// Whether a batch continues its producer's stream here. A producer that is not known may begin anywhere: it may have
    /// expired. `verified` counts for transactional batches only. The order of the rules is Kafka's.
    ///
    /// # Errors
    /// [`SequenceError`]: nothing must be appended.
    pub fn check(&self, batch: &ProducerBatch, verified: Verified) -> Result<Admission, SequenceError> {
        let &ProducerBatch { id, epoch, is_transactional, .. } = batch;
        let known = self.producers.get(&id);
        if let Some(first) = known.and_then(|producer| producer.find(batch)) {
            return Ok(Admission::Duplicate {
                base_offset: first.base_offset,
                last_offset: first.last_offset(),
                log_append_time: first.log_append_time(),
            });
        }
        if is_transactional && !self.has_open_transaction(id, epoch) {
            self.verifications.check(batch, verified)?;
        }
        if let Some(producer) = known.filter(|producer| epoch < producer.epoch) {
            return Err(SequenceError::StaleEpoch { id, found: epoch, current: producer.epoch });
        }
        self.verifications
            .check_sequence(batch, known.is_some_and(|producer| !producer.window.batches().is_empty()))?;
        let Some(producer) = known else { return Ok(Admission::New) };
        producer.check_sequence(batch)?;
        if producer.transaction_start.is_some() && !is_transactional {
            return Err(SequenceError::OutsideTransaction { id });
        }
        Ok(Admission::New)
    }

    /// Whether a marker may be appended.
    ///
    /// # Errors
    /// [`SequenceError::StaleMarker`] or [`SequenceError::StaleCoordinator`]: it must not.
    pub fn check_marker(&self, marker: &Marker, rule: EpochRule) -> Result<(), SequenceError> {
        let &Marker { producer_id: id, producer_epoch: found, .. } = marker;
        let Some(producer) = self.producers.get(&id) else { return Ok(()) };
        let is_right = match rule {
            EpochRule::SameOrNewer => found >= producer.epoch,
            EpochRule::Newer => {
                found > producer.epoch || (found == producer.epoch && producer.transaction_start.is_none())
            }
        };
        if !is_right {
            return Err(SequenceError::StaleMarker { id, found, current: producer.epoch });
        }
        let (found, current) = (marker.coordinator_epoch, producer.coordinator_epoch);
        if found < current { Err(SequenceError::StaleCoordinator { id, found, current }) } else { Ok(()) }
    }

    /// Whether the producer has a transaction open here, in this epoch.
    #[must_use]
    pub fn has_open_transaction(&self, id: ProducerId, epoch: ProducerEpoch) -> bool {
        let producer = self.producers.get(&id);
        producer.is_some_and(|producer| producer.epoch == epoch && producer.transaction_start.is_some())
    }

    /// The guard for the question whether the transaction of this batch's producer includes the partition; `None` if it has
    /// begun here and nothing is to be asked. It is taken away by what is appended of the producer's transactions meanwhile.
    pub fn begin_verification(
        &mut self,
        batch: &ProducerBatch,
        first_sequence: FirstSequence,
        now: Timestamp,
    ) -> Option<VerificationGuard> {
        let is_open = self.has_open_transaction(batch.id, batch.epoch);
        (!is_open).then(|| self.verifications.begin(batch, first_sequence, now))
    }

    /// Notes a batch that was appended after [`Self::check`], or that replay found in the log.
    pub fn apply(&mut self, batch: &ProducerBatch, at: AppendedAt) {
        self.make_room_for(batch.id);
        let producer = entry(&mut self.producers, batch.id, batch.epoch);
        producer.enter_epoch(batch.epoch);
        producer.last_append = at.now;
        if let Some(base_sequence) = batch.base_sequence {
            let (record_count, time) = (batch.record_count, at.log_append_time);
            producer.window.push(WindowBatch::new(at.base_offset, base_sequence, record_count, time));
        }
        if batch.is_transactional && producer.transaction_start.is_none() {
            producer.transaction_start = Some(at.base_offset);
            self.open.insert(at.base_offset, batch.id);
        }
        if batch.is_transactional {
            self.verifications.end(batch.id);
        }
    }

    /// Notes a marker that was appended at `offset` by `rule`, and returns the transaction that it ends; `None` if none was open.
    pub fn apply_marker(
        &mut self,
        marker: &Marker,
        rule: EpochRule,
        offset: Offset,
        now: Timestamp,
    ) -> Option<CompletedTransaction> {
        self.make_room_for(marker.producer_id);
        self.verifications.end_by(marker, rule);
        let producer = entry(&mut self.producers, marker.producer_id, marker.producer_epoch);
        producer.enter_epoch(marker.producer_epoch);
        producer.coordinator_epoch = marker.coordinator_epoch;
        producer.last_append = now;
        let first_offset = producer.transaction_start.take()?;
        self.open.remove(&first_offset);
        self.decided.push(first_offset, offset);
        let behind = offset.checked_add(1).unwrap_or(offset);
        Some(CompletedTransaction {
            producer_id: marker.producer_id,
            first_offset,
            marker_offset: offset,
            last_stable_offset: self.open.keys().next().copied().unwrap_or(behind),
            kind: marker.kind,
        })
    }

    /// Notes a batch of the log in replay, whatever it is. `now` is the time of the replay. Returns the transaction that it
    /// ends, if it does.
    pub fn replay(&mut self, batch: &BatchView<'_>, now: Timestamp) -> Option<CompletedTransaction> {
        let header = batch.header();
        if header.attributes.is_control() {
            let offset = Offset::new(header.base_offset)?;
            // Either rule: nobody is asked about anything in replay.
            return self.apply_marker(&Marker::of_stored(batch)?, EpochRule::SameOrNewer, offset, now);
        }
        let stamp = ProducerBatch::of_stored(header)?;
        let by_broker = header.attributes.is_log_append_time();
        let log_append_time = by_broker.then_some(Timestamp::new(header.max_timestamp));
        self.apply(&stamp, AppendedAt { base_offset: Offset::new(header.base_offset)?, now, log_append_time });
        None
    }

    /// The offset from which on a reader of committed records must wait: where the oldest transaction begins that is open,
    /// or whose marker was not yet released by [`Self::release_decided`].
    #[must_use]
    pub fn first_unstable_offset(&self) -> Option<Offset> {
        let open = self.open.keys().next().copied();
        open.into_iter().chain(self.decided.first_offset()).min()
    }

    /// The oldest marker whose transaction was not yet released by [`Self::release_decided`].
    #[must_use]
    pub fn oldest_decided_marker(&self) -> Option<Offset> {
        self.decided.oldest_marker()
    }

    /// Lets go of the transactions whose marker lies below `high_watermark`.
    pub fn release_decided(&mut self, high_watermark: Offset) {
        self.decided.release(high_watermark);
    }

    /// Forgets the producers that appended nothing for `expiration_ms`, unless they have a transaction open. Returns how
    /// many.
    pub fn expire(&mut self, now: Timestamp, expiration_ms: i64) -> usize {
        self.verifications.expire(now, expiration_ms);
        let before = self.producers.len();
        self.producers.retain(|_, producer| {
            producer.transaction_start.is_some() || now.ms_since(producer.last_append) < expiration_ms
        });
        before - self.producers.len()
    }

    /// The producers, by id.
    pub fn producers(&self) -> impl Iterator<Item = ProducerSummary<'_>> {
        self.producers.iter().map(|(id, producer)| producer.summary(*id))
    }

    /// The producers with an open transaction, the oldest transaction first.
    pub fn open_transactions(&self) -> impl Iterator<Item = ProducerSummary<'_>> {
        self.open.values().filter_map(|id| self.producers.get(id).map(|producer| producer.summary(*id)))
    }

    /// How many producers are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.producers.len()
    }

    /// Whether no producer is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.producers.is_empty()
    }

    /// The bytes of a snapshot: the state after everything below `end_offset`.
    #[must_use]
    pub fn encode_snapshot(&self, end_offset: Offset) -> Vec<u8> {
        producer_snapshot_v1::encode(end_offset, &self.producers, self.decided.markers())
    }

    /// Reads a snapshot and the offset where the replay goes on.
    ///
    /// # Errors
    /// [`SnapshotError`] if the bytes are not those of a whole snapshot; the table can then be rebuilt from the log.
    pub fn decode_snapshot(bytes: &[u8], producers_max: usize) -> Result<(Self, Offset), SnapshotError> {
        let snapshot = producer_snapshot_v1::decode(bytes)?;
        let open = snapshot.producers.iter().filter_map(|(id, producer)| Some((producer.transaction_start?, *id)));
        let (open, decided) = (open.collect(), Decided::from_snapshot(snapshot.decided));
        let producers = snapshot.producers;
        Ok((Self { producers, open, decided, ..Self::new(producers_max) }, snapshot.end_offset))
    }

    /// Keeps the bound when a producer is to be noted that may be new.
    fn make_room_for(&mut self, id: ProducerId) {
        if self.producers.len() >= self.producers_max && !self.producers.contains_key(&id) {
            self.forget_the_idlest();
        }
    }

    /// Makes room: forgets an eighth of the producers, so that the search for them is paid for by many new ones.
    fn forget_the_idlest(&mut self) {
        let idle = self.producers.values().filter(|producer| producer.transaction_start.is_none());
        let mut appends: Vec<Timestamp> = idle.map(|producer| producer.last_append).collect();
        let count = (appends.len() / 8).max(1);
        if appends.len() < count {
            return;
        }
        let (_, newest_to_go, _) = appends.select_nth_unstable(count - 1);
        let (newest_to_go, mut left) = (*newest_to_go, count);
        self.producers.retain(|_, producer| {
            let goes = left > 0 && producer.transaction_start.is_none() && producer.last_append <= newest_to_go;
            left -= usize::from(goes);
            !goes
        });
    }
}

impl Producer {
    fn summary(&self, id: ProducerId) -> ProducerSummary<'_> {
        ProducerSummary {
            id,
            epoch: self.epoch,
            coordinator_epoch: self.coordinator_epoch,
            last_append: self.last_append,
            transaction_start: self.transaction_start,
            window: self.window.batches(),
        }
    }

    /// The remembered batch that this one repeats.
    fn find(&self, batch: &ProducerBatch) -> Option<&WindowBatch> {
        let sequence = batch.base_sequence.filter(|_| batch.epoch == self.epoch)?;
        self.window.find(sequence, batch.record_count)
    }

    /// Whether a batch of this epoch or a newer one has the sequence that comes next.
    fn check_sequence(&self, batch: &ProducerBatch) -> Result<(), SequenceError> {
        let &ProducerBatch { id, epoch, base_sequence: Some(found), .. } = batch else { return Ok(()) };
        let expected = self.window.next_sequence();
        if epoch > self.epoch && found != Sequence::ZERO {
            return Err(SequenceError::EpochBeginsLate { id, epoch, found });
        }
        if epoch == self.epoch && found != expected {
            return Err(SequenceError::OutOfOrder { id, expected, found });
        }
        Ok(())
    }

    /// A newer epoch counts its sequences from 0. An older one can only be a marker that was delayed: it changes nothing.
    fn enter_epoch(&mut self, epoch: ProducerEpoch) {
        if epoch > self.epoch {
            self.epoch = epoch;
            self.window.clear();
        }
    }
}

fn entry(producers: &mut BTreeMap<ProducerId, Producer>, id: ProducerId, epoch: ProducerEpoch) -> &mut Producer {
    producers.entry(id).or_insert_with(|| Producer {
        epoch,
        coordinator_epoch: -1,
        last_append: Timestamp::NONE,
        transaction_start: None,
        window: Window::default(),
    })
}
