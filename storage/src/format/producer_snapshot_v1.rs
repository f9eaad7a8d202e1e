//! The snapshot of a partition's producers, version 1. `docs/format/producer_snapshot_v1.md` draws it.
//!
//! A format of ours: Kafka's `.snapshot` keeps one batch of a producer, and forgets the four before it at a restart.
//!
//! ```text
//! magic "TLPS" | version u16 = 1 | crc u32, CRC-32C of all that follows | end offset i64
//!   | producers u32 | { id i64 | epoch i16 | coordinator epoch i32 | last append i64 | transaction start i64, -1: none
//!                       | batches u8, at most 5
//!                       | { base offset i64 | base sequence i32 | record count u32 | log append time i64, -1: none }... }...
//!   | decided u32 | { first offset i64 | marker offset i64 }...
//! ```

use crate::producers::{Producer, Window, WindowBatch};
use model::wire::{Reader, WireError, Writer};
use model::{Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};
use std::collections::BTreeMap;

const MAGIC: [u8; 4] = *b"TLPS";
const VERSION: u16 = 1;
const PRODUCER_SIZE_MIN: usize = 8 + 2 + 4 + 8 + 8 + 1;
const DECIDED_SIZE: usize = 8 + 8;

/// Why bytes are not a snapshot that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Not a snapshot of producers.
    #[error("the file is not a snapshot of producers")]
    WrongMagic,
    /// Written by a later version.
    #[error("version {version} of the snapshot of producers is unknown")]
    UnknownVersion {
        /// The version found.
        version: u16,
    },
    /// Not the bytes that were written.
    #[error("the checksum is {computed:#010x}, the file says {stored:#010x}")]
    WrongChecksum {
        /// The checksum in the file.
        stored: u32,
        /// The checksum of the bytes.
        computed: u32,
    },
    /// Cut short, or counts that contradict the size.
    #[error("the snapshot of producers is damaged: {0}")]
    Damaged(#[from] WireError),
    /// A number that its field cannot have.
    #[error("the snapshot of producers has {value} as {field}")]
    BadValue {
        /// The field.
        field: &'static str,
        /// What it says.
        value: i64,
    },
}

/// What a snapshot says.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) end_offset: Offset,
    pub(crate) producers: BTreeMap<ProducerId, Producer>,
    pub(crate) decided: BTreeMap<Offset, Offset>,
}

/// The bytes of a snapshot.
pub(crate) fn encode(
    end_offset: Offset,
    producers: &BTreeMap<ProducerId, Producer>,
    decided: &BTreeMap<Offset, Offset>,
) -> Vec<u8> {
    let mut body = Writer::new();
    body.i64(end_offset.get());
    body.u32(u32::try_from(producers.len()).unwrap_or(u32::MAX));
    for (id, producer) in producers {
        write_producer(&mut body, *id, producer);
    }
    body.u32(u32::try_from(decided.len()).unwrap_or(u32::MAX));
    for (first, marker) in decided {
        body.i64(first.get());
        body.i64(marker.get());
    }
    let mut file = Writer::with_capacity(MAGIC.len() + 6 + body.len());
    file.put(&MAGIC);
    file.u16(VERSION);
    file.u32(crc32c::crc32c(body.as_slice()));
    file.put(body.as_slice());
    file.into_vec()
}

fn write_producer(body: &mut Writer, id: ProducerId, producer: &Producer) {
    body.i64(id.get());
    body.i16(producer.epoch.get());
    body.i32(producer.coordinator_epoch);
    body.i64(producer.last_append.get());
    body.i64(producer.transaction_start.map_or(-1, Offset::get));
    let batches = producer.window.batches();
    body.u8(u8::try_from(batches.len()).unwrap_or(u8::MAX));
    for batch in batches {
        body.i64(batch.base_offset.get());
        body.i32(batch.base_sequence.get());
        body.u32(batch.record_count);
        body.i64(batch.log_append_time().unwrap_or(Timestamp::NONE).get());
    }
}

/// Reads the bytes of a snapshot.
pub(crate) fn decode(bytes: &[u8]) -> Result<Snapshot, SnapshotError> {
    let mut file = Reader::new(bytes);
    if file.array::<4>()? != MAGIC {
        return Err(SnapshotError::WrongMagic);
    }
    let version = file.u16()?;
    if version != VERSION {
        return Err(SnapshotError::UnknownVersion { version });
    }
    let (stored, computed) = (file.u32()?, crc32c::crc32c(file.peek()));
    if stored != computed {
        return Err(SnapshotError::WrongChecksum { stored, computed });
    }
    let end_offset = read_offset(&mut file, "end offset")?;
    let count = file.u32()?;
    file.check_count(count, PRODUCER_SIZE_MIN)?;
    let producers = (0..count).map(|_| read_producer(&mut file)).collect::<Result<_, _>>()?;
    let count = file.u32()?;
    file.check_count(count, DECIDED_SIZE)?;
    let decided = (0..count)
        .map(|_| Ok((read_offset(&mut file, "first offset")?, read_offset(&mut file, "marker offset")?)))
        .collect::<Result<_, SnapshotError>>()?;
    file.finish()?;
    Ok(Snapshot { end_offset, producers, decided })
}

fn read_producer(file: &mut Reader<'_>) -> Result<(ProducerId, Producer), SnapshotError> {
    let id = file.i64()?;
    let id = ProducerId::new(id).ok_or(SnapshotError::BadValue { field: "producer id", value: id })?;
    let epoch = file.i16()?;
    let bad_epoch = SnapshotError::BadValue { field: "producer epoch", value: i64::from(epoch) };
    let producer = Producer {
        epoch: ProducerEpoch::new(epoch).ok_or(bad_epoch)?,
        coordinator_epoch: file.i32()?,
        last_append: Timestamp::new(file.i64()?),
        transaction_start: read_optional_offset(file, "transaction start")?,
        window: read_window(file)?,
    };
    Ok((id, producer))
}

fn read_window(file: &mut Reader<'_>) -> Result<Window, SnapshotError> {
    let count = file.u8()?;
    if usize::from(count) > Window::BATCHES_MAX {
        return Err(SnapshotError::BadValue { field: "batches", value: i64::from(count) });
    }
    let mut window = Window::default();
    for _ in 0..count {
        window.push(read_batch(file)?);
    }
    Ok(window)
}

fn read_batch(file: &mut Reader<'_>) -> Result<WindowBatch, SnapshotError> {
    let base_offset = read_offset(file, "base offset")?;
    let sequence = file.i32()?;
    let bad_sequence = SnapshotError::BadValue { field: "base sequence", value: i64::from(sequence) };
    let record_count = file.u32()?;
    if record_count == 0 {
        return Err(SnapshotError::BadValue { field: "record count", value: 0 });
    }
    let time = file.i64()?;
    let log_append_time = if time == -1 { None } else { Some(Timestamp::new(time)) };
    let base_sequence = Sequence::new(sequence).ok_or(bad_sequence)?;
    Ok(WindowBatch::new(base_offset, base_sequence, record_count, log_append_time))
}

fn read_offset(file: &mut Reader<'_>, field: &'static str) -> Result<Offset, SnapshotError> {
    let value = file.i64()?;
    Offset::new(value).ok_or(SnapshotError::BadValue { field, value })
}

fn read_optional_offset(file: &mut Reader<'_>, field: &'static str) -> Result<Option<Offset>, SnapshotError> {
    let value = file.i64()?;
    Offset::from_wire(value).map_err(|_| SnapshotError::BadValue { field, value })
}
