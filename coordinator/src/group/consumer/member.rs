//! A member of a KIP-848 group: what it said of itself, what it owns, and how long it may be silent.

use std::collections::BTreeMap;

use model::{Tick, TopicId};

use crate::group::event::{Client, TopicPartitions};
use crate::records::consumer_group_current_member_assignment::{
    self as current_record, ConsumerGroupCurrentMemberAssignmentValue,
};
use crate::records::consumer_group_member_metadata::{
    ClassicMemberMetadata, ClassicProtocol, ConsumerGroupMemberMetadataValue,
};

/// The epoch that an absent static member has: it left, and may come back within its session.
pub(super) const AWAY: i32 = -2;

/// The epoch of a member that leaves for good.
pub(super) const LEFT: i32 = -1;

/// Partitions that somebody owns, each with the epoch in which it was assigned (KIP-1251).
pub(super) type Owned = BTreeMap<TopicId, BTreeMap<i32, i32>>;

/// A member.
#[derive(Debug, Default)]
pub(super) struct Member {
    /// What it said of itself.
    pub(super) about: About,
    /// What it owns.
    pub(super) current: Current,
    /// Its timers; begun anew when the shard is loaded.
    pub(super) session: Session,
}

/// How long a member may be silent. Not in the log.
#[derive(Debug, Default)]
pub(super) struct Session {
    /// When it is over.
    pub(super) ends: Tick,
    /// When the timer fires that looks at `ends`: a heartbeat moves `ends` and leaves the timer alone.
    pub(super) timer: Option<Tick>,
    /// The epoch in which the member was last asked to give partitions back.
    pub(super) revoking_in: Option<i32>,
}

/// What a member said of itself (`ConsumerGroupMemberMetadata`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct About {
    /// Of a static member.
    pub(super) instance_id: Option<String>,
    /// Where it stands.
    pub(super) rack_id: Option<String>,
    /// Who it is.
    pub(super) client: Client,
    /// The topics it names: in order, each once.
    pub(super) topics: Vec<String>,
    /// The pattern it subscribes to; empty for none.
    pub(super) pattern: String,
    /// Ms that it may take to give partitions back; -1 if it never said.
    pub(super) rebalance_timeout_ms: i32,
    /// The assignor that it prefers.
    pub(super) assignor: Option<String>,
    /// Of a member that speaks the classic protocol.
    pub(super) classic: Option<Classic>,
}

/// What a group must know of a member that speaks the classic protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Classic {
    /// Ms without a heartbeat after which it is gone.
    pub(super) session_timeout_ms: i32,
    /// Names and subscriptions, the preferred first.
    pub(super) protocols: Vec<(String, bytes::Bytes)>,
}

/// What a member owns (`ConsumerGroupCurrentMemberAssignment`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Current {
    /// Its epoch.
    pub(super) epoch: i32,
    /// Its epoch before: the one that it still has if our reply was lost.
    pub(super) previous_epoch: i32,
    /// What it is doing.
    pub(super) state: MemberState,
    /// What it may read.
    pub(super) assigned: Owned,
    /// What it has to give back.
    pub(super) revoking: Owned,
}

/// What a member is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum MemberState {
    /// It has what its target says, in the epoch it has.
    #[default]
    Stable,
    /// It has to give partitions back before it may go on.
    UnrevokedPartitions,
    /// It waits for partitions that others still have.
    UnreleasedPartitions,
    /// A state of a later version.
    Unknown(i8),
}

impl Default for About {
    fn default() -> Self {
        Self {
            instance_id: None,
            rack_id: None,
            client: Client::default(),
            topics: Vec::new(),
            pattern: String::new(),
            rebalance_timeout_ms: -1,
            assignor: None,
            classic: None,
        }
    }
}

impl Default for Current {
    fn default() -> Self {
        Self {
            epoch: 0,
            previous_epoch: -1,
            state: MemberState::Stable,
            assigned: Owned::new(),
            revoking: Owned::new(),
        }
    }
}

impl Member {
    /// Whether it has reached the target of this epoch.
    pub(super) fn is_reconciled_to(&self, target_epoch: i32) -> bool {
        self.current.state == MemberState::Stable && self.current.epoch == target_epoch
    }

    /// Whether it speaks the classic protocol.
    pub(super) fn is_classic(&self) -> bool {
        self.about.classic.is_some()
    }

    /// The epoch in which it was given this partition, if it has it.
    pub(super) fn assigned_in(&self, topic: TopicId, partition: i32) -> Option<i32> {
        let of = |owned: &Owned| owned.get(&topic).and_then(|partitions| partitions.get(&partition)).copied();
        of(&self.current.assigned).or_else(|| of(&self.current.revoking))
    }
}

impl About {
    /// Whether it names this topic.
    pub(super) fn names(&self, topic: &str) -> bool {
        self.topics.binary_search_by(|name| name.as_str().cmp(topic)).is_ok()
    }

