//! The metadata thread's hands: state and log on one side, open partitions and the image on the other.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use model::{ErrorCode, PartitionIndex, TopicId, TopicName, TopicPartition};
use storage::error::StorageError;
use tracing::{error, info, warn};

use super::bounds::{Bounds, Limits};
use super::configs::{self, ConfigChange};
use super::controller::{MetadataOptions, Results};
use super::features::{self, FeatureUpdate};
use super::image::{Image, Topic};
use super::internal;
use super::log::{MetadataLog, MetadataLogError, QuorumLog};
use super::record::{MetadataRecord, WireTopicId};
use super::state::State;
use super::topics::{self, CreatedTopic, Defaults, MorePartitions, NewTopic, Refused, TopicRef};
use crate::partitions::{CleanerSettings, Partition, Registry};
use crate::telemetry::TopicLimit;

/// All that the metadata thread owns.
pub(super) struct Runtime {
    log: MetadataLog,
    registry: Arc<Registry>,
    options: MetadataOptions,
    /// Includes what is decided but not durable yet.
    state: State,
    /// Records that are durable and whose effects are due.
    due: Vec<MetadataRecord>,
    /// Records that follow from effects and go with the next commit.
    follow_ups: Vec<MetadataRecord>,
    /// Logs that are ready on disk for what is decided and not durable yet.
    prepared: Vec<(TopicId, Vec<TopicPartition>)>,
    image: Image,
    bounds: Bounds,
}

impl Runtime {
    /// Replays the log.
    ///
    /// # Errors
    /// [`MetadataLogError`]; nothing is changed.
    pub(super) fn load(
        mut log: MetadataLog,
        registry: Arc<Registry>,
        options: MetadataOptions,
    ) -> Result<Self, MetadataLogError> {
        let state = log.load()?;
        let image = Image::default();
        let (due, follow_ups, prepared) = (Vec::new(), Vec::new(), Vec::new());
        let config = &options.config;
        let limits =
            Limits { partitions_max: config.max_broker_partitions, rate_max: config.controller_mutation_rate_max };
        let bounds = Bounds::new(limits, options.clock.tick());
        Ok(Self { log, registry, options, state, due, follow_ups, prepared, image, bounds })
    }

    /// How far the log is, for those who describe it.
    pub(super) fn quorum_log(&self) -> QuorumLog {
        self.log.quorum_log()
    }

    /// The epoch of the quorum's leader: a start that was not clean is an election, as the first is.
    pub(super) fn leader_epoch(&self) -> i32 {
        self.state.unclean_starts().max(1)
    }

    /// What requests are to see.
    pub(super) fn image(&self) -> &Image {
        &self.image
    }

    /// Records that the last stop was not clean.
    ///
    /// # Errors
    /// [`MetadataLogError`].
    pub(super) fn begin_after_unclean_stop(&mut self) -> Result<(), MetadataLogError> {
        let mut records = Vec::new();
        self.accept(MetadataRecord::UncleanStart {}, &mut records);
        self.commit(records)
    }

    /// Opens the partitions of every topic, and finishes the deletions that a stop interrupted.
    pub(super) fn open_everything(&mut self) {
        self.refresh_broker_config();
        self.refresh_features();
        self.image.group_configs = Arc::new(self.state.group_configs().clone());
        self.image.client_metrics = Arc::new(self.state.client_metrics().clone());
        for id in self.state.retiring().collect::<Vec<_>>() {
            self.retire_files(id);
        }
        self.open_in_parallel();
        self.tidy();
    }

    /// Opens every log, `num.recovery.threads.per.data.dir` at a time: after a crash each may have a tail to read.
    fn open_in_parallel(&mut self) {
        let ids: Vec<TopicId> = self.state.topics().keys().copied().collect();
        let threads = usize::try_from(self.options.config.num_recovery_threads_per_data_dir).unwrap_or(1);
        let next = AtomicUsize::new(0);
        let images = Mutex::new(Vec::with_capacity(ids.len()));
        let this = &*self;
        let open_some = || {
            while let Some(id) = ids.get(next.fetch_add(1, Ordering::Relaxed)) {
                // Outside the lock: opening is what takes the time.
                let image = this.topic_image(*id);
                images.lock().unwrap_or_else(PoisonError::into_inner).extend(image);
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..threads.min(ids.len()) {
                scope.spawn(open_some);
            }
        });
        for image in images.into_inner().unwrap_or_else(PoisonError::into_inner) {
            self.image.insert(image);
        }
    }

