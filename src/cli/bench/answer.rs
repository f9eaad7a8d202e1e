//! Answers: those that come a million times are read as far as the generator looks, the others whole.

use bytes::Bytes;
use kafka_protocol::messages::ResponseHeader;
use kafka_protocol::protocol::{Decodable as _, HeaderVersion as _, Request};
use model::wire::{Reader, WireError};

use super::BenchError;

/// The first version of Produce whose lists and strings are compact and whose structures end with tags (KIP-482).
const PRODUCE_FLEXIBLE: i16 = 9;
/// The same of Fetch.
const FETCH_FLEXIBLE: i16 = 12;

/// Reads a whole answer, from its header on.
pub(super) fn answer_to<R: Request>(frame: &[u8], version: i16) -> Result<R::Response, BenchError> {
    let mut frame = Bytes::copy_from_slice(frame);
    ResponseHeader::decode(&mut frame, R::Response::header_version(version))
        .and_then(|_| R::Response::decode(&mut frame, version))
        .map_err(|error| BenchError::Protocol(error.to_string()))
}

/// What an answer to a Produce request of one partition says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Produced {
    /// Which request it answers.
    pub(super) correlation_id: i32,
    /// Kafka's error number.
    pub(super) error_code: i16,
    /// Where the batch begins in the log.
    pub(super) base_offset: i64,
}

/// Reads an answer to Produce in `version`.
pub(super) fn produced(frame: &[u8], version: i16) -> Result<Produced, WireError> {
    let flexible = version >= PRODUCE_FLEXIBLE;
    let mut reader = Reader::new(frame);
    let correlation_id = reader.i32()?;
    skip_tags(&mut reader, flexible)?;
    count(&mut reader, flexible)?;
    skip_string(&mut reader, flexible)?;
    count(&mut reader, flexible)?;
    reader.i32()?;
    Ok(Produced { correlation_id, error_code: reader.i16()?, base_offset: reader.i64()? })
}

/// What an answer to a Fetch request of one partition says before its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fetched {
    /// Kafka's error number, of the answer or of the partition.
    pub(super) error_code: i16,
    /// Bytes of records that follow.
    pub(super) record_bytes: usize,
    /// Where in the frame the records begin.
    pub(super) records_at: usize,
}

/// Reads the beginning of an answer to Fetch in `version`. [`WireError::Truncated`] if `head` is too short for it.
pub(super) fn fetched(head: &[u8], version: i16) -> Result<Fetched, WireError> {
    let flexible = version >= FETCH_FLEXIBLE;
    let mut reader = Reader::new(head);
    reader.i32()?;
    skip_tags(&mut reader, flexible)?;
    reader.i32()?;
    let mut error_code = 0;
    if version >= 7 {
        error_code = reader.i16()?;
        reader.i32()?;
    }
    if count(&mut reader, flexible)? == 0 {
        return Ok(Fetched { error_code, record_bytes: 0, records_at: head.len() });
    }
    skip_string(&mut reader, flexible)?;
    count(&mut reader, flexible)?;
    reader.i32()?;
    let of_partition = reader.i16()?;
    error_code = if error_code == 0 { of_partition } else { error_code };
    // High watermark, last stable offset, and since version 5 the log's start.
    reader.take(if version >= 5 { 24 } else { 16 })?;
    for _ in 0..count(&mut reader, flexible)? {
        reader.take(16)?;
        skip_tags(&mut reader, flexible)?;
    }
    if version >= 11 {
        reader.i32()?;
    }
    let record_bytes = usize::try_from(count(&mut reader, flexible)?).unwrap_or(0);
    Ok(Fetched { error_code, record_bytes, records_at: head.len() - reader.remaining() })
}

/// The header of a batch, as far as walking over it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BatchSpan {
    /// The offset of its first record.
    pub(super) base_offset: i64,
    /// How many offsets it covers.
    pub(super) offsets: i64,
    /// Its bytes, header and all.
    pub(super) bytes: usize,
}

/// Reads where a batch begins and ends.
pub(super) fn batch_span(bytes: &[u8]) -> Result<BatchSpan, WireError> {
    let mut reader = Reader::new(bytes);
    let base_offset = reader.i64()?;
    let length = usize::try_from(reader.i32()?).unwrap_or(0);
    // Leader epoch, magic, CRC, attributes.
    reader.take(11)?;
    let offsets = i64::from(reader.i32()?) + 1;
    Ok(BatchSpan { base_offset, offsets, bytes: length + 12 })
}

/// The number of elements of a list or of bytes; a null one has 0.
fn count(reader: &mut Reader<'_>, flexible: bool) -> Result<i32, WireError> {
    if flexible {
        return Ok(i32::try_from(reader.unsigned_varint()?).unwrap_or(i32::MAX).saturating_sub(1).max(0));
    }
    Ok(reader.i32()?.max(0))
}

fn skip_string(reader: &mut Reader<'_>, flexible: bool) -> Result<(), WireError> {
    let length = if flexible { count(reader, true)? } else { i32::from(reader.i16()?.max(0)) };
    reader.take(usize::try_from(length).unwrap_or(0)).map(drop)
}

fn skip_tags(reader: &mut Reader<'_>, flexible: bool) -> Result<(), WireError> {
    if !flexible {
        return Ok(());
    }
    for _ in 0..reader.unsigned_varint()? {
        reader.unsigned_varint()?;
        let length = reader.unsigned_varint()?;
        reader.take(model::num::usize_from_u32(length))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use bytes::{Bytes, BytesMut};
    use kafka_protocol::messages::fetch_response::{AbortedTransaction, FetchableTopicResponse, PartitionData};
    use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
    use kafka_protocol::messages::{FetchResponse, ProduceResponse, ResponseHeader};
    use kafka_protocol::protocol::{Encodable, HeaderVersion};

    use super::*;
    use crate::cli::client::admin::topic_name;

    fn frame<R: Encodable + HeaderVersion>(response: &R, version: i16) -> Vec<u8> {
        let mut bytes = BytesMut::new();
        ResponseHeader::default().with_correlation_id(9).encode(&mut bytes, R::header_version(version)).unwrap();
        response.encode(&mut bytes, version).unwrap();
        bytes.to_vec()
    }

    #[test]
    fn produce_answers_are_read_in_every_version() {
        let partition = PartitionProduceResponse::default().with_index(3).with_error_code(45).with_base_offset(1 << 40);
        let topic =
            TopicProduceResponse::default().with_name(topic_name("abc")).with_partition_responses(vec![partition]);
        let response = ProduceResponse::default().with_responses(vec![topic]);
        for version in 3..=12 {
            let read = produced(&frame(&response, version), version).unwrap();
            assert_eq!(read, Produced { correlation_id: 9, error_code: 45, base_offset: 1 << 40 }, "version {version}");
        }
    }

    #[test]
    fn fetch_answers_are_read_in_every_version() {
        let records = Bytes::from_static(b"0123456789");
        let partition = PartitionData::default()
            .with_records(Some(records))
            .with_aborted_transactions(Some(vec![AbortedTransaction::default(); 2]));
        let topic = FetchableTopicResponse::default().with_topic(topic_name("abc")).with_partitions(vec![partition]);
        let response = FetchResponse::default().with_responses(vec![topic]);
        for version in 4..=12 {
            let bytes = frame(&response, version);
            let read = fetched(&bytes, version).unwrap();
            assert_eq!((read.error_code, read.record_bytes), (0, 10), "version {version}");
            assert!(bytes[read.records_at..].starts_with(b"0123456789"), "version {version}");
        }
    }
}
