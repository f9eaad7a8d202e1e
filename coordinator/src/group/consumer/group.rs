//! A KIP-848 group: its members, what each is to own, who holds what. What the log says, and what follows from it.

use std::collections::{BTreeMap, BTreeSet};

use model::{Timestamp, TopicId};

use super::member::{About, Current, Member};
use crate::group::assignor::Assignment;

/// A KIP-848 group.
#[derive(Debug)]
pub(crate) struct ConsumerGroup {
    /// Grows whenever the target has to be computed anew.
    pub(super) epoch: i32,
    /// A hash of the topics that the members subscribe to: another one means that the target has to be computed anew.
    pub(super) metadata_hash: i64,
    /// The epoch of the target.
    pub(super) target_epoch: i32,
    /// When the target was computed, in ms since 1970; 0 if none was yet, or the group was empty since.
    pub(super) target_time: i64,
    /// Boxed: a map makes room for eleven at once, and most groups have few.
    members: BTreeMap<String, Box<Member>>,
    /// What each member is to own in the end.
    target: BTreeMap<String, Assignment>,
    /// The topics of each pattern, where they were looked for.
    resolved: BTreeMap<String, Resolved>,
    /// Members by instance id.
    instances: BTreeMap<String, String>,
    /// How many members name a topic, and how many patterns stand for it.
    topics: BTreeMap<String, usize>,
    /// How many members subscribe to a pattern.
    patterns: BTreeMap<String, usize>,
    /// How many members prefer an assignor.
    assignors: BTreeMap<String, usize>,
    /// How many members speak the classic protocol.
    classic_members: usize,
    /// How many of those know a protocol.
    classic_protocols: BTreeMap<String, usize>,
    /// How many members hold a partition: one at most, but between two records of a replay.
    held: BTreeMap<(TopicId, i32), usize>,
    /// Bytes of what the members said of themselves.
    bytes: usize,
    /// What must be looked at again. Not in the log.
    pub(super) look: Look,
}

/// What a group must look at again at its next heartbeat.
#[derive(Debug)]
pub(super) struct Look {
    /// Topics that it subscribes to may have changed.
    pub(super) topics: bool,
    /// Its patterns may stand for other topics.
    pub(super) patterns: bool,
    /// When its patterns were last looked for.
    pub(super) patterns_at: Timestamp,
}

/// The topics of a pattern.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Resolved {
    /// The names.
    pub(super) topics: BTreeSet<String>,
    /// Which topics there were: [`Topics::version`](crate::group::Topics::version).
    pub(super) version: i64,
    /// When, in ms since 1970.
    pub(super) timestamp: i64,
}

impl Default for ConsumerGroup {
    /// A group that nobody has joined: Kafka's groups begin with epoch 1 and an empty target of that epoch.
    fn default() -> Self {
        Self {
            epoch: 1,
            metadata_hash: 0,
            target_epoch: 1,
            target_time: 0,
            members: BTreeMap::new(),
            target: BTreeMap::new(),
            resolved: BTreeMap::new(),
            instances: BTreeMap::new(),
            topics: BTreeMap::new(),
            patterns: BTreeMap::new(),
            assignors: BTreeMap::new(),
            classic_members: 0,
            classic_protocols: BTreeMap::new(),
            held: BTreeMap::new(),
            bytes: 0,
            look: Look { topics: true, patterns: true, patterns_at: Timestamp::NONE },
        }
    }
}

/// What follows from the records.
impl ConsumerGroup {
    /// The members, by id.
    pub(super) const fn members(&self) -> &BTreeMap<String, Box<Member>> {
        &self.members
    }

    /// A member.
    pub(super) fn member(&self, member_id: &str) -> Option<&Member> {
        self.members.get(member_id).map(Box::as_ref)
    }

    /// The member's timers.
    pub(super) fn session_mut(&mut self, member_id: &str) -> Option<&mut super::member::Session> {
        self.members.get_mut(member_id).map(|member| &mut member.session)
    }

