//! Conversions between fixed-width integers and `usize` that cannot lose anything on the platforms we build for.
//!
//! Everywhere else `as` is a lint error: a silent truncation of a length is how a broker trusts a lie.

const _: () = assert!(usize::BITS >= 64, "Tidelog is built for 64-bit platforms");

/// A `u32` as a length or an index in memory. Lossless: see the assertion above.
#[must_use]
#[expect(clippy::as_conversions, reason = "the one place; usize has at least 64 bits, asserted at compile time")]
pub const fn usize_from_u32(value: u32) -> usize {
    value as usize
}

/// A length in memory as the 64-bit integer that files and counters use. Lossless on every platform of today.
#[must_use]
#[expect(clippy::as_conversions, reason = "the one place; no platform has a usize wider than 64 bits")]
pub const fn u64_from_usize(value: usize) -> u64 {
    value as u64
}

/// A 64-bit file position or size as a length in memory. Lossless: see the assertion above.
#[must_use]
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "the one place; usize has at least 64 bits, asserted at compile time"
)]
pub const fn usize_from_u64(value: u64) -> usize {
    value as usize
}
