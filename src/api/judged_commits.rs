//! What the two requests that commit offsets have in common: topics and partitions that do not exist are answered here, the
//! others by the group.

use coordinator::group::event::{CommitPartition, CommitTopic, OffsetCommitReply};
use model::{ErrorCode, TopicId};

use crate::metadata::Image;

/// How a request names a topic.
#[derive(Clone, Copy, Debug)]
pub(super) enum Named<'a> {
    Name(&'a str),
    Id(TopicId),
}

/// The code of each partition as far as it is known here, and what of the topic the group is asked for.
pub(super) fn judge(
    image: &Image,
    named: Named<'_>,
    partitions: impl Iterator<Item = CommitPartition>,
) -> (Vec<ErrorCode>, Option<CommitTopic>) {
    let (known, unknown) = match named {
        Named::Name(name) => (image.topic(name), ErrorCode::UnknownTopicOrPartition),
        Named::Id(id) => (image.topic_by_id(id), ErrorCode::UnknownTopicId),
    };
    let Some(known) = known else { return (partitions.map(|_| unknown).collect(), None) };
    let (mut codes, mut wanted) = (Vec::new(), Vec::new());
    for partition in partitions {
        if known.has_partition(partition.index) {
            codes.push(ErrorCode::None);
            wanted.push(partition);
        } else {
            codes.push(ErrorCode::UnknownTopicOrPartition);
        }
    }
    // Also where the client has only named it: an offset is of the topic that has the name now.
    let topic = CommitTopic { name: known.name.as_str().to_owned(), id: known.id, partitions: wanted };
    (codes, Some(topic).filter(|topic| !topic.partitions.is_empty()))
}

/// Puts the group's codes where the group was asked: where there is none yet.
pub(super) fn fill_in<'a>(codes: impl Iterator<Item = &'a mut i16>, reply: OffsetCommitReply) {
    let (of_all, of_each) = match reply {
        OffsetCommitReply::Refused(code) => (code, Vec::new()),
        OffsetCommitReply::Each(codes) => (ErrorCode::UnknownServerError, codes),
    };
    let mut answered = of_each.into_iter().flatten();
    for code in codes.filter(|code| **code == ErrorCode::None.code()) {
        *code = answered.next().unwrap_or(of_all).code();
    }
}
