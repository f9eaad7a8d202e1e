//! Loading a shard: its partition's records, read from the log's start in steps and replayed.
//!
//! Nothing is believed: a batch whose checksum is wrong, or a record that cannot be read, costs what it names, such as a group,
//! and is named in the broker's log. The others are served.

use std::sync::Arc;

use coordinator::shard::{Producer, ReplayError};
use model::{Offset, ProducerEpoch, ProducerId};
use storage::batch::{BatchView, DecompressionLimits, RecordFault, ViewError};
use storage::error::ReadError;
use storage::producers::Marker;
use storage::{PartitionLog, ReadSpec};
use tracing::error;

use super::shard::Shard;
use crate::metadata::Image;
use crate::partitions::Partition;

/// The largest record that is read back, bytes: larger than any that is written.
const LIMITS: DecompressionLimits = DecompressionLimits::bytes(64 << 20);
/// Bytes to which the records of one batch may decompress: a tool can write batches, and a small one can claim much.
const BATCH_BYTES_MAX: usize = 256 << 20;
/// Damaged records that are named in the broker's log; the others are counted.
const NAMED_MAX: u64 = 100;

/// A shard that is being loaded.
pub(super) struct Loading<S: Shard> {
    /// There until it is loaded.
    shard: Option<S>,
    /// What existed when it began.
    image: Arc<Image>,
    /// Bytes that are read and replayed in one step: between two steps, other shards of the thread are served.
    step_bytes: u32,
    next: Offset,
    end: Offset,
    records: u64,
    damaged: u64,
}

/// A shard that is loaded.
pub(super) struct Loaded<S: Shard> {
    /// The shard, as its records say.
    pub(super) shard: S,
    /// What existed when loading began.
    pub(super) image: Arc<Image>,
    /// The end of what was replayed.
    pub(super) end: Offset,
    /// How many records were replayed.
    pub(super) records: u64,
    /// How many could not be.
    pub(super) damaged: u64,
}

impl<S: Shard> Loading<S> {
    /// Begins at the log's start.
    pub(super) fn new(partition: &Partition, image: Arc<Image>) -> Self {
        let log = partition.log();
        let (next, end) = (log.log_start_offset(), log.log_end_offset());
        let step_bytes = S::limits(&image.broker).load_bytes;
        Self { shard: Some(S::new(partition)), image, step_bytes, next, end, records: 0, damaged: 0 }
    }

    /// Reads and replays the next bytes; gives the shard when there are no more.
    ///
    /// # Errors
    /// [`ReadError`]: the log cannot be read, now or at all.
    pub(super) fn step(&mut self, log: &PartitionLog) -> Result<Option<Loaded<S>>, ReadError> {
        // What was deleted meanwhile need not be read.
        self.next = self.next.max(log.log_start_offset());
        if self.next < self.end {
            let spec =
                ReadSpec { from: self.next, upto: self.end, max_bytes: self.step_bytes, at_least_one_batch: true };
            let bytes = log.read(spec)?.read_to_vec()?;
            self.replay_batches(log, &bytes);
        }
        if self.next < self.end {
            return Ok(None);
        }
        let Some(shard) = self.shard.take() else { return Ok(None) };
        let (image, end) = (Arc::clone(&self.image), self.end);
        Ok(Some(Loaded { shard, image, end, records: self.records, damaged: self.damaged }))
    }

    /// Replays whole batches.
    fn replay_batches(&mut self, log: &PartitionLog, mut bytes: &[u8]) {
        let before = self.next;
        while !bytes.is_empty() {
            let batch = match BatchView::parse(bytes) {
                Ok(batch) => batch,
                Err(error) => {
                    self.name_unreadable(log, &error);
                    break;
                }
            };
            self.replay_batch(log, &batch);
            let next = batch.last_offset().and_then(|last| Offset::new(last.checked_add(1)?));
            match next.filter(|next| *next > self.next) {
                Some(next) => self.next = next,
                None => break,
            }
            bytes = bytes.get(batch.size()..).unwrap_or_default();
        }
        if self.next == before {
            // What follows cannot be found: the batch does not say where it ends.
            self.next = self.end;
        }
    }

    fn replay_batch(&mut self, log: &PartitionLog, batch: &BatchView<'_>) {
        let header = batch.header();
        if header.attributes.is_control() {
            if let Some(marker) = Marker::of_stored(batch)
                && header.base_offset >= self.next.get()
                && let Some(shard) = &mut self.shard
            {
                shard.replay_marker(&marker);
            }
            return;
        }
        let is_right = batch.crc_is_right();
        let producer = producer_of(batch);
        let mut records = batch.records(LIMITS);
        let mut bytes = 0_usize;
        loop {
            let record = match records.next_record() {
                Ok(Some(record)) => record,
                Ok(None) => break,
                Err(fault) => {
                    self.name_fault(log, batch, &fault);
                    break;
                }
            };
            let offset = record.offset;
            let (key, value) = (record.record.key, record.record.value);
            bytes = bytes.saturating_add(key.map_or(0, <[u8]>::len)).saturating_add(value.map_or(0, <[u8]>::len));
            if bytes > BATCH_BYTES_MAX {
                self.name(log, offset, &"the batch decompresses to more than a batch may hold");
                break;
            }
            if offset < self.next.get() {
                continue;
            }
            self.records += 1;
            match key {
                None => self.name(log, offset, &"the record has no key"),
                Some(key) if !is_right => {
                    let problem = "the checksum of its batch is wrong";
                    let id = self.shard.as_mut().and_then(|shard| shard.distrust(key, problem));
                    self.name_id(log, offset, id.as_deref(), &problem);
                }
                Some(key) => {
                    let replayed = self.shard.as_mut().map(|shard| shard.replay(key, value, producer));
                    if let Some(Err(error)) = replayed {
                        self.name_refused(log, offset, &error);
                    }
                }
            }
        }
    }

    fn name_refused(&mut self, log: &PartitionLog, offset: i64, error: &ReplayError) {
        self.name_id(log, offset, error.id.as_deref(), error);
    }

    fn name_id(&mut self, log: &PartitionLog, offset: i64, id: Option<&str>, problem: &dyn std::fmt::Display) {
        let id = id.unwrap_or("not known");
        self.name(log, offset, &format_args!("{} {id}: {problem}", S::ITEM));
    }

    fn name_fault(&mut self, log: &PartitionLog, batch: &BatchView<'_>, fault: &RecordFault) {
        self.name(log, batch.header().base_offset, &format_args!("a record of the batch cannot be read: {fault}"));
    }

    fn name_unreadable(&mut self, log: &PartitionLog, error: &ViewError) {
        self.name(log, self.next.get(), &format_args!("the records from here on cannot be read: {error}"));
    }

    /// Says in the broker's log what could not be replayed, and where.
    fn name(&mut self, log: &PartitionLog, offset: i64, problem: &dyn std::fmt::Display) {
        self.damaged += 1;
        if self.damaged <= NAMED_MAX {
            error!(partition = %log.topic_partition(), offset, %problem, "damaged record; what it is about is refused");
        }
    }
}

/// Whose transaction the batch belongs to, if to one.
fn producer_of(batch: &BatchView<'_>) -> Option<Producer> {
    let header = batch.header();
    if !header.attributes.is_transactional() {
        return None;
    }
    Some(Producer { id: ProducerId::new(header.producer_id)?, epoch: ProducerEpoch::new(header.producer_epoch)? })
}
