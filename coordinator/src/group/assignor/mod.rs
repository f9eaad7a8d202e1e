//! Who is to read what: KIP-848's server-side assignors. Pure functions.
//!
//! Deterministic and sticky: the same input gives the same target, and a target changes as little as balance allows.

mod range;
mod uniform;

#[cfg(test)]
mod kafka_tests;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use model::TopicId;

/// A member as an assignor sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// Of a static member.
    pub instance_id: Option<String>,
    /// The topics that it subscribes to and that exist.
    pub topics: BTreeSet<TopicId>,
    /// What its last target was.
    pub assigned: Assignment,
}

/// Partitions by topic.
pub type Assignment = BTreeMap<TopicId, BTreeSet<i32>>;

/// A group to assign: members by id, topics with their numbers of partitions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupSpec {
    /// The members by id.
    pub members: BTreeMap<String, Member>,
    /// The topics that anybody subscribes to, with their numbers of partitions.
    pub topics: BTreeMap<TopicId, i32>,
}

impl GroupSpec {
    /// The members in the order in which partitions are given out: static members by instance id, then the others by
    /// member id. A static member that comes back with another member id thus keeps its place.
    fn in_order(&self) -> Vec<(&str, &Member)> {
        let mut members: Vec<_> = self.members.iter().map(|(id, member)| (id.as_str(), member)).collect();
        members.sort_by_key(|(_, member)| (member.instance_id.is_none(), member.instance_id.as_deref()));
        members
    }

    /// How many partitions a topic has; none if it is not there.
    fn partition_count(&self, topic: TopicId) -> i32 {
        self.topics.get(&topic).copied().unwrap_or(0).max(0)
    }

    /// The topics, if all members subscribe to the same.
    fn common_topics(&self) -> Option<&BTreeSet<TopicId>> {
        let mut members = self.members.values();
        let first = &members.next()?.topics;
        members.all(|member| member.topics == *first).then_some(first)
    }
}

/// An assignor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assignor {
    /// Kafka's `uniform`: every member has as many partitions as any other, whatever the topics.
    Uniform,
    /// Kafka's `range`: of every topic a range, so that topics of the same size and the same members are
    /// co-partitioned.
    Range,
}

impl Assignor {
    /// The assignor of this name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        match name {
            "uniform" => Some(Self::Uniform),
            "range" => Some(Self::Range),
            _ => None,
        }
    }

    /// The target of every member. Every partition of a topic that anybody subscribes to is in exactly one.
    #[must_use]
    pub fn assign(self, spec: &GroupSpec) -> BTreeMap<String, Assignment> {
        match self {
            Self::Uniform => uniform::assign(spec),
            Self::Range => range::assign(spec),
        }
    }
}
