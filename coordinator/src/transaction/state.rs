//! The states of a transactional id.

/// Where a transactional id stands. Kafka's two others are none that a log can hold: `Dead` is a tombstone, and
/// `PrepareEpochFence` the moment in which an abort by the coordinator is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TransactionState {
    /// There was no transaction since the producer began.
    Empty,
    /// A transaction is under way.
    Ongoing,
    /// It is to be committed: its markers are being written.
    PrepareCommit,
    /// It is to be aborted: its markers are being written.
    PrepareAbort,
    /// It was committed.
    CompleteCommit,
    /// It was aborted.
    CompleteAbort,
}

impl TransactionState {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 6] = [
        Self::Empty,
        Self::Ongoing,
        Self::PrepareCommit,
        Self::PrepareAbort,
        Self::CompleteCommit,
        Self::CompleteAbort,
    ];

    /// Kafka's word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Ongoing => "Ongoing",
            Self::PrepareCommit => "PrepareCommit",
            Self::PrepareAbort => "PrepareAbort",
            Self::CompleteCommit => "CompleteCommit",
            Self::CompleteAbort => "CompleteAbort",
        }
    }

    /// The number that records carry.
    #[must_use]
    pub const fn code(self) -> i8 {
        match self {
            Self::Empty => 0,
            Self::Ongoing => 1,
            Self::PrepareCommit => 2,
            Self::PrepareAbort => 3,
            Self::CompleteCommit => 4,
            Self::CompleteAbort => 5,
        }
    }

    /// The state with this number, if a log may hold it.
    #[must_use]
    pub fn from_code(code: i8) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.code() == code)
    }

    /// Whether it stays until somebody asks for something. The others have an end of their own: `Ongoing` its timeout, the two
    /// before an end their markers.
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::Empty | Self::CompleteCommit | Self::CompleteAbort => true,
            Self::Ongoing | Self::PrepareCommit | Self::PrepareAbort => false,
        }
    }
}

/// What a filter of `ListTransactions` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateFilter {
    /// A state that transactional ids can be in.
    Known(TransactionState),
    /// A state of Kafka's that nothing here is ever in; known all the same.
    Never,
    /// No state.
    Unknown,
}

impl StateFilter {
    /// Reads a name as `ListTransactions` carries it; upper and lower case differ.
    #[must_use]
    pub fn of_name(name: &str) -> Self {
        match TransactionState::ALL.into_iter().find(|state| state.name() == name) {
            Some(state) => Self::Known(state),
            None if matches!(name, "Dead" | "PrepareEpochFence") => Self::Never,
            None => Self::Unknown,
        }
    }
}
