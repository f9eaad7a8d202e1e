//! Kafka's own `DumpLogSegments` over directories that our storage wrote: it finds every record, every checksum right, and
//! every index entry where it should be. Our own `tidelog log verify` agrees.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop at a surprise, in its helpers too")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use kafka_protocol::indexmap::IndexMap;
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records::{Compression, Record, RecordBatchEncoder, RecordEncodeOptions};
use model::config::{CleanupPolicy, TimestampType, TopicConfig};
use model::{
    LeaderEpoch, PartitionIndex, ProducerEpoch, ProducerId, Sequence, Timestamp, TopicId, TopicName, TopicPartition,
};
use storage::batch::{BatchBuilder, NewRecord, ProducerBatch, UncheckedBatch};
use storage::producers::{EpochRule, Marker, MarkerKind, Verified};
use storage::{Appended, CleanOptions, LogManager, LogManagerOptions, PartitionLog, RealDisk};
use test_support::RealKafka;

const NOW: i64 = 1_700_000_000_000;
const BATCHES: i64 = 400;
const CODECS: [Compression; 5] =
    [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];

/// Batches of one to seven records in all codecs, every third from an idempotent producer; the same each time.
fn batch(number: i64, first_offset: i64) -> Vec<u8> {
    let sent = |index: i64| {
        let is_idempotent = number % 3 == 0;
        Record {
            transactional: false,
            control: false,
            delete_horizon: false,
            partition_leader_epoch: -1,
            producer_id: if is_idempotent { 1000 + number } else { -1 },
            producer_epoch: if is_idempotent { 0 } else { -1 },
            // kafka-protocol puts records into one batch if their sequences rise, also where there is no producer.
            sequence: i32::try_from(if is_idempotent { index } else { index - 1 }).unwrap(),
            timestamp_type: kafka_protocol::records::TimestampType::Creation,
            offset: index,
            timestamp: timestamp(number, index),
            key: (index % 3 != 2).then(|| format!("k{index}").into()),
            value: (index % 5 != 4).then(|| value(first_offset + index).into()),
            headers: IndexMap::from_iter([(StrBytes::from_static_str("h"), None)]),
        }
    };
    let records: Vec<Record> = (0..=number % 7).map(sent).collect();
    let compression = CODECS[usize::try_from(number % 5).unwrap()];
    let mut bytes = bytes::BytesMut::new();
    RecordBatchEncoder::encode(&mut bytes, &records, &RecordEncodeOptions { version: 2, compression }).unwrap();
    bytes.to_vec()
}

/// Rises, with steps back.
const fn timestamp(number: i64, index: i64) -> i64 {
    NOW + number * 7 - (number % 4) * 20 + index
}

fn value(offset: i64) -> String {
    format!("v{offset}-{}", "x".repeat(usize::try_from(offset % 90).unwrap()))
}

fn config(timestamps: TimestampType) -> TopicConfig {
    TopicConfig {
        message_timestamp_type: timestamps,
        segment_bytes: 20_000,
        index_interval_bytes: 1000,
        ..TopicConfig::default()
    }
}

/// What Kafka prints of each record.
fn append_all(log: &PartitionLog) -> Vec<String> {
    let (config, mut printed) = (log.config(), Vec::new());
    for number in 0..BATCHES {
        let first_offset = log.log_end_offset().get();
        let bytes = batch(number, first_offset);
        let now = Timestamp::new(NOW + number * 7);
        let batch = UncheckedBatch::parse(&bytes).unwrap().check(&config, now).unwrap();
        let Ok(Appended::Written(placed)) = log.append(&batch, LeaderEpoch::new(2).unwrap(), now) else {
            panic!("batch {number} is not appended");
        };
        assert_eq!(placed.base_offset.get(), first_offset);
        for index in 0..=number % 7 {
            let time = match config.message_timestamp_type {
                TimestampType::CreateTime => format!("CreateTime: {}", timestamp(number, index)),
                TimestampType::LogAppendTime => format!("LogAppendTime: {}", now.get()),
            };
            printed.push(record_line(first_offset + index, &time, index));
        }
    }
    printed
}

