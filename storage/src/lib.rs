//! The log: record batches, producers' histories, segments and their recovery. Synchronous and usable offline.

pub mod batch;
pub mod compression;
pub mod format;
pub mod producers;
