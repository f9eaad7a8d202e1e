//! For tests: random values of every message, and the table of all messages.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "random bits: any cut of them is as good as another"
)]

use std::fmt::Debug;
use std::ops::RangeInclusive;

use model::TopicId;
use model::num::{u64_from_usize, usize_from_u64};
use model::wire::{Decode, Encode, EncodeError, Encoder, WireError, decode_body};

mod cases {
    include!(concat!(env!("OUT_DIR"), "/cases.rs"));
}

pub use cases::CASES;

/// A message as tests see it: bytes in a version.
#[derive(Clone, Debug)]
pub struct Case {
    /// The name in Kafka's spelling, such as `FetchRequest`.
    pub name: &'static str,
    /// The API key or record type.
    pub code: i16,
    /// The versions.
    pub versions: RangeInclusive<i16>,
    /// Writes a random value.
    pub random: fn(&mut Source<'_>, i16) -> Result<Sample, EncodeError>,
    /// Reads bytes and writes the value again.
    pub reencode: fn(&[u8], i16) -> Result<Sample, ReencodeError>,
    /// Reads bytes and drops the value.
    pub decode: fn(&[u8], i16) -> Result<(), WireError>,
}

/// A value of some message: its bytes, and its fields as `Debug` prints them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The bytes in the version asked for.
    pub bytes: Vec<u8>,
    /// The fields.
    pub text: String,
}

/// Why bytes could not be read and written again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReencodeError {
    /// They could not be read.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The value could not be written.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// [`Case::random`] for one type.
///
/// # Errors
/// [`EncodeError`]: never, where generator and encoder agree about versions.
pub fn random<'a, T: Arbitrary<'a> + Encode + Debug>(
    source: &mut Source<'a>,
    version: i16,
) -> Result<Sample, EncodeError> {
    sample(&T::arbitrary(source, version), version)
}

/// [`Case::reencode`] for one type.
///
/// # Errors
/// [`ReencodeError`].
pub fn reencode<'a, T: Decode<'a> + Encode + Debug>(bytes: &'a [u8], version: i16) -> Result<Sample, ReencodeError> {
    Ok(sample(&decode_body::<T>(bytes, version)?, version)?)
}

/// [`Case::decode`] for one type.
///
/// # Errors
/// [`WireError`].
pub fn decode<'a, T: Decode<'a>>(bytes: &'a [u8], version: i16) -> Result<(), WireError> {
    decode_body::<T>(bytes, version).map(drop)
}

fn sample<T: Encode + Debug>(value: &T, version: i16) -> Result<Sample, EncodeError> {
    let mut encoder = Encoder::new();
    value.encode(&mut encoder, version)?;
    Ok(Sample { bytes: encoder.into_parts().0, text: format!("{value:?}") })
}

/// A type that can make a random value of itself, for one version.
pub trait Arbitrary<'a> {
    /// The value.
    fn arbitrary(source: &mut Source<'a>, version: i16) -> Self;
}

/// Where random values come from: the same seed gives the same values. Text and bytes are slices of a pool, so that
/// requests can borrow them.
#[derive(Clone, Debug)]
pub struct Source<'a> {
    state: u64,
    text: &'a str,
    bytes: &'a [u8],
    depth: u32,
    crowd: usize,
}

impl<'a> Source<'a> {
    /// A source of this seed, which takes text and bytes from the pools.
    #[must_use]
    pub const fn new(seed: u64, text: &'a str, bytes: &'a [u8]) -> Self {
        Self { state: seed, text, bytes, depth: 0, crowd: 0 }
    }

    /// A source of values that take little on the wire and much in memory: full lists of `crowd` values, and no text.
    #[must_use]
    pub const fn crowded(seed: u64, crowd: usize) -> Self {
        Self { state: seed, text: "", bytes: &[], depth: 0, crowd }
    }

    /// The next 64 random bits (`SplitMix64`, Steele and others 2014).
    pub const fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        usize_from_u64(self.bits() % u64_from_usize(bound.max(1)))
    }

    /// A truth value.
    pub const fn boolean(&mut self) -> bool {
        self.bits() & 1 == 1
    }

    /// An id, now and then the zero one.
    pub fn uuid(&mut self) -> TopicId {
        if self.below(8) == 0 {
            return TopicId::ZERO;
        }
        TopicId::from_bytes((u128::from(self.bits()) << 64 | u128::from(self.bits())).to_be_bytes())
    }

    /// Text of up to 300 bytes, mostly short.
    pub fn text(&mut self) -> &'a str {
        let (start, end) = self.range(self.text.len());
        let boundary = |mut place: usize| {
            while !self.text.is_char_boundary(place) {
                place -= 1;
            }
            place
        };
        self.text.get(boundary(start)..boundary(end)).unwrap_or_default()
    }

    /// Up to 300 bytes, mostly few.
    pub fn bytes(&mut self) -> &'a [u8] {
        let (start, end) = self.range(self.bytes.len());
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// A list of up to three values, shorter the deeper it stands; a crowd at the top of a crowded source.
    pub fn list<T>(&mut self, mut element: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let length = match (self.crowd, self.depth) {
            (0, 0..3) => self.below(4),
            (0, _) => self.below(2),
            (crowd, 0) => crowd,
            (_, _) => 1,
        };
        self.depth += 1;
        let list = (0..length).map(|_| element(self)).collect();
        self.depth -= 1;
        list
    }

    /// Nothing, one time in three.
    pub fn optional<T>(&mut self, value: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.crowd == 0 && self.below(3) == 0 { None } else { Some(value(self)) }
    }

    fn range(&mut self, pool: usize) -> (usize, usize) {
        let most = if self.below(8) == 0 { 300 } else { 12 };
        let length = self.below(most).min(pool);
        let start = self.below(pool - length + 1);
        (start, start + length)
    }
}

macro_rules! integers {
    ($($name:ident: $type:ty, $doc:literal;)*) => {
        impl Source<'_> {
            $(
                #[doc = $doc]
                pub const fn $name(&mut self) -> $type {
                    let bits = self.bits();
                    // Ends of the range and small numbers are where mistakes show.
                    match bits >> 60 {
                        0 => 0,
                        1 => <$type>::MAX,
                        2 => <$type>::MIN,
                        3..=7 => bits.to_le_bytes()[0] as $type,
                        _ => bits as $type,
                    }
                }
            )*
        }
    };
}

integers! {
    i8: i8, "A signed byte.";
    i16: i16, "Two bytes, signed.";
    u16: u16, "Two bytes.";
    i32: i32, "Four bytes, signed.";
    u32: u32, "Four bytes.";
    i64: i64, "Eight bytes, signed.";
}

impl Source<'_> {
    /// A number that is equal to itself.
    pub fn f64(&mut self) -> f64 {
        f64::from(self.i32()) / 16.0
    }
}
