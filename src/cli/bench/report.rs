//! What a benchmark says at its end, for people and for programs.

use serde_json::{Value, json};

use super::BenchError;
use super::control::Tally;
use super::usage::Usage;
use crate::cli::output;

/// What was measured while it was measured.
#[derive(Debug)]
pub(super) struct Measured {
    /// What the threads counted.
    pub(super) tally: Tally,
    /// How long.
    pub(super) seconds: f64,
    /// The broker's process and what it spent.
    pub(super) broker: Option<(u32, Usage)>,
    /// What the generator spent.
    pub(super) generator: Usage,
}

/// A benchmark's result.
#[derive(Debug)]
pub(super) struct Report {
    /// The kind of load.
    pub(super) mode: &'static str,
    /// Its arguments.
    pub(super) parameters: Value,
    /// What was measured.
    pub(super) measured: Measured,
    /// Records acknowledged, and records by which the log has grown.
    pub(super) check: Option<(u64, u64)>,
}

/// The percentiles that are shown, in percent.
const PERCENTILES: [(&str, f64); 5] = [("p50", 50.0), ("p90", 90.0), ("p99", 99.0), ("p99.9", 99.9), ("p99.99", 99.99)];

impl Report {
    /// Whether the log holds what was acknowledged.
    ///
    /// # Errors
    /// [`BenchError::Lost`].
    pub(super) fn verdict(&self) -> Result<(), BenchError> {
        match self.check {
            Some((acknowledged, found)) if acknowledged != found => Err(BenchError::Lost { acknowledged, found }),
            Some(_) | None => Ok(()),
        }
    }

    /// One document for programs.
    pub(super) fn to_json(&self) -> Value {
        let measured = &self.measured;
        let tally = &measured.tally;
        let per_second = |count: u64| float(count) / measured.seconds;
        let mut latency: serde_json::Map<String, Value> =
            PERCENTILES.iter().map(|(name, percent)| ((*name).to_owned(), json!(self.latency_us(*percent)))).collect();
        latency.insert("max".to_owned(), json!(float(tally.latency.max()) / 1e3));
        latency.insert("mean".to_owned(), json!(tally.latency.mean() / 1e3));
        let usage = |usage: &Usage| {
            json!({
                "cpu_seconds": usage.cpu_seconds,
                "cpu_seconds_per_gb": self.per_gb(usage),
                "cpu_us_per_request": self.per_request(usage),
                "cores": usage.cpu_seconds / measured.seconds,
                "resident_bytes": usage.resident_bytes,
                "resident_bytes_max": usage.resident_bytes_max,
            })
        };
        json!({
            "mode": self.mode, "parameters": self.parameters, "seconds": measured.seconds,
            "requests": tally.requests, "records": tally.records, "bytes": tally.bytes,
            "requests_per_second": per_second(tally.requests), "records_per_second": per_second(tally.records),
            "mb_per_second": per_second(tally.bytes) / 1e6,
            "latency_us": latency,
            "broker": measured.broker.as_ref().map(|(pid, spent)| json!({ "pid": pid, "usage": usage(spent) })),
            "generator": usage(&measured.generator),
            "acknowledged_records": self.check.map(|check| check.0), "log_records": self.check.map(|check| check.1),
        })
    }

    /// Lines for people.
    pub(super) fn lines(&self) -> Vec<String> {
        let measured = &self.measured;
        let tally = &measured.tally;
        let per_second = |count: u64| float(count) / measured.seconds;
        let mut lines = vec![
            format!(
                "{}: {:.1} MB/s, {:.0} records/s, {:.0} requests/s over {:.1} s",
                self.mode,
                per_second(tally.bytes) / 1e6,
                per_second(tally.records),
                per_second(tally.requests),
                measured.seconds
            ),
            format!(
                "latency us: {}, max {:.0}",
                PERCENTILES.map(|(name, percent)| format!("{name} {:.0}", self.latency_us(percent))).join(", "),
                float(tally.latency.max()) / 1e3
            ),
        ];
        let spent = |who: &str, usage: &Usage| {
            format!(
                "{who}: {:.2} CPU s/GB, {:.1} CPU us/request, {:.2} cores, resident {} (most {})",
                self.per_gb(usage),
                self.per_request(usage),
                usage.cpu_seconds / measured.seconds,
                output::bytes(usage.resident_bytes),
                output::bytes(usage.resident_bytes_max)
            )
        };
        if let Some((pid, usage)) = &measured.broker {
            lines.push(spent(&format!("broker {pid}"), usage));
        }
        lines.push(spent("generator", &measured.generator));
        if let Some((acknowledged, found)) = self.check {
            lines.push(format!("{acknowledged} records acknowledged, the log grew by {found}"));
        }
        lines
    }

    fn latency_us(&self, percent: f64) -> f64 {
        float(self.measured.tally.latency.value_at_percentile(percent)) / 1e3
    }

    fn per_gb(&self, usage: &Usage) -> f64 {
        usage.cpu_seconds / (float(self.measured.tally.bytes.max(1)) / 1e9)
    }

    fn per_request(&self, usage: &Usage) -> f64 {
        usage.cpu_seconds * 1e6 / float(self.measured.tally.requests.max(1))
    }
}

/// A count as a measured quantity; beyond 2^53 the last digits are lost, which no measurement has.
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "measurements are not exact to 53 bits")]
pub(super) const fn float(count: u64) -> f64 {
    count as f64
}
