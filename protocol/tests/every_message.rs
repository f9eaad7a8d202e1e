//! Laws that hold for every message and version.

use model::wire::WireError;

use protocol::testing::{CASES, Source};

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
fn no_bytes_make_a_decoder_panic() {
    let (text, bytes) = (TEXT.repeat(8), pool());
    for case in CASES {
        for version in case.versions.clone() {
            let mut source = Source::new(11, &text, &bytes);
            for _ in 0..ROUNDS {
                let noise: Vec<u8> = (0..source.below(64)).map(|_| source.bits().to_le_bytes()[0]).collect();
                let _ = (case.decode)(&noise, version);
                let mut mutated = (case.random)(&mut source, version).expect(case.name).bytes;
                if mutated.is_empty() {
                    continue;
                }
                for _ in 0..=source.below(3) {
                    let place = source.below(mutated.len());
                    mutated[place] = source.bits().to_le_bytes()[0];
                }
                let _ = (case.decode)(&mutated, version);
            }
        }
    }
}
