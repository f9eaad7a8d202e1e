//! The schema of a wire format: our text form of Kafka's message definitions, and the generator that makes Rust of it.
//!
//! Owns: the text format (described in `docs/schema.md`), its reader and printer, and the code generator that the
//! build scripts of `protocol` and `coordinator` call. Does not know: which APIs exist, or what any of them means.
#![forbid(unsafe_code)]

pub mod definition;
mod parse;
mod print;
pub mod rust;

pub use definition::File;
pub use parse::{ParseError, Problem, parse};
pub use print::print;
