//! Why a request was refused, and what a heartbeat must say.

use model::ErrorCode;

use super::member::{AWAY, Current, LEFT};
use crate::group::GroupSettings;
use crate::group::event::{ConsumerGroupHeartbeat, ConsumerGroupHeartbeatReply, TopicPartitions};

/// The longest id or pattern: what the key of a record has room for.
const TEXT_BYTES_MAX: usize = 32_767;

/// A refused request.
#[derive(Debug)]
pub(super) struct Refusal {
    /// Kafka's code.
    pub(super) error: ErrorCode,
    /// What was wrong.
    pub(super) message: String,
}

impl Refusal {
    /// A request refused with this code, for this reason.
    pub(super) fn new(error: ErrorCode, message: impl Into<String>) -> Self {
        Self { error, message: message.into() }
    }

    /// No such group.
    pub(super) fn no_group(group_id: &str) -> Self {
        Self::new(ErrorCode::GroupIdNotFound, format!("There is no consumer group {group_id}."))
    }

    /// A group of another kind.
    pub(super) fn other_kind(group_id: &str) -> Self {
        Self::new(ErrorCode::GroupIdNotFound, format!("The group {group_id} is not a consumer group."))
    }

    /// No such member.
    pub(super) fn no_member(member_id: &str) -> Self {
        Self::new(ErrorCode::UnknownMemberId, format!("The group has no member {member_id}."))
    }

    /// No such static member.
    pub(super) fn no_instance(instance_id: &str) -> Self {
        Self::new(ErrorCode::UnknownMemberId, format!("The group has no member with the instance id {instance_id}."))
    }

    /// The instance id is another member's by now.
    pub(super) fn fenced_instance(instance_id: &str, owner: &str) -> Self {
        let message = format!("The instance id {instance_id} was taken over by the member {owner}.");
        Self::new(ErrorCode::FencedInstanceId, message)
    }

    /// Too many members.
    pub(super) fn full(max: i32) -> Self {
        Self::new(ErrorCode::GroupMaxSizeReached, format!("The group has {max} members already, which is its limit."))
    }

    /// Too much to remember.
    pub(super) fn too_large() -> Self {
        Self::new(ErrorCode::GroupMaxSizeReached, "The group's members say more than the coordinator keeps.")
    }

    /// The answer to a heartbeat.
    pub(super) fn into_heartbeat_reply(self) -> ConsumerGroupHeartbeatReply {
        ConsumerGroupHeartbeatReply {
            error: self.error,
            error_message: Some(self.message),
            ..ConsumerGroupHeartbeatReply::default()
        }
    }
}

impl From<ErrorCode> for Refusal {
    fn from(error: ErrorCode) -> Self {
        Self::new(error, "The group's records could not be written.")
    }
}

/// Whether a heartbeat says what its kind must say, whatever the group is.
pub(super) fn check_heartbeat(settings: &GroupSettings, request: &ConsumerGroupHeartbeat) -> Result<(), Refusal> {
    let invalid = |message: &str| Err(Refusal::new(ErrorCode::InvalidRequest, message));
    let is_blank = |text: &str| text.trim().is_empty();
    let epoch = request.member_epoch;
    // From version 1 on clients make their own ids; before, the coordinator makes one for a first heartbeat without.
    if (request.version >= 1 || epoch > 0 || epoch == LEFT) && is_blank(&request.member_id) {
        return invalid("MemberId can't be empty.");
    }
    if is_blank(&request.group_id) {
        return invalid("GroupId can't be empty.");
    }
    if request.instance_id.as_deref().is_some_and(is_blank) {
        return invalid("InstanceId can't be empty.");
    }
    if request.rack_id.as_deref().is_some_and(is_blank) {
        return invalid("RackId can't be empty.");
    }
    match epoch {
        0 if request.rebalance_timeout_ms == -1 => return invalid("A first heartbeat must have a RebalanceTimeoutMs."),
        0 if request.topic_partitions.as_ref().is_none_or(|topics| !topics.is_empty()) => {
            return invalid("A first heartbeat must have TopicPartitions, and they must be empty.");
        }
        0 if request.subscribed_topic_names.is_none() && request.subscribed_topic_regex.is_none() => {
            return invalid("A first heartbeat must have SubscribedTopicNames or a SubscribedTopicRegex.");
        }
        AWAY if request.instance_id.is_none() => return invalid("InstanceId can't be null."),
        i32::MIN..AWAY => return invalid("MemberEpoch is invalid."),
        _ => {}
    }
    if let Some(assignor) = &request.server_assignor
        && !settings.consumer_assignors.contains(assignor)
    {
        let known = settings.consumer_assignors.join(", ");
        let message = format!("The ServerAssignor {assignor} is not supported. Supported are: {known}.");
        return Err(Refusal::new(ErrorCode::UnsupportedAssignor, message));
    }
    check_lengths(settings, request)
}

/// Texts that a record has no room for.
fn check_lengths(settings: &GroupSettings, request: &ConsumerGroupHeartbeat) -> Result<(), Refusal> {
    let texts = [&request.instance_id, &request.rack_id, &request.subscribed_topic_regex].into_iter().flatten();
    if request.group_id.len() > TEXT_BYTES_MAX
        || request.member_id.len() > TEXT_BYTES_MAX
        || texts.into_iter().any(|text| text.len() > TEXT_BYTES_MAX)
        || said_bytes(request) > settings.record_bytes_max / 2
    {
        return Err(Refusal::new(ErrorCode::InvalidRequest, "The request has a text or a list that is too long."));
    }
    Ok(())
}

/// Bytes of what a heartbeat says of its member, about.
pub(super) fn said_bytes(request: &ConsumerGroupHeartbeat) -> usize {
    let names = request.subscribed_topic_names.iter().flatten().map(String::len);
    let pattern = request.subscribed_topic_regex.as_ref().map_or(0, String::len);
    names.chain([pattern, request.client.id.len(), request.client.host.len()]).fold(0, usize::saturating_add)
}

/// Whether a member may have the epoch that it says: the one that we know, or the one before if the reply with the new one
/// was lost, which it was if the member owns nothing that it was not given.
pub(super) fn check_epoch(current: &Current, epoch: i32, owned: Option<&[TopicPartitions]>) -> Result<(), Refusal> {
    if epoch == 0 || epoch == current.epoch {
        return Ok(());
    }
    let known = current.epoch;
    let fenced = |side| {
        let message = format!(
            "The member's epoch {epoch} is {side} {known}, which the coordinator knows: it must give up its partitions \
             and join again."
        );
        Err(Refusal::new(ErrorCode::FencedMemberEpoch, message))
    };
    if epoch > known {
        return fenced("greater than");
    }
    let was_given = |topic: &TopicPartitions| {
        (current.assigned.get(&topic.topic_id))
            .is_some_and(|assigned| topic.partitions.iter().all(|partition| assigned.contains_key(partition)))
    };
    if epoch == current.previous_epoch && owned.is_some_and(|owned| owned.iter().all(was_given)) {
        Ok(())
    } else {
        fenced("smaller than")
    }
}
