//! A classic group: its state, its generation, and what is known of all its members together.

use std::collections::{BTreeMap, BTreeSet};

use model::Timestamp;

use super::super::event::{DescribedGroup, DescribedMember, JoinedMember};
use super::member::Member;
use super::members::Members;
use super::subscription;
use crate::records::group_metadata::GroupMetadataValue;

/// The protocol type of consumers, whose subscriptions can be read here.
const CONSUMER: &str = "consumer";

/// Where a group stands. `Dead` is no state here: a group that is deleted is not there any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum State {
    /// Nobody is in it.
    #[default]
    Empty,
    /// Members are expected to join or to rejoin.
    PreparingRebalance,
    /// Members know their generation; the leader is expected to assign.
    CompletingRebalance,
    /// Members have their assignments.
    Stable,
}

/// The wait for more members after the first one came to an empty group.
#[derive(Clone, Copy, Debug)]
pub(super) struct InitialDelay {
    /// The part that is running, in ms.
    pub(super) running_ms: u64,
    /// What may still be added, in ms.
    pub(super) remaining_ms: u64,
    /// Whether somebody joined in the part that is running, so that another one follows.
    pub(super) is_extended: bool,
}

/// A classic group.
#[derive(Debug, Default)]
pub(crate) struct ClassicGroup {
    pub(super) state: State,
    /// Since when it is in this state; `None` in records of old brokers.
    pub(super) since: Option<Timestamp>,
    /// Set by the first member, and kept when all have left.
    pub(super) protocol_type: Option<String>,
    /// The protocol of this generation.
    pub(super) protocol_name: Option<String>,
    pub(super) generation: i32,
    /// The member that assigns.
    pub(super) leader: Option<String>,
    pub(super) members: Members,
    /// Ids that were given out, whose members have not joined yet (KIP-394).
    pub(super) pending: BTreeSet<String>,
    /// In the join phase of a group that was empty.
    pub(super) initial: Option<InitialDelay>,
    /// What the members of this generation subscribe to, where that can be read.
    pub(super) topics: Option<BTreeSet<String>>,
}

