//! `SyncGroup`: a member wants its assignment; the leader's request has everybody's.

use std::collections::BTreeMap;

use bytes::Bytes;
use model::ErrorCode;

use super::super::event::{GroupReply, SyncGroup};
use super::super::{Context, Group, GroupOutcome, GroupRecord, GroupShard};
use super::state::State;
use super::turn::{Turn, record, sync_refused};
use super::write::Write;
use crate::shard::ReplyTo;

impl GroupShard {
    pub(in crate::group) fn sync_group(
        &mut self,
        context: &Context<'_>,
        request: SyncGroup,
        reply_to: ReplyTo,
        out: &mut GroupOutcome,
    ) {
        let refused = match self.groups.get(&request.group_id) {
            _ if request.group_id.is_empty() => Err(ErrorCode::InvalidGroupId),
            group => self.refuse_damaged(&request.group_id).and_then(|()| match group {
                Some(group) if !group.is_empty() => Ok(()),
                Some(_) | None => Err(ErrorCode::UnknownMemberId),
            }),
        };
        if let Err(error) = refused {
            out.replies.push((reply_to, GroupReply::SyncGroup(sync_refused(error))));
            return;
        }
        if let Some(Group::Consumer(_)) = self.groups.get(&request.group_id) {
            self.consumer_classic_sync(context, request, reply_to, out);
            return;
        }
        let Some(mut turn) = self.turn(&request.group_id, context, out) else { return };
        let write = turn.sync(&request, reply_to);
        self.write(context, &request.group_id, write, out);
    }
}

impl Turn<'_> {
    fn sync(&mut self, request: &SyncGroup, reply_to: ReplyTo) -> Write {
        if let Err(error) = self.validate_sync(request) {
            self.answer_sync(reply_to, sync_refused(error));
            return Write::Nothing;
        }
        let member_id = &request.member_id;
        match self.group.state {
            State::CompletingRebalance => {
                self.park_sync(member_id, reply_to);
                if self.group.is_leader(member_id) {
                    Write::Assigned(self.assigned_record(request))
                } else {
                    Write::Nothing
                }
            }
            State::Stable => {
                self.settle_owed_sync(member_id);
                let reply = self.group.assigned(member_id);
                self.answer_sync(reply_to, reply);
                Write::Nothing
            }
            State::PreparingRebalance | State::Empty => {
                self.answer_sync(reply_to, sync_refused(ErrorCode::RebalanceInProgress));
                Write::Nothing
            }
        }
    }

    fn validate_sync(&self, request: &SyncGroup) -> Result<(), ErrorCode> {
        self.group.validate_member(&request.member_id, request.group_instance_id.as_deref())?;
        if request.generation_id != self.group.generation {
            return Err(ErrorCode::IllegalGeneration);
        }
        // Requests before version 5 do not say, and a group may not have decided.
        let differ = |asked: &Option<String>, is: &Option<String>| asked.is_some() && is.is_some() && asked != is;
        if differ(&request.protocol_type, &self.group.protocol_type)
            || differ(&request.protocol_name, &self.group.protocol_name)
        {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        Ok(())
    }

    /// The member waits for the leader. If it waited already, nobody reads that reply any more.
    fn park_sync(&mut self, member_id: &str, reply_to: ReplyTo) {
        let before = self.group.members.wait(member_id, |waits| waits.sync.replace(reply_to));
        if let Some(Some(before)) = before {
            self.answer_sync(before, sync_refused(ErrorCode::RebalanceInProgress));
        }
        self.settle_owed_sync(member_id);
    }

    fn settle_owed_sync(&mut self, member_id: &str) {
        self.group.members.wait(member_id, |waits| waits.owes_sync = false);
        if self.group.members.all_synced() {
            self.cancel_sync_timer();
        }
    }

    /// The group with what its leader assigned. Members that the leader forgot get nothing, and others than members
    /// are none of the group's.
    fn assigned_record(&self, request: &SyncGroup) -> GroupRecord {
        let assigned: BTreeMap<&str, &Bytes> =
            request.assignments.iter().map(|(member_id, assignment)| (member_id.as_str(), assignment)).collect();
        let mut value = self.group.value();
        value.current_state_timestamp = self.context.now.time.get();
        for member in &mut value.members {
            let of_member = assigned.get(member.member_id.as_str());
            member.assignment = of_member.map_or_else(Bytes::new, |assignment| (*assignment).clone());
        }
        record(self.group_id, value)
    }

    /// Everybody who waits gets an assignment, and lives from now on by heartbeats.
    pub(super) fn hand_out_assignments(&mut self) {
        for member_id in self.group.members.ids() {
            if let Some(Some(reply_to)) = self.group.members.wait(&member_id, |waits| waits.sync.take()) {
                let reply = self.group.assigned(&member_id);
                self.answer_sync(reply_to, reply);
                self.prolong_session(&member_id);
            }
        }
    }

    /// The log does not take the assignments: everybody who waits is told, and may try again.
    #[must_use]
    pub(super) fn assignments_refused(&mut self, error: ErrorCode) -> Option<GroupRecord> {
        self.refuse_parked_syncs(error);
        self.rebalance_or_complete_join()
    }
}