    /// The id of the static member of this instance.
    pub(super) fn member_of_instance(&self, instance_id: &str) -> Option<&str> {
        self.instances.get(instance_id).map(String::as_str)
    }

    /// What the members are to own in the end.
    pub(super) const fn target(&self) -> &BTreeMap<String, Assignment> {
        &self.target
    }

    /// The topics that members read, by name or by a pattern.
    pub(super) fn topics(&self) -> impl Iterator<Item = &str> {
        self.topics.keys().map(String::as_str)
    }

    /// Whether a member reads this topic, by name or by a pattern.
    pub(super) fn has_readers(&self, topic: &str) -> bool {
        self.topics.contains_key(topic)
    }

    /// The patterns that members subscribe to.
    pub(super) fn patterns(&self) -> impl Iterator<Item = &str> {
        self.patterns.keys().map(String::as_str)
    }

    /// How many members subscribe to a pattern.
    pub(super) fn subscribers(&self, pattern: &str) -> usize {
        self.patterns.get(pattern).copied().unwrap_or(0)
    }

    /// What a pattern stands for.
    pub(super) fn resolved(&self, pattern: &str) -> Option<&Resolved> {
        self.resolved.get(pattern)
    }

    /// The patterns that topics were looked for.
    pub(super) fn resolved_patterns(&self) -> impl Iterator<Item = &str> {
        self.resolved.keys().map(String::as_str)
    }

    /// Whether a member holds this partition.
    pub(super) fn is_held(&self, topic: TopicId, partition: i32) -> bool {
        self.held.contains_key(&(topic, partition))
    }

    /// Whether `member` subscribes to this topic, by name or by its pattern.
    pub(super) fn reads(&self, member: &Member, topic: &str) -> bool {
        member.about.names(topic)
            || self.resolved.get(&member.about.pattern).is_some_and(|resolved| resolved.topics.contains(topic))
    }

