//! Metrics as clients push them (KIP-714): OpenTelemetry's protobuf, made by hand, and its compression.

use std::io::Write as _;

use super::message::hex;

/// One gauge without attributes, whose value is a whole number.
pub(crate) fn gauge(name: &str, value: i64) -> Vec<u8> {
    let wrap = |field: u8, content: &[u8]| [&[field << 3 | 2, content.len() as u8], content].concat();
    let point = [&[6 << 3 | 1][..], &value.to_le_bytes()].concat();
    let metric = [wrap(1, name.as_bytes()), wrap(5, &wrap(1, &point))].concat();
    wrap(1, &wrap(2, &wrap(2, &metric)))
}

/// Bytes in one of Kafka's codecs, as the text of a bytes field.
pub(crate) fn compressed(codec: i8, plain: &[u8]) -> String {
    hex(&match codec {
        1 => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            encoder.write_all(plain).unwrap();
            encoder.finish().unwrap()
        }
        3 => {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
            encoder.write_all(plain).unwrap();
            encoder.finish().unwrap()
        }
        4 => zstd::encode_all(plain, 1).unwrap(),
        _ => plain.to_vec(),
    })
}
