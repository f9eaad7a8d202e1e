//! What becomes of a batch: it stays byte for byte, is made again from what is kept of it, stays without records, or goes.
//!
//! The rules are those of Kafka's cleaner. Does not know: segments, files, when a log is cleaned.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::io;

use model::config::TopicConfig;
use model::{Offset, ProducerEpoch, ProducerId, Timestamp};

use super::key_map::{KeyHash, KeyMap, TOGETHER};
use super::transactions::Transactions;
use crate::batch::{BatchView, DecompressionLimits, RebuiltBatch, RecordFault, level_of, without_records};
use crate::planted::Planted;
use crate::segment::BatchAt;

/// What a producer sent last, as far as its log remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LastOfProducer {
    pub(super) epoch: ProducerEpoch,
    /// The last offset of its last batch; `None` if only a marker is remembered.
    pub(super) last_offset: Option<Offset>,
}

/// What a cleaning knows, besides the batch.
#[derive(Debug)]
pub(super) struct Rules<'a> {
    /// The newest offset of each key from the first dirty offset up to `mapped`.
    pub(super) map: &'a KeyMap,
    /// Nothing at or behind it is in the map, so all of that stays.
    pub(super) mapped: Offset,
    /// Where the part ends that this cleaning goes through.
    pub(super) end: Offset,
    pub(super) producers: &'a BTreeMap<ProducerId, LastOfProducer>,
    pub(super) now: Timestamp,
    /// `delete.retention.ms`, and the levels of codecs.
    pub(super) config: &'a TopicConfig,
    pub(super) limits: DecompressionLimits,
}

/// What becomes of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It stays as it is.
    Same,
    /// These bytes take its place.
    Rebuilt(Vec<u8>),
    /// Its header stays, for its producer.
    Emptied(Vec<u8>),
    /// Nothing of it stays.
    Gone,
}

/// Why a batch cannot be judged.
#[derive(Debug, thiserror::Error)]
pub(super) enum JudgeError {
    /// Its records are not what its header says.
    #[error("{0}")]
    Records(#[from] RecordFault),
    /// It has a codec that nobody assigned, or could not be compressed again.
    #[error("{0}")]
    Codec(#[from] io::Error),
}

/// What was decided of a batch's records.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// One for each record, in order. Reused from batch to batch.
    flags: Vec<bool>,
    count: usize,
    has_tombstone: bool,
    /// Those that are looked up together. Reused as well.
    together: Vec<Head>,
}

/// What is asked of a record.
#[derive(Debug)]
struct Head {
    key: Option<KeyHash>,
    offset: i64,
    is_tombstone: bool,
}

impl Rules<'_> {
    /// Judges a batch.
    ///
    /// # Errors
    /// [`JudgeError`]: the log is damaged here.
    pub(super) fn judge(
        &self,
        batch: &BatchAt,
        view: &BatchView<'_>,
        transactions: &mut Transactions,
        kept: &mut Kept,
    ) -> Result<Verdict, JudgeError> {
        let attributes = batch.header.attributes;
        let may_go = transactions.may_go(batch, view);
        let horizon = attributes.has_delete_horizon().then_some(batch.header.base_timestamp);
        let is_past_horizon = horizon.is_some_and(|horizon| horizon <= self.now.get());
        // A marker that marks nothing any more waits for its horizon, as a tombstone does.
        let goes_whole = may_go && (!attributes.is_control() || is_past_horizon);
        if goes_whole || (batch.header.records_count == 0) {
            return Ok(self.without_records(batch));
        }
        if self.decide(batch, view, is_past_horizon, kept).is_err() {
            // What cannot be read is as its producer sent it, and stays so: the keys that it may have are not known.
            return Ok(Verdict::Same);
        }
        if kept.count == 0 {
            return Ok(self.without_records(batch));
        }
        let wants_horizon = kept.has_tombstone || (may_go && attributes.is_control());
        let new_horizon = (wants_horizon && horizon.is_none())
            .then(|| Timestamp::new(self.now.get().saturating_add(self.config.delete_retention_ms)));
        if kept.count == kept.flags.len() && new_horizon.is_none() {
            return Ok(Verdict::Same);
        }
        self.rebuild(batch, view, new_horizon, kept).map(Verdict::Rebuilt)
    }

