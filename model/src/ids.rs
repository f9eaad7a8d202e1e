//! The names of things: topics, partitions, brokers.

use std::fmt;
use std::sync::Arc;

/// The id of a broker; never negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BrokerId(i32);

impl BrokerId {
    /// A broker id of `raw`, if it is not negative.
    #[must_use]
    pub const fn new(raw: i32) -> Option<Self> {
        if raw >= 0 { Some(Self(raw)) } else { None }
    }

    /// The number as the wire carries it.
    #[must_use]
    pub const fn get(self) -> i32 {
        self.0
    }
}

/// The index of a partition in its topic; never negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionIndex(i32);

impl PartitionIndex {
    /// A partition index of `raw`, if it is not negative.
    #[must_use]
    pub const fn new(raw: i32) -> Option<Self> {
        if raw >= 0 { Some(Self(raw)) } else { None }
    }

    /// The number as the wire and the directory name carry it.
    #[must_use]
    pub const fn get(self) -> i32 {
        self.0
    }

    /// The index as a place in a list of partitions.
    #[must_use]
    pub fn to_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl fmt::Display for PartitionIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The id of one life of a topic: a topic that is deleted and created again has another (KIP-516).
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicId([u8; 16]);

const BASE64_URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

impl TopicId {
    /// The wire's "no id".
    pub const ZERO: Self = Self([0; 16]);

    /// An id of these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes as the wire and the disk carry them.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    /// Whether this is the wire's "no id".
    #[must_use]
    pub fn is_zero(self) -> bool {
        self == Self::ZERO
    }

    /// Whether Kafka keeps this id for itself: 0 and 1 (`Uuid.RESERVED`).
    #[must_use]
    pub fn is_reserved(self) -> bool {
        u128::from_be_bytes(self.0) <= 1
    }

    /// Reads the 22 characters of [`Display`](fmt::Display); `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 22 {
            return None;
        }
        let mut bits: u128 = 0;
        for (place, character) in text.bytes().enumerate() {
            let digit = u128::try_from(BASE64_URL.iter().position(|known| *known == character)?).ok()?;
            // 22 digits hold 132 bits: the last digit's low four are padding and must be zero.
            bits = if place == 21 {
                if digit & 0xf != 0 {
                    return None;
                }
                bits << 2 | digit >> 4
            } else {
                bits << 6 | digit
            };
        }
        Some(Self(bits.to_be_bytes()))
    }
}

impl fmt::Display for TopicId {
    /// URL-safe base64 without padding, as Kafka's tools print ids.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = u128::from_be_bytes(self.0);
        for place in 0..22_u32 {
            let digit = if place == 21 { bits << 4 & 0x3f } else { bits >> (122 - 6 * place) & 0x3f };
            let index = usize::try_from(digit).unwrap_or(0);
            let character = BASE64_URL.get(index).copied().unwrap_or(b'?');
            fmt::Write::write_char(f, char::from(character))?;
        }
        Ok(())
    }
}

impl fmt::Debug for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text cannot name a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopicNameError {
    /// No characters.
    #[error("a topic name must not be empty")]
    Empty,
    /// `.` and `..` would name a directory of the file system.
    #[error("a topic cannot be named '.' or '..'")]
    Dots,
    /// More than [`TopicName::LENGTH_MAX`] characters.
    #[error("a topic name has at most 249 characters, this one has {length}")]
    TooLong {
        /// Characters found.
        length: usize,
    },
    /// Something other than ASCII letters, digits, `.`, `_` and `-`.
    #[error("a topic name has only ASCII letters, digits, '.', '_' and '-', this one has {character:?}")]
    BadCharacter {
        /// The first that does not fit.
        character: char,
    },
}

/// The name of a topic, checked: it is safe as a directory name. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicName(Arc<str>);

impl TopicName {
    /// The most characters of a name; with a partition's suffix it still fits a file name (Kafka's `Topic`).
    pub const LENGTH_MAX: usize = 249;

    /// Checks a name by Kafka's rules.
    ///
    /// # Errors
    /// [`TopicNameError`] says which rule it breaks; the wire calls all of them `INVALID_TOPIC_EXCEPTION`.
    pub fn parse(name: &str) -> Result<Self, TopicNameError> {
        match name {
            "" => return Err(TopicNameError::Empty),
            "." | ".." => return Err(TopicNameError::Dots),
            _ => {}
        }
        if name.len() > Self::LENGTH_MAX {
            return Err(TopicNameError::TooLong { length: name.chars().count() });
        }
        let good = |character: char| character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '-');
        match name.chars().find(|character| !good(*character)) {
            Some(character) => Err(TopicNameError::BadCharacter { character }),
            None => Ok(Self(Arc::from(name))),
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name in metrics, where `.` and `_` are the same: Kafka refuses a second topic with the same one.
    #[must_use]
    pub fn metric_name(&self) -> String {
        self.0.replace('.', "_")
    }
}

impl std::borrow::Borrow<str> for TopicName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One partition of one topic, by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: PartitionIndex,
}

impl fmt::Display for TopicPartition {
    /// `<topic>-<partition>`, which is also the name of its directory.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topic_ids_read_back_as_they_print() {
        let id = TopicId::from_bytes(*b"\x00\x01\xfe\xffabcdefgh\x80\x7f\x10\xef");
        assert_eq!(id.to_string().len(), 22);
        assert_eq!(TopicId::parse(&id.to_string()), Some(id));
        assert_eq!(TopicId::ZERO.to_string(), "AAAAAAAAAAAAAAAAAAAAAA");
        assert_eq!(TopicId::parse("AAAAAAAAAAAAAAAAAAAAAB"), None);
    }

    #[test]
    fn bad_topic_names_say_what_is_wrong() {
        assert_eq!(TopicName::parse(""), Err(TopicNameError::Empty));
        assert_eq!(TopicName::parse(".."), Err(TopicNameError::Dots));
        assert_eq!(TopicName::parse("a/b"), Err(TopicNameError::BadCharacter { character: '/' }));
        assert_eq!(TopicName::parse(&"x".repeat(250)), Err(TopicNameError::TooLong { length: 250 }));
        assert!(TopicName::parse(&"x".repeat(249)).is_ok());
    }

    #[test]
    fn dots_and_underscores_collide() {
        let name = TopicName::parse("a.b_c").unwrap();
        assert_eq!(name.metric_name(), TopicName::parse("a_b.c").unwrap().metric_name());
        assert_ne!(name.metric_name(), TopicName::parse("a-b.c").unwrap().metric_name());
    }
}
