//! The four codecs, as streams: they end, and hold no more than the reader allows, whatever the bytes claim.
#![no_main]

use std::io::Read;

use libfuzzer_sys::fuzz_target;
use storage::compression::{Codec, decompress};

/// Bytes that are read of a stream.
const READ_MAX: u64 = 4 << 20;

/// What a decoder holds besides: windows and blocks. The most is that of lz4's old frames, two blocks of 8 MiB.
const WINDOW_BYTES: usize = 17 << 20;

fuzz_target!(|input: &[u8]| {
    let [codec, bytes @ ..] = input else { return };
    let Some(codec) = Codec::from_id(codec % 5) else { return };
    fuzz::within(bytes.len() * 10 + WINDOW_BYTES, || {
        let Ok(mut stream) = decompress(codec, bytes, READ_MAX) else { return };
        let (mut buffer, mut left) = ([0; 8192], READ_MAX);
        while left > 0 {
            match stream.read(&mut buffer) {
                Ok(0) | Err(_) => break,
                Ok(count) => left = left.saturating_sub(u64::try_from(count).unwrap_or(left)),
            }
        }
    });
});
