//! The metadata thread: decides, appends, replays, and releases the answer when the records are durable.
//!
//! Commands that arrive together share one sync. A command sees the effects of those before it; nobody else does until
//! they are durable.

use std::sync::Arc;
use std::thread::JoinHandle;

use model::config::BrokerConfig;
use model::{ErrorCode, TopicId, TopicName};
use tokio::sync::{mpsc, oneshot};
use tracing::error;

use super::configs::ConfigChange;
use super::features::FeatureUpdate;
use super::image::Image;
use super::images::{Images, Publisher, publish};
use super::log::{MetadataLog, MetadataLogError, QuorumLog};
use super::producer_ids::ProducerIds;
use super::record::MetadataRecord;
use super::runtime::Runtime;
use super::topics::{CreatedTopic, MorePartitions, NewTopic, Refused, TopicRef};
use crate::clock::Clock;
use crate::partitions::Registry;
use crate::telemetry::Metrics;

/// Commands that share one sync.
const TOGETHER_MAX: usize = 64;
/// Producer ids that one record reserves, as in Kafka.
const PRODUCER_IDS_BLOCK: i64 = 1000;

type Answer<T> = oneshot::Sender<T>;
/// The results of a request with many items, in the order of the items.
pub(crate) type Results<T> = Vec<Result<T, Refused>>;

pub(super) enum Command {
    CreateTopics { wishes: Vec<NewTopic>, validate_only: bool, answer: Answer<Results<CreatedTopic>> },
    DeleteTopics { topics: Vec<TopicRef>, answer: Answer<Results<(TopicName, TopicId)>> },
    AddPartitions { wishes: Vec<MorePartitions>, validate_only: bool, answer: Answer<Results<()>> },
    ChangeConfigs { changes: Vec<ConfigChange>, validate_only: bool, answer: Answer<Results<()>> },
    UpdateFeatures { updates: Vec<FeatureUpdate>, validate_only: bool, answer: Answer<Result<(), Refused>> },
    ReserveProducerIds { answer: Answer<Result<std::ops::Range<i64>, Refused>> },
}

/// What the metadata thread is started with.
#[derive(Debug)]
pub(crate) struct MetadataOptions {
    /// The broker's config from files, environment and flags.
    pub(crate) config: Arc<BrokerConfig>,
    /// The time.
    pub(crate) clock: Clock,
    /// Where refusals by a limit are counted.
    pub(crate) metrics: Arc<Metrics>,
}

/// The door to the metadata: the image to read, commands to change it.
#[derive(Debug)]
pub(crate) struct Metadata {
    images: Images,
    commands: mpsc::Sender<Command>,
    producer_ids: Arc<ProducerIds>,
    quorum_log: QuorumLog,
    leader_epoch: i32,
}

impl Metadata {
    /// Loads the metadata log, opens every partition, and starts the metadata thread, which ends when the last handle is
    /// dropped.
    ///
    /// # Errors
    /// [`MetadataLogError`]: the log cannot be read, or does not make sense. Nothing is changed then.
    pub(crate) fn start(
        log: MetadataLog,
        registry: Arc<Registry>,
        options: MetadataOptions,
        was_clean: bool,
    ) -> Result<(Self, JoinHandle<()>), MetadataLogError> {
        let queue_max = usize::try_from(options.config.metadata_queue_max).unwrap_or(1);
        let mut runtime = Runtime::load(log, registry, options)?;
        if !was_clean {
            runtime.begin_after_unclean_stop()?;
        }
        runtime.open_everything();
        let (quorum_log, leader_epoch) = (runtime.quorum_log(), runtime.leader_epoch());
        let (publisher, images) = publish(runtime.image().clone());
        let (commands, queue) = mpsc::channel(queue_max);
        let thread = std::thread::Builder::new()
            .name("metadata".to_owned())
            .spawn(move || serve(runtime, queue, &publisher))
            .map_err(MetadataLogError::Thread)?;
        let producer_ids = Arc::new(ProducerIds::new(commands.clone()));
        Ok((Self { images, commands, producer_ids, quorum_log, leader_epoch }, thread))
    }

    /// What exists now.
    pub(crate) fn image(&self) -> arc_swap::Guard<Arc<Image>> {
        self.images.now()
    }

    /// The images, for those who want to hear of new ones.
    pub(crate) fn images(&self) -> &Images {
        &self.images
    }

    /// Creates topics; each on its own merits.
    pub(crate) async fn create_topics(&self, wishes: Vec<NewTopic>, validate_only: bool) -> Results<CreatedTopic> {
        let count = wishes.len();
        self.ask_each(count, |answer| Command::CreateTopics { wishes, validate_only, answer }).await
    }

    /// Deletes topics; each on its own merits.
    pub(crate) async fn delete_topics(&self, topics: Vec<TopicRef>) -> Results<(TopicName, TopicId)> {
        let count = topics.len();
        self.ask_each(count, |answer| Command::DeleteTopics { topics, answer }).await
    }

    /// Gives topics more partitions; each on its own merits.
    pub(crate) async fn add_partitions(&self, wishes: Vec<MorePartitions>, validate_only: bool) -> Results<()> {
        let count = wishes.len();
        self.ask_each(count, |answer| Command::AddPartitions { wishes, validate_only, answer }).await
    }

