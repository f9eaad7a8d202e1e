//! Why a cluster did not do what was asked, and whether asking again may help.

use std::io;

use model::ErrorCode;

/// What went wrong between this client and the cluster.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// No broker of the bootstrap list can be reached.
    #[error("no broker answers at {tried}: {last}")]
    Unreachable {
        /// The addresses that were tried.
        tried: String,
        /// What the last of them said.
        last: Box<ClientError>,
    },

    /// A connection could not be made, or broke.
    #[error("{address}: {what}: {source}")]
    Io {
        /// The broker.
        address: String,
        /// What was being done.
        what: &'static str,
        /// The system's reason.
        source: io::Error,
    },

    /// Nothing came in time.
    #[error("{address} did not answer {api} in time")]
    TimedOut {
        /// The broker.
        address: String,
        /// The request that waits.
        api: &'static str,
    },

    /// The broker serves no version of a request that this client knows.
    #[error("{address} serves {api} in versions {theirs}, this client speaks {ours}")]
    NoCommonVersion {
        /// The broker.
        address: String,
        /// The request.
        api: &'static str,
        /// What the broker advertises.
        theirs: String,
        /// What this client can.
        ours: String,
    },

    /// The bytes are not what the protocol promises.
    #[error("{what}: {detail}")]
    Malformed {
        /// Where they came from, or where they should have gone.
        what: String,
        /// What is wrong with them.
        detail: String,
    },

    /// The cluster answered with an error.
    #[error("{what}: {}{}", name(*.code), .message.as_ref().map(|text| format!(": {text}")).unwrap_or_default())]
    Refused {
        /// What was asked for.
        what: String,
        /// Kafka's number.
        code: i16,
        /// The broker's words, if it sent any.
        message: Option<String>,
    },
}

impl ClientError {
    /// `Ok` for code 0, otherwise the refusal of `what`.
    pub(crate) fn check(code: i16, what: impl FnOnce() -> String) -> Result<(), Self> {
        Self::check_with(code, None, what)
    }

    /// As [`Self::check`], with the broker's own words.
    pub(crate) fn check_with(code: i16, message: Option<&str>, what: impl FnOnce() -> String) -> Result<(), Self> {
        if code == 0 {
            return Ok(());
        }
        Err(Self::Refused { what: what(), code, message: message.map(str::to_owned) })
    }

    /// Whether the cluster refused with this code.
    pub(crate) fn is(&self, expected: ErrorCode) -> bool {
        matches!(self, Self::Refused { code, .. } if *code == expected.code())
    }

    /// Whether the cluster understood, and said no.
    pub(crate) const fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }

    /// Whether the same request may succeed a moment later, perhaps at another broker.
    pub(crate) fn is_retriable(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Io { .. } | Self::TimedOut { .. } => true,
            Self::NoCommonVersion { .. } | Self::Malformed { .. } => false,
            Self::Refused { code, .. } => ErrorCode::from_code(*code).is_some_and(is_retriable),
        }
    }
}

/// Kafka's name of a code, or its number.
pub(crate) fn name(code: i16) -> String {
    ErrorCode::from_code(code).map_or_else(|| format!("error {code}"), |known| known.name().to_owned())
}

/// The errors that pass by themselves or with fresh metadata (Kafka's `RetriableException`s that a client can meet).
fn is_retriable(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::UnknownTopicOrPartition
            | ErrorCode::UnknownTopicId
            | ErrorCode::LeaderNotAvailable
            | ErrorCode::NotLeaderOrFollower
            | ErrorCode::RequestTimedOut
            | ErrorCode::ReplicaNotAvailable
            | ErrorCode::NetworkException
            | ErrorCode::CoordinatorLoadInProgress
            | ErrorCode::CoordinatorNotAvailable
            | ErrorCode::NotCoordinator
            | ErrorCode::NotEnoughReplicas
            | ErrorCode::NotEnoughReplicasAfterAppend
            | ErrorCode::NotController
            | ErrorCode::KafkaStorageError
            | ErrorCode::FencedLeaderEpoch
            | ErrorCode::UnknownLeaderEpoch
            | ErrorCode::OffsetNotAvailable
            | ErrorCode::ThrottlingQuotaExceeded
            | ErrorCode::ConcurrentTransactions
    )
}
