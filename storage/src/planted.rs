//! Mistakes that a broker could make. A build with the feature `planted` makes the one that the environment names, so that
//! `cargo xtask torture --planted` shows that each is found; every other build has none of this: the questions are constants.

/// A mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// Answers, and the high watermark, do not wait for the sync.
    AcksBeforeSync,
    /// A failed sync passes for one that was done, as a second one after it may.
    IgnoresFailedSyncs,
    /// Recovery takes the last whole batch for a torn one.
    DropsLastBatch,
    /// What is remembered of producers is forgotten at each start.
    ForgetsProducersAtStart,
    /// What is remembered of producers is forgotten when a segment begins.
    ForgetsProducersAtRoll,
    /// A producer's answer names the offset behind its record.
    OffsetOffByOne,
    /// Readers of committed records are not held up by open transactions.
    LastStableIsHighWatermark,
    /// One of the aborted transactions of an answer is not named.
    AnAbortIsNotNamed,
    /// Offsets and transactions are answered when they are decided, not when they are durable.
    CommitsInMemory,
    /// Readers get what is above the high watermark.
    ServesAboveHighWatermark,
    /// Compaction takes the newest record of a key for an older one.
    DropsNewest,
}

impl Planted {
    /// Whether this process makes this mistake.
    #[cfg(not(feature = "planted"))]
    #[must_use]
    pub const fn is_on(self) -> bool {
        false
    }

    /// Whether this process makes this mistake.
    #[cfg(feature = "planted")]
    #[must_use]
    pub fn is_on(self) -> bool {
        static CHOSEN: std::sync::OnceLock<Option<Planted>> = std::sync::OnceLock::new();
        let chosen = CHOSEN.get_or_init(|| {
            let name = std::env::var("TIDELOG_PLANTED").ok()?;
            Self::ALL.into_iter().find(|planted| format!("{planted:?}") == name)
        });
        *chosen == Some(self)
    }

    #[cfg(feature = "planted")]
    const ALL: [Self; 11] = [
        Self::AcksBeforeSync,
        Self::IgnoresFailedSyncs,
        Self::DropsLastBatch,
        Self::ForgetsProducersAtStart,
        Self::ForgetsProducersAtRoll,
        Self::OffsetOffByOne,
        Self::LastStableIsHighWatermark,
        Self::AnAbortIsNotNamed,
        Self::CommitsInMemory,
        Self::ServesAboveHighWatermark,
        Self::DropsNewest,
    ];
}
