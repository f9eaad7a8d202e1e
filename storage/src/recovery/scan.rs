//! Reading what lies past the recovery point: every batch is judged, checksum included, and what can be rebuilt from it is.

use std::io;

use model::wire::Reader;
use model::{LeaderEpoch, Offset, Timestamp};

use super::window::Window;
use crate::batch::BatchView;
use crate::batch::ProducerBatch;
use crate::disk::DiskFile;
use crate::epochs::Epochs;
use crate::format::record_batch_v2::{HEADER_SIZE, RecordBatchHeader, SIZE_TO_MAGIC};
use crate::index::{AbortedTransaction, OffsetEntry};
use crate::planted::Planted;
use crate::producers::{AppendedAt, CompletedTransaction, MarkerKind, ProducerTable};
use crate::segment::{BatchAt, Flaw, Indexes, judge};

/// Bytes before the part of a batch that its checksum covers: up to the magic, and the checksum itself.
const CRC_COVERS_FROM: u32 = 21;
const _: () = assert!(SIZE_TO_MAGIC + 4 == 21, "the checksum covers what follows it");
const HEADER_BYTES: u32 = 61;
const _: () = assert!(HEADER_SIZE == 61, "the header of a batch");

/// What the scan knows of the log so far.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) next_offset: Offset,
    pub(super) epochs: Epochs,
    pub(super) producers: ProducerTable,
    /// The time of the start: producers' lives count from it.
    pub(super) now: Timestamp,
    pub(super) index_interval_bytes: u64,
    /// The transactions that markers in the segment under scan abort.
    pub(super) aborted: Vec<AbortedTransaction>,
}

/// How far a segment's batches are right.
#[derive(Debug)]
pub(super) struct Scanned {
    /// Bytes up to the end of the last batch that is right.
    pub(super) end: u32,
    /// What stands behind them, if it is no batch.
    pub(super) flaw: Option<Flaw>,
}

impl Scan {
    /// Judges the batches of `file` from `position` to its end, `size`, and takes note of the right ones, up to the first
    /// that is not.
    pub(super) fn segment(
        &mut self,
        file: &dyn DiskFile,
        base_offset: Offset,
        (position, size): (u32, u32),
        indexes: &mut Indexes,
    ) -> io::Result<Scanned> {
        let mut window = Window::new(file, size);
        let mut end = position;
        let last_entry = indexes.offsets.last().map_or(0, |entry| entry.position);
        let mut since_index_entry = u64::from(position.saturating_sub(last_entry));
        while end < size {
            let batch = match self.next_batch(&mut window, end, size)? {
                Ok(batch) => batch,
                Err(flaw) => return Ok(Scanned { end, flaw: Some(flaw) }),
            };
            if Planted::DropsLastBatch.is_on() && batch.end() == size {
                return Ok(Scanned { end, flaw: Some(Flaw::CutShort) });
            }
            let Some(last) = relative(base_offset, batch.last_offset) else {
                let flaw = Flaw::OutOfOrder { found: batch.base_offset, expected: base_offset };
                return Ok(Scanned { end, flaw: Some(flaw) });
            };
            indexes.note_timestamp(Timestamp::new(batch.header.max_timestamp), last);
            if since_index_entry > self.index_interval_bytes {
                indexes.offsets.push(OffsetEntry { relative_offset: last, position: batch.position });
                indexes.push_max_timestamp();
                since_index_entry = 0;
            }
            since_index_entry += u64::from(batch.size);
            self.take_note(&mut window, &batch)?;
            end = batch.end();
        }
        Ok(Scanned { end, flaw: None })
    }

    fn next_batch(&self, window: &mut Window<'_>, position: u32, size: u32) -> io::Result<Result<BatchAt, Flaw>> {
        let Ok(header) = RecordBatchHeader::read(&mut Reader::new(window.at(position, HEADER_BYTES)?)) else {
            return Ok(Err(Flaw::CutShort));
        };
        let batch = match judge(&header, position, size, self.next_offset) {
            Ok(batch) => batch,
            Err(flaw) => return Ok(Err(flaw)),
        };
        // Bytes of an older life of the file can be a whole batch with a right checksum, which covers neither the offset
        // nor the epoch: only the one that continues the log is the log's.
        if batch.base_offset != self.next_offset {
            return Ok(Err(Flaw::OutOfOrder { found: batch.base_offset, expected: self.next_offset }));
        }
        let before = self.epochs.latest().map_or(-1, LeaderEpoch::get);
        if header.partition_leader_epoch < before {
            return Ok(Err(Flaw::EpochFell { found: header.partition_leader_epoch, before }));
        }
        let computed = window.crc(position.saturating_add(CRC_COVERS_FROM), batch.end())?;
        if computed != header.crc {
            return Ok(Err(Flaw::Checksum { stored: header.crc, computed }));
        }
        Ok(Ok(batch))
    }

    fn take_note(&mut self, window: &mut Window<'_>, batch: &BatchAt) -> io::Result<()> {
        self.next_offset = batch.last_offset.checked_add(1).unwrap_or(Offset::MAX);
        if let Some(epoch) = LeaderEpoch::new(batch.header.partition_leader_epoch) {
            self.epochs.begin(epoch, batch.base_offset);
        }
        let ended = replay_producer(&mut self.producers, window, batch, self.now)?;
        let aborted = ended.filter(|ended| ended.kind == MarkerKind::Abort);
        self.aborted.extend(aborted.as_ref().map(AbortedTransaction::from));
        Ok(())
    }
}

/// Takes note of a batch in the table of producers; gives the transaction that it ends. Only a marker is read beyond its header.
pub(super) fn replay_producer(
    producers: &mut ProducerTable,
    window: &mut Window<'_>,
    batch: &BatchAt,
    now: Timestamp,
) -> io::Result<Option<CompletedTransaction>> {
    let header = &batch.header;
    if header.attributes.is_control() {
        // A marker has some 80 bytes; what does not fit the window is none of ours.
        if let Ok(view) = BatchView::parse(window.at(batch.position, batch.size)?) {
            return Ok(producers.replay(&view, now));
        }
    } else if let Some(stamp) = ProducerBatch::of_stored(header) {
        let by_broker = header.attributes.is_log_append_time();
        let log_append_time = by_broker.then_some(Timestamp::new(header.max_timestamp));
        producers.apply(&stamp, AppendedAt { base_offset: batch.base_offset, now, log_append_time });
    }
    Ok(None)
}

fn relative(base_offset: Offset, offset: Offset) -> Option<u32> {
    offset.get().checked_sub(base_offset.get()).and_then(|relative| i32::try_from(relative).ok()?.try_into().ok())
}
