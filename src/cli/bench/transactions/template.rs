//! The Produce request of a transaction, encoded once: each use patches who sends it, in which epoch.

use std::ops::Range;

use bytes::Bytes;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{ProduceRequest, TransactionalId};

use super::super::BenchError;
use super::super::template::{BatchShape, CORRELATION_ID, CRC, PRODUCER_ID, find, patch};
use crate::cli::client::admin::{text, topic_name};
use crate::cli::client::compression::Codec;
use crate::cli::client::connection::frame;
use crate::cli::client::record_batch::CRC_FROM;

/// Where a batch says that it belongs to a transaction: the low byte of its attributes, and the bit in it.
const ATTRIBUTES: usize = 22;
const TRANSACTIONAL: u8 = 1 << 4;

/// What a transaction consists of.
#[derive(Clone, Copy, Debug)]
pub(super) struct TransactionShape {
    /// Records in all its partitions.
    pub(super) records: usize,
    /// Bytes of each value.
    pub(super) record_bytes: usize,
}

/// A request with one batch for each partition, ready but for its correlation id and its producer.
#[derive(Clone, Debug)]
pub(super) struct TransactionTemplate {
    frame: Vec<u8>,
    /// Where the batches are.
    batches: Vec<Range<usize>>,
    /// Records in all of them.
    pub(super) records: u64,
    /// Bytes of all of them.
    pub(super) bytes: u64,
}

impl TransactionTemplate {
    /// Encodes the request in `version`; partitions that would get no record are left out.
    ///
    /// # Errors
    /// [`BenchError::Template`] if the encoder refuses.
    pub(super) fn new(
        (topic, transactional_id): (&str, &str),
        shape: TransactionShape,
        partitions: &[i32],
        version: i16,
        timestamp: i64,
    ) -> Result<Self, BenchError> {
        let mut data = Vec::new();
        for (place, partition) in partitions.iter().enumerate() {
            // The first partitions get what is left over.
            let records = (shape.records + partitions.len() - 1 - place).checked_div(partitions.len()).unwrap_or(0);
            if records > 0 {
                let batch = BatchShape { record_bytes: shape.record_bytes, records, codec: Codec::None };
                let batch = batch.encode(timestamp).map_err(BenchError::Template)?;
                data.push(
                    PartitionProduceData::default().with_index(*partition).with_records(Some(Bytes::from(batch))),
                );
            }
        }
        let batches: Vec<Bytes> = data.iter().filter_map(|data| data.records.clone()).collect();
        let topic = TopicProduceData::default().with_name(topic_name(topic)).with_partition_data(data);
        let request = ProduceRequest::default()
            .with_transactional_id(Some(TransactionalId(text(transactional_id))))
            .with_acks(-1)
            .with_timeout_ms(30_000)
            .with_topic_data(vec![topic]);
        let mut frame = frame(&request, version, 0).map_err(BenchError::Template)?;
        let (mut found, mut from) = (Vec::new(), 0);
        for batch in &batches {
            let at = frame.get(from..).and_then(|rest| find(rest, batch)).map(|at| from + at);
            let at = at.ok_or_else(|| BenchError::Template("the encoded request has no batch".to_owned()))?;
            from = at + batch.len();
            found.push(at..from);
            if let Some(attributes) = frame.get_mut(at + ATTRIBUTES) {
                *attributes |= TRANSACTIONAL;
            }
        }
        let bytes = batches.iter().map(|batch| model::num::u64_from_usize(batch.len())).sum();
        Ok(Self { frame, batches: found, records: model::num::u64_from_usize(shape.records), bytes })
    }

    /// How many partitions have records.
    pub(super) fn partitions(&self) -> u64 {
        model::num::u64_from_usize(self.batches.len())
    }

    /// Writes a request into `into`, which is emptied first. Every epoch counts its sequences from 0.
    pub(super) fn request(&self, into: &mut Vec<u8>, correlation_id: i32, (id, epoch): (i64, i16)) {
        into.clear();
        into.extend_from_slice(&self.frame);
        patch(into, CORRELATION_ID, &correlation_id.to_be_bytes());
        for batch in &self.batches {
            patch(into, batch.start + PRODUCER_ID, &id.to_be_bytes());
            patch(into, batch.start + PRODUCER_ID + 8, &epoch.to_be_bytes());
            patch(into, batch.start + PRODUCER_ID + 10, &0_i32.to_be_bytes());
            let crc = crc32c::crc32c(into.get(batch.start + CRC_FROM..batch.end).unwrap_or_default());
            patch(into, batch.start + CRC, &crc.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::RequestHeader;
    use kafka_protocol::protocol::Decodable as _;

    use super::*;
    use crate::cli::client::record_batch::next_batch;

    #[test]
    fn partitions_share_the_records_in_transactional_batches_of_the_producer() {
        let shape = TransactionShape { records: 10, record_bytes: 50 };
        let template = TransactionTemplate::new(("t", "id"), shape, &[0, 1, 2], 12, 1_000).unwrap();
        let mut bytes = Vec::new();
        template.request(&mut bytes, 99, (77, 3));
        let mut frame = Bytes::from(bytes).slice(4..);
        assert_eq!(RequestHeader::decode(&mut frame, 2).unwrap().correlation_id, 99);
        let request = ProduceRequest::decode(&mut frame, 12).unwrap();
        assert_eq!(request.transactional_id.unwrap().0.as_str(), "id");
        let mut counts = Vec::new();
        for data in &request.topic_data[0].partition_data {
            // Reading checks the CRC.
            let batch = next_batch(&mut data.records.clone().unwrap()).unwrap().unwrap();
            assert!(batch.is_transactional());
            assert_eq!(batch.producer_id, 77);
            counts.push((data.index, batch.records().unwrap().len()));
        }
        assert_eq!(counts, [(0, 4), (1, 3), (2, 3)]);
    }

    #[test]
    fn partitions_without_a_record_do_not_join() {
        let shape = TransactionShape { records: 2, record_bytes: 5 };
        let template = TransactionTemplate::new(("t", "id"), shape, &[0, 1, 2], 12, 1_000).unwrap();
        assert_eq!(template.partitions(), 2);
    }
}
