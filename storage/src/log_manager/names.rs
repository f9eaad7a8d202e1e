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

/// Why a directory of this name stands aside, and the topic id in it; `None` for one that is not named by [`aside_name`].
pub(super) fn parse_aside(name: &str) -> Option<(Aside, TopicId)> {
    [Aside::Create, Aside::Delete].into_iter().find_map(|aside| {
        let (_, id) = name.strip_suffix(aside.suffix())?.rsplit_once('.')?;
        let is_id = id.len() == 32 && id.bytes().all(|digit| digit.is_ascii_hexdigit());
        let id = u128::from_str_radix(id, 16).ok().filter(|_| is_id)?;
        Some((aside, TopicId::from_bytes(id.to_be_bytes())))
    })
}

/// Whether a directory of this name is that of a log in the making.
pub(crate) fn stands_prepared(name: &str) -> bool {
    parse_aside(name).is_some_and(|(why, _)| why == Aside::Create)
}

/// The partition whose directory has this name.
pub(crate) fn parse_partition(name: &str) -> Option<TopicPartition> {
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
        assert!(names.iter().all(|name| name.len() == 255 && parse_partition(name).is_none()));
        assert_eq!(parse_aside(&names[1]), Some((Aside::Delete, TopicId::from_bytes([2; 16]))));
        assert!(["topic-0", "my.topic-delete", "a.b-create"].iter().all(|name| parse_aside(name).is_none()));
    }
}
