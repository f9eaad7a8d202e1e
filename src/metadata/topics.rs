//! Decisions about topics: pure functions from the state and a wish to records, or to a refusal that says why.

use std::collections::{BTreeMap, BTreeSet};

use model::{ErrorCode, TopicId, TopicName};

use super::internal;
use super::record::{MetadataRecord, WireTopicId, WireTopicName};
use super::state::State;

/// The most partitions that one request may add: beyond it the request would hold the metadata thread for seconds
/// (Kafka's controller has the same bound).
const PARTITIONS_PER_REQUEST_MAX: i32 = 10_000;

/// A wish that is not granted, in words for the person who wished.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Refused {
    /// Kafka's code.
    pub(crate) code: ErrorCode,
    /// What was wrong, and what would be right.
    pub(crate) message: String,
    /// Milliseconds after which it may be granted; 0 if time does not help.
    pub(crate) throttle_time_ms: i32,
}

impl Refused {
    /// A refusal that time does not help with.
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), throttle_time_ms: 0 }
    }

    /// The code for a request whose version may not know `THROTTLING_QUOTA_EXCEEDED` (KIP-599): then one that has its client try
    /// again.
    pub(crate) fn code_for(&self, knows_throttling: bool) -> ErrorCode {
        let is_unknown = self.code == ErrorCode::ThrottlingQuotaExceeded && !knows_throttling;
        if is_unknown { ErrorCode::RequestTimedOut } else { self.code }
    }

    /// How long the client of an answer with these results should wait, ms.
    pub(crate) fn throttle_time_ms<T>(results: &[Result<T, Self>]) -> i32 {
        results
            .iter()
            .filter_map(|result| result.as_ref().err())
            .map(|refused| refused.throttle_time_ms)
            .max()
            .unwrap_or(0)
    }
}

/// A topic that somebody wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NewTopic {
    /// Its name, not checked yet.
    pub(crate) name: String,
    /// Partitions, or -1 for the broker's default.
    pub(crate) partitions: i32,
    /// Replicas, or -1 for the broker's default.
    pub(crate) replication_factor: i16,
    /// Partition indexes and their brokers, instead of counts.
    pub(crate) assignments: Vec<(i32, Vec<i32>)>,
    /// Config overrides.
    pub(crate) configs: Vec<(String, Option<String>)>,
}

/// A topic that was created, or would have been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CreatedTopic {
    /// Its id; zero if it only would have been.
    pub(crate) id: TopicId,
    /// Its name.
    pub(crate) name: TopicName,
    /// Its partitions.
    pub(crate) partitions: i32,
    /// Its config overrides.
    pub(crate) configs: BTreeMap<String, String>,
}

/// A topic by name or by id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum TopicRef {
    /// By name.
    Name(String),
    /// By id.
    Id(TopicId),
}

/// A topic that is to have more partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MorePartitions {
    /// Its name.
    pub(crate) name: String,
    /// How many it shall have.
    pub(crate) count: i32,
    /// The brokers of each new partition, if the request names them.
    pub(crate) assignments: Option<Vec<Vec<i32>>>,
}

/// What a decision may know of the broker.
#[derive(Clone, Copy, Debug)]
pub(super) struct Defaults {
    pub(super) node_id: i32,
    pub(super) partitions: i32,
    pub(super) replication_factor: i16,
}

/// Decides about one topic, whose name is free and whose configs are good. `id` is used if it is created.
pub(super) fn create(
    state: &State,
    wish: &NewTopic,
    (name, configs): (TopicName, BTreeMap<String, String>),
    defaults: Defaults,
    id: TopicId,
) -> Result<(CreatedTopic, MetadataRecord), Refused> {
    let partitions = partition_count(wish, defaults)?;
    let created = CreatedTopic { id, name: name.clone(), partitions, configs: configs.clone() };
    let record = MetadataRecord::TopicCreated {
        id: WireTopicId(id),
        name: WireTopicName(name),
        partitions,
        unclean_starts: state.unclean_starts(),
        configs,
    };
    Ok((created, record))
}

/// The name of a new topic.
///
/// # Errors
/// [`Refused`] for a name that no topic can have, or that another one has or is too like.
pub(super) fn free_name(state: &State, name: &str) -> Result<TopicName, Refused> {
    let name = TopicName::parse(name)
        .map_err(|error| Refused::new(ErrorCode::InvalidTopicException, format!("{name:?}: {error}")))?;
    if super::log::is_own(&name) {
        let message = format!("topic '{name}' is where the broker keeps its metadata");
        return Err(Refused::new(ErrorCode::InvalidRequest, message));
    }
    if state.id_of(name.as_str()).is_some() {
        return Err(Refused::new(ErrorCode::TopicAlreadyExists, format!("topic '{name}' already exists")));
    }
    if let Some(other) = state.colliding(&name) {
        let message = format!("topic '{name}' collides with '{other}': '.' and '_' are the same in metric names");
        return Err(Refused::new(ErrorCode::InvalidTopicException, message));
    }
    Ok(name)
}