    /// Changes configs; each resource on its own merits.
    pub(crate) async fn change_configs(&self, changes: Vec<ConfigChange>, validate_only: bool) -> Results<()> {
        let count = changes.len();
        self.ask_each(count, |answer| Command::ChangeConfigs { changes, validate_only, answer }).await
    }

    /// Changes features, all of them or none.
    ///
    /// # Errors
    /// [`Refused`] says why.
    pub(crate) async fn update_features(
        &self,
        updates: Vec<FeatureUpdate>,
        validate_only: bool,
    ) -> Result<(), Refused> {
        let answer = self.ask(|answer| Command::UpdateFeatures { updates, validate_only, answer }).await;
        answer.unwrap_or_else(|| Err(unavailable()))
    }

    /// How far the metadata log is.
    pub(crate) fn quorum_log(&self) -> &QuorumLog {
        &self.quorum_log
    }

    /// The epoch under which this broker leads the quorum of one.
    pub(crate) fn leader_epoch(&self) -> i32 {
        self.leader_epoch
    }

    /// The source of producer ids.
    pub(crate) fn producer_ids(&self) -> &Arc<ProducerIds> {
        &self.producer_ids
    }

    async fn ask<T>(&self, command: impl FnOnce(Answer<T>) -> Command) -> Option<T> {
        let (sender, receiver) = oneshot::channel();
        self.commands.send(command(sender)).await.ok()?;
        receiver.await.ok()
    }

    async fn ask_each<T>(&self, count: usize, command: impl FnOnce(Answer<Results<T>>) -> Command) -> Results<T> {
        let refuse_all = || std::iter::repeat_with(|| Err(unavailable())).take(count).collect();
        self.ask(command).await.unwrap_or_else(refuse_all)
    }
}

pub(super) fn unavailable() -> Refused {
    Refused::new(ErrorCode::KafkaStorageError, "the metadata log is offline; the broker's log says why")
}

/// An answer that is let go when the records before it are durable.
type Held = Box<dyn FnOnce(Result<(), &Refused>) + Send>;

fn serve(mut runtime: Runtime, mut queue: mpsc::Receiver<Command>, publisher: &Publisher) {
    let mut together = Vec::with_capacity(TOGETHER_MAX);
    while queue.blocking_recv_many(&mut together, TOGETHER_MAX) > 0 {
        let mut decided = Decided::default();
        for command in together.drain(..) {
            decide(&mut runtime, command, &mut decided);
        }
        let outcome = runtime.commit(decided.records).map_err(|failure| {
            error!(%failure, "a metadata change was not made");
            Refused::new(ErrorCode::KafkaStorageError, format!("the change was not made: {failure}"))
        });
        if outcome.is_ok() {
            runtime.apply();
            publisher.publish(runtime.image().clone());
        }
        for answer in decided.held {
            answer(outcome.as_ref().copied());
        }
        runtime.tidy();
    }
    runtime.close();
}

/// The records of the commands that were taken together, and their answers.
#[derive(Default)]
struct Decided {
    records: Vec<MetadataRecord>,
    held: Vec<Held>,
}

impl Decided {
    /// Keeps one result for each item until the records are durable.
    fn hold<T: Send + 'static>(&mut self, answer: Answer<Results<T>>, results: Results<T>) {
        self.held.push(Box::new(move |outcome| {
            let results = match outcome {
                Ok(()) => results,
                // What was refused stays refused for its own reason.
                Err(refused) => results.into_iter().map(|each| each.and(Err(refused.clone()))).collect(),
            };
            // A client that went away does not want the answer.
            drop(answer.send(results));
        }));
    }
}

fn decide(runtime: &mut Runtime, command: Command, decided: &mut Decided) {
    match command {
        Command::CreateTopics { wishes, validate_only, answer } => {
            let results = runtime.create_topics(&wishes, validate_only, &mut decided.records);
            decided.hold(answer, results);
        }
        Command::DeleteTopics { topics, answer } => {
            let results = topics.iter().map(|topic| runtime.delete_topic(topic, &mut decided.records)).collect();
            decided.hold(answer, results);
        }
        Command::AddPartitions { wishes, validate_only, answer } => {
            let each = |wish| runtime.add_partitions(wish, validate_only, &mut decided.records);
            let results = wishes.iter().map(each).collect();
            decided.hold(answer, results);
        }
        Command::ChangeConfigs { changes, validate_only, answer } => {
            let each = |change| runtime.change_configs(change, validate_only, &mut decided.records);
            let results = changes.iter().map(each).collect();
            decided.hold(answer, results);
        }
        Command::UpdateFeatures { updates, validate_only, answer } => {
            let result = runtime.update_features(&updates, validate_only, &mut decided.records);
            decided.held.push(Box::new(move |outcome| {
                drop(answer.send(result.and(outcome.map_err(Clone::clone))));
            }));
        }
        Command::ReserveProducerIds { answer } => {
            let block = runtime.reserve_producer_ids(PRODUCER_IDS_BLOCK, &mut decided.records);
            decided.held.push(Box::new(move |outcome| {
                drop(answer.send(outcome.map(|()| block).map_err(Clone::clone)));
            }));
        }
    }
}
