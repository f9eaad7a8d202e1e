//! A client of the classic protocol: it joins, assigns if it leads, syncs, and lives. Eager, or cooperative (KIP-429).

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use coordinator::group::event::{
    Client as Sender, Heartbeat, JoinGroup, JoinGroupReply, LeaveGroup, LeavingMember, SyncGroup, SyncGroupReply,
};
use coordinator::group::{GroupEvent, GroupReply, Topics};
use model::ErrorCode;

use crate::blobs::{Partitions, assignment, read_assignment, read_subscription, subscription};
use crate::client::{BACKOFF_MS, HEARTBEAT_MS};
use crate::topics::TestTopics;

#[derive(Default)]
pub(crate) struct ClassicClient {
    pub(crate) member_id: String,
    pub(crate) instance_id: Option<String>,
    pub(crate) generation: i32,
    pub(crate) topics: BTreeSet<String>,
    pub(crate) owned: Partitions,
    pub(crate) is_cooperative: bool,
    pub(crate) is_fenced: bool,
    pub(crate) fresh_member_id: String,
    /// The subscriptions of all, if it leads.
    members: Vec<(String, Bytes)>,
    /// Of the topics that it assigned, if it leads: when they change, it asks for another rebalance.
    assigned_version: Option<u64>,
    /// Whether it leads again and need not assign (KIP-814): what it missed while it was away, it asks for afterwards.
    leads_again: bool,
    stage: Stage,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Out,
    Joined,
    In,
}

impl ClassicClient {
    /// A client that has not joined.
    pub(crate) fn new(
        fresh_member_id: String,
        instance_id: Option<String>,
        topics: BTreeSet<String>,
        is_cooperative: bool,
    ) -> Self {
        Self { instance_id, topics, is_cooperative, fresh_member_id, ..Self::default() }
    }

    pub(crate) fn is_in(&self) -> bool {
        self.stage == Stage::In
    }

    pub(crate) fn ask(&mut self, group_id: &str, topics: &TestTopics) -> GroupEvent {
        let group_id = group_id.to_owned();
        let is_outdated = self.assigned_version.is_some_and(|version| version != topics.version());
        if self.is_in() && (is_outdated || self.leads_again) {
            self.stage = Stage::Out;
        }
        match self.stage {
            Stage::Out => GroupEvent::JoinGroup(self.join(group_id)),
            Stage::Joined => GroupEvent::SyncGroup(SyncGroup {
                assignments: self.assign(topics),
                group_id,
                generation_id: self.generation,
                member_id: self.member_id.clone(),
                group_instance_id: self.instance_id.clone(),
                ..SyncGroup::default()
            }),
            Stage::In => GroupEvent::Heartbeat(Heartbeat {
                group_id,
                generation_id: self.generation,
                member_id: self.member_id.clone(),
                group_instance_id: self.instance_id.clone(),
            }),
        }
    }

    fn join(&mut self, group_id: String) -> JoinGroup {
        if !self.is_cooperative {
            self.owned.clear();
        }
        JoinGroup {
            group_id,
            member_id: self.member_id.clone(),
            group_instance_id: self.instance_id.clone(),
            session_timeout_ms: 10_000,
            rebalance_timeout_ms: 20_000,
            protocol_type: "consumer".to_owned(),
            protocols: vec![(self.protocol().to_owned(), subscription(&self.topics, &self.owned))],
            reason: None,
            client: Sender { id: "c".to_owned(), host: "/127.0.0.1".to_owned() },
            requires_known_member_id: self.instance_id.is_none(),
            supports_skipping_assignment: true,
            fresh_member_id: self.fresh_member_id.clone(),
        }
    }

