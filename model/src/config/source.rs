//! Where a value comes from, as DescribeConfigs says it.

/// The source of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigSource {
    /// Set for the topic.
    DynamicTopic,
    /// Set for this broker while it ran.
    DynamicBroker,
    /// Set for all brokers while they ran.
    DynamicDefaultBroker,
    /// Set by file, environment or flags when the broker started.
    StaticBroker,
    /// Set by nobody.
    Default,
    /// Set for the subscription to clients' metrics.
    DynamicClientMetrics,
    /// Set for the group.
    DynamicGroup,
}

impl ConfigSource {
    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> i8 {
        match self {
            Self::DynamicTopic => 1,
            Self::DynamicBroker => 2,
            Self::DynamicDefaultBroker => 3,
            Self::StaticBroker => 4,
            Self::Default => 5,
            Self::DynamicClientMetrics => 7,
            Self::DynamicGroup => 8,
        }
    }
}
