//! `tidelog log dump`: what files say, item by item. Judges little; that is `verify`'s work.

mod row;

use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use storage::batch::{BatchRecord, BatchView, DecompressionLimits};
use storage::producers::{Marker, MarkerKind, ProducerTable};
use storage::{AbortedTransaction, IndexEntry, OffsetEntry, TimeEntry};

use self::row::Row;
use super::files::{self, Kind};
use super::scan::{Found, Gap, SegmentScan};
use super::{index, unreadable};
use crate::cli::error::CliError;
use crate::cli::json::put;
use crate::cli::{OutputFormat, output};

/// Bytes of a record that are held at once; a larger one is told and not shown.
pub(super) const LIMITS: DecompressionLimits = DecompressionLimits::bytes(1 << 30);

/// Prints what is in `paths`.
pub(super) fn run(paths: &[PathBuf], records: bool, format: OutputFormat) -> Result<(), CliError> {
    let mut dump = Dump { out: output::results(), records, format, damaged: 0 };
    for path in paths {
        if path.is_dir() {
            let files = files::of_partition(path).map_err(unreadable(path))?;
            if files.is_empty() {
                return Err(CliError::Failed(format!("there is no file of a log in '{}'", path.display())));
            }
            for (_, kind, file) in files {
                dump.file(&file, kind)?;
            }
        } else {
            let kind = Kind::by_extension(path).ok_or_else(|| unknown_file(path))?;
            dump.file(path, kind)?;
        }
    }
    dump.out.flush().map_err(CliError::printing)?;
    match dump.damaged {
        0 => Ok(()),
        1 => Err(CliError::Failed("a file is damaged".to_owned())),
        files => Err(CliError::Failed(format!("{files} files are damaged"))),
    }
}

fn unknown_file(path: &Path) -> CliError {
    let name = path.display();
    CliError::Usage(format!(
        "'{name}' is no file of a log, which ends in .log, .index, .timeindex, .txnindex or .producers, nor a folder with them"
    ))
}

struct Dump<W> {
    out: W,
    records: bool,
    format: OutputFormat,
    damaged: u64,
}

impl<W: Write> Dump<W> {
    fn file(&mut self, path: &Path, kind: Kind) -> Result<(), CliError> {
        if self.format == OutputFormat::Text {
            writeln!(self.out, "{}", path.display()).map_err(CliError::printing)?;
        }
        let whole = match kind {
            Kind::Segment => self.segment(path)?,
            Kind::OffsetIndex | Kind::TimeIndex => self.index(path, kind)?,
            Kind::TransactionIndex => self.aborted(path)?,
            Kind::ProducerSnapshot => self.producers(path)?,
        };
        self.damaged += u64::from(!whole);
        Ok(())
    }

    fn segment(&mut self, path: &Path) -> Result<bool, CliError> {
        let mut scan = SegmentScan::open(path).map_err(unreadable(path))?;
        let mut whole = true;
        loop {
            match scan.next().map_err(unreadable(path))? {
                Found::End => return Ok(whole),
                Found::Batch { position, batch } => {
                    self.print(path, 1, batch_row(position, &batch))?;
                    whole &= batch.crc_is_right();
                    if self.records {
                        whole &= self.batch_records(path, &batch)?;
                    }
                }
                Found::Gap(gap) => {
                    self.print(path, 1, gap_row(&gap))?;
                    whole = false;
                }
            }
        }
    }

    fn batch_records(&mut self, path: &Path, batch: &BatchView<'_>) -> Result<bool, CliError> {
        let mut records = batch.records(LIMITS);
        loop {
            match records.next_record() {
                Ok(None) => return Ok(true),
                Ok(Some(record)) => self.print(path, 2, record_row(&record))?,
                Err(fault) => {
                    self.print(path, 2, Row::new("damage").with("problem", fault.to_string()))?;
                    return Ok(false);
                }
            }
        }
    }

    fn index(&mut self, path: &Path, kind: Kind) -> Result<bool, CliError> {
        let bytes = std::fs::read(path).map_err(unreadable(path))?;
        let base = Kind::of(path).map_or(0, |(_, offset)| offset);
        if kind == Kind::OffsetIndex {
            for entry in index::entries::<OffsetEntry>(&bytes) {
                let offset = base.saturating_add(i64::from(entry.relative_offset));
                self.print(path, 1, Row::new("offset_index").with("offset", offset).with("position", entry.position))?;
            }
        } else {
            for entry in index::entries::<TimeEntry>(&bytes) {
                let offset = base.saturating_add(i64::from(entry.relative_offset));
                let timestamp = entry.timestamp.get();
                self.print(path, 1, Row::new("time_index").with("timestamp", timestamp).with("offset", offset))?;
            }
        }
        Ok(true)
    }

