//! Joining members: whether the group can take them in, whose place they take, and what their group was before.

use model::ErrorCode;

use super::heartbeat::Seat;
use super::member::{AWAY, Current, Member};
use super::refusal::Refusal;
use super::{migration, patterns, records};
use crate::group::event::ConsumerGroupHeartbeat;
use crate::group::{Context, Group, GroupOutcome, GroupShard};

/// What becomes of whatever has the group's name when a member joins.
pub(super) enum Host {
    /// There is nothing, or a group of this kind.
    Ready,
    /// An empty classic group gives way.
    Replaced,
    /// A classic group with members becomes one of this kind.
    Upgraded(migration::Upgrade),
}

impl GroupShard {
    /// Whether the group can take the member in, as far as its size and its kind go.
    pub(super) fn host(&self, context: &Context<'_>, request: &ConsumerGroupHeartbeat) -> Result<Host, Refusal> {
        let max = context.settings.consumer_max_size;
        let (members, known, host) = match self.groups.get(&request.group_id) {
            None => {
                if self.groups.len() >= context.settings.groups_max {
                    let message = "The coordinator has as many groups as it may have.";
                    return Err(Refusal::new(ErrorCode::GroupMaxSizeReached, message));
                }
                (0, false, Host::Ready)
            }
            Some(Group::Classic(group)) if group.is_empty() => (0, false, Host::Replaced),
            Some(Group::Classic(group)) => {
                let known = group.has_member(&request.member_id, request.instance_id.as_deref());
                let upgrade = migration::Upgrade::of(context, &request.group_id, group)?;
                (group.size(), known, Host::Upgraded(upgrade))
            }
            Some(Group::Consumer(group)) => {
                let instance = request.instance_id.as_deref().and_then(|instance| group.member_of_instance(instance));
                let known = instance.is_some() || group.member(&request.member_id).is_some();
                (group.members().len(), known, Host::Ready)
            }
        };
        if members >= usize::try_from(max).unwrap_or(0) && !known { Err(Refusal::full(max)) } else { Ok(host) }
    }

    /// The static member whose place the joining one takes, if there is one.
    pub(super) fn replaced_by(&self, request: &ConsumerGroupHeartbeat) -> Result<Option<String>, Refusal> {
        let Some(instance) = request.instance_id.as_deref() else { return Ok(None) };
        let group = match self.groups.get(&request.group_id) {
            Some(Group::Consumer(group)) => group,
            // It will be a member of the group that this one becomes.
            Some(Group::Classic(group)) => return Ok(group.member_of_instance(instance).map(str::to_owned)),
            None => return Ok(None),
        };
        let Some(owner) = group.member_of_instance(instance) else { return Ok(None) };
        // If both speak this protocol, the place is free only once the one before has said that it left.
        let is_free = |member: &Member| member.is_classic() || member.current.epoch == AWAY;
        if group.member(owner).is_some_and(is_free) {
            return Ok(Some(owner.to_owned()));
        }
        let message = format!("The instance id {instance} is still that of the member {owner}.");
        Err(Refusal::new(ErrorCode::UnreleasedInstanceId, message))
    }

    /// A pattern that the group does not know yet must compile.
    pub(super) fn check_pattern(&self, request: &ConsumerGroupHeartbeat) -> Result<(), Refusal> {
        let Some(pattern) = request.subscribed_topic_regex.as_deref().filter(|pattern| !pattern.is_empty()) else {
            return Ok(());
        };
        let known = self.consumer(&request.group_id).is_some_and(|group| group.subscribers(pattern) > 0);
        if known { Ok(()) } else { patterns::check(pattern) }
    }

    /// Makes way for a KIP-848 group of this name.
    pub(super) fn open(
        &mut self,
        context: &Context<'_>,
        group_id: &str,
        host: Host,
        out: &mut GroupOutcome,
    ) -> Result<(), ErrorCode> {
        match host {
            Host::Ready => Ok(()),
            Host::Replaced => {
                let Some(group) = self.groups.get(group_id) else { return Ok(()) };
                for record in group.tombstones(group_id) {
                    self.accept(&record, out)?;
                }
                Ok(())
            }
            Host::Upgraded(upgrade) => self.upgrade(context, group_id, &upgrade, out),
        }
    }

    /// A static member is back under a new id: it takes over all that the one before had.
    pub(super) fn replace_member(
        &mut self,
        Seat { group_id, member_id }: Seat<'_>,
        replaced: &str,
        out: &mut GroupOutcome,
    ) -> Result<(), ErrorCode> {
        let Some(group) = self.consumer(group_id) else { return Ok(()) };
        let Some(member) = group.member(replaced) else { return Ok(()) };
        let about = member.about.clone();
        let current = Current { epoch: 0, previous_epoch: 0, ..member.current.clone() };
        let target = group.target().get(replaced).cloned().unwrap_or_default();
        self.cancel_member_timers(group_id, replaced);
        self.remove_consumer_member(group_id, replaced, out)?;
        self.accept(&records::about(group_id, member_id, Some(&about)), out)?;
        self.accept(&records::target(group_id, member_id, Some(&target)), out)?;
        self.accept(&records::current(group_id, member_id, Some(&current)), out)
    }
}
