//! Which partitions are open. Prepares, opens and retires logs; knows nothing of why.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::config::{BrokerConfig, TopicConfig};
use model::{LeaderEpoch, PartitionIndex, Timestamp, TopicId, TopicPartition};
use storage::error::StorageError;
use storage::{GroupCommit, LogManager};

use super::cleaner_settings::CleanerSettings;
use super::partition::Partition;
use crate::telemetry::Metrics;

/// The open partitions of this broker.
#[derive(Debug)]
pub(crate) struct Registry {
    log_manager: Arc<LogManager>,
    group_commit: Arc<GroupCommit>,
    metrics: Arc<Metrics>,
    open: Mutex<BTreeMap<(TopicId, PartitionIndex), Arc<Partition>>>,
    /// `producer.id.expiration.ms`, which may change while the broker runs.
    producer_expiration_ms: AtomicI64,
    /// What compaction may take, which may change while the broker runs.
    cleaner_settings: Mutex<CleanerSettings>,
    /// Topics that were deleted, and when their files may go.
    retired: Mutex<Vec<(Timestamp, TopicId)>>,
}

impl Registry {
    /// A registry with nothing open.
    pub(crate) fn new(log_manager: Arc<LogManager>, group_commit: Arc<GroupCommit>, metrics: Arc<Metrics>) -> Self {
        Self {
            log_manager,
            group_commit,
            metrics,
            open: Mutex::new(BTreeMap::new()),
            producer_expiration_ms: AtomicI64::new(i64::MAX),
            cleaner_settings: Mutex::new(CleanerSettings::of(&BrokerConfig::default())),
            retired: Mutex::default(),
        }
    }

    /// Makes what new logs need on disk, so that nothing can be wanting when they are there; they are not there yet.
    ///
    /// # Errors
    /// The storage's; nothing is left of them then.
    pub(crate) fn prepare_logs(&self, names: &[TopicPartition], topic_id: TopicId) -> Result<(), StorageError> {
        self.log_manager.prepare_directories(names, topic_id)
    }

    /// Lets all prepared logs survive a crash.
    ///
    /// # Errors
    /// The storage's.
    pub(crate) fn sync_prepared(&self) -> Result<(), StorageError> {
        self.log_manager.sync_prepared()
    }

    /// Does away with prepared logs that are not to be.
    pub(crate) fn abandon_logs(&self, names: &[TopicPartition], topic_id: TopicId) {
        self.log_manager.abandon_directories(names, topic_id);
    }

    /// Puts prepared logs in their place, from where they can be opened.
    ///
    /// # Errors
    /// The storage's; some may be in their place.
    pub(crate) fn finish_logs(&self, names: &[TopicPartition], topic_id: TopicId) -> Result<(), StorageError> {
        self.log_manager.finish_directories(names, topic_id)
    }

    /// Opens a partition.
    ///
    /// # Errors
    /// The storage's: the log is not there or cannot be read. Other partitions are not concerned.
    pub(crate) fn open(
        &self,
        name: &TopicPartition,
        topic_id: TopicId,
        config: Arc<TopicConfig>,
        (leader_epoch, now): (LeaderEpoch, Timestamp),
    ) -> Result<Arc<Partition>, StorageError> {
        // Never made here: where a log that should be there is not, somebody must hear of it.
        let log = self.log_manager.open_log(name, topic_id, config, now)?;
        let (group_commit, metrics) = (Arc::clone(&self.group_commit), Arc::clone(&self.metrics));
        let partition = Partition::new(log, leader_epoch, group_commit, metrics);
        self.lock().insert((topic_id, name.partition), Arc::clone(&partition));
        Ok(partition)
    }

    /// Takes a topic's partitions out of service and sets their files aside; they are removed `file.delete.delay.ms` later.
    ///
    /// # Errors
    /// The storage's; the partitions are out of service all the same.
    pub(crate) fn retire_topic(&self, topic_id: TopicId, now: Timestamp) -> Result<(), StorageError> {
        let retired: Vec<_> = self.lock().extract_if(.., |(id, _), _| *id == topic_id).collect();
        let mut delay_ms = 0;
        for (_, partition) in &retired {
            partition.retire();
            delay_ms = delay_ms.max(partition.config().file_delete_delay_ms);
        }
        let result = self.log_manager.retire_topic(topic_id);
        let due = Timestamp::new(now.get().saturating_add(delay_ms));
        self.retired.lock().unwrap_or_else(PoisonError::into_inner).push((due, topic_id));
        result
    }

    /// Removes the files of deleted topics whose time has come; gives the ms until the next is due.
    pub(crate) fn remove_due_files(&self, now: Timestamp) -> Option<u64> {
        let mut retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        let due: Vec<_> = retired.extract_if(.., |(due, _)| now >= *due).collect();
        let next = retired.iter().map(|(due, _)| u64::try_from(due.ms_since(now)).unwrap_or(0)).min();
        drop(retired);
        for (_, topic_id) in due {
            self.log_manager.remove_aside(&self.log_manager.retired(topic_id));
        }
        next
    }

    /// How long an idle producer is remembered, ms.
    pub(crate) fn producer_expiration_ms(&self) -> i64 {
        self.producer_expiration_ms.load(Ordering::Relaxed)
    }

    /// Sets [`Self::producer_expiration_ms`].
    pub(crate) fn set_producer_expiration_ms(&self, ms: i64) {
        self.producer_expiration_ms.store(ms, Ordering::Relaxed);
    }

    /// What compaction may take of the machine.
    pub(crate) fn cleaner_settings(&self) -> CleanerSettings {
        *self.cleaner_settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets [`Self::cleaner_settings`].
    pub(crate) fn set_cleaner_settings(&self, settings: CleanerSettings) {
        *self.cleaner_settings.lock().unwrap_or_else(PoisonError::into_inner) = settings;
    }

    /// Ends every wait, so that those who wait look at the broker's state again.
    pub(crate) fn wake_all(&self) {
        for partition in self.all() {
            partition.wake_all();
        }
    }

    /// Every open partition, in the order of topic ids.
    pub(crate) fn all(&self) -> Vec<Arc<Partition>> {
        self.lock().values().cloned().collect()
    }

    /// What is counted.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The files beneath.
    pub(crate) fn log_manager(&self) -> &Arc<LogManager> {
        &self.log_manager
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(TopicId, PartitionIndex), Arc<Partition>>> {
        // Inserting and removing cannot leave the map half-changed.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
