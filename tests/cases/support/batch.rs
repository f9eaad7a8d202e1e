//! Record batches by hand: every field of the header can be a lie, and the checksum is redone over the lie unless it is one
//! itself. And back: what a fetch returned, read without any of our code.

use super::message::hex;

/// Bytes before the part that `batchLength` counts: base offset and the length itself.
const LENGTH_END: usize = 12;
const ATTRIBUTES_START: usize = 21;
/// The header of a batch of version 2; the records follow.
pub(crate) const HEADER_SIZE: usize = 61;

pub(crate) const GZIP: i16 = 1;
pub(crate) const LZ4: i16 = 3;
pub(crate) const ZSTD: i16 = 4;
pub(crate) const LOG_APPEND_TIME: i16 = 8;
pub(crate) const TRANSACTIONAL: i16 = 16;
pub(crate) const CONTROL: i16 = 32;

#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    pub(crate) timestamp_delta: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Record {
    pub(crate) fn new(key: Option<&str>, value: &[u8]) -> Self {
        Self { key: key.map(|key| key.as_bytes().to_vec()), value: Some(value.to_vec()), ..Self::default() }
    }

    /// The record with its length in front, as it stands in a batch.
    pub(crate) fn bytes(&self, offset_delta: i32) -> Vec<u8> {
        let mut body = vec![0];
        body.extend(varint(self.timestamp_delta));
        body.extend(varint(i64::from(offset_delta)));
        blob(&mut body, self.key.as_deref());
        blob(&mut body, self.value.as_deref());
        body.extend(varint(self.headers.len() as i64));
        for (name, value) in &self.headers {
            blob(&mut body, Some(name.as_bytes()));
            blob(&mut body, value.as_deref());
        }
        let mut bytes = varint(body.len() as i64);
        bytes.extend(body);
        bytes
    }
}

/// A zig-zag varint, of up to 64 bits.
pub(crate) fn varint(value: i64) -> Vec<u8> {
    let mut raw = (value << 1 ^ value >> 63) as u64;
    let mut bytes = Vec::new();
    while raw >= 0x80 {
        bytes.push(raw as u8 & 0x7f | 0x80);
        raw >>= 7;
    }
    bytes.push(raw as u8);
    bytes
}

fn blob(to: &mut Vec<u8>, bytes: Option<&[u8]>) {
    to.extend(varint(bytes.map_or(-1, |bytes| bytes.len() as i64)));
    to.extend_from_slice(bytes.unwrap_or_default());
}

/// A batch to send; `None` in a field means the true value.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    pub(crate) base_offset: i64,
    pub(crate) length: Option<i32>,
    pub(crate) leader_epoch: i32,
    pub(crate) magic: i8,
    pub(crate) crc: Option<u32>,
    /// With a codec in the low bits the records are compressed, unless `body` is given.
    pub(crate) attributes: i16,
    pub(crate) last_offset_delta: Option<i32>,
    pub(crate) base_timestamp: i64,
    pub(crate) max_timestamp: Option<i64>,
    pub(crate) producer_id: i64,
    pub(crate) producer_epoch: i16,
    pub(crate) base_sequence: i32,
    pub(crate) record_count: Option<i32>,
    pub(crate) records: Vec<Record>,
    /// What stands after the header, in place of the records.
    pub(crate) body: Option<Vec<u8>>,
}

impl Batch {
    /// A batch without lies, of records without keys.
    pub(crate) fn of(values: &[&str]) -> Self {
        Self::from(values.iter().map(|value| Record::new(None, value.as_bytes())).collect::<Vec<_>>())
    }

    /// A batch of an idempotent producer.
    pub(crate) fn idempotent(producer: (i64, i16), base_sequence: i32, values: &[&str]) -> Self {
        Self { producer_id: producer.0, producer_epoch: producer.1, base_sequence, ..Self::of(values) }
    }

    pub(crate) fn at(self, base_timestamp: i64) -> Self {
        Self { base_timestamp, ..self }
    }

