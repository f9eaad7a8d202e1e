//! Batches byte by byte, as wrong as a test wants them. Shares no code with the parser.

pub(super) const NOW: i64 = 1_700_000_000_000;

pub(super) fn varint(value: i32) -> Vec<u8> {
    varlong(i64::from(value))
}

pub(super) fn varlong(value: i64) -> Vec<u8> {
    let mut raw = ((value << 1) ^ (value >> 63)) as u64;
    let mut bytes = Vec::new();
    while raw > 0x7f {
        bytes.push((raw & 0x7f) as u8 | 0x80);
        raw >>= 7;
    }
    bytes.push(raw as u8);
    bytes
}

#[derive(Clone, Debug)]
pub(super) struct RawRecord {
    pub(super) length: Option<i32>,
    pub(super) timestamp_delta: i64,
    pub(super) offset_delta: i32,
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) headers: Vec<u8>,
}

impl Default for RawRecord {
    fn default() -> Self {
        let (key, value) = (Some(b"k".to_vec()), Some(b"v".to_vec()));
        Self { length: None, timestamp_delta: 0, offset_delta: 0, key, value, headers: varint(0) }
    }
}

impl RawRecord {
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut body = vec![0];
        body.extend(varlong(self.timestamp_delta));
        body.extend(varint(self.offset_delta));
        for field in [&self.key, &self.value] {
            body.extend(varint(field.as_ref().map_or(-1, |field| field.len() as i32)));
            body.extend(field.iter().flatten());
        }
        body.extend(&self.headers);
        let length = self.length.unwrap_or(body.len() as i32);
        [varint(length), body].concat()
    }
}

#[derive(Clone, Debug)]
pub(super) struct RawBatch {
    pub(super) base_offset: i64,
    pub(super) batch_length: Option<i32>,
    pub(super) partition_leader_epoch: i32,
    pub(super) magic: i8,
    pub(super) crc_flip: u32,
    pub(super) attributes: i16,
    pub(super) last_offset_delta: i32,
    pub(super) base_timestamp: i64,
    pub(super) max_timestamp: Option<i64>,
    pub(super) producer: (i64, i16, i32),
    pub(super) records_count: i32,
    pub(super) payload: Vec<u8>,
}

impl RawBatch {
    pub(super) fn of(records: &[RawRecord]) -> Self {
        let records_count = records.len() as i32;
        Self {
            base_offset: 0,
            batch_length: None,
            partition_leader_epoch: -1,
            magic: 2,
            crc_flip: 0,
            attributes: 0,
            last_offset_delta: records_count - 1,
            base_timestamp: NOW,
            max_timestamp: None,
            producer: (-1, -1, -1),
            records_count,
            payload: records.iter().flat_map(RawRecord::bytes).collect(),
        }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut covered = Vec::new();
        covered.extend(self.attributes.to_be_bytes());
        covered.extend(self.last_offset_delta.to_be_bytes());
        covered.extend(self.base_timestamp.to_be_bytes());
        covered.extend(self.max_timestamp.unwrap_or(self.base_timestamp).to_be_bytes());
        covered.extend(self.producer.0.to_be_bytes());
        covered.extend(self.producer.1.to_be_bytes());
        covered.extend(self.producer.2.to_be_bytes());
        covered.extend(self.records_count.to_be_bytes());
        covered.extend(&self.payload);
        let mut bytes = Vec::new();
        bytes.extend(self.base_offset.to_be_bytes());
        bytes.extend(self.batch_length.unwrap_or(covered.len() as i32 + 9).to_be_bytes());
        bytes.extend(self.partition_leader_epoch.to_be_bytes());
        bytes.extend(self.magic.to_be_bytes());
        bytes.extend((crc32c::crc32c(&covered) ^ self.crc_flip).to_be_bytes());
        bytes.extend(covered);
        bytes
    }
}
