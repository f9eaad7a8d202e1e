//! What a partition remembers of its producers: enough to recognise a repeated batch and refuse a gap (KIP-98), and where
//! open transactions begin.
//!
//! Owns: the rules of sequences and epochs, the duplicate window, the snapshot of it all. Does not know: files, other
//! partitions, the transaction coordinator. The log is the truth: a table is a snapshot plus the batches after it.

mod decided;
mod error;
mod marker;
mod table;
mod verification;
mod window;

pub use error::SequenceError;
pub use marker::{EpochRule, Marker, MarkerKind};
pub use table::{Admission, AppendedAt, CompletedTransaction, ProducerSummary, ProducerTable};
pub use verification::{FirstSequence, VerificationGuard, Verified};
pub use window::{Window, WindowBatch};

pub(crate) use table::Producer;

#[cfg(test)]
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "counts in tests are small"
)]
mod tests;
