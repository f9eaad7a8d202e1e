//! `Heartbeat`: a member lives, and learns whether it has to rejoin.

use model::ErrorCode;

use super::super::event::{GroupReply, Heartbeat};
use super::super::{Context, Group, GroupOutcome, GroupShard};
use super::state::State;
use super::turn::Turn;
use crate::shard::ReplyTo;

impl GroupShard {
    pub(in crate::group) fn heartbeat(
        &mut self,
        context: &Context<'_>,
        request: &Heartbeat,
        reply_to: ReplyTo,
        out: &mut GroupOutcome,
    ) {
        if let Some(Group::Consumer(_)) = self.groups.get(&request.group_id) {
            self.consumer_classic_heartbeat(context, request, reply_to, out);
            return;
        }
        let code = match self.beat(context, request, out) {
            Ok(()) => ErrorCode::None,
            Err(error) => error,
        };
        out.replies.push((reply_to, GroupReply::Heartbeat(code)));
    }

    fn beat(&mut self, context: &Context<'_>, request: &Heartbeat, out: &mut GroupOutcome) -> Result<(), ErrorCode> {
        if request.group_id.is_empty() {
            return Err(ErrorCode::InvalidGroupId);
        }
        self.refuse_damaged(&request.group_id)?;
        self.turn(&request.group_id, context, out).ok_or(ErrorCode::UnknownMemberId)?.beat(request)
    }
}

impl Turn<'_> {
    fn beat(&mut self, request: &Heartbeat) -> Result<(), ErrorCode> {
        self.group.validate_member(&request.member_id, request.group_instance_id.as_deref())?;
        if request.generation_id != self.group.generation {
            return Err(ErrorCode::IllegalGeneration);
        }
        self.prolong_session(&request.member_id);
        match self.group.state {
            State::Empty => Err(ErrorCode::UnknownMemberId),
            State::PreparingRebalance => Err(ErrorCode::RebalanceInProgress),
            State::CompletingRebalance | State::Stable => Ok(()),
        }
    }
}
