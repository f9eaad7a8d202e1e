//! One member of a classic group: who it is, what it can read by, what it was given, and which of its requests are parked.

use std::collections::BTreeSet;

use bytes::Bytes;
use model::Tick;

use super::super::event::{Client, JoinGroup};
use crate::records::group_metadata::MemberMetadata;
use crate::shard::ReplyTo;

/// A member. Its id is its key among the members.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// Of a static member (KIP-345).
    pub(crate) instance_id: Option<String>,
    /// Who it is.
    pub(crate) client: Client,
    /// Ms that it may take to rejoin in a rebalance.
    pub(crate) rebalance_timeout_ms: i32,
    /// Ms without a sign of life after which it is gone.
    pub(crate) session_timeout_ms: i32,
    /// Names and subscriptions, the preferred first, each name once.
    pub(crate) protocols: Vec<(String, Bytes)>,
    /// What the leader gave it in this generation; empty before.
    pub(crate) assignment: Bytes,
    /// What it waits for, and what is waited for.
    pub(super) waits: Waits,
    /// Until when it lives without another sign of life.
    pub(super) session: Session,
}

impl Member {
    /// A member that joins.
    pub(super) fn joining(request: &JoinGroup) -> Self {
        Self {
            instance_id: request.group_instance_id.clone(),
            client: request.client.clone(),
            rebalance_timeout_ms: request.rebalance_timeout_ms,
            session_timeout_ms: request.session_timeout_ms,
            protocols: own_protocols(&request.protocols),
            assignment: Bytes::new(),
            waits: Waits { is_new: true, ..Waits::default() },
            session: Session::default(),
        }
    }

    /// A member as the log knows it: of its protocols only the group's is written.
    pub(super) fn recorded(record: &MemberMetadata, protocol_name: &str) -> Self {
        let rebalance_timeout_ms =
            if record.rebalance_timeout == -1 { record.session_timeout } else { record.rebalance_timeout };
        Self {
            instance_id: record.group_instance_id.clone(),
            client: Client { id: record.client_id.clone(), host: record.client_host.clone() },
            rebalance_timeout_ms,
            session_timeout_ms: record.session_timeout,
            protocols: vec![(protocol_name.to_owned(), record.subscription.clone())],
            assignment: record.assignment.clone(),
            waits: Waits::default(),
            session: Session::default(),
        }
    }

    /// What the log is to know of it.
    pub(super) fn record(&self, member_id: &str, protocol_name: &str) -> MemberMetadata {
        MemberMetadata {
            member_id: member_id.to_owned(),
            group_instance_id: self.instance_id.clone(),
            client_id: self.client.id.clone(),
            client_host: self.client.host.clone(),
            rebalance_timeout: self.rebalance_timeout_ms,
            session_timeout: self.session_timeout_ms,
            subscription: self.subscription(protocol_name),
            assignment: self.assignment.clone(),
        }
    }

    /// Its subscription in this protocol; empty if it does not know it.
    pub(crate) fn subscription(&self, protocol_name: &str) -> Bytes {
        let of_name = self.protocols.iter().find(|(name, _)| name == protocol_name);
        of_name.map_or_else(Bytes::new, |(_, subscription)| subscription.clone())
    }

    /// Whether these are its protocols, in the same order and with the same subscriptions.
    pub(super) fn has_protocols(&self, protocols: &[(String, Bytes)]) -> bool {
        self.protocols == protocols
    }

    /// Whether it outlives its session: members that wait for others do. One that is new does not, for nobody would notice
    /// that it has gone.
    pub(super) const fn may_be_silent(&self) -> bool {
        !self.waits.is_new && (self.waits.join.is_some() || self.waits.sync.is_some())
    }

    /// Bytes that it holds, about: what a client chose the size of, and a fixed amount for the rest.
    pub(super) fn bytes(&self) -> usize {
        let protocols = self.protocols.iter().map(|(name, subscription)| protocol_bytes(name, subscription));
        let client = self.client.id.len().saturating_add(self.client.host.len());
        let instance = self.instance_id.as_ref().map_or(0, String::len);
        [client, instance, self.assignment.len()].into_iter().chain(protocols).fold(MEMBER_BYTES, usize::saturating_add)
    }
}

/// What a member waits for, and what is waited for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Waits {
    /// Who waits for the end of the join phase.
    pub(super) join: Option<ReplyTo>,
    /// Who waits for the leader's assignments.
    pub(super) sync: Option<ReplyTo>,
    /// Whether the member was told of a generation, and has not asked for its assignment yet.
    pub(super) owes_sync: bool,
    /// Whether it never was in a generation: it cannot heartbeat, so that its join itself has a time limit.
    pub(super) is_new: bool,
}

/// What a member costs beside what clients choose the size of, about.
const MEMBER_BYTES: usize = 512;
/// What one of its protocols costs beside its name and subscription, about.
const PROTOCOL_BYTES: usize = 256;

/// Bytes that a protocol of a member costs, about.
pub(super) const fn protocol_bytes(name: &str, subscription: &Bytes) -> usize {
    PROTOCOL_BYTES.saturating_add(name.len()).saturating_add(subscription.len())
}

/// Protocols as a member keeps them: each name once.
pub(super) fn own_protocols(protocols: &[(String, Bytes)]) -> Vec<(String, Bytes)> {
    let mut known = BTreeSet::new();
    protocols.iter().filter(|(name, _)| known.insert(name.as_str())).cloned().collect()
}

/// How long a member lives. A heartbeat moves the deadline only; the timer that was set finds out when it fires.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Session {
    /// Until when the member lives.
    pub(super) deadline: Tick,
    /// When the member's timer fires, if one is set.
    pub(super) timer: Option<Tick>,
}

impl Session {
    /// Moves the deadline. Whether the timer must be set, because it would fire too late or not at all.
    pub(super) fn move_to(&mut self, deadline: Tick) -> bool {
        self.deadline = deadline;
        let is_late = self.timer.is_none_or(|timer| timer > deadline);
        if is_late {
            self.timer = Some(deadline);
        }
        is_late
    }
}
