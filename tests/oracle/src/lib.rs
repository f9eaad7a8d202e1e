//! What the oracle tests share: the codecs of the internal topics' records, and Kafka's classes behind a pipe.
//!
//! Owns: the judgement of our bytes by programs that others wrote. Our own tests cannot find a mistake that encoder and
//! decoder share; these can.
#![forbid(unsafe_code)]

pub mod java;
pub mod records;

pub use protocol::testing;

/// Every message and version of the schema in one text, in the notation of `java/Oracle.java`.
pub const SCHEMAS: &str = include_str!(concat!(env!("OUT_DIR"), "/schemas.txt"));

/// Every message of the wire and every record of the coordinators.
pub fn cases() -> impl Iterator<Item = &'static testing::Case> {
    testing::CASES.iter().chain(records::CASES)
}

/// Text that random values take their strings from.
#[must_use]
pub fn text_pool() -> String {
    "tidelog, Wasserstand, 潮汐, прилив, 🌊; the quick brown fox jumps over the lazy dog again and again. ".repeat(8)
}

/// Bytes that random values take theirs from.
#[must_use]
pub fn byte_pool() -> Vec<u8> {
    (0..=255).cycle().take(1024).collect()
}
