//! Cases that a Kafka-compatible broker gets wrong, each a test of its own that speaks raw bytes over TCP.
//!
//! The number in a test's name is that of the case. All of them hold for the real Kafka 4.4 as well:
//! `TIDELOG_TEST_BROKER=kafka cargo test --test cases` asks it; where ours is to answer otherwise, the test says so and why.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a test stops at what it did not expect"
)]
#![expect(clippy::needless_pass_by_value, reason = "a JSON value is made where it is passed")]

mod admin;
mod committed;
mod compaction;
mod consumer_groups;
mod deletion;
mod differential;
mod fetch;
mod framing;
mod group_loading;
mod group_offsets;
mod groups;
mod idempotence;
mod offsets;
mod produce;
mod producers;
mod records;
mod support;
mod telemetry;
mod topic_configs;
mod transaction_versions;
mod transactions;
