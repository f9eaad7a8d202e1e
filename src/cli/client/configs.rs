//! Configs of topics, brokers, groups and client metrics.

use std::collections::BTreeMap;
use std::fmt;

use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::DescribeConfigsResult;
use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::{DescribeConfigsRequest, IncrementalAlterConfigsRequest, ListConfigResourcesRequest};
use kafka_protocol::protocol::StrBytes;

use super::admin::{self, text};
use super::cluster::{To, name_of};
use super::{ClientError, Cluster};

const OPERATION_SET: i8 = 0;
const OPERATION_DELETE: i8 = 1;
/// The first version of `ListConfigResources` that can be asked for more than client metrics (KIP-1142).
const LIST_OF_TYPES: i16 = 1;

/// What can have configs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A topic.
    Topic,
    /// A broker, or all of them.
    Broker,
    /// What clients are to report of themselves (KIP-714).
    ClientMetrics,
    /// A consumer group (KIP-848).
    Group,
}

impl Kind {
    /// Kafka's number of the type of resource.
    const fn code(self) -> i8 {
        match self {
            Self::Topic => 2,
            Self::Broker => 4,
            Self::ClientMetrics => 16,
            Self::Group => 32,
        }
    }

    /// The words of the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Topic => "topic",
            Self::Broker => "broker",
            Self::ClientMetrics => "client-metrics",
            Self::Group => "group",
        }
    }
}

/// One thing that has configs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Resource {
    /// What it is.
    pub(crate) kind: Kind,
    /// Its name, or a broker's id; `None` is all brokers together.
    pub(crate) name: Option<String>,
}

impl Resource {
    /// A resource with a name.
    pub(crate) fn new(kind: Kind, name: &str) -> Self {
        Self { kind, name: Some(name.to_owned()) }
    }

    /// A topic.
    pub(crate) fn topic(name: &str) -> Self {
        Self::new(Kind::Topic, name)
    }

    /// Who knows: a broker knows its own configs, anybody all others.
    fn whom_to_ask(&self) -> To {
        let id = self.name.as_deref().filter(|_| self.kind == Kind::Broker).and_then(|name| name.parse().ok());
        id.map_or(To::Any, To::Node)
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.kind.name(), self.name.as_deref().unwrap_or("default"))
    }
}

/// One config as the broker tells it.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// The key.
    pub(crate) name: String,
    /// The value; `None` if it is secret or has none.
    pub(crate) value: Option<String>,
    /// Kafka's name of where the value comes from.
    pub(crate) source: &'static str,
    /// Whether it is set on the resource itself.
    pub(crate) is_own: bool,
    /// Whether nobody may see the value.
    pub(crate) is_sensitive: bool,
    /// Whether only a restart changes it.
    pub(crate) is_read_only: bool,
}

/// Everything of one kind that may have configs, by name.
///
/// # Errors
/// Those of the cluster.
pub(crate) fn list(cluster: &mut Cluster, kind: Kind) -> Result<Vec<Resource>, ClientError> {
    match kind {
        Kind::Topic => Ok(admin::list(cluster)?.iter().map(|topic| Resource::topic(name_of(topic))).collect()),
        Kind::Broker => {
            cluster.retry(|cluster, deadline| cluster.metadata(Some(&[]), false, deadline).map(drop))?;
            let brokers = cluster.nodes().into_iter().map(|id| Resource::new(kind, &id.to_string()));
            Ok(brokers.chain([Resource { kind, name: None }]).collect())
        }
        Kind::ClientMetrics | Kind::Group => {
            let answer = cluster.retry(|cluster, deadline| {
                // The first version could be asked for nothing but client metrics, and has no field to say so.
                let first = cluster.version::<ListConfigResourcesRequest>(i16::MAX, deadline)? < LIST_OF_TYPES;
                let types = if first && kind == Kind::ClientMetrics { Vec::new() } else { vec![kind.code()] };
                let request = ListConfigResourcesRequest::default().with_resource_types(types);
                let answer = cluster.call(To::Any, &request, i16::MAX, deadline)?;
                ClientError::check(answer.error_code, || format!("configs of every {}", kind.name()))?;
                Ok(answer)
            })?;
            let mut found: Vec<Resource> =
                answer.config_resources.iter().map(|found| Resource::new(kind, &found.resource_name)).collect();
            found.sort();
            Ok(found)
        }
    }
}

