//! Why configs are not changed, and what clients hear of it.

use crate::ErrorCode;
use crate::config::error::meant;

/// What has configs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResourceKind {
    /// A topic.
    #[error("topic")]
    Topic,
    /// A broker, or all of them.
    #[error("broker")]
    Broker,
    /// A group.
    #[error("group")]
    Group,
    /// A subscription to clients' metrics.
    #[error("client metrics")]
    ClientMetrics,
}

/// Why a change is refused. Nothing of the request holds then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AlterError {
    /// There is no such key.
    #[error("there is no {kind} config {key:?}{}", meant(nearest.as_deref()))]
    Unknown {
        /// What was to be changed.
        kind: ResourceKind,
        /// The key.
        key: String,
        /// The key that may have been meant.
        nearest: Option<String>,
    },
    /// The value is none of the key's.
    #[error("{key}={value}: expected {expected}")]
    Invalid {
        /// What was to be changed.
        kind: ResourceKind,
        /// The key.
        key: String,
        /// The value.
        value: String,
        /// What would be right.
        expected: String,
    },
    /// Nothing would follow from the value.
    #[error("{key}={value} would have no effect, so it is refused: {why}; only {allowed:?} can be set")]
    Fixed {
        /// The key.
        key: &'static str,
        /// The value.
        value: String,
        /// The one value that it may have.
        allowed: &'static str,
        /// Why.
        why: &'static str,
    },
    /// A broker key that a running broker does not change.
    #[error("{key} cannot be changed while the broker runs; set it in its file, environment or flags")]
    NotDynamic {
        /// The key.
        key: &'static str,
    },
    /// A broker key of Kafka's without meaning here.
    #[error("{key} has no effect in Tidelog, so it is refused")]
    NoEffect {
        /// The key.
        key: String,
    },
    /// A broker key that must not be pretended to work.
    #[error("{key}: {why}")]
    Refused {
        /// The key.
        key: String,
        /// What is missing.
        why: &'static str,
    },
    /// Entries for something that is no list.
    #[error("{key} is not a list: nothing can be appended to it or subtracted from it")]
    NotList {
        /// The key.
        key: String,
    },
    /// A new topic's config without a value.
    #[error("{key}: a topic is not created with a null config")]
    NullOverride {
        /// The key.
        key: String,
    },
    /// A subscription that is pushed too often, or too seldom.
    #[error("{key}={value}: expected {least} to {most}")]
    Interval {
        /// The key.
        key: String,
        /// The value.
        value: i32,
        /// The least.
        least: i32,
        /// The most.
        most: i32,
    },
    /// An operation that needs a value and has none.
    #[error("{key}: a value is needed, and it is null")]
    NoValue {
        /// The key.
        key: String,
    },
    /// The same key twice in one request.
    #[error("{key} is there twice")]
    Repeated {
        /// The key.
        key: String,
    },
}

impl From<&AlterError> for ErrorCode {
    fn from(error: &AlterError) -> Self {
        match error {
            AlterError::Unknown { kind: ResourceKind::Topic | ResourceKind::Group, .. }
            | AlterError::Invalid {
                kind: ResourceKind::Topic | ResourceKind::Group | ResourceKind::ClientMetrics,
                ..
            }
            | AlterError::Fixed { .. }
            | AlterError::NotList { .. }
            | AlterError::NullOverride { .. } => Self::InvalidConfig,
            AlterError::Unknown { kind: ResourceKind::Broker | ResourceKind::ClientMetrics, .. }
            | AlterError::Invalid { kind: ResourceKind::Broker, .. }
            | AlterError::Interval { .. }
            | AlterError::NotDynamic { .. }
            | AlterError::NoEffect { .. }
            | AlterError::Refused { .. }
            | AlterError::NoValue { .. }
            | AlterError::Repeated { .. } => Self::InvalidRequest,
        }
    }
}
