//! The forms of Kafka's fields: strings, byte strings, arrays, nullable structs and tagged fields, read from a
//! [`Reader`]. Generated codecs consist of these calls. Nothing here allocates but the arrays.

use super::{Reader, WireError};
use crate::ids::TopicId;

/// How a message writes lengths and counts (KIP-482).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Two bytes for strings, four for the rest; -1 is null. No tagged fields.
    Classic,
    /// A varint of the length plus one; 0 is null. Every struct ends with tagged fields.
    Compact,
}

impl Form {
    /// The form of `version` in a message whose flexible versions begin at `first_flexible`.
    #[must_use]
    pub const fn of(version: i16, first_flexible: i16) -> Self {
        if version >= first_flexible { Self::Compact } else { Self::Classic }
    }

    /// Bytes of an empty string, which is the fewest that any string takes.
    #[must_use]
    pub const fn string_size_min(self) -> usize {
        match self {
            Self::Classic => 2,
            Self::Compact => 1,
        }
    }

    /// Whether structs end with tagged fields.
    #[must_use]
    pub const fn is_compact(self) -> bool {
        matches!(self, Self::Compact)
    }
}

/// The most bytes of a string field in either form: Kafka refuses longer ones, whatever the length field could say.
pub const STRING_LENGTH_MAX: usize = 0x7fff;

/// A value that can be read from the wire, given the version of its message.
pub trait Decode<'a>: Sized {
    /// Reads the value. The caller checks that the schema has the version.
    ///
    /// # Errors
    /// [`WireError`] for bytes that are no such value.
    fn decode(reader: &mut Reader<'a>, version: i16) -> Result<Self, WireError>;

    /// The fewest bytes that a value takes: what bounds the count of an array before it becomes a capacity.
    fn size_min(version: i16) -> usize;
}

/// A whole body: the value, and then nothing.
///
/// # Errors
/// [`WireError`], also for bytes that are left over.
pub fn decode_body<'a, T: Decode<'a>>(bytes: &'a [u8], version: i16) -> Result<T, WireError> {
    let mut reader = Reader::new(bytes);
    let value = T::decode(&mut reader, version)?;
    reader.finish()?;
    Ok(value)
}

/// Bytes that an array may reserve for each byte that is left, before its elements have been read. An honest array of
/// small structs stays below it and is allocated once; a lying count costs no more than this multiple.
const RESERVE_FACTOR: usize = 4;

impl<'a> Reader<'a> {
    /// One byte as a truth value: anything but 0 is true, as in Kafka.
    ///
    /// # Errors
    /// [`WireError::Truncated`].
    pub fn boolean(&mut self) -> Result<bool, WireError> {
        Ok(self.u8()? != 0)
    }

    /// Sixteen bytes as an id.
    ///
    /// # Errors
    /// [`WireError::Truncated`].
    pub fn uuid(&mut self) -> Result<TopicId, WireError> {
        self.array().map(TopicId::from_bytes)
    }

