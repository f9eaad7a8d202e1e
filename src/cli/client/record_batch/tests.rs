use bytes::Bytes;
use kafka_protocol::records::RecordBatchDecoder;

use super::*;

fn sample(codec: Codec) -> Vec<u8> {
    let mut builder = BatchBuilder::default();
    builder.push(1_000, Some(b"k"), Some(b"v"), &[(b"h".to_vec(), b"1".to_vec()), (b"h".to_vec(), b"2".to_vec())]);
    builder.push(999, None, Some(b""), &[]);
    builder.push(1_005, Some(b""), None, &[]);
    builder.finish(codec, Some(Producer { id: 7, epoch: 1, base_sequence: 40 })).unwrap()
}

#[test]
fn a_batch_reads_back_with_repeated_headers() {
    for codec in [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let mut bytes = Bytes::from(sample(codec));
        let batch = next_batch(&mut bytes).unwrap().unwrap();
        assert!(bytes.is_empty());
        assert_eq!((batch.base_offset, batch.last_offset, batch.producer_id), (0, 2, 7));
        let records = batch.records().unwrap();
        assert_eq!(records[0].headers.len(), 2);
        assert_eq!(records[0].key.as_deref(), Some(&b"k"[..]));
        assert_eq!(records.iter().map(|record| record.timestamp).collect::<Vec<_>>(), [1_000, 999, 1_005]);
        assert_eq!((records[1].key.is_none(), records[1].value.as_deref()), (true, Some(&b""[..])));
        assert_eq!((records[2].key.as_deref(), records[2].value.is_none()), (Some(&b""[..]), true));
    }
}

#[test]
fn another_decoder_agrees() {
    let mut bytes = Bytes::from(sample(Codec::Lz4));
    let set = RecordBatchDecoder::decode(&mut bytes).unwrap();
    assert_eq!(set.records.len(), 3);
    assert_eq!((set.records[0].producer_id, set.records[2].sequence, set.records[1].timestamp), (7, 42, 999));
}

#[test]
fn a_torn_rest_is_no_batch_and_damage_is_named() {
    let whole = sample(Codec::None);
    let mut torn = Bytes::copy_from_slice(&whole[..whole.len() - 1]);
    assert!(next_batch(&mut torn).unwrap().is_none());
    let mut damaged = whole;
    *damaged.last_mut().unwrap() ^= 1;
    let error = next_batch(&mut Bytes::from(damaged)).unwrap_err();
    assert!(error.to_string().contains("CRC"), "{error}");
}
