//! What a schema file says, as data. Owns no syntax: `parse` reads it, `print` writes it, `rust` turns it into code.

use std::fmt;

/// One schema file: an API with its two messages, or a kind of record with its key and value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// The comment lines at the top, without `# `: written by hand, kept by an import.
    pub notes: Vec<String>,
    /// API or record.
    pub kind: Kind,
    /// The name in Kafka's spelling, such as `OffsetCommit`.
    pub name: String,
    /// The API key, or the number that tells a coordinator's records apart.
    pub code: i16,
    /// The listeners that serve an API; empty for records.
    pub listeners: Vec<String>,
    /// Request and response, or key and value.
    pub messages: Vec<Message>,
}

impl File {
    /// The name as modules and files carry it, such as `offset_commit`.
    #[must_use]
    pub fn snake_name(&self) -> String {
        snake_case(&self.name)
    }

    /// The message of this role.
    #[must_use]
    pub fn message(&self, role: Role) -> Option<&Message> {
        self.messages.iter().find(|message| message.role == role)
    }
}

/// What a file defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A request and its response.
    Api,
    /// The key and the value of a record in an internal topic.
    Record,
}

/// What a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// From a client: its Rust type borrows from the frame.
    Request,
    /// To a client: its Rust type owns what it holds.
    Response,
    /// A record's key: owned.
    Key,
    /// A record's value: owned.
    Value,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Request, Self::Response, Self::Key, Self::Value];

    /// The word that opens the message's section.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Response => "response",
            Self::Key => "key",
            Self::Value => "value",
        }
    }

    /// What the Rust type's name ends with.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Request => "Request",
            Self::Response => "Response",
            Self::Key => "Key",
            Self::Value => "Value",
        }
    }
}

/// A range of versions, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    /// The lowest.
    pub first: i16,
    /// The highest.
    pub last: i16,
}

impl Versions {
    /// The versions that both have, if there are any.
    #[must_use]
    pub fn intersect(self, other: Self) -> Option<Self> {
        let both = Self { first: self.first.max(other.first), last: self.last.min(other.last) };
        (both.first <= both.last).then_some(both)
    }

    /// Whether `version` is one of them.
    #[must_use]
    pub const fn contains(self, version: i16) -> bool {
        self.first <= version && version <= self.last
    }

    /// The versions one by one.
    pub fn iter(self) -> impl Iterator<Item = i16> {
        self.first..=self.last
    }
}

impl fmt::Display for Versions {
    /// `3` or `3-7`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last { write!(f, "{}", self.first) } else { write!(f, "{}-{}", self.first, self.last) }
    }
}

/// One message: what stands between a header and the end of a frame, or in a record's key or value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it is for.
    pub role: Role,
    /// The versions it has.
    pub versions: Versions,
    /// The first version with compact lengths and tagged fields (KIP-482).
    pub flexible: Option<i16>,
    /// Its fields, in wire order.
    pub fields: Vec<Field>,
    /// Structs that several of its fields use.
    pub structs: Vec<Struct>,
}

impl Message {
    /// Whether this version has compact lengths and tagged fields.
    #[must_use]
    pub fn is_flexible(&self, version: i16) -> bool {
        self.flexible.is_some_and(|first| version >= first)
    }
}

/// A struct that several fields use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Struct {
    /// The name in Kafka's spelling.
    pub name: String,
    /// Its fields, in wire order.
    pub fields: Vec<Field>,
}

/// One field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The name in snake case, as Kafka's own schemas print it.
    pub name: String,
    /// The type.
    pub kind: Type,
    /// The versions of the message that have it.
    pub versions: Versions,
    /// The versions in which it may be null.
    pub nullable: Option<Versions>,
    /// What it is when a version does not have it; `None` is the type's zero, or null where it always may be null.
    pub default: Option<Default>,
    /// Its number among the tagged fields; `None` for a field with a fixed place.
    pub tag: Option<u32>,
    /// Whether a value may be dropped silently in a version that does not have the field.
    pub ignorable: bool,
    /// The fields of the struct it defines, where it defines one.
    pub fields: Vec<Field>,
    /// What was written behind `#`: by hand, kept by an import.
    pub note: Option<String>,
}

