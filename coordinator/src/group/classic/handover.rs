//! What a classic group hands over when it becomes a KIP-848 group, and how it goes on after it was one.

use bytes::Bytes;
use model::ErrorCode;

use super::super::event::Client;
use super::super::{Context, GroupOutcome, GroupShard};
use super::state::ClassicGroup;
use super::turn::{Turn, join_refused};

/// A classic group's members, with what they say to each other.
#[derive(Debug)]
pub(crate) struct Handover {
    /// The generation that they are in.
    pub(crate) generation: i32,
    /// The members, by id.
    pub(crate) members: Vec<HandedOver>,
}

/// A member of a classic group that is handed over.
#[derive(Debug)]
pub(crate) struct HandedOver {
    /// Its id.
    pub(crate) member_id: String,
    /// Of a static member.
    pub(crate) instance_id: Option<String>,
    /// Who it is.
    pub(crate) client: Client,
    /// Ms that it may take to rejoin in a rebalance.
    pub(crate) rebalance_timeout_ms: i32,
    /// Ms without a sign of life after which it is gone.
    pub(crate) session_timeout_ms: i32,
    /// Names and subscriptions, the preferred first.
    pub(crate) protocols: Vec<(String, Bytes)>,
    /// Its subscription in the group's protocol; in its preferred one while the group has none.
    pub(crate) subscription: Bytes,
    /// What the leader gave it.
    pub(crate) assignment: Bytes,
}

impl ClassicGroup {
    /// How many members it has.
    pub(crate) fn size(&self) -> usize {
        self.members.len()
    }

    /// Whether it has this member, by its id or by its instance id.
    pub(crate) fn has_member(&self, member_id: &str, instance_id: Option<&str>) -> bool {
        self.members.contains(member_id)
            || instance_id.is_some_and(|instance| self.members.static_id(instance).is_some())
    }

    /// The id of the static member of this instance.
    pub(crate) fn member_of_instance(&self, instance_id: &str) -> Option<&str> {
        self.members.static_id(instance_id).map(String::as_str)
    }

    /// The members, as a KIP-848 group takes them in.
    pub(crate) fn handover(&self) -> Handover {
        let members = self.members.iter().map(|(member_id, member)| HandedOver {
            member_id: member_id.clone(),
            instance_id: member.instance_id.clone(),
            client: member.client.clone(),
            rebalance_timeout_ms: member.rebalance_timeout_ms,
            session_timeout_ms: member.session_timeout_ms,
            protocols: member.protocols.clone(),
            subscription: match &self.protocol_name {
                Some(name) => member.subscription(name),
                None => member.protocols.first().map(|(_, subscription)| subscription.clone()).unwrap_or_default(),
            },
            assignment: member.assignment.clone(),
        });
        Handover { generation: self.generation, members: members.collect() }
    }
}

impl GroupShard {
    /// Answers all whose requests are parked in a classic group: it will not go on as they expect.
    pub(in crate::group) fn refuse_waiting(
        &mut self,
        context: &Context<'_>,
        group_id: &str,
        error: ErrorCode,
        out: &mut GroupOutcome,
    ) {
        if let Some(mut turn) = self.turn(group_id, context, out) {
            turn.refuse_parked_syncs(error);
            turn.refuse_parked_joins(error);
        }
    }

    /// A classic group whose record was written just now, by what was a KIP-848 group: sessions begin, and if what it was
    /// assigned is not what it should be, its members are asked to rejoin.
    pub(in crate::group) fn take_over(
        &mut self,
        context: &Context<'_>,
        group_id: &str,
        must_rebalance: bool,
        out: &mut GroupOutcome,
    ) {
        let Some(mut turn) = self.turn(group_id, context, out) else { return };
        for member_id in turn.group.members.ids() {
            turn.prolong_session(&member_id);
        }
        if must_rebalance {
            let emptied = turn.prepare_rebalance();
            self.write(context, group_id, emptied.into(), out);
        }
    }
}

impl Turn<'_> {
    fn refuse_parked_joins(&mut self, error: ErrorCode) {
        for member_id in self.group.members.ids() {
            let parked = self.group.members.wait(&member_id, |waits| waits.join.take());
            if let Some(Some(reply_to)) = parked {
                self.answer_join(reply_to, join_refused(error, &member_id));
            }
        }
    }
}
