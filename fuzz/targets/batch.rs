//! Record batches as producers send them: judged by topics of several kinds, read record by record, stored in another codec.
//! The length, the magic and the checksum are mostly made right first, for everything behind them to be reached.
#![no_main]

use libfuzzer_sys::fuzz_target;
use model::Timestamp;
use model::config::{CleanupPolicy, CompressionType, TimestampType, TopicConfig};
use storage::batch::{BatchView, DecompressionLimits, UncheckedBatch};

/// Bytes that a batch of the target may decompress to.
const DECOMPRESSED_MAX: i32 = 1 << 20;

/// What a codec may take besides: two blocks of lz4, tables and buffers. What C allocates, nobody counts here.
const CODEC_BYTES: usize = 18 << 20;

fuzz_target!(|input: &[u8]| {
    let [kind, bytes @ ..] = input else { return };
    let mut bytes = bytes.to_vec();
    if kind & 0x80 == 0 {
        make_right(&mut bytes);
    }
    let config = config(*kind);
    let bytes_max = bytes.len() * 10 + usize::try_from(DECOMPRESSED_MAX).unwrap_or(0) * 2 + CODEC_BYTES;
    fuzz::within(bytes_max, || judge(&bytes, &config));
});

fn make_right(bytes: &mut [u8]) {
    let Some(length) = bytes.len().checked_sub(12).and_then(|length| u32::try_from(length).ok()) else { return };
    bytes[8..12].copy_from_slice(&length.to_be_bytes());
    if bytes.len() > 21 {
        bytes[16] = 2;
        let crc = crc32c::crc32c(&bytes[21..]);
        bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    }
}

fn config(kind: u8) -> TopicConfig {
    TopicConfig {
        validate_compressed_records: kind & 1 != 0,
        cleanup_policy: CleanupPolicy { compact: kind & 2 != 0, delete: kind & 2 == 0 },
        message_timestamp_type: if kind & 4 == 0 { TimestampType::CreateTime } else { TimestampType::LogAppendTime },
        compression_type: match (kind >> 3) & 7 {
            0 => CompressionType::Uncompressed,
            1 => CompressionType::Gzip,
            2 => CompressionType::Snappy,
            3 => CompressionType::Lz4,
            4 => CompressionType::Zstd,
            _ => CompressionType::Producer,
        },
        max_decompressed_batch_bytes: DECOMPRESSED_MAX,
        ..TopicConfig::default()
    }
}

fn judge(bytes: &[u8], config: &TopicConfig) {
    let limits = DecompressionLimits::of(config);
    if let Ok(view) = BatchView::parse(bytes) {
        let (mut records, mut heads) = (view.records(limits), view.records(limits));
        while let Ok(Some(record)) = records.next_record() {
            let head = heads.next_head();
            let Ok(Some(head)) = head else { panic!("a record without a head: {head:?}") };
            assert_eq!((head.offset, head.key), (record.offset, record.record.key));
            record.record.headers.for_each(drop);
        }
    }
    let Ok(batch) = UncheckedBatch::parse(bytes) else { return };
    let Ok(checked) = batch.check(config, Timestamp::new(1_700_000_000_000)) else { return };
    drop(checked.in_codec_of(config));
}
