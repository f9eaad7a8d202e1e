//! Stepping through the batches of a segment by their headers, without reading what lies between.

use std::io;

use model::num::{u64_from_usize, usize_from_u64};
use model::wire::Reader;
use model::{Offset, Timestamp};

use crate::disk::DiskFile;
use crate::format::record_batch_v2::{BATCH_LENGTH_MIN, HEADER_SIZE, LENGTH_EXCLUDES, MAGIC_V2, RecordBatchHeader};

/// Bytes that one read brings while batches are small: an index interval, so that a lookup mostly needs one read.
const WINDOW_BYTES: usize = 4096;
const HEADER_BYTES: u64 = 61;

/// A batch in a segment, as its header says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchAt {
    /// The header.
    pub(crate) header: RecordBatchHeader,
    /// Where the batch begins, in bytes.
    pub(crate) position: u32,
    /// Its bytes, header included.
    pub(crate) size: u32,
    /// The offset of its first record.
    pub(crate) base_offset: Offset,
    /// The offset of its last record.
    pub(crate) last_offset: Offset,
}

impl BatchAt {
    /// Where the next batch begins.
    #[must_use]
    pub(crate) const fn end(&self) -> u32 {
        // The walk has seen that the sum lies within the segment.
        self.position.saturating_add(self.size)
    }

    /// The largest timestamp of its records; [`Timestamp::NONE`] if compaction has left it none. Its header then still says the
    /// time of those that it had, as in Kafka, and no lookup by time may end there.
    #[must_use]
    pub(crate) const fn max_timestamp(&self) -> Timestamp {
        if self.header.records_count == 0 { Timestamp::NONE } else { Timestamp::new(self.header.max_timestamp) }
    }
}

/// Why a walk cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WalkError {
    /// The system failed to read.
    #[error("reading at {position}: {error}")]
    Io {
        /// Where, in bytes.
        position: u32,
        /// What the system says.
        error: io::Error,
    },
    /// The bytes there are not a batch that could follow the one before.
    #[error("at {position}: {flaw}")]
    Damaged {
        /// Where, in bytes.
        position: u32,
        /// What is wrong.
        flaw: Flaw,
    },
}

/// What is wrong with the bytes where a batch should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Flaw {
    /// The header or what it announces goes on past the end.
    #[error("the segment ends within a batch")]
    CutShort,
    /// The length leaves no room for the header.
    #[error("batch length {0} is too small")]
    Length(i32),
    /// Another format.
    #[error("magic {0} is not 2")]
    Magic(i8),
    /// Offsets that are negative, or end past the last.
    #[error("base offset {base_offset} with last offset delta {last_offset_delta} is outside of the offsets")]
    Offsets {
        /// The base offset found.
        base_offset: i64,
        /// The delta found.
        last_offset_delta: i32,
    },
    /// The batch is not the one that belongs there.
    #[error("base offset {found} where {expected} is next")]
    OutOfOrder {
        /// The base offset found.
        found: Offset,
        /// The offset after the batch before.
        expected: Offset,
    },
    /// An epoch smaller than that of the batch before.
    #[error("leader epoch {found} after {before}")]
    EpochFell {
        /// The epoch found.
        found: i32,
        /// The epoch of the batch before.
        before: i32,
    },
    /// The checksum does not fit the bytes.
    #[error("the checksum {stored:08x} does not fit the bytes, whose is {computed:08x}")]
    Checksum {
        /// What the header says.
        stored: u32,
        /// What the bytes have.
        computed: u32,
    },
}

/// Walks from one batch to the next.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    file: &'a dyn DiskFile,
    position: u32,
    end: u32,
    next_offset: Offset,
    window: Vec<u8>,
    window_position: u32,
    last_size: u32,
}

