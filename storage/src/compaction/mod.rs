//! Compaction: of the records with the same key the newest stays (`cleanup.policy=compact`).
//!
//! A cleaning notes the newest offset of each key in the part of the log that was never cleaned, then writes the log anew up to
//! there, segment by segment, without the records that have a newer one. Offsets never change. Memory is the map of keys, whose
//! size is bounded, and two buffers: a log with more keys is cleaned a part at a time. The active segment and what lies at or
//! behind the last stable offset are never touched, and reading goes on meanwhile.
//!
//! Owns: what is cleaned and how. Does not know: when, how fast, and by which thread.

mod error;
mod judge;
mod key_map;
mod output;
mod plan;
mod reader;
mod run;
mod state;
mod swap;
mod transactions;

pub use error::CleanError;
pub(crate) use output::CLEANED_SUFFIX;
pub use plan::Cleanable;
pub use run::{CleanOptions, Cleaned};

pub(crate) use state::Cleaning;
pub(crate) use swap::{LeftOver, finish_cleanings};
