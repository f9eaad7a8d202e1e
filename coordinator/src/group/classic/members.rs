//! The members of a classic group by id, and what is counted over them: who waits, who owes a sync, and how many know a
//! protocol.

use std::collections::{BTreeMap, btree_map};

use super::member::{Member, Session, Waits};

/// The members of a group.
#[derive(Debug, Default)]
pub(crate) struct Members {
    by_id: BTreeMap<String, Member>,
    /// Ids of static members by instance id.
    by_instance: BTreeMap<String, String>,
    /// How many members know a protocol, by its name.
    protocols: BTreeMap<String, usize>,
    /// How many wait for the end of the join phase.
    joined: usize,
    /// How many owe a sync.
    owing: usize,
    /// What they hold, about.
    bytes: usize,
}

impl Members {
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    pub(crate) fn contains(&self, member_id: &str) -> bool {
        self.by_id.contains_key(member_id)
    }

    pub(crate) fn get(&self, member_id: &str) -> Option<&Member> {
        self.by_id.get(member_id)
    }

    /// Members and their ids, in the order of the ids.
    pub(crate) fn iter(&self) -> btree_map::Iter<'_, String, Member> {
        self.by_id.iter()
    }

    /// The ids of all, in their order.
    pub(super) fn ids(&self) -> Vec<String> {
        self.by_id.keys().cloned().collect()
    }

    /// The first in the order of the ids.
    pub(super) fn first_id(&self) -> Option<&String> {
        self.by_id.keys().next()
    }

    /// The id of the static member with this instance id.
    pub(crate) fn static_id(&self, instance_id: &str) -> Option<&String> {
        self.by_instance.get(instance_id)
    }

    /// How many wait for the end of the join phase.
    pub(super) const fn joined(&self) -> usize {
        self.joined
    }

    /// Whether all asked for their assignment.
    pub(super) const fn all_synced(&self) -> bool {
        self.owing == 0
    }

    /// What they hold, about.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether all members know this protocol.
    pub(super) fn all_know(&self, protocol: &str) -> bool {
        self.protocols.get(protocol).copied().unwrap_or(0) == self.len()
    }

    /// The longest time that one of them may take to rejoin, in ms.
    pub(super) fn rebalance_timeout_ms(&self) -> u64 {
        let longest = self.by_id.values().map(|member| member.rebalance_timeout_ms).max();
        u64::try_from(longest.unwrap_or(0)).unwrap_or(0)
    }

    /// Adds a member. Whoever had this id is gone.
    pub(super) fn insert(&mut self, member_id: String, member: Member) {
        self.remove(&member_id);
        if let Some(instance_id) = &member.instance_id {
            self.by_instance.insert(instance_id.clone(), member_id.clone());
        }
        self.count_in(&member_id, &member);
        self.by_id.insert(member_id, member);
    }

    /// Takes a member out. Its parked replies come with it.
    pub(super) fn remove(&mut self, member_id: &str) -> Option<Member> {
        let member = self.by_id.remove(member_id)?;
        self.count_out(member_id, &member);
        if let Some(instance_id) = &member.instance_id
            && self.by_instance.get(instance_id).is_some_and(|id| id == member_id)
        {
            self.by_instance.remove(instance_id);
        }
        Some(member)
    }

    /// Changes what a member waits for, and what is counted of that.
    pub(super) fn wait<T>(&mut self, member_id: &str, change: impl FnOnce(&mut Waits) -> T) -> Option<T> {
        let waits = &mut self.by_id.get_mut(member_id)?.waits;
        let before = *waits;
        let result = change(waits);
        let after = *waits;
        self.count_out_waits(before);
        self.count_in_waits(after);
        Some(result)
    }

    /// Changes anything of a member, and all counts with it.
    pub(super) fn change<T>(&mut self, member_id: &str, change: impl FnOnce(&mut Member) -> T) -> Option<T> {
        let mut member = self.by_id.remove(member_id)?;
        self.count_out(member_id, &member);
        let result = change(&mut member);
        self.count_in(member_id, &member);
        self.by_id.insert(member_id.to_owned(), member);
        Some(result)
    }

    /// A member's session, which nothing is counted of.
    pub(super) fn session_mut(&mut self, member_id: &str) -> Option<&mut Session> {
        self.by_id.get_mut(member_id).map(|member| &mut member.session)
    }

    fn count_in(&mut self, member_id: &str, member: &Member) {
        for (name, _) in &member.protocols {
            match self.protocols.get_mut(name) {
                Some(count) => *count = count.saturating_add(1),
                None => {
                    self.protocols.insert(name.clone(), 1);
                }
            }
        }
        self.count_in_waits(member.waits);
        self.bytes = self.bytes.saturating_add(member_id.len()).saturating_add(member.bytes());
    }

    fn count_out(&mut self, member_id: &str, member: &Member) {
        for (name, _) in &member.protocols {
            if let Some(count) = self.protocols.get_mut(name) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    self.protocols.remove(name);
                }
            }
        }
        self.count_out_waits(member.waits);
        self.bytes = self.bytes.saturating_sub(member_id.len()).saturating_sub(member.bytes());
    }

    fn count_in_waits(&mut self, waits: Waits) {
        self.joined = self.joined.saturating_add(usize::from(waits.join.is_some()));
        self.owing = self.owing.saturating_add(usize::from(waits.owes_sync));
    }

    fn count_out_waits(&mut self, waits: Waits) {
        self.joined = self.joined.saturating_sub(usize::from(waits.join.is_some()));
        self.owing = self.owing.saturating_sub(usize::from(waits.owes_sync));
    }

    /// The counts are those of the members.
    #[cfg(test)]
    pub(super) fn check(&self) {
        let mut counted = Self::default();
        for (member_id, member) in &self.by_id {
            counted.insert(member_id.clone(), member.clone());
        }
        let counts = |of: &Self| (of.by_instance.clone(), of.protocols.clone(), of.joined, of.owing, of.bytes);
        assert_eq!(counts(self), counts(&counted));
    }
}