    /// A string that must be there.
    ///
    /// # Errors
    /// [`WireError`] for null, a bad length, or text that is not UTF-8.
    pub fn string(&mut self, form: Form) -> Result<&'a str, WireError> {
        self.nullable_string(form)?.ok_or(WireError::UnexpectedNull)
    }

    /// A string or null.
    ///
    /// # Errors
    /// [`WireError`] for a bad length, or text that is not UTF-8.
    pub fn nullable_string(&mut self, form: Form) -> Result<Option<&'a str>, WireError> {
        let length = match form {
            Form::Compact => self.compact_length()?,
            Form::Classic => classic_length(i32::from(self.i16()?))?,
        };
        match length.map(crate::num::usize_from_u32) {
            None => Ok(None),
            Some(length) if length > STRING_LENGTH_MAX => Err(WireError::StringTooLong { length }),
            Some(length) => self.utf8(length).map(Some),
        }
    }

    /// Bytes that must be there.
    ///
    /// # Errors
    /// [`WireError`] for null or a bad length.
    pub fn bytes(&mut self, form: Form) -> Result<&'a [u8], WireError> {
        self.nullable_bytes(form)?.ok_or(WireError::UnexpectedNull)
    }

    /// Bytes or null.
    ///
    /// # Errors
    /// [`WireError`] for a bad length.
    pub fn nullable_bytes(&mut self, form: Form) -> Result<Option<&'a [u8]>, WireError> {
        match self.length(form)? {
            None => Ok(None),
            Some(length) => self.take(crate::num::usize_from_u32(length)).map(Some),
        }
    }

    /// An array that must be there, of elements that take at least `size_min` bytes each.
    ///
    /// # Errors
    /// [`WireError`] for null, a count that the bytes cannot hold, or a bad element.
    pub fn elements<T>(
        &mut self,
        form: Form,
        size_min: usize,
        element: impl FnMut(&mut Self) -> Result<T, WireError>,
    ) -> Result<Vec<T>, WireError> {
        self.nullable_elements(form, size_min, element)?.ok_or(WireError::UnexpectedNull)
    }

    /// An array or null.
    ///
    /// # Errors
    /// [`WireError`] for a count that the bytes cannot hold, or a bad element.
    pub fn nullable_elements<T>(
        &mut self,
        form: Form,
        size_min: usize,
        mut element: impl FnMut(&mut Self) -> Result<T, WireError>,
    ) -> Result<Option<Vec<T>>, WireError> {
        let Some(count) = self.length(form)? else { return Ok(None) };
        let count = self.check_count(count, size_min)?;
        let reserve = self.remaining().saturating_mul(RESERVE_FACTOR) / size_of::<T>().max(1);
        let mut elements = Vec::with_capacity(count.min(reserve));
        for _ in 0..count {
            elements.push(element(self)?);
        }
        Ok(Some(elements))
    }

    /// A struct or null: one byte says which, in either form (a negative one is null, as in Kafka).
    ///
    /// # Errors
    /// [`WireError`] of the struct.
    pub fn nullable_struct<T: Decode<'a>>(&mut self, version: i16) -> Result<Option<T>, WireError> {
        if self.i8()? < 0 { Ok(None) } else { T::decode(self, version).map(Some) }
    }

    /// A struct or null as the value of a tagged field, where a varint says which: 0 is null.
    ///
    /// # Errors
    /// [`WireError`] of the varint or the struct.
    pub fn nullable_tagged_struct<T: Decode<'a>>(&mut self, version: i16) -> Result<Option<T>, WireError> {
        if self.unsigned_varint()? == 0 { Ok(None) } else { T::decode(self, version).map(Some) }
    }

    /// The tagged fields at the end of a struct. `field` is given each tag with a reader of exactly its bytes; it reads
    /// the fields that it knows and says so, and what it does not know is skipped and costs no memory. As in Kafka, a
    /// tag may come twice, and then the last one counts.
    ///
    /// # Errors
    /// [`WireError`]; [`WireError::BadTaggedField`] for a known field that does not end where its size says.
    pub fn tagged_fields(
        &mut self,
        mut field: impl FnMut(u32, &mut Reader<'a>) -> Result<Tagged, WireError>,
    ) -> Result<(), WireError> {
        let count = self.unsigned_varint()?;
        for _ in 0..count {
            let tag = self.unsigned_varint()?;
            let size = self.unsigned_varint()?;
            let mut value = Reader::new(self.take(crate::num::usize_from_u32(size))?);
            let known = field(tag, &mut value)?;
            if known == Tagged::Known && value.remaining() != 0 {
                return Err(WireError::BadTaggedField { tag });
            }
        }
        Ok(())
    }

    /// The tagged fields at the end of a struct that knows none.
    ///
    /// # Errors
    /// [`WireError::Truncated`], [`WireError::VarintTooLong`].
    pub fn skip_tagged_fields(&mut self) -> Result<(), WireError> {
        self.tagged_fields(|_, _| Ok(Tagged::Unknown))
    }

    /// The length of bytes or the count of an array; `None` is null.
    fn length(&mut self, form: Form) -> Result<Option<u32>, WireError> {
        match form {
            Form::Compact => self.compact_length(),
            Form::Classic => classic_length(self.i32()?),
        }
    }

    fn compact_length(&mut self) -> Result<Option<u32>, WireError> {
        Ok(self.unsigned_varint()?.checked_sub(1))
    }
}

fn classic_length(raw: i32) -> Result<Option<u32>, WireError> {
    match raw {
        -1 => Ok(None),
        _ => u32::try_from(raw).map(Some).map_err(|_| WireError::NegativeLength { length: i64::from(raw) }),
    }
}

/// What the reader of a struct says of a tagged field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tagged {
    /// It has been read.
    Known,
    /// The struct has no such field in this version; nothing was read.
    Unknown,
}
