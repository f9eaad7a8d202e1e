//! The four codecs of record batches, encoding: for batches that the broker makes out of others, when a topic asks for its own
//! codec or compaction takes records away. As streams, because what goes in may be much larger than what comes out.

use std::io::{self, Write};

use super::Codec;
use super::snappy::SnappyWriter;

/// How hard a codec tries. Each has its own scale, which is Kafka's (KIP-390).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// What the codec's library takes for a good middle.
    Default,
    /// A number of the codec's scale.
    Number(i32),
}

/// zstd's own default, and that of `compression.zstd.level`.
const ZSTD_LEVEL: i32 = 3;

/// Compresses what is written to it.
pub struct Encoder(Kind);

enum Kind {
    Plain(Vec<u8>),
    Gzip(flate2::write::GzEncoder<Vec<u8>>),
    Snappy(SnappyWriter),
    Lz4(lz4::Encoder<Vec<u8>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl Encoder {
    /// An encoder that appends to `to`, behind what is there.
    ///
    /// # Errors
    /// A level that the codec does not have.
    pub fn new(codec: Codec, level: Level, to: Vec<u8>) -> io::Result<Self> {
        Ok(Self(match codec {
            Codec::None => Kind::Plain(to),
            Codec::Gzip => Kind::Gzip(flate2::write::GzEncoder::new(to, gzip_level(level))),
            Codec::Snappy => Kind::Snappy(SnappyWriter::new(to)),
            Codec::Lz4 => {
                // As Kafka writes it; its Java client reads only blocks that stand alone.
                let mut builder = lz4::EncoderBuilder::new();
                builder.block_size(lz4::BlockSize::Max64KB).block_mode(lz4::BlockMode::Independent);
                Kind::Lz4(builder.checksum(lz4::ContentChecksum::NoChecksum).level(lz4_level(level)).build(to)?)
            }
            Codec::Zstd => {
                let level = match level {
                    Level::Default => ZSTD_LEVEL,
                    Level::Number(level) => level,
                };
                Kind::Zstd(zstd::stream::write::Encoder::new(to, level)?)
            }
        }))
    }

    /// Bytes that came out by now, those before the stream included.
    #[must_use]
    pub fn written(&self) -> usize {
        match &self.0 {
            Kind::Plain(to) => to.len(),
            Kind::Gzip(encoder) => encoder.get_ref().len(),
            Kind::Snappy(writer) => writer.written(),
            Kind::Lz4(encoder) => encoder.writer().len(),
            Kind::Zstd(encoder) => encoder.get_ref().len(),
        }
    }

    /// Ends the stream.
    ///
    /// # Errors
    /// What the codec's library says.
    pub fn finish(self) -> io::Result<Vec<u8>> {
        match self.0 {
            Kind::Plain(bytes) => Ok(bytes),
            Kind::Gzip(encoder) => encoder.finish(),
            Kind::Snappy(writer) => writer.finish(),
            Kind::Lz4(encoder) => {
                let (bytes, result) = encoder.finish();
                result.map(|()| bytes)
            }
            Kind::Zstd(encoder) => encoder.finish(),
        }
    }
}

fn gzip_level(level: Level) -> flate2::Compression {
    match level {
        Level::Number(level) => {
            u32::try_from(level).map_or_else(|_| flate2::Compression::default(), flate2::Compression::new)
        }
        Level::Default => flate2::Compression::default(),
    }
}

/// Kafka takes the fast way for its default and the thorough one for every other number.
fn lz4_level(level: Level) -> u32 {
    match level {
        Level::Default | Level::Number(9) => 0,
        // Below 3 the library goes the fast way, too.
        Level::Number(level) => u32::try_from(level).unwrap_or(0).max(3),
    }
}

impl Write for Encoder {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Kind::Plain(to) => to.write(bytes),
            Kind::Gzip(encoder) => encoder.write(bytes),
            Kind::Snappy(writer) => writer.write(bytes),
            Kind::Lz4(encoder) => encoder.write(bytes),
            Kind::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        // A flush in the middle would make the stream longer; the end is in `finish`.
        Ok(())
    }
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Encoder")
    }
}
