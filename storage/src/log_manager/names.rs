//! The names of directories in a data directory.

use model::{PartitionIndex, TopicId, TopicName, TopicPartition};

/// The most bytes of a file name on the file systems that we know.
const NAME_BYTES_MAX: usize = 255;

/// Why a directory stands aside, as the end of its name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aside {
    /// It is being made, and takes its own name when everything in it is durable.
    Create,
    /// Its topic was deleted; its files are removed later. Kafka's suffix.
    Delete,
}

impl Aside {
    const fn suffix(self) -> &'static str {
        match self {
            Self::Create => "-create",
            Self::Delete => "-delete",
        }
    }
}

/// The name of a partition's directory while it stands aside: `<topic>-<partition>.<topic id in hex><suffix>`, where the
/// topic is cut short if the whole would be too long.
pub(super) fn aside_name(partition: &TopicPartition, topic_id: TopicId, aside: Aside) -> String {
    let id = format!("{:032x}", u128::from_be_bytes(topic_id.to_bytes()));
    let end = format!("-{}.{id}{}", partition.partition, aside.suffix());
    let topic = partition.topic.as_str();
    // Topic names are ASCII, so any place may be cut.
    let topic = topic.get(..NAME_BYTES_MAX.saturating_sub(end.len())).unwrap_or(topic);
    format!("{topic}{end}")
}

/// Whether a name is one of [`aside_name`].
pub(super) fn is_aside(name: &str) -> bool {
    [Aside::Create, Aside::Delete].into_iter().any(|aside| {
        let id = name.strip_suffix(aside.suffix()).and_then(|rest| rest.rsplit_once('.')).map(|(_, id)| id);
        id.is_some_and(|id| id.len() == 32 && id.bytes().all(|digit| digit.is_ascii_hexdigit()))
    })
}

/// The partition whose directory has this name.
pub(super) fn parse_partition(name: &str) -> Option<TopicPartition> {
    let (topic, partition) = name.rsplit_once('-')?;
    let index = PartitionIndex::new(partition.parse().ok()?)?;
    // Only the one way that we write a number: neither `+1` nor `01`.
    let partition = Some(index).filter(|index| index.to_string() == partition)?;
    Some(TopicPartition { topic: TopicName::parse(topic).ok()?, partition })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_others_are_nobodys() {
        let partition = parse_partition("a-b.c-12").unwrap();
        assert_eq!((partition.topic.as_str(), partition.partition.get()), ("a-b.c", 12));
        for other in ["a", "a-", "a-01", "a-+1", "-1", "a/b-1", "lost+found", "a-99999999999"] {
            assert_eq!(parse_partition(other), None, "{other}");
        }
    }

    #[test]
    fn names_aside_fit_a_file_name_and_differ_by_id() {
        let partition =
            TopicPartition { topic: TopicName::parse(&"x".repeat(249)).unwrap(), partition: PartitionIndex::default() };
        let names = [1, 2].map(|id| aside_name(&partition, TopicId::from_bytes([id; 16]), Aside::Delete));
        assert_ne!(names[0], names[1]);
        assert!(names.iter().all(|name| name.len() == 255 && is_aside(name) && parse_partition(name).is_none()));
        assert!(!is_aside("topic-0") && !is_aside("my.topic-delete") && !is_aside("a.b-create"));
    }
}