impl ClassicGroup {
    /// The state, in Kafka's word.
    pub(crate) const fn state_name(&self) -> &'static str {
        match self.state {
            State::Empty => "Empty",
            State::PreparingRebalance => "PreparingRebalance",
            State::CompletingRebalance => "CompletingRebalance",
            State::Stable => "Stable",
        }
    }

    /// The protocol type; empty before the first member has set it.
    pub(crate) fn protocol_type(&self) -> &str {
        self.protocol_type.as_deref().unwrap_or("")
    }

    /// Whether nobody is in it. Somebody may be about to join.
    pub(crate) const fn is_empty(&self) -> bool {
        matches!(self.state, State::Empty)
    }

    pub(super) fn is_leader(&self, member_id: &str) -> bool {
        self.leader.as_deref() == Some(member_id)
    }

    /// Whether its members speak the consumers' protocol.
    pub(crate) fn is_of_consumers(&self) -> bool {
        self.protocol_type() == CONSUMER
    }

    /// The group as `DescribeGroups` shows it.
    pub(crate) fn describe(&self) -> DescribedGroup {
        let protocol = match &self.protocol_name {
            Some(name) if self.state == State::Stable => Some(name.as_str()),
            _ => None,
        };
        DescribedGroup {
            state: self.state_name().to_owned(),
            protocol_type: self.protocol_type().to_owned(),
            protocol: protocol.unwrap_or("").to_owned(),
            members: self.members.iter().map(|(id, member)| described(id, member, protocol)).collect(),
            ..DescribedGroup::default()
        }
    }

    /// The members as their leader sees them.
    pub(super) fn joined_members(&self) -> Vec<JoinedMember> {
        let protocol = self.protocol_name.as_deref().unwrap_or("");
        let members = self.members.iter().map(|(member_id, member)| JoinedMember {
            member_id: member_id.clone(),
            group_instance_id: member.instance_id.clone(),
            metadata: member.subscription(protocol),
        });
        members.collect()
    }

    /// Whether a member with these protocols can be in the group.
    pub(super) fn supports<'a>(&self, protocol_type: &str, mut protocols: impl Iterator<Item = &'a str>) -> bool {
        if self.state == State::Empty {
            return !protocol_type.is_empty() && protocols.next().is_some();
        }
        self.protocol_type() == protocol_type && protocols.any(|name| self.members.all_know(name))
    }

    /// The protocol that most members prefer among those that all know; of equals the first by name.
    pub(super) fn select_protocol(&self) -> Option<String> {
        let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, member) in self.members.iter() {
            let mut names = member.protocols.iter().map(|(name, _)| name.as_str());
            if let Some(name) = names.find(|name| self.members.all_know(name)) {
                let count = votes.entry(name).or_default();
                *count = count.saturating_add(1);
            }
        }
        let most = votes.values().copied().max()?;
        votes.into_iter().find(|(_, count)| *count == most).map(|(name, _)| name.to_owned())
    }

    /// Takes a member in. The first one decides on the protocol type, and leads.
    pub(super) fn add(&mut self, member_id: String, member: Member, protocol_type: &str) {
        if self.members.is_empty() {
            self.protocol_type = Some(protocol_type.to_owned());
        }
        self.pending.remove(&member_id);
        if self.leader.is_none() {
            self.leader = Some(member_id.clone());
        }
        self.members.insert(member_id, member);
    }

    /// Takes a member or a pending one out. If it led, the first one left does.
    pub(super) fn remove(&mut self, member_id: &str) -> Option<Member> {
        self.pending.remove(member_id);
        let member = self.members.remove(member_id);
        if self.is_leader(member_id) {
            self.leader = self.members.first_id().cloned();
        }
        member
    }

    /// Makes a member that rejoined the leader, if the leader did not. `false` if nobody did.
    pub(super) fn elect_joined_leader(&mut self) -> bool {
        let has_joined = |member: &Member| member.waits.join.is_some();
        let leader = self.leader.as_ref().and_then(|leader| self.members.get(leader));
        if leader.is_some_and(has_joined) {
            return true;
        }
        let elected = self.members.iter().find(|(_, member)| has_joined(member)).map(|(id, _)| id.clone());
        let is_elected = elected.is_some();
        if is_elected {
            self.leader = elected;
        }
        is_elected
    }

    /// Whether all who are expected have joined, and nobody is about to.
    pub(super) fn has_all_joined(&self) -> bool {
        self.members.len() == self.members.joined() && self.pending.is_empty()
    }

    pub(super) fn change_state(&mut self, state: State, now: Timestamp) {
        self.state = state;
        self.since = Some(now);
        if state != State::PreparingRebalance {
            self.initial = None;
        }
    }

    /// The next generation, with those who have joined.
    pub(super) fn begin_generation(&mut self, now: Timestamp) {
        // As in Kafka, whose generations are Java's ints: the number after the largest is the smallest.
        self.generation = self.generation.wrapping_add(1);
        self.protocol_name = self.select_protocol();
        self.topics = self.subscribed_topics();
        let state = if self.members.is_empty() { State::Empty } else { State::CompletingRebalance };
        self.change_state(state, now);
    }

    /// What all members together subscribe to. `None` where that cannot be known: no protocol yet, not a consumer's, or one
    /// subscription that cannot be read.
    pub(super) fn subscribed_topics(&self) -> Option<BTreeSet<String>> {
        if !self.is_of_consumers() {
            return None;
        }
        if self.members.is_empty() {
            return Some(BTreeSet::new());
        }
        let protocol = self.protocol_name.as_deref()?;
        let mut topics = BTreeSet::new();
        for (_, member) in self.members.iter() {
            subscription::add_topics(&member.subscription(protocol), &mut topics).ok()?;
        }
        Some(topics)
    }

    /// What the log is to know of the group.
    pub(super) fn value(&self) -> GroupMetadataValue {
        let protocol = self.protocol_name.as_deref().unwrap_or("");
        GroupMetadataValue {
            protocol_type: self.protocol_type().to_owned(),
            generation: self.generation,
            protocol: self.protocol_name.clone(),
            leader: self.leader.clone(),
            current_state_timestamp: self.since.unwrap_or(Timestamp::NONE).get(),
            members: self.members.iter().map(|(id, member)| member.record(id, protocol)).collect(),
        }
    }
}

/// A member as it is described, with its subscription in the protocol of a stable group.
fn described(member_id: &str, member: &Member, protocol: Option<&str>) -> DescribedMember {
    DescribedMember {
        member_id: member_id.to_owned(),
        group_instance_id: member.instance_id.clone(),
        client: member.client.clone(),
        metadata: protocol.map(|protocol| member.subscription(protocol)).unwrap_or_default(),
        assignment: member.assignment.clone(),
    }
}
