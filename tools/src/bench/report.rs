//! The report: a table per kind of row, with medians and ratios, and the limits of the machine beside it.

use std::path::Path;

use serde_json::Value;

use super::Failure;
use super::broker::Kind;
use super::rows::{Contender, Load};
use super::single::Single;

/// Between these lines of docs/performance.md stands what this task writes.
const BEGIN: &str = "<!-- begin: written by `cargo xtask bench --peer --write` -->";
const END: &str = "<!-- end -->";

/// Everything that was measured.
#[derive(Debug)]
pub(super) struct Report {
    machine: Value,
    pace: String,
    loads: Vec<(&'static Load, Vec<Column>)>,
    singles: Vec<(&'static str, &'static str, [String; 2])>,
}

#[derive(Debug)]
struct Column {
    name: &'static str,
    kind: Kind,
    results: Vec<Value>,
}

impl Report {
    /// Nothing measured yet but the machine.
    pub(super) const fn new(machine: Value, pace: String) -> Self {
        Self { machine, pace, loads: Vec::new(), singles: Vec::new() }
    }

    /// Adds a result of a load.
    pub(super) fn add(&mut self, row: &'static Load, contender: &'static Contender, result: Value) {
        if self.loads.last().is_none_or(|(last, _)| last.name != row.name) {
            self.loads.push((row, Vec::new()));
        }
        let Some((_, columns)) = self.loads.last_mut() else { return };
        match columns.iter_mut().find(|column| column.name == contender.name) {
            Some(column) => column.results.push(result),
            None => columns.push(Column { name: contender.name, kind: contender.kind, results: vec![result] }),
        }
    }

    /// Adds what a row without load showed.
    pub(super) fn add_single(&mut self, row: &'static Single, kind: Kind, text: String) {
        if self.singles.last().is_none_or(|(title, _, _)| *title != row.title) {
            self.singles.push((row.title, row.goal, [String::new(), String::new()]));
        }
        let Some((_, _, [ours, peer])) = self.singles.last_mut() else { return };
        match kind {
            Kind::Ours => *ours = text,
            Kind::Peer => *peer = text,
        }
    }

    /// The whole report.
    pub(super) fn markdown(&self) -> String {
        let mut lines = vec![
            self.pace.clone(),
            String::new(),
            "| load | | MB/s | requests/s | p50 us | p99 us | broker CPU s/GB | CPU us/request | most resident MiB |"
                .to_owned(),
            "|-|-|-|-|-|-|-|-|-|".to_owned(),
        ];
        for (row, columns) in &self.loads {
            lines.extend(columns.iter().map(|column| column.line(row)));
        }
        lines.extend(["", "| load | compared | ours | Kafka | ratio | wanted |", "|-|-|-|-|-|-|"].map(str::to_owned));
        lines.extend(self.loads.iter().flat_map(|(row, columns)| comparisons(row, columns)));
        if !self.singles.is_empty() {
            lines.extend(["", "| what | ours | Kafka | wanted |", "|-|-|-|-|"].map(str::to_owned));
            let single = |(title, goal, [ours, peer]): &(&str, &str, [String; 2])| {
                format!("| {title} | {ours} | {peer} | {goal} |")
            };
            lines.extend(self.singles.iter().map(single));
        }
        lines.extend(["", "| the machine in the same run | |", "|-|-|"].map(str::to_owned));
        let limits = self.machine.as_object().into_iter().flatten();
        lines.extend(limits.map(|(name, value)| format!("| {} | {} |", name.replace('_', " "), figure(value))));
        lines.join("\n")
    }

    /// Replaces the report in a file that has the two marks.
    pub(super) fn write(&self, path: &Path) -> Result<(), Failure> {
        let io = |source| Failure::Io { what: path.display().to_string(), source };
        let text = std::fs::read_to_string(path).map_err(io)?;
        let parts = text.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
        let Some((before, after)) = parts else {
            return Err(Failure::Program {
                program: path.display().to_string(),
                detail: format!("has no line {BEGIN}"),
            });
        };
        std::fs::write(path, format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", self.markdown())).map_err(io)
    }
}

impl Column {
    fn line(&self, row: &Load) -> String {
        let cell = |pointer: &str, digits: usize| {
            median(self.results.iter().filter_map(|result| result.pointer(pointer)?.as_f64()))
                .map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
        };
        let resident = median(
            self.results.iter().filter_map(|result| result.pointer("/broker/usage/resident_bytes_max")?.as_f64()),
        );
        let resident = resident.map_or_else(|| "-".to_owned(), |bytes| format!("{:.0}", bytes / f64::from(1 << 20)));
        format!(
            "| {} | {} | {} | {} | {} | {} | {} | {} | {resident} |",
            row.title,
            match self.kind {
                Kind::Ours => format!("ours, {}", self.name),
                Kind::Peer => self.name.to_owned(),
            },
            cell("/mb_per_second", 0),
            cell("/requests_per_second", 0),
            cell("/latency_us/p50", 0),
            cell("/latency_us/p99", 0),
            cell("/broker/usage/cpu_seconds_per_gb", 2),
            cell("/broker/usage/cpu_us_per_request", 1),
        )
    }
}

/// A line for each of our contenders against the peer; the first is the one that the goal is about.
fn comparisons(row: &Load, columns: &[Column]) -> Vec<String> {
    let metric = row.metric;
    let of = |column: &Column| median(column.results.iter().filter_map(|result| metric.of(result)));
    let peer = columns.iter().find(|column| column.kind == Kind::Peer).and_then(of);
    let ours = columns.iter().filter(|column| column.kind == Kind::Ours).enumerate();
    let line = |(place, column): (usize, &Column)| {
        let mine = of(column);
        let show = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| metric.text(value));
        let ratio = mine.zip(peer).map_or_else(|| "-".to_owned(), |(mine, peer)| format!("{:.2}", mine / peer));
        let goal = if place == 0 { row.goal } else { "" };
        format!(
            "| {}, {} | {} | {} | {} | {ratio} | {goal} |",
            row.name,
            column.name,
            metric.unit(),
            show(mine),
            show(peer)
        )
    };
    ours.map(line).collect()
}

/// A number with two digits, or the numbers of an object.
fn figure(value: &Value) -> String {
    match value {
        Value::Object(parts) => {
            parts.iter().map(|(name, value)| format!("{name} {}", figure(value))).collect::<Vec<_>>().join(", ")
        }
        Value::Number(number) if number.is_f64() => format!("{:.1}", number.as_f64().unwrap_or(0.0)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => value.to_string(),
    }
}

/// The middle one; of two, the smaller.
pub(super) fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len().checked_sub(1)? / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::rows::LOADS;

    #[test]
    fn ratios_compare_medians_with_the_peer() {
        let row = LOADS.iter().find(|row| row.name == "small").unwrap();
        let mut report = Report::new(serde_json::json!({ "cores": 2 }), String::new());
        for contender in row.contenders {
            let rate = if contender.kind == Kind::Ours { 300.0 } else { 50.0 };
            report.add(row, contender, serde_json::json!({ "requests_per_second": rate }));
        }
        let text = report.markdown();
        assert!(text.contains("| small, async | requests/s | 300 | 50 | 6.00 | 6 or more |"), "{text}");
    }

    #[test]
    fn medians_are_values_that_were_measured() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), Some(2.0));
        assert_eq!(median([1.0, 2.0].into_iter()), Some(1.0));
        assert_eq!(median(std::iter::empty()), None);
    }
}
