//! Time as values. Wall time stamps records; monotonic time drives deadlines; neither is read here.

/// Wall-clock milliseconds since 1970, as records carry them. May lie in the past or the future: clients choose it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The wire's "no timestamp".
    pub const NONE: Self = Self(-1);

    /// A timestamp of `raw` milliseconds since 1970; -1 means none.
    #[must_use]
    pub const fn new(raw: i64) -> Self {
        Self(raw)
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// Milliseconds from `earlier` to this; negative if this lies before it; saturates.
    #[must_use]
    pub const fn ms_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Monotonic milliseconds since the process started: the time of timeouts. Never goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tick(u64);

impl Tick {
    /// The tick `ms` milliseconds after the process started.
    #[must_use]
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the process started.
    #[must_use]
    pub const fn as_ms(self) -> u64 {
        self.0
    }

    /// The moment `ms` milliseconds after this one; saturates.
    #[must_use]
    pub const fn after_ms(self, ms: u64) -> Deadline {
        Deadline(Self(self.0.saturating_add(ms)))
    }
}

/// A monotonic moment at which something is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Deadline(Tick);

impl Deadline {
    /// The moment itself.
    #[must_use]
    pub const fn at(self) -> Tick {
        self.0
    }

    /// Whether the moment has come.
    #[must_use]
    pub const fn is_due(self, now: Tick) -> bool {
        now.0 >= self.0.0
    }
}
