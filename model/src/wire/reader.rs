//! The bounded reader: the only way from untrusted bytes to values. Owns the checks; allocates nothing.

use crate::num::usize_from_u32;

/// Why bytes could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Fewer bytes are left than the value needs.
    #[error("{needed} more bytes needed, {remaining} left")]
    Truncated {
        /// Bytes that the value needs.
        needed: usize,
        /// Bytes that are left.
        remaining: usize,
    },
    /// A varint runs past its longest form, or its last byte has bits that do not fit.
    #[error("a varint is longer than its type")]
    VarintTooLong,
    /// A length or count below what its type allows.
    #[error("length {length} is negative")]
    NegativeLength {
        /// The length found.
        length: i64,
    },
    /// Null where the value must be there.
    #[error("a value that must not be null is null")]
    UnexpectedNull,
    /// More elements announced than the remaining bytes could hold.
    #[error("{count} elements announced, {remaining} bytes left")]
    CountTooLarge {
        /// Elements announced.
        count: u32,
        /// Bytes that are left.
        remaining: usize,
    },
    /// A string longer than Kafka takes in any form.
    #[error("a string of {length} bytes is longer than 32767")]
    StringTooLong {
        /// Its length.
        length: usize,
    },
    /// A string that is not UTF-8.
    #[error("a string is not UTF-8")]
    InvalidUtf8,
    /// Bytes left over after the last field.
    #[error("{count} bytes left over after the last field")]
    TrailingBytes {
        /// Bytes left over.
        count: usize,
    },
    /// A tagged field does not end where its size says.
    #[error("tagged field {tag} is of another size than it says")]
    BadTaggedField {
        /// The field's tag.
        tag: u32,
    },
}

/// Reads big-endian values from a slice and never past its end. Borrowed values live as long as the slice.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads from the beginning of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Bytes not yet read.
    #[must_use]
    pub const fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// What is not yet read, without reading it.
    #[must_use]
    pub const fn peek(&self) -> &'a [u8] {
        self.rest
    }

    /// The next `length` bytes.
    ///
    /// # Errors
    /// [`WireError::Truncated`]; nothing is read then.
    #[inline]
    pub fn take(&mut self, length: usize) -> Result<&'a [u8], WireError> {
        let (head, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(WireError::Truncated { needed: length, remaining: self.rest.len() })?;
        self.rest = rest;
        Ok(head)
    }

    /// The next `N` bytes.
    ///
    /// # Errors
    /// [`WireError::Truncated`]; nothing is read then.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (head, rest) =
            self.rest.split_first_chunk::<N>().ok_or(WireError::Truncated { needed: N, remaining: self.rest.len() })?;
        self.rest = rest;
        Ok(*head)
    }

    /// A varint of up to five bytes (Protocol Buffers' form, as Kafka's `UNSIGNED_VARINT`).
    ///
    /// # Errors
    /// [`WireError::VarintTooLong`] past 32 bits, [`WireError::Truncated`].
    #[inline]
    pub fn unsigned_varint(&mut self) -> Result<u32, WireError> {
        // Most varints of records and compact types have one or two bytes.
        match *self.rest {
            [low, ref rest @ ..] if low < 0x80 => {
                self.rest = rest;
                Ok(u32::from(low))
            }
            [low, high, ref rest @ ..] if high < 0x80 => {
                self.rest = rest;
                Ok(u32::from(low & 0x7f) | u32::from(high) << 7)
            }
            _ => self.long_unsigned_varint(),
        }
    }

    fn long_unsigned_varint(&mut self) -> Result<u32, WireError> {
        let mut value: u32 = 0;
        for shift in [0_u32, 7, 14, 21, 28] {
            let byte = self.u8()?;
            if shift == 28 && byte > 0x0f {
                return Err(WireError::VarintTooLong);
            }
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(WireError::VarintTooLong)
    }

    /// A zig-zag varint of 32 bits, as records use it (`VARINT`).
    ///
    /// # Errors
    /// As [`Self::unsigned_varint`].
    #[inline]
    pub fn varint(&mut self) -> Result<i32, WireError> {
        let raw = self.unsigned_varint()?;
        Ok((raw >> 1).cast_signed() ^ -(raw & 1).cast_signed())
    }

    /// A zig-zag varint of 64 bits, as records use it (`VARLONG`).
    ///
    /// # Errors
    /// [`WireError::VarintTooLong`] past 64 bits, [`WireError::Truncated`].
    #[inline]
    pub fn varlong(&mut self) -> Result<i64, WireError> {
        match *self.rest {
            [low, ref rest @ ..] if low < 0x80 => {
                self.rest = rest;
                Ok(i64::from(low >> 1) ^ -i64::from(low & 1))
            }
            _ => self.long_varlong(),
        }
    }

    fn long_varlong(&mut self) -> Result<i64, WireError> {
        let mut raw: u64 = 0;
        for shift in (0_u32..=63).step_by(7) {
            let byte = self.u8()?;
            if shift == 63 && byte > 0x01 {
                return Err(WireError::VarintTooLong);
            }
            raw |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok((raw >> 1).cast_signed() ^ -(raw & 1).cast_signed());
            }
        }
        Err(WireError::VarintTooLong)
    }

    /// Accepts a count of elements that are at least `element_size_min` bytes each, if the bytes that remain could hold
    /// them: what passes may be used as a capacity.
    ///
    /// # Errors
    /// [`WireError::CountTooLarge`].
    pub fn check_count(&self, count: u32, element_size_min: usize) -> Result<usize, WireError> {
        let elements = usize_from_u32(count);
        match elements.checked_mul(element_size_min.max(1)) {
            Some(size) if size <= self.rest.len() => Ok(elements),
            _ => Err(WireError::CountTooLarge { count, remaining: self.rest.len() }),
        }
    }

    /// The next `length` bytes as text.
    ///
    /// # Errors
    /// [`WireError::Truncated`], [`WireError::InvalidUtf8`].
    pub fn utf8(&mut self, length: usize) -> Result<&'a str, WireError> {
        std::str::from_utf8(self.take(length)?).map_err(|_| WireError::InvalidUtf8)
    }

    /// Says that the last field was read.
    ///
    /// # Errors
    /// [`WireError::TrailingBytes`] if bytes are left.
    pub const fn finish(self) -> Result<(), WireError> {
        if self.rest.is_empty() { Ok(()) } else { Err(WireError::TrailingBytes { count: self.rest.len() }) }
    }
}

macro_rules! fixed_width {
    ($($name:ident: $type:ty, $doc:literal;)*) => {
        impl Reader<'_> {
            $(
                #[doc = $doc]
                ///
                /// # Errors
                /// [`WireError::Truncated`].
                #[inline]
                pub fn $name(&mut self) -> Result<$type, WireError> {
                    Ok(<$type>::from_be_bytes(self.array()?))
                }
            )*
        }
    };
}

fixed_width! {
    u8: u8, "One byte.";
    i8: i8, "One signed byte.";
    i16: i16, "Two bytes, signed.";
    u16: u16, "Two bytes.";
    i32: i32, "Four bytes, signed.";
    u32: u32, "Four bytes.";
    i64: i64, "Eight bytes, signed.";
    u64: u64, "Eight bytes.";
    f64: f64, "Eight bytes, IEEE 754.";
}
