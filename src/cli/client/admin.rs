//! Topics: listing, making, changing and deleting them.

use std::time::Duration;

use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::metadata_response::MetadataResponseTopic;
use kafka_protocol::messages::{
    CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest, DescribeConfigsRequest,
    IncrementalAlterConfigsRequest, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use model::ErrorCode;

use super::cluster::{To, name_of};
use super::{ClientError, Cluster};

/// The number of topics among the types of resources that have configs.
const TOPIC_RESOURCE: i8 = 2;
const OPERATION_SET: i8 = 0;
const OPERATION_DELETE: i8 = 1;

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

/// One config of a topic as the broker tells it.
#[derive(Clone, Debug)]
pub(crate) struct ConfigEntry {
    /// The key.
    pub(crate) name: String,
    /// The value; `None` if it is secret or has none.
    pub(crate) value: Option<String>,
    /// Whether it is set on the topic itself.
    pub(crate) is_own: bool,
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

/// The configs of a topic, by key.
///
/// # Errors
/// [`ClientError::Refused`].
pub(crate) fn configs(cluster: &mut Cluster, topic: &str) -> Result<Vec<ConfigEntry>, ClientError> {
    /// What a broker calls a value that is set on the topic itself (`ConfigSource` in version 1 and later).
    const OWN: i8 = 1;
    let answer = cluster.retry(|cluster, deadline| {
        let resource = DescribeConfigsResource::default()
            .with_resource_type(TOPIC_RESOURCE)
            .with_resource_name(text(topic))
            .with_configuration_keys(None);
        cluster.call(To::Any, &DescribeConfigsRequest::default().with_resources(vec![resource]), i16::MAX, deadline)
    })?;
    let mut entries = Vec::new();
    for result in answer.results {
        let words = result.error_message.as_ref().map(StrBytes::as_str);
        ClientError::check_with(result.error_code, words, || format!("configs of topic {topic}"))?;
        entries.extend(result.configs.into_iter().map(|config| ConfigEntry {
            name: config.name.as_str().to_owned(),
            value: config.value.map(|value| value.as_str().to_owned()),
            is_own: config.config_source == OWN,
        }));
    }
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(entries)
}

/// Sets the configs of `set` and takes back those of `unset`; all of them or none.
///
/// # Errors
/// [`ClientError::Refused`].
pub(crate) fn alter_configs(
    cluster: &mut Cluster,
    topic: &str,
    set: &[(String, String)],
    unset: &[String],
) -> Result<(), ClientError> {
    let entry =
        |name: &String, operation| AlterableConfig::default().with_name(text(name)).with_config_operation(operation);
    let mut configs: Vec<AlterableConfig> =
        set.iter().map(|(name, value)| entry(name, OPERATION_SET).with_value(Some(text(value)))).collect();
    configs.extend(unset.iter().map(|name| entry(name, OPERATION_DELETE).with_value(None)));
    let resource = AlterConfigsResource::default()
        .with_resource_type(TOPIC_RESOURCE)
        .with_resource_name(text(topic))
        .with_configs(configs);
    let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
    cluster.retry(|cluster, deadline| {
        let answer = cluster.call(To::Controller, &request, i16::MAX, deadline)?;
        answer.responses.iter().try_for_each(|result| {
            let words = result.error_message.as_ref().map(StrBytes::as_str);
            ClientError::check_with(result.error_code, words, || format!("configs of topic {topic}"))
        })
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
