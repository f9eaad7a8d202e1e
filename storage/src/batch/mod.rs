//! Record batches, magic 2 (KIP-98): read in place, judged once when a producer sends them, never trusted before.
//!
//! Owns: the way from bytes to [`CheckedBatch`], the only thing that a log appends, and the views through which batches on
//! disk are read. Does not know: files, offsets in use, producers' histories.

mod build;
mod check;
mod error;
mod limits;
mod rebuild;
mod recode;
mod record;
mod records;
mod stream;
mod view;
mod walk;

pub use build::{BatchBuilder, BatchFull, NewRecord, OwnedBatch};
pub use check::{CheckedBatch, ProducerBatch, UncheckedBatch};
pub use error::{BatchError, RecordError, RecordFault, RecordProblem, RejectedRecords};
pub use limits::DecompressionLimits;
pub(crate) use rebuild::{RebuiltBatch, without_records};
pub(crate) use recode::level_of;
pub use record::{Headers, Record};
pub use records::{BatchRecord, RecordHead, Records};
pub use view::{BatchView, ViewError};

#[cfg(test)]
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "lengths in tests are small and hostile numbers are meant to wrap"
)]
mod tests;
