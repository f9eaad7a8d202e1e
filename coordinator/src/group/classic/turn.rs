//! One group's turn at an event: the group, and what an event may touch beside it.

use model::ErrorCode;

use super::super::event::{GroupReply, JoinGroupReply, SyncGroupReply};
use super::super::{Context, Group, GroupOutcome, GroupRecord, GroupShard, TimerKey};
use super::state::{ClassicGroup, State};
use crate::records::group_metadata::{GroupMetadataKey, GroupMetadataValue};
use crate::shard::{Now, ReplyTo};
use crate::timers::Timers;

/// A classic group while it handles an event.
pub(super) struct Turn<'a> {
    pub(super) group_id: &'a str,
    pub(super) group: &'a mut ClassicGroup,
    pub(super) timers: &'a mut Timers<TimerKey>,
    pub(super) context: &'a Context<'a>,
    pub(super) out: &'a mut GroupOutcome,
}

impl GroupShard {
    /// A turn of this group; `None` if there is no classic group of this id.
    pub(super) fn turn<'a>(
        &'a mut self,
        group_id: &'a str,
        context: &'a Context<'a>,
        out: &'a mut GroupOutcome,
    ) -> Option<Turn<'a>> {
        match self.groups.get_mut(group_id)? {
            Group::Classic(group) => Some(Turn { group_id, group, timers: &mut self.timers, context, out }),
            Group::Consumer(_) => None,
        }
    }
}

impl Turn<'_> {
    /// A member's sign of life, or a new life: it lives for `timeout_ms` from now.
    pub(super) fn begin_session(&mut self, member_id: &str, timeout_ms: u64) {
        let deadline = self.context.now.tick.after_ms(timeout_ms).at();
        let Some(session) = self.group.members.session_mut(member_id) else { return };
        if session.move_to(deadline) {
            self.timers.set(TimerKey::ClassicSession(self.group_id.to_owned(), member_id.to_owned()), deadline);
        }
    }

    /// A member's sign of life: it lives for its session timeout from now.
    pub(super) fn prolong_session(&mut self, member_id: &str) {
        let Some(member) = self.group.members.get(member_id) else { return };
        let timeout_ms = u64::try_from(member.session_timeout_ms).unwrap_or(0);
        self.begin_session(member_id, timeout_ms);
    }

    /// Nothing is expected of this member, or of this pending one, any more.
    pub(super) fn end_session(&mut self, member_id: &str) {
        let of = (self.group_id.to_owned(), member_id.to_owned());
        self.timers.cancel(&TimerKey::ClassicPending(of.0.clone(), of.1.clone()));
        self.timers.cancel(&TimerKey::ClassicSession(of.0, of.1));
    }

    /// The end of the join phase, or of a part of the initial delay, is `ms` from now.
    pub(super) fn set_join_timer(&mut self, ms: u64) {
        let at = self.context.now.tick.after_ms(ms).at();
        self.timers.set(TimerKey::ClassicJoin(self.group_id.to_owned()), at);
    }

    pub(super) fn cancel_join_timer(&mut self) {
        self.timers.cancel(&TimerKey::ClassicJoin(self.group_id.to_owned()));
    }

    pub(super) fn cancel_sync_timer(&mut self) {
        self.timers.cancel(&TimerKey::ClassicSync(self.group_id.to_owned()));
    }

    pub(super) fn answer_join(&mut self, reply_to: ReplyTo, reply: JoinGroupReply) {
        self.out.replies.push((reply_to, GroupReply::JoinGroup(reply)));
    }

    /// Answers whoever waits for the end of this member's join phase.
    pub(super) fn answer_parked_join(&mut self, member_id: &str, reply: JoinGroupReply) {
        if let Some(Some(reply_to)) = self.group.members.wait(member_id, |waits| waits.join.take()) {
            self.answer_join(reply_to, reply);
        }
    }

    pub(super) fn answer_sync(&mut self, reply_to: ReplyTo, reply: SyncGroupReply) {
        self.out.replies.push((reply_to, GroupReply::SyncGroup(reply)));
    }

    /// A group that has changed, for the log.
    pub(super) fn record(&self) -> GroupRecord {
        record(self.group_id, self.group.value())
    }
}

impl ClassicGroup {
    /// A member's sign of life. Its timer, which fires no later than before, finds the new deadline.
    pub(super) fn prolong(&mut self, member_id: &str, now: Now) {
        let Some(member) = self.members.get(member_id) else { return };
        let timeout_ms = u64::try_from(member.session_timeout_ms).unwrap_or(0);
        let deadline = now.tick.after_ms(timeout_ms).at();
        if let Some(session) = self.members.session_mut(member_id) {
            session.deadline = session.deadline.max(deadline);
        }
    }

    /// What a member is told of the generation that it is in.
    pub(super) fn joined(&self, member_id: &str) -> JoinGroupReply {
        let members = if self.is_leader(member_id) { self.joined_members() } else { Vec::new() };
        JoinGroupReply {
            error: ErrorCode::None,
            generation_id: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol_name.clone(),
            leader: self.leader.clone().unwrap_or_default(),
            skip_assignment: false,
            member_id: member_id.to_owned(),
            members,
        }
    }

    /// What a member is told of its assignment.
    pub(super) fn assigned(&self, member_id: &str) -> SyncGroupReply {
        let assignment = self.members.get(member_id).map(|member| member.assignment.clone());
        SyncGroupReply {
            error: ErrorCode::None,
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol_name.clone(),
            assignment: assignment.unwrap_or_default(),
        }
    }

    /// Whether members may be asked to rejoin now.
    pub(super) const fn can_rebalance(&self) -> bool {
        !matches!(self.state, State::PreparingRebalance)
    }
}

/// The record of a group of this id.
pub(super) fn record(group_id: &str, value: GroupMetadataValue) -> GroupRecord {
    GroupRecord::GroupMetadata(GroupMetadataKey { group: group_id.to_owned() }, Some(value))
}

/// A refused join.
pub(super) fn join_refused(error: ErrorCode, member_id: &str) -> JoinGroupReply {
    JoinGroupReply {
        error,
        generation_id: -1,
        protocol_type: None,
        protocol_name: None,
        leader: String::new(),
        skip_assignment: false,
        member_id: member_id.to_owned(),
        members: Vec::new(),
    }
}

/// A refused sync.
pub(super) fn sync_refused(error: ErrorCode) -> SyncGroupReply {
    SyncGroupReply { error, protocol_type: None, protocol_name: None, assignment: bytes::Bytes::new() }
}