impl<'a> Walk<'a> {
    /// A walk over the batches from `position`, where one begins, up to `end`. No offset may lie before `first_offset`.
    #[must_use]
    pub(crate) const fn new(file: &'a dyn DiskFile, position: u32, end: u32, first_offset: Offset) -> Self {
        Self { file, position, end, next_offset: first_offset, window: Vec::new(), window_position: 0, last_size: 0 }
    }

    /// The next batch; `None` at the end. After an error the walk stands where it was.
    ///
    /// # Errors
    /// [`WalkError`].
    pub(crate) fn next_batch(&mut self) -> Result<Option<BatchAt>, WalkError> {
        if self.position >= self.end {
            return Ok(None);
        }
        let position = self.position;
        let header = self.read_header()?;
        let batch = judge(&header, position, self.end, self.next_offset)
            .map_err(|flaw| WalkError::Damaged { position, flaw })?;
        self.position = batch.end();
        self.last_size = batch.size;
        // The last offset of all has no successor, and no batch follows it.
        self.next_offset = batch.last_offset.checked_add(1).unwrap_or(Offset::MAX);
        Ok(Some(batch))
    }

    /// Goes to `position`, where a batch begins; bytes that were read stay at hand.
    pub(crate) const fn restart(&mut self, position: u32, first_offset: Offset) {
        self.position = position;
        self.next_offset = first_offset;
    }

    fn read_header(&mut self) -> Result<RecordBatchHeader, WalkError> {
        let position = self.position;
        let cut_short = WalkError::Damaged { position, flaw: Flaw::CutShort };
        if u64::from(self.end - position) < HEADER_BYTES {
            return Err(cut_short);
        }
        if !self.window_has_header() {
            self.fill_window().map_err(|error| WalkError::Io { position, error })?;
        }
        let start = usize_from_u64(u64::from(position - self.window_position));
        let bytes = self.window.get(start..).unwrap_or_default();
        RecordBatchHeader::read(&mut Reader::new(bytes)).map_err(|_| cut_short)
    }

    fn window_has_header(&self) -> bool {
        let end = u64::from(self.window_position) + u64_from_usize(self.window.len());
        self.position >= self.window_position && u64::from(self.position) + HEADER_BYTES <= end
    }

    fn fill_window(&mut self) -> io::Result<()> {
        // Large batches: the window would bring mostly records.
        let wanted = if usize_from_u64(u64::from(self.last_size)) > WINDOW_BYTES { HEADER_SIZE } else { WINDOW_BYTES };
        let left = usize_from_u64(u64::from(self.end - self.position));
        self.window.resize(wanted.min(left), 0);
        self.window_position = self.position;
        let filled = self.file.read_up_to_at(&mut self.window, u64::from(self.position))?;
        self.window.truncate(filled);
        Ok(())
    }
}

/// What can be said from the header alone.
pub(crate) fn judge(
    header: &RecordBatchHeader,
    position: u32,
    end: u32,
    expected_offset: Offset,
) -> Result<BatchAt, Flaw> {
    if header.magic != MAGIC_V2 {
        return Err(Flaw::Magic(header.magic));
    }
    if header.batch_length < BATCH_LENGTH_MIN {
        return Err(Flaw::Length(header.batch_length));
    }
    let offsets = Flaw::Offsets { base_offset: header.base_offset, last_offset_delta: header.last_offset_delta };
    let delta = u64::try_from(header.last_offset_delta).map_err(|_| offsets)?;
    let base_offset = Offset::new(header.base_offset).ok_or(offsets)?;
    let last_offset = base_offset.checked_add(delta).ok_or(offsets)?;
    let size = header.batch_length.unsigned_abs().checked_add(u32::try_from(LENGTH_EXCLUDES).unwrap_or(0));
    let size = size.filter(|size| *size <= end.saturating_sub(position)).ok_or(Flaw::CutShort)?;
    if base_offset < expected_offset {
        return Err(Flaw::OutOfOrder { found: base_offset, expected: expected_offset });
    }
    Ok(BatchAt { header: *header, position, size, base_offset, last_offset })
}
