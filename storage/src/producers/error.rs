//! Why a batch does not continue its producer's stream.

use model::{ErrorCode, ProducerEpoch, ProducerId, Sequence};

/// A batch that must not be appended, because of what its producer sent before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SequenceError {
    /// A newer instance of the producer has been heard.
    #[error("producer {id} has epoch {found} here, and the partition knows epoch {current}")]
    StaleEpoch {
        /// The producer.
        id: ProducerId,
        /// The batch's epoch.
        found: ProducerEpoch,
        /// The epoch known here.
        current: ProducerEpoch,
    },
    /// A new epoch begins with sequence 0.
    #[error("producer {id} begins epoch {epoch} with sequence {found} instead of 0")]
    EpochBeginsLate {
        /// The producer.
        id: ProducerId,
        /// The new epoch.
        epoch: ProducerEpoch,
        /// The batch's first sequence.
        found: Sequence,
    },
    /// Batches are missing before this one, or it overlaps what was appended, or it is a repeat from before the window.
    #[error("producer {id} sends sequence {found}, expected is {expected}")]
    OutOfOrder {
        /// The producer.
        id: ProducerId,
        /// The sequence that comes next.
        expected: Sequence,
        /// The batch's first sequence.
        found: Sequence,
    },
    /// A batch outside the transaction that its producer has open.
    #[error("producer {id} has an open transaction, and the batch is not part of it")]
    OutsideTransaction {
        /// The producer.
        id: ProducerId,
    },
}

impl From<&SequenceError> for ErrorCode {
    fn from(error: &SequenceError) -> Self {
        match error {
            // Not PRODUCER_FENCED: clients of a transaction coordinator read that as their own end (KIP-588).
            SequenceError::StaleEpoch { .. } => Self::InvalidProducerEpoch,
            SequenceError::EpochBeginsLate { .. } | SequenceError::OutOfOrder { .. } => Self::OutOfOrderSequenceNumber,
            SequenceError::OutsideTransaction { .. } => Self::InvalidTxnState,
        }
    }
}