    /// The assignor that most members prefer; of equals the one that `known` has first; if nobody prefers one, its first.
    pub(super) fn preferred_assignor<'a>(&self, known: &'a [String]) -> &'a str {
        let votes = |name: &str| self.assignors.get(name).copied().unwrap_or(0);
        let mut best: Option<&'a String> = None;
        for name in known {
            if best.is_none_or(|best| votes(name) > votes(best)) {
                best = Some(name);
            }
        }
        best.map_or("uniform", String::as_str)
    }

    /// Bytes of what the members said of themselves.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many members speak the classic protocol.
    pub(super) const fn classic_members(&self) -> usize {
        self.classic_members
    }

    /// Whether all members that speak the classic protocol know this one of its protocols.
    pub(super) fn all_know_protocol(&self, protocol: &str) -> bool {
        self.classic_protocols.get(protocol).copied().unwrap_or(0) == self.classic_members
    }

    /// A member says something of itself. Returns the topics that may now be read by more or fewer.
    pub(super) fn set_about(&mut self, member_id: &str, about: About) -> Vec<String> {
        let old = std::mem::take(&mut self.members.entry(member_id.to_owned()).or_default().about);
        self.discount(member_id, &old);
        self.count(member_id, &about);
        let mut touched = old.topics;
        touched.extend(about.topics.iter().cloned());
        if let Some(member) = self.members.get_mut(member_id) {
            member.about = about;
        }
        touched
    }

    /// A member owns other partitions.
    pub(super) fn set_current(&mut self, member_id: &str, current: Current) {
        let member = self.members.entry(member_id.to_owned()).or_default();
        let old = std::mem::replace(&mut member.current, current);
        release(&mut self.held, &old);
        hold(&mut self.held, &member.current);
    }

    /// A member is gone. Returns the topics that may now be read by fewer.
    pub(super) fn remove_member(&mut self, member_id: &str) -> Vec<String> {
        let Some(member) = self.members.remove(member_id) else { return Vec::new() };
        self.discount(member_id, &member.about);
        release(&mut self.held, &member.current);
        member.about.topics
    }

    /// What a member is to own; `None` forgets it.
    pub(super) fn set_target(&mut self, member_id: &str, target: Option<Assignment>) {
        match target {
            Some(target) => self.target.insert(member_id.to_owned(), target),
            None => self.target.remove(member_id),
        };
    }

    /// What a pattern stands for; `None` forgets it. Returns the topics that may now be read by more or fewer.
    pub(super) fn set_resolved(&mut self, pattern: &str, resolved: Option<Resolved>) -> BTreeSet<String> {
        for topic in resolved.iter().flat_map(|resolved| &resolved.topics) {
            raise(&mut self.topics, topic);
        }
        let mut touched = resolved.as_ref().map(|resolved| resolved.topics.clone()).unwrap_or_default();
        let old = match resolved {
            Some(resolved) => self.resolved.insert(pattern.to_owned(), resolved),
            None => self.resolved.remove(pattern),
        };
        for topic in old.into_iter().flat_map(|old| old.topics) {
            lower(&mut self.topics, &topic);
            touched.insert(topic);
        }
        touched
    }

    fn count(&mut self, member_id: &str, about: &About) {
        self.bytes = self.bytes.saturating_add(about.bytes());
        for topic in &about.topics {
            raise(&mut self.topics, topic);
        }
        if !about.pattern.is_empty() {
            raise(&mut self.patterns, &about.pattern);
        }
        if let Some(assignor) = &about.assignor {
            raise(&mut self.assignors, assignor);
        }
        if let Some(instance_id) = &about.instance_id {
            self.instances.insert(instance_id.clone(), member_id.to_owned());
        }
        if let Some(classic) = &about.classic {
            self.classic_members += 1;
            for (protocol, _) in &classic.protocols {
                raise(&mut self.classic_protocols, protocol);
            }
        }
    }

    fn discount(&mut self, member_id: &str, about: &About) {
        self.bytes = self.bytes.saturating_sub(about.bytes());
        for topic in &about.topics {
            lower(&mut self.topics, topic);
        }
        if !about.pattern.is_empty() {
            lower(&mut self.patterns, &about.pattern);
        }
        if let Some(assignor) = &about.assignor {
            lower(&mut self.assignors, assignor);
        }
        if let Some(instance_id) = &about.instance_id
            && self.instances.get(instance_id).is_some_and(|member| member == member_id)
        {
            self.instances.remove(instance_id);
        }
        if let Some(classic) = &about.classic {
            self.classic_members = self.classic_members.saturating_sub(1);
            for (protocol, _) in &classic.protocols {
                lower(&mut self.classic_protocols, protocol);
            }
        }
    }
}

fn hold(held: &mut BTreeMap<(TopicId, i32), usize>, current: &Current) {
    for (topic, partition) in partitions(current) {
        *held.entry((topic, partition)).or_default() += 1;
    }
}

fn release(held: &mut BTreeMap<(TopicId, i32), usize>, current: &Current) {
    for key in partitions(current) {
        if let Some(holders) = held.get_mut(&key) {
            *holders = holders.saturating_sub(1);
            if *holders == 0 {
                held.remove(&key);
            }
        }
    }
}

/// All partitions that a member holds.
fn partitions(current: &Current) -> impl Iterator<Item = (TopicId, i32)> {
    let both = [&current.assigned, &current.revoking].into_iter().flatten();
    both.flat_map(|(topic, partitions)| partitions.keys().map(|partition| (*topic, *partition)))
}

fn raise(counts: &mut BTreeMap<String, usize>, key: &str) {
    if let Some(count) = counts.get_mut(key) {
        *count += 1;
    } else {
        counts.insert(key.to_owned(), 1);
    }
}

fn lower(counts: &mut BTreeMap<String, usize>, key: &str) {
    if let Some(count) = counts.get_mut(key) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(key);
        }
    }
}
