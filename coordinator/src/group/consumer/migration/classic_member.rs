//! Members that speak the classic protocol in a KIP-848 group: `JoinGroup`, `SyncGroup`, `Heartbeat` and `LeaveGroup`.
//!
//! The member's epoch is its generation. It is told to rejoin whenever it has a step to go towards its target, and each join
//! is such a step; the sync brings what it may read by now. Nobody leads, nothing is parked.

use bytes::Bytes;
use model::ErrorCode;

use super::protocol::{Subscription, by_id, write_assignment};
use crate::group::consumer::ConsumerGroup;
use crate::group::consumer::heartbeat::{Report, Seat};
use crate::group::consumer::member::{About, Classic, Member, MemberState, in_order};
use crate::group::consumer::refusal::Refusal;
use crate::group::consumer::sessions::after;
use crate::group::event::{
    GroupReply, Heartbeat, JoinGroup, JoinGroupReply, LeaveGroup, LeaveGroupReply, SyncGroup, SyncGroupReply,
    TopicPartitions,
};
use crate::group::{Context, GroupOutcome, GroupShard, MigrationPolicy, TimerKey};
use crate::shard::ReplyTo;

/// What consumers call their protocol.
const CONSUMER: &str = "consumer";

/// A join that may be.
struct Join {
    member_id: String,
    /// The static member whose place it takes.
    replaces: Option<String>,
    /// Whether that was the last member which did not speak the classic protocol.
    downgrades: bool,
    about: About,
    owned: Vec<TopicPartitions>,
}

impl GroupShard {
    /// `JoinGroup` of a KIP-848 group with members.
    pub(in crate::group) fn consumer_classic_join(
        &mut self,
        context: &Context<'_>,
        request: JoinGroup,
        reply_to: ReplyTo,
        out: &mut GroupOutcome,
    ) {
        let reply = self
            .join_as_classic(context, request, out)
            .unwrap_or_else(|(error, member_id)| JoinGroupReply { member_id, ..join_reply(error) });
        out.replies.push((reply_to, GroupReply::JoinGroup(reply)));
    }

    fn join_as_classic(
        &mut self,
        context: &Context<'_>,
        request: JoinGroup,
        out: &mut GroupOutcome,
    ) -> Result<JoinGroupReply, (ErrorCode, String)> {
        let group_id = request.group_id.clone();
        let (rebalance_timeout_ms, protocol) =
            (request.rebalance_timeout_ms, request.protocols.first().map(|(name, _)| name.clone()));
        let join = self.judge_classic_join(context, request)?;
        let accepted = self.accept_classic_join(context, &group_id, &join, out);
        let is_classic = accepted.map_err(|refusal| (refusal.error, String::new()))?;
        let generation_id = match self.consumer(&group_id).and_then(|group| group.member(&join.member_id)) {
            Some(member) => member.current.epoch,
            None => is_classic.unwrap_or(-1),
        };
        if is_classic.is_none() {
            self.timers.cancel(&TimerKey::ConsumerJoin(group_id.clone(), join.member_id.clone()));
            self.renew_session(context, &group_id, &join.member_id);
            let sync = TimerKey::ConsumerSync(group_id, join.member_id.clone());
            self.timers.set(sync, after(context, rebalance_timeout_ms));
        }
        Ok(JoinGroupReply {
            generation_id,
            protocol_type: Some(CONSUMER.to_owned()),
            protocol_name: protocol,
            member_id: join.member_id,
            ..join_reply(ErrorCode::None)
        })
    }

