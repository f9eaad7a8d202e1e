//! Reading for those who want committed records only: the same batches, and which transactions of them were aborted. The
//! indexes of aborted transactions that cannot be used are made again here.

use std::collections::BTreeMap;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use model::{Offset, ProducerId};

use crate::batch::BatchView;
use crate::error::ReadError;
use crate::index::AbortedTransaction;
use crate::log_slice::LogSlice;
use crate::partition_log::PartitionLog;
use crate::planted::Planted;
use crate::producers::{Marker, MarkerKind};
use crate::read::ReadSpec;
use crate::segment::{BatchAt, LookupError, Segment, Walk};
use crate::segments::Segments;

impl PartitionLog {
    /// As [`Self::read`], and the aborted transactions that overlap with what was read, by their first offsets. `upto` is the
    /// last stable offset at most: what began before it was ended.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_committed(&self, spec: ReadSpec) -> Result<(LogSlice, Vec<AbortedTransaction>), ReadError> {
        let (slice, end) = self.read_with_end(spec)?;
        let Some((segment, position)) = end else { return Ok((slice, Vec::new())) };
        let segments = self.published.segments.load();
        if segments.aborted_from(spec.from).is_empty() {
            return Ok((slice, Vec::new()));
        }
        // One more header is read, so that nothing is named that lies behind the slice.
        let next = segment.batch_at(position).map_err(|error| self.failed(&segment, error))?;
        let next_segment = segments.from(segment.base_offset()).get(1).map(|next| next.base_offset());
        let next = next.map(|next| next.base_offset).or(next_segment);
        let mut aborted = self.aborted_transactions(spec.from, next.map_or(spec.upto, |next| next.min(spec.upto)))?;
        if Planted::AnAbortIsNotNamed.is_on() {
            aborted.pop();
        }
        Ok((slice, aborted))
    }

    /// The aborted transactions with a record or the marker at or behind `from`, and a record before `upto`, by their first
    /// offsets. `upto` is the last stable offset at most.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn aborted_transactions(&self, from: Offset, upto: Offset) -> Result<Vec<AbortedTransaction>, ReadError> {
        let segments = self.published.segments.load();
        let mut found = Vec::new();
        for segment in segments.aborted_from(from) {
            let collected = collect(&segments, segment, (from, upto), &mut found);
            if collected.map_err(|error| self.failed(segment, error))?.is_break() {
                break;
            }
        }
        self.check_still_online()?;
        found.sort_unstable_by_key(|aborted| aborted.first_offset);
        Ok(found)
    }
}

fn collect(
    segments: &Segments,
    segment: &Segment,
    range: (Offset, Offset),
    found: &mut Vec<AbortedTransaction>,
) -> Result<ControlFlow<()>, LookupError> {
    match segment.collect_aborted(range, found) {
        Err(error) if is_of_no_use(&error) => {
            rebuild_aborted(segments.up_to(segment.base_offset()), &error)?;
            Ok(segment.collect_aborted(range, found)?)
        }
        collected => Ok(collected?),
    }
}

/// Whether an index that cannot be opened for this reason is to be made again.
fn is_of_no_use(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData)
}

/// Makes the index of the last of these segments again. A transaction can have begun in any segment before it, so
/// the headers of all their batches are read.
fn rebuild_aborted(segments: &[Arc<Segment>], problem: &io::Error) -> Result<(), LookupError> {
    let Some(last) = segments.last() else { return Ok(()) };
    tracing::warn!(segment = %last.path().display(), "finding the aborted transactions again: {problem}");
    let (mut open, mut found) = (BTreeMap::new(), Vec::new());
    for segment in segments {
        found.clear();
        let file = segment.file()?;
        let mut walk = Walk::new(file.as_ref(), 0, segment.size(), segment.base_offset());
        while let Some(batch) = walk.next_batch()? {
            found.extend(follow(&mut open, segment, &batch)?);
        }
    }
    last.replace_aborted(&found);
    Ok(())
}

/// Takes note of a batch; gives the transaction that it aborts. `open` are the transactions without a marker so far.
fn follow(
    open: &mut BTreeMap<ProducerId, Offset>,
    segment: &Segment,
    batch: &BatchAt,
) -> io::Result<Option<AbortedTransaction>> {
    let attributes = batch.header.attributes;
    if !attributes.is_transactional() {
        return Ok(None);
    }
    if !attributes.is_control() {
        if let Some(producer_id) = ProducerId::new(batch.header.producer_id) {
            open.entry(producer_id).or_insert(batch.base_offset);
        }
        return Ok(None);
    }
    let bytes = segment.read_batch(batch)?;
    let Some(marker) = BatchView::parse(&bytes).ok().and_then(|view| Marker::of_stored(&view)) else { return Ok(None) };
    let Some(first_offset) = open.remove(&marker.producer_id) else { return Ok(None) };
    let behind = batch.last_offset.checked_add(1).unwrap_or(batch.last_offset);
    let last_stable_offset = open.values().min().copied().unwrap_or(behind);
    let aborted = AbortedTransaction {
        producer_id: marker.producer_id,
        first_offset,
        marker_offset: batch.base_offset,
        last_stable_offset,
    };
    Ok(Some(aborted).filter(|_| marker.kind == MarkerKind::Abort))
}
