//! Topics by pattern: which topics the patterns of a group's members stand for, and when they are looked for again.

use std::collections::{BTreeMap, BTreeSet};

use model::{ErrorCode, Timestamp};
use regex::Regex;

use super::group::{ConsumerGroup, Resolved};
use super::records;
use super::refusal::Refusal;
use crate::group::event::TopicsChanged;
use crate::group::{Context, Group, GroupOutcome, GroupShard, Topics};
use crate::re2::{self, Rejected};

/// Compiled patterns that are kept.
const KEPT_MAX: usize = 128;

/// Compiled patterns. Only a cache: what it forgets is compiled again.
#[derive(Debug, Default)]
pub(crate) struct Patterns {
    compiled: BTreeMap<String, Regex>,
}

impl Patterns {
    /// The pattern, compiled to match whole names.
    fn get(&mut self, pattern: &str) -> Result<&Regex, Rejected> {
        if !self.compiled.contains_key(pattern) {
            let compiled = re2::compile(pattern)?;
            if self.compiled.len() >= KEPT_MAX {
                self.compiled.clear();
            }
            self.compiled.insert(pattern.to_owned(), compiled);
        }
        self.compiled.get(pattern).ok_or(Rejected::TooBig)
    }

    /// The topics that a pattern stands for. One that does not compile, as another broker's may, stands for none.
    /// `None` if they are more than a record has room for.
    fn matching(&mut self, pattern: &str, topics: &dyn Topics, bytes_max: usize) -> Option<BTreeSet<String>> {
        let mut matching = BTreeSet::new();
        let mut bytes = 0_usize;
        if let Ok(regex) = self.get(pattern) {
            topics.each_name(&mut |name| {
                if bytes <= bytes_max && regex.is_match(name) {
                    bytes = bytes.saturating_add(name.len());
                    matching.insert(name.to_owned());
                }
            });
        }
        (bytes <= bytes_max).then_some(matching)
    }

    /// Whether one of the group's patterns may not stand for the right ones of these topics any more. Where there are more
    /// patterns than are kept, that is said of those that would have to be compiled for the answer: each group then finds
    /// out for itself, and not all of them at once.
    fn concerned(&mut self, group: &ConsumerGroup, topics: &dyn Topics, changed: &[String]) -> bool {
        group.patterns().any(|pattern| {
            let Some(resolved) = group.resolved(pattern) else { return true };
            if self.compiled.len() >= KEPT_MAX && !self.compiled.contains_key(pattern) {
                return true;
            }
            changed.iter().any(|name| {
                let stands = resolved.topics.contains(name);
                // A topic that matched still does, unless it is gone; only new ones have to be matched.
                match (stands, topics.by_name(name)) {
                    (true, found) => found.is_none(),
                    (false, None) => false,
                    (false, Some(_)) => self.get(pattern).is_ok_and(|regex| regex.is_match(name)),
                }
            })
        })
    }
}

/// Whether a pattern can be used.
pub(super) fn check(pattern: &str) -> Result<(), Refusal> {
    re2::compile(pattern).map(drop).map_err(|error| {
        let message = format!("SubscribedTopicRegex `{pattern}` is not a valid regular expression: {error}");
        Refusal::new(ErrorCode::InvalidRegularExpression, message)
    })
}

/// What became of the topics of a group's patterns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patterned {
    /// They are as they were.
    Same,
    /// They are others.
    Changed,
}

impl GroupShard {
    /// Looks which topics a group's patterns stand for, where nobody has looked yet, or everywhere if it is time to.
    pub(super) fn resolve_patterns(
        &mut self,
        context: &Context<'_>,
        group_id: &str,
        out: &mut GroupOutcome,
    ) -> Result<Patterned, ErrorCode> {
        let Some(group) = self.consumer(group_id) else { return Ok(Patterned::Same) };
        let all = group.patterns_are_due(context);
        let wanted: Vec<_> = group.patterns().filter(|name| all || group.resolved(name).is_none()).collect();
        let wanted: Vec<_> = wanted.into_iter().map(str::to_owned).collect();
        let mut patterned = Patterned::Same;
        for pattern in wanted {
            let bytes_max = context.settings.record_bytes_max / 2;
            // What cannot be written is left as it was: Kafka cannot write it either.
            let Some(topics) = self.compiled.matching(&pattern, context.topics, bytes_max) else { continue };
            let known = self.consumer(group_id).and_then(|group| group.resolved(&pattern)).map(|known| &known.topics);
            if known == Some(&topics) {
                continue;
            }
            if known.map_or(!topics.is_empty(), |known| *known != topics) {
                patterned = Patterned::Changed;
            }
            let version = i64::try_from(context.topics.version()).unwrap_or(i64::MAX);
            let resolved = Resolved { topics, version, timestamp: context.now.time.get() };
            self.accept(&records::pattern(group_id, &pattern, Some(&resolved)), out)?;
        }
        if all && let Some(group) = self.consumer_mut(group_id) {
            group.look.patterns = false;
            group.look.patterns_at = context.now.time;
        }
        Ok(patterned)
    }

    /// Forgets patterns that nobody subscribes to any more.
    pub(super) fn forget_unused_patterns(&mut self, group_id: &str, out: &mut GroupOutcome) -> Result<(), ErrorCode> {
        let Some(group) = self.consumer(group_id) else { return Ok(()) };
        let unused = group.resolved_patterns().filter(|pattern| group.subscribers(pattern) == 0);
        let tombstones: Vec<_> = unused.map(|pattern| records::pattern(group_id, pattern, None)).collect();
        for tombstone in tombstones {
            self.accept(&tombstone, out)?;
        }
        Ok(())
    }

    /// Topics came, went or grew: the groups that they concern look again at their next heartbeat.
    pub(in crate::group) fn topics_changed(&mut self, context: &Context<'_>, change: &TopicsChanged) {
        let mut readers: BTreeSet<&str> = BTreeSet::new();
        for topic in &change.changed {
            readers.extend(self.readers.of_topic(topic));
        }
        for group_id in readers {
            if let Some(Group::Consumer(group)) = self.groups.get_mut(group_id) {
                group.look.topics = true;
            }
        }
        for group_id in self.readers.with_patterns() {
            if let Some(Group::Consumer(group)) = self.groups.get_mut(group_id)
                && !group.look.patterns
            {
                group.look.patterns = self.compiled.concerned(group, context.topics, &change.changed);
            }
        }
    }
}

impl ConsumerGroup {
    /// Whether it is time to look again which topics the patterns stand for.
    pub(super) fn patterns_are_due(&self, context: &Context<'_>) -> bool {
        let interval_ms = i64::from(context.settings.consumer_regex_refresh_interval_ms);
        self.patterns().next().is_some()
            && (self.look.patterns
                || self.look.patterns_at == Timestamp::NONE
                || context.now.time.ms_since(self.look.patterns_at) >= interval_ms)
    }
}