    /// Whether the member may join, and as whom. Changes nothing. Who is refused is told no member id, unless it is to come
    /// back with it.
    fn judge_classic_join(&self, context: &Context<'_>, request: JoinGroup) -> Result<Join, (ErrorCode, String)> {
        let refuse = |error: ErrorCode| (error, String::new());
        self.refuse_damaged(&request.group_id).map_err(refuse)?;
        let group = self.consumer(&request.group_id).ok_or(refuse(ErrorCode::UnknownMemberId))?;
        if context.settings.consumer_migration_policy == MigrationPolicy::Disabled {
            return Err(refuse(ErrorCode::InconsistentGroupProtocol));
        }
        let is_unknown = request.member_id.is_empty();
        let member_id = if is_unknown { request.fresh_member_id.clone() } else { request.member_id.clone() };
        let owner = request.group_instance_id.as_deref().and_then(|instance| group.member_of_instance(instance));
        let max = usize::try_from(context.settings.consumer_max_size).unwrap_or(0);
        if owner.is_none() && group.member(&member_id).is_none() && group.members().len() >= max {
            return Err(refuse(ErrorCode::GroupMaxSizeReached));
        }
        let said = request.protocols.iter().map(|(name, metadata)| name.len().saturating_add(metadata.len()));
        if said.fold(group.bytes(), usize::saturating_add) > context.settings.group_bytes_max {
            return Err(refuse(ErrorCode::GroupMaxSizeReached));
        }
        let known = request.protocols.iter().any(|(name, _)| group.all_know_protocol(name));
        if request.protocol_type != CONSUMER || !known {
            return Err(refuse(ErrorCode::InconsistentGroupProtocol));
        }
        if is_unknown && request.requires_known_member_id {
            return Err((ErrorCode::MemberIdRequired, member_id));
        }
        let replaces = match (&request.group_instance_id, owner) {
            (Some(_), Some(owner)) if is_unknown => Some(owner.to_owned()),
            (Some(_), Some(owner)) if owner != member_id => return Err(refuse(ErrorCode::FencedInstanceId)),
            (Some(_), None) if !is_unknown => return Err(refuse(ErrorCode::UnknownMemberId)),
            _ => None,
        };
        let metadata = request.protocols.first().map(|(_, metadata)| metadata.clone()).unwrap_or_default();
        let subscription = Subscription::read(&metadata).map_err(|_| refuse(ErrorCode::InconsistentGroupProtocol))?;
        let before = group.member(replaces.as_deref().unwrap_or(&member_id));
        Ok(Join {
            downgrades: owner.and_then(|owner| group.member(owner)).is_some_and(|owner| {
                !owner.is_classic() && group.classic_members() == group.members().len().saturating_sub(1)
            }),
            owned: by_id(context.topics, &subscription.owned),
            about: classic_about(request, subscription, before),
            member_id,
            replaces,
        })
    }

    /// Takes the member in, or lets it go on. Returns the generation if the group became a classic one by that.
    fn accept_classic_join(
        &mut self,
        context: &Context<'_>,
        group_id: &str,
        join: &Join,
        out: &mut GroupOutcome,
    ) -> Result<Option<i32>, Refusal> {
        let member_id = join.member_id.as_str();
        let replaced = join.replaces.as_deref().unwrap_or(member_id);
        let downgrade = if join.downgrades {
            let group = self.known_consumer(group_id)?;
            group.downgrade_with(context, (member_id, &join.about, replaced))
        } else {
            None
        };
        if let Some(downgrade) = downgrade {
            self.downgrade(context, group_id, &downgrade, out)?;
            return Ok(Some(downgrade.generation()));
        }
        let seat = Seat { group_id, member_id };
        if let Some(replaced) = &join.replaces {
            self.replace_member(seat, replaced, out)?;
        }
        let said = self.set_member(context, seat, &join.about, out)?;
        self.raise_epoch(context, group_id, said.raises || said.subscription, out)?;
        self.update_target(context, group_id, out)?;
        let report = Report { subscription_changed: said.subscription, owned: Some(&join.owned) };
        self.reconcile(context, seat, &report, out)?;
        Ok(None)
    }

    /// `SyncGroup` of a KIP-848 group with members.
    pub(in crate::group) fn consumer_classic_sync(
        &mut self,
        context: &Context<'_>,
        request: SyncGroup,
        reply_to: ReplyTo,
        out: &mut GroupOutcome,
    ) {
        let reply = match self.sync_as_classic(context, &request) {
            Ok(assignment) => SyncGroupReply {
                error: ErrorCode::None,
                protocol_type: request.protocol_type,
                protocol_name: request.protocol_name,
                assignment,
            },
            Err(error) => SyncGroupReply { error, protocol_type: None, protocol_name: None, assignment: Bytes::new() },
        };
        out.replies.push((reply_to, GroupReply::SyncGroup(reply)));
    }

