//! The row of a config table, and the macro that turns rows into a struct with defaults, parsers and descriptions.

use super::value::{ConfigType, ConfigValue, ValueError};

/// Which values of its type a row takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Valid {
    /// All.
    Any,
    /// This number or more.
    AtLeast(i64),
    /// A number from the first to the second, both included.
    Between(i64, i64),
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
        }
    }
}

impl std::fmt::Display for Valid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::AtLeast(least) => write!(f, "at least {least}"),
            Self::Between(least, most) => write!(f, "{least} to {most}"),
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
    pub(super) get: fn(&C) -> Option<String>,
    pub(super) set: fn(&mut C, &str) -> Result<(), ValueError>,
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
}

/// Reads a value and holds it against its row's check.
pub(super) fn parse_valid<T: ConfigValue>(text: &str, valid: Valid) -> Result<T, ValueError> {
    let value = T::parse(text)?;
    if value.satisfies(valid) { Ok(value) } else { Err(ValueError::new(valid.to_string())) }
}

/// A struct with one field per key, its `Default`, and its rows, from lines of
/// `field: type = "key", default value, valid check;`. The documentation comment of a line is the key's documentation.
macro_rules! config_table {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $($(#[doc = $doc:literal])+ $field:ident: $type:ty = $key:literal, default $default:expr $(, valid $valid:expr)?;)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            $($(#[doc = $doc])+ pub $field: $type,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)* }
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
                    valid: $crate::config::table::valid_or_any!($($valid)?),
                    get: |config| $crate::config::value::ConfigValue::print(&config.$field),
                    set: |config, text| {
                        let valid = $crate::config::table::valid_or_any!($($valid)?);
                        config.$field = $crate::config::table::parse_valid(text, valid)?;
                        Ok(())
                    },
                },)*
            ];
        }
    };
}

/// The check of a row, which may be left out.
macro_rules! valid_or_any {
    () => {
        $crate::config::Valid::Any
    };
    ($valid:expr) => {
        $valid
    };
}

pub(super) use {config_table, valid_or_any};
