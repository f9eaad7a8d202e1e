//! Laws that hold for every message and version.

use std::hash::{BuildHasher, Hasher, RandomState};

use model::wire::WireError;

use protocol::testing::{CASES, Case, ReencodeError, Source};

const TEXT: &str =
    "tidelog, Wasserstand, 潮汐, прилив, 🌊; the quick brown fox jumps over the lazy dog again and again";
const ROUNDS: u64 = 40;

fn pool() -> Vec<u8> {
    (0..=255).cycle().take(1024).collect()
}

#[test]
fn every_value_reads_back_equal() {
    let (text, bytes) = (TEXT.repeat(8), pool());
    for case in CASES {
        for version in case.versions.clone() {
            for seed in 0..ROUNDS {
                let what = format!("{} v{version} seed {seed}", case.name);
                let written = (case.random)(&mut Source::new(seed, &text, &bytes), version).expect(&what);
                let read = (case.reencode)(&written.bytes, version).expect(&what);
                assert_eq!(read.text, written.text, "{what}");
                assert_eq!(read.bytes, written.bytes, "{what}");
            }
        }
    }
}

#[test]
fn a_body_cut_short_or_with_a_byte_left_over_is_an_error() {
    let (text, bytes) = (TEXT.repeat(8), pool());
    for case in CASES {
        for version in case.versions.clone() {
            let written = (case.random)(&mut Source::new(7, &text, &bytes), version).expect(case.name).bytes;
            for end in 0..written.len() {
                assert!((case.decode)(&written[..end], version).is_err(), "{} v{version} cut at {end}", case.name);
            }
            let longer = [written.as_slice(), &[0]].concat();
            assert_eq!((case.decode)(&longer, version), Err(WireError::TrailingBytes { count: 1 }), "{}", case.name);
        }
    }
}

#[test]
fn noise_is_refused_or_read_as_a_value_that_can_be_written() {
    let (text, bytes) = (TEXT.repeat(8), pool());
    // Another seed in every run; a failure prints it, and it can be put here.
    let seed = RandomState::new().build_hasher().finish();
    println!("seed {seed}");
    let mut source = Source::new(seed, &text, &bytes);
    for case in CASES {
        for version in case.versions.clone() {
            for _ in 0..ROUNDS {
                let noise: Vec<u8> = (0..source.below(64)).map(|_| source.bits().to_le_bytes()[0]).collect();
                refused_or_written(case, version, &noise);
                let mut mutated = (case.random)(&mut source, version).expect(case.name).bytes;
                mutate(&mut source, &mut mutated);
                refused_or_written(case, version, &mutated);
            }
        }
    }
}

/// Puts noise in one to three places.
fn mutate(source: &mut Source<'_>, bytes: &mut [u8]) {
    for _ in 0..=source.below(3) {
        let place = source.below(bytes.len());
        if let Some(byte) = bytes.get_mut(place) {
            *byte = source.bits().to_le_bytes()[0];
        }
    }
}

fn refused_or_written(case: &Case, version: i16, bytes: &[u8]) {
    match (case.reencode)(bytes, version) {
        Err(ReencodeError::Wire(_)) => {}
        Err(ReencodeError::Encode(error)) => panic!("{} v{version}: {error}: {bytes:?}", case.name),
        Ok(read) => assert_eq!((case.reencode)(&read.bytes, version), Ok(read), "{} v{version}", case.name),
    }
}
