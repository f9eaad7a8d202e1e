//! Strangers at the socket: random valid and broken requests, compressed batches that explode, and floods of connections. None of
//! them stops the broker, bloats it, or keeps others from being served.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at what it did not expect")]
#![expect(clippy::print_stdout, reason = "what each of them cost is for a person to read")]
#![expect(clippy::disallowed_methods, reason = "a test that waits looks at the clock")]

mod bombs;
mod connections;
mod floods;
mod stranger;
mod topics;