    /// Bytes of all its texts: what clients choose the size of.
    pub(super) fn bytes(&self) -> usize {
        let options = [&self.instance_id, &self.rack_id, &self.assignor].into_iter().flatten().map(String::len);
        let protocols = self.classic.iter().flat_map(|classic| &classic.protocols);
        let protocols = protocols.map(|(name, metadata)| name.len().saturating_add(metadata.len()));
        let texts = [self.client.id.len(), self.client.host.len(), self.pattern.len()].into_iter();
        texts.chain(options).chain(protocols).chain(self.topics.iter().map(String::len)).fold(0, usize::saturating_add)
    }

    /// As the log has it.
    pub(super) fn to_value(&self) -> ConsumerGroupMemberMetadataValue {
        ConsumerGroupMemberMetadataValue {
            instance_id: self.instance_id.clone(),
            rack_id: self.rack_id.clone(),
            client_id: self.client.id.clone(),
            client_host: self.client.host.clone(),
            subscribed_topic_names: self.topics.clone(),
            subscribed_topic_regex: Some(self.pattern.clone()),
            rebalance_timeout_ms: self.rebalance_timeout_ms,
            server_assignor: self.assignor.clone(),
            classic_member_metadata: self.classic.as_ref().map(|classic| ClassicMemberMetadata {
                session_timeout_ms: classic.session_timeout_ms,
                supported_protocols: (classic.protocols.iter())
                    .map(|(name, metadata)| ClassicProtocol { name: name.clone(), metadata: metadata.clone() })
                    .collect(),
            }),
        }
    }
}

impl From<&ConsumerGroupMemberMetadataValue> for About {
    fn from(value: &ConsumerGroupMemberMetadataValue) -> Self {
        Self {
            instance_id: value.instance_id.clone(),
            rack_id: value.rack_id.clone(),
            client: Client { id: value.client_id.clone(), host: value.client_host.clone() },
            topics: in_order(value.subscribed_topic_names.clone()),
            pattern: value.subscribed_topic_regex.clone().unwrap_or_default(),
            rebalance_timeout_ms: value.rebalance_timeout_ms,
            assignor: value.server_assignor.clone(),
            classic: value.classic_member_metadata.as_ref().map(|classic| Classic {
                session_timeout_ms: classic.session_timeout_ms,
                protocols: (classic.supported_protocols.iter())
                    .map(|protocol| (protocol.name.clone(), protocol.metadata.clone()))
                    .collect(),
            }),
        }
    }
}

impl Current {
    /// As the log has it.
    pub(super) fn to_value(&self) -> ConsumerGroupCurrentMemberAssignmentValue {
        ConsumerGroupCurrentMemberAssignmentValue {
            member_epoch: self.epoch,
            previous_member_epoch: self.previous_epoch,
            state: self.state.code(),
            assigned_partitions: owned_value(&self.assigned),
            partitions_pending_revocation: owned_value(&self.revoking),
        }
    }
}

impl From<&ConsumerGroupCurrentMemberAssignmentValue> for Current {
    fn from(value: &ConsumerGroupCurrentMemberAssignmentValue) -> Self {
        Self {
            epoch: value.member_epoch,
            previous_epoch: value.previous_member_epoch,
            state: MemberState::from_code(value.state),
            assigned: owned_from(&value.assigned_partitions, value.member_epoch),
            revoking: owned_from(&value.partitions_pending_revocation, value.member_epoch),
        }
    }
}

impl MemberState {
    const fn code(self) -> i8 {
        match self {
            Self::Stable => 0,
            Self::UnrevokedPartitions => 1,
            Self::UnreleasedPartitions => 2,
            Self::Unknown(code) => code,
        }
    }

    const fn from_code(code: i8) -> Self {
        match code {
            0 => Self::Stable,
            1 => Self::UnrevokedPartitions,
            2 => Self::UnreleasedPartitions,
            other => Self::Unknown(other),
        }
    }
}

/// Names in order, each once.
pub(super) fn in_order(mut names: Vec<String>) -> Vec<String> {
    names.sort_unstable();
    names.dedup();
    names
}

/// What a reply says of these partitions.
pub(super) fn listed(owned: &Owned) -> Vec<TopicPartitions> {
    let topics = owned.iter();
    topics
        .map(|(id, partitions)| TopicPartitions { topic_id: *id, partitions: partitions.keys().copied().collect() })
        .collect()
}

fn owned_value(owned: &Owned) -> Vec<current_record::TopicPartitions> {
    (owned.iter())
        .map(|(topic_id, partitions)| current_record::TopicPartitions {
            topic_id: *topic_id,
            partitions: partitions.keys().copied().collect(),
            assignment_epochs: Some(partitions.values().copied().collect()),
        })
        .collect()
}

/// Records of before KIP-1251 have no epochs: the member's own stands for them.
fn owned_from(topics: &[current_record::TopicPartitions], member_epoch: i32) -> Owned {
    let mut owned = Owned::new();
    for topic in topics {
        let known = topic.assignment_epochs.as_deref().filter(|epochs| epochs.len() == topic.partitions.len());
        let partitions = owned.entry(topic.topic_id).or_default();
        for (place, partition) in topic.partitions.iter().enumerate() {
            let epoch = known.and_then(|epochs| epochs.get(place)).copied().unwrap_or(member_epoch.max(0));
            partitions.insert(*partition, epoch);
        }
    }
    owned
}
