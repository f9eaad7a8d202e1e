//! One cleaning of one log, from front to back.

use std::collections::BTreeMap;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use model::config::TopicConfig;
use model::{Offset, ProducerId, Timestamp};

use super::error::CleanError;
use super::judge::{Kept, LastOfProducer, Rules, Verdict};
use super::key_map::{KeyHash, KeyMap, TOGETHER};
use super::output::{CleanedSegment, Output, discard};
use super::plan::Cleanable;
use super::reader::BatchReader;
use super::swap::Swapped;
use super::transactions::Transactions;
use crate::batch::{BatchView, DecompressionLimits, RecordFault, Records};
use crate::checkpoint::{ReplaceError, replace_file};
use crate::disk::is_refusal;
use crate::format::cleaner_checkpoint_v1 as checkpoint;
use crate::index::AbortedTransaction;
use crate::partition_log::PartitionLog;
use crate::segment::{BatchAt, Segment};
use crate::sync::Checkpointing;

/// What a cleaning may take.
#[derive(Clone, Copy, Debug)]
pub struct CleanOptions {
    /// Bytes of the map of keys.
    pub map_bytes_max: u64,
    /// How full the map may become, from 0 to 1.
    pub map_load_factor: f64,
    /// Bytes of the buffer that is read into, and of the one that is written from. A larger batch takes more for its time.
    pub buffer_size: usize,
}

/// What a cleaning did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// Everything below it is clean now.
    pub first_dirty: Offset,
    /// Bytes of segments that were read, and written anew or found to be clean.
    pub bytes_before: u64,
    /// Bytes that are left of them.
    pub bytes_after: u64,
}

/// Called with the bytes that were read and written since the last call; may sleep, and says whether to go on.
type Pace<'a> = &'a mut dyn FnMut(u64) -> ControlFlow<()>;

