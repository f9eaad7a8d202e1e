//! What an operator can see of the broker: its metrics, and those that clients push (KIP-714).
//!
//! Owns: the table of metrics, the numbers that are counted as things happen, the text that shows them, and the HTTP
//! listener it is read from. Does not know: the broker's parts. What is only known when somebody looks (sizes, offsets,
//! groups) is put into [`Samples`] by `gauges.rs`.
//!
//! A metric is a row in [`metrics`] and the line that counts; docs/METRICS.md follows, and `cargo xtask tidy` fails for a
//! row that nothing counts.

mod cleaning;
pub(crate) mod clients;
mod counter;
mod endpoint;
mod exposition;
mod histogram;
mod label;
pub(crate) mod metrics;
mod sample;
mod table;

pub(crate) use cleaning::LastCleaning;
pub(crate) use endpoint::{Endpoint, EndpointOptions, Scrape};
pub(crate) use exposition::{Format, render};
pub(crate) use label::{ConnectionLimit, DroppedPoint, Label, RefusedRequest, TopicLimit, Traffic};
pub(crate) use metrics::Metrics;
pub(crate) use sample::Samples;
pub(crate) use table::Row;
