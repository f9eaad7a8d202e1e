//! Bytes in and out: the bounded reader and the writer that the protocol, the record batches and every file format use.

mod reader;
mod writer;

pub use reader::{Reader, WireError};
pub use writer::Writer;

#[cfg(test)]
mod tests;
