//! What the tests of the log share: batches, names, an open log.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::path::Path;
use std::sync::Arc;

use model::config::TopicConfig;
use model::{
    LeaderEpoch, Offset, PartitionIndex, ProducerEpoch, ProducerId, Timestamp, TopicId, TopicName, TopicPartition,
};
use storage::batch::{BatchBuilder, BatchView, CheckedBatch, NewRecord, OwnedBatch, UncheckedBatch};
use storage::producers::{Marker, MarkerKind};
use storage::{Appended, Disk, LogManager, LogManagerOptions, PartitionLog, Placed, ReadSpec};

pub(crate) const NOW: Timestamp = Timestamp::new(1_700_000_000_000);
pub(crate) const ID: TopicId = TopicId::from_bytes([9; 16]);

pub(crate) fn partition(name: &str) -> TopicPartition {
    TopicPartition { topic: TopicName::parse(name).unwrap(), partition: PartitionIndex::default() }
}

pub(crate) fn offset(raw: i64) -> Offset {
    Offset::new(raw).unwrap()
}

pub(crate) fn epoch(raw: i32) -> LeaderEpoch {
    LeaderEpoch::new(raw).unwrap()
}

pub(crate) fn options() -> LogManagerOptions {
    LogManagerOptions { cluster_id_if_new: [1; 16], directory_id_if_new: [2; 16], ..LogManagerOptions::default() }
}

pub(crate) fn open_manager(disk: &Arc<dyn Disk>, dir: &Path) -> LogManager {
    LogManager::open(Arc::clone(disk), dir, options()).unwrap()
}

/// A batch of `records` records of `value_size` bytes each; the first says `tag`.
pub(crate) fn batch(tag: u64, records: u32, value_size: usize) -> OwnedBatch {
    batch_at(NOW, tag, records, value_size)
}

pub(crate) fn batch_at(timestamp: Timestamp, tag: u64, records: u32, value_size: usize) -> OwnedBatch {
    let value = |index: u64| {
        let mut value = (tag * 1000 + index).to_be_bytes().to_vec();
        value.resize(value_size.max(8), b'v');
        value
    };
    let first = value(0);
    let mut builder = BatchBuilder::new(NewRecord { timestamp, value: Some(&first), ..NewRecord::default() }).unwrap();
    for index in 1..u64::from(records) {
        let value = value(index);
        builder.push(NewRecord { timestamp, value: Some(&value), ..NewRecord::default() }).unwrap();
    }
    builder.build()
}

/// The same batch with a producer's stamp, as it would come from the wire.
pub(crate) fn stamped(batch: &OwnedBatch, producer: i64, epoch: i16, sequence: i32) -> Vec<u8> {
    let mut bytes = batch.to_vec();
    bytes[43..51].copy_from_slice(&producer.to_be_bytes());
    bytes[51..53].copy_from_slice(&epoch.to_be_bytes());
    bytes[53..57].copy_from_slice(&sequence.to_be_bytes());
    let crc = crc32c::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    bytes
}

/// The same as part of a transaction.
pub(crate) fn transactional(batch: &OwnedBatch, producer: i64, epoch: i16, sequence: i32) -> Vec<u8> {
    let mut bytes = stamped(batch, producer, epoch, sequence);
    bytes[22] |= 1 << 4;
    let crc = crc32c::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    bytes
}

pub(crate) fn marker(producer: i64, epoch: i16, kind: MarkerKind) -> Marker {
    Marker {
        producer_id: ProducerId::new(producer).unwrap(),
        producer_epoch: ProducerEpoch::new(epoch).unwrap(),
        kind,
        coordinator_epoch: 0,
    }
}

pub(crate) fn checked<'a>(bytes: &'a [u8], config: &TopicConfig) -> CheckedBatch<'a> {
    UncheckedBatch::parse(bytes).unwrap().check(config, NOW).unwrap()
}

pub(crate) fn append(log: &PartitionLog, batch: &OwnedBatch) -> Placed {
    match log.append(&batch.checked(), epoch(0), NOW).unwrap() {
        Appended::Written(placed) => placed,
        Appended::Duplicate(_) => panic!("a batch without a producer is no duplicate"),
    }
}

pub(crate) fn read_all(log: &PartitionLog) -> Vec<u8> {
    let spec = ReadSpec {
        from: log.log_start_offset(),
        upto: log.log_end_offset(),
        max_bytes: u32::MAX,
        at_least_one_batch: true,
    };
    log.read(spec).unwrap().read_to_vec().unwrap()
}

/// The batches in `bytes`: base offset, last offset, and whether the checksum is right.
pub(crate) fn batches(mut bytes: &[u8]) -> Vec<(i64, i64)> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let view = BatchView::parse(bytes).unwrap();
        assert!(view.crc_is_right());
        found.push((view.header().base_offset, view.last_offset().unwrap()));
        bytes = &bytes[view.size()..];
    }
    found
}
