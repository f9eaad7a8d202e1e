//! From a directory to an open log.
//!
//! After a clean stop its mark and the checkpoint say all there is to know and nothing is scanned. Otherwise what lies past
//! the recovery point is judged batch by batch; the first that is wrong ends the log and what follows it is cut off, because
//! nothing past it can have been acknowledged. Below the recovery point nothing is ever cut: what is wrong there is damage, and
//! the log stays closed. A crash in here changes nothing that the next start does not decide in the same way.

mod aborted;
mod listing;
mod rewrite;
mod scan;
mod window;

use std::path::PathBuf;
use std::sync::Arc;

use model::{Offset, Timestamp};

use self::aborted::open_aborted;
pub(crate) use self::listing::parse_segment_file;
use self::listing::{Listing, list};
use self::rewrite::write_again;
use self::scan::{Scan, replay_producer};
use self::window::Window;
use crate::append::Writer;
use crate::compaction::finish_cleanings;
use crate::disk::read_file;
use crate::epochs::Epochs;
use crate::error::StorageError;
use crate::format::leader_epoch_checkpoint_v0;
use crate::format::partition_checkpoint_v1::{self, PartitionCheckpoint};
use crate::partition_log::Opened;
use crate::planted::Planted;
use crate::producers::ProducerTable;
use crate::segment::{
    LOG_SUFFIX, LogDirectory, LookupError, OFFSET_INDEX_SUFFIX, SEGMENT_SUFFIXES, Segment, StoredCounts,
    TIME_INDEX_SUFFIX, TRANSACTION_INDEX_SUFFIX, Walk, WalkError,
};
use crate::segments::Segments;
use crate::sync::{PRODUCERS_SUFFIX, Syncer};

/// A snapshot of this many bytes would hold more producers than the bound of any table allows.
const SNAPSHOT_BYTES_MAX: u64 = 4 << 30;

/// The suffix of a segment that recovery set aside.
pub(crate) const CUT_SUFFIX: &str = "log.cut";

/// How a log is opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenSpec {
    /// Whether compaction may have removed records, so that offsets are missing below the recovery point.
    pub(crate) is_compacted: bool,
    /// `index.interval.bytes`, for indexes that are rebuilt.
    pub(crate) index_interval_bytes: u64,
    /// The most producers that the log remembers.
    pub(crate) producers_max: usize,
    /// The time of the start.
    pub(crate) now: Timestamp,
}

/// Opens the log in `directory`. `closed` are the base offsets of the segments that the clean stop left, if it told.
pub(crate) fn open(
    directory: &Arc<LogDirectory>,
    spec: OpenSpec,
    closed: Option<&[Offset]>,
) -> Result<Opened, StorageError> {
    if closed.is_none() {
        // A process that was killed leaves names that are not durable, and what is decided by them may be so earlier.
        let sync = directory.disk.sync_directory(&directory.path);
        sync.map_err(|error| StorageError::io(&directory.path, error))?;
    }
    let mut listing = list(directory)?;
    listing.segments = finish_cleanings(directory, listing.segments, &listing.left_over)?;
    listing.aborted.retain(|base| !listing.left_over.iter().any(|left| left.replaces(*base)));
    let checkpoint = if listing.has_checkpoint { read_checkpoint(directory)? } else { PartitionCheckpoint::default() };
    check_complete(directory, &listing.segments, needed(closed.unwrap_or_default(), &checkpoint))?;
    let listing = finish_deletions(directory, listing, &checkpoint)?;
    let was_compacted = listing.was_compacted;
    let sizes = segment_sizes(directory, &listing)?;
    check_recovery_point(directory, &checkpoint, &sizes)?;
    let (trusted, rest) = split_at_recovery_point(directory, &checkpoint, &sizes);
    // After a crash, or a stop that did not tell: this looks into every segment.
    if closed.is_none() {
        check_trusted(&trusted, spec.is_compacted || was_compacted)?;
    }
    check_first(directory, &checkpoint, &trusted)?;
    open_aborted(directory, &listing.aborted, &trusted, checkpoint.recovery_point)?;
    let point = checkpoint.recovery_point;
    let mut scan = Scan {
        next_offset: point,
        epochs: load_epochs(directory, &listing, &trusted, point)?,
        producers: load_producers(directory, &listing, &checkpoint, &trusted, spec)?,
        now: spec.now,
        index_interval_bytes: spec.index_interval_bytes,
        aborted: Vec::new(),
    };
    let stored_epochs = Arc::new(scan.epochs.clone());
    let mut segments = trusted;
    let scanned = scan_rest(directory, &mut scan, &checkpoint, &mut segments, &rest)?;
    let snapshots: Vec<_> = listing.snapshots.iter().copied().filter(|at| *at <= checkpoint.recovery_point).collect();
    remove_snapshots_past(directory, &listing, checkpoint.recovery_point);
    let trusted_bytes =
        if checkpoint.recovery_point > Offset::ZERO { u64::from(checkpoint.segment_position) } else { 0 };
    let scanned_bytes = scanned.iter().map(|segment| u64::from(segment.size())).sum::<u64>();
    let bytes = scanned_bytes.saturating_sub(trusted_bytes);
    let mut writer = Writer::reopened(scan.next_offset, scan.producers, scanned, bytes);
    if Planted::ForgetsProducersAtStart.is_on() {
        writer.expire_producers(spec.now, 0);
    }
    // The file and the batches may still tell of epochs that ended before the log's start.
    scan.epochs.truncate_before(checkpoint.log_start_offset);
    Ok(Opened {
        log_start: checkpoint.log_start_offset,
        segments: Segments::new(segments),
        epochs: scan.epochs,
        writer,
        syncer: Syncer::new(checkpoint, stored_epochs, snapshots),
        synced: point,
    })
}

