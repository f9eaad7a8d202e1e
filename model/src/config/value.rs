//! What a value may be: the types of Kafka's configs, read from text and printed as DescribeConfigs prints them.

use super::Valid;

/// The type of a value, as DescribeConfigs names it by number (KIP-569).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigType {
    /// `true` or `false`.
    Boolean,
    /// Text.
    String,
    /// 32 bits, signed.
    Int,
    /// 16 bits, signed.
    Short,
    /// 64 bits, signed.
    Long,
    /// A decimal fraction.
    Double,
    /// Texts, separated by commas.
    List,
    /// The name of a Java class. Nothing of ours has this type; keys that are only known to us do.
    Class,
    /// A secret: never shown.
    Password,
}

impl ConfigType {
    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> i8 {
        match self {
            Self::Boolean => 1,
            Self::String => 2,
            Self::Int => 3,
            Self::Short => 4,
            Self::Long => 5,
            Self::Double => 6,
            Self::List => 7,
            Self::Class => 8,
            Self::Password => 9,
        }
    }

    /// The name in docs/CONFIG.md, which is Kafka's in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::String => "string",
            Self::Int => "int",
            Self::Short => "short",
            Self::Long => "long",
            Self::Double => "double",
            Self::List => "list",
            Self::Class => "class",
            Self::Password => "password",
        }
    }
}

/// Why a text is no value of its key: what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{expected}")]
pub struct ValueError {
    /// What would be right, as the end of the sentence "expected ...".
    pub expected: String,
}

impl ValueError {
    pub(super) fn new(expected: impl Into<String>) -> Self {
        Self { expected: expected.into() }
    }
}

/// A type that a config row can have.
pub trait ConfigValue: Sized {
    /// How DescribeConfigs names the type.
    const TYPE: ConfigType;

    /// Reads a value. Blanks around it do not count, as in Kafka.
    ///
    /// # Errors
    /// [`ValueError`] says what would be right.
    fn parse(text: &str) -> Result<Self, ValueError>;

    /// The value as DescribeConfigs shows it; `None` is the wire's null.
    fn print(&self) -> Option<String>;

    /// Whether the value satisfies its row's check.
    fn satisfies(&self, _valid: Valid) -> bool {
        true
    }
}

impl ConfigValue for bool {
    const TYPE: ConfigType = ConfigType::Boolean;

    fn parse(text: &str) -> Result<Self, ValueError> {
        match text.trim() {
            text if text.eq_ignore_ascii_case("true") => Ok(true),
            text if text.eq_ignore_ascii_case("false") => Ok(false),
            _ => Err(ValueError::new("true or false")),
        }
    }

    fn print(&self) -> Option<String> {
        Some(self.to_string())
    }
}

/// The three widths of whole numbers differ in nothing but their names.
macro_rules! whole_number {
    ($type:ty, $config_type:expr) => {
        impl ConfigValue for $type {
            const TYPE: ConfigType = $config_type;

            fn parse(text: &str) -> Result<Self, ValueError> {
                text.trim()
                    .parse()
                    .map_err(|_| ValueError::new(format!("a whole number between {} and {}", Self::MIN, Self::MAX)))
            }

            fn print(&self) -> Option<String> {
                Some(self.to_string())
            }

            fn satisfies(&self, valid: Valid) -> bool {
                valid.admits_number(i64::from(*self))
            }
        }
    };
}

whole_number!(i16, ConfigType::Short);
whole_number!(i32, ConfigType::Int);
whole_number!(i64, ConfigType::Long);

impl ConfigValue for f64 {
    const TYPE: ConfigType = ConfigType::Double;

    fn parse(text: &str) -> Result<Self, ValueError> {
        match text.trim().parse::<Self>() {
            Ok(number) if number.is_finite() => Ok(number),
            _ => Err(ValueError::new("a decimal number")),
        }
    }

    fn print(&self) -> Option<String> {
        // As Java writes it: the exponent of a very large or small number behind a large E.
        Some(format!("{self:?}").replace('e', "E"))
    }

    fn satisfies(&self, valid: Valid) -> bool {
        valid != Valid::Fraction || (0.0..=1.0).contains(self)
    }
}

impl ConfigValue for String {
    const TYPE: ConfigType = ConfigType::String;

    fn parse(text: &str) -> Result<Self, ValueError> {
        Ok(text.trim().to_owned())
    }

