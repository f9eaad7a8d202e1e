//! Offsets: those of logs, and those that groups have committed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use kafka_protocol::messages::{
    BrokerId, ListOffsetsRequest, OffsetCommitRequest, OffsetDeleteRequest, OffsetFetchRequest,
};

use super::admin::topic_name;
use super::cluster::{To, name_of};
use super::groups::{call_coordinator, group_id};
use super::{ClientError, Cluster};

/// The highest version of `OffsetFetch` that asks for one group; later ones ask for many, which nobody here needs.
const OFFSET_FETCH_HIGHEST: i16 = 7;
/// The highest version of `OffsetCommit` that names topics; later ones carry ids.
const OFFSET_COMMIT_HIGHEST: i16 = 9;
/// The version of `ListOffsets` that knows every timestamp that is asked for here.
const LIST_OFFSETS_HIGHEST: i16 = 9;

/// One partition of one topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TopicPartition {
    /// The topic.
    pub(crate) topic: String,
    /// The partition.
    pub(crate) partition: i32,
}

impl TopicPartition {
    /// A partition of a topic.
    pub(crate) fn new(topic: &str, partition: i32) -> Self {
        Self { topic: topic.to_owned(), partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.topic, self.partition)
    }
}

/// Offsets of partitions, in order.
pub(crate) type Offsets = BTreeMap<TopicPartition, i64>;

/// Asks the logs for an offset in each of `wanted`; `timestamp` is a time, [`LATEST`](super::consumer::LATEST) or
/// [`EARLIEST`](super::consumer::EARLIEST). A partition that does not exist, that nobody leads now, or that has no record
/// that late, has no entry: unlike a reader, who asks about groups must not wait for what may be gone for good.
///
/// # Errors
/// Those of the cluster, after another try where that may help.
pub(crate) fn of_logs(
    cluster: &mut Cluster,
    wanted: &BTreeSet<TopicPartition>,
    timestamp: i64,
) -> Result<Offsets, ClientError> {
    if wanted.is_empty() {
        return Ok(Offsets::new());
    }
    cluster.retry(|cluster, deadline| {
        let mut offsets = Offsets::new();
        let topics: BTreeSet<&str> = wanted.iter().map(|at| at.topic.as_str()).collect();
        let metadata = cluster.metadata(Some(&topics.into_iter().collect::<Vec<_>>()), false, deadline)?;
        let mut by_leader: BTreeMap<i32, BTreeMap<String, Vec<i32>>> = BTreeMap::new();
        for topic in &metadata.topics {
            for partition in &topic.partitions {
                let at = TopicPartition::new(name_of(topic), partition.partition_index);
                if partition.leader_id.0 >= 0 && wanted.contains(&at) {
                    let of_leader = by_leader.entry(partition.leader_id.0).or_default();
                    of_leader.entry(at.topic).or_default().push(at.partition);
                }
            }
        }
        for (leader, topics) in by_leader {
            let request = ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(
                topics.into_iter().map(|(topic, partitions)| asked(&topic, partitions, timestamp)).collect(),
            );
            let answer = cluster.call(To::Node(leader), &request, LIST_OFFSETS_HIGHEST, deadline)?;
            for topic in &answer.topics {
                for found in &topic.partitions {
                    let at = TopicPartition::new(&topic.name.0, found.partition_index);
                    ClientError::check(found.error_code, || format!("offsets of {at}"))?;
                    offsets.insert(at, found.offset);
                }
            }
        }
        // A time after the last record has no offset.
        offsets.retain(|_, offset| *offset >= 0);
        Ok(offsets)
    })
}

fn asked(topic: &str, partitions: Vec<i32>, timestamp: i64) -> ListOffsetsTopic {
    let partition = |index| ListOffsetsPartition::default().with_partition_index(index).with_timestamp(timestamp);
    ListOffsetsTopic::default()
        .with_name(topic_name(topic))
        .with_partitions(partitions.into_iter().map(partition).collect())
}

/// Everything that a group has committed. A group that does not exist has committed nothing.
///
/// # Errors
/// Those of the cluster.
pub(crate) fn committed(cluster: &mut Cluster, group: &str) -> Result<Offsets, ClientError> {
    let request = OffsetFetchRequest::default().with_group_id(group_id(group)).with_topics(None);
    call_coordinator(cluster, group, &request, OFFSET_FETCH_HIGHEST, |answer| {
        ClientError::check(answer.error_code, || format!("offsets of group {group}"))?;
        let mut offsets = Offsets::new();
        for topic in &answer.topics {
            for found in &topic.partitions {
                let at = TopicPartition::new(&topic.name.0, found.partition_index);
                ClientError::check(found.error_code, || format!("offset of group {group} in {at}"))?;
                if found.committed_offset >= 0 {
                    offsets.insert(at, found.committed_offset);
                }
            }
        }
        Ok(offsets)
    })
}

/// Commits offsets for a group that has no members.
///
/// # Errors
/// [`ClientError::Refused`], also when only one of the partitions was refused.
pub(crate) fn commit(cluster: &mut Cluster, group: &str, offsets: &Offsets) -> Result<(), ClientError> {
    let mut topics: BTreeMap<&str, Vec<OffsetCommitRequestPartition>> = BTreeMap::new();
    for (at, offset) in offsets {
        let partition = OffsetCommitRequestPartition::default()
            .with_partition_index(at.partition)
            .with_committed_offset(*offset)
            .with_committed_metadata(Some(super::admin::text("")));
        topics.entry(&at.topic).or_default().push(partition);
    }
    let topic = |(name, partitions)| {
        OffsetCommitRequestTopic::default().with_name(topic_name(name)).with_partitions(partitions)
    };
    let request = OffsetCommitRequest::default()
        .with_group_id(group_id(group))
        .with_topics(topics.into_iter().map(topic).collect());
    call_coordinator(cluster, group, &request, OFFSET_COMMIT_HIGHEST, |answer| {
        for topic in &answer.topics {
            for done in &topic.partitions {
                ClientError::check(done.error_code, || {
                    format!("offset of group {group} in {}", TopicPartition::new(&topic.name.0, done.partition_index))
                })?;
            }
        }
        Ok(())
    })
}

/// Deletes what a group has committed for some partitions; a partition's own refusal is its code in the result.
///
/// # Errors
/// What refuses the whole request.
pub(crate) fn delete(
    cluster: &mut Cluster,
    group: &str,
    partitions: &BTreeSet<TopicPartition>,
) -> Result<BTreeMap<TopicPartition, i16>, ClientError> {
    let mut topics: BTreeMap<&str, Vec<OffsetDeleteRequestPartition>> = BTreeMap::new();
    for at in partitions {
        let partition = OffsetDeleteRequestPartition::default().with_partition_index(at.partition);
        topics.entry(&at.topic).or_default().push(partition);
    }
    let topic = |(name, partitions)| {
        OffsetDeleteRequestTopic::default().with_name(topic_name(name)).with_partitions(partitions)
    };
    let request = OffsetDeleteRequest::default()
        .with_group_id(group_id(group))
        .with_topics(topics.into_iter().map(topic).collect());
    call_coordinator(cluster, group, &request, i16::MAX, |answer| {
        ClientError::check(answer.error_code, || format!("offsets of group {group}"))?;
        let codes = answer.topics.iter().flat_map(|topic| {
            let at = |partition| TopicPartition::new(&topic.name.0, partition);
            topic.partitions.iter().map(move |done| (at(done.partition_index), done.error_code))
        });
        Ok(codes.collect())
    })
}