/// The parts of a line of `DumpLogSegments` that say what we sent: offset, time, key and payload.
fn record_line(offset: i64, time: &str, index: i64) -> String {
    let key = if index % 3 == 2 { String::new() } else { format!(" key: k{index}") };
    let payload = if index % 5 == 4 { String::new() } else { format!(" payload: {}", value(offset)) };
    format!("offset: {offset} {time} headerKeys: [h]{key}{payload}")
}

/// The same parts of a line that it printed: sizes and sequence are left out.
fn without_sizes(line: &str) -> String {
    let line = line.trim_start_matches("| ");
    let (start, rest) = line.split_once(" keySize:").unwrap();
    format!("{start} {}", rest.split_once("headerKeys").map(|(_, rest)| format!("headerKeys{rest}")).unwrap())
}

fn open(dir: &Path) -> LogManager {
    LogManager::open(Arc::new(RealDisk), dir, LogManagerOptions::default()).unwrap()
}

fn topic(name: &str) -> TopicPartition {
    TopicPartition { topic: TopicName::parse(name).unwrap(), partition: PartitionIndex::default() }
}

/// The files of a partition with one of these endings, in order.
fn files(partition: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(partition).unwrap().map(|entry| entry.unwrap().path());
    let is_wanted =
        |path: &PathBuf| endings.iter().any(|ending| path.extension().is_some_and(|found| found == *ending));
    let mut files: Vec<PathBuf> = entries.filter(is_wanted).collect();
    files.sort();
    files
}

fn dump_log_segments(options: &[&str], files: &[PathBuf]) -> String {
    let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    let names = names.join(",");
    RealKafka::tool("org.apache.kafka.tools.DumpLogSegments", &[options, &["--files", &names]].concat())
}

