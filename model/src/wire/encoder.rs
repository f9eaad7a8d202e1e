//! The encoder: a message into one growing buffer, with the places where bytes from elsewhere go in between.
//!
//! Sizes that are known only afterwards are written as placeholders and patched, so a message is walked once. A fetch's
//! records are not copied in: the encoder keeps a *splice*, and the socket sends the file's bytes at that place.

use super::fields::{Form, STRING_LENGTH_MAX};
use super::{Splice, Writer};
use crate::ids::TopicId;

/// Why a value cannot be written in a version. Each is our own mistake or a value from outside that does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A field that the version does not have, whose value would be lost silently.
    #[error("version {version} has no field '{field}', and dropping it would change the meaning")]
    FieldNotInVersion {
        /// The field.
        field: &'static str,
        /// The version.
        version: i16,
    },
    /// Null in a version that cannot say so.
    #[error("version {version} cannot carry null in field '{field}'")]
    NullNotInVersion {
        /// The field.
        field: &'static str,
        /// The version.
        version: i16,
    },
    /// A string longer than any reader takes.
    #[error("a string of {length} bytes is longer than the wire carries")]
    StringTooLong {
        /// Its bytes.
        length: usize,
    },
    /// More bytes or elements than a length field can say, in one field or in the whole.
    #[error("{length} bytes or elements are more than the wire carries")]
    TooLarge {
        /// How many.
        length: u64,
    },
}

/// A value that can be written to the wire, given the version of its message.
pub trait Encode {
    /// Writes the value. The caller checks that the schema has the version.
    ///
    /// # Errors
    /// [`EncodeError`] for a value that the version cannot carry; the encoder then holds a part of it.
    fn encode(&self, encoder: &mut Encoder, version: i16) -> Result<(), EncodeError>;
}

/// Writes messages. What it holds is the *head* bytes, and between them the splices.
#[derive(Clone, Debug, Default)]
pub struct Encoder {
    writer: Writer,
    splices: Vec<Splice>,
    spliced: u64,
}

impl Encoder {
    /// An empty encoder.
    #[must_use]
    pub const fn new() -> Self {
        Self { writer: Writer::new(), splices: Vec::new(), spliced: 0 }
    }

