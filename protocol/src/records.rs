//! The records of a response: bytes at hand, or bytes that the socket takes from elsewhere.

use bytes::Bytes;
use model::num::{u64_from_usize, usize_from_u32};
use model::wire::{EncodeError, Encoder, Form};

/// Record batches in a response, one behind the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResponseRecords {
    /// The bytes themselves.
    Inline(Bytes),
    /// Only their size: whoever sends the response sends them in their place, from a file.
    Spliced {
        /// Bytes.
        size: u32,
    },
}

impl ResponseRecords {
    /// Records that are copied from a frame: the reading side of tests.
    #[must_use]
    pub fn copy_from_slice(bytes: &[u8]) -> Self {
        Self::Inline(Bytes::copy_from_slice(bytes))
    }

    /// Their size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        match self {
            Self::Inline(bytes) => u64_from_usize(bytes.len()),
            Self::Spliced { size } => u64::from(*size),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.size() == 0
    }
}

impl Default for ResponseRecords {
    fn default() -> Self {
        Self::Inline(Bytes::new())
    }
}

/// Writes the length and then the bytes or a splice.
pub(crate) fn encode(encoder: &mut Encoder, form: Form, records: &ResponseRecords) -> Result<(), EncodeError> {
    match records {
        ResponseRecords::Inline(bytes) => encoder.bytes(form, bytes),
        ResponseRecords::Spliced { size } => {
            encoder.length(form, usize_from_u32(*size))?;
            encoder.splice(*size);
            Ok(())
        }
    }
}