fn partition_count(wish: &NewTopic, defaults: Defaults) -> Result<i32, Refused> {
    if !wish.assignments.is_empty() {
        if wish.replication_factor != -1 {
            let message = "with assignments the replication factor must be -1: it follows from them";
            return Err(Refused::new(ErrorCode::InvalidRequest, message));
        }
        if wish.partitions != -1 {
            let message = "with assignments the number of partitions must be -1: it follows from them";
            return Err(Refused::new(ErrorCode::InvalidRequest, message));
        }
        return assigned_count(&wish.assignments, defaults.node_id);
    }
    check_replication(wish.replication_factor, defaults)?;
    match wish.partitions {
        -1 => Ok(defaults.partitions),
        count if count < 1 => {
            let message = format!("{count} partitions: a topic has at least 1, or -1 for the broker's default");
            Err(Refused::new(ErrorCode::InvalidPartitions, message))
        }
        count => Ok(count),
    }
}

fn check_replication(factor: i16, defaults: Defaults) -> Result<(), Refused> {
    let factor = if factor == -1 { defaults.replication_factor } else { factor };
    match factor {
        1 => Ok(()),
        factor if factor < 1 => {
            let message = format!("replication factor {factor}: at least 1, or -1 for the broker's default");
            Err(Refused::new(ErrorCode::InvalidReplicationFactor, message))
        }
        factor => {
            let message = format!("replication factor {factor} is more than the 1 broker there is");
            Err(Refused::new(ErrorCode::InvalidReplicationFactor, message))
        }
    }
}

fn assigned_count(assignments: &[(i32, Vec<i32>)], node_id: i32) -> Result<i32, Refused> {
    let refused = |message: String| Err(Refused::new(ErrorCode::InvalidReplicaAssignment, message));
    let mut indexes = BTreeSet::new();
    for (index, brokers) in assignments {
        if !indexes.insert(*index) {
            return refused(format!("partition {index} is assigned twice"));
        }
        check_brokers(*index, brokers, node_id)?;
    }
    let is_gapless = indexes.iter().zip(0..).all(|(index, expected)| *index == expected);
    if !is_gapless {
        return refused("assigned partitions must be numbered from 0 without gaps".to_owned());
    }
    i32::try_from(indexes.len()).or_else(|_| refused("too many assignments".to_owned()))
}

fn check_brokers(index: i32, brokers: &[i32], node_id: i32) -> Result<(), Refused> {
    let refused = |message: String| Err(Refused::new(ErrorCode::InvalidReplicaAssignment, message));
    match brokers {
        [] => refused(format!("partition {index} is assigned to no broker")),
        [broker] if *broker == node_id => Ok(()),
        [broker] => {
            refused(format!("partition {index} is assigned to broker {broker}; there is only broker {node_id}"))
        }
        [first, rest @ ..] if rest.contains(first) => {
            refused(format!("partition {index} is assigned to a broker twice"))
        }
        _ => refused(format!("partition {index} is assigned to more than the one broker there is")),
    }
}

/// Whether `added` more partitions in one request are too many.
pub(super) fn check_batch(added: i32) -> Result<(), Refused> {
    if added <= PARTITIONS_PER_REQUEST_MAX {
        return Ok(());
    }
    let message = format!("{added} partitions in one request: at most {PARTITIONS_PER_REQUEST_MAX}");
    Err(Refused::new(ErrorCode::PolicyViolation, message))
}

/// Decides to delete a topic; gives its name and id.
pub(super) fn delete(state: &State, wanted: &TopicRef) -> Result<(TopicName, TopicId, MetadataRecord), Refused> {
    let id = match wanted {
        TopicRef::Id(id) => *id,
        TopicRef::Name(name) => state.id_of(name).ok_or_else(|| unknown_topic(name))?,
    };
    let topic = state
        .topic(id)
        .ok_or_else(|| Refused::new(ErrorCode::UnknownTopicId, format!("there is no topic with id {id}")))?;
    Ok((topic.name.clone(), id, MetadataRecord::TopicDeleted { id: WireTopicId(id) }))
}

/// Decides to add partitions.
pub(super) fn add_partitions(state: &State, wish: &MorePartitions, node_id: i32) -> Result<MetadataRecord, Refused> {
    let (id, topic) = state
        .id_of(&wish.name)
        .and_then(|id| state.topic(id).map(|topic| (id, topic)))
        .ok_or_else(|| unknown_topic(&wish.name))?;
    internal::check_growth(&wish.name)?;
    let (now, count) = (topic.partitions, wish.count);
    if count <= now {
        let message = format!("topic '{}' has {now} partitions; it can only get more, not {count}", wish.name);
        return Err(Refused::new(ErrorCode::InvalidPartitions, message));
    }
    check_batch(count - now)?;
    if let Some(assignments) = &wish.assignments {
        let added = usize::try_from(count - now).unwrap_or(usize::MAX);
        if assignments.len() != added {
            let message = format!("{added} partitions are new, {} are assigned", assignments.len());
            return Err(Refused::new(ErrorCode::InvalidReplicaAssignment, message));
        }
        for (brokers, index) in assignments.iter().zip(now..) {
            check_brokers(index, brokers, node_id)?;
        }
    }
    Ok(MetadataRecord::PartitionsAdded { id: WireTopicId(id), partitions: count })
}

/// The refusal for a name that no topic has.
pub(super) fn unknown_topic(name: &str) -> Refused {
    Refused::new(ErrorCode::UnknownTopicOrPartition, format!("there is no topic '{name}'"))
}

#[cfg(test)]
mod tests;
