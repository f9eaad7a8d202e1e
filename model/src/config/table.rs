//! The row of a config table, and the macro that turns rows into a struct with defaults, parsers and descriptions.

use super::value::{ConfigType, ConfigValue, ValueError, split_list};

/// Which values of its type a row takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Valid {
    /// All.
    Any,
    /// This number or more.
    AtLeast(i64),
    /// A number from the first to the second, both included.
    Between(i64, i64),
    /// A number from the first to the second, both included, or the third.
    BetweenOr(i64, i64, i64),
    /// A decimal number from 0 to 1, both included.
    Fraction,
    /// Anything but an empty text or list.
    NotEmpty,
}

impl Valid {
    pub(super) fn admits_number(self, number: i64) -> bool {
        match self {
            Self::Any | Self::Fraction | Self::NotEmpty => true,
            Self::AtLeast(least) => number >= least,
            Self::Between(least, most) => (least..=most).contains(&number),
            Self::BetweenOr(least, most, other) => (least..=most).contains(&number) || number == other,
        }
    }
}

impl std::fmt::Display for Valid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::AtLeast(least) => write!(f, "at least {least}"),
            Self::Between(least, most) => write!(f, "{least} to {most}"),
            Self::BetweenOr(least, most, other) => write!(f, "{least} to {most}, or {other}"),
            Self::Fraction => f.write_str("0 to 1"),
            Self::NotEmpty => f.write_str("not empty"),
        }
    }
}

/// One key of a table whose values live in a `C`.
#[derive(Clone, Copy, Debug)]
pub struct Row<C> {
    /// The name, which is Kafka's unless the documentation says otherwise.
    pub key: &'static str,
    /// The name of the struct's field that holds the value, which the code reads.
    pub field: &'static str,
    /// What it means, in whole sentences, with the unit.
    pub doc: &'static str,
    /// The type of its values.
    pub value_type: ConfigType,
    /// Which values it takes.
    pub valid: Valid,
    /// The broker keys that give a topic config its default, the strongest first; empty in the broker's own table.
    pub broker_keys: &'static [BrokerKey],
    /// Whether a running broker takes a new value.
    pub is_dynamic: bool,
    pub(super) get: fn(&C) -> Option<String>,
    pub(super) set: fn(&mut C, &str) -> Result<(), ValueError>,
    pub(super) normalize: fn(&str) -> Result<String, ValueError>,
}

/// A broker key whose value is the default of a topic config.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokerKey {
    /// The name, such as `log.roll.hours`.
    pub key: &'static str,
    /// In what it counts, where the topic config counts in milliseconds.
    pub unit: Unit,
}

impl BrokerKey {
    /// A key that is no topic config's default.
    pub(super) const fn alone(key: &'static str) -> Self {
        Self { key, unit: Unit::Same }
    }
}

/// What the number of a broker key counts, as against its topic config.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// The same.
    Same,
    /// The same, but Kafka lets no running broker change it.
    SameAtStart,
    /// Minutes for the topic's milliseconds.
    Minutes,
    /// Hours for the topic's milliseconds.
    Hours,
}

impl<C> Row<C> {
    /// The value in `config`, as DescribeConfigs prints it; `None` is the wire's null.
    #[must_use]
    pub fn get(&self, config: &C) -> Option<String> {
        (self.get)(config)
    }

    /// Reads `text`, checks it, and puts it into `config`, which is unchanged after an error.
    ///
    /// # Errors
    /// [`ValueError`] says what would be right.
    pub fn set(&self, config: &mut C, text: &str) -> Result<(), ValueError> {
        (self.set)(config, text)
    }

    /// `text` as DescribeConfigs prints the value that it stands for.
    ///
    /// # Errors
    /// [`ValueError`] says what would be right.
    pub fn normalize(&self, text: &str) -> Result<String, ValueError> {
        (self.normalize)(text)
    }
}

/// Reads a value and holds it against its row's check.
pub(super) fn parse_valid<T: ConfigValue>(text: &str, valid: Valid) -> Result<T, ValueError> {
    let value = T::parse(text)?;
    if value.satisfies(valid) { Ok(value) } else { Err(ValueError::new(valid.to_string())) }
}

/// Reads a value, checks it, and prints it again.
pub(super) fn normalize<T: ConfigValue>(text: &str, valid: Valid) -> Result<String, ValueError> {
    let value = parse_valid::<T>(text, valid)?;
    // The words of a list keep the order in which they were given, which some types do not remember.
    if T::TYPE == ConfigType::List { Ok(unique_words(text)) } else { Ok(value.print().unwrap_or_default()) }
}

/// The words of a list, each once, in their order.
pub(super) fn unique_words(text: &str) -> String {
    let mut words: Vec<&str> = Vec::new();
    for word in split_list(text) {
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words.join(",")
}

/// A struct with one field per key, its `Default`, and its rows, from lines of
/// `field: type = "key", default value, valid check, broker keys, dynamic;` of which the last three may be left out.
/// The documentation comment of a line is the key's documentation. `beside` names fields that are no keys.
macro_rules! config_table {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $($(#[doc = $doc:literal])+ $field:ident: $type:ty = $key:literal, default $default:expr
                $(, valid $valid:expr)? $(, broker $broker:expr)? $(, dynamic $dynamic:literal)?;)*
        }
        $(beside { $($beside:ident: $beside_type:ty,)* })?
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            $($(#[doc = $doc])+ pub $field: $type,)*
            $($(pub(super) $beside: $beside_type,)*)?
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)* $($($beside: <$beside_type>::default(),)*)? }
            }
        }

        impl $name {
            /// Every key, in the order of the table.
            pub const ROWS: &'static [$crate::config::Row<Self>] = &[
                $($crate::config::Row {
                    key: $key,
                    field: stringify!($field),
                    doc: concat!($($doc, "\n",)+),
                    value_type: <$type as $crate::config::value::ConfigValue>::TYPE,
                    valid: $crate::config::table::given_or!($crate::config::Valid::Any $(, $valid)?),
                    broker_keys: $crate::config::table::given_or!(&[] $(, $broker)?),
                    is_dynamic: $crate::config::table::given_or!(false $(, $dynamic)?),
                    get: |config| $crate::config::value::ConfigValue::print(&config.$field),
                    set: |config, text| {
                        let valid = $crate::config::table::given_or!($crate::config::Valid::Any $(, $valid)?);
                        config.$field = $crate::config::table::parse_valid(text, valid)?;
                        Ok(())
                    },
                    normalize: |text| {
                        let valid = $crate::config::table::given_or!($crate::config::Valid::Any $(, $valid)?);
                        $crate::config::table::normalize::<$type>(text, valid)
                    },
                },)*
            ];

            /// The row of a key.
            #[must_use]
            pub fn row(key: &str) -> Option<&'static $crate::config::Row<Self>> {
                Self::ROWS.iter().find(|row| row.key == key)
            }
        }
    };
}

/// What a line of the table says, or what holds where it says nothing.
macro_rules! given_or {
    ($default:expr) => {
        $default
    };
    ($default:expr, $given:expr) => {
        $given
    };
}

pub(super) use {config_table, given_or};