    /// Decides about new topics.
    pub(super) fn create_topics(
        &mut self,
        wishes: &[NewTopic],
        validate_only: bool,
        records: &mut Vec<MetadataRecord>,
    ) -> Results<CreatedTopic> {
        let mut times = HashMap::new();
        for wish in wishes {
            *times.entry(wish.name.as_str()).or_insert(0_u32) += 1;
        }
        let mut budget = 0_i32;
        let mut results = Vec::with_capacity(wishes.len());
        for wish in wishes {
            if times.get(wish.name.as_str()).is_some_and(|times| *times > 1) {
                let message = format!("topic '{}' is asked for twice", wish.name);
                results.push(Err(Refused::new(ErrorCode::InvalidRequest, message)));
                continue;
            }
            let decided = self.create_topic(wish, &mut budget);
            results.push(decided.and_then(|(created, record)| {
                self.admit(&created, validate_only)?;
                if !validate_only {
                    self.prepare_logs(&created.name, created.id, 0..created.partitions)?;
                    self.accept(record, records);
                }
                Ok(created)
            }));
        }
        results
    }

    fn create_topic(&self, wish: &NewTopic, budget: &mut i32) -> Result<(CreatedTopic, MetadataRecord), Refused> {
        // Nothing more is looked at once the request is too large: it may name a million topics.
        topics::check_batch(*budget)?;
        // In this order, which is Kafka's: who creates a topic that is there already hears that first.
        let name = topics::free_name(&self.state, &wish.name)?;
        let configs = configs::checked_overrides(&self.image.broker, &wish.configs)?;
        internal::check_overrides(&wish.name, &configs)?;
        let id = loop {
            let id = TopicId::from_bytes(uuid::Uuid::new_v4().into_bytes());
            if !id.is_reserved() && self.state.topic(id).is_none() {
                break id;
            }
        };
        let (created, record) = topics::create(&self.state, wish, (name, configs), self.defaults(), id)?;
        *budget = budget.saturating_add(created.partitions);
        topics::check_batch(*budget)?;
        Ok((created, record))
    }

    /// Whether a topic may be created now. What the broker needs itself always may.
    fn admit(&mut self, topic: &CreatedTopic, validate_only: bool) -> Result<(), Refused> {
        if internal::is_internal(topic.name.as_str()) {
            return Ok(());
        }
        self.check_room(topic.partitions)?;
        if validate_only { Ok(()) } else { self.take_tokens(topic.partitions) }
    }

    /// Whether so many more partitions may be.
    fn check_room(&self, partitions: i32) -> Result<(), Refused> {
        let room = self.bounds.check_room(self.state.partition_count(), partitions);
        room.map_err(|refused| self.count_refused(refused))
    }

    /// Whether so many partitions may be made or deleted now.
    fn take_tokens(&mut self, partitions: i32) -> Result<(), Refused> {
        let taken = self.bounds.take(partitions, self.options.clock.tick());
        taken.map_err(|refused| self.count_refused(refused))
    }

    fn count_refused(&self, (limit, refused): (TopicLimit, Refused)) -> Refused {
        self.options.metrics.topic_changes_refused.add(limit, 1);
        refused
    }

    fn defaults(&self) -> Defaults {
        let broker = &self.image.broker;
        Defaults {
            node_id: broker.node_id,
            partitions: broker.num_partitions,
            replication_factor: i16::try_from(broker.default_replication_factor).unwrap_or(i16::MAX),
        }
    }

    /// Decides to delete a topic.
    pub(super) fn delete_topic(
        &mut self,
        topic: &TopicRef,
        records: &mut Vec<MetadataRecord>,
    ) -> Result<(TopicName, TopicId), Refused> {
        let (name, id, record) = topics::delete(&self.state, topic)?;
        let partitions = self.state.topic(id).map_or(0, |topic| topic.partitions);
        self.take_tokens(partitions)?;
        self.accept(record, records);
        Ok((name, id))
    }

    /// Decides to add partitions.
    pub(super) fn add_partitions(
        &mut self,
        wish: &MorePartitions,
        validate_only: bool,
        records: &mut Vec<MetadataRecord>,
    ) -> Result<(), Refused> {
        let record = topics::add_partitions(&self.state, wish, self.image.broker.node_id)?;
        if !validate_only {
            let grown = self.state.id_of(&wish.name).and_then(|id| Some((id, self.state.topic(id)?)));
            if let Some((id, topic)) = grown {
                let (name, new) = (topic.name.clone(), topic.partitions..wish.count);
                let count = wish.count.saturating_sub(topic.partitions);
                self.check_room(count)?;
                self.take_tokens(count)?;
                self.prepare_logs(&name, id, new)?;
            }
            self.accept(record, records);
        }
        Ok(())
    }

