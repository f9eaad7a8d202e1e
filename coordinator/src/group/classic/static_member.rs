//! A static member comes back without its member id, as after a restart (KIP-345): it takes its own place.

use model::ErrorCode;

use super::super::event::{JoinGroup, JoinGroupReply};
use super::member::{Member, Session, own_protocols};
use super::state::State;
use super::turn::{Turn, join_refused, sync_refused};
use super::write::{Replaced, Write};
use crate::shard::ReplyTo;

impl Turn<'_> {
    /// Gives the place of `old_id` to the member that joins.
    pub(super) fn replace_static(&mut self, request: &JoinGroup, old_id: &str, reply_to: ReplyTo) -> Write {
        let new_id = request.fresh_member_id.clone();
        let old_leader = self.group.leader.clone();
        let Some(before) = self.take_place(request, old_id, &new_id) else { return Write::Nothing };
        match self.group.state {
            State::Stable if self.group.select_protocol() == self.group.protocol_name => {
                // Nobody else has to know: the group goes on in its generation.
                let reply = self.replaced_reply(request, &new_id, old_leader);
                let replaced = Replaced { old_id: old_id.to_owned(), new_id, before, reply_to, reply };
                Write::Replaced(self.record(), Box::new(replaced))
            }
            State::PreparingRebalance => {
                self.park_join(&new_id, reply_to);
                self.complete_join_if_all_joined().into()
            }
            // The leader may be at work on an assignment for the old id.
            State::CompletingRebalance | State::Stable | State::Empty => {
                self.park_join(&new_id, reply_to);
                self.prepare_rebalance().into()
            }
        }
    }

    /// Replaces the member, tells those who wait as the old one that they are fenced, and returns the old one. What it owes
    /// passes on: Kafka forgets to, and rebalances for a sync of the old one that cannot come.
    fn take_place(&mut self, request: &JoinGroup, old_id: &str, new_id: &str) -> Option<Member> {
        let was_leader = self.group.is_leader(old_id);
        self.end_session(old_id);
        let mut before = self.group.members.remove(old_id)?;
        if let Some(parked) = before.waits.join.take() {
            self.answer_join(parked, join_refused(ErrorCode::FencedInstanceId, old_id));
        }
        if let Some(parked) = before.waits.sync.take() {
            self.answer_sync(parked, sync_refused(ErrorCode::FencedInstanceId));
        }
        let session_timeout_ms = u64::try_from(before.session_timeout_ms).unwrap_or(0);
        let mut member = before.clone();
        member.waits.is_new = false;
        member.session = Session::default();
        member.protocols = own_protocols(&request.protocols);
        member.rebalance_timeout_ms = request.rebalance_timeout_ms;
        member.session_timeout_ms = request.session_timeout_ms;
        self.group.members.insert(new_id.to_owned(), member);
        if was_leader {
            self.group.leader = Some(new_id.to_owned());
        }
        // The timeout that it asks for counts from its first heartbeat on, as in Kafka.
        self.begin_session(new_id, session_timeout_ms);
        Some(before)
    }

    fn park_join(&mut self, member_id: &str, reply_to: ReplyTo) {
        self.group.members.wait(member_id, |waits| waits.join = Some(reply_to));
    }

    /// A leader that comes back must not assign anew. New clients are told so and get the members, to know what to watch
    /// (KIP-814); to others somebody else seems to lead.
    fn replaced_reply(&self, request: &JoinGroup, new_id: &str, old_leader: Option<String>) -> JoinGroupReply {
        let joined = self.group.joined(new_id);
        if request.supports_skipping_assignment {
            JoinGroupReply { skip_assignment: self.group.is_leader(new_id), ..joined }
        } else {
            JoinGroupReply { leader: old_leader.unwrap_or_default(), members: Vec::new(), ..joined }
        }
    }

    /// The log refused the replacement: the old member is in its place again.
    pub(super) fn take_back(&mut self, replaced: Replaced, error: ErrorCode) {
        let is_leader = self.group.is_leader(&replaced.new_id);
        self.end_session(&replaced.new_id);
        self.group.members.remove(&replaced.new_id);
        if is_leader {
            self.group.leader = Some(replaced.old_id.clone());
        }
        let mut before = replaced.before;
        before.session = Session::default();
        self.group.members.insert(replaced.old_id.clone(), before);
        self.prolong_session(&replaced.old_id);
        let reply = JoinGroupReply {
            error,
            member_id: String::new(),
            leader: self.group.leader.clone().unwrap_or_default(),
            skip_assignment: false,
            members: Vec::new(),
            ..replaced.reply
        };
        self.answer_join(replaced.reply_to, reply);
    }
}