fn read_checkpoint(directory: &LogDirectory) -> Result<PartitionCheckpoint, StorageError> {
    let path = directory.path.join(partition_checkpoint_v1::FILE_NAME);
    let bytes = read_file(directory.disk.as_ref(), &path, partition_checkpoint_v1::SIZE_MAX)
        .map_err(|error| StorageError::io(&path, error))?;
    PartitionCheckpoint::decode(&bytes).map_err(|error| StorageError::Damaged {
        file: path,
        position: 0,
        problem: error.to_string(),
    })
}

/// Removes the segments of which nothing lies at or behind the log's start, and the files that were set aside: deletions that
/// were decided, durably, and not finished. What the recovery point needs stays.
fn finish_deletions(
    directory: &LogDirectory,
    mut listing: Listing,
    checkpoint: &PartitionCheckpoint,
) -> Result<Listing, StorageError> {
    let dead = listing.segments.len() - needed(&listing.segments, checkpoint).len();
    for base in listing.segments.drain(..dead) {
        for suffix in SEGMENT_SUFFIXES {
            remove_if_there(directory, base, suffix)?;
        }
    }
    for path in listing.aside.drain(..).map(|name| directory.path.join(name)) {
        directory.disk.remove_file(&path).map_err(|error| StorageError::io(&path, error))?;
    }
    Ok(listing)
}

fn segment_sizes(directory: &LogDirectory, listing: &Listing) -> Result<Vec<(Offset, u32)>, StorageError> {
    let size_of = |base: &Offset| {
        let path = directory.segment_file(*base, LOG_SUFFIX);
        let size = directory.disk.file_size(&path).map_err(|error| StorageError::io(&path, error))?;
        let too_large = |_| damaged(path.clone(), size, "the segment is larger than a segment can be");
        Ok((*base, u32::try_from(size).map_err(too_large)?))
    };
    listing.segments.iter().map(size_of).collect()
}

/// The recovery point must lie in a segment that is there.
fn check_recovery_point(
    directory: &LogDirectory,
    checkpoint: &PartitionCheckpoint,
    sizes: &[(Offset, u32)],
) -> Result<(), StorageError> {
    if checkpoint.recovery_point == Offset::ZERO {
        return Ok(());
    }
    let base = checkpoint.segment_base_offset;
    let size = sizes.iter().find(|(segment, _)| *segment == base).map_or(0, |(_, size)| *size);
    if size >= checkpoint.segment_position && (size > 0 || sizes.iter().any(|(segment, _)| *segment == base)) {
        return Ok(());
    }
    let problem = format!(
        "the segment should have {} bytes up to offset {}, which were durable",
        checkpoint.segment_position, checkpoint.recovery_point
    );
    Err(damaged(directory.segment_file(base, LOG_SUFFIX), u64::from(size), problem))
}

