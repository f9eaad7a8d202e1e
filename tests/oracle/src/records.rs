//! The records of the internal topics, generated as the coordinators' build script does it.
#![expect(
    clippy::all,
    clippy::pedantic,
    reason = "generated: one line a field, in an order and a length that no person has to write or change"
)]

include!(concat!(env!("OUT_DIR"), "/records.rs"));

mod cases {
    include!(concat!(env!("OUT_DIR"), "/cases.rs"));
}

pub use cases::CASES;
