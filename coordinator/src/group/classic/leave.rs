//! `LeaveGroup`: members leave, or an operator takes out static ones by their instance ids.

use model::ErrorCode;

use super::super::event::{GroupReply, LeaveGroup, LeaveGroupReply, LeavingMember};
use super::super::{Context, Group, GroupOutcome, GroupShard};
use super::state::State;
use super::turn::Turn;
use super::write::Write;
use crate::shard::ReplyTo;

impl GroupShard {
    pub(in crate::group) fn leave_group(
        &mut self,
        context: &Context<'_>,
        request: &LeaveGroup,
        reply_to: ReplyTo,
        out: &mut GroupOutcome,
    ) {
        if let Some(Group::Consumer(_)) = self.groups.get(&request.group_id) {
            self.consumer_classic_leave(context, request, reply_to, out);
            return;
        }
        let reply = match self.leave(context, request, out) {
            Ok(codes) => left(request, codes),
            Err(error) => LeaveGroupReply { error, members: Vec::new() },
        };
        out.replies.push((reply_to, GroupReply::LeaveGroup(reply)));
    }

    /// A code for each who leaves.
    fn leave(
        &mut self,
        context: &Context<'_>,
        request: &LeaveGroup,
        out: &mut GroupOutcome,
    ) -> Result<Vec<ErrorCode>, ErrorCode> {
        if request.group_id.is_empty() {
            return Err(ErrorCode::InvalidGroupId);
        }
        self.refuse_damaged(&request.group_id)?;
        let Some(mut turn) = self.turn(&request.group_id, context, out) else {
            return Ok(vec![ErrorCode::UnknownMemberId; request.members.len()]);
        };
        let codes: Vec<ErrorCode> = request.members.iter().map(|member| turn.leave_one(member)).collect();
        let write = if codes.contains(&ErrorCode::None) { turn.after_leave() } else { Write::Nothing };
        self.write(context, &request.group_id, write, out);
        Ok(codes)
    }
}

fn left(request: &LeaveGroup, codes: Vec<ErrorCode>) -> LeaveGroupReply {
    let members = request.members.iter().zip(codes);
    let members = members.map(|(member, code)| (member.member_id.clone(), member.group_instance_id.clone(), code));
    LeaveGroupReply { error: ErrorCode::None, members: members.collect() }
}

impl Turn<'_> {
    fn leave_one(&mut self, leaving: &LeavingMember) -> ErrorCode {
        let instance_id = leaving.group_instance_id.as_deref();
        if leaving.member_id.is_empty() {
            // An operator's request: whoever has the instance id now.
            let Some(member_id) = instance_id.and_then(|id| self.group.members.static_id(id)).cloned() else {
                return ErrorCode::UnknownMemberId;
            };
            self.remove(&member_id);
            return ErrorCode::None;
        }
        if !self.group.pending.contains(&leaving.member_id)
            && let Err(error) = self.group.validate_member(&leaving.member_id, instance_id)
        {
            return error;
        }
        self.remove(&leaving.member_id);
        ErrorCode::None
    }

    fn after_leave(&mut self) -> Write {
        match self.group.state {
            State::Stable | State::CompletingRebalance | State::PreparingRebalance => {
                self.rebalance_or_complete_join().into()
            }
            State::Empty => Write::Nothing,
        }
    }
}
