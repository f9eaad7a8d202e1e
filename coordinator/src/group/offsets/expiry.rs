//! When offsets are forgotten for their age (KIP-211), and with the last of them a group that nobody is in.
//!
//! All groups are looked at every `offsets.retention.check.interval.ms`, in steps, so that neither a step's work nor its batch
//! of tombstones grows with the number of groups.

use model::ErrorCode;

use super::Committed;
use super::delete::tombstone;
use crate::group::{Context, Group, GroupOutcome, GroupRecord, GroupShard, TimerKey};

/// Groups that one step looks at, at most.
const STEP_GROUPS_MAX: usize = 1_000;
/// Tombstones after which a step ends. The group that it is at is finished first.
pub(super) const STEP_RECORDS_MAX: usize = 1_000;
/// Ms between two steps, in which requests have their turn.
pub(super) const STEP_PAUSE_MS: u64 = 1;

/// Groups that are still to be looked at, the next one last; none between two passes.
#[derive(Debug, Default)]
pub(crate) struct ExpiryPass(Vec<String>);

impl GroupShard {
    /// The next look at all groups.
    pub(super) fn expire_later(&mut self, context: &Context<'_>) {
        let interval_ms = u64::try_from(context.settings.offsets_retention_check_interval_ms).unwrap_or(1);
        self.timers.set(TimerKey::Expiry, context.now.tick.after_ms(interval_ms.max(1)).at());
    }

    /// One step of a look at all groups.
    pub(in crate::group) fn expire_offsets(&mut self, context: &Context<'_>, out: &mut GroupOutcome) {
        if self.expiry.0.is_empty() {
            self.expiry.0 = self.group_ids();
            self.expiry.0.reverse();
        }
        for _ in 0..STEP_GROUPS_MAX {
            let Some(group_id) = self.expiry.0.pop() else { break };
            // A refused record would be a fault of ours in this group: the others have their turn.
            let _: Result<(), ErrorCode> = self.expire_group(context, &group_id, out);
            if out.records.len() >= STEP_RECORDS_MAX {
                break;
            }
        }
        if self.expiry.0.is_empty() {
            self.expiry.0 = Vec::new();
            self.expire_later(context);
        } else {
            self.timers.set(TimerKey::Expiry, context.now.tick.after_ms(STEP_PAUSE_MS).at());
        }
    }

    fn expire_group(&mut self, context: &Context<'_>, group_id: &str, out: &mut GroupOutcome) -> Result<(), ErrorCode> {
        self.refuse_damaged(group_id)?;
        for record in self.expired(context, group_id) {
            self.accept(&record, out)?;
        }
        let is_over = self.groups.get(group_id).is_none_or(Group::is_empty);
        if is_over && self.offsets.topics(group_id).is_empty() && !self.pending.has_group(group_id) {
            for record in self.group_tombstones(group_id) {
                self.accept(&record, out)?;
            }
        }
        Ok(())
    }

    /// The records that forget a group's expired offsets.
    fn expired(&self, context: &Context<'_>, group_id: &str) -> Vec<GroupRecord> {
        let group = self.groups.get(group_id);
        let mut records = Vec::new();
        for topic in self.offsets.topics(group_id) {
            if group.is_some_and(|group| group.is_subscribed_to(topic.name())) {
                continue;
            }
            let expired = topic.partitions().iter().filter(|committed| {
                is_expired(context, group, committed)
                    && !self.pending.has_partition(group_id, topic.name(), committed.partition)
            });
            records.extend(expired.map(|committed| tombstone(group_id, topic.name(), committed.partition)));
        }
        records
    }
}

fn is_expired(context: &Context<'_>, group: Option<&Group>, committed: &Committed) -> bool {
    // The retention of a simple group's offsets counts from the commit of each.
    let committed_at = committed.commit_timestamp;
    let Some(since) = group.map_or(Some(committed_at), |group| group.offset_expiry_base(committed_at)) else {
        return false;
    };
    let now = context.now.time;
    match committed.expire_timestamp() {
        Some(expire_timestamp) => now >= expire_timestamp,
        None => now.ms_since(since) >= context.settings.offsets_retention_ms,
    }
}
