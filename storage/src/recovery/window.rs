//! A file read from front to back through one buffer, whatever the batches in it claim to be.

use std::io;

use model::num::{u64_from_usize, usize_from_u32, usize_from_u64};

use crate::disk::DiskFile;

/// Bytes that one read brings.
const WINDOW_BYTES: u32 = 1 << 20;

/// A buffer over a part of a file.
#[derive(Debug)]
pub(super) struct Window<'a> {
    file: &'a dyn DiskFile,
    end: u32,
    bytes: Vec<u8>,
    position: u32,
}

impl<'a> Window<'a> {
    /// A window over the first `end` bytes of `file`.
    pub(super) const fn new(file: &'a dyn DiskFile, end: u32) -> Self {
        Self { file, end, bytes: Vec::new(), position: 0 }
    }

    /// The bytes at `position`: `count` of them, or fewer at the end of the file or where the window is too small.
    pub(super) fn at(&mut self, position: u32, count: u32) -> io::Result<&[u8]> {
        let count = count.min(WINDOW_BYTES).min(self.end.saturating_sub(position));
        if !self.holds(position, count) {
            self.fill(position)?;
        }
        let start = usize_from_u32(position - self.position);
        let end = start.saturating_add(usize_from_u32(count)).min(self.bytes.len());
        Ok(self.bytes.get(start..end).unwrap_or_default())
    }

    /// CRC-32C of the bytes from `position` up to `end`.
    pub(super) fn crc(&mut self, mut position: u32, end: u32) -> io::Result<u32> {
        let mut crc = 0;
        while position < end {
            let bytes = self.at(position, end - position)?;
            if bytes.is_empty() {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter while it was read"));
            }
            crc = crc32c::crc32c_append(crc, bytes);
            position = position.saturating_add(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        }
        Ok(crc)
    }

    fn holds(&self, position: u32, count: u32) -> bool {
        let held_to = u64::from(self.position) + u64_from_usize(self.bytes.len());
        position >= self.position && u64::from(position) + u64::from(count) <= held_to
    }

    fn fill(&mut self, position: u32) -> io::Result<()> {
        let wanted = WINDOW_BYTES.min(self.end.saturating_sub(position));
        self.bytes.resize(usize_from_u64(u64::from(wanted)), 0);
        self.position = position;
        let filled = self.file.read_up_to_at(&mut self.bytes, u64::from(position))?;
        self.bytes.truncate(filled);
        Ok(())
    }
}
