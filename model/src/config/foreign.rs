//! Keys of Kafka's that are not in our tables: which have no effect here, and which must stop the start because
//! overlooking them would be a false promise.

/// The names of Kafka 4.4's broker keys, as `kafka.server.KafkaConfig` prints them, one a line, sorted.
const KAFKA_BROKER_KEYS: &str = include_str!("kafka_broker_keys.txt");

/// Keys that Kafka reads and does not print.
const KAFKA_INTERNAL_KEYS: &[&str] = &["group.consumer.regex.refresh.interval.ms"];

/// Variables with `KAFKA_` before them that the official image and Kafka's own scripts take for themselves.
const IMAGE_VARIABLES: &[&str] = &[
    "KAFKA_CLASSPATH",
    "KAFKA_DEBUG",
    "KAFKA_GC_LOG_OPTS",
    "KAFKA_HEAP_OPTS",
    "KAFKA_HOME",
    "KAFKA_JMX_HOSTNAME",
    "KAFKA_JMX_OPTS",
    "KAFKA_JMX_PORT",
    "KAFKA_JVM_PERFORMANCE_OPTS",
    "KAFKA_LOG4J_LOGGERS",
    "KAFKA_LOG4J_OPTS",
    "KAFKA_LOG4J_ROOT_LOGLEVEL",
    "KAFKA_OPTS",
    "KAFKA_TOOLS_LOG4J_LOGLEVEL",
    "KAFKA_VERSION",
];

const SECURITY: &str = "Tidelog has no encryption, authentication or authorization yet, and without them the key would \
                        promise a safety that is not there; take it out to run without";
const JAVA_PLUG_IN: &str = "Tidelog cannot load Java classes, so the rule that this one enforces would not hold";
const PROVIDERS: &str = "values are not fetched from providers; write them out, or set them as KAFKA_* variables";

/// Keys, or what keys begin with, that stop the start, and why.
const REFUSED: &[(&str, &str)] = &[
    ("allow.everyone.if.no.acl.found", SECURITY),
    ("alter.config.policy.class.name", JAVA_PLUG_IN),
    ("authorizer.class.name", SECURITY),
    ("client.quota.callback.class", JAVA_PLUG_IN),
    ("config.providers", PROVIDERS),
    ("create.topic.policy.class.name", JAVA_PLUG_IN),
    ("delegation.token.", SECURITY),
    ("listener.name.", SECURITY),
    ("principal.builder.class", SECURITY),
    ("sasl.", SECURITY),
    ("security.inter.broker.protocol", SECURITY),
    ("security.providers", SECURITY),
    ("ssl.", SECURITY),
    ("super.users", SECURITY),
];

/// Why a setting must stop the start; `None` if it need not. An empty value asks for nothing, and neither does PLAINTEXT
/// between brokers.
pub(super) fn refusal(key: &str, value: &str) -> Option<&'static str> {
    if value.trim().is_empty() || (key == "security.inter.broker.protocol" && value.trim() == "PLAINTEXT") {
        return None;
    }
    let is_meant = |pattern: &str| key == pattern || (pattern.ends_with('.') && key.starts_with(pattern));
    REFUSED.iter().find(|(pattern, _)| is_meant(pattern)).map(|(_, why)| *why)
}

/// Why a listener of another security protocol than PLAINTEXT stops the start.
pub(super) const fn security() -> &'static str {
    SECURITY
}

/// Whether a key is one of Kafka's, or would be with another listener's or provider's name.
pub(super) fn is_known(key: &str) -> bool {
    names().chain(KAFKA_INTERNAL_KEYS.iter().copied()).any(|name| name == key)
        || REFUSED.iter().any(|(name, _)| *name == key)
}

/// Whether an environment variable is for Kafka's scripts and not for the broker's configuration.
pub(super) fn is_image_variable(variable: &str) -> bool {
    IMAGE_VARIABLES.contains(&variable)
}

/// The names of Kafka's broker keys.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    KAFKA_BROKER_KEYS.lines()
}

/// Of `candidates`, the one that `word` was most likely meant to be; `None` if it resembles none.
pub(super) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    let distance_max = (word.len() / 3).max(2);
    candidates
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .min()
        .filter(|(distance, _)| *distance <= distance_max)
        .map(|(_, candidate)| candidate.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::key::Key;

    #[test]
    fn the_list_is_kafkas() {
        assert_eq!(names().count(), 353);
        assert!(names().is_sorted());
    }

    #[test]
    fn every_key_of_ours_is_kafkas_or_documented_as_ours() {
        for key in Key::all().filter(|key| !is_known(key.name())) {
            assert!(key.doc().contains("Not a key of Kafka's"), "{}", key.name());
        }
    }

    #[test]
    fn the_nearest_name_is_the_one_that_was_meant() {
        assert_eq!(nearest("log.segments.byte", names()).as_deref(), Some("log.segment.bytes"));
        assert_eq!(nearest("num.partition", names()).as_deref(), Some("num.partitions"));
        assert_eq!(nearest("a.word.from.elsewhere", names()), None);
    }
}
