//! The codecs of record batches by their names and numbers. The work is kafka-protocol's, which is not the broker's.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use kafka_protocol::compression::{Compressor, Decompressor, Gzip, Lz4, Snappy, Zstd};

/// How the records of a batch are compressed (attributes, bits 0 to 2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Codec {
    /// As they are
    #[default]
    None,
    /// Small and slow
    Gzip,
    /// Fast; in xerial's framing
    Snappy,
    /// Fast
    Lz4,
    /// Small and fast
    Zstd,
}

impl Codec {
    /// The bits of a batch's attributes.
    pub(crate) const fn bits(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Gzip => 1,
            Self::Snappy => 2,
            Self::Lz4 => 3,
            Self::Zstd => 4,
        }
    }

    /// The codec of a batch's attributes; `None` for the numbers that nobody defined.
    pub(crate) const fn from_attributes(attributes: i16) -> Option<Self> {
        match attributes & 7 {
            0 => Some(Self::None),
            1 => Some(Self::Gzip),
            2 => Some(Self::Snappy),
            3 => Some(Self::Lz4),
            4 => Some(Self::Zstd),
            _ => None,
        }
    }

    /// Compresses the records of one batch.
    ///
    /// # Errors
    /// The codec's own words.
    pub(crate) fn compress(self, records: &[u8]) -> Result<Vec<u8>, String> {
        fn with<C: Compressor<BytesMut, BufMut: bytes::BufMut>>(records: &[u8]) -> Result<Vec<u8>, String> {
            let mut out = BytesMut::new();
            let done = C::compress(&mut out, |into| {
                into.put_slice(records);
                Ok(())
            });
            done.map_err(|error| error.to_string())?;
            Ok(out.to_vec())
        }
        match self {
            Self::None => Ok(records.to_vec()),
            Self::Gzip => with::<Gzip>(records),
            Self::Snappy => with::<Snappy>(records),
            Self::Lz4 => with::<Lz4>(records),
            Self::Zstd => with::<Zstd>(records),
        }
    }

    /// Decompresses the records of one batch. The size is not bounded: the cluster is one that the caller chose.
    ///
    /// # Errors
    /// The codec's own words.
    pub(crate) fn decompress(self, records: &Bytes) -> Result<Bytes, String> {
        fn with<D: Decompressor<Bytes, Buf: bytes::Buf>>(records: &Bytes) -> Result<Bytes, String> {
            let mut from = records.clone();
            D::decompress(&mut from, |whole| Ok(whole.copy_to_bytes(whole.remaining())))
                .map_err(|error| error.to_string())
        }
        match self {
            Self::None => Ok(records.clone()),
            Self::Gzip => with::<Gzip>(records),
            Self::Snappy => with::<Snappy>(records),
            Self::Lz4 => with::<Lz4>(records),
            Self::Zstd => with::<Zstd>(records),
        }
    }
}