impl PartitionLog {
    /// Cleans a part of the log that [`Self::cleanable`] has named, or as much of it as the map of keys has room for. `pace` is
    /// called with the bytes that were read and written since the last call; it may sleep, and says whether to go on.
    ///
    /// # Errors
    /// [`CleanError`].
    pub fn clean(
        &self,
        cleanable: &Cleanable,
        options: CleanOptions,
        now: Timestamp,
        pace: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Result<Cleaned, CleanError> {
        let _busy = self.cleaning.begin().ok_or(CleanError::Changed)?;
        let result = match self.clean_alone(cleanable, options, now, pace) {
            // What was deleted meanwhile cannot be opened any more.
            Err(CleanError::Damaged { file, .. }) if !self.has_segment(&file) => Err(CleanError::Changed),
            result => result,
        };
        if let Err(CleanError::Damaged { file, problem }) = &result
            && !self.is_offline()
            && self.cleaning.give_up()
        {
            tracing::error!(
                partition = %self.topic_partition(), file = %file.display(), problem,
                "the log is damaged and is not compacted any more until the next start"
            );
        }
        result
    }

    fn clean_alone(
        &self,
        cleanable: &Cleanable,
        options: CleanOptions,
        now: Timestamp,
        pace: Pace<'_>,
    ) -> Result<Cleaned, CleanError> {
        // Nothing of what is replaced may still have to be written by a checkpoint.
        if cleanable.end > self.syncer().checkpoint().segment_base_offset {
            let changing = self.stillness.change();
            self.sync_under(Checkpointing::Now, Some(&changing))?;
        }
        if !self.cleaning.has_checkpoint() {
            // From now on offsets may be missing, which the next start must know.
            self.store_first_dirty(cleanable.first_dirty)?;
        }
        let segments: Vec<_> = self.published.segments.load().list().to_vec();
        let upto = segments.partition_point(|segment| segment.base_offset() < cleanable.end);
        let parts: Vec<Part> = segments
            .windows(2)
            .take(upto)
            .filter_map(|pair| match pair {
                [segment, next] => Some(Part { segment: Arc::clone(segment), next: next.base_offset() }),
                _ => None,
            })
            .collect();
        // Those that were cleaned have no aborted records any more, and no index.
        let aborted = self.aborted_transactions(Offset::ZERO, cleanable.last_stable).map_err(CleanError::from)?;
        let config = self.config();
        let mut cleaner = Cleaner { log: self, config: &config, options, now, pace };
        let (map, mapped) = cleaner.map_keys(&parts, cleanable, &aborted)?;
        let producers = self.last_of_producers();
        let rules = Rules {
            map: &map,
            mapped,
            end: cleanable.end,
            producers: &producers,
            now,
            config: &config,
            limits: DecompressionLimits::of(&config),
        };
        let mut done = Cleaned { first_dirty: mapped, ..Cleaned::default() };
        let mut transactions = Transactions::new(aborted);
        let in_range = parts.partition_point(|part| part.segment.base_offset() < mapped);
        for group in group(parts.get(..in_range).unwrap_or_default(), &config)? {
            cleaner.clean_group(group, &rules, &mut transactions, &mut done)?;
        }
        self.store_first_dirty(mapped)?;
        Ok(done)
    }

    /// Whether this is the file of a segment of the log.
    fn has_segment(&self, file: &Path) -> bool {
        self.published.segments.load().list().iter().any(|segment| segment.path() == file)
    }

    fn last_of_producers(&self) -> BTreeMap<ProducerId, LastOfProducer> {
        let writer = self.writer();
        let producers = writer.producers().producers();
        let last = producers.map(|producer| {
            let last_offset = producer.window.last().map(crate::producers::WindowBatch::last_offset);
            (producer.id, LastOfProducer { epoch: producer.epoch, last_offset })
        });
        last.collect()
    }

    fn store_first_dirty(&self, first_dirty: Offset) -> Result<(), CleanError> {
        let _changing = self.stillness.change();
        let _syncer = self.syncer();
        if self.is_offline() {
            return Err(CleanError::Offline);
        }
        let (disk, path) = (self.directory.disk.as_ref(), &self.directory.path);
        match replace_file(disk, path, checkpoint::FILE_NAME, checkpoint::encode(first_dirty).as_bytes()) {
            Ok(()) => {
                self.cleaning.set_first_dirty(first_dirty);
                Ok(())
            }
            Err(ReplaceError::Refused(error)) => Err(CleanError::NoSpace(error)),
            Err(ReplaceError::Failed(error)) => Err(self.io_failed("a cleaner checkpoint", error).into()),
        }
    }
}

/// A segment that is cleaned, and where the next one begins.
#[derive(Clone, Debug)]
struct Part {
    segment: Arc<Segment>,
    next: Offset,
}

/// What all steps of a cleaning share.
struct Cleaner<'a> {
    log: &'a PartitionLog,
    config: &'a TopicConfig,
    options: CleanOptions,
    now: Timestamp,
    pace: Pace<'a>,
}