    /// An encoder with room for `capacity` head bytes.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { writer: Writer::with_capacity(capacity), splices: Vec::new(), spliced: 0 }
    }

    /// Bytes of the message so far, spliced ones included.
    #[must_use]
    pub fn size(&self) -> u64 {
        crate::num::u64_from_usize(self.writer.len()).saturating_add(self.spliced)
    }

    /// The head bytes so far.
    #[must_use]
    pub fn head(&self) -> &[u8] {
        self.writer.as_slice()
    }

    /// Gives away the head bytes and the splices, in order.
    #[must_use]
    pub fn into_parts(self) -> (Vec<u8>, Vec<Splice>) {
        (self.writer.into_vec(), self.splices)
    }

    /// Leaves a place for `size` bytes that are sent from elsewhere.
    pub fn splice(&mut self, size: u32) {
        if size > 0 {
            self.splices.push(Splice { position: self.writer.len(), size });
            self.spliced = self.spliced.saturating_add(u64::from(size));
        }
    }

    /// Overwrites four bytes at `position` of the head.
    pub fn patch_i32(&mut self, position: usize, value: i32) {
        self.writer.patch_i32(position, value);
    }

    /// Bytes as they are, without a length.
    pub fn put(&mut self, bytes: &[u8]) {
        self.writer.put(bytes);
    }

    /// An unsigned varint.
    pub fn unsigned_varint(&mut self, value: u32) {
        self.writer.unsigned_varint(value);
    }

    /// One byte, 0 or 1.
    pub fn boolean(&mut self, value: bool) {
        self.writer.u8(u8::from(value));
    }

    /// Sixteen bytes.
    pub fn uuid(&mut self, value: TopicId) {
        self.writer.put(&value.to_bytes());
    }

    /// A string.
    ///
    /// # Errors
    /// [`EncodeError::StringTooLong`].
    pub fn string(&mut self, form: Form, value: &str) -> Result<(), EncodeError> {
        let length = value.len();
        match (form, i16::try_from(length)) {
            (_, Err(_)) => return Err(EncodeError::StringTooLong { length: length.max(STRING_LENGTH_MAX) }),
            (Form::Classic, Ok(length)) => self.i16(length),
            (Form::Compact, Ok(length)) => self.unsigned_varint(u32::from(length.cast_unsigned()) + 1),
        }
        self.put(value.as_bytes());
        Ok(())
    }

    /// A string or null.
    ///
    /// # Errors
    /// [`EncodeError::StringTooLong`].
    pub fn nullable_string(&mut self, form: Form, value: Option<&str>) -> Result<(), EncodeError> {
        match (value, form) {
            (Some(value), _) => return self.string(form, value),
            (None, Form::Classic) => self.i16(-1),
            (None, Form::Compact) => self.u8(0),
        }
        Ok(())
    }

    /// Bytes with their length.
    ///
    /// # Errors
    /// [`EncodeError::TooLarge`].
    pub fn bytes(&mut self, form: Form, value: &[u8]) -> Result<(), EncodeError> {
        self.length(form, value.len())?;
        self.put(value);
        Ok(())
    }

    /// Bytes or null.
    ///
    /// # Errors
    /// [`EncodeError::TooLarge`].
    pub fn nullable_bytes(&mut self, form: Form, value: Option<&[u8]>) -> Result<(), EncodeError> {
        if let Some(value) = value {
            return self.bytes(form, value);
        }
        self.null(form);
        Ok(())
    }

    /// The length of bytes, or the count of an array.
    ///
    /// # Errors
    /// [`EncodeError::TooLarge`] past `i32::MAX`.
    pub fn length(&mut self, form: Form, length: usize) -> Result<(), EncodeError> {
        let fits =
            i32::try_from(length).map_err(|_| EncodeError::TooLarge { length: crate::num::u64_from_usize(length) })?;
        match form {
            Form::Classic => self.i32(fits),
            Form::Compact => self.unsigned_varint(fits.cast_unsigned() + 1),
        }
        Ok(())
    }

    /// Null in the place of bytes or an array.
    pub fn null(&mut self, form: Form) {
        match form {
            Form::Classic => self.i32(-1),
            Form::Compact => self.u8(0),
        }
    }

    /// An array.
    ///
    /// # Errors
    /// [`EncodeError`] of the count or an element.
    pub fn elements<T>(
        &mut self,
        form: Form,
        elements: &[T],
        mut element: impl FnMut(&mut Self, &T) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        self.length(form, elements.len())?;
        elements.iter().try_for_each(|value| element(self, value))
    }

    /// A struct or null.
    ///
    /// # Errors
    /// [`EncodeError`] of the struct.
    pub fn nullable_struct<T: Encode>(&mut self, value: Option<&T>, version: i16) -> Result<(), EncodeError> {
        match value {
            None => self.i8(-1),
            Some(value) => {
                self.i8(1);
                value.encode(self, version)?;
            }
        }
        Ok(())
    }

    /// A struct or null as the value of a tagged field.
    ///
    /// # Errors
    /// [`EncodeError`] of the struct.
    pub fn nullable_tagged_struct<T: Encode>(&mut self, value: Option<&T>, version: i16) -> Result<(), EncodeError> {
        self.unsigned_varint(u32::from(value.is_some()));
        value.map_or(Ok(()), |value| value.encode(self, version))
    }

    /// One tagged field: its tag, its size, and what `value` writes.
    ///
    /// # Errors
    /// [`EncodeError`] of the value.
    pub fn tagged_field(
        &mut self,
        tag: u32,
        value: impl FnOnce(&mut Self) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        self.unsigned_varint(tag);
        let start = self.writer.len();
        debug_assert!(self.splices.iter().all(|splice| splice.position <= start), "splices stand in order");
        value(self)?;
        let length = self.writer.len().saturating_sub(start);
        let size =
            u32::try_from(length).map_err(|_| EncodeError::TooLarge { length: crate::num::u64_from_usize(length) })?;
        // The size stands before the value and is known after it. Tagged values are a few bytes: moving them costs less
        // than a walk that only counts.
        self.writer.insert_unsigned_varint(start, size);
        Ok(())
    }
}

macro_rules! fixed_width {
    ($($name:ident: $type:ty, $doc:literal;)*) => {
        impl Encoder {
            $(
                #[doc = $doc]
                #[inline]
                pub fn $name(&mut self, value: $type) {
                    self.writer.$name(value);
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
    f64: f64, "Eight bytes, IEEE 754.";
}
