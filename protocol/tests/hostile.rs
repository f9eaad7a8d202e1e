//! Bodies that lie: each is a typed error, or what Kafka makes of it.
#![expect(clippy::expect_used, reason = "a failed step is a failed test")]

use protocol::messages::api_versions::ApiVersionsRequest;
use protocol::messages::fetch::FetchRequest;
use protocol::messages::metadata::MetadataRequest;
use protocol::messages::produce::ProduceRequest;
use protocol::{Decode, Encode, Encoder, Reader, WireError, decode_body};

fn metadata(bytes: &[u8], version: i16) -> WireError {
    decode_body::<MetadataRequest<'_>>(bytes, version).expect_err("a hostile body")
}

#[test]
fn a_count_that_the_bytes_cannot_hold_is_refused() {
    let count = 0x7fff_ffff;
    assert_eq!(metadata(&[0x7f, 0xff, 0xff, 0xff], 1), WireError::CountTooLarge { count, remaining: 0 });
    assert_eq!(metadata(&[0x80, 0x80, 0x80, 0x80, 0x08, 0, 0], 9), WireError::CountTooLarge { count, remaining: 2 });
    // The largest count of the compact form lies past what a classic one can say.
    let count = u32::MAX - 1;
    assert_eq!(metadata(&[0xff, 0xff, 0xff, 0xff, 0x0f], 9), WireError::CountTooLarge { count, remaining: 0 });
}

#[test]
fn a_produce_request_of_a_few_bytes_that_announces_millions_is_refused() {
    // transactional id null, acks, timeout, and an array of 2^31-1 topics: what makes other decoders reserve it all.
    let bytes = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 0x7f, 0xff, 0xff, 0xff];
    let error = decode_body::<ProduceRequest<'_>>(&bytes, 3);
    assert_eq!(error, Err(WireError::CountTooLarge { count: 0x7fff_ffff, remaining: 0 }));
}

#[test]
fn negative_lengths_but_null_are_refused() {
    assert_eq!(metadata(&[0xff, 0xff, 0xff, 0xfe], 1), WireError::NegativeLength { length: -2 });
    assert_eq!(metadata(&[0, 0, 0, 1, 0x80, 0], 1), WireError::NegativeLength { length: -32768 });
}

#[test]
fn null_where_a_version_has_none_is_refused() {
    assert_eq!(metadata(&[0xff, 0xff, 0xff, 0xff], 0), WireError::UnexpectedNull);
    assert_eq!(metadata(&[0, 0, 0, 1, 0xff, 0xff], 1), WireError::UnexpectedNull);
    let all = decode_body::<MetadataRequest<'_>>(&[0xff, 0xff, 0xff, 0xff], 1).map(|request| request.topics);
    assert_eq!(all, Ok(None));
}

#[test]
fn an_overlong_varint_is_refused() {
    assert_eq!(metadata(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x00], 9), WireError::VarintTooLong);
    assert_eq!(metadata(&[0xff, 0xff, 0xff, 0xff, 0x1f], 9), WireError::VarintTooLong);
}

#[test]
fn text_that_is_not_utf_8_or_too_long_is_refused() {
    assert_eq!(metadata(&[0, 0, 0, 1, 0, 1, 0xff], 1), WireError::InvalidUtf8);
    let mut long = Encoder::new();
    long.unsigned_varint(40_001);
    long.put("a".repeat(40_000).as_bytes());
    let name = decode_body::<ApiVersionsRequest<'_>>(long.head(), 3);
    assert_eq!(name, Err(WireError::StringTooLong { length: 40_000 }));
}

#[test]
fn bytes_after_the_last_field_are_refused() {
    assert_eq!(metadata(&[0, 0, 0, 0, 9, 9], 1), WireError::TrailingBytes { count: 2 });
}

/// A Fetch request without topics, in version 12, and the tagged fields given.
fn fetch(tagged: &[u8]) -> Vec<u8> {
    let mut encoder = Encoder::new();
    FetchRequest::default().encode(&mut encoder, 12).expect("the defaults fit every version");
    let (mut bytes, _) = encoder.into_parts();
    // The body ends with the count of its tagged fields, 0.
    assert_eq!(bytes.pop(), Some(0));
    [bytes.as_slice(), tagged].concat()
}

#[test]
fn tagged_fields_may_come_twice_and_in_any_order_as_in_kafka() {
    // An unknown tag 9, cluster id "a", the unknown one again, cluster id "b".
    let bytes = fetch(&[4, 9, 1, 0xee, 0, 2, 2, b'a', 9, 0, 0, 2, 2, b'b']);
    let read = decode_body::<FetchRequest<'_>>(&bytes, 12).map(|request| request.cluster_id);
    assert_eq!(read, Ok(Some("b")));
}

#[test]
fn a_tag_that_a_later_version_knows_is_skipped() {
    // Tag 1 is the replica state from version 15 on; here its bytes have no meaning.
    let bytes = fetch(&[1, 1, 3, 0xff, 0xff, 0xff]);
    assert_eq!(decode_body::<FetchRequest<'_>>(&bytes, 12), Ok(FetchRequest::default()));
}

#[test]
fn a_known_tag_of_another_size_is_refused() {
    let longer = fetch(&[1, 0, 3, 2, b'a', 0]);
    assert_eq!(decode_body::<FetchRequest<'_>>(&longer, 12), Err(WireError::BadTaggedField { tag: 0 }));
    let shorter = fetch(&[1, 0, 1, 2, b'a']);
    assert_eq!(
        decode_body::<FetchRequest<'_>>(&shorter, 12),
        Err(WireError::Truncated { needed: 1, remaining: 0 }),
        "a field cannot read into what follows it"
    );
}

#[test]
fn more_tags_announced_than_there_are_bytes_is_refused() {
    let bytes = fetch(&[0xff, 0xff, 0xff, 0xff, 0x0f, 9, 0]);
    assert_eq!(
        FetchRequest::decode(&mut Reader::new(&bytes), 12).map(drop),
        Err(WireError::Truncated { needed: 1, remaining: 0 })
    );
}
