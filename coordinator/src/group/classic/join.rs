//! `JoinGroup`: a member wants into the group, or to go on in it (KIP-62, KIP-394).

use model::ErrorCode;
use model::wire::STRING_LENGTH_MAX;

use super::super::event::{GroupReply, JoinGroup};
use super::super::settings::GroupSettings;
use super::super::{Context, Group, GroupOutcome, GroupRecord, GroupShard, TimerKey};
use super::member::{Member, own_protocols, protocol_bytes};
use super::state::State;
use super::turn::{Turn, join_refused, record};
use super::write::Write;
use crate::records::group_metadata::GroupMetadataValue;
use crate::shard::ReplyTo;

/// Ms that a member which is in no generation yet waits for one, at most: Kafka's constant. It cannot heartbeat, and if its
/// client has gone, nothing else would tell.
const NEW_MEMBER_JOIN_TIMEOUT_MS: u64 = 5 * 60 * 1_000;
/// Member ids that one group has given out and not seen again, at most. A bound of ours.
const PENDING_MEMBERS_MAX: usize = 10_000;

impl GroupShard {
    pub(in crate::group) fn join_group(
        &mut self,
        context: &Context<'_>,
        request: JoinGroup,
        reply_to: ReplyTo,
        out: &mut GroupOutcome,
    ) {
        if let Err(error) = self.judge_join(context.settings, &request) {
            let reply = join_refused(error, &request.member_id);
            out.replies.push((reply_to, GroupReply::JoinGroup(reply)));
            return;
        }
        match self.groups.get(&request.group_id) {
            Some(Group::Consumer(group)) if !group.is_empty() => {
                self.consumer_classic_join(context, request, reply_to, out);
                return;
            }
            Some(Group::Classic(_)) => {}
            Some(Group::Consumer(_)) | None => {
                if let Err(error) = self.make_classic_group(context, &request, out) {
                    let reply = join_refused(error, &request.member_id);
                    out.replies.push((reply_to, GroupReply::JoinGroup(reply)));
                    return;
                }
            }
        }
        let Some(mut turn) = self.turn(&request.group_id, context, out) else { return };
        let write = turn.join(&request, reply_to);
        self.write(context, &request.group_id, write, out);
    }

    /// What can be said without looking at the group.
    fn judge_join(&self, settings: &GroupSettings, request: &JoinGroup) -> Result<(), ErrorCode> {
        if request.group_id.is_empty() {
            return Err(ErrorCode::InvalidGroupId);
        }
        let sessions = settings.min_session_timeout_ms..=settings.max_session_timeout_ms;
        if !sessions.contains(&request.session_timeout_ms) {
            return Err(ErrorCode::InvalidSessionTimeout);
        }
        self.refuse_damaged(&request.group_id)
    }

    /// Makes an empty group, which somebody without a member id is about to join. A KIP-848 group that nobody is in becomes
    /// a classic one.
    fn make_classic_group(
        &mut self,
        context: &Context<'_>,
        request: &JoinGroup,
        out: &mut GroupOutcome,
    ) -> Result<(), ErrorCode> {
        if !request.member_id.is_empty() {
            return Err(ErrorCode::UnknownMemberId);
        }
        let before = match self.groups.get(&request.group_id) {
            Some(group) => group.tombstones(&request.group_id),
            None if self.groups.len() >= context.settings.groups_max => return Err(ErrorCode::GroupMaxSizeReached),
            None => Vec::new(),
        };
        for tombstone in before {
            self.accept(&tombstone, out)?;
        }
        let value =
            GroupMetadataValue { current_state_timestamp: context.now.time.get(), ..GroupMetadataValue::default() };
        self.accept(&record(&request.group_id, value), out)
    }
}