    /// The batch stays, empty, if its producer's sequence or epoch is known by it, or if it ends the part: its offsets would
    /// else be forgotten.
    fn without_records(&self, batch: &BatchAt) -> Verdict {
        let ends_part = batch.last_offset.checked_add(1) == Some(self.end);
        if !ends_part && !self.is_last_of_producer(batch) {
            return Verdict::Gone;
        }
        let header = without_records(&batch.header);
        if batch.header.records_count == 0 && header == batch.header.to_bytes() {
            return Verdict::Same;
        }
        Verdict::Emptied(header.to_vec())
    }

    fn is_last_of_producer(&self, batch: &BatchAt) -> bool {
        let last = ProducerId::new(batch.header.producer_id).and_then(|id| self.producers.get(&id));
        last.is_some_and(|last| match last.last_offset {
            Some(offset) => batch.last_offset == offset,
            None => batch.header.attributes.is_control() && batch.header.producer_epoch == last.epoch.get(),
        })
    }

    fn decide(
        &self,
        batch: &BatchAt,
        view: &BatchView<'_>,
        is_past_horizon: bool,
        kept: &mut Kept,
    ) -> Result<(), RecordFault> {
        let is_control = batch.header.attributes.is_control();
        kept.flags.clear();
        kept.count = 0;
        kept.has_tombstone = false;
        let mut records = view.records(self.limits);
        let mut together = std::mem::take(&mut kept.together);
        loop {
            together.clear();
            while together.len() < TOGETHER
                && let Some(record) = records.next_head()?
            {
                let key = record.key.map(KeyHash::of);
                together.push(Head { key, offset: record.offset, is_tombstone: record.is_tombstone });
            }
            if together.is_empty() {
                break;
            }
            self.map.load_ahead(together.iter().filter_map(|head| head.key.as_ref()));
            for head in &together {
                let stays = is_control || self.stays(head, is_past_horizon);
                kept.flags.push(stays);
                kept.count += usize::from(stays);
                kept.has_tombstone |= stays && head.is_tombstone;
            }
        }
        kept.together = together;
        Ok(())
    }

    /// Whether a record of a producer stays.
    fn stays(&self, head: &Head, is_past_horizon: bool) -> bool {
        let is_newest = |key| {
            self.map.get(key).is_none_or(|newest| match newest.get().cmp(&head.offset) {
                Ordering::Less => true,
                Ordering::Equal => !Planted::DropsNewest.is_on(),
                Ordering::Greater => false,
            })
        };
        Offset::new(head.offset).is_none_or(|offset| offset >= self.mapped)
            || head.key.as_ref().is_some_and(is_newest) && !(head.is_tombstone && is_past_horizon)
    }

    fn rebuild(
        &self,
        batch: &BatchAt,
        view: &BatchView<'_>,
        horizon: Option<Timestamp>,
        kept: &Kept,
    ) -> Result<Vec<u8>, JudgeError> {
        let unknown = || io::Error::new(io::ErrorKind::Unsupported, "the codec is unknown");
        let codec = view.codec().ok_or_else(unknown)?;
        let mut rebuilt = RebuiltBatch::new(&batch.header, (codec, level_of(codec, self.config)), horizon)?;
        let mut records = view.records(self.limits);
        let mut flags = kept.flags.iter();
        while let (Some(record), Some(stays)) = (records.next_record()?, flags.next()) {
            if *stays {
                rebuilt.push(&record)?;
            }
        }
        Ok(rebuilt.finish()?)
    }
}
