//! Which partitions are open. Opens, creates and retires logs; knows nothing of why.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::config::TopicConfig;
use model::{LeaderEpoch, PartitionIndex, Timestamp, TopicId, TopicPartition};
use storage::error::StorageError;
use storage::{GroupCommit, LogManager};

use super::partition::Partition;

/// The open partitions of this broker.
#[derive(Debug)]
pub(crate) struct Registry {
    log_manager: Arc<LogManager>,
    group_commit: Arc<GroupCommit>,
    open: Mutex<BTreeMap<(TopicId, PartitionIndex), Arc<Partition>>>,
}

impl Registry {
    /// A registry with nothing open.
    pub(crate) fn new(log_manager: Arc<LogManager>, group_commit: Arc<GroupCommit>) -> Self {
        Self { log_manager, group_commit, open: Mutex::new(BTreeMap::new()) }
    }

    /// Opens a partition, creating its log if there is none yet.
    ///
    /// # Errors
    /// The storage's: the log cannot be created or read. Other partitions are not concerned.
    pub(crate) fn open(
        &self,
        name: &TopicPartition,
        topic_id: TopicId,
        config: Arc<TopicConfig>,
        (leader_epoch, now): (LeaderEpoch, Timestamp),
    ) -> Result<Arc<Partition>, StorageError> {
        let log = self.log_manager.open_or_create(name, topic_id, config, now)?;
        let partition = Partition::new(log, leader_epoch, Arc::clone(&self.group_commit));
        self.lock().insert((topic_id, name.partition), Arc::clone(&partition));
        Ok(partition)
    }

    /// Takes a topic's partitions out of service and sets their files aside for removal.
    ///
    /// # Errors
    /// The storage's; the partitions are out of service all the same.
    pub(crate) fn retire_topic(&self, topic_id: TopicId) -> Result<(), StorageError> {
        let retired: Vec<_> = self.lock().extract_if(.., |(id, _), _| *id == topic_id).collect();
        for (_, partition) in &retired {
            partition.retire();
        }
        retired.iter().try_for_each(|(_, partition)| self.log_manager.retire(partition.log()))
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

    /// The files beneath.
    pub(crate) fn log_manager(&self) -> &Arc<LogManager> {
        &self.log_manager
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(TopicId, PartitionIndex), Arc<Partition>>> {
        // Inserting and removing cannot leave the map half-changed.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
