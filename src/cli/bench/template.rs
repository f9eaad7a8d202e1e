//! Requests that are encoded once and sent a million times: only the few bytes that differ are written again.
//!
//! A Produce request is a head (frame, names, the batch's header) that every request gets its own copy of, and a body
//! (the records) that all of them share. The base offset is the broker's to set; the CRC covers the producer's sequence,
//! so with idempotence it is combined from the head's part and the body's, which was computed once.

use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{BrokerId, FetchRequest, ProduceRequest};
use model::IsolationLevel;

use super::BenchError;
use crate::cli::client::admin::topic_name;
use crate::cli::client::compression::Codec;
use crate::cli::client::connection::frame;
use crate::cli::client::consumer;
use crate::cli::client::record_batch::{BatchBuilder, CRC_FROM, HEADER_BYTES, Producer};

/// Where a frame has its correlation id: after size, key and version.
pub(super) const CORRELATION_ID: usize = 8;
/// Where a batch has its CRC, its attributes' and its producer's fields.
pub(super) const CRC: usize = 17;
pub(super) const PRODUCER_ID: usize = 43;

/// Numbers that stand where a request is patched; nothing else in a head looks like them.
const PARTITION_MARK: i32 = 0x5a17_c3e9;
const OFFSET_MARK: i64 = 0x5a17_c3e9_9e3c_715a;

/// What the records of a benchmark look like.
#[derive(Clone, Copy, Debug)]
pub(super) struct BatchShape {
    /// Bytes of each value.
    pub(super) record_bytes: usize,
    /// How many records.
    pub(super) records: usize,
    /// How they are compressed.
    pub(super) codec: Codec,
}

impl BatchShape {
    /// As many records as fit `batch_bytes` before compression, at least one.
    pub(super) fn filling(batch_bytes: usize, record_bytes: usize, codec: Codec) -> Self {
        // Length, attributes, deltas, null key, length of the value, no headers: up to 12 bytes around a value.
        let records = (batch_bytes.saturating_sub(HEADER_BYTES) / (record_bytes + 10)).max(1);
        Self { record_bytes, records, codec }
    }

    /// A batch of this shape. Values are pseudo-random letters with a common beginning, so that codecs find a little.
    pub(super) fn encode(self, timestamp: i64) -> Result<Vec<u8>, String> {
        const ALPHABET: &[u8; 64] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .";
        let mut builder = BatchBuilder::default();
        let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
        let common = self.record_bytes / 3;
        for _ in 0..self.records {
            let mut value = vec![b'='; common];
            value.resize_with(self.record_bytes, || {
                // The multiplier and increment are Knuth's for 64 bits; the high bits are the random ones.
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let index = usize::try_from(state >> 58).unwrap_or(0);
                ALPHABET.get(index).copied().unwrap_or(b'?')
            });
            builder.push(timestamp, None, Some(&value), &[]);
        }
        builder.finish(self.codec, None)
    }
}

/// A Produce request of one batch, ready but for its correlation id, partition and producer.
#[derive(Clone, Debug)]
pub(super) struct ProduceTemplate {
    head: Vec<u8>,
    body: Arc<[u8]>,
    partition_at: usize,
    batch_at: usize,
    body_crc: u32,
    /// Bytes of the body that belong to the batch; the rest ends the request.
    body_batch_bytes: usize,
    /// Records of the batch.
    pub(super) records: u64,
    /// Bytes of the whole batch as it is sent.
    pub(super) batch_bytes: u64,
}

impl ProduceTemplate {
    /// Encodes the request in `version`.
    ///
    /// # Errors
    /// [`BenchError::Template`] if the codec or the encoder refuses.
    pub(super) fn new(
        topic: &str,
        shape: BatchShape,
        acks: i16,
        version: i16,
        timestamp: i64,
    ) -> Result<Self, BenchError> {
        let batch = shape.encode(timestamp).map_err(BenchError::Template)?;
        let data = PartitionProduceData::default()
            .with_index(PARTITION_MARK)
            .with_records(Some(Bytes::copy_from_slice(&batch)));
        let topic = TopicProduceData::default().with_name(topic_name(topic)).with_partition_data(vec![data]);
        let request = ProduceRequest::default().with_acks(acks).with_timeout_ms(30_000).with_topic_data(vec![topic]);
        let frame = frame(&request, version, 0).map_err(BenchError::Template)?;
        let missing = || BenchError::Template("the encoded request has no mark".to_owned());
        let (batch_head, batch_body) = batch.split_at_checked(HEADER_BYTES).ok_or_else(missing)?;
        let batch_at = find(&frame, batch_head).ok_or_else(missing)?;
        let (head, body) = frame.split_at_checked(batch_at + HEADER_BYTES).ok_or_else(missing)?;
        Ok(Self {
            partition_at: find(head, &PARTITION_MARK.to_be_bytes()).ok_or_else(missing)?,
            head: head.to_vec(),
            body: Arc::from(body),
            batch_at,
            body_crc: crc32c::crc32c(batch_body),
            body_batch_bytes: batch_body.len(),
            records: model::num::u64_from_usize(shape.records),
            batch_bytes: model::num::u64_from_usize(batch.len()),
        })
    }

