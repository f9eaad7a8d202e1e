//! Which partitions a command about offsets means: `TOPIC` or `TOPIC:0,1,2`.

use std::collections::BTreeSet;

use crate::cli::client::offsets::TopicPartition;
use crate::cli::client::{Cluster, admin};
use crate::cli::error::CliError;

/// A topic, or some of its partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TopicScope {
    topic: String,
    /// `None` is all that it has.
    partitions: Option<BTreeSet<i32>>,
}

impl TopicScope {
    /// Reads the text of an argument. No topic's name contains a colon.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is not TOPIC or TOPIC:0,1,2");
        let (topic, partitions) = match text.split_once(':') {
            Some((topic, partitions)) => {
                let number = |part: &str| part.trim().parse().ok().filter(|number: &i32| *number >= 0);
                let numbers: Option<BTreeSet<i32>> = partitions.split(',').map(number).collect();
                (topic, Some(numbers.ok_or_else(wrong)?))
            }
            None => (text, None),
        };
        if topic.is_empty() {
            return Err(wrong());
        }
        Ok(Self { topic: topic.to_owned(), partitions })
    }
}

/// All partitions of some scopes.
///
/// # Errors
/// Those of the cluster; a topic or a partition that does not exist.
pub(super) fn resolve(cluster: &mut Cluster, scopes: &[TopicScope]) -> Result<BTreeSet<TopicPartition>, CliError> {
    let mut resolved = BTreeSet::new();
    for TopicScope { topic, partitions } in scopes {
        let found = admin::describe(cluster, topic)?;
        let all: BTreeSet<i32> = found.partitions.iter().map(|partition| partition.partition_index).collect();
        let wanted = partitions.as_ref().unwrap_or(&all);
        if let Some(missing) = wanted.difference(&all).next() {
            return Err(CliError::Failed(format!("topic {topic} has no partition {missing}")));
        }
        resolved.extend(wanted.iter().map(|partition| TopicPartition::new(topic, *partition)));
    }
    Ok(resolved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_topics_with_or_without_partitions() {
        assert_eq!(TopicScope::parse("t"), Ok(TopicScope { topic: "t".to_owned(), partitions: None }));
        let some = TopicScope { topic: "t".to_owned(), partitions: Some(BTreeSet::from([0, 2])) };
        assert_eq!(TopicScope::parse("t:2,0"), Ok(some));
        for wrong in ["", ":0", "t:", "t:x", "t:-1", "t:0,"] {
            assert!(TopicScope::parse(wrong).is_err(), "{wrong}");
        }
    }
}
