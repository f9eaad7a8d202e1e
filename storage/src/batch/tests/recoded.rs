//! Batches in another codec than that of their topic (`compression.type`): kafka-protocol makes them and reads what is stored.

use kafka_protocol::records::RecordBatchDecoder;
use model::ErrorCode;
use model::config::{CompressionType, TopicConfig};

use super::codecs::{CODECS, Plain, encode};
use super::{check, code};
use crate::batch::BatchView;

const TYPES: [(CompressionType, i16); 5] = [
    (CompressionType::Uncompressed, 0),
    (CompressionType::Gzip, 1),
    (CompressionType::Snappy, 2),
    (CompressionType::Lz4, 3),
    (CompressionType::Zstd, 4),
];

fn plain(count: usize) -> Vec<Plain> {
    let record = |index: usize| Plain {
        timestamp: super::NOW + index as i64,
        key: (!index.is_multiple_of(3)).then(|| format!("key{index}").into_bytes()),
        value: Some(format!("{index}-{}", "text ".repeat(index % 40)).into_bytes()),
        headers: vec![(format!("h{index}"), Some(vec![index as u8]))],
    };
    (0..count).map(record).collect()
}

/// Its time, key and value.
type Decoded = (i64, Option<Vec<u8>>, Option<Vec<u8>>);

/// What kafka-protocol finds in a stored batch.
fn decoded(stored: &[u8]) -> Vec<Decoded> {
    let mut bytes = bytes::Bytes::copy_from_slice(stored);
    let set = RecordBatchDecoder::decode(&mut bytes).unwrap();
    let own = |field: &Option<bytes::Bytes>| field.as_ref().map(|field| field.to_vec());
    set.records.iter().map(|record| (record.timestamp, own(&record.key), own(&record.value))).collect()
}

#[test]
fn every_codec_becomes_every_other_and_the_records_stay() {
    for count in [1, 7, 3_000] {
        for (from, compression) in CODECS {
            let sent = encode(&plain(count), compression);
            for (compression_type, to) in TYPES {
                let config = TopicConfig { compression_type, ..TopicConfig::default() };
                let batch = check(&sent, &config).unwrap();
                let header = batch.header_at(model::Offset::ZERO, model::LeaderEpoch::ZERO);
                let stored = [&header, batch.payload()].concat();
                let view = BatchView::parse(&stored).unwrap();
                assert!(view.crc_is_right() && view.size() == stored.len());
                assert_eq!(i16::from(view.codec().unwrap().id()), to);
                assert_eq!(batch.size() as usize, stored.len());
                if from == to {
                    assert_eq!(stored[16..], sent[16..], "what has the codec already is not touched");
                }
                assert_eq!(decoded(&stored), decoded(&sent), "{from} to {to}");
                assert_eq!(view.producer(), BatchView::parse(&sent).unwrap().producer());
            }
        }
    }
}

#[test]
fn levels_are_heard() {
    let sent = encode(&plain(3_000), CODECS[0].1);
    let size = |config: TopicConfig| {
        let batch = check(&sent, &config).unwrap();
        let stored = [&batch.header_at(model::Offset::ZERO, model::LeaderEpoch::ZERO), batch.payload()].concat();
        assert_eq!(decoded(&stored), decoded(&sent));
        stored.len()
    };
    let gzip = |compression_gzip_level| {
        size(TopicConfig { compression_type: CompressionType::Gzip, compression_gzip_level, ..TopicConfig::default() })
    };
    let lz4 = |compression_lz4_level| {
        size(TopicConfig { compression_type: CompressionType::Lz4, compression_lz4_level, ..TopicConfig::default() })
    };
    let zstd = |compression_zstd_level| {
        size(TopicConfig { compression_type: CompressionType::Zstd, compression_zstd_level, ..TopicConfig::default() })
    };
    assert!(gzip(1) > gzip(9) && gzip(-1) <= gzip(1));
    assert!(lz4(9) > lz4(17), "9 is the fast way");
    assert!(zstd(-50) > zstd(3) && zstd(3) > zstd(19));
}

#[test]
fn a_batch_that_would_be_too_large_in_the_topic_s_codec_is_refused() {
    let zeros = Plain { timestamp: super::NOW, key: None, value: Some(vec![0; 2_000_000]), headers: vec![] };
    let sent = encode(&[zeros], CODECS[4].1);
    assert!(sent.len() < 10_000);
    let config = TopicConfig { compression_type: CompressionType::Uncompressed, ..TopicConfig::default() };
    assert_eq!(code(&sent, &config), ErrorCode::MessageTooLarge);
    let config = TopicConfig { compression_type: CompressionType::Gzip, ..TopicConfig::default() };
    assert_eq!(code(&sent, &config), ErrorCode::None);
    let bounded = TopicConfig { max_decompressed_message_bytes: 1_000_000, ..config };
    assert_eq!(code(&sent, &bounded), ErrorCode::InvalidRecord, "what the topic allows to be unpacked");
}
