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
    /// A new epoch begins with sequence 0, and so does a producer of transactions version 2 that is not known (KIP-890).
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
    /// A batch that would begin a transaction here, and nobody vouches for it: perhaps its marker was there before it.
    #[error("producer {id} has no transaction open here, and the coordinator was not asked for this batch")]
    NotVerified {
        /// The producer.
        id: ProducerId,
    },
    /// A marker of an epoch that the producer has left behind.
    #[error("a marker for producer {id} has epoch {found}, and the partition knows epoch {current}")]
    StaleMarker {
        /// The producer.
        id: ProducerId,
        /// The marker's epoch.
        found: ProducerEpoch,
        /// The epoch known here.
        current: ProducerEpoch,
    },
    /// A marker from a coordinator that was replaced.
    #[error("a marker for producer {id} comes from coordinator epoch {found}, and the partition knows {current}")]
    StaleCoordinator {
        /// The producer.
        id: ProducerId,
        /// The epoch of the coordinator that sent the marker.
        found: i32,
        /// The epoch of the coordinator that wrote the last one.
        current: i32,
    },
}

impl From<&SequenceError> for ErrorCode {
    fn from(error: &SequenceError) -> Self {
        match error {
            // Not PRODUCER_FENCED: clients of a transaction coordinator read that as their own end (KIP-588).
            SequenceError::StaleEpoch { .. } | SequenceError::StaleMarker { .. } => Self::InvalidProducerEpoch,
            SequenceError::EpochBeginsLate { .. } | SequenceError::OutOfOrder { .. } => Self::OutOfOrderSequenceNumber,
            SequenceError::OutsideTransaction { .. } | SequenceError::NotVerified { .. } => Self::InvalidTxnState,
            SequenceError::StaleCoordinator { .. } => Self::TransactionCoordinatorFenced,
        }
    }
}
