//! The cluster as this client sees it: who leads what, a connection per broker, and another try where one may help.

use std::collections::BTreeMap;
use std::time::Duration;

use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::MetadataResponseTopic;
use kafka_protocol::messages::{MetadataRequest, MetadataResponse, TopicName};
use kafka_protocol::protocol::{Request, StrBytes};
use model::ErrorCode;

use super::ClientError;
use super::connection::Connection;
use crate::cli::time::Deadline;

/// How long to wait before asking again. Constant: a person waits, and one client cannot storm a cluster.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// The highest version of Metadata that this client asks for: 12 has topic ids and every field that is used here.
const METADATA_HIGHEST: i16 = 12;

/// Who should get a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum To {
    /// Whoever is connected.
    Any,
    /// The broker that changes metadata.
    Controller,
    /// A broker by its id.
    Node(i32),
}

/// A partition and its leader, as the last metadata had them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PartitionLeader {
    /// The partition.
    pub(crate) partition: i32,
    /// Its leader's broker id.
    pub(crate) leader: i32,
}

/// A cluster, found through its bootstrap addresses.
#[derive(Debug)]
pub(crate) struct Cluster {
    bootstrap: Vec<String>,
    timeout: Duration,
    addresses: BTreeMap<i32, String>,
    controller: Option<i32>,
    reached: bool,
    any: Option<Connection>,
    by_node: BTreeMap<i32, Connection>,
}

impl Cluster {
    /// A cluster that nobody has talked to yet. `timeout` bounds every operation, with all its retries.
    pub(crate) fn new(bootstrap: Vec<String>, timeout: Duration) -> Self {
        let (addresses, by_node) = (BTreeMap::new(), BTreeMap::new());
        Self { bootstrap, timeout, addresses, controller: None, reached: false, any: None, by_node }
    }

    /// The moment by which an operation that starts now must end.
    pub(crate) fn deadline(&self) -> Deadline {
        Deadline::after(self.timeout)
    }

    /// The bound of every operation.
    pub(crate) const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Tries `operation` until it succeeds, fails for good, or the time is over; the last error is what is reported.
    ///
    /// # Errors
    /// Those of `operation`.
    pub(crate) fn retry<T>(
        &mut self,
        mut operation: impl FnMut(&mut Self, Deadline) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let deadline = self.deadline();
        loop {
            match operation(self, deadline) {
                // A cluster that was never reached is more likely mistyped than restarting: say so at once.
                Err(error @ ClientError::Unreachable { .. }) if !self.reached => return Err(error),
                Err(error) if error.is_retriable() => {
                    // Whatever was known may be what was wrong.
                    self.controller = None;
                    if !deadline.pause(RETRY_PAUSE) || deadline.remaining().is_none() {
                        return Err(error);
                    }
                }
                done => return done,
            }
        }
    }

    /// One request to one broker, without another try. The version is the highest common one up to `highest`.
    ///
    /// # Errors
    /// Those of the connection; it is closed then, and the next call opens another.
    pub(crate) fn call<R: Request>(
        &mut self,
        to: To,
        request: &R,
        highest: i16,
        deadline: Deadline,
    ) -> Result<R::Response, ClientError> {
        let to = match to {
            To::Controller => To::Node(self.controller(deadline)?),
            To::Any | To::Node(_) => to,
        };
        let connection = self.connection(to, deadline)?;
        let version = connection.version::<R>(highest)?;
        let answer = connection.call(request, version, deadline);
        if answer.is_err() {
            self.forget(to);
        }
        answer
    }

    /// One request that gets no answer; otherwise as [`Self::call`].
    pub(crate) fn send<R: Request>(
        &mut self,
        to: To,
        request: &R,
        highest: i16,
        deadline: Deadline,
    ) -> Result<(), ClientError> {
        let connection = self.connection(to, deadline)?;
        let version = connection.version::<R>(highest)?;
        let sent = connection.send(request, version, deadline);
        if sent.is_err() {
            self.forget(to);
        }
        sent
    }

    /// Asks for `topics`, or for all of them; keeps the brokers' addresses. Errors of single topics stay in the answer.
    ///
    /// # Errors
    /// Those of the connection.
    pub(crate) fn metadata(
        &mut self,
        topics: Option<&[&str]>,
        create: bool,
        deadline: Deadline,
    ) -> Result<MetadataResponse, ClientError> {
        let named = |name: &&str| {
            let name = TopicName(StrBytes::from_string((*name).to_owned()));
            MetadataRequestTopic::default().with_name(Some(name))
        };
        let request = MetadataRequest::default()
            .with_topics(topics.map(|topics| topics.iter().map(named).collect()))
            .with_allow_auto_topic_creation(create);
        let answer = self.call(To::Any, &request, METADATA_HIGHEST, deadline)?;
        self.addresses = answer
            .brokers
            .iter()
            .map(|broker| (broker.node_id.0, format!("{}:{}", broker.host.as_str(), broker.port)))
            .collect();
        self.controller = Some(answer.controller_id.0).filter(|id| *id >= 0);
        Ok(answer)
    }