impl Cleaner<'_> {
    /// The newest offset of each key from the first dirty offset on, and the offset up to which all keys are in it.
    fn map_keys(
        &mut self,
        parts: &[Part],
        cleanable: &Cleanable,
        aborted: &[AbortedTransaction],
    ) -> Result<(KeyMap, Offset), CleanError> {
        let first_dirty = cleanable.first_dirty;
        let options = self.options;
        let mut map = KeyMap::new(first_dirty, cleanable.end, options.map_bytes_max, options.map_load_factor);
        // Those that ended before have no marker where this reader begins, and would never end for it.
        let aborted = aborted.iter().filter(|aborted| aborted.marker_offset >= first_dirty).copied().collect();
        let mut transactions = Transactions::new(aborted);
        let limits = DecompressionLimits::of(self.config);
        let mut together = Vec::with_capacity(TOGETHER);
        for part in parts.iter().filter(|part| part.next > first_dirty) {
            let segment = &part.segment;
            let start = segment.position_of(first_dirty).map_err(|error| CleanError::unreadable(segment, &error))?;
            let mut reader = self.reader(segment, start)?;
            while let Some((batch, view)) = reader.next_batch().map_err(|error| damaged(segment, &error))? {
                let counts = !transactions.may_go(&batch, &view) && !batch.header.attributes.is_control();
                if counts && let Some(full_at) = put_keys(&mut map, &view, first_dirty, limits, &mut together) {
                    return Ok((map, full_at));
                }
                go_on((self.pace)(reader.take_read()))?;
            }
        }
        Ok((map, cleanable.end))
    }

    fn clean_group(
        &mut self,
        group: &[Part],
        rules: &Rules<'_>,
        transactions: &mut Transactions,
        done: &mut Cleaned,
    ) -> Result<(), CleanError> {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { return Ok(()) };
        let base = first.segment.base_offset();
        let before: u64 = group.iter().map(|part| u64::from(part.segment.size())).sum();
        done.bytes_before += before;
        let directory = Arc::clone(&self.log.directory);
        let written = self.write_group(group, rules, transactions);
        let (output, is_same) = match written {
            Ok(written) => written,
            Err(error) => {
                discard(&directory, base);
                return Err(error);
            }
        };
        if is_same && group.len() == 1 {
            // What lost nothing stays where it is.
            drop(output);
            discard(&directory, base);
            done.bytes_after += before;
            return Ok(());
        }
        let old: Vec<_> = group.iter().map(|part| Arc::clone(&part.segment)).collect();
        let modified = old.iter().filter_map(|segment| segment.modified().ok()).max().unwrap_or(self.now);
        done.bytes_after += output.size();
        let new = self.finish(output, modified, base)?;
        match self.log.swap(&old, last.next, &new, self.now) {
            Ok(Swapped::Yes) => Ok(()),
            Ok(Swapped::TheyAreGone) => {
                discard(&directory, base);
                Err(CleanError::Changed)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Writes what is kept of the group; whether that is all there was, byte for byte.
    fn write_group(
        &mut self,
        group: &[Part],
        rules: &Rules<'_>,
        transactions: &mut Transactions,
    ) -> Result<(Output, bool), CleanError> {
        let interval = u64::try_from(self.config.index_interval_bytes).unwrap_or(0);
        let base = group.first().map_or(Offset::ZERO, |part| part.segment.base_offset());
        let buffer_size = self.options.buffer_size;
        let output = Output::begin(&self.log.directory, base, interval, buffer_size);
        let mut output = output.map_err(|error| self.write_failed(error))?;
        let (mut is_same, mut kept) = (true, Kept::default());
        for part in group {
            let segment = &part.segment;
            let mut reader = self.reader(segment, 0)?;
            while let Some((batch, view)) = reader.next_batch().map_err(|error| damaged(segment, &error))? {
                let verdict = rules.judge(&batch, &view, transactions, &mut kept);
                let verdict = verdict.map_err(|error| damaged(segment, &error))?;
                is_same &= verdict == Verdict::Same;
                let before = output.size();
                put(&mut output, &batch, &view, &verdict).map_err(|error| self.write_failed(error))?;
                go_on((self.pace)(reader.take_read() + output.size().saturating_sub(before)))?;
            }
        }
        Ok((output, is_same))
    }

    fn finish(&self, output: Output, modified: Timestamp, base: Offset) -> Result<CleanedSegment, CleanError> {
        output.finish(modified).map_err(|error| {
            discard(&self.log.directory, base);
            self.write_failed(error)
        })
    }

    /// A write that was refused leaves the log as it is; after any other error nobody knows what the disk does.
    fn write_failed(&self, error: io::Error) -> CleanError {
        if is_refusal(&error) {
            CleanError::NoSpace(error)
        } else {
            self.log.io_failed("writing a cleaned segment", error).into()
        }
    }

    fn reader<'s>(&self, segment: &'s Arc<Segment>, position: u32) -> Result<BatchReader<'s>, CleanError> {
        let file = segment.file().map_err(|error| damaged(segment, &error))?;
        let (range, buffer_size) = ((position, segment.size()), self.options.buffer_size);
        Ok(BatchReader::new(file.as_ref(), range, segment.base_offset(), buffer_size))
    }
}