    fn print(&self) -> Option<String> {
        Some(self.clone())
    }

    fn satisfies(&self, valid: Valid) -> bool {
        valid != Valid::NotEmpty || !self.is_empty()
    }
}

impl ConfigValue for Vec<String> {
    const TYPE: ConfigType = ConfigType::List;

    fn parse(text: &str) -> Result<Self, ValueError> {
        let word = |word: &str| match word {
            "" => Err(ValueError::new("a list without empty entries")),
            word => Ok(word.to_owned()),
        };
        split_list(text).map(word).collect()
    }

    fn print(&self) -> Option<String> {
        Some(self.join(","))
    }

    fn satisfies(&self, valid: Valid) -> bool {
        valid != Valid::NotEmpty || !self.is_empty()
    }
}

/// A value that may be absent: Kafka's null default, and an empty text.
impl<T: ConfigValue> ConfigValue for Option<T> {
    const TYPE: ConfigType = T::TYPE;

    fn parse(text: &str) -> Result<Self, ValueError> {
        if text.trim().is_empty() { Ok(None) } else { T::parse(text).map(Some) }
    }

    fn print(&self) -> Option<String> {
        self.as_ref().and_then(ConfigValue::print)
    }

    fn satisfies(&self, valid: Valid) -> bool {
        self.as_ref().is_none_or(|value| value.satisfies(valid))
    }
}

/// The entries of a list value: separated by commas, blanks around them do not count; an empty text is an empty list.
pub(super) fn split_list(text: &str) -> impl Iterator<Item = &str> {
    let text = text.trim();
    text.split(',').map(str::trim).filter(move |_| !text.is_empty())
}

/// An enum of words: each variant has one text, which is both read (exactly) and printed.
macro_rules! word {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $text:literal),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$variant_meta])* $variant,)* }

        impl ConfigValue for $name {
            const TYPE: ConfigType = ConfigType::String;

            fn parse(text: &str) -> Result<Self, ValueError> {
                match text.trim() {
                    $($text => Ok(Self::$variant),)*
                    _ => Err(ValueError::new(concat!("one of", $(" ", $text,)*))),
                }
            }

            fn print(&self) -> Option<String> {
                Some(match self { $(Self::$variant => $text,)* }.to_owned())
            }
        }
    };
}

word! {
    /// Whose clock stamps a record: the producer's, or the broker's at the append (KIP-32).
    TimestampType {
        /// The producer's.
        CreateTime = "CreateTime",
        /// The broker's, when it appends.
        LogAppendTime = "LogAppendTime",
    }
}

word! {
    /// How batches are compressed in the log (`compression.type`).
    CompressionType {
        /// As the producer sent them.
        Producer = "producer",
        /// Not at all.
        Uncompressed = "uncompressed",
        /// With gzip.
        Gzip = "gzip",
        /// With snappy.
        Snappy = "snappy",
        /// With lz4.
        Lz4 = "lz4",
        /// With zstd.
        Zstd = "zstd",
    }
}

word! {
    /// What an acknowledgement with acks=all stands for. Ours; Kafka has only [`FlushMode::Async`].
    FlushMode {
        /// The records are on stable storage.
        Sync = "sync",
        /// The records are in the page cache, as in Kafka; `flush.messages` and `flush.ms` say when they are synced.
        Async = "async",
    }
}

/// What happens to old records (`cleanup.policy`). Neither: they are kept for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CleanupPolicy {
    /// Segments beyond the retention limits are deleted.
    pub delete: bool,
    /// Only the latest record of each key is kept.
    pub compact: bool,
}

impl ConfigValue for CleanupPolicy {
    const TYPE: ConfigType = ConfigType::List;

    fn parse(text: &str) -> Result<Self, ValueError> {
        let mut policy = Self { delete: false, compact: false };
        for word in split_list(text) {
            match word {
                "delete" => policy.delete = true,
                "compact" => policy.compact = true,
                _ => return Err(ValueError::new("a list of: delete, compact")),
            }
        }
        Ok(policy)
    }

    fn print(&self) -> Option<String> {
        let words: &[&str] = match (self.delete, self.compact) {
            (true, true) => &["compact", "delete"],
            (true, false) => &["delete"],
            (false, true) => &["compact"],
            (false, false) => &[],
        };
        Some(words.join(","))
    }
}
