//! Bytes in and out: the bounded reader and the writer that the protocol, the record batches and every file format use.

mod encoder;
mod fields;
mod reader;
mod splice;
mod writer;

pub use encoder::{Encode, EncodeError, Encoder};
pub use fields::{Decode, Form, STRING_LENGTH_MAX, Tagged, decode_body};
pub use reader::{Reader, WireError};
pub use splice::Splice;
pub use writer::Writer;

#[cfg(test)]
mod tests;
