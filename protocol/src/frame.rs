//! What stands around a body: the size of a frame, and the headers of requests and responses.

use model::num::u64_from_usize;
use model::wire::{EncodeError, Encoder, Form, Reader, Splice, WireError};

use crate::{ApiKey, Request, Response};

/// The header of a request, versions 1 and 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestHeader<'a> {
    /// What is asked.
    pub api_key: ApiKey,
    /// In which version; the schema has it.
    pub api_version: i16,
    /// What the response carries back.
    pub correlation_id: i32,
    /// The name that the client gives itself.
    pub client_id: Option<&'a str>,
}

/// Why a request cannot be taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// A key that the client listener does not have.
    #[error("no API has the key {code}")]
    UnknownApiKey {
        /// The key.
        code: i16,
    },
    /// A version that the schema does not have. The body cannot be read; an answer can be sent (`ApiVersions` does).
    #[error("{api_key} has no version {api_version}")]
    UnknownVersion {
        /// The API.
        api_key: ApiKey,
        /// The version asked for.
        api_version: i16,
        /// What an answer would carry back.
        correlation_id: i32,
    },
    /// Bytes that are no header.
    #[error(transparent)]
    Wire(#[from] WireError),
}

impl<'a> RequestHeader<'a> {
    /// Reads a header, and leaves the reader at the body.
    ///
    /// # Errors
    /// [`HeaderError`].
    pub fn parse(reader: &mut Reader<'a>) -> Result<Self, HeaderError> {
        let (code, api_version, correlation_id) = (reader.i16()?, reader.i16()?, reader.i32()?);
        let api_key = ApiKey::from_code(code).ok_or(HeaderError::UnknownApiKey { code })?;
        if !api_key.has_version(api_version) {
            return Err(HeaderError::UnknownVersion { api_key, api_version, correlation_id });
        }
        // The client id keeps its classic form in flexible headers, so that any broker can read it (KIP-482).
        let client_id = reader.nullable_string(Form::Classic)?;
        if api_key.request_header_version(api_version) >= 2 {
            reader.skip_tagged_fields()?;
        }
        Ok(Self { api_key, api_version, correlation_id, client_id })
    }

    /// Writes the header as a client does.
    ///
    /// # Errors
    /// [`EncodeError::StringTooLong`] for the client id.
    pub fn encode(&self, encoder: &mut Encoder) -> Result<(), EncodeError> {
        encoder.i16(self.api_key.code());
        encoder.i16(self.api_version);
        encoder.i32(self.correlation_id);
        encoder.nullable_string(Form::Classic, self.client_id)?;
        if self.api_key.request_header_version(self.api_version) >= 2 {
            encoder.unsigned_varint(0);
        }
        Ok(())
    }
}

/// A frame as it goes to the socket: head bytes, and between them the splices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    head: Vec<u8>,
    splices: Vec<Splice>,
}

impl Frame {
    /// A response with its header and its size.
    ///
    /// # Errors
    /// [`EncodeError`] of the body, or [`EncodeError::TooLarge`] past `i32::MAX` bytes.
    pub fn response<R: Response>(correlation_id: i32, version: i16, body: &R) -> Result<Self, EncodeError> {
        Self::build(|encoder| {
            encoder.i32(correlation_id);
            if R::API_KEY.response_header_version(version) >= 1 {
                encoder.unsigned_varint(0);
            }
            body.encode(encoder, version)
        })
    }

    /// A request with its header and its size: the client's side, for tests and tools.
    ///
    /// # Errors
    /// As [`Self::response`].
    pub fn request<'a, R: Request<'a>>(
        correlation_id: i32,
        client_id: Option<&str>,
        version: i16,
        body: &R,
    ) -> Result<Self, EncodeError> {
        let header = RequestHeader { api_key: R::API_KEY, api_version: version, correlation_id, client_id };
        Self::build(|encoder| {
            header.encode(encoder)?;
            body.encode(encoder, version)
        })
    }

    fn build(content: impl FnOnce(&mut Encoder) -> Result<(), EncodeError>) -> Result<Self, EncodeError> {
        let mut encoder = Encoder::with_capacity(HEAD_CAPACITY);
        encoder.i32(0);
        content(&mut encoder)?;
        let size = encoder.size().saturating_sub(u64_from_usize(SIZE_WIDTH));
        let prefix = i32::try_from(size).map_err(|_| EncodeError::TooLarge { length: size })?;
        encoder.patch_i32(0, prefix);
        let (head, splices) = encoder.into_parts();
        Ok(Self { head, splices })
    }

    /// Bytes on the socket, the size in front included.
    #[must_use]
    pub fn size(&self) -> u64 {
        let spliced = self.splices.iter().map(|splice| u64::from(splice.size)).sum::<u64>();
        u64_from_usize(self.head.len()).saturating_add(spliced)
    }

    /// The head bytes, without what belongs between them.
    #[must_use]
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// The places where other bytes belong, in order.
    #[must_use]
    pub fn splices(&self) -> &[Splice] {
        &self.splices
    }

    /// The head bytes; a frame without splices is nothing else.
    #[must_use]
    pub fn into_head(self) -> Vec<u8> {
        self.head
    }

    /// What goes to the socket, in turn.
    pub fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        let mut sent = 0;
        let spliced = self.splices.iter().flat_map(move |splice| {
            let head = self.head.get(sent..splice.position).unwrap_or_default();
            sent = splice.position;
            [Part::Head(head), Part::Spliced { size: splice.size }]
        });
        let last = self.splices.last().map_or(0, |splice| splice.position);
        let rest = self.head.get(last..).unwrap_or_default();
        spliced.chain([Part::Head(rest)]).filter(|part| *part != Part::Head(&[]))
    }
}

/// The width of the size in front of a frame.
const SIZE_WIDTH: usize = 4;

/// What most answers fit in; a larger one grows.
const HEAD_CAPACITY: usize = 256;

/// One stretch of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'f> {
    /// Bytes of the head.
    Head(&'f [u8]),
    /// The next of the bytes that the response was built around.
    Spliced {
        /// How many.
        size: u32,
    },
}
