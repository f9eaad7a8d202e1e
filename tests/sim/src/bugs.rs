//! Mistakes that a broker could make, for tests that show that the checker finds them. Each is made in the simulation's own
//! runtime, or by a call of ours that a correct broker would not make there; the crates under test are as they are.

/// A mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// Answers, and the high watermark, do not wait for the sync.
    AnswersBeforeSync,
    /// A producer's answer names the offset behind its record.
    OffsetOffByOne,
    /// What is remembered of producers is forgotten at each start.
    ForgetsProducersAtStart,
    /// Readers get what is above the high watermark.
    ServesAboveHighWatermark,
    /// Committed offsets are answered when they are decided, not when they are durable.
    CommitsInMemory,
    /// A producer id is given away before it is noted.
    ProducerIdsInMemory,
}

impl Bug {
    /// All of them, and the checks of which at least one must find each.
    pub const ALL: [(Self, &[&str]); 6] = [
        (Self::AnswersBeforeSync, &["sends", "readings", "watermarks"]),
        (Self::OffsetOffByOne, &["sends"]),
        (Self::ForgetsProducersAtStart, &["sends", "sequence"]),
        (Self::ServesAboveHighWatermark, &["readings", "offset"]),
        (Self::CommitsInMemory, &["offsets"]),
        (Self::ProducerIdsInMemory, &["sends"]),
    ];
}
