//! The version of the transaction protocol (KIP-890), by which a transaction goes.

/// Kafka's feature `transaction.version`. Clients go by 0 or 2; a broker's level may be 1, which only writes newer records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TransactionVersion {
    /// As of KIP-98: the epoch stays the same from transaction to transaction.
    #[default]
    V0,
    /// As 0, with records in the flexible format.
    V1,
    /// The epoch grows with each transaction (KIP-890).
    V2,
}

impl TransactionVersion {
    /// The version of this feature level, if it is known.
    #[must_use]
    pub const fn from_level(level: i16) -> Option<Self> {
        match level {
            0 => Some(Self::V0),
            1 => Some(Self::V1),
            2 => Some(Self::V2),
            _ => None,
        }
    }

    /// The number of it, as records and markers carry it.
    #[must_use]
    pub const fn level(self) -> i16 {
        match self {
            Self::V0 => 0,
            Self::V1 => 1,
            Self::V2 => 2,
        }
    }

    /// Whether the epoch grows with each transaction.
    #[must_use]
    pub const fn bumps_epoch(self) -> bool {
        matches!(self, Self::V2)
    }

    /// The version in which a broker of this level writes its records.
    pub(super) const fn record_version(self) -> i16 {
        match self {
            Self::V0 => 0,
            Self::V1 | Self::V2 => 1,
        }
    }
}