    fn protocol(&self) -> &'static str {
        if self.is_cooperative { "cooperative-sticky" } else { "range" }
    }

    /// Deals all partitions out in turn; what another cooperative member still owns, it gives up first.
    fn assign(&mut self, topics: &TestTopics) -> Vec<(String, Bytes)> {
        self.assigned_version = (!self.members.is_empty()).then_some(topics.version());
        let members: BTreeMap<&String, _> =
            self.members.iter().map(|(id, blob)| (id, read_subscription(blob))).collect();
        let wanted: BTreeSet<String> = members.values().flat_map(|(topics, _)| topics).cloned().collect();
        let mut dealt: BTreeMap<&String, Partitions> = members.keys().map(|id| (*id, Partitions::new())).collect();
        for (turn, partition) in topics.partitions(&wanted).into_iter().enumerate() {
            let readers: Vec<_> = members.iter().filter(|(_, (topics, _))| topics.contains(&partition.0)).collect();
            let Some((id, _)) = readers.get(turn % readers.len().max(1)) else { continue };
            let is_held = members.iter().any(|(other, (_, owned))| other != *id && owned.contains(&partition));
            if !(self.is_cooperative && is_held) {
                dealt.entry(id).or_default().insert(partition);
            }
        }
        dealt.into_iter().map(|(id, partitions)| (id.clone(), assignment(&partitions))).collect()
    }

    pub(crate) fn hear(&mut self, reply: GroupReply) -> u64 {
        match reply {
            GroupReply::JoinGroup(reply) => self.hear_join(reply),
            GroupReply::SyncGroup(reply) => self.hear_sync(&reply),
            GroupReply::Heartbeat(ErrorCode::None) => HEARTBEAT_MS,
            GroupReply::Heartbeat(error) => self.refused(error),
            reply => panic!("a classic client got {reply:?}"),
        }
    }

    fn hear_join(&mut self, reply: JoinGroupReply) -> u64 {
        match reply.error {
            ErrorCode::None => {
                self.generation = reply.generation_id;
                let leads = reply.leader == reply.member_id;
                self.leads_again = leads && reply.skip_assignment;
                self.members = if leads && !self.leads_again {
                    reply.members.into_iter().map(|member| (member.member_id, member.metadata)).collect()
                } else {
                    Vec::new()
                };
                self.member_id = reply.member_id;
                self.stage = Stage::Joined;
                0
            }
            ErrorCode::MemberIdRequired => {
                self.member_id = reply.member_id;
                0
            }
            error => self.refused(error),
        }
    }

    fn hear_sync(&mut self, reply: &SyncGroupReply) -> u64 {
        if reply.error != ErrorCode::None {
            return self.refused(reply.error);
        }
        let before = std::mem::replace(&mut self.owned, read_assignment(&reply.assignment));
        let revoked = before.difference(&self.owned).next().is_some();
        // Who gives something up says so at once, so that it can be given to others.
        self.stage = if self.is_cooperative && revoked { Stage::Out } else { Stage::In };
        0
    }

    fn refused(&mut self, error: ErrorCode) -> u64 {
        self.stage = Stage::Out;
        match error {
            ErrorCode::RebalanceInProgress => 0,
            ErrorCode::IllegalGeneration | ErrorCode::UnknownMemberId => {
                if error == ErrorCode::UnknownMemberId {
                    self.member_id.clear();
                }
                self.owned.clear();
                0
            }
            ErrorCode::FencedInstanceId => {
                self.is_fenced = true;
                0
            }
            ErrorCode::InconsistentGroupProtocol | ErrorCode::GroupMaxSizeReached => BACKOFF_MS,
            error => panic!("a classic client was refused with {error:?}"),
        }
    }

    pub(crate) fn leave(&self, group_id: &str) -> Option<GroupEvent> {
        // A static member goes without a word: it comes back.
        let is_known = self.instance_id.is_none() && !self.member_id.is_empty();
        is_known.then(|| {
            let member = LeavingMember { member_id: self.member_id.clone(), ..LeavingMember::default() };
            GroupEvent::LeaveGroup(LeaveGroup { group_id: group_id.to_owned(), members: vec![member] })
        })
    }
}