/// Puts the keys of a batch into the map; the offset of the record that found no room, if one did. A batch with the right checksum
/// whose records cannot be read within the limits came so from its producer: it stays as it is, with the keys that it had up to
/// there, and one producer's mistake does not keep a log from being cleaned.
fn put_keys(
    map: &mut KeyMap,
    view: &BatchView<'_>,
    first_dirty: Offset,
    limits: DecompressionLimits,
    together: &mut Vec<(KeyHash, Offset)>,
) -> Option<Offset> {
    together.clear();
    let mut records = view.records(limits);
    loop {
        let end = read_keys(&mut records, first_dirty, together);
        map.load_ahead(together.iter().map(|(key, _)| key));
        for (key, offset) in together.drain(..) {
            if map.put(&key, offset).is_err() {
                return Some(offset);
            }
        }
        match end {
            Ok(ControlFlow::Continue(())) => {}
            Ok(ControlFlow::Break(())) => return None,
            Err(fault) => {
                tracing::warn!(offset = view.header().base_offset, %fault, "a batch stays uncompacted");
                return None;
            }
        }
    }
}

/// Reads the next keys from `first_dirty` on, as many as are worth looking up together; whether there may be more.
fn read_keys(
    records: &mut Records<'_>,
    first_dirty: Offset,
    keys: &mut Vec<(KeyHash, Offset)>,
) -> Result<ControlFlow<()>, RecordFault> {
    while keys.len() < TOGETHER {
        let Some(record) = records.next_head()? else { return Ok(ControlFlow::Break(())) };
        let offset = Offset::new(record.offset).filter(|offset| *offset >= first_dirty);
        if let (Some(key), Some(offset)) = (record.key, offset) {
            keys.push((KeyHash::of(key), offset));
        }
    }
    Ok(ControlFlow::Continue(()))
}

fn put(output: &mut Output, batch: &BatchAt, view: &BatchView<'_>, verdict: &Verdict) -> io::Result<()> {
    let max_timestamp = batch.max_timestamp();
    match verdict {
        Verdict::Gone => Ok(()),
        Verdict::Same => output.push(batch, view.bytes(), max_timestamp),
        // Its header still says the time that its records had, as in Kafka; the indexes do not.
        Verdict::Emptied(bytes) => output.push(batch, bytes, Timestamp::NONE),
        Verdict::Rebuilt(bytes) => {
            let time = BatchView::parse(bytes).map_or(max_timestamp, |new| Timestamp::new(new.header().max_timestamp));
            output.push(batch, bytes, time)
        }
    }
}

/// Cuts the parts into groups, each of which becomes one segment: as many as one can hold, by the sizes that they have now.
fn group<'p>(parts: &'p [Part], config: &TopicConfig) -> Result<Vec<&'p [Part]>, CleanError> {
    let bytes_max = u64::try_from(config.segment_bytes).unwrap_or(0);
    let index_bytes_max = u64::try_from(config.segment_index_bytes).unwrap_or(0);
    let (mut groups, mut begin) = (Vec::new(), 0);
    let (mut bytes, mut offsets, mut times) = (0, 0, 0);
    for (place, part) in parts.iter().enumerate() {
        let segment = &part.segment;
        let counts = segment.count_index_entries_closed().map_err(|error| damaged(segment, &error))?;
        let (size, offset_bytes, time_bytes) = (u64::from(segment.size()), counts.offsets * 8, counts.times * 12);
        let base = parts.get(begin).map_or(segment.base_offset(), |first| first.segment.base_offset());
        let spans = part.next.distance_from(base) <= u64::from(i32::MAX.unsigned_abs());
        let fits = bytes + size <= bytes_max
            && offsets + offset_bytes <= index_bytes_max
            && times + time_bytes <= index_bytes_max
            && spans;
        if place > begin && !fits {
            groups.push(parts.get(begin..place).unwrap_or_default());
            (begin, bytes, offsets, times) = (place, 0, 0, 0);
        }
        (bytes, offsets, times) = (bytes + size, offsets + offset_bytes, times + time_bytes);
    }
    groups.push(parts.get(begin..).unwrap_or_default());
    Ok(groups)
}

fn go_on(flow: ControlFlow<()>) -> Result<(), CleanError> {
    if flow.is_break() { Err(CleanError::Stopped) } else { Ok(()) }
}

fn damaged(segment: &Arc<Segment>, error: &dyn std::fmt::Display) -> CleanError {
    CleanError::Damaged { file: segment.path(), problem: error.to_string() }
}
