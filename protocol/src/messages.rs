//! Every message of the client listener, a module for each API. Generated from `schema/`.
#![expect(
    clippy::all,
    clippy::pedantic,
    reason = "generated: one line a field, in an order and a length that no person has to write or change"
)]

include!(concat!(env!("OUT_DIR"), "/messages.rs"));