fn judge(partition: &Path, expected: &[String]) {
    let segments = files(partition, &["log"]);
    assert!(segments.len() >= 3, "the test wants several segments: {segments:?}");
    let printed = dump_log_segments(&["--deep-iteration", "--print-data-log"], &segments);
    let batches = printed.lines().filter(|line| line.starts_with("baseOffset: ")).collect::<Vec<_>>();
    assert_eq!(i64::try_from(batches.len()).unwrap(), BATCHES);
    assert!(batches.iter().all(|line| line.contains("partitionLeaderEpoch: 2 ") && line.ends_with("isvalid: true")));
    let records: Vec<String> = printed.lines().filter(|line| line.starts_with("| ")).map(without_sizes).collect();
    assert_eq!(records, expected);

    let indexes = files(partition, &["index", "timeindex"]);
    assert!(indexes.len() >= 2 * (segments.len() - 1), "closed segments have both indexes: {indexes:?}");
    let sane = dump_log_segments(&["--index-sanity-check"], &indexes);
    assert_eq!(sane.matches("passed sanity check").count(), indexes.len(), "{sane}");
    // Without that flag it holds each entry against its segment, and says what does not match.
    let held_against = dump_log_segments(&["--deep-iteration"], &indexes);
    for complaint in ["ismatch", "not found", "out of order", "Non-consecutive", "smaller than"] {
        assert!(!held_against.contains(complaint) && !printed.contains(complaint), "{held_against}");
    }
    let entries = |name: &str| held_against.lines().filter(|line| line.starts_with(name)).count();
    assert!(entries("offset: ") > 20 && entries("timestamp: ") > 10, "the indexes are not empty: {held_against}");

    let verify = Command::new(env!("CARGO_BIN_EXE_tidelog"))
        .args(["log", "verify", "--records", "--output", "json"])
        .arg(partition)
        .output()
        .unwrap();
    let report = String::from_utf8(verify.stdout).unwrap();
    assert!(verify.status.success() && report.contains(r#""notes": []"#), "{report}");
}

#[test]
fn kafka_reads_every_record_and_index_that_we_wrote() {
    let dir = tempfile::tempdir().unwrap();
    let id = |first| TopicId::from_bytes([first; 16]);
    let kinds = [("created", TimestampType::CreateTime, id(8)), ("stamped", TimestampType::LogAppendTime, id(9))];
    let now = Timestamp::new(NOW);
    let manager = open(dir.path());
    let expected = kinds.map(|(name, timestamps, id)| {
        let log = manager.create(&topic(name), id, Arc::new(config(timestamps)), now).unwrap();
        append_all(&log)
    });
    manager.close().unwrap();
    drop(manager);
    for ((name, _, _), expected) in kinds.iter().zip(&expected) {
        judge(&dir.path().join(format!("{name}-0")), expected);
    }
}

#[test]
fn kafka_reads_what_a_recovery_left() {
    let dir = tempfile::tempdir().unwrap();
    let (id, now) = (TopicId::from_bytes([8; 16]), Timestamp::new(NOW));
    let config = Arc::new(config(TimestampType::CreateTime));
    let manager = open(dir.path());
    let log = manager.create(&topic("killed"), id, Arc::clone(&config), now).unwrap();
    let expected = append_all(&log);
    log.sync().unwrap();
    drop((log, manager));
    // A batch that was being written when the process died.
    let partition = dir.path().join("killed-0");
    let last = files(&partition, &["log"]).pop().unwrap();
    let torn = [std::fs::read(&last).unwrap(), batch(3, 0)[..50].to_vec()].concat();
    std::fs::write(&last, torn).unwrap();
    let manager = open(dir.path());
    assert!(!manager.was_clean());
    drop(manager.open_log(&topic("killed"), id, config, now).unwrap());
    manager.close().unwrap();
    drop(manager);
    judge(&partition, &expected);
}

/// The marker that ends the transaction of a producer.
fn marker(producer_id: i64, kind: MarkerKind) -> Marker {
    let producer_epoch = ProducerEpoch::new(1).unwrap();
    Marker { producer_id: ProducerId::new(producer_id).unwrap(), producer_epoch, kind, coordinator_epoch: 9 }
}

/// A batch of two records in a transaction.
fn in_transaction(producer_id: i64) -> storage::batch::OwnedBatch {
    let record = || NewRecord { timestamp: Timestamp::new(NOW), value: Some(b"v"), ..NewRecord::default() };
    let mut batch = BatchBuilder::new(record()).unwrap();
    batch.push(record()).unwrap();
    let stamp = ProducerBatch {
        id: ProducerId::new(producer_id).unwrap(),
        epoch: ProducerEpoch::ZERO,
        base_sequence: Some(Sequence::ZERO),
        record_count: 2,
        is_transactional: true,
    };
    batch.with_producer(stamp).build()
}

#[test]
fn kafka_reads_the_markers_and_the_aborted_transactions_that_we_wrote() {
    let dir = tempfile::tempdir().unwrap();
    let now = Timestamp::new(NOW);
    let manager = open(dir.path());
    let config = Arc::new(config(TimestampType::CreateTime));
    let log = manager.create(&topic("ended"), TopicId::from_bytes([8; 16]), config, now).unwrap();
    let (epoch, mut expected) = (LeaderEpoch::ZERO, Vec::new());
    // Ten at a time, so that they overlap; more than one segment takes.
    for first in (0..200).step_by(10) {
        let producers = first..first + 10;
        let begins: Vec<i64> = producers
            .clone()
            .map(|producer| {
                let sent = log.append_verified(&in_transaction(producer).checked(), Verified::NotAsked, epoch, now);
                let Ok(Appended::Written(placed)) = sent else { panic!("producer {producer} is not appended") };
                placed.base_offset.get()
            })
            .collect();
        for (place, producer) in producers.enumerate() {
            let kind = if producer % 3 == 0 { MarkerKind::Commit } else { MarkerKind::Abort };
            let placed = log.append_marker(&marker(producer, kind), EpochRule::Newer, epoch, now).unwrap();
            let (begin, end) = (begins[place], placed.base_offset.get());
            let stable = begins.get(place + 1).copied().unwrap_or(end + 1);
            if kind == MarkerKind::Abort {
                expected.push(format!(
                    "version: 0 producerId: {producer} firstOffset: {begin} lastOffset: {end} lastStableOffset: {stable}"
                ));
            }
        }
    }
    manager.close().unwrap();
    drop((log, manager));
    let partition = dir.path().join("ended-0");
    let (segments, indexes) = (files(&partition, &["log"]), files(&partition, &["txnindex"]));
    assert!(segments.len() > 1 && indexes.len() == segments.len(), "{segments:?} {indexes:?}");
    let printed = dump_log_segments(&["--deep-iteration", "--print-data-log"], &segments);
    assert_eq!(printed.matches("isControl: true").count(), 200);
    assert_eq!(printed.matches("endTxnMarker: ABORT coordinatorEpoch: 9").count(), expected.len());
    assert_eq!(printed.matches("endTxnMarker: COMMIT coordinatorEpoch: 9").count(), 200 - expected.len());
    assert!(!printed.contains("isvalid: false"), "{printed}");
    let printed = dump_log_segments(&[], &indexes);
    let entries: Vec<&str> = printed.lines().filter(|line| line.starts_with("version: 0")).collect();
    assert_eq!(entries, expected);
}

#[test]
fn kafka_reads_what_compaction_left() {
    let dir = tempfile::tempdir().unwrap();
    let (id, now) = (TopicId::from_bytes([8; 16]), Timestamp::new(NOW));
    let manager = open(dir.path());
    let log = manager.create(&topic("cleaned"), id, Arc::new(config(TimestampType::CreateTime)), now).unwrap();
    let sent = append_all(&log);
    let active_from = {
        log.roll_if_due(Timestamp::new(i64::MAX)).unwrap();
        log.sync().unwrap();
        log.log_end_offset()
    };
    let cleanup_policy = CleanupPolicy { compact: true, delete: false };
    log.set_config(Arc::new(TopicConfig { cleanup_policy, ..config(TimestampType::CreateTime) }));
    let options = CleanOptions { map_bytes_max: 1 << 20, map_load_factor: 0.9, buffer_size: 4_096 };
    let cleanable = log.cleanable(active_from, now).unwrap().unwrap();
    log.clean(&cleanable, options, now, &mut |_| std::ops::ControlFlow::Continue(())).unwrap();
    // Records without a key go, and of each of the five keys the newest stays; batches of producers stay without records.
    let key_of = |line: &str| line.split_once(" key: ").map(|(_, key)| key.split(' ').next().unwrap().to_owned());
    let newest: std::collections::BTreeMap<String, usize> =
        sent.iter().enumerate().filter_map(|(place, line)| Some((key_of(line)?, place))).collect();
    let mut places: Vec<_> = newest.into_values().collect();
    places.sort_unstable();
    let expected: Vec<String> = places.into_iter().map(|place| sent[place].clone()).collect();
    for index in 0..40 {
        // Something more, so that there are several segments and indexes to look at.
        append_one(&log, index);
    }
    manager.close().unwrap();
    drop((log, manager));
    let partition = dir.path().join("cleaned-0");
    let is_cleaned = |file: &PathBuf| {
        let base: i64 = file.file_stem().unwrap().to_str().unwrap().parse().unwrap();
        base < active_from.get()
    };
    let cleaned: Vec<PathBuf> = files(&partition, &["log"]).into_iter().filter(is_cleaned).collect();
    let printed = dump_log_segments(&["--deep-iteration", "--print-data-log"], &cleaned);
    let records: Vec<String> = printed.lines().filter(|line| line.starts_with("| ")).map(without_sizes).collect();
    assert_eq!(records, expected);
    assert!(printed.lines().any(|line| line.contains("deleteHorizonMs: OptionalLong[")), "a tombstone is among them");
    let batches = printed.lines().filter(|line| line.starts_with("baseOffset: "));
    let (empty, full): (Vec<_>, Vec<_>) = batches.partition(|line| line.contains(" count: 0 "));
    assert!(empty.len() > 100 && !full.is_empty() && !printed.contains("isvalid: false"), "{printed}");
    // Not the time indexes: they name the times of batches that lost their records, as those of Kafka's cleaner do, and its tool
    // looks for the records.
    let indexes = files(&partition, &["index"]);
    let held_against = dump_log_segments(&["--deep-iteration"], &indexes);
    for complaint in ["ismatch", "not found", "out of order", "smaller than"] {
        assert!(!held_against.contains(complaint), "{held_against}");
    }
    let verify = Command::new(env!("CARGO_BIN_EXE_tidelog"))
        .args(["log", "verify", "--records", "--output", "json"])
        .arg(&partition)
        .output()
        .unwrap();
    let report = String::from_utf8(verify.stdout).unwrap();
    assert!(verify.status.success(), "{report}");
}

fn append_one(log: &PartitionLog, number: i64) {
    let config = config(TimestampType::CreateTime);
    let (bytes, now) = (batch(number, log.log_end_offset().get()), Timestamp::new(NOW));
    let batch = UncheckedBatch::parse(&bytes).unwrap().check(&config, now).unwrap();
    log.append(&batch, LeaderEpoch::new(2).unwrap(), now).unwrap();
}
