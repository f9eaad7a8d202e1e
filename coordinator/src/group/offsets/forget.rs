//! Offsets of topics that were deleted are forgotten, in steps: a topic may have many partitions and many readers.

use std::collections::{BTreeMap, BTreeSet};

use model::{ErrorCode, TopicId};

use super::Committed;
use super::delete::tombstone;
use super::expiry::{STEP_PAUSE_MS, STEP_RECORDS_MAX};
use crate::group::{Context, GroupOutcome, GroupShard, TimerKey};

/// Groups that one step looks at, at most.
const STEP_GROUPS_MAX: usize = 10_000;

/// Deleted topics whose offsets are being forgotten.
#[derive(Debug, Default)]
pub(crate) struct ForgetPass {
    topics: DeletedTopics,
    /// The group that was looked at last.
    after: Option<String>,
    /// Deleted after the pass began: the next one is for them.
    later: DeletedTopics,
}

/// The ids of deleted topics by name.
type DeletedTopics = BTreeMap<String, BTreeSet<TopicId>>;

impl GroupShard {
    /// These topics were deleted: what was committed for them is forgotten soon.
    pub(in crate::group) fn forget_topics(&mut self, context: &Context<'_>, deleted: &[(String, TopicId)]) {
        for (name, id) in deleted {
            self.forget.later.entry(name.clone()).or_default().insert(*id);
        }
        if !self.forget.later.is_empty() && !self.timers.contains(&TimerKey::Forget) {
            self.timers.set(TimerKey::Forget, context.now.tick);
        }
    }

    /// Topics may have been deleted while nobody was here to hear of it.
    pub(super) fn forget_lost_topics(&mut self, context: &Context<'_>) {
        let pending = self.pending.all().map(|(_, name, committed)| (name, committed));
        let lost =
            self.offsets.all().chain(pending).filter_map(|(name, committed)| match context.topics.by_name(name) {
                Some((id, _)) => committed.is_of_another(id).then_some((name, committed.topic_id)),
                None => Some((name, committed.topic_id)),
            });
        let lost: BTreeSet<(&str, TopicId)> = lost.collect();
        let lost: Vec<_> = lost.into_iter().map(|(name, id)| (name.to_owned(), id)).collect();
        self.forget_topics(context, &lost);
    }

    /// One step through the groups.
    pub(in crate::group) fn forget_offsets(&mut self, context: &Context<'_>, out: &mut GroupOutcome) {
        if self.forget.topics.is_empty() {
            self.forget.topics = std::mem::take(&mut self.forget.later);
            self.forget_pending(out);
        }
        for _ in 0..STEP_GROUPS_MAX {
            let group_id = self.offsets.group_after(self.forget.after.as_deref()).map(str::to_owned);
            self.forget.after = group_id;
            let Some(group_id) = self.forget.after.clone() else {
                self.forget.topics.clear();
                break;
            };
            // A refused record would be a fault of ours in this group: the others have their turn.
            let _: Result<(), ErrorCode> = self.forget_of_group(&group_id, out);
            if out.records.len() >= STEP_RECORDS_MAX {
                break;
            }
        }
        if !self.forget.topics.is_empty() || !self.forget.later.is_empty() {
            self.timers.set(TimerKey::Forget, context.now.tick.after_ms(STEP_PAUSE_MS).at());
        }
    }

    /// Open transactions have few offsets: one step takes them all.
    fn forget_pending(&mut self, out: &mut GroupOutcome) {
        let of_deleted = self.pending.all().filter_map(|(group_id, topic, committed)| {
            let ids = self.forget.topics.get(topic)?;
            is_of_one(committed, ids).then(|| tombstone(group_id, topic, committed.partition))
        });
        for record in of_deleted.collect::<Vec<_>>() {
            // As below.
            let _: Result<(), ErrorCode> = self.accept(&record, out);
        }
    }

    fn forget_of_group(&mut self, group_id: &str, out: &mut GroupOutcome) -> Result<(), ErrorCode> {
        self.refuse_damaged(group_id)?;
        let mut records = Vec::new();
        for topic in self.offsets.topics(group_id) {
            let Some(ids) = self.forget.topics.get(topic.name()) else { continue };
            let of_deleted = topic.partitions().iter().filter(|committed| is_of_one(committed, ids));
            records.extend(of_deleted.map(|committed| tombstone(group_id, topic.name(), committed.partition)));
        }
        for record in records {
            self.accept(&record, out)?;
        }
        Ok(())
    }
}

fn is_of_one(committed: &Committed, ids: &BTreeSet<TopicId>) -> bool {
    ids.iter().any(|id| !committed.is_of_another(*id))
}
