//! How the config APIs name resources: a type and a text (KIP-133).

use std::collections::HashMap;
use std::sync::Arc;

use model::{ErrorCode, TopicName};

use super::Reply;
use crate::broker::Broker;
use crate::metadata::{ConfigChange, ConfigEdit, ConfigResource, Refused};

/// The resource type of topics.
pub(super) const TOPIC: i8 = 2;
/// The resource type of brokers.
pub(super) const BROKER: i8 = 4;
/// The resource type of subscriptions to clients' metrics (KIP-714).
pub(super) const CLIENT_METRICS: i8 = 16;
/// The resource type of groups (KIP-848).
pub(super) const GROUP: i8 = 32;

/// Reads a resource.
///
/// # Errors
/// [`Refused`] for a type without configs here, a broker that is no number, or no name where one is needed.
pub(super) fn parse(resource_type: i8, name: &str) -> Result<ConfigResource, Refused> {
    match (resource_type, name) {
        (TOPIC, name) => Ok(ConfigResource::Topic(name.to_owned())),
        (BROKER, "") => Ok(ConfigResource::Broker(None)),
        (BROKER, name) => name.parse().map(|id| ConfigResource::Broker(Some(id))).map_err(|_| {
            let message = format!("broker {name:?}: a broker is named by its number, all of them by an empty name");
            Refused::new(ErrorCode::InvalidRequest, message)
        }),
        (GROUP, "") => {
            Err(Refused::new(ErrorCode::InvalidRequest, "the group has no name: there are no defaults of all"))
        }
        (GROUP, name) => Ok(ConfigResource::Group(name.to_owned())),
        (CLIENT_METRICS, "") => Err(Refused::new(ErrorCode::InvalidRequest, "the subscription has no name")),
        (CLIENT_METRICS, name) => Ok(ConfigResource::ClientMetrics(name.to_owned())),
        (other, _) => {
            let message = format!(
                "resource type {other} has no configs here; topics are {TOPIC}, brokers {BROKER}, client metrics \
                 {CLIENT_METRICS}, groups {GROUP}"
            );
            Err(Refused::new(ErrorCode::InvalidRequest, message))
        }
    }
}

/// Reads a resource that is to be changed.
///
/// # Errors
/// As [`parse`], and [`Refused`] for a topic whose name no topic can have.
fn parse_for_change(resource_type: i8, name: &str) -> Result<ConfigResource, Refused> {
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
    /// Where each resource stands in the list.
    places: HashMap<(i8, String), usize>,
}

impl AlterAll {
    /// Adds a resource, and how its configs are to change.
    pub(super) fn add(&mut self, resource_type: i8, name: &str, edit: Result<ConfigEdit, Refused>) {
        let twice = || Refused::new(ErrorCode::InvalidRequest, "the resource is there twice");
        let resource = parse_for_change(resource_type, name);
        let mut change = resource.and_then(|resource| Ok(ConfigChange { resource, edit: edit? }));
        let earlier = self.places.insert((resource_type, name.to_owned()), self.resources.len());
        if let Some((_, _, earlier)) = earlier.and_then(|place| self.resources.get_mut(place)) {
            *earlier = Err(twice());
            change = Err(twice());
        }
        self.resources.push((resource_type, name.to_owned(), change));
    }

    /// Makes the changes; `answer` makes a part of the response out of each result, in the order of the resources. An answer
    /// leaves before anything else of its connection is handled, so that the next request sees the change.
    pub(super) fn run<T, R: 'static>(
        self,
        broker: &Arc<Broker>,
        validate_only: bool,
        answer: fn(Altered) -> T,
        respond: fn(Vec<T>) -> R,
    ) -> Reply<R>
    where
        T: 'static,
    {
        let broker = Arc::clone(broker);
        Reply::exclusive(async move {
            let good = self.resources.iter().filter_map(|(_, _, change)| change.as_ref().ok().cloned()).collect();
            let mut results = broker.metadata.change_configs(good, validate_only).await.into_iter();
            let missing = || Err(Refused::new(ErrorCode::UnknownServerError, "the change has no result"));
            let altered = |(resource_type, resource_name, change): (i8, String, Result<ConfigChange, Refused>)| {
                let result = change.and_then(|_| results.next().unwrap_or_else(missing));
                let (error_code, error_message) = match result {
                    Ok(()) => (ErrorCode::None.code(), None),
                    Err(refused) => (refused.code.code(), Some(refused.message)),
                };
                answer(Altered { error_code, error_message, resource_type, resource_name })
            };
            respond(self.resources.into_iter().map(altered).collect())
        })
    }
}

/// What became of one resource, as answers carry it.
#[derive(Debug)]
pub(super) struct Altered {
    pub(super) error_code: i16,
    pub(super) error_message: Option<String>,
    pub(super) resource_type: i8,
    pub(super) resource_name: String,
}
