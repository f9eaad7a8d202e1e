//! A batch made again from some of the records of another one, as compaction does: with the offsets, the producer's stamp and
//! the codec that it had. And one without records, of which only the producer's stamp is wanted.

use std::io::{self, Write};

use model::Timestamp;
use model::num::u64_from_usize;
use model::wire::Writer;

use super::record::behind_deltas;
use super::records::BatchRecord;
use crate::compression::{Codec, Encoder, Level};
use crate::format::record_batch_v2::{HEADER_SIZE, LENGTH_EXCLUDES, RecordBatchHeader};

/// A batch in the making.
#[derive(Debug)]
pub(crate) struct RebuiltBatch {
    header: RecordBatchHeader,
    encoder: Encoder,
    /// What the timestamps are counted from is not what they were counted from before.
    counts_anew: bool,
    records_count: i32,
    max_timestamp: i64,
    /// The bytes of a record that were made anew, and its length.
    scratch: Vec<u8>,
}

impl RebuiltBatch {
    /// A batch that takes the place of `original`. With a `horizon`, that is written where the time stands that the timestamps
    /// count from, and an attribute says so (KIP-534).
    ///
    /// # Errors
    /// What the codec's library says.
    pub(crate) fn new(
        original: &RecordBatchHeader,
        (codec, level): (Codec, Level),
        horizon: Option<Timestamp>,
    ) -> io::Result<Self> {
        let mut header = *original;
        if let Some(horizon) = horizon {
            header.base_timestamp = horizon.get();
            header.attributes = header.attributes.with_delete_horizon(true);
        }
        Ok(Self {
            header,
            encoder: Encoder::new(codec, level, vec![0; HEADER_SIZE])?,
            counts_anew: horizon.is_some(),
            records_count: 0,
            max_timestamp: -1,
            scratch: Vec::new(),
        })
    }

    /// Adds a record of the original.
    ///
    /// # Errors
    /// What the codec's library says, or that the record is none.
    pub(crate) fn push(&mut self, record: &BatchRecord<'_>) -> io::Result<()> {
        let mut start = Writer::after(std::mem::take(&mut self.scratch));
        let rest = if self.counts_anew {
            start.put(&[record.record.attributes]);
            start.varlong(record.timestamp.wrapping_sub(self.header.base_timestamp));
            start.varint(record.record.offset_delta);
            behind_deltas(record.body).map_err(io::Error::other)?
        } else {
            record.body
        };
        let start_size = start.len();
        start.varint(i32::try_from(start_size + rest.len()).map_err(io::Error::other)?);
        let start = start.into_vec();
        let (before, length) = start.split_at(start_size);
        for part in [length, before, rest] {
            self.encoder.write_all(part)?;
        }
        self.scratch = start;
        self.scratch.clear();
        self.records_count = self.records_count.saturating_add(1);
        self.max_timestamp = self.max_timestamp.max(record.timestamp);
        Ok(())
    }

    /// The batch with its header.
    ///
    /// # Errors
    /// What the codec's library says, or that the batch would have more than 2 GiB.
    pub(crate) fn finish(self) -> io::Result<Vec<u8>> {
        let mut bytes = self.encoder.finish()?;
        let mut header = self.header;
        header.batch_length = i32::try_from(u64_from_usize(bytes.len() - LENGTH_EXCLUDES)).map_err(io::Error::other)?;
        header.records_count = self.records_count;
        if !header.attributes.is_log_append_time() {
            header.max_timestamp = self.max_timestamp;
        }
        let (head, payload) = bytes.split_at_mut(HEADER_SIZE);
        header.crc = header.compute_crc(payload);
        head.copy_from_slice(&header.to_bytes());
        Ok(bytes)
    }
}

/// The 61 bytes of a batch that has the offsets and the producer's stamp of `original` and no record.
pub(crate) fn without_records(original: &RecordBatchHeader) -> [u8; HEADER_SIZE] {
    let attributes = original.attributes.with_codec_id(0).with_delete_horizon(false);
    let mut header = RecordBatchHeader {
        batch_length: 49,
        attributes,
        base_timestamp: Timestamp::NONE.get(),
        records_count: 0,
        ..*original
    };
    header.crc = header.compute_crc(&[]);
    header.to_bytes()
}