    fn sync_as_classic(&mut self, context: &Context<'_>, request: &SyncGroup) -> Result<Bytes, ErrorCode> {
        let SyncGroup { group_id, member_id, group_instance_id, generation_id, .. } = request;
        let group = self.consumer(group_id).ok_or(ErrorCode::UnknownMemberId)?;
        let (member, classic) = group.classic_member(member_id, group_instance_id.as_deref(), *generation_id)?;
        let (name, metadata) = classic.protocols.first().ok_or(ErrorCode::UnknownServerError)?;
        if request.protocol_type.as_ref().is_some_and(|of| of != CONSUMER)
            || request.protocol_name.as_ref().is_some_and(|of| of != name)
        {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        if group.target_epoch > member.current.epoch && member.current.state != MemberState::UnrevokedPartitions {
            self.expect_rejoin(context, group_id, member_id);
            return Err(ErrorCode::RebalanceInProgress);
        }
        let version = Subscription::read(metadata).map_err(|_| ErrorCode::UnknownServerError)?.version;
        let assigned = member.current.assigned.iter();
        let assigned = assigned.map(|(topic, partitions)| (*topic, partitions.keys().copied().collect()));
        let assignment = write_assignment(context.topics, version, assigned)?;
        self.timers.cancel(&TimerKey::ConsumerSync(group_id.clone(), member_id.clone()));
        self.renew_session(context, group_id, member_id);
        Ok(assignment)
    }

    /// `Heartbeat` of a KIP-848 group.
    pub(in crate::group) fn consumer_classic_heartbeat(
        &mut self,
        context: &Context<'_>,
        request: &Heartbeat,
        reply_to: ReplyTo,
        out: &mut GroupOutcome,
    ) {
        let error = self.heartbeat_as_classic(context, request, out).err().unwrap_or(ErrorCode::None);
        out.replies.push((reply_to, GroupReply::Heartbeat(error)));
    }

    fn heartbeat_as_classic(
        &mut self,
        context: &Context<'_>,
        request: &Heartbeat,
        out: &mut GroupOutcome,
    ) -> Result<(), ErrorCode> {
        let Heartbeat { group_id, member_id, group_instance_id, generation_id } = request;
        self.refuse_damaged(group_id)?;
        let group = self.consumer(group_id).ok_or(ErrorCode::UnknownMemberId)?;
        group.classic_member(member_id, group_instance_id.as_deref(), *generation_id)?;
        if group.classic_members() == group.members().len() {
            // Nobody else is left to look after the group's target: without this, what a member of the newer protocol left
            // behind would be nobody's while the policy keeps the group from becoming a classic one.
            self.raise_epoch(context, group_id, false, out)?;
            self.update_target(context, group_id, out)?;
        }
        let group = self.consumer(group_id).ok_or(ErrorCode::UnknownMemberId)?;
        let (member, _) = group.classic_member(member_id, group_instance_id.as_deref(), *generation_id)?;
        // It has a step to go: to a newer target, to give partitions back, or to take those that others have given back.
        let must_rejoin = match member.current.state {
            _ if member.current.epoch < group.target_epoch => true,
            MemberState::UnrevokedPartitions => true,
            MemberState::UnreleasedPartitions => !group.waits_for_others(member_id, member),
            MemberState::Stable | MemberState::Unknown(_) => false,
        };
        self.renew_session(context, group_id, member_id);
        if must_rejoin {
            self.expect_rejoin(context, group_id, member_id);
            return Err(ErrorCode::RebalanceInProgress);
        }
        Ok(())
    }

    /// The member was told to rejoin: it has its rebalance timeout for that, from the first time on.
    fn expect_rejoin(&mut self, context: &Context<'_>, group_id: &str, member_id: &str) {
        let Some(member) = self.consumer(group_id).and_then(|group| group.member(member_id)) else { return };
        let ends = after(context, member.about.rebalance_timeout_ms);
        let key = TimerKey::ConsumerJoin(group_id.to_owned(), member_id.to_owned());
        if !self.timers.contains(&key) {
            self.timers.set(key, ends);
        }
    }

    /// `LeaveGroup` of a KIP-848 group.
    pub(in crate::group) fn consumer_classic_leave(
        &mut self,
        context: &Context<'_>,
        request: &LeaveGroup,
        reply_to: ReplyTo,
        out: &mut GroupOutcome,
    ) {
        let reply = self.leave_as_classic(context, request, out);
        let reply = reply.unwrap_or_else(|error| LeaveGroupReply { error, members: Vec::new() });
        out.replies.push((reply_to, GroupReply::LeaveGroup(reply)));
    }

    fn leave_as_classic(
        &mut self,
        context: &Context<'_>,
        request: &LeaveGroup,
        out: &mut GroupOutcome,
    ) -> Result<LeaveGroupReply, ErrorCode> {
        self.refuse_damaged(&request.group_id)?;
        let group = self.consumer(&request.group_id).ok_or(ErrorCode::UnknownMemberId)?;
        let mut leaving = Vec::new();
        let mut members = Vec::with_capacity(request.members.len());
        for member in &request.members {
            let instance = member.group_instance_id.as_deref();
            // An operator names static members by their instance ids alone.
            let named = match instance.filter(|_| member.member_id.is_empty()) {
                Some(instance) => group.member_of_instance(instance).ok_or_else(|| Refusal::no_instance(instance)),
                None => group.named_member(&member.member_id, instance),
            };
            let error = match named {
                Ok(member_id) => {
                    leaving.push(member_id.to_owned());
                    ErrorCode::None
                }
                Err(refusal) => refusal.error,
            };
            members.push((member.member_id.clone(), member.group_instance_id.clone(), error));
        }
        leaving.sort_unstable();
        leaving.dedup();
        self.fence_members(context, &request.group_id, &leaving, out)?;
        Ok(LeaveGroupReply { error: ErrorCode::None, members })
    }
}

impl ConsumerGroup {
    /// The member that a request of the classic protocol is of.
    fn classic_member(
        &self,
        member_id: &str,
        instance_id: Option<&str>,
        generation_id: i32,
    ) -> Result<(&Member, &Classic), ErrorCode> {
        let member_id = self.named_member(member_id, instance_id).map_err(|refusal| refusal.error)?;
        let member = self.member(member_id).ok_or(ErrorCode::UnknownMemberId)?;
        let classic = member.about.classic.as_ref().ok_or(ErrorCode::UnknownMemberId)?;
        if member.current.epoch == generation_id { Ok((member, classic)) } else { Err(ErrorCode::IllegalGeneration) }
    }