/// The segments below the recovery point, the last one as long as it is trusted; and those to be scanned, of which the first
/// may be that same one.
fn split_at_recovery_point(
    directory: &Arc<LogDirectory>,
    checkpoint: &PartitionCheckpoint,
    sizes: &[(Offset, u32)],
) -> (Vec<Arc<Segment>>, Vec<(Offset, u32)>) {
    let found = |base, size, counts| Arc::new(Segment::found(Arc::clone(directory), base, size, counts));
    let (mut trusted, mut rest) = (Vec::new(), Vec::new());
    let has_point = checkpoint.recovery_point > Offset::ZERO;
    for (base, size) in sizes.iter().copied() {
        if has_point && base < checkpoint.segment_base_offset {
            trusted.push(found(base, size, None));
        } else if has_point && base == checkpoint.segment_base_offset {
            let counts =
                StoredCounts { offsets: checkpoint.offset_index_entries, times: checkpoint.time_index_entries };
            trusted.push(found(base, checkpoint.segment_position, Some(counts)));
            if size > checkpoint.segment_position {
                rest.push((base, size));
            }
        } else {
            rest.push((base, size));
        }
    }
    (trusted, rest)
}

/// The first segment must reach down to the log's start.
fn check_first(
    directory: &LogDirectory,
    checkpoint: &PartitionCheckpoint,
    trusted: &[Arc<Segment>],
) -> Result<(), StorageError> {
    match trusted.first().map(|first| first.base_offset()).filter(|base| *base > checkpoint.log_start_offset) {
        None => Ok(()),
        Some(base) => {
            let problem = format!("the first segment begins at {base}, the log at {}", checkpoint.log_start_offset);
            Err(damaged(directory.path.clone(), 0, problem))
        }
    }
}

/// Those of the segments that hold something at or behind the log's start, and what the recovery point needs.
fn needed<'a>(segments: &'a [Offset], checkpoint: &PartitionCheckpoint) -> &'a [Offset] {
    let limit = checkpoint.log_start_offset.min(checkpoint.segment_base_offset);
    let dead = segments.partition_point(|base| *base <= limit).saturating_sub(1);
    segments.get(dead..).unwrap_or_default()
}

/// Every segment that the last stop left must be there. In a compacted log nothing else tells one that is gone from one that
/// compaction emptied.
fn check_complete(directory: &LogDirectory, found: &[Offset], closed: &[Offset]) -> Result<(), StorageError> {
    let is_gone = |base: &Offset| found.binary_search(base).is_err();
    let Some(first) = closed.iter().position(is_gone) else { return Ok(()) };
    let (_, from_first) = closed.split_at(first);
    let Some(from) = from_first.first() else { return Ok(()) };
    let upto = match from_first.iter().find(|base| !is_gone(base)) {
        Some(upto) => format!("up to {upto}"),
        None => "to the end of the log".to_owned(),
    };
    let problem = format!("the segments from offset {from} {upto} were there at the last stop and are missing");
    Err(damaged(directory.segment_file(*from, LOG_SUFFIX), 0, problem))
}

/// Each segment below the recovery point must end where the next begins.
fn check_trusted(trusted: &[Arc<Segment>], is_compacted: bool) -> Result<(), StorageError> {
    for pair in trusted.windows(2) {
        let [segment, next] = pair else { continue };
        let end = segment.end_offset().map_err(|error| not_readable(segment, error))?;
        let fits = if is_compacted { end <= next.base_offset() } else { end == next.base_offset() };
        if !fits {
            let problem =
                format!("its last batch ends before offset {end}, the next segment begins at {}", next.base_offset());
            return Err(damaged(segment.path(), u64::from(segment.size()), problem));
        }
    }
    Ok(())
}

fn load_epochs(
    directory: &LogDirectory,
    listing: &Listing,
    trusted: &[Arc<Segment>],
    upto: Offset,
) -> Result<Epochs, StorageError> {
    let path = directory.path.join(leader_epoch_checkpoint_v0::FILE_NAME);
    let stored = if listing.has_epochs {
        let bytes = read_file(directory.disk.as_ref(), &path, leader_epoch_checkpoint_v0::SIZE_MAX)
            .map_err(|error| StorageError::io(&path, error))?;
        leader_epoch_checkpoint_v0::decode(&bytes)
    } else if trusted.is_empty() {
        Some(Vec::new())
    } else {
        None
    };
    let mut epochs = Epochs::default();
    if let Some(starts) = stored {
        epochs = Epochs::from_sorted(starts);
    } else {
        tracing::warn!(file = %path.display(), "the leader epochs are damaged or missing; reading them from the batches");
        walk_all(trusted, |batch| {
            if let Some(epoch) = model::LeaderEpoch::new(batch.header.partition_leader_epoch) {
                epochs.begin(epoch, batch.base_offset);
            }
        })?;
    }
    epochs.truncate(upto);
    Ok(epochs)
}

