//! What is said when a configuration stops the start, and what is said when it does not.

use super::properties::SyntaxError;

/// Where a setting was made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Place {
    /// In a file.
    #[error("{name}, line {line}")]
    File {
        /// The file's name, as the reader of the message knows it.
        name: String,
        /// The line; the first is 1.
        line: usize,
    },
    /// In an environment variable.
    #[error("environment variable {variable}")]
    Environment {
        /// The variable's name.
        variable: String,
    },
    /// On the command line.
    #[error("command line")]
    Flag,
    /// Nowhere: it is the default.
    #[error("default")]
    Default,
}

/// Why the broker must not start with this configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A file is not in the syntax of server.properties.
    #[error("{name}, {error}")]
    Syntax {
        /// The file's name.
        name: String,
        /// The line, and what is wrong with it.
        error: SyntaxError,
    },
    /// There is no such key.
    #[error("{place}: there is no broker key {key:?}{}", meant(nearest.as_deref()))]
    Unknown {
        /// Where it stands.
        place: Place,
        /// The key.
        key: String,
        /// The key that may have been meant.
        nearest: Option<String>,
    },
    /// The value is none of the key's.
    #[error("{place}: {key}={value}: expected {expected}")]
    Invalid {
        /// Where it stands.
        place: Place,
        /// The key.
        key: String,
        /// The value.
        value: String,
        /// What would be right.
        expected: String,
    },
    /// The key asks for something that the broker cannot do and must not pretend to do.
    #[error("{place}: {key}: {why}")]
    Refused {
        /// Where it stands.
        place: Place,
        /// The key.
        key: String,
        /// What is missing, and what can be done.
        why: &'static str,
    },
}

/// What an operator should know about a configuration with which the broker starts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    /// A key of Kafka's without meaning here.
    #[error("{place}: {key} has no effect in Tidelog")]
    NoEffect {
        /// Where it stands.
        place: Place,
        /// The key.
        key: String,
    },
    /// A variable that looks like a setting and is none.
    #[error("{place}: there is no broker key {key:?}{}", meant(nearest.as_deref()))]
    UnknownVariable {
        /// Which variable.
        place: Place,
        /// The key that it would set.
        key: String,
        /// The key that may have been meant.
        nearest: Option<String>,
    },
    /// A key that stands twice in a file; the later one wins.
    #[error("{place}: {key} stands in this file a second time, and this value wins")]
    Repeated {
        /// The later place.
        place: Place,
        /// The key.
        key: String,
    },
    /// Listeners for controllers, which are not opened.
    #[error("{place}: the listener {name} is for controllers, of which Tidelog has none; it is not opened")]
    ControllerListener {
        /// Where it stands.
        place: Place,
        /// The listener's name.
        name: String,
    },
}

pub(super) fn meant(nearest: Option<&str>) -> String {
    nearest.map(|nearest| format!("; did you mean {nearest}?")).unwrap_or_default()
}