impl Field {
    /// Whether it may be null in some version.
    #[must_use]
    pub const fn is_nullable(&self) -> bool {
        self.nullable.is_some()
    }

    /// Whether it may be null in every version that has it.
    #[must_use]
    pub fn is_always_nullable(&self) -> bool {
        self.nullable == Some(self.versions)
    }

    /// Whether an untouched field is null.
    #[must_use]
    pub fn is_null_by_default(&self) -> bool {
        match &self.default {
            Some(default) => *default == Default::Null,
            None => self.is_always_nullable(),
        }
    }
}

/// An explicit default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Default {
    /// No value.
    Null,
    /// The type's zero, for a field that would be null otherwise.
    Zero,
    /// An integer.
    Integer(i64),
    /// A truth value.
    Boolean(bool),
}

/// The type of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// A type of fixed width.
    Scalar(Scalar),
    /// UTF-8 text.
    String,
    /// Bytes.
    Bytes,
    /// Record batches: bytes that are passed on and not looked at here.
    Records,
    /// A struct, by name.
    Struct(String),
    /// An array.
    Array(Box<Type>),
}

impl Type {
    /// The name of the struct in it, if there is one.
    #[must_use]
    pub fn struct_name(&self) -> Option<&str> {
        match self {
            Self::Struct(name) => Some(name),
            Self::Array(element) => element.struct_name(),
            Self::Scalar(_) | Self::String | Self::Bytes | Self::Records => None,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scalar(scalar) => f.write_str(scalar.word()),
            Self::String => f.write_str("string"),
            Self::Bytes => f.write_str("bytes"),
            Self::Records => f.write_str("records"),
            Self::Struct(name) => f.write_str(name),
            Self::Array(element) => write!(f, "[]{element}"),
        }
    }
}

/// A type of fixed width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalar {
    /// One byte, 0 or 1.
    Bool,
    /// One byte, signed.
    Int8,
    /// Two bytes, signed.
    Int16,
    /// Two bytes.
    Uint16,
    /// Four bytes, signed.
    Int32,
    /// Four bytes.
    Uint32,
    /// Eight bytes, signed.
    Int64,
    /// Eight bytes, IEEE 754.
    Float64,
    /// Sixteen bytes.
    Uuid,
}

impl Scalar {
    /// Every one.
    pub const ALL: [Self; 9] = [
        Self::Bool,
        Self::Int8,
        Self::Int16,
        Self::Uint16,
        Self::Int32,
        Self::Uint32,
        Self::Int64,
        Self::Float64,
        Self::Uuid,
    ];

    /// The word of the schema text, which is Kafka's.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int8 => "int8",
            Self::Int16 => "int16",
            Self::Uint16 => "uint16",
            Self::Int32 => "int32",
            Self::Uint32 => "uint32",
            Self::Int64 => "int64",
            Self::Float64 => "float64",
            Self::Uuid => "uuid",
        }
    }

    /// Bytes on the wire.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            Self::Bool | Self::Int8 => 1,
            Self::Int16 | Self::Uint16 => 2,
            Self::Int32 | Self::Uint32 => 4,
            Self::Int64 | Self::Float64 => 8,
            Self::Uuid => 16,
        }
    }
}

/// `TopicId` as `topic_id`: an underscore before a capital that follows a small letter, as Kafka's generator does it.
#[must_use]
pub fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 8);
    let mut after_capital = true;
    for character in name.chars() {
        let capital = character.is_ascii_uppercase();
        if capital && !after_capital {
            snake.push('_');
        }
        snake.push(character.to_ascii_lowercase());
        after_capital = capital;
    }
    snake
}
