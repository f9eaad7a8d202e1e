//! The client's side of the wire for these tests, made for saying precisely what a client should not say.

pub(crate) mod batch;
pub(crate) mod brokers;
pub(crate) mod client;
pub(crate) mod consumer_groups;
pub(crate) mod groups;
pub(crate) mod message;
pub(crate) mod otlp;
pub(crate) mod schema;
pub(crate) mod topics;
pub(crate) mod transactions;

/// Milliseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "a client stamps its records with its own clock")]
pub(crate) fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(since.unwrap().as_millis()).unwrap()
}