    /// The records as they stand in the batch, not compressed.
    pub(crate) fn plain_body(&self) -> Vec<u8> {
        (0..).zip(&self.records).flat_map(|(delta, record)| record.bytes(delta)).collect()
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let body = self.body.clone().unwrap_or_else(|| compress(self.attributes & 7, &self.plain_body()));
        let count = self.records.len() as i32;
        let latest = self.records.iter().map(|record| record.timestamp_delta).max().unwrap_or(0);
        let mut bytes = self.base_offset.to_be_bytes().to_vec();
        bytes.extend([0; 4]);
        bytes.extend(self.leader_epoch.to_be_bytes());
        bytes.extend(self.magic.to_be_bytes());
        bytes.extend([0; 4]);
        bytes.extend(self.attributes.to_be_bytes());
        bytes.extend(self.last_offset_delta.unwrap_or(count - 1).to_be_bytes());
        bytes.extend(self.base_timestamp.to_be_bytes());
        bytes.extend(self.max_timestamp.unwrap_or(self.base_timestamp + latest).to_be_bytes());
        bytes.extend(self.producer_id.to_be_bytes());
        bytes.extend(self.producer_epoch.to_be_bytes());
        bytes.extend(self.base_sequence.to_be_bytes());
        bytes.extend(self.record_count.unwrap_or(count).to_be_bytes());
        bytes.extend(body);
        let length = self.length.unwrap_or((bytes.len() - LENGTH_END) as i32);
        bytes[8..LENGTH_END].copy_from_slice(&length.to_be_bytes());
        let crc = self.crc.unwrap_or_else(|| crc32c::crc32c(&bytes[ATTRIBUTES_START..]));
        bytes[17..ATTRIBUTES_START].copy_from_slice(&crc.to_be_bytes());
        bytes
    }

    /// The bytes as the codec of `message` wants them.
    pub(crate) fn hex(&self) -> String {
        hex(&self.bytes())
    }
}

impl From<Vec<Record>> for Batch {
    fn from(records: Vec<Record>) -> Self {
        Self {
            base_offset: 0,
            length: None,
            leader_epoch: -1,
            magic: 2,
            crc: None,
            attributes: 0,
            last_offset_delta: None,
            base_timestamp: super::now_ms(),
            max_timestamp: None,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            record_count: None,
            records,
            body: None,
        }
    }
}

fn compress(codec: i16, plain: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    match codec {
        GZIP => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(plain).unwrap();
            encoder.finish().unwrap()
        }
        LZ4 => {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
            encoder.write_all(plain).unwrap();
            encoder.finish().unwrap()
        }
        ZSTD => zstd::encode_all(plain, 3).unwrap(),
        _ => plain.to_vec(),
    }
}

/// The header of a batch that a broker returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) base_offset: i64,
    pub(crate) leader_epoch: i32,
    pub(crate) attributes: i16,
    pub(crate) last_offset_delta: i32,
    pub(crate) base_timestamp: i64,
    pub(crate) max_timestamp: i64,
    pub(crate) producer: (i64, i16, i32),
    pub(crate) record_count: i32,
    pub(crate) body: Vec<u8>,
}

impl Stored {
    pub(crate) fn last_offset(&self) -> i64 {
        self.base_offset + i64::from(self.last_offset_delta)
    }
}

/// The whole batches at the start of `bytes`, each with a right checksum, and how many bytes of a cut one follow.
pub(crate) fn stored(bytes: &[u8]) -> (Vec<Stored>, usize) {
    let mut batches = Vec::new();
    let mut rest = bytes;
    while rest.len() >= HEADER_SIZE {
        let size = LENGTH_END + i32_at(rest, 8) as usize;
        if size > rest.len() {
            break;
        }
        let (batch, after) = rest.split_at(size);
        assert_eq!(
            i32_at(batch, 17) as u32,
            crc32c::crc32c(&batch[ATTRIBUTES_START..]),
            "the checksum of a stored batch"
        );
        batches.push(Stored {
            base_offset: i64_at(batch, 0),
            leader_epoch: i32_at(batch, 12),
            attributes: i16_at(batch, 21),
            last_offset_delta: i32_at(batch, 23),
            base_timestamp: i64_at(batch, 27),
            max_timestamp: i64_at(batch, 35),
            producer: (i64_at(batch, 43), i16_at(batch, 51), i32_at(batch, 53)),
            record_count: i32_at(batch, 57),
            body: batch[HEADER_SIZE..].to_vec(),
        });
        rest = after;
    }
    (batches, rest.len())
}

fn i16_at(bytes: &[u8], at: usize) -> i16 {
    i16::from_be_bytes(bytes[at..at + 2].try_into().unwrap())
}

fn i32_at(bytes: &[u8], at: usize) -> i32 {
    i32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn i64_at(bytes: &[u8], at: usize) -> i64 {
    i64::from_be_bytes(bytes[at..at + 8].try_into().unwrap())
}
