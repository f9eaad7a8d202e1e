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
    /// Producer ids are given away before they are noted, and some are never.
    ProducerIdsInMemory,
    /// Of what a groups' shard decides a record is not appended.
    AGroupsRecordIsForgotten,
    /// Readers of committed records are not held up by open transactions.
    LastStableIsHighWatermark,
    /// One of the aborted transactions of an answer is not named.
    AnAbortIsNotNamed,
    /// Some markers are not written.
    MarkersAreSkipped,
    /// The end of a transaction that comes late ends the one that is under way then (KAFKA-17754).
    EndTxnEndsTheNext,
    /// Transactional batches are taken though nobody says that their transaction is open.
    NobodyVouches,
    /// The offsets of a transaction count though it was aborted.
    AbortedOffsetsCount,
    /// The offsets of a transaction do not count though it was committed.
    CommittedOffsetsAreDropped,
    /// Retention moves the start of a log to its end.
    RetentionDeletesTooMuch,
    /// Compaction goes through what is not stable yet.
    CleansAboveLastStable,
    /// Compaction does not know which transactions were aborted.
    CleansWithoutAborts,
    /// Tombstones do not wait for `delete.retention.ms`.
    TombstonesGoTooSoon,
    /// Of what was cleaned the newest batch is not shown any more.
    CompactionDropsTheNewest,
}

impl Bug {
    /// All of them, and the checks of which at least one must find each.
    pub const ALL: [(Self, &[&str]); 19] = [
        (Self::AnswersBeforeSync, &["sends", "readings", "watermarks"]),
        (Self::OffsetOffByOne, &["sends"]),
        (Self::ForgetsProducersAtStart, &["sends", "sequence"]),
        (Self::ServesAboveHighWatermark, &["readings", "offset"]),
        (Self::CommitsInMemory, &["offsets"]),
        (Self::ProducerIdsInMemory, &["sends"]),
        (Self::AGroupsRecordIsForgotten, &["replay"]),
        (Self::LastStableIsHighWatermark, &["transactions"]),
        (Self::AnAbortIsNotNamed, &["transactions"]),
        (Self::MarkersAreSkipped, &["transactions", "watermarks", "liveness"]),
        (Self::EndTxnEndsTheNext, &["transactions"]),
        (Self::NobodyVouches, &["transactions", "watermarks", "liveness"]),
        (Self::AbortedOffsetsCount, &["processed"]),
        (Self::CommittedOffsetsAreDropped, &["processed"]),
        (Self::RetentionDeletesTooMuch, &["retention"]),
        (Self::CleansAboveLastStable, &["cleaning"]),
        (Self::CleansWithoutAborts, &["transactions", "keys"]),
        (Self::TombstonesGoTooSoon, &["cleaning"]),
        (Self::CompactionDropsTheNewest, &["keys"]),
    ];
}
