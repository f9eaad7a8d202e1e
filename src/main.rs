//! The broker and its command line.
fn main() {}
