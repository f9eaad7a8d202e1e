//! The codec that a topic asks for, where a producer took another one (`compression.type`). The records stay as they are, byte
//! for byte; only what they are wrapped in changes.

use std::io::{self, Read, Write};

use model::config::{CompressionType, TopicConfig};
use model::num::u64_from_usize;

use crate::compression::{Codec, Encoder, Level, decompress};

/// Bytes that are taken over at a time.
const PIECE_BYTES: usize = 16 * 1024;

/// The codec and the level that batches of a topic are stored with; `None` where they are stored as they come.
pub(super) const fn wanted(config: &TopicConfig) -> Option<(Codec, Level)> {
    let codec = match config.compression_type {
        CompressionType::Producer => return None,
        CompressionType::Uncompressed => Codec::None,
        CompressionType::Gzip => Codec::Gzip,
        CompressionType::Snappy => Codec::Snappy,
        CompressionType::Lz4 => Codec::Lz4,
        CompressionType::Zstd => Codec::Zstd,
    };
    Some((codec, level_of(codec, config)))
}

/// How hard a codec tries where the broker compresses for a topic.
pub(crate) const fn level_of(codec: Codec, config: &TopicConfig) -> Level {
    match codec {
        // -1 is gzip's own default.
        Codec::Gzip if config.compression_gzip_level < 0 => Level::Default,
        Codec::Gzip => Level::Number(config.compression_gzip_level),
        Codec::Lz4 => Level::Number(config.compression_lz4_level),
        Codec::Zstd => Level::Number(config.compression_zstd_level),
        Codec::None | Codec::Snappy => Level::Default,
    }
}

/// `payload` in another codec; `None` if it would have more than `size_max` bytes, which is found out on the way.
///
/// # Errors
/// The payload is not what its codec expects, or the level is none of the other codec's.
pub(super) fn recode(
    payload: &[u8],
    (from, decompressed_size_max): (Codec, u32),
    (to, level): (Codec, Level),
    size_max: u64,
) -> io::Result<Option<Vec<u8>>> {
    let mut records = decompress(from, payload, u64::from(decompressed_size_max))?;
    let mut encoder = Encoder::new(to, level, Vec::new())?;
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let count = match records.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        encoder.write_all(piece.get(..count).unwrap_or_default())?;
        if u64_from_usize(encoder.written()) > size_max {
            return Ok(None);
        }
    }
    let recoded = encoder.finish()?;
    Ok(Some(recoded).filter(|recoded| u64_from_usize(recoded.len()) <= size_max))
}