/// The configs of each resource, by key.
///
/// # Errors
/// [`ClientError::Refused`].
pub(crate) fn describe(
    cluster: &mut Cluster,
    resources: &[Resource],
) -> Result<BTreeMap<Resource, Vec<Config>>, ClientError> {
    let mut described = BTreeMap::new();
    let (mut brokers, mut others) = (Vec::new(), Vec::new());
    for resource in resources {
        if resource.whom_to_ask() == To::Any { others.push(resource) } else { brokers.push(resource) }
    }
    let questions = brokers.iter().map(std::slice::from_ref).chain(others.chunks(RESOURCES_MAX));
    for question in questions {
        let to = question.first().map_or(To::Any, |resource| resource.whom_to_ask());
        let asked = question.iter().map(|resource| {
            DescribeConfigsResource::default()
                .with_resource_type(resource.kind.code())
                .with_resource_name(text(resource.name.as_deref().unwrap_or_default()))
                .with_configuration_keys(None)
        });
        let request = DescribeConfigsRequest::default().with_resources(asked.collect());
        let answer = cluster.retry(|cluster, deadline| cluster.call(to, &request, i16::MAX, deadline))?;
        for result in answer.results {
            let name = result.resource_name.as_str();
            let resource = question.iter().find(|asked| {
                asked.kind.code() == result.resource_type && asked.name.as_deref().unwrap_or_default() == name
            });
            if let Some(resource) = resource {
                described.insert((*resource).clone(), entries(resource, result)?);
            }
        }
    }
    Ok(described)
}

/// How many resources go into one request; every one has dozens of configs.
const RESOURCES_MAX: usize = 500;

fn entries(resource: &Resource, result: DescribeConfigsResult) -> Result<Vec<Config>, ClientError> {
    let words = result.error_message.as_ref().map(StrBytes::as_str);
    ClientError::check_with(result.error_code, words, || format!("configs of {resource}"))?;
    let mut entries: Vec<Config> = result
        .configs
        .into_iter()
        .map(|config| Config {
            name: config.name.as_str().to_owned(),
            value: config.value.map(|value| value.as_str().to_owned()),
            source: source(config.config_source),
            is_own: config.config_source == own_source(resource),
            is_sensitive: config.is_sensitive,
            is_read_only: config.read_only,
        })
        .collect();
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(entries)
}

/// What a broker calls a value that is set on the resource itself.
const fn own_source(resource: &Resource) -> i8 {
    match (resource.kind, &resource.name) {
        (Kind::Topic, _) => 1,
        (Kind::Broker, Some(_)) => 2,
        (Kind::Broker, None) => 3,
        (Kind::ClientMetrics, _) => 7,
        (Kind::Group, _) => 8,
    }
}

/// Kafka's `ConfigSource` by its number.
const fn source(code: i8) -> &'static str {
    match code {
        1 => "DYNAMIC_TOPIC_CONFIG",
        2 => "DYNAMIC_BROKER_CONFIG",
        3 => "DYNAMIC_DEFAULT_BROKER_CONFIG",
        4 => "STATIC_BROKER_CONFIG",
        5 => "DEFAULT_CONFIG",
        6 => "DYNAMIC_BROKER_LOGGER_CONFIG",
        7 => "DYNAMIC_CLIENT_METRICS_CONFIG",
        8 => "DYNAMIC_GROUP_CONFIG",
        _ => "UNKNOWN",
    }
}

/// Sets the configs of `set` and takes back those of `unset`; all of them or none. `only_check` changes nothing.
///
/// # Errors
/// [`ClientError::Refused`].
pub(crate) fn alter(
    cluster: &mut Cluster,
    resource: &Resource,
    set: &[(String, String)],
    unset: &[String],
    only_check: bool,
) -> Result<(), ClientError> {
    let entry =
        |name: &String, operation| AlterableConfig::default().with_name(text(name)).with_config_operation(operation);
    let mut configs: Vec<AlterableConfig> =
        set.iter().map(|(name, value)| entry(name, OPERATION_SET).with_value(Some(text(value)))).collect();
    configs.extend(unset.iter().map(|name| entry(name, OPERATION_DELETE).with_value(None)));
    let altered = AlterConfigsResource::default()
        .with_resource_type(resource.kind.code())
        .with_resource_name(text(resource.name.as_deref().unwrap_or_default()))
        .with_configs(configs);
    let request =
        IncrementalAlterConfigsRequest::default().with_resources(vec![altered]).with_validate_only(only_check);
    let to = if resource.kind == Kind::Broker { resource.whom_to_ask() } else { To::Controller };
    cluster.retry(|cluster, deadline| {
        let answer = cluster.call(to, &request, i16::MAX, deadline)?;
        answer.responses.iter().try_for_each(|result| {
            let words = result.error_message.as_ref().map(StrBytes::as_str);
            ClientError::check_with(result.error_code, words, || format!("configs of {resource}"))
        })
    })
}