fn walk_all(segments: &[Arc<Segment>], mut act: impl FnMut(&crate::segment::BatchAt)) -> Result<(), StorageError> {
    for segment in segments {
        let mut walk = || {
            let file = segment.file()?;
            let mut walk = Walk::new(file.as_ref(), 0, segment.size(), segment.base_offset());
            while let Some(batch) = walk.next_batch()? {
                act(&batch);
            }
            Ok(())
        };
        walk().map_err(|error| not_readable(segment, error))?;
    }
    Ok(())
}

/// The producers at the recovery point: from the snapshot there, or from an older one and the batches behind it.
fn load_producers(
    directory: &LogDirectory,
    listing: &Listing,
    checkpoint: &PartitionCheckpoint,
    trusted: &[Arc<Segment>],
    spec: OpenSpec,
) -> Result<ProducerTable, StorageError> {
    let point = checkpoint.recovery_point;
    let empty = ProducerTable::new(spec.producers_max);
    if !checkpoint.has_producers {
        return Ok(empty);
    }
    let older = listing.snapshots.iter().rev().copied().filter(|at| *at <= point);
    for at in older {
        let path = directory.segment_file(at, PRODUCERS_SUFFIX);
        let read = read_file(directory.disk.as_ref(), &path, SNAPSHOT_BYTES_MAX).map_err(|error| error.to_string());
        let decode = |bytes: Vec<u8>| {
            ProducerTable::decode_snapshot(&bytes, spec.producers_max).map_err(|error| error.to_string())
        };
        match read.and_then(decode) {
            Ok((table, end)) if end == at => return replay_producers(table, at, trusted, spec),
            Ok((_, end)) => tracing::warn!(file = %path.display(), %end, "a snapshot of producers has the wrong name"),
            Err(error) => tracing::warn!(file = %path.display(), error, "a snapshot of producers cannot be used"),
        }
    }
    tracing::warn!(log = %directory.path.display(), "no snapshot of producers can be used; reading the whole log for them");
    replay_producers(empty, Offset::ZERO, trusted, spec)
}

fn replay_producers(
    mut table: ProducerTable,
    from: Offset,
    trusted: &[Arc<Segment>],
    spec: OpenSpec,
) -> Result<ProducerTable, StorageError> {
    for (place, segment) in trusted.iter().enumerate() {
        if trusted.get(place + 1).is_some_and(|next| next.base_offset() <= from) {
            continue;
        }
        let mut replay = || {
            let position = segment.position_of(from)?;
            let file = segment.file()?;
            let mut window = Window::new(file.as_ref(), segment.size());
            let mut walk = Walk::new(file.as_ref(), position, segment.size(), segment.base_offset());
            while let Some(batch) = walk.next_batch()? {
                replay_producer(&mut table, &mut window, &batch, spec.now)?;
            }
            Ok(())
        };
        replay().map_err(|error| not_readable(segment, error))?;
    }
    Ok(table)
}

/// Scans what lies past the recovery point, cuts what is wrong, and returns the segments that have bytes not known to be
/// durable.
fn scan_rest(
    directory: &Arc<LogDirectory>,
    scan: &mut Scan,
    checkpoint: &PartitionCheckpoint,
    segments: &mut Vec<Arc<Segment>>,
    rest: &[(Offset, u32)],
) -> Result<Vec<Arc<Segment>>, StorageError> {
    let mut scanned = Vec::new();
    for (place, (base, size)) in rest.iter().copied().enumerate() {
        if base > scan.next_offset || (base < scan.next_offset && !is_open_at_point(segments, base)) {
            cut(
                directory,
                None,
                rest.get(place..).unwrap_or_default(),
                &format!("offset {} is next", scan.next_offset),
            )?;
            break;
        }
        if !is_open_at_point(segments, base) {
            let counts = Some(StoredCounts::default());
            segments.push(Arc::new(Segment::found(Arc::clone(directory), base, 0, counts)));
        }
        let Some(segment) = segments.last().cloned() else { continue };
        let flaw = scan_segment(scan, &segment, size)?;
        segment.mark_name_doubtful();
        scanned.push(Arc::clone(&segment));
        if let Some(flaw) = flaw {
            let later = rest.get(place + 1..).unwrap_or_default();
            cut(directory, Some((&segment, size)), later, &flaw)?;
            break;
        }
    }
    if scan.next_offset > checkpoint.recovery_point && !scanned.is_empty() {
        tracing::info!(
            log = %directory.path.display(),
            from = %checkpoint.recovery_point,
            upto = %scan.next_offset,
            "read what a crash left behind"
        );
    }
    Ok(scanned)
}

