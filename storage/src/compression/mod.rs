//! The four codecs of record batches, as streams: what a batch says about its size is never believed, and whoever reads
//! decides how many bytes are enough.
//!
//! Does not know records or batches.

mod encode;
mod snappy;

use std::io::{self, Read};

pub use encode::{Encoder, Level};

/// How the records of a batch are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// Not at all.
    None,
    /// RFC 1952.
    Gzip,
    /// Snappy blocks in the framing of snappy-java ("xerial"), or one bare block.
    Snappy,
    /// The LZ4 frame format.
    Lz4,
    /// RFC 8878 (KIP-110).
    Zstd,
}

impl Codec {
    /// The codec of a batch's attributes; `None` for the numbers 5 to 7, which nobody assigned.
    #[must_use]
    pub const fn from_id(id: u8) -> Option<Self> {
        match id {
            0 => Some(Self::None),
            1 => Some(Self::Gzip),
            2 => Some(Self::Snappy),
            3 => Some(Self::Lz4),
            4 => Some(Self::Zstd),
            _ => None,
        }
    }

    /// The number in a batch's attributes.
    #[must_use]
    pub const fn id(self) -> i8 {
        match self {
            Self::None => 0,
            Self::Gzip => 1,
            Self::Snappy => 2,
            Self::Lz4 => 3,
            Self::Zstd => 4,
        }
    }

    /// The name in Kafka's `compression.type`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

/// The largest window that a zstd frame may ask for, as a power of two: 128 MiB, which is also what the Java client accepts.
/// A frame that only claims such a window costs address space; pages are touched as bytes come out.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// Decodes `compressed` as it is read. Memory is the codec's window, whatever the bytes claim; of snappy, which has none, one
/// block of at most `block_size_max` bytes.
///
/// # Errors
/// An [`io::Error`] here or from reading says that the bytes are not what the codec expects; there is no other reason,
/// because nothing but memory is read. It is of the kind `FileTooLarge` if a block is larger than `block_size_max`.
pub fn decompress<'a>(codec: Codec, compressed: &'a [u8], block_size_max: u64) -> io::Result<Box<dyn Read + 'a>> {
    Ok(match codec {
        Codec::None => Box::new(compressed),
        Codec::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(compressed)),
        Codec::Snappy => Box::new(snappy::SnappyReader::new(compressed, block_size_max)),
        Codec::Lz4 => Box::new(lz4_flex::frame::FrameDecoder::new(compressed)),
        Codec::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(compressed)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
            Box::new(decoder)
        }
    })
}
