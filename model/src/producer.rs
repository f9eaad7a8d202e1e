//! The identity of an idempotent producer (KIP-98): its id, its epoch, and the sequence numbers of its records.

/// The id of a producer; handed out once and never again. The wire's -1 ("no idempotence") is an `Option` here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProducerId(i64);

impl ProducerId {
    /// A producer id of `raw`, if it is not negative.
    #[must_use]
    pub const fn new(raw: i64) -> Option<Self> {
        if raw >= 0 { Some(Self(raw)) } else { None }
    }

    /// The number as the wire and the disk carry it.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }
}

/// The epoch of a producer id; a newer epoch fences the older ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProducerEpoch(i16);

impl ProducerEpoch {
    /// The epoch of a new producer id.
    pub const ZERO: Self = Self(0);

    /// An epoch of `raw`, if it is not negative.
    #[must_use]
    pub const fn new(raw: i16) -> Option<Self> {
        if raw >= 0 { Some(Self(raw)) } else { None }
    }

    /// The number as the wire and the disk carry it.
    #[must_use]
    pub const fn get(self) -> i16 {
        self.0
    }

    /// The epoch after this one; `None` when the epochs of this id are exhausted and a new id is due.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        // Kafka keeps i16::MAX free so that a fencing bump is always possible (TransactionMetadata).
        if self.0 >= i16::MAX - 1 { None } else { Some(Self(self.0 + 1)) }
    }
}

/// The number of a record in its producer's stream to one partition. Signed on the wire but never negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(i32);

impl Sequence {
    /// The first sequence of an epoch.
    pub const ZERO: Self = Self(0);

    /// A sequence of `raw`, if it is not negative.
    #[must_use]
    pub const fn new(raw: i32) -> Option<Self> {
        if raw >= 0 { Some(Self(raw)) } else { None }
    }

    /// The number as the wire and the disk carry it.
    #[must_use]
    pub const fn get(self) -> i32 {
        self.0
    }

    /// The sequence `records` further on. Wraps from `i32::MAX` to 0: the wire field is signed but never negative.
    #[must_use]
    pub fn advance(self, records: u32) -> Self {
        let wrapped = (i64::from(self.0) + i64::from(records)) & i64::from(i32::MAX);
        Self(i32::try_from(wrapped).unwrap_or(0))
    }
}

impl std::fmt::Display for ProducerId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::fmt::Display for ProducerEpoch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::fmt::Display for Sequence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
