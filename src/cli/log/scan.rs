//! A segment's batches, one after the other, from the beginning of its file. Memory is that of the largest batch, and of the
//! search for the next one behind damage.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use model::num::{u64_from_usize, usize_from_u64};
use storage::batch::{BatchView, ViewError};
use storage::format::record_batch_v2::{HEADER_SIZE, MAGIC_V2, SIZE_TO_MAGIC};

/// Bytes behind damage in which the next batch is looked for.
const SEARCH_MAX: u64 = 64 << 20;

/// Reads a segment from its beginning.
#[derive(Debug)]
pub(super) struct SegmentScan {
    file: BufReader<File>,
    size: u64,
    position: u64,
    batch: Vec<u8>,
}

/// What comes next in a segment.
#[derive(Debug)]
pub(super) enum Found<'s> {
    /// A batch, of which only length and magic were judged.
    Batch {
        /// Where it begins.
        position: u64,
        /// The batch.
        batch: BatchView<'s>,
    },
    /// The end of the file, right after a batch or at its beginning.
    End,
    /// Bytes that are no batch.
    Gap(Gap),
}

/// Bytes between two batches, or after the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    /// Where it begins.
    pub(super) position: u64,
    /// How much there is.
    pub(super) size: u64,
    /// Why it is no batch.
    pub(super) error: ViewError,
    /// Whether all of it is zeros, as space is that was set aside and never written.
    pub(super) is_zeros: bool,
    /// Whether a whole batch follows. Otherwise the gap goes to the end of the file.
    pub(super) batch_follows: bool,
}

impl SegmentScan {
    const READ_SIZE: usize = 1 << 20;

    /// Opens a segment.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        Ok(Self { file: BufReader::with_capacity(Self::READ_SIZE, file), size, position: 0, batch: Vec::new() })
    }

    /// Bytes of the file.
    pub(super) const fn size(&self) -> u64 {
        self.size
    }

    /// The next batch.
    pub(super) fn next(&mut self) -> io::Result<Found<'_>> {
        let (position, left) = (self.position, self.size.saturating_sub(self.position));
        if left == 0 {
            return Ok(Found::End);
        }
        self.batch.clear();
        self.extend(u64_from_usize(HEADER_SIZE).min(left))?;
        if let Err(ViewError::Incomplete { needed, .. }) = BatchView::parse(&self.batch)
            && needed <= left
        {
            self.extend(needed.saturating_sub(u64_from_usize(self.batch.len())))?;
        }
        if let Err(error) = BatchView::parse(&self.batch).map(drop) {
            return self.skip_gap(with_found(error, left)).map(Found::Gap);
        }
        self.position += u64_from_usize(self.batch.len());
        // Parsed again, so that the arm above need not give its borrow back.
        let batch = BatchView::parse(&self.batch).map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Found::Batch { position, batch })
    }

    /// Goes on to the next whole batch, or to the end.
    fn skip_gap(&mut self, error: ViewError) -> io::Result<Gap> {
        let position = self.position;
        self.batch.clear();
        self.file.seek(SeekFrom::Start(position))?;
        let searched = (self.size - position).min(SEARCH_MAX);
        self.extend(searched)?;
        let next = next_whole_batch(&self.batch);
        let gap_end = next.unwrap_or(self.batch.len());
        let mut is_zeros = self.batch.iter().take(gap_end).all(|byte| *byte == 0);
        if next.is_none() {
            is_zeros = is_zeros && self.rest_is_zeros()?;
            self.position = self.size;
        } else {
            self.position += u64_from_usize(gap_end);
            self.file.seek(SeekFrom::Start(self.position))?;
        }
        Ok(Gap { position, size: self.position - position, error, is_zeros, batch_follows: next.is_some() })
    }

    /// Appends the next `count` bytes of the file to the batch; the buffer grows with what is there.
    fn extend(&mut self, count: u64) -> io::Result<()> {
        let wanted = self.batch.len() + usize_from_u64(count);
        (&mut self.file).take(count).read_to_end(&mut self.batch)?;
        if self.batch.len() == wanted {
            Ok(())
        } else {
            Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter while it was read"))
        }
    }

    fn rest_is_zeros(&mut self) -> io::Result<bool> {
        let mut zeros = true;
        let mut block = vec![0; Self::READ_SIZE];
        while zeros {
            let count = self.file.read(&mut block)?;
            if count == 0 {
                break;
            }
            zeros = block.iter().take(count).all(|byte| *byte == 0);
        }
        Ok(zeros)
    }
}

/// Where the first batch begins whose checksum is right; not at 0.
fn next_whole_batch(bytes: &[u8]) -> Option<usize> {
    let magic_place = SIZE_TO_MAGIC - 1;
    let candidates = bytes.windows(SIZE_TO_MAGIC).enumerate().skip(1);
    let mut with_magic = candidates.filter(|(_, window)| window.get(magic_place) == Some(&MAGIC_V2.cast_unsigned()));
    let is_whole = |place: usize| {
        let batch = bytes.get(place..).map(BatchView::parse);
        batch.is_some_and(|batch| batch.is_ok_and(|batch| batch.last_offset().is_some() && batch.crc_is_right()))
    };
    with_magic.find(|(place, _)| is_whole(*place)).map(|(place, _)| place)
}

/// The scan looks at the beginning of a batch only, so the bytes that are there are those that are left in the file.
const fn with_found(error: ViewError, left: u64) -> ViewError {
    match error {
        ViewError::Incomplete { needed, .. } => ViewError::Incomplete { needed, found: left },
        ViewError::LengthTooSmall { .. } | ViewError::WrongMagic { .. } => error,
    }
}