impl Turn<'_> {
    /// A join of a classic group.
    fn join(&mut self, request: &JoinGroup, reply_to: ReplyTo) -> Write {
        if !self.has_place_for(&request.member_id) {
            self.answer_join(reply_to, join_refused(ErrorCode::GroupMaxSizeReached, ""));
            // Kafka lets those who did find a place wait for the timeout here.
            self.remove(&request.member_id);
            return self.complete_join_if_all_joined().into();
        }
        if self.is_too_much(request) {
            self.answer_join(reply_to, join_refused(ErrorCode::GroupMaxSizeReached, ""));
            return Write::Nothing;
        }
        let protocols = request.protocols.iter().map(|(name, _)| name.as_str());
        if !self.group.supports(&request.protocol_type, protocols) {
            self.answer_join(reply_to, join_refused(ErrorCode::InconsistentGroupProtocol, &request.member_id));
            return Write::Nothing;
        }
        if !request.member_id.is_empty() {
            return self.join_with_id(request, reply_to);
        }
        if request.fresh_member_id.len() > STRING_LENGTH_MAX {
            // It begins with what the client calls itself, and no reply could carry it.
            self.answer_join(reply_to, join_refused(ErrorCode::UnknownServerError, ""));
            return Write::Nothing;
        }
        match &request.group_instance_id {
            Some(instance_id) => match self.group.members.static_id(instance_id).cloned() {
                Some(current) => self.replace_static(request, &current, reply_to),
                None => self.add(request, &request.fresh_member_id, reply_to).into(),
            },
            None if request.requires_known_member_id => {
                self.give_out_id(request, reply_to);
                Write::Nothing
            }
            None => self.add(request, &request.fresh_member_id, reply_to).into(),
        }
    }

    /// Whether there is a place for who joins. In a rebalance those have places who come first, so that a group which is too
    /// large loses its last ones; else those who are in.
    fn has_place_for(&self, member_id: &str) -> bool {
        let member = self.group.members.get(member_id);
        let size_max = usize::try_from(self.context.settings.max_size).unwrap_or(0);
        match self.group.state {
            State::Empty => true,
            State::PreparingRebalance => {
                member.is_some_and(|member| member.waits.join.is_some()) || self.group.members.joined() < size_max
            }
            State::CompletingRebalance | State::Stable => member.is_some() || self.group.members.len() < size_max,
        }
    }

    /// Whether the group would hold more than it may: bounds of ours.
    fn is_too_much(&self, request: &JoinGroup) -> bool {
        let protocols = request.protocols.iter().map(|(name, blob)| protocol_bytes(name, blob));
        let before = self.group.members.get(&request.member_id).map_or(0, Member::bytes);
        let bytes = protocols.fold(self.group.members.bytes().saturating_sub(before), usize::saturating_add);
        let is_first = request.member_id.is_empty();
        bytes > self.context.settings.group_bytes_max || (is_first && self.group.pending.len() >= PENDING_MEMBERS_MAX)
    }

    /// A first join is answered with a member id, so that one which is never heard of again leaves no member (KIP-394).
    fn give_out_id(&mut self, request: &JoinGroup, reply_to: ReplyTo) {
        let member_id = request.fresh_member_id.clone();
        let timeout_ms = u64::try_from(request.session_timeout_ms).unwrap_or(0);
        let at = self.context.now.tick.after_ms(timeout_ms).at();
        self.timers.set(TimerKey::ClassicPending(self.group_id.to_owned(), member_id.clone()), at);
        self.answer_join(reply_to, join_refused(ErrorCode::MemberIdRequired, &member_id));
        self.group.pending.insert(member_id);
    }

    /// Takes a new member in.
    #[must_use]
    fn add(&mut self, request: &JoinGroup, member_id: &str, reply_to: ReplyTo) -> Option<GroupRecord> {
        if let Some(delay) = &mut self.group.initial {
            delay.is_extended = true;
        }
        self.end_session(member_id);
        let mut member = Member::joining(request);
        member.waits.join = Some(reply_to);
        self.group.add(member_id.to_owned(), member, &request.protocol_type);
        self.begin_session(member_id, NEW_MEMBER_JOIN_TIMEOUT_MS);
        self.rebalance_or_complete_join()
    }

    /// A join of somebody who was given a member id.
    fn join_with_id(&mut self, request: &JoinGroup, reply_to: ReplyTo) -> Write {
        let member_id = &request.member_id;
        if self.group.pending.contains(member_id) {
            if request.group_instance_id.is_some() {
                // Static members are never told to come again with an id. Kafka runs into an exception here.
                self.answer_join(reply_to, join_refused(ErrorCode::UnknownServerError, ""));
                return Write::Nothing;
            }
            return self.add(request, member_id, reply_to).into();
        }
        if let Err(error) = self.group.validate_member(member_id, request.group_instance_id.as_deref()) {
            self.answer_join(reply_to, join_refused(error, member_id));
            return Write::Nothing;
        }
        let is_unchanged =
            self.group.members.get(member_id).is_some_and(|member| member.has_protocols(&request.protocols));
        match self.group.state {
            // The reply was lost: it is repeated. A leader that joins a stable group wants a rebalance, though, as its
            // client saw something change that the group does not know of.
            State::CompletingRebalance if is_unchanged => self.repeat_join(member_id, reply_to),
            State::Stable if is_unchanged && !self.group.is_leader(member_id) => self.repeat_join(member_id, reply_to),
            State::PreparingRebalance | State::CompletingRebalance | State::Stable => {
                self.rejoin(request, member_id, reply_to);
                self.rebalance_or_complete_join().into()
            }
            State::Empty => {
                self.answer_join(reply_to, join_refused(ErrorCode::UnknownMemberId, member_id));
                Write::Nothing
            }
        }
    }

    fn repeat_join(&mut self, member_id: &str, reply_to: ReplyTo) -> Write {
        let reply = self.group.joined(member_id);
        self.answer_join(reply_to, reply);
        Write::Nothing
    }

    /// A member is in the next generation, with what it says now. If it waited already, nobody reads that reply any more.
    pub(super) fn rejoin(&mut self, request: &JoinGroup, member_id: &str, reply_to: ReplyTo) {
        let before = self.group.members.change(member_id, |member| {
            member.protocols = own_protocols(&request.protocols);
            member.rebalance_timeout_ms = request.rebalance_timeout_ms;
            member.session_timeout_ms = request.session_timeout_ms;
            member.waits.join.replace(reply_to)
        });
        if let Some(Some(before)) = before {
            self.answer_join(before, join_refused(ErrorCode::RebalanceInProgress, member_id));
        }
    }
}