    /// Whether others still hold something of the member's target.
    fn waits_for_others(&self, member_id: &str, member: &Member) -> bool {
        self.target().get(member_id).into_iter().flatten().any(|(topic, partitions)| {
            let assigned = member.current.assigned.get(topic);
            let has = |partition: &i32| assigned.is_some_and(|assigned| assigned.contains_key(partition));
            partitions.iter().any(|partition| !has(partition) && self.is_held(*topic, *partition))
        })
    }
}

fn classic_about(request: JoinGroup, subscription: Subscription, before: Option<&Member>) -> About {
    let before = before.map(|member| &member.about);
    let or_before = |said: Option<String>, known: fn(&About) -> &Option<String>| {
        said.or_else(|| before.and_then(|about| known(about).clone()))
    };
    About {
        instance_id: or_before(request.group_instance_id, |about| &about.instance_id),
        rack_id: or_before(subscription.rack_id, |about| &about.rack_id),
        client: request.client,
        topics: in_order(subscription.topics),
        pattern: String::new(),
        rebalance_timeout_ms: request.rebalance_timeout_ms,
        assignor: or_before(None, |about| &about.assignor),
        classic: Some(Classic {
            session_timeout_ms: request.session_timeout_ms,
            // Copied out of the request's frame, which would live as long as the member.
            protocols: (request.protocols.into_iter())
                .map(|(name, metadata)| (name, Bytes::copy_from_slice(&metadata)))
                .collect(),
        }),
    }
}

/// A reply without anything in it.
fn join_reply(error: ErrorCode) -> JoinGroupReply {
    JoinGroupReply {
        error,
        generation_id: -1,
        protocol_type: None,
        protocol_name: None,
        leader: String::new(),
        skip_assignment: false,
        member_id: String::new(),
        members: Vec::new(),
    }
}
