//! What a handler may touch, and nothing else. Names no Kafka message, so that other protocols can use it as well.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use model::{ErrorCode, PartitionIndex, TopicPartition};

use crate::clock::Clock;
use crate::coordinators::Coordinators;
pub(crate) use crate::coordinators::{Later, Patience};
use crate::metadata::{Metadata, OFFSETS_TOPIC, wanted_topic};
use crate::partitions::{DataDirectory, FetchSessions};
use crate::telemetry::Metrics;
use crate::telemetry::clients::ClientTelemetry;

/// What a broker remembers and counts, in memory alone.
#[derive(Debug)]
pub(crate) struct Remembered {
    /// What readers asked for before.
    pub(crate) fetch_sessions: FetchSessions,
    /// The clients that push metrics, and what they pushed.
    pub(crate) client_telemetry: ClientTelemetry,
    /// What is counted.
    pub(crate) metrics: Arc<Metrics>,
}

/// The broker's parts, as handlers see them.
#[derive(Debug)]
pub(crate) struct Broker {
    /// The time.
    pub(crate) clock: Clock,
    /// What exists, and how to change it.
    pub(crate) metadata: Metadata,
    /// The groups and the transactions.
    pub(crate) coordinators: Coordinators,
    /// What readers asked for before.
    pub(crate) fetch_sessions: FetchSessions,
    /// The clients that push metrics, and what they pushed.
    pub(crate) client_telemetry: ClientTelemetry,
    /// What is counted.
    pub(crate) metrics: Arc<Metrics>,
    /// Where the logs are.
    pub(crate) data_directory: DataDirectory,
    /// The id of the cluster, from meta.properties.
    pub(crate) cluster_id: String,
    stopping: AtomicBool,
}

impl Broker {
    /// A broker that serves.
    pub(crate) fn new(
        clock: Clock,
        metadata: Metadata,
        coordinators: Coordinators,
        data_directory: DataDirectory,
        remembered: Remembered,
    ) -> Self {
        let cluster_id = data_directory.cluster_id().to_owned();
        let stopping = AtomicBool::new(false);
        let Remembered { fetch_sessions, client_telemetry, metrics } = remembered;
        Self {
            clock,
            metadata,
            coordinators,
            fetch_sessions,
            client_telemetry,
            metrics,
            data_directory,
            cluster_id,
            stopping,
        }
    }

    /// The partition of the groups' topic that a group's offsets are in. Makes the topic if it is not there yet.
    ///
    /// # Errors
    /// `COORDINATOR_NOT_AVAILABLE` if it cannot be made.
    pub(crate) async fn group_partition(&self, group_id: &str) -> Result<TopicPartition, ErrorCode> {
        self.make_internal_topic(OFFSETS_TOPIC).await;
        let image = self.metadata.image();
        let topic = image.topic(OFFSETS_TOPIC).ok_or(ErrorCode::CoordinatorNotAvailable)?;
        let partition = PartitionIndex::new(self.coordinators.partition_of_group(group_id)?);
        let partition = partition.ok_or(ErrorCode::CoordinatorNotAvailable)?;
        Ok(TopicPartition { topic: topic.name.clone(), partition })
    }

    /// Makes an internal topic if it is not there yet.
    pub(crate) async fn make_internal_topic(&self, name: &str) {
        if self.metadata.image().topic(name).is_some() {
            return;
        }
        let wish = wanted_topic(name, &self.metadata.image().broker);
        // Refused or not: whether it is there now is what counts, and somebody else may have been faster.
        drop(self.metadata.create_topics(vec![wish], false).await);
    }

    /// The address that a connection's client is to use: the advertised one, or the one by which it reached us. `local`
    /// is that address, `listener` the index of the listener that the connection came by.
    pub(crate) fn address_for(&self, local: SocketAddr, listener: usize) -> (String, i32) {
        let image = self.metadata.image();
        let name = image.broker.listeners.get(listener).map(|listener| listener.name.as_str());
        let advertised = image.broker.advertised_listeners.iter().flatten();
        match advertised.into_iter().find(|advertised| Some(advertised.name.as_str()) == name) {
            Some(listener) if !listener.host.is_empty() => (listener.host.clone(), i32::from(listener.port)),
            Some(_) | None => (local.ip().to_canonical().to_string(), i32::from(local.port())),
        }
    }

    /// Where the search for a free fetch session id begins.
    #[expect(clippy::unused_self, reason = "randomness comes from the broker, so that a simulation can pass its own")]
    pub(crate) fn random_session_id(&self) -> i32 {
        let [a, b, c, d, ..] = uuid::Uuid::new_v4().into_bytes();
        i32::from_be_bytes([a & 0x7f, b, c, d])
    }

    /// Whether waiting requests should be answered with what is there.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// From now on nothing waits for records that may never come.
    pub(crate) fn stop_waiting(&self) {
        self.stopping.store(true, Ordering::Release);
    }
}