    fn aborted(&mut self, path: &Path) -> Result<bool, CliError> {
        let bytes = std::fs::read(path).map_err(unreadable(path))?;
        let entries = index::entries::<AbortedTransaction>(&bytes);
        for aborted in &entries {
            let row = Row::new("aborted_transaction")
                .with("producer_id", aborted.producer_id.get())
                .with("first_offset", aborted.first_offset.get())
                .with("last_offset", aborted.marker_offset.get())
                .with("last_stable_offset", aborted.last_stable_offset.get());
            self.print(path, 1, row)?;
        }
        let is_whole = entries.len() * <AbortedTransaction as IndexEntry>::SIZE == bytes.len();
        if !is_whole {
            self.print(path, 1, Row::new("damage").with("problem", "what follows is no aborted transaction"))?;
        }
        Ok(is_whole)
    }

    fn producers(&mut self, path: &Path) -> Result<bool, CliError> {
        let bytes = std::fs::read(path).map_err(unreadable(path))?;
        let table = match ProducerTable::decode_snapshot(&bytes, usize::MAX) {
            Ok((table, _)) => table,
            Err(error) => {
                self.print(path, 1, Row::new("damage").with("problem", error.to_string()))?;
                return Ok(false);
            }
        };
        for producer in table.producers() {
            let batches: Vec<Value> = producer
                .window
                .iter()
                .map(|batch| {
                    let (sequence, offset) = (batch.base_sequence.get(), batch.base_offset.get());
                    json!({"base_sequence": sequence, "base_offset": offset, "records": batch.record_count})
                })
                .collect();
            let row = Row::new("producer")
                .with("producer_id", producer.id.get())
                .with("producer_epoch", producer.epoch.get())
                .with("coordinator_epoch", producer.coordinator_epoch)
                .with("last_append", producer.last_append.get())
                .with("transaction_start", producer.transaction_start.map(model::Offset::get))
                .with("batches", batches);
            self.print(path, 1, row)?;
        }
        Ok(true)
    }

    fn print(&mut self, path: &Path, depth: usize, row: Row) -> Result<(), CliError> {
        let line = match self.format {
            OutputFormat::Text => row.text(depth),
            OutputFormat::Json => row.json(path),
        };
        writeln!(self.out, "{line}").map_err(CliError::printing)
    }
}

fn batch_row(position: u64, batch: &BatchView<'_>) -> Row {
    let header = batch.header();
    let attributes = header.attributes;
    let mut row = Row::new("batch")
        .with("position", position)
        .with("size", batch.size())
        .with("base_offset", header.base_offset)
        .with("last_offset", batch.last_offset())
        .with("records", header.records_count)
        .with("codec", batch.codec().map_or("unknown", storage::compression::Codec::name))
        .with("timestamp_type", if attributes.is_log_append_time() { "LogAppendTime" } else { "CreateTime" })
        .with("base_timestamp", header.base_timestamp)
        .with("max_timestamp", header.max_timestamp)
        .with("leader_epoch", header.partition_leader_epoch);
    if header.producer_id >= 0 {
        row = row
            .with("producer_id", header.producer_id)
            .with("producer_epoch", header.producer_epoch)
            .with("base_sequence", header.base_sequence)
            .with("transactional", attributes.is_transactional());
    }
    if attributes.is_control() {
        let marker = Marker::of_stored(batch).map(|marker| match marker.kind {
            MarkerKind::Abort => "abort",
            MarkerKind::Commit => "commit",
        });
        row = row.with("control", marker.unwrap_or("other"));
    }
    row.with("crc", format!("{:08x}", header.crc)).with("crc_right", batch.crc_is_right())
}

fn record_row(record: &BatchRecord<'_>) -> Row {
    let row = Row::new("record").with("offset", record.offset).with("timestamp", record.timestamp);
    let mut fields = Map::new();
    put(&mut fields, "key", record.record.key);
    put(&mut fields, "value", record.record.value);
    let headers = record.record.headers.clone().map(|(name, value)| {
        let mut header = Map::new();
        put(&mut header, "name", Some(name));
        put(&mut header, "value", value);
        Value::Object(header)
    });
    let headers: Vec<Value> = headers.collect();
    let row = fields.into_iter().fold(row, |row, (name, value)| row.with_named(name, value));
    if headers.is_empty() { row } else { row.with("headers", headers) }
}

fn gap_row(gap: &Gap) -> Row {
    let problem = if gap.is_zeros { "zeros, never written".to_owned() } else { gap.error.to_string() };
    Row::new("damage").with("position", gap.position).with("size", gap.size).with("problem", problem)
}
