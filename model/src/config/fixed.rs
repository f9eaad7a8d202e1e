//! Configs of Kafka's that have one value here. Kafka's default may be set, so that tools which copy every config of
//! something work; any other value is refused, because nothing would follow from it.

use super::table::unique_words;
use super::value::{ConfigType, ConfigValue, ValueError};

/// A config with one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FixedKey {
    /// The name.
    pub key: &'static str,
    /// The type of its value.
    pub value_type: ConfigType,
    /// Its value, which is Kafka's default.
    pub value: &'static str,
    /// The key that DescribeConfigs shows its default under, if it shows one.
    pub default_key: Option<&'static str>,
    /// Why it has no other, as a whole sentence without its stop.
    pub why: &'static str,
}

/// A row of a table of such configs.
pub(super) const fn fixed(
    key: &'static str,
    value_type: ConfigType,
    value: &'static str,
    why: &'static str,
) -> FixedKey {
    FixedKey { key, value_type, value, default_key: None, why }
}

impl FixedKey {
    pub(super) const fn over(self, default_key: &'static str) -> Self {
        Self { default_key: Some(default_key), ..self }
    }

    /// `text` as DescribeConfigs prints the value that it stands for, whether that is the one it has or not.
    ///
    /// # Errors
    /// [`ValueError`] if it is not even of the type.
    pub fn normalize(&self, text: &str) -> Result<String, ValueError> {
        let printed = match self.value_type {
            ConfigType::Boolean => bool::parse(text)?.print(),
            ConfigType::Int | ConfigType::Long | ConfigType::Short => i64::parse(text)?.print(),
            ConfigType::List => Some(unique_words(text)),
            ConfigType::String | ConfigType::Double | ConfigType::Class | ConfigType::Password => {
                String::parse(text)?.print()
            }
        };
        Ok(printed.unwrap_or_default())
    }

    /// What it means, for DescribeConfigs and docs/CONFIG.md.
    #[must_use]
    pub fn doc(&self) -> String {
        format!("Always {}: {}.", if self.value.is_empty() { "empty" } else { self.value }, self.why)
    }
}
