//! Snappy as Kafka's clients write it: the framing of snappy-java (a 16-byte header, then blocks, each behind its length),
//! or one bare block, which is what several clients that are not Java send.

use std::io::{self, ErrorKind, Read, Write};

use model::num::u64_from_usize;

/// What a framed stream opens with; two version numbers of four bytes follow.
const MAGIC: &[u8; 8] = b"\x82SNAPPY\0";
const VERSIONS_SIZE: usize = 8;

/// The two versions, both 1: that of the writer and the oldest that can read it.
const VERSIONS: [u8; VERSIONS_SIZE] = [0, 0, 0, 1, 0, 0, 0, 1];
/// Bytes of a block before it is compressed: snappy-java's, which all readers know.
const BLOCK_SIZE: usize = 32 * 1024;

/// No block can grow more than this: the densest element of the format is a copy, 64 bytes out of three.
const EXPANSION_MAX: usize = 22;

/// Decodes block by block. Holds one decoded block: at most [`EXPANSION_MAX`] times its compressed bytes, and never more
/// than the reader looks at.
#[derive(Debug)]
pub(super) struct SnappyReader<'a> {
    compressed: &'a [u8],
    framed: bool,
    block_size_max: u64,
    block: Vec<u8>,
    /// How much of `block` was already read.
    taken: usize,
}

impl<'a> SnappyReader<'a> {
    pub(super) fn new(compressed: &'a [u8], block_size_max: u64) -> Self {
        Self { compressed, framed: compressed.starts_with(MAGIC), block_size_max, block: Vec::new(), taken: 0 }
    }

    /// Takes the next compressed block from what is left; `None` at the end.
    fn next_block(&mut self) -> io::Result<Option<&'a [u8]>> {
        if !self.framed {
            let whole = std::mem::take(&mut self.compressed);
            return Ok(if whole.is_empty() { None } else { Some(whole) });
        }
        // snappy-java reads streams that were joined: each part brings its header.
        while self.compressed.starts_with(MAGIC) {
            self.compressed = self.compressed.get(MAGIC.len() + VERSIONS_SIZE..).ok_or_else(cut_short)?;
        }
        if self.compressed.is_empty() {
            return Ok(None);
        }
        let (length, rest) = self.compressed.split_first_chunk::<4>().ok_or_else(cut_short)?;
        let length =
            usize::try_from(i32::from_be_bytes(*length)).map_err(|_| bad("a snappy block of negative length"))?;
        let (block, rest) = rest.split_at_checked(length).ok_or_else(cut_short)?;
        self.compressed = rest;
        Ok(Some(block))
    }

    fn decode(&mut self, block: &[u8]) -> io::Result<()> {
        let size = snap::raw::decompress_len(block).map_err(|_| bad("a snappy block without its size"))?;
        if size > block.len().saturating_mul(EXPANSION_MAX) {
            return Err(bad("a snappy block that claims more bytes than it could hold"));
        }
        if u64_from_usize(size) > self.block_size_max {
            let what = "a snappy block that claims more bytes than are looked at";
            return Err(io::Error::new(ErrorKind::FileTooLarge, what));
        }
        self.block.resize(size, 0);
        self.taken = 0;
        let decoded = snap::raw::Decoder::new().decompress(block, &mut self.block);
        decoded.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        Ok(())
    }
}

impl Read for SnappyReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut left = self.block.get(self.taken..).unwrap_or_default();
            if !left.is_empty() || buffer.is_empty() {
                let count = left.read(buffer)?;
                self.taken += count;
                return Ok(count);
            }
            let Some(block) = self.next_block()? else { return Ok(0) };
            self.decode(block)?;
        }
    }
}

/// Encodes block by block, in the framing.
#[derive(Debug)]
pub(super) struct SnappyWriter {
    to: Vec<u8>,
    block: Vec<u8>,
}

impl SnappyWriter {
    pub(super) fn new(mut to: Vec<u8>) -> Self {
        to.extend_from_slice(MAGIC);
        to.extend_from_slice(&VERSIONS);
        Self { to, block: Vec::new() }
    }

    pub(super) const fn written(&self) -> usize {
        self.to.len()
    }

    pub(super) fn finish(mut self) -> io::Result<Vec<u8>> {
        if !self.block.is_empty() {
            self.encode()?;
        }
        Ok(self.to)
    }

    fn encode(&mut self) -> io::Result<()> {
        let encoded = snap::raw::Encoder::new().compress_vec(&self.block).map_err(io::Error::other)?;
        let length = i32::try_from(encoded.len()).map_err(io::Error::other)?;
        self.to.extend_from_slice(&length.to_be_bytes());
        self.to.extend_from_slice(&encoded);
        self.block.clear();
        Ok(())
    }
}

impl Write for SnappyWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = BLOCK_SIZE - self.block.len();
        let taken = bytes.get(..bytes.len().min(room)).unwrap_or_default();
        self.block.extend_from_slice(taken);
        if self.block.len() == BLOCK_SIZE {
            self.encode()?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn cut_short() -> io::Error {
    io::Error::new(ErrorKind::UnexpectedEof, "a snappy stream is cut short")
}

fn bad(what: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}
