//! Exactly once, by real clients: what they copy or count in transactions is at the end what was there to copy or count, though
//! they and the broker are killed meanwhile.
//!
//! The programs in `tests/clients/` do the work; what was written and what a reader of committed records finds is compared
//! here. `TIDELOG_TEST_BROKER=kafka` runs all of it against a real Kafka, but for what kills the broker: a single Kafka 4.4 that
//! is killed loses markers of transactions.
#![cfg(test)]

mod copies;
mod copy;
mod streams;
mod topic;

const TIDELOG: &str = env!("CARGO_BIN_EXE_tidelog");

/// How long a member of a group may be silent before it is out, in milliseconds.
const SESSION_MS: &str = "8000";

/// What makes groups settle quickly.
const SETTINGS: [(&str, &str); 1] = [("group.initial.rebalance.delay.ms", "0")];