    /// The partitions of a topic and who leads them, in the order of their numbers.
    ///
    /// # Errors
    /// [`ClientError::Refused`] if there is no such topic or a partition of it has no leader now.
    pub(crate) fn leaders(
        &mut self,
        topic: &str,
        create: bool,
        deadline: Deadline,
    ) -> Result<Vec<PartitionLeader>, ClientError> {
        let answer = self.metadata(Some(&[topic]), create, deadline)?;
        let found = answer.topics.iter().find(|found| name_of(found) == topic);
        let missing = ErrorCode::UnknownTopicOrPartition.code();
        ClientError::check(found.map_or(missing, |found| found.error_code), || format!("topic {topic}"))?;
        let mut leaders = Vec::new();
        for partition in found.map(|found| found.partitions.as_slice()).unwrap_or_default() {
            // A partition whose replica is offline still names its leader; only a missing leader stops a client.
            let leader = partition.leader_id.0;
            let code = if leader < 0 { ErrorCode::LeaderNotAvailable.code() } else { 0 };
            ClientError::check(code, || format!("partition {topic}-{}", partition.partition_index))?;
            leaders.push(PartitionLeader { partition: partition.partition_index, leader });
        }
        leaders.sort_by_key(|leader| leader.partition);
        Ok(leaders)
    }

    /// The address of a broker as the last metadata had it.
    pub(crate) fn address(&self, node: i32) -> Option<&str> {
        self.addresses.get(&node).map(String::as_str)
    }

    /// The brokers of the last metadata.
    pub(crate) fn nodes(&self) -> Vec<i32> {
        self.addresses.keys().copied().collect()
    }

    /// The version in which [`Self::call`] would send `R`.
    ///
    /// # Errors
    /// Those of connecting, and [`ClientError::NoCommonVersion`].
    pub(crate) fn version<R: Request>(&mut self, highest: i16, deadline: Deadline) -> Result<i16, ClientError> {
        self.connection(To::Any, deadline)?.version::<R>(highest)
    }

    fn controller(&mut self, deadline: Deadline) -> Result<i32, ClientError> {
        if self.controller.is_none() {
            self.metadata(Some(&[]), false, deadline)?;
        }
        let none = || ClientError::Refused {
            what: "the cluster has no controller".to_owned(),
            code: ErrorCode::NotController.code(),
            message: None,
        };
        self.controller.ok_or_else(none)
    }

    fn connection(&mut self, to: To, deadline: Deadline) -> Result<&mut Connection, ClientError> {
        match to {
            To::Node(node) => {
                if !self.by_node.contains_key(&node) && !self.addresses.contains_key(&node) {
                    self.metadata(Some(&[]), false, deadline)?;
                }
                let address = self.addresses.get(&node).ok_or_else(|| ClientError::Refused {
                    what: format!("broker {node} is not in the metadata"),
                    code: ErrorCode::LeaderNotAvailable.code(),
                    message: None,
                })?;
                match self.by_node.entry(node) {
                    std::collections::btree_map::Entry::Occupied(open) => Ok(open.into_mut()),
                    std::collections::btree_map::Entry::Vacant(empty) => {
                        Ok(empty.insert(Connection::open(address, deadline)?))
                    }
                }
            }
            To::Any | To::Controller => match &mut self.any {
                Some(connection) => Ok(connection),
                empty => {
                    let connection = first_that_answers(&self.bootstrap, deadline)?;
                    self.reached = true;
                    Ok(empty.insert(connection))
                }
            },
        }
    }

    fn forget(&mut self, to: To) {
        match to {
            To::Node(node) => drop(self.by_node.remove(&node)),
            To::Any | To::Controller => self.any = None,
        }
    }
}

/// The name of a topic in a metadata answer; empty if the broker gave none.
pub(crate) fn name_of(topic: &MetadataResponseTopic) -> &str {
    topic.name.as_ref().map_or("", |name| name.0.as_str())
}

fn first_that_answers(bootstrap: &[String], deadline: Deadline) -> Result<Connection, ClientError> {
    let mut last = None;
    for address in bootstrap {
        match Connection::open(address, deadline) {
            Ok(connection) => return Ok(connection),
            Err(error) => last = Some(error),
        }
    }
    let last = last.unwrap_or_else(|| ClientError::Malformed {
        what: "--bootstrap-server".to_owned(),
        detail: "no address given".to_owned(),
    });
    Err(ClientError::Unreachable { tried: bootstrap.join(", "), last: Box::new(last) })
}
