//! Record batches as they lie in segment files: counted references to ranges of files, from which the bytes are sent without
//! being read here.
//!
//! The files stay readable while a slice exists, also after their segment was deleted.

use std::io;
use std::sync::Arc;

use model::num::usize_from_u32;

use crate::disk::DiskFile;

/// A range of a file.
#[derive(Clone, Debug)]
pub struct FileRange {
    /// The file, open.
    pub file: Arc<dyn DiskFile>,
    /// Where the range begins, in bytes.
    pub position: u64,
    /// Its bytes.
    pub length: u32,
}

/// Whole record batches in the order of their offsets.
#[derive(Clone, Debug, Default)]
pub struct LogSlice {
    parts: Vec<FileRange>,
    size: u32,
}

impl LogSlice {
    /// A slice of no bytes.
    #[must_use]
    pub const fn empty() -> Self {
        Self { parts: Vec::new(), size: 0 }
    }

    /// Appends a range; the caller sees that the sum fits.
    pub(crate) fn push(&mut self, range: FileRange) {
        self.size = self.size.saturating_add(range.length);
        self.parts.push(range);
    }

    /// Bytes of all ranges.
    #[must_use]
    pub const fn size(&self) -> u32 {
        self.size
    }

    /// Whether there is nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.size == 0
    }

    /// The ranges, in order.
    #[must_use]
    pub fn ranges(&self) -> &[FileRange] {
        &self.parts
    }

    /// Gives the ranges away.
    #[must_use]
    pub fn into_ranges(self) -> Vec<FileRange> {
        self.parts
    }

    /// Reads all bytes into memory.
    ///
    /// # Errors
    /// What the system says.
    pub fn read_to_vec(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize_from_u32(self.size)];
        let mut rest = bytes.as_mut_slice();
        for part in &self.parts {
            let (range, later) = rest.split_at_mut(usize_from_u32(part.length));
            part.file.read_exact_at(range, part.position)?;
            rest = later;
        }
        Ok(bytes)
    }
}
