//! Headers, frames, and what an encoder refuses to write.

use bytes::Bytes;
use model::TopicId;
use protocol::frame::{Frame, HeaderError, Part, RequestHeader};
use protocol::messages::api_versions::{ApiVersion, ApiVersionsRequest, ApiVersionsResponse};
use protocol::messages::fetch::{FetchRequest, FetchResponse, FetchableTopicResponse, PartitionData};
use protocol::messages::metadata::MetadataRequest;
use protocol::messages::produce::ProduceResponse;
use protocol::testing::Source;
use protocol::{ApiKey, Encode, EncodeError, Encoder, Reader, ResponseRecords, WireError};

#[test]
fn a_request_frame_reads_back_in_every_header_version() {
    for version in ApiKey::ApiVersions.versions() {
        for client_id in [None, Some("kcat")] {
            let frame = Frame::request(42, client_id, version, &ApiVersionsRequest::default()).unwrap().into_head();
            let mut reader = Reader::new(&frame);
            assert_eq!(reader.i32(), Ok(i32::try_from(frame.len() - 4).unwrap()));
            let header = RequestHeader::parse(&mut reader).unwrap();
            let expected =
                RequestHeader { api_key: ApiKey::ApiVersions, api_version: version, correlation_id: 42, client_id };
            assert_eq!(header, expected);
        }
    }
}

#[test]
fn a_header_of_an_unknown_version_still_says_whom_to_answer() {
    let mut reader = Reader::new(&[0, 18, 0, 99, 0, 0, 0, 7]);
    let error = HeaderError::UnknownVersion { api_key: ApiKey::ApiVersions, api_version: 99, correlation_id: 7 };
    assert_eq!(RequestHeader::parse(&mut reader), Err(error));
    let mut reader = Reader::new(&[0, 4, 0, 0, 0, 0, 0, 7]);
    assert_eq!(RequestHeader::parse(&mut reader), Err(HeaderError::UnknownApiKey { code: 4 }));
    let short = HeaderError::Wire(WireError::Truncated { needed: 4, remaining: 1 });
    assert_eq!(RequestHeader::parse(&mut Reader::new(&[0, 18, 0, 0, 9])), Err(short));
}

#[test]
fn an_api_versions_answer_has_the_oldest_header_at_every_version() {
    let response = ApiVersionsResponse { api_keys: vec![ApiVersion::default()], ..ApiVersionsResponse::default() };
    for version in ApiKey::ApiVersions.versions() {
        let frame = Frame::response(7, version, &response).unwrap().into_head();
        let mut body = Encoder::new();
        response.encode(&mut body, version).unwrap();
        assert_eq!(&frame[8..], body.head(), "version {version}");
    }
    // Another flexible response has one byte more: the count of the header's tagged fields.
    let frame = Frame::response(7, 9, &ProduceResponse::default()).unwrap().into_head();
    assert_eq!(&frame[4..9], [0, 0, 0, 7, 0]);
}

/// The answer to a Fetch whose partitions carry these records.
fn fetched(records: &[&[u8]], wrap: impl Fn(&[u8]) -> ResponseRecords) -> FetchResponse {
    let partition = |records: &&[u8]| PartitionData { records: Some(wrap(records)), ..PartitionData::default() };
    let topic_id = TopicId::from_bytes([7; 16]);
    let partitions = records.iter().map(partition).collect();
    let topic = FetchableTopicResponse { topic_id, partitions, ..FetchableTopicResponse::default() };
    FetchResponse { responses: vec![topic], ..FetchResponse::default() }
}

#[test]
fn spliced_records_stand_where_a_plain_encoder_copies_them() {
    let pool: Vec<u8> = (0..=255).collect();
    let mut source = Source::new(3, "", &pool);
    for round in 0..200 {
        let records: Vec<&[u8]> = (0..round % 5).map(|_| source.bytes()).collect();
        let copied = fetched(&records, |bytes| ResponseRecords::Inline(Bytes::copy_from_slice(bytes)));
        let size = |bytes: &[u8]| ResponseRecords::Spliced { size: u32::try_from(bytes.len()).unwrap() };
        let spliced = Frame::response(1, 18, &fetched(&records, size)).unwrap();
        let plain = Frame::response(1, 18, &copied).unwrap();
        assert_eq!(spliced.size(), plain.size());
        let mut from = records.iter().filter(|bytes| !bytes.is_empty());
        let sent: Vec<u8> = spliced.parts().fold(Vec::new(), |mut sent, part| {
            match part {
                Part::Head(bytes) => sent.extend_from_slice(bytes),
                Part::Spliced { size } => {
                    let bytes = from.next().unwrap();
                    assert_eq!(bytes.len(), model::num::usize_from_u32(size));
                    sent.extend_from_slice(bytes);
                }
            }
            sent
        });
        assert_eq!(sent, plain.into_head());
    }
}

#[test]
fn a_frame_larger_than_its_size_field_is_refused() {
    let huge = |_: &[u8]| ResponseRecords::Spliced { size: 1 << 30 };
    let error = Frame::response(1, 18, &fetched(&[b"", b""], huge)).unwrap_err();
    assert!(matches!(error, EncodeError::TooLarge { length } if length > 1 << 31), "{error}");
}

#[test]
fn what_a_version_cannot_say_is_an_error_and_not_lost() {
    let mut encoder = Encoder::new();
    let session = FetchRequest { session_id: 9, ..FetchRequest::default() };
    assert_eq!(session.encode(&mut encoder, 4), Ok(()), "a session id may be ignored");
    let epoch = FetchRequest { replica_id: 1, ..FetchRequest::default() };
    let error = EncodeError::FieldNotInVersion { field: "replica_id", version: 15 };
    assert_eq!(epoch.encode(&mut encoder, 15), Err(error));
    let all = MetadataRequest { topics: None, ..MetadataRequest::default() };
    assert_eq!(all.encode(&mut encoder, 0), Err(EncodeError::NullNotInVersion { field: "topics", version: 0 }));
    let long = "x".repeat(0x8000);
    let name = ApiVersionsRequest { client_software_name: &long, ..ApiVersionsRequest::default() };
    assert_eq!(name.encode(&mut encoder, 3), Err(EncodeError::StringTooLong { length: 0x8000 }));
}
