//! The batches of a segment from front to back, whole and with their checksums held against their bytes.

use std::io;

use model::Offset;
use model::num::{u64_from_usize, usize_from_u32, usize_from_u64};
use model::wire::Reader;

use crate::batch::BatchView;
use crate::disk::DiskFile;
use crate::format::record_batch_v2::{HEADER_SIZE, RecordBatchHeader};
use crate::segment::{BatchAt, Flaw, WalkError, judge};

/// Reads through a buffer, which grows for a larger batch and only for that one.
#[derive(Debug)]
pub(super) struct BatchReader<'a> {
    file: &'a dyn DiskFile,
    end: u32,
    next_offset: Offset,
    buffer_size: usize,
    bytes: Vec<u8>,
    /// Where `bytes` begin in the file.
    bytes_at: u32,
    position: u32,
    /// Bytes that were read since they were last asked for.
    read: u64,
}

impl<'a> BatchReader<'a> {
    /// A reader of the batches from `position`, where one begins, up to `end`; the offsets of all are at least `first_offset`.
    pub(super) fn new(
        file: &'a dyn DiskFile,
        (position, end): (u32, u32),
        first_offset: Offset,
        buffer_size: usize,
    ) -> Self {
        Self {
            file,
            end,
            next_offset: first_offset,
            buffer_size: buffer_size.max(HEADER_SIZE),
            bytes: Vec::new(),
            bytes_at: position,
            position,
            read: 0,
        }
    }

    /// The next batch; `None` at the end.
    ///
    /// # Errors
    /// [`WalkError`]: it cannot be read, or is damaged.
    pub(super) fn next_batch(&mut self) -> Result<Option<(BatchAt, BatchView<'_>)>, WalkError> {
        if self.position >= self.end {
            return Ok(None);
        }
        let position = self.position;
        let damaged = |flaw| WalkError::Damaged { position, flaw };
        self.fill(u64_from_usize(HEADER_SIZE))?;
        let header = RecordBatchHeader::read(&mut Reader::new(self.here())).map_err(|_| damaged(Flaw::CutShort))?;
        let batch = judge(&header, position, self.end, self.next_offset).map_err(damaged)?;
        self.fill(u64::from(batch.size))?;
        self.position = batch.end();
        self.next_offset = batch.last_offset.checked_add(1).unwrap_or(Offset::MAX);
        let start = usize_from_u32(position - self.bytes_at);
        let bytes = self.bytes.get(start..).unwrap_or_default();
        let view = BatchView::parse(bytes).map_err(|_| damaged(Flaw::CutShort))?;
        let computed = view.compute_crc();
        if computed != header.crc {
            return Err(damaged(Flaw::Checksum { stored: header.crc, computed }));
        }
        Ok(Some((batch, view)))
    }

    /// Bytes that were read from the file since this was last asked.
    pub(super) fn take_read(&mut self) -> u64 {
        std::mem::take(&mut self.read)
    }

    fn here(&self) -> &[u8] {
        self.bytes.get(usize_from_u32(self.position - self.bytes_at)..).unwrap_or_default()
    }

    /// Has `count` bytes at the position in the buffer, or what there is up to the end.
    fn fill(&mut self, count: u64) -> Result<(), WalkError> {
        let left = u64::from(self.end - self.position);
        if u64_from_usize(self.here().len()) >= count.min(left) {
            return Ok(());
        }
        let position = self.position;
        let wanted = usize_from_u64(count).max(self.buffer_size).min(usize_from_u64(left));
        if self.bytes.capacity() > self.buffer_size && wanted <= self.buffer_size {
            // The batch that it had grown for is done.
            self.bytes = Vec::new();
        }
        self.bytes.resize(wanted, 0);
        let filled = self.file.read_up_to_at(&mut self.bytes, u64::from(position));
        let filled = filled.map_err(|error| WalkError::Io { position, error })?;
        self.bytes.truncate(filled);
        self.bytes_at = position;
        self.read = self.read.saturating_add(u64_from_usize(filled));
        if u64_from_usize(filled) < count.min(left) {
            let error = io::Error::new(io::ErrorKind::UnexpectedEof, "the segment became shorter while it was read");
            return Err(WalkError::Io { position, error });
        }
        Ok(())
    }
}
