//! How the config APIs name resources: a type and a text (KIP-133).

use model::{ErrorCode, TopicName};

use crate::broker::Broker;
use crate::metadata::{ConfigChange, ConfigResource, Refused};

/// The resource type of topics.
const TOPIC: i8 = 2;
/// The resource type of brokers.
const BROKER: i8 = 4;

/// Reads a resource.
///
/// # Errors
/// [`Refused`] for a type without configs here, or a broker that is no number.
pub(super) fn parse(resource_type: i8, name: &str) -> Result<ConfigResource, Refused> {
    match (resource_type, name) {
        (TOPIC, name) => Ok(ConfigResource::Topic(name.to_owned())),
        (BROKER, "") => Ok(ConfigResource::Broker(None)),
        (BROKER, name) => name.parse().map(|id| ConfigResource::Broker(Some(id))).map_err(|_| {
            let message = format!("broker {name:?}: a broker is named by its number, all of them by an empty name");
            Refused::new(ErrorCode::InvalidRequest, message)
        }),
        (other, _) => {
            let message = format!("resource type {other} has no configs here; topics are {TOPIC}, brokers {BROKER}");
            Err(Refused::new(ErrorCode::InvalidRequest, message))
        }
    }
}

/// Reads a resource that is to be changed.
///
/// # Errors
/// As [`parse`], and [`Refused`] for a topic whose name no topic can have.
pub(super) fn parse_for_change(resource_type: i8, name: &str) -> Result<ConfigResource, Refused> {
    match (resource_type, TopicName::parse(name)) {
        (TOPIC, Err(_)) if name.is_empty() => Err(Refused::new(ErrorCode::InvalidRequest, "the topic has no name")),
        (TOPIC, Err(error)) => Err(Refused::new(ErrorCode::InvalidTopicException, format!("{name:?}: {error}"))),
        _ => parse(resource_type, name),
    }
}

/// The changes of one request: each resource on its own merits, one that is there twice refused both times.
#[derive(Debug, Default)]
pub(super) struct AlterAll {
    resources: Vec<(i8, String, Result<ConfigChange, Refused>)>,
}

impl AlterAll {
    /// Adds a resource.
    pub(super) fn add(&mut self, resource_type: i8, name: &str, change: Result<ConfigChange, Refused>) {
        let twice = || Refused::new(ErrorCode::InvalidRequest, "the resource is there twice");
        let mut change = change;
        for (_, _, earlier) in self.resources.iter_mut().filter(|known| known.0 == resource_type && known.1 == name) {
            *earlier = Err(twice());
            change = Err(twice());
        }
        self.resources.push((resource_type, name.to_owned(), change));
    }

    /// Makes the changes; the results are in the order of the resources.
    pub(super) async fn run(self, broker: &Broker, validate_only: bool) -> Vec<(i8, String, Result<(), Refused>)> {
        let good = self.resources.iter().filter_map(|(_, _, change)| change.as_ref().ok().cloned()).collect();
        let mut results = broker.metadata.change_configs(good, validate_only).await.into_iter();
        let missing = || Err(Refused::new(ErrorCode::UnknownServerError, "the change has no result"));
        let result = |(kind, name, change): (i8, String, Result<ConfigChange, Refused>)| {
            (kind, name, change.and_then(|_| results.next().unwrap_or_else(missing)))
        };
        self.resources.into_iter().map(result).collect()
    }
}

/// A result as answers carry it.
pub(super) fn outcome(result: Result<(), Refused>) -> (ErrorCode, Option<String>) {
    match result {
        Ok(()) => (ErrorCode::None, None),
        Err(refused) => (refused.code, Some(refused.message)),
    }
}
