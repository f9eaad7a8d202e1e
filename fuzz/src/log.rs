//! A data directory with one log in it, as bytes: what a damage is done to, and a disk to open it from again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use model::config::{CleanupPolicy, CompressionType, TopicConfig};
use model::{LeaderEpoch, PartitionIndex, ProducerEpoch, ProducerId, Timestamp, TopicId, TopicName, TopicPartition};
use storage::batch::{BatchBuilder, NewRecord, UncheckedBatch};
use storage::disk::{EntryKind, OpenMode, SimulatedDisk};
use storage::producers::{EpochRule, Marker, MarkerKind, Verified};
use storage::{Disk, LogManager, LogManagerOptions, PartitionLog};

/// The time at which everything happens, ms since 1970.
pub const NOW: Timestamp = Timestamp::new(1_700_000_000_000);

/// The data directory.
pub const DIR: &str = "/data";

/// The files of a data directory.
pub type Files = BTreeMap<PathBuf, Vec<u8>>;

/// The log's topic: small indexes' distances, so that there are entries to damage.
#[must_use]
pub fn config() -> Arc<TopicConfig> {
    Arc::new(TopicConfig {
        cleanup_policy: CleanupPolicy { compact: true, delete: true },
        compression_type: CompressionType::Producer,
        index_interval_bytes: 200,
        min_cleanable_dirty_ratio: 0.0,
        ..TopicConfig::default()
    })
}

/// The log's partition.
///
/// # Panics
/// Never: the name is good.
#[must_use]
pub fn partition() -> TopicPartition {
    TopicPartition { topic: TopicName::parse("t").expect("a good name"), partition: PartitionIndex::default() }
}

/// The directory after a clean stop, or as `kill -9` leaves it.
///
/// # Panics
/// If the log cannot be written.
pub fn written(is_stopped: bool) -> &'static Files {
    static FILES: [OnceLock<Files>; 2] = [OnceLock::new(), OnceLock::new()];
    FILES[usize::from(is_stopped)].get_or_init(|| write(is_stopped).expect("the log is written"))
}

/// A disk with these files, all of them synced.
///
/// # Panics
/// Never: the disk is healthy.
#[must_use]
pub fn disk_of(files: &Files) -> SimulatedDisk {
    let disk = SimulatedDisk::new();
    disk.set_time(NOW);
    for (path, bytes) in files {
        put(&disk, path, bytes).expect("a healthy disk");
    }
    disk
}

fn put(disk: &SimulatedDisk, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let directory = path.parent().unwrap_or(path);
    for part in [directory.parent().unwrap_or(directory), directory] {
        if !disk.exists(part)? {
            disk.create_directory(part)?;
            disk.sync_directory(part.parent().unwrap_or(part))?;
        }
    }
    let file = disk.open(path, OpenMode::Replace)?;
    file.write_at(bytes, &[], 0)?;
    file.sync_all()?;
    disk.sync_directory(directory)
}

/// Opens the directory.
///
/// # Errors
/// Why it, or its log, does not open.
pub fn open(disk: &SimulatedDisk) -> Result<(LogManager, Arc<PartitionLog>), String> {
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let manager = LogManager::open(shared, Path::new(DIR), LogManagerOptions::default()).map_err(|e| e.to_string())?;
    let log = manager.open_log(&partition(), topic_id(), config(), NOW).map_err(|error| error.to_string())?;
    Ok((manager, log))
}

const fn topic_id() -> TopicId {
    TopicId::from_bytes([9; 16])
}

/// A batch of records with keys, as a producer sends it.
///
/// # Panics
/// Never: the records are small.
#[must_use]
pub fn batch(keys: std::ops::Range<u8>, producer: Option<(i64, i32, bool)>) -> Vec<u8> {
    let keys: Vec<[u8; 1]> = keys.map(|key| [key]).collect();
    let record = |key: &'_ [u8; 1]| NewRecord {
        timestamp: NOW,
        key: Some(key.to_vec().leak()),
        value: Some(b"value"),
        headers: &[],
    };
    let mut builder = BatchBuilder::new(record(&keys[0])).expect("small");
    for key in &keys[1..] {
        builder.push(record(key)).expect("small");
    }
    let mut bytes = builder.build().to_vec();
    if let Some((id, sequence, is_transactional)) = producer {
        bytes[43..51].copy_from_slice(&id.to_be_bytes());
        bytes[51..53].copy_from_slice(&0_i16.to_be_bytes());
        bytes[53..57].copy_from_slice(&sequence.to_be_bytes());
        bytes[22] |= u8::from(is_transactional) << 4;
    }
    let crc = crc32c::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    bytes
}

/// Appends a batch as it came.
///
/// # Errors
/// Why it is refused.
pub fn append(log: &PartitionLog, bytes: &[u8]) -> Result<(), String> {
    let unchecked = UncheckedBatch::parse(bytes).map_err(|error| error.to_string())?;
    let checked = unchecked.check(&config(), NOW).map_err(|error| error.to_string())?;
    log.append_verified(&checked, Verified::NotAsked, LeaderEpoch::ZERO, NOW)
        .map(drop)
        .map_err(|error| error.to_string())
}

fn write(is_stopped: bool) -> Result<Files, String> {
    let disk = SimulatedDisk::new();
    disk.set_time(NOW);
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let manager = LogManager::open(shared, Path::new(DIR), LogManagerOptions::default()).map_err(|e| e.to_string())?;
    let log = manager.create(&partition(), topic_id(), config(), NOW).map_err(|error| error.to_string())?;
    let producer_id = ProducerId::new(5).ok_or("a producer id")?;
    let producer_epoch = ProducerEpoch::new(0).ok_or("an epoch")?;
    let marker = |kind| Marker { producer_id, producer_epoch, kind, coordinator_epoch: 0 };
    for round in 0..3_u8 {
        append(&log, &batch(round * 4..round * 4 + 4, None))?;
        append(&log, &batch(0..3, Some((3, i32::from(round) * 3, false))))?;
        append(&log, &batch(1..3, Some((5, i32::from(round) * 2, true))))?;
        let kind = if round == 1 { MarkerKind::Abort } else { MarkerKind::Commit };
        if round < 2 {
            log.append_marker(&marker(kind), EpochRule::SameOrNewer, LeaderEpoch::ZERO, NOW)
                .map_err(|e| e.to_string())?;
            log.sync().map_err(|error| error.to_string())?;
            log.roll_if_due(Timestamp::new(i64::MAX)).map_err(|error| error.to_string())?;
            manager.checkpoint().map_err(|error| error.to_string())?;
        }
    }
    if is_stopped {
        manager.close().map_err(|error| error.to_string())?;
    } else {
        log.sync().map_err(|error| error.to_string())?;
    }
    read(&disk, Path::new(DIR)).map_err(|error| error.to_string())
}

fn read(disk: &SimulatedDisk, directory: &Path) -> std::io::Result<Files> {
    let mut files = Files::new();
    for entry in disk.read_directory(directory)? {
        let path = directory.join(&entry.name);
        if entry.kind == EntryKind::Directory {
            files.append(&mut read(disk, &path)?);
        } else {
            let file = disk.open(&path, OpenMode::Read)?;
            let mut bytes = vec![0; usize::try_from(file.size()?).unwrap_or(0)];
            file.read_up_to_at(&mut bytes, 0)?;
            files.insert(path, bytes);
        }
    }
    Ok(files)
}
