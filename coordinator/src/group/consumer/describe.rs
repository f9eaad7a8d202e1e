//! `ConsumerGroupDescribe`, one group of it.

use model::{ErrorCode, TopicId};

use super::group::ConsumerGroup;
use super::member::Member;
use super::refusal::Refusal;
use crate::group::event::{DescribeConsumerGroup, DescribedConsumerGroup, DescribedConsumerGroupMember, GroupReply};
use crate::group::{Context, GroupOutcome, GroupShard, Topics};
use crate::shard::ReplyTo;

/// What a described member's type says of its protocol.
const CLASSIC_MEMBER: i8 = 0;
const CONSUMER_MEMBER: i8 = 1;

impl GroupShard {
    /// `ConsumerGroupDescribe`.
    pub(in crate::group) fn describe_consumer_group(
        &self,
        context: &Context<'_>,
        request: &DescribeConsumerGroup,
        reply_to: ReplyTo,
        out: &mut GroupOutcome,
    ) {
        let group = self.refuse_damaged(&request.group_id).map_err(Refusal::from);
        let described = match group.and_then(|()| self.known_consumer(&request.group_id)) {
            Ok(group) => group.describe(context),
            Err(refusal) => DescribedConsumerGroup {
                error: refusal.error,
                error_message: Some(refusal.message),
                ..DescribedConsumerGroup::default()
            },
        };
        out.replies.push((reply_to, GroupReply::DescribeConsumerGroup(described)));
    }
}

impl ConsumerGroup {
    fn describe(&self, context: &Context<'_>) -> DescribedConsumerGroup {
        DescribedConsumerGroup {
            error: ErrorCode::None,
            error_message: None,
            state: self.state_name().to_owned(),
            group_epoch: self.epoch,
            assignment_epoch: self.target_epoch,
            assignor_name: self.preferred_assignor(&context.settings.consumer_assignors).to_owned(),
            members: self
                .members()
                .iter()
                .map(|(id, member)| self.describe_member(context.topics, id, member))
                .collect(),
        }
    }

    fn describe_member(&self, topics: &dyn Topics, member_id: &str, member: &Member) -> DescribedConsumerGroupMember {
        let mut owned = member.current.assigned.clone();
        for (topic, partitions) in &member.current.revoking {
            owned.entry(*topic).or_default().extend(partitions);
        }
        let owned = owned.iter().map(|(topic, partitions)| (*topic, partitions.keys().copied().collect()));
        let target = self.target().get(member_id).into_iter().flatten();
        let target = target.map(|(topic, partitions)| (*topic, partitions.iter().copied().collect()));
        DescribedConsumerGroupMember {
            member_id: member_id.to_owned(),
            instance_id: member.about.instance_id.clone(),
            rack_id: member.about.rack_id.clone(),
            member_epoch: member.current.epoch,
            client: member.about.client.clone(),
            subscribed_topic_names: member.about.topics.clone(),
            subscribed_topic_regex: Some(member.about.pattern.clone()),
            assignment: named(topics, owned),
            target_assignment: named(topics, target),
            member_type: if member.is_classic() { CLASSIC_MEMBER } else { CONSUMER_MEMBER },
        }
    }
}

/// Partitions with the names of their topics; topics that are gone are left out.
fn named(
    topics: &dyn Topics,
    partitions: impl Iterator<Item = (TopicId, Vec<i32>)>,
) -> Vec<(TopicId, String, Vec<i32>)> {
    partitions.filter_map(|(id, list)| topics.by_id(id).map(|(name, _)| (id, name.to_owned(), list))).collect()
}
