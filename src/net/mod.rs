//! Sockets: listeners, event loops, connections, and how bytes and file ranges leave.
//!
//! Owns: frames, their limits, the order of answers, back-pressure. Does not know: what a request means
//! (`api::dispatch` does) or where records live (a `LogSlice` says).

mod cold_reads;
mod connection;
mod event_loop;
mod inbox;
pub(crate) mod listener;
mod memory;
mod outbox;
mod owed;
mod watchdog;

pub(crate) use cold_reads::ColdReads;
pub(crate) use event_loop::{EventLoops, NetOptions};
pub(crate) use memory::ByteBudget;