    /// Makes what the new logs need on disk before anything says that they exist: if it cannot be had, they never did.
    fn prepare_logs(&mut self, topic: &TopicName, id: TopicId, new: std::ops::Range<i32>) -> Result<(), Refused> {
        let new = partition_names(topic, new);
        self.registry.prepare_logs(&new, id).map_err(|error| {
            warn!(%topic, %error, "the logs of new partitions cannot be made");
            Refused::new(ErrorCode::from(&error), format!("the logs of topic '{topic}' cannot be made: {error}"))
        })?;
        self.prepared.push((id, new));
        Ok(())
    }

    /// Decides about configs.
    pub(super) fn change_configs(
        &mut self,
        change: &ConfigChange,
        validate_only: bool,
        records: &mut Vec<MetadataRecord>,
    ) -> Result<(), Refused> {
        let record = configs::decide(&self.state, change, &self.options.config)?;
        if let Some(record) = record.filter(|_| !validate_only) {
            self.accept(record, records);
        }
        Ok(())
    }

    /// Decides about features.
    pub(super) fn update_features(
        &mut self,
        updates: &[FeatureUpdate],
        validate_only: bool,
        records: &mut Vec<MetadataRecord>,
    ) -> Result<(), Refused> {
        let decided = features::decide(self.state.features(), updates)?;
        for record in decided.into_iter().filter(|_| !validate_only) {
            self.accept(record, records);
        }
        Ok(())
    }

    /// Sets `count` producer ids aside.
    pub(super) fn reserve_producer_ids(
        &mut self,
        count: i64,
        records: &mut Vec<MetadataRecord>,
    ) -> std::ops::Range<i64> {
        let start = self.state.producer_ids_end();
        let end = start.saturating_add(count);
        self.accept(MetadataRecord::ProducerIdsReserved { end }, records);
        start..end
    }

    /// Replays a decided record at once, so that the next decision sees it.
    fn accept(&mut self, record: MetadataRecord, records: &mut Vec<MetadataRecord>) {
        match self.state.replay(record.clone()) {
            Ok(()) => records.push(record),
            // A decision that does not follow from the state is our mistake; it is not made, and it is not hidden.
            Err(error) => error!(%error, "a metadata decision contradicts the state and was dropped"),
        }
    }

    /// Makes records durable. After a failure the state is loaded again: what was decided did not happen.
    ///
    /// # Errors
    /// [`MetadataLogError`].
    pub(super) fn commit(&mut self, records: Vec<MetadataRecord>) -> Result<(), MetadataLogError> {
        let mut all = std::mem::take(&mut self.follow_ups);
        all.extend(records);
        if all.is_empty() {
            return Ok(());
        }
        let prepared = std::mem::take(&mut self.prepared);
        // The logs first: what the records say must be true after a crash.
        let is_ready = if prepared.is_empty() { Ok(()) } else { self.registry.sync_prepared() };
        let appended = is_ready.map_err(MetadataLogError::Prepare);
        match appended.and_then(|()| self.log.append(&all, self.options.clock.now())) {
            Ok(()) => {
                self.due.extend(all);
                Ok(())
            }
            Err(failure) => {
                // Otherwise the records may be there at the next start, which then needs them.
                if failure.nothing_was_written() {
                    for (id, names) in prepared {
                        self.registry.abandon_logs(&names, id);
                    }
                }
                match self.log.load() {
                    Ok(state) => self.state = state,
                    Err(error) => error!(%error, "the metadata cannot be loaded again; changes are refused"),
                }
                Err(failure)
            }
        }
    }

    /// Brings the partitions and the image in line with what is durable.
    pub(super) fn apply(&mut self) {
        for record in std::mem::take(&mut self.due) {
            match record {
                // Deleted again by a later record of the same commit: its logs never came to their place.
                MetadataRecord::TopicCreated { id, name, partitions, .. } if self.state.topic(id.0).is_none() => {
                    self.registry.abandon_logs(&partition_names(&name.0, 0..partitions), id.0);
                }
                MetadataRecord::TopicCreated { id, .. }
                | MetadataRecord::PartitionsAdded { id, .. }
                | MetadataRecord::TopicConfigsChanged { id, .. } => self.refresh_topic(id.0),
                MetadataRecord::TopicDeleted { id } => {
                    self.image.remove(id.0);
                    self.retire_files(id.0);
                }
                MetadataRecord::BrokerConfigsChanged { .. } => {
                    self.refresh_broker_config();
                    for id in self.state.topics().keys().copied().collect::<Vec<_>>() {
                        self.refresh_topic(id);
                    }
                }
                MetadataRecord::FeatureLevelChanged { .. } => self.refresh_features(),
                MetadataRecord::GroupConfigsChanged { .. } => {
                    self.image.group_configs = Arc::new(self.state.group_configs().clone());
                }
                MetadataRecord::ClientMetricsChanged { .. } => {
                    self.image.client_metrics = Arc::new(self.state.client_metrics().clone());
                }
                MetadataRecord::TopicFilesRetired { .. }
                | MetadataRecord::ProducerIdsReserved { .. }
                | MetadataRecord::UncleanStart {} => {}
            }
        }
        self.image.offset = self.log.quorum_log().high_watermark();
    }

