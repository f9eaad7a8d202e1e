//! Topics: listing, making, changing and deleting them and their records.

use std::collections::BTreeMap;
use std::time::Duration;

use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::metadata_response::MetadataResponseTopic;
use kafka_protocol::messages::{
    CreatePartitionsRequest, CreateTopicsRequest, DeleteRecordsRequest, DeleteTopicsRequest, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use model::ErrorCode;

use super::cluster::{To, name_of};
use super::{ClientError, Cluster};

/// A new topic. What is `None` is the broker's default.
#[derive(Clone, Debug)]
pub(crate) struct NewTopic {
    /// Its name.
    pub(crate) name: String,
    /// How many partitions.
    pub(crate) partitions: Option<i32>,
    /// How many replicas each has.
    pub(crate) replication_factor: Option<i16>,
    /// What differs from the broker's configs.
    pub(crate) configs: Vec<(String, String)>,
}

/// Every topic that the cluster shows, by name. Errors of single topics stay in the entries.
///
/// # Errors
/// Those of the cluster.
pub(crate) fn list(cluster: &mut Cluster) -> Result<Vec<MetadataResponseTopic>, ClientError> {
    let answer = cluster.retry(|cluster, deadline| cluster.metadata(None, false, deadline))?;
    let mut topics = answer.topics;
    topics.sort_by(|one, other| name_of(one).cmp(name_of(other)));
    Ok(topics)
}

/// One topic with its partitions in order.
///
/// # Errors
/// [`ClientError::Refused`] if it does not exist.
pub(crate) fn describe(cluster: &mut Cluster, topic: &str) -> Result<MetadataResponseTopic, ClientError> {
    let deadline = cluster.deadline();
    let answer = cluster.metadata(Some(&[topic]), false, deadline)?;
    let missing = || ClientError::Refused {
        what: format!("topic {topic}"),
        code: ErrorCode::UnknownTopicOrPartition.code(),
        message: None,
    };
    let mut found = answer.topics.into_iter().find(|found| name_of(found) == topic).ok_or_else(missing)?;
    ClientError::check(found.error_code, || format!("topic {topic}"))?;
    found.partitions.sort_by_key(|partition| partition.partition_index);
    Ok(found)
}

/// Makes a topic and waits until each of its partitions has a leader.
///
/// # Errors
/// [`ClientError::Refused`] with the broker's words.
pub(crate) fn create(cluster: &mut Cluster, topic: &NewTopic) -> Result<(), ClientError> {
    let config = |(name, value): &(String, String)| {
        CreatableTopicConfig::default().with_name(text(name)).with_value(Some(text(value)))
    };
    let creatable = CreatableTopic::default()
        .with_name(topic_name(&topic.name))
        .with_num_partitions(topic.partitions.unwrap_or(-1))
        .with_replication_factor(topic.replication_factor.unwrap_or(-1))
        .with_configs(topic.configs.iter().map(config).collect());
    cluster.retry(|cluster, deadline| {
        let request =
            CreateTopicsRequest::default().with_topics(vec![creatable.clone()]).with_timeout_ms(timeout_ms(cluster));
        let answer = cluster.call(To::Controller, &request, i16::MAX, deadline)?;
        answer.topics.iter().try_for_each(|created| {
            let words = created.error_message.as_ref().map(StrBytes::as_str);
            ClientError::check_with(created.error_code, words, || format!("creating topic {}", topic.name))
        })
    })?;
    cluster.retry(|cluster, deadline| cluster.leaders(&topic.name, false, deadline).map(drop))
}

/// Deletes a topic and waits until the cluster does not show it any more.
///
/// # Errors
/// [`ClientError::Refused`].
pub(crate) fn delete(cluster: &mut Cluster, topic: &str) -> Result<(), ClientError> {
    // Asked once: the second answer to a retried deletion would be that there is no such topic.
    describe(cluster, topic)?;
    let deadline = cluster.deadline();
    let request = DeleteTopicsRequest::default()
        .with_topics(vec![DeleteTopicState::default().with_name(Some(topic_name(topic)))])
        .with_topic_names(vec![topic_name(topic)])
        .with_timeout_ms(timeout_ms(cluster));
    let answer = delete_call(cluster, request, deadline)?;
    for deleted in &answer {
        ClientError::check_with(deleted.0, deleted.1.as_deref(), || format!("deleting topic {topic}"))?;
    }
    loop {
        match describe(cluster, topic) {
            Err(ClientError::Refused { .. }) => return Ok(()),
            Ok(_) if deadline.pause(Duration::from_millis(20)) => {}
            Ok(_) => {
                let code = ErrorCode::RequestTimedOut.code();
                return ClientError::check(code, || format!("topic {topic} is still shown after its deletion"));
            }
            Err(other) => return Err(other),
        }
    }
}

/// Versions 1 to 5 take names, version 6 takes states; the crate refuses a field that a version does not have.
fn delete_call(
    cluster: &mut Cluster,
    request: DeleteTopicsRequest,
    deadline: crate::cli::time::Deadline,
) -> Result<Vec<(i16, Option<String>)>, ClientError> {
    let old = request.clone().with_topics(Vec::new());
    let new = request.with_topic_names(Vec::new());
    let answer = match cluster.call(To::Controller, &new, i16::MAX, deadline) {
        Err(ClientError::Malformed { .. }) => cluster.call(To::Controller, &old, 5, deadline)?,
        other => other?,
    };
    let plain = |words: StrBytes| words.as_str().to_owned();
    Ok(answer.responses.into_iter().map(|deleted| (deleted.error_code, deleted.error_message.map(plain))).collect())
}

/// Gives a topic more partitions; `count` is the new total.
///
/// # Errors
/// [`ClientError::Refused`].
pub(crate) fn grow(cluster: &mut Cluster, topic: &str, count: i32) -> Result<(), ClientError> {
    cluster.retry(|cluster, deadline| {
        let grown =
            CreatePartitionsTopic::default().with_name(topic_name(topic)).with_count(count).with_assignments(None);
        let request = CreatePartitionsRequest::default().with_topics(vec![grown]).with_timeout_ms(timeout_ms(cluster));
        let answer = cluster.call(To::Controller, &request, i16::MAX, deadline)?;
        answer.results.iter().try_for_each(|result| {
            let words = result.error_message.as_ref().map(StrBytes::as_str);
            ClientError::check_with(result.error_code, words, || format!("partitions of topic {topic}"))
        })
    })
}

/// Deletes the records of a topic's partitions that come before an offset each; `None` is the high watermark. What comes
/// back is where each log begins then.
///
/// # Errors
/// [`ClientError::Refused`]; other partitions may have lost their records then.
pub(crate) fn delete_records(
    cluster: &mut Cluster,
    topic: &str,
    before: &BTreeMap<i32, Option<i64>>,
) -> Result<BTreeMap<i32, i64>, ClientError> {
    /// The wire's "up to the high watermark".
    const HIGH_WATERMARK: i64 = -1;
    cluster.retry(|cluster, deadline| {
        let mut by_leader: BTreeMap<i32, Vec<DeleteRecordsPartition>> = BTreeMap::new();
        for found in cluster.leaders(topic, false, deadline)? {
            if let Some(offset) = before.get(&found.partition) {
                let asked = DeleteRecordsPartition::default()
                    .with_partition_index(found.partition)
                    .with_offset(offset.unwrap_or(HIGH_WATERMARK));
                by_leader.entry(found.leader).or_default().push(asked);
            }
        }
        let mut starts = BTreeMap::new();
        for (leader, partitions) in by_leader {
            let asked = DeleteRecordsTopic::default().with_name(topic_name(topic)).with_partitions(partitions);
            let request = DeleteRecordsRequest::default().with_topics(vec![asked]).with_timeout_ms(timeout_ms(cluster));
            let answer = cluster.call(To::Node(leader), &request, i16::MAX, deadline)?;
            for done in answer.topics.iter().flat_map(|topic| &topic.partitions) {
                // This request has no field for the broker's words.
                let far = done.error_code == ErrorCode::OffsetOutOfRange.code();
                let words = far.then_some("the offset lies beyond the high watermark");
                ClientError::check_with(done.error_code, words, || {
                    format!("deleting records of {topic}-{}", done.partition_index)
                })?;
                starts.insert(done.partition_index, done.low_watermark);
            }
        }
        Ok(starts)
    })
}

/// A text as the crate wants it.
pub(crate) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// A topic's name as the crate wants it.
pub(crate) fn topic_name(name: &str) -> TopicName {
    TopicName(text(name))
}

fn timeout_ms(cluster: &Cluster) -> i32 {
    i32::try_from(cluster.timeout().as_millis()).unwrap_or(i32::MAX)
}
