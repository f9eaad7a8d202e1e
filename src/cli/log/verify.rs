//! `tidelog log verify`: reads all of a data directory and says what is wrong.

mod index;
mod segment;

use std::path::{Path, PathBuf};

use model::num::u64_from_usize;
use serde_json::{Value, json};

use self::segment::SegmentReport;
use super::files::{self, Kind};
use super::unreadable;
use crate::cli::error::CliError;
use crate::cli::output::Progress;
use crate::cli::{OutputFormat, output};

/// Checks the partitions in `directory`.
pub(super) fn run(directory: &Path, records: bool, format: OutputFormat) -> Result<(), CliError> {
    let partitions = files::partitions(directory).map_err(unreadable(directory))?;
    if partitions.is_empty() {
        return Err(CliError::Failed(format!("there is no partition in '{}'", directory.display())));
    }
    let mut progress = Progress::start();
    let mut reports = Vec::new();
    for partition in partitions {
        let report = check_partition(partition, records, &mut progress)?;
        if format == OutputFormat::Text {
            report.print()?;
        }
        reports.push(report);
    }
    drop(progress);
    let problems: usize = reports.iter().map(|report| report.count(Weight::Problem)).sum();
    if format == OutputFormat::Json {
        let partitions: Vec<Value> = reports.iter().map(PartitionReport::json).collect();
        output::json(&json!({"partitions": partitions, "problems": problems}))?;
    }
    match problems {
        0 => Ok(()),
        1 => Err(CliError::Failed("1 problem found".to_owned())),
        _ => Err(CliError::Failed(format!("{problems} problems found"))),
    }
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    /// What a crash leaves behind and the next start puts right.
    Note,
    /// Records cannot be read, or not found.
    Problem,
}

/// Something that is not as it should be.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub(super) weight: Weight,
    pub(super) file: PathBuf,
    /// Where in the file, in bytes.
    pub(super) position: u64,
    pub(super) what: String,
}

/// Findings that are kept of one partition; a file of garbage has as many as one likes.
const FINDINGS_MAX: usize = 1000;

/// What was found in a partition.
#[derive(Debug)]
struct PartitionReport {
    directory: PathBuf,
    segments: u64,
    bytes: u64,
    batches: u64,
    start_offset: i64,
    end_offset: i64,
    findings: Vec<Finding>,
}

fn check_partition(directory: PathBuf, records: bool, progress: &mut Progress) -> Result<PartitionReport, CliError> {
    let files = files::of_partition(&directory).map_err(unreadable(&directory))?;
    let bases: Vec<i64> = files.iter().filter(|file| file.1 == Kind::Segment).map(|file| file.0).collect();
    let start_offset = bases.first().copied().unwrap_or(0);
    let mut report = PartitionReport {
        directory,
        segments: u64_from_usize(bases.len()),
        bytes: 0,
        batches: 0,
        start_offset,
        end_offset: start_offset,
        findings: Vec::new(),
    };
    for (place, base_offset) in bases.iter().enumerate() {
        let next_base = bases.get(place + 1).copied();
        let path = |extension| report.directory.join(format!("{base_offset:020}.{extension}"));
        let check = segment::Check {
            path: path("log"),
            offset_index: path("index"),
            time_index: path("timeindex"),
            base_offset: *base_offset,
            next_base,
            expected_offset: report.end_offset.max(*base_offset),
            records,
        };
        let checked = check.run(progress)?;
        report.add(checked);
    }
    Ok(report)
}

impl PartitionReport {
    fn add(&mut self, segment: SegmentReport) {
        self.bytes += segment.bytes;
        self.batches += segment.batches;
        self.end_offset = segment.end_offset;
        let room = FINDINGS_MAX.saturating_sub(self.findings.len());
        self.findings.extend(segment.findings.into_iter().take(room));
    }

    fn count(&self, weight: Weight) -> usize {
        self.findings.iter().filter(|finding| finding.weight == weight).count()
    }

    fn print(&self) -> Result<(), CliError> {
        let problems = self.count(Weight::Problem);
        let verdict = if problems == 0 { "whole".to_owned() } else { format!("{problems} problems") };
        let (name, bytes) = (self.directory.display(), output::bytes(self.bytes));
        let (segments, batches, start, end) = (self.segments, self.batches, self.start_offset, self.end_offset);
        output::line(&format!(
            "{name}: {verdict}; {segments} segments, {batches} batches, {bytes}, offsets {start} up to {end}"
        ))?;
        for finding in &self.findings {
            let weight = if finding.weight == Weight::Note { "note" } else { "PROBLEM" };
            let file = finding.file.file_name().unwrap_or_default().display();
            output::line(&format!("  {weight}: {file} at {}: {}", finding.position, finding.what))?;
        }
        Ok(())
    }

    fn json(&self) -> Value {
        let list = |weight| {
            let findings = self.findings.iter().filter(move |finding| finding.weight == weight);
            let objects = findings.map(|finding| {
                json!({"file": finding.file.display().to_string(), "position": finding.position, "what": finding.what})
            });
            Value::Array(objects.collect())
        };
        json!({
            "directory": self.directory.display().to_string(),
            "segments": self.segments,
            "batches": self.batches,
            "bytes": self.bytes,
            "start_offset": self.start_offset,
            "end_offset": self.end_offset,
            "problems": list(Weight::Problem),
            "notes": list(Weight::Note),
        })
    }
}
