//! What must hold between the keys of a broker.

use std::collections::BTreeMap;

use super::broker::BrokerConfig;
use super::error::{ConfigError, Place, Warning};
use super::foreign;
use super::group;
use super::listener::Listener;
use super::topic;
use super::value::{ConfigValue, split_list};

/// The assignors of KIP-848 groups that there are.
const ASSIGNORS: [&str; 2] = ["uniform", "range"];
/// The protocols of groups that Kafka knows.
const PROTOCOLS: [&str; 4] = ["classic", "consumer", "share", "streams"];

type Places = BTreeMap<&'static str, Place>;

/// Holds the values against each other. `places` says where each was set.
///
/// # Errors
/// [`ConfigError`], for the first value that does not go with the others.
pub(super) fn check(config: &BrokerConfig, places: &Places, warnings: &mut Vec<Warning>) -> Result<(), ConfigError> {
    let place = |key: &str| places.get(key).cloned().unwrap_or(Place::Default);
    let refuse = |key: &str, value: String, expected: &str| {
        Err(ConfigError::Invalid { place: place(key), key: key.to_owned(), value, expected: expected.to_owned() })
    };
    let roles = &config.process_roles;
    if !roles.iter().any(|role| role == "broker") || roles.iter().any(|role| role != "broker" && role != "controller") {
        return refuse("process.roles", roles.join(","), "broker, or broker,controller");
    }
    if let Some(dirs) = config.log_dirs.as_ref().filter(|dirs| dirs.len() > 1) {
        return refuse("log.dirs", dirs.join(","), "one directory: Tidelog keeps its log in one");
    }
    if config.broker_id >= 0 && config.broker_id != config.node_id {
        return refuse("broker.id", config.broker_id.to_string(), "the same number as node.id, or nothing");
    }
    let (queued, request) = (config.queued_max_request_bytes, i64::from(config.socket_request_max_bytes));
    if queued >= 0 && queued < request {
        let expected = format!("at least socket.request.max.bytes, which is {request}, or -1");
        return refuse("queued.max.request.bytes", queued.to_string(), &expected);
    }
    if let Err(conflict) = topic::check_lags(&config.topic_defaults) {
        return refuse("log.cleaner.min.compaction.lag.ms", conflict.min_ms.to_string(), &conflict.expected());
    }
    if let Err(group::Conflict { key, value, expected }) = group::check_broker(config) {
        return refuse(key, value.to_string(), &expected);
    }
    let assignors = &config.group_consumer_assignors;
    if assignors.iter().any(|name| !ASSIGNORS.contains(&name.as_str())) {
        return refuse("group.consumer.assignors", assignors.join(","), "out of uniform and range");
    }
    let protocols = &config.group_coordinator_rebalance_protocols;
    let known = |name: &String| PROTOCOLS.contains(&name.as_str());
    if !protocols.iter().all(known) || !protocols.iter().any(|name| name == "classic") {
        let expected = "classic, and out of consumer, share and streams";
        return refuse("group.coordinator.rebalance.protocols", protocols.join(","), expected);
    }
    check_listeners(config, &place, warnings)
}

fn check_listeners(
    config: &BrokerConfig,
    place: &dyn Fn(&str) -> Place,
    warnings: &mut Vec<Warning>,
) -> Result<(), ConfigError> {
    let invalid = |key: &str, listeners: &Vec<Listener>, expected: String| {
        let value = listeners.print().unwrap_or_default();
        Err(ConfigError::Invalid { place: place(key), key: key.to_owned(), value, expected })
    };
    for listener in &config.listeners {
        if is_for_controllers(config, listener) {
            warnings.push(Warning::ControllerListener { place: place("listeners"), name: listener.name.clone() });
            continue;
        }
        match security_protocol(config, &listener.name) {
            Some(protocol) if protocol.eq_ignore_ascii_case("PLAINTEXT") => {}
            Some(_) => {
                let (place, key) = (place("listeners"), format!("listeners={listener}"));
                return Err(ConfigError::Refused { place, key, why: foreign::security() });
            }
            None => {
                let name = &listener.name;
                let expected =
                    format!("{name}:PLAINTEXT in listener.security.protocol.map, or a listener named PLAINTEXT");
                return invalid("listeners", &config.listeners, expected);
            }
        }
    }
    if config.listeners.iter().all(|listener| is_for_controllers(config, listener)) {
        return invalid("listeners", &config.listeners, "a listener that is not for controllers".to_owned());
    }
    let Some(advertised) = &config.advertised_listeners else {
        return Ok(());
    };
    for address in advertised {
        if matches!(address.host.as_str(), "" | "0.0.0.0" | "::") {
            return invalid("advertised.listeners", advertised, "an address that a client can connect to".to_owned());
        }
        if !config.listeners.iter().any(|listener| listener.name == address.name) {
            let expected = format!("names of listeners; {} is none", address.name);
            return invalid("advertised.listeners", advertised, expected);
        }
    }
    Ok(())
}

/// What follows from the values, in a configuration that was checked: only listeners for clients are left.
pub(super) fn finish(mut config: BrokerConfig) -> BrokerConfig {
    let controllers: Vec<_> = config.controller_listener_names.iter().map(|name| name.to_ascii_uppercase()).collect();
    config.listeners.retain(|listener| !controllers.contains(&listener.name));
    if let Some(advertised) = &mut config.advertised_listeners {
        advertised.retain(|listener| !controllers.contains(&listener.name));
    }
    config
}

fn is_for_controllers(config: &BrokerConfig, listener: &Listener) -> bool {
    config.controller_listener_names.iter().any(|name| name.eq_ignore_ascii_case(&listener.name))
}

/// What the name of a listener stands for; `None` if nothing says it.
fn security_protocol<'a>(config: &'a BrokerConfig, name: &str) -> Option<&'a str> {
    let pairs = split_list(&config.listener_security_protocol_map).filter_map(|pair| pair.split_once(':'));
    pairs
        .map(|(mapped, protocol)| (mapped.trim(), protocol.trim()))
        .find(|(mapped, _)| mapped.eq_ignore_ascii_case(name))
        .map(|(_, protocol)| protocol)
}
