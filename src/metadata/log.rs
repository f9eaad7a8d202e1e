//! The metadata log: an ordinary partition log whose records are [`MetadataRecord`]s, with a snapshot that bounds it.

use std::path::PathBuf;
use std::sync::Arc;

use model::config::{FlushMode, TopicConfig};
use model::{LeaderEpoch, Offset, PartitionIndex, Timestamp, TopicId, TopicName, TopicPartition};
use storage::batch::{BatchBuilder, BatchFull, BatchView, DecompressionLimits, NewRecord, RecordFault, ViewError};
use storage::error::{AppendError, ReadError, StorageError, SyncError};
use storage::{Appended, LogManager, PartitionLog, ReadSpec};

use super::record::MetadataRecord;
use super::snapshot::{self, SnapshotError};
use super::state::{ReplayError, State};

/// Its directory, as Kafka's is called. No client sees it as a topic.
const NAME: &str = "__cluster_metadata";

/// Whether a topic of this name would stand where this log stands.
pub(super) fn is_own(name: &TopicName) -> bool {
    name.as_str() == NAME
}
/// Its id, which Kafka reserves for it.
const ID: TopicId = TopicId::from_bytes([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
/// Bytes read at once while it is replayed.
const READ_BYTES: u32 = 1 << 20;
/// The largest record that is read back, bytes: larger than any that is written.
const LIMITS: DecompressionLimits = DecompressionLimits::bytes(64 << 20);

/// Why the metadata cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MetadataLogError {
    /// The log cannot be opened.
    #[error("the metadata log cannot be opened: {0}")]
    Open(#[from] StorageError),
    /// Its records cannot be read.
    #[error("the metadata log cannot be read: {0}")]
    Read(#[from] ReadError),
    /// A batch that is none.
    #[error("the metadata log is damaged at offset {offset}: {error}")]
    Batch {
        /// Where.
        offset: i64,
        /// What.
        error: ViewError,
    },
    /// A batch that is not as it was written.
    #[error("the metadata log is damaged at offset {offset}: the checksum does not fit the bytes")]
    Checksum {
        /// Where.
        offset: i64,
    },
    /// There are logs of topics, but not the log that says which topics there are.
    #[error("the metadata log {path} is missing, but there is a log beside it ({beside})")]
    Missing {
        /// Where it should be.
        path: PathBuf,
        /// One that is there.
        beside: TopicPartition,
    },
    /// A batch whose offsets do not rise.
    #[error("the metadata log is damaged at offset {offset}: the offsets do not rise")]
    Offsets {
        /// Where.
        offset: i64,
    },
    /// A record that is none.
    #[error("the metadata log is damaged in the batch at offset {offset}: {error}")]
    Records {
        /// Where.
        offset: i64,
        /// What.
        error: RecordFault,
    },
    /// A record that this version does not understand.
    #[error("the metadata record at offset {offset} is not understood; was it written by a later version? {error}")]
    Record {
        /// Where.
        offset: i64,
        /// What.
        error: serde_json::Error,
    },
    /// A record that does not follow from those before.
    #[error("the metadata record at offset {offset} contradicts those before it: {error}")]
    Replay {
        /// Where.
        offset: i64,
        /// What.
        error: ReplayError,
    },
    /// The snapshot.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// Records cannot be written as JSON.
    #[error("a metadata record cannot be encoded: {0}")]
    Encode(serde_json::Error),
    /// The partitions that the records speak of could not be made ready.
    #[error("the logs of new partitions cannot be made: {0}")]
    Prepare(StorageError),
    /// More than fits one batch.
    #[error("too many metadata records for one batch")]
    TooLarge(#[from] BatchFull),
    /// The append was refused.
    #[error("the metadata log was not written: {0}")]
    Append(#[from] AppendError),
    /// The sync failed.
    #[error("the metadata log was not synced: {0}")]
    Sync(#[from] SyncError),
    /// The metadata thread cannot be started.
    #[error("the metadata thread cannot be started: {0}")]
    Thread(std::io::Error),
}

impl MetadataLogError {
    /// Whether the records that were to be appended are certainly not on disk. After a failed write or sync nobody knows.
    pub(super) const fn nothing_was_written(&self) -> bool {
        matches!(
            self,
            Self::Prepare(_)
                | Self::Encode(_)
                | Self::TooLarge(_)
                | Self::Append(AppendError::NoSpace(_) | AppendError::Offline)
        )
    }
}

/// The log and its snapshot.
#[derive(Debug)]
pub(crate) struct MetadataLog {
    log_manager: Arc<LogManager>,
    log: Arc<PartitionLog>,
    snapshot_path: PathBuf,
    bytes_since_snapshot: u64,
}

/// How far the metadata log is. Cheap to clone; may be asked from any thread.
#[derive(Clone, Debug)]
pub(crate) struct QuorumLog(Arc<PartitionLog>);

impl QuorumLog {
    /// The name of the log as tools ask for it.
    pub(crate) const NAME: &str = NAME;

    /// The end of what is durable, and thereby decided.
    pub(crate) fn high_watermark(&self) -> Offset {
        self.0.synced_offset()
    }

    /// The end of what is written.
    pub(crate) fn log_end_offset(&self) -> Offset {
        self.0.log_end_offset()
    }
}

impl MetadataLog {
    /// Opens the log of a data directory, creating it if the directory is new.
    ///
    /// # Errors
    /// [`MetadataLogError::Open`]; [`MetadataLogError::Missing`]: it is made before the first topic, so that topics without it
    /// are ones whose metadata is lost.
    pub(crate) fn open(log_manager: &Arc<LogManager>, now: Timestamp) -> Result<Self, MetadataLogError> {
        if !log_manager.holds(&name())?
            && let Some(found) = log_manager.found()?.into_iter().next()
        {
            let path = log_manager.dir().join(name().to_string());
            return Err(MetadataLogError::Missing { path, beside: found.topic_partition });
        }
        let config = TopicConfig {
            flush_mode: FlushMode::Sync,
            max_message_bytes: i32::MAX,
            segment_bytes: i32::MAX,
            ..TopicConfig::default()
        };
        let log = log_manager.open_or_create(&name(), ID, Arc::new(config), now)?;
        let snapshot_path = log_manager.dir().join(snapshot::FILE_NAME);
        Ok(Self { log_manager: Arc::clone(log_manager), log, snapshot_path, bytes_since_snapshot: 0 })
    }

    /// How far it is.
    pub(super) fn quorum_log(&self) -> QuorumLog {
        QuorumLog(Arc::clone(&self.log))
    }

    /// Replays snapshot and log.
    ///
    /// # Errors
    /// [`MetadataLogError`]: unreadable metadata is an error, never an empty state.
    pub(super) fn load(&mut self) -> Result<State, MetadataLogError> {
        let (mut state, mut from) = match snapshot::read(&self.snapshot_path)? {
            Some(snapshot) => (snapshot.state, snapshot.end),
            None => (State::default(), Offset::ZERO),
        };
        let upto = self.log.synced_offset();
        self.bytes_since_snapshot = 0;
        while from < upto {
            let spec = ReadSpec { from, upto, max_bytes: READ_BYTES, at_least_one_batch: true };
            let bytes = self.log.read(spec)?.read_to_vec().map_err(ReadError::from)?;
            self.bytes_since_snapshot += model::num::u64_from_usize(bytes.len());
            from = replay_batches(&mut state, &bytes, from)?;
        }
        Ok(state)
    }

    /// Appends records as one batch and makes them durable.
    ///
    /// # Errors
    /// [`MetadataLogError`]; the records are not in the log then, or the log is offline.
    pub(super) fn append(&mut self, records: &[MetadataRecord], now: Timestamp) -> Result<(), MetadataLogError> {
        let Some(batch) = batch_of(records, now)? else { return Ok(()) };
        let batch = batch.build();
        let checked = batch.checked();
        let Appended::Written(_) = self.log.append(&checked, LeaderEpoch::ZERO, now)? else { return Ok(()) };
        self.bytes_since_snapshot += u64::from(checked.size());
        self.log.sync()?;
        Ok(())
    }

    /// Writes a snapshot when more than `bytes_max` were written since the last one, and drops the log before it.
    ///
    /// # Errors
    /// [`MetadataLogError`]; the log is whole then.
    pub(super) fn snapshot_if_due(
        &mut self,
        state: &State,
        bytes_max: i64,
        now: Timestamp,
    ) -> Result<(), MetadataLogError> {
        if self.bytes_since_snapshot < u64::try_from(bytes_max).unwrap_or(0) {
            return Ok(());
        }
        let end = self.log.synced_offset();
        self.log_manager.change_file(|| snapshot::write(&self.snapshot_path, state, end))?;
        self.bytes_since_snapshot = 0;
        self.log.truncate_before(end, now)?;
        Ok(())
    }
}

fn name() -> TopicPartition {
    // The name is ours and good; parsing it is the one way to make a name.
    let topic = TopicName::parse(NAME);
    #[expect(clippy::expect_used, reason = "a constant that a test parses")]
    let topic = topic.expect("the metadata log's name follows the rules of topic names");
    TopicPartition { topic, partition: PartitionIndex::default() }
}

fn batch_of(records: &[MetadataRecord], now: Timestamp) -> Result<Option<BatchBuilder>, MetadataLogError> {
    let mut batch: Option<BatchBuilder> = None;
    for record in records {
        let value = serde_json::to_vec(record).map_err(MetadataLogError::Encode)?;
        let record = NewRecord { timestamp: now, value: Some(&value), ..NewRecord::default() };
        match &mut batch {
            Some(batch) => batch.push(record)?,
            none => *none = Some(BatchBuilder::new(record)?),
        }
    }
    Ok(batch)
}

/// Replays whole batches; gives the offset after the last.
fn replay_batches(state: &mut State, mut bytes: &[u8], mut from: Offset) -> Result<Offset, MetadataLogError> {
    while !bytes.is_empty() {
        let damaged = |error| MetadataLogError::Batch { offset: from.get(), error };
        let batch = BatchView::parse(bytes).map_err(damaged)?;
        // What lies below the recovery point was not looked at yet, and a changed name or number would be believed.
        if !batch.crc_is_right() {
            return Err(MetadataLogError::Checksum { offset: from.get() });
        }
        let unreadable = |error| MetadataLogError::Records { offset: from.get(), error };
        let mut records = batch.records(LIMITS);
        while let Some(record) = records.next_record().map_err(unreadable)? {
            let offset = record.offset;
            if offset < from.get() {
                continue;
            }
            let value = record.record.value.unwrap_or_default();
            let record = serde_json::from_slice(value).map_err(|error| MetadataLogError::Record { offset, error })?;
            state.replay(record).map_err(|error| MetadataLogError::Replay { offset, error })?;
        }
        let next = batch.last_offset().and_then(|last| Offset::new(last.checked_add(1)?));
        from = next.filter(|next| *next > from).ok_or(MetadataLogError::Offsets { offset: from.get() })?;
        bytes = bytes.get(batch.size()..).unwrap_or_default();
    }
    Ok(from)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_name_of_the_log_is_a_good_topic_name() {
        assert_eq!(super::name().to_string(), "__cluster_metadata-0");
    }
}