fn is_open_at_point(segments: &[Arc<Segment>], base: Offset) -> bool {
    segments.last().is_some_and(|last| last.base_offset() == base)
}

fn scan_segment(scan: &mut Scan, segment: &Arc<Segment>, size: u32) -> Result<Option<String>, StorageError> {
    let io_failed = |error| StorageError::io(segment.path(), error);
    let file = segment.file().map_err(io_failed)?;
    let mut indexes = segment.take_indexes().map_err(io_failed)?;
    let from = segment.size();
    let result = scan.segment(file.as_ref(), segment.base_offset(), (from, size), &mut indexes);
    let result = result.map_err(io_failed)?;
    segment.set_indexes(indexes);
    for aborted in scan.aborted.drain(..) {
        segment.push_aborted(aborted);
    }
    write_again(file.as_ref(), from, result.end).map_err(io_failed)?;
    segment.publish_size(result.end);
    Ok(result.flaw.map(|flaw| flaw.to_string()))
}

/// Cuts off what follows the last right batch: the rest of its segment, and every later segment. Those are whole files, and
/// only get another name: should their loss be damage that looks like a crash, somebody can still read them.
fn cut(
    directory: &LogDirectory,
    torn: Option<(&Arc<Segment>, u32)>,
    later: &[(Offset, u32)],
    problem: &str,
) -> Result<(), StorageError> {
    let disk = directory.disk.as_ref();
    for (base, size) in later {
        let path = directory.segment_file(*base, LOG_SUFFIX);
        let aside = directory.segment_file(*base, CUT_SUFFIX);
        tracing::warn!(
            file = %path.display(), bytes = size, aside = %aside.display(), problem,
            "setting aside a segment that was never durable"
        );
        remove_if_there(directory, *base, OFFSET_INDEX_SUFFIX)?;
        remove_if_there(directory, *base, TIME_INDEX_SUFFIX)?;
        remove_if_there(directory, *base, TRANSACTION_INDEX_SUFFIX)?;
        disk.rename(&path, &aside).map_err(|error| StorageError::io(&path, error))?;
    }
    if let Some((segment, size)) = torn {
        let (path, end) = (segment.path(), segment.size());
        tracing::warn!(file = %path.display(), position = end, bytes = size - end, problem, "cutting off a torn tail");
        let cut = || {
            let file = segment.file()?;
            file.set_size(u64::from(end))?;
            file.sync_all()
        };
        cut().map_err(|error| StorageError::io(&path, error))?;
    }
    disk.sync_directory(&directory.path).map_err(|error| StorageError::io(&directory.path, error))
}

pub(crate) fn remove_if_there(directory: &LogDirectory, base: Offset, suffix: &str) -> Result<(), StorageError> {
    let path = directory.segment_file(base, suffix);
    match directory.disk.remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(StorageError::io(path, error)),
        _ => Ok(()),
    }
}

/// Snapshots past the recovery point were made for a checkpoint that a crash prevented.
fn remove_snapshots_past(directory: &LogDirectory, listing: &Listing, point: Offset) {
    for at in listing.snapshots.iter().filter(|at| **at > point) {
        let path = directory.segment_file(*at, PRODUCERS_SUFFIX);
        if let Err(error) = directory.disk.remove_file(&path) {
            tracing::debug!(path = %path.display(), "an unfinished snapshot of producers stays: {error}");
        }
    }
}

fn damaged(file: PathBuf, position: u64, problem: impl Into<String>) -> StorageError {
    StorageError::Damaged { file, position, problem: problem.into() }
}

fn not_readable(segment: &Segment, error: LookupError) -> StorageError {
    match error {
        LookupError::Io(error) | LookupError::Walk(WalkError::Io { error, .. }) => {
            StorageError::io(segment.path(), error)
        }
        LookupError::Walk(WalkError::Damaged { position, flaw }) => {
            damaged(segment.path(), u64::from(position), flaw.to_string())
        }
    }
}