    /// Writes the head of one request into `into`, which is emptied first; the body follows it on the wire.
    pub(super) fn head(&self, into: &mut Vec<u8>, correlation_id: i32, partition: i32, producer: Option<Producer>) {
        into.clear();
        into.extend_from_slice(&self.head);
        patch(into, CORRELATION_ID, &correlation_id.to_be_bytes());
        patch(into, self.partition_at, &partition.to_be_bytes());
        if let Some(producer) = producer {
            patch(into, self.batch_at + PRODUCER_ID, &producer.id.to_be_bytes());
            patch(into, self.batch_at + PRODUCER_ID + 8, &producer.epoch.to_be_bytes());
            patch(into, self.batch_at + PRODUCER_ID + 10, &producer.base_sequence.to_be_bytes());
            let checked = into.get(self.batch_at + CRC_FROM..).unwrap_or_default();
            let crc = crc32c::crc32c_combine(crc32c::crc32c(checked), self.body_crc, self.body_batch_bytes);
            patch(into, self.batch_at + CRC, &crc.to_be_bytes());
        }
    }

    /// What follows every head.
    pub(super) const fn body(&self) -> &Arc<[u8]> {
        &self.body
    }
}

/// How a consumer asks.
#[derive(Clone, Copy, Debug)]
pub(super) struct FetchShape {
    /// The most bytes of an answer.
    pub(super) bytes_max: i32,
    /// How long a broker may hold a request without data.
    pub(super) wait_ms: i32,
    /// What it may see.
    pub(super) isolation: IsolationLevel,
}

/// A Fetch request of one partition, ready but for its correlation id, partition and offset.
#[derive(Clone, Debug)]
pub(super) struct FetchTemplate {
    frame: Vec<u8>,
    partition_at: usize,
    offset_at: usize,
}

impl FetchTemplate {
    /// Encodes the request in `version`, outside any fetch session.
    ///
    /// # Errors
    /// [`BenchError::Template`] if the encoder refuses.
    pub(super) fn new(topic: &str, shape: FetchShape, version: i16) -> Result<Self, BenchError> {
        let partition = FetchPartition::default()
            .with_partition(PARTITION_MARK)
            .with_fetch_offset(OFFSET_MARK)
            .with_partition_max_bytes(shape.bytes_max);
        let request = FetchRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_max_wait_ms(shape.wait_ms)
            .with_min_bytes(1)
            .with_max_bytes(shape.bytes_max)
            .with_isolation_level(consumer::wire(shape.isolation))
            .with_session_epoch(-1)
            .with_topics(vec![FetchTopic::default().with_topic(topic_name(topic)).with_partitions(vec![partition])]);
        let frame = frame(&request, version, 0).map_err(BenchError::Template)?;
        let missing = || BenchError::Template("the encoded request has no mark".to_owned());
        let partition_at = find(&frame, &PARTITION_MARK.to_be_bytes()).ok_or_else(missing)?;
        let offset_at = find(&frame, &OFFSET_MARK.to_be_bytes()).ok_or_else(missing)?;
        Ok(Self { frame, partition_at, offset_at })
    }

    /// Writes one request into `into`, which is emptied first.
    pub(super) fn request(&self, into: &mut Vec<u8>, correlation_id: i32, partition: i32, offset: i64) {
        into.clear();
        into.extend_from_slice(&self.frame);
        patch(into, CORRELATION_ID, &correlation_id.to_be_bytes());
        patch(into, self.partition_at, &partition.to_be_bytes());
        patch(into, self.offset_at, &offset.to_be_bytes());
    }
}

pub(super) fn find(within: &[u8], what: &[u8]) -> Option<usize> {
    within.windows(what.len()).position(|window| window == what)
}

pub(super) fn patch(buffer: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = buffer.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::RequestHeader;
    use kafka_protocol::protocol::Decodable as _;

    use super::*;
    use crate::cli::client::record_batch::next_batch;

    #[test]
    fn a_patched_request_is_what_an_encoder_would_have_made() {
        for (version, codec) in [(3, Codec::None), (8, Codec::Lz4), (9, Codec::None), (12, Codec::Zstd)] {
            let shape = BatchShape { record_bytes: 100, records: 7, codec };
            let template = ProduceTemplate::new("t", shape, -1, version, 1_000).unwrap();
            let producer = Producer { id: 77, epoch: 3, base_sequence: 42 };
            let mut head = Vec::new();
            template.head(&mut head, 99, 5, Some(producer));
            head.extend_from_slice(template.body());
            let mut frame = Bytes::from(head).slice(4..);
            let header = RequestHeader::decode(&mut frame, if version >= 9 { 2 } else { 1 }).unwrap();
            assert_eq!(header.correlation_id, 99);
            let request = ProduceRequest::decode(&mut frame, version).unwrap();
            let data = &request.topic_data[0].partition_data[0];
            assert_eq!(data.index, 5);
            // Reading checks the combined CRC.
            let batch = next_batch(&mut data.records.clone().unwrap()).unwrap().unwrap();
            assert_eq!((batch.producer_id, batch.records().unwrap().len()), (77, 7));
        }
    }
}
