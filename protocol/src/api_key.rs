//! The APIs: their codes, names, versions and header versions. The enum and its facts are generated from `schema/`.

use std::fmt;
use std::ops::RangeInclusive;

mod generated {
    #![expect(clippy::too_many_lines, reason = "generated: a line for each API")]

    use super::Facts;

    include!(concat!(env!("OUT_DIR"), "/api_keys.rs"));
}

pub use generated::ApiKey;

/// What the schema says of an API.
struct Facts {
    code: i16,
    name: &'static str,
    first: i16,
    last: i16,
    flexible_request: Option<i16>,
    flexible_response: Option<i16>,
}

impl ApiKey {
    /// The number in a request's header.
    #[must_use]
    pub const fn code(self) -> i16 {
        self.facts().code
    }

    /// The name in Kafka's spelling.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.facts().name
    }

    /// The versions whose bytes are known here. What a broker serves and advertises may be less.
    #[must_use]
    pub const fn versions(self) -> RangeInclusive<i16> {
        self.facts().first..=self.facts().last
    }

    /// Whether the bytes of this version are known here.
    #[must_use]
    pub const fn has_version(self, version: i16) -> bool {
        self.facts().first <= version && version <= self.facts().last
    }

    /// The version of a request's header: 2 has tagged fields. Versions past the schema's last are taken as flexible
    /// as that one, so that the header of an unknown version can be read.
    #[must_use]
    pub const fn request_header_version(self, version: i16) -> i16 {
        if is_flexible(self.facts().flexible_request, version) { 2 } else { 1 }
    }

    /// The version of a response's header: 1 has tagged fields. `ApiVersions` has 0 at every version, because a client
    /// reads that answer before it knows what the broker speaks (KIP-511).
    #[must_use]
    pub const fn response_header_version(self, version: i16) -> i16 {
        if !matches!(self, Self::ApiVersions) && is_flexible(self.facts().flexible_response, version) { 1 } else { 0 }
    }
}

const fn is_flexible(first: Option<i16>, version: i16) -> bool {
    matches!(first, Some(first) if version >= first)
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
