//! When a group's target is computed anew, and what of it is written.

use model::ErrorCode;

use super::group::ConsumerGroup;
use super::records;
use crate::group::assignor::{Assignment, Assignor, GroupSpec, Member as AssignorMember};
use crate::group::{Context, GroupOutcome, GroupShard, Topics};

/// A hash of these topics as they are now. It only has to tell one set of topics from another, also after a restart, so it
/// is ours (FNV-1a) and not Kafka's: a group that another broker wrote is assigned once more, that is all.
pub(super) fn metadata_hash<'a>(topics: &dyn Topics, names: impl Iterator<Item = &'a str>) -> i64 {
    let mut hash = 0_u64;
    for name in names {
        let Some((id, partitions)) = topics.by_name(name) else { continue };
        if hash == 0 {
            hash = 0xcbf2_9ce4_8422_2325;
        }
        for byte in id.to_bytes().into_iter().chain(partitions.to_be_bytes()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash.cast_signed()
}

impl GroupShard {
    /// Raises the group's epoch if something calls for it, or if its topics are not what they were.
    pub(super) fn raise_epoch(
        &mut self,
        context: &Context<'_>,
        group_id: &str,
        must: bool,
        out: &mut GroupOutcome,
    ) -> Result<(), ErrorCode> {
        let Some(group) = self.consumer(group_id).filter(|group| must || group.look.topics) else { return Ok(()) };
        let hash = metadata_hash(context.topics, group.topics());
        let epoch = group.epoch.saturating_add(1);
        if must || hash != group.metadata_hash {
            self.accept(&records::epoch(group_id, Some((epoch, hash))), out)?;
        }
        if let Some(group) = self.consumer_mut(group_id) {
            group.look.topics = false;
        }
        Ok(())
    }

    /// Computes the target if it is older than the group, and writes what changed. Two computations lie at least
    /// `group.consumer.assignment.interval.ms` apart, so that many joins at once cost few.
    pub(super) fn update_target(
        &mut self,
        context: &Context<'_>,
        group_id: &str,
        out: &mut GroupOutcome,
    ) -> Result<(), ErrorCode> {
        let Some(group) = self.consumer(group_id) else { return Ok(()) };
        if !group.target_is_due(context, group_id) {
            return Ok(());
        }
        let name = group.preferred_assignor(&context.settings.consumer_assignors);
        let assignor = Assignor::by_name(name).ok_or(ErrorCode::UnknownServerError)?;
        let targets = assignor.assign(&group.spec(context.topics));
        let nothing = Assignment::new();
        let changed: Vec<_> = (group.members().keys())
            .map(|member_id| (member_id, targets.get(member_id).unwrap_or(&nothing)))
            .filter(|(member_id, target)| group.target().get(*member_id) != Some(target))
            .map(|(member_id, target)| records::target(group_id, member_id, Some(target)))
            .collect();
        let epoch = records::target_epoch(group_id, Some((group.epoch, context.now.time.get().max(0))));
        for record in changed {
            self.accept(&record, out)?;
        }
        self.accept(&epoch, out)
    }
}

impl ConsumerGroup {
    /// Whether a new target is called for, and may be computed by now.
    pub(super) fn target_is_due(&self, context: &Context<'_>, group_id: &str) -> bool {
        if self.target_epoch >= self.epoch {
            return false;
        }
        let own = context.settings.overrides.get(group_id).and_then(|own| own.consumer_assignment_interval_ms);
        let interval_ms = own.unwrap_or(context.settings.consumer_assignment_interval_ms);
        let due = self.target_time.saturating_add(i64::from(interval_ms));
        self.target_time == 0 || interval_ms == 0 || context.now.time.get() >= due
    }

    /// The group as an assignor sees it.
    fn spec(&self, topics: &dyn Topics) -> GroupSpec {
        let mut spec = GroupSpec::default();
        for (id, partitions) in self.topics().filter_map(|name| topics.by_name(name)) {
            spec.topics.insert(id, partitions);
        }
        for (member_id, member) in self.members() {
            let named = member.about.topics.iter();
            let resolved = self.resolved(&member.about.pattern).into_iter().flat_map(|resolved| &resolved.topics);
            spec.members.insert(
                member_id.clone(),
                AssignorMember {
                    instance_id: member.about.instance_id.clone(),
                    topics: named.chain(resolved).filter_map(|name| topics.by_name(name)).map(|(id, _)| id).collect(),
                    assigned: self.target().get(member_id).cloned().unwrap_or_default(),
                },
            );
        }
        spec
    }
}
