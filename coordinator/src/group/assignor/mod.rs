//! Who is to read what: KIP-848's server-side assignors. Pure functions.
//!
//! Deterministic and sticky: the same input gives the same target, and a target changes as little as balance allows.

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

/// An assignor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assignor {
    /// Kafka's `uniform`.
    Uniform,
    /// Kafka's `range`.
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

    /// The target of every member.
    #[must_use]
    pub fn assign(self, _spec: &GroupSpec) -> BTreeMap<String, Assignment> {
        unimplemented!()
    }
}