    /// What is due after the answers have left: follow-up records, the snapshot.
    pub(super) fn tidy(&mut self) {
        if let Err(error) = self.commit(Vec::new()) {
            warn!(%error, "a finished topic deletion could not be recorded; it will be looked at again at the next start");
        }
        self.apply();
        let bytes_max = self.image.broker.metadata_log_max_record_bytes_between_snapshots;
        if let Err(error) = self.log.snapshot_if_due(&self.state, bytes_max, self.options.clock.now()) {
            error!(%error, "the metadata snapshot was not written; the log before it is kept");
        }
    }

    /// Ends the log in good order.
    pub(super) fn close(self) {
        info!("metadata closed");
        drop(self.log);
    }

    fn refresh_features(&mut self) {
        self.image.features = self.state.features().clone();
    }

    fn refresh_broker_config(&mut self) {
        let node_id = self.options.config.node_id;
        let of = |node_id| {
            self.state.broker_configs(node_id).map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
        };
        self.image.cluster_configs = of(None);
        self.image.broker_configs = of(Some(node_id));
        let effective = self.options.config.with_dynamic(&self.image.cluster_configs, &self.image.broker_configs);
        self.registry.set_producer_expiration_ms(i64::from(effective.producer_id_expiration_ms));
        self.registry.set_cleaner_settings(CleanerSettings::of(&effective));
        self.image.broker = Arc::new(effective);
    }

    /// Opens what is not open of a topic, and gives all of it the config that is in force.
    fn refresh_topic(&mut self, id: TopicId) {
        // None if it was deleted by a later record of the same commit.
        if let Some(image) = self.topic_image(id) {
            self.image.insert(image);
        }
    }

    fn topic_image(&self, id: TopicId) -> Option<Topic> {
        let topic = self.state.topic(id)?;
        let config = Arc::new(self.image.broker.topic_config(&topic.configs));
        let known = self.image.topic_by_id(id).map(|known| known.partitions.clone()).unwrap_or_default();
        for partition in known.iter().flatten() {
            partition.log().set_config(Arc::clone(&config));
        }
        let mut image = Topic {
            id,
            name: topic.name.clone(),
            partitions: known,
            leader_epoch: self.state.leader_epoch(topic),
            overrides: topic.configs.clone(),
            config,
        };
        let first_new = i32::try_from(image.partitions.len()).unwrap_or(i32::MAX);
        let new = partition_names(&topic.name, first_new..topic.partitions);
        if let Err(error) = self.registry.finish_logs(&new, id) {
            // Opening says which partitions it concerns.
            warn!(topic = %topic.name, %error, "not all new logs of a topic are in their place; tried again at the next start");
        }
        for partition in &new {
            let opened = self.open_partition(id, partition, &image);
            image.partitions.push(opened);
        }
        Some(image)
    }

    fn open_partition(&self, id: TopicId, name: &TopicPartition, image: &Topic) -> Option<Arc<Partition>> {
        let now = self.options.clock.now();
        match self.registry.open(name, id, Arc::clone(&image.config), (image.leader_epoch, now)) {
            Ok(partition) => Some(partition),
            Err(error) => {
                error!(partition = %name, %error, "partition offline: its log cannot be opened");
                None
            }
        }
    }

    fn retire_files(&mut self, id: TopicId) {
        match self.registry.retire_topic(id, self.options.clock.now()) {
            Ok(()) => {
                let mut records = Vec::new();
                self.accept(MetadataRecord::TopicFilesRetired { id: WireTopicId(id) }, &mut records);
                self.follow_ups.extend(records);
            }
            Err(error) => report_stuck_files(id, &error),
        }
    }
}

fn partition_names(topic: &TopicName, indexes: std::ops::Range<i32>) -> Vec<TopicPartition> {
    let name = |index| Some(TopicPartition { topic: topic.clone(), partition: PartitionIndex::new(index)? });
    indexes.filter_map(name).collect()
}

fn report_stuck_files(id: TopicId, error: &StorageError) {
    error!(topic_id = %id, %error, "the files of a deleted topic could not be set aside; tried again at the next start");
}

#[cfg(test)]
mod tests;
