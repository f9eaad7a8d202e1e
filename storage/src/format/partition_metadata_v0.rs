//! `partition.metadata`, Kafka's own: which life of the topic a directory belongs to (KIP-516).
//! `docs/format/partition_metadata.md` describes it.

use model::TopicId;

/// The name of the file.
pub const FILE_NAME: &str = "partition.metadata";
/// More than any such file has: two short lines.
pub const SIZE_MAX: u64 = 1024;

/// The file for a topic's id.
#[must_use]
pub fn encode(topic_id: TopicId) -> String {
    format!("version: 0\ntopic_id: {topic_id}")
}

/// The id in the file; `None` if it is not such a file, or the id is one that no topic has.
#[must_use]
pub fn decode(bytes: &[u8]) -> Option<TopicId> {
    let mut lines = std::str::from_utf8(bytes).ok()?.lines();
    if lines.next()? != "version: 0" {
        return None;
    }
    let topic_id = TopicId::parse(lines.next()?.strip_prefix("topic_id: ")?)?;
    (!topic_id.is_zero() && lines.all(str::is_empty)).then_some(topic_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_back_and_anything_else_is_refused() {
        let id = TopicId::from_bytes(*b"0123456789abcdef");
        assert_eq!(decode(encode(id).as_bytes()), Some(id));
        assert_eq!(decode(format!("{}\n", encode(id)).as_bytes()), Some(id), "with a last line end");
        for bad in ["", "version: 0\n", "version: 1\ntopic_id: MDEyMzQ1Njc4OWFiY2RlZg", "version: 0\ntopic_id: short"] {
            assert_eq!(decode(bad.as_bytes()), None, "{bad:?}");
        }
        assert_eq!(decode(encode(TopicId::ZERO).as_bytes()), None);
    }
}
