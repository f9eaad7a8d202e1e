//! The values of `group.consumer.migration.policy`, which Kafka reads in any case of letters.

use super::value::{ConfigType, ConfigValue, ValueError};

/// Which way a group may go between the protocols while it has members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupMigrationPolicy {
    /// Both ways.
    Bidirectional,
    /// From classic to consumer.
    Upgrade,
    /// From consumer to classic.
    Downgrade,
    /// Neither way.
    Disabled,
}

const WORDS: [(&str, GroupMigrationPolicy); 4] = [
    ("bidirectional", GroupMigrationPolicy::Bidirectional),
    ("upgrade", GroupMigrationPolicy::Upgrade),
    ("downgrade", GroupMigrationPolicy::Downgrade),
    ("disabled", GroupMigrationPolicy::Disabled),
];

impl ConfigValue for GroupMigrationPolicy {
    const TYPE: ConfigType = ConfigType::String;

    fn parse(text: &str) -> Result<Self, ValueError> {
        let found = WORDS.iter().find(|(word, _)| text.trim().eq_ignore_ascii_case(word));
        found
            .map(|(_, policy)| *policy)
            .ok_or_else(|| ValueError::new(format!("one of{}", WORDS.map(|(word, _)| format!(" {word}")).concat())))
    }

    fn print(&self) -> Option<String> {
        WORDS.iter().find(|(_, policy)| policy == self).map(|(word, _)| (*word).to_owned())
    }
}
