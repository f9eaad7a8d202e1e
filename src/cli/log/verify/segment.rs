//! One segment beside its indexes.

use std::path::{Path, PathBuf};

use storage::batch::{BatchView, ViewError};

use super::index::{IndexCheck, Passed};
use super::{Finding, Weight};
use crate::cli::error::CliError;
use crate::cli::log::dump::LIMITS;
use crate::cli::log::scan::{Found, Gap, SegmentScan};
use crate::cli::log::unreadable;
use crate::cli::output::{self, Progress};

/// What to check, and what must hold there.
#[derive(Debug)]
pub(super) struct Check {
    pub(super) path: PathBuf,
    pub(super) offset_index: PathBuf,
    pub(super) time_index: PathBuf,
    pub(super) base_offset: i64,
    /// Where the next segment begins; none for the last.
    pub(super) next_base: Option<i64>,
    /// No offset may be smaller.
    pub(super) expected_offset: i64,
    /// Whether batches are opened.
    pub(super) records: bool,
}

/// What was found in a segment.
#[derive(Debug)]
pub(super) struct SegmentReport {
    pub(super) bytes: u64,
    pub(super) batches: u64,
    /// One more than the last offset.
    pub(super) end_offset: i64,
    pub(super) findings: Vec<Finding>,
}

impl Check {
    /// Reads the segment and its indexes.
    pub(super) fn run(&self, progress: &mut Progress) -> Result<SegmentReport, CliError> {
        let mut scan = SegmentScan::open(&self.path).map_err(unreadable(&self.path))?;
        let bytes = scan.size();
        let mut report = SegmentReport { bytes, batches: 0, end_offset: self.expected_offset, findings: Vec::new() };
        let mut indexes = IndexCheck::open(&self.offset_index, &self.time_index, self.base_offset)?;
        let mut torn: Option<(u64, String)> = None;
        loop {
            match scan.next().map_err(unreadable(&self.path))? {
                Found::End => break,
                Found::Gap(gap) => self.judge_gap(&gap, &mut report),
                Found::Batch { position, batch } => {
                    let name = self.path.display();
                    progress.show(|| format!("{name}: {} of {}", output::bytes(position), output::bytes(bytes)));
                    if let Some((position, what)) = torn.take() {
                        // Whole batches follow, so no crash did this.
                        report.find(Weight::Problem, &self.path, position, what);
                    }
                    if batch.crc_is_right() {
                        self.judge_batch(position, &batch, &mut report);
                        let max_timestamp = indexed_time(&batch);
                        let last_offset = batch.last_offset().unwrap_or(i64::MAX);
                        indexes.pass(&Passed { position, last_offset, max_timestamp }, &mut report.findings);
                    } else {
                        let (stored, computed) = (batch.header().crc, batch.compute_crc());
                        torn = Some((position, format!("the checksum is {computed:08x}, the batch says {stored:08x}")));
                    }
                    report.batches += 1;
                }
            }
        }
        if let Some((position, what)) = torn {
            let weight = if self.next_base.is_none() { Weight::Note } else { Weight::Problem };
            report.find(weight, &self.path, position, format!("{what}; it is the last batch"));
        }
        indexes.finish(&mut report.findings);
        Ok(report)
    }

    fn judge_batch(&self, position: u64, batch: &BatchView<'_>, report: &mut SegmentReport) {
        let header = batch.header();
        let (base, last) = (header.base_offset, batch.last_offset());
        let Some(last) = last.filter(|last| *last >= base && base >= 0) else {
            let delta = header.last_offset_delta;
            return report.find(
                Weight::Problem,
                &self.path,
                position,
                format!("no offsets: from {base}, {delta} more"),
            );
        };
        if base < report.end_offset {
            let expected = report.end_offset;
            let what = format!("offset {base} follows, where {expected} or more is due");
            report.find(Weight::Problem, &self.path, position, what);
        }
        if let Some(next_base) = self.next_base.filter(|next_base| last >= *next_base) {
            let what = format!("offset {last} belongs to the next segment, which begins at {next_base}");
            report.find(Weight::Problem, &self.path, position, what);
        }
        // Compaction removes records and keeps the range, so there may be fewer, and even none.
        if header.records_count < 0 || i64::from(header.records_count) > last - base + 1 {
            let count = header.records_count;
            report.find(Weight::Problem, &self.path, position, format!("{count} records from offset {base} to {last}"));
        }
        report.end_offset = report.end_offset.max(last.saturating_add(1));
        if self.records
            && let Err(what) = judge_records(batch, last)
        {
            report.find(Weight::Problem, &self.path, position, what);
        }
    }

    fn judge_gap(&self, gap: &Gap, report: &mut SegmentReport) {
        // A crash cuts the last batch short, or leaves the zeros of a page that was never written.
        let could_be_torn = gap.is_zeros || matches!(gap.error, ViewError::Incomplete { .. });
        let is_note = could_be_torn && !gap.batch_follows && self.next_base.is_none();
        let weight = if is_note { Weight::Note } else { Weight::Problem };
        let why = if gap.is_zeros { "zeros".to_owned() } else { gap.error.to_string() };
        report.find(weight, &self.path, gap.position, format!("{} bytes are no batch: {why}", gap.size));
    }
}

/// Opens a batch: all records are there, at rising offsets, within the batch's.
fn judge_records(batch: &BatchView<'_>, last_offset: i64) -> Result<(), String> {
    let mut records = batch.records(LIMITS);
    let mut expected = batch.header().base_offset;
    let mut index = 0_u64;
    while let Some(record) = records.next_record().map_err(|fault| format!("record {index} of the batch: {fault}"))? {
        let offset = record.offset;
        if offset < expected || offset > last_offset {
            return Err(format!(
                "record {index} of the batch has offset {offset}, from {expected} to {last_offset} is due"
            ));
        }
        expected = offset.saturating_add(1);
        index += 1;
    }
    Ok(())
}

impl SegmentReport {
    fn find(&mut self, weight: Weight, file: &Path, position: u64, what: String) {
        if self.findings.len() < super::FINDINGS_MAX {
            self.findings.push(Finding { weight, file: file.to_owned(), position, what });
        }
    }
}

/// The time that the indexes may name of a batch: none of one that compaction left without records.
fn indexed_time(batch: &BatchView<'_>) -> i64 {
    if batch.header().records_count > 0 { batch.header().max_timestamp } else { i64::MIN }
}
