//! A KIP-848 group in which only classic members are left becomes a classic group.

use model::ErrorCode;

use super::protocol::{Subscription, select, write_assignment};
use crate::group::assignor::Assignment;
use crate::group::consumer::ConsumerGroup;
use crate::group::consumer::member::{About, Classic};
use crate::group::{Context, GroupOutcome, GroupRecord, GroupShard, MigrationPolicy, Topics};
use crate::records::group_metadata::{GroupMetadataKey, GroupMetadataValue, MemberMetadata};

/// The classic group that a KIP-848 group becomes.
#[derive(Debug)]
pub(in crate::group::consumer) struct Downgrade {
    value: GroupMetadataValue,
    /// Whether its members may own something else than what the record says.
    must_rebalance: bool,
}

impl ConsumerGroup {
    /// What the group becomes without these members; `None` if it stays what it is.
    pub(in crate::group::consumer) fn downgrade_without(
        &self,
        context: &Context<'_>,
        leaving: &[String],
    ) -> Option<Downgrade> {
        let stays = |member_id: &String| !leaving.contains(member_id);
        let staying = self.members().len().saturating_sub(leaving.len());
        // Only if there are fewer others than leave can none of them be left: most leaves end here.
        let others = self.members().len().saturating_sub(self.classic_members());
        if staying == 0 || others > leaving.len() || !may_become_classic(context, staying) {
            return None;
        }
        let mut members = Vec::with_capacity(staying);
        for (member_id, member) in self.members().iter().filter(|(member_id, _)| stays(member_id)) {
            let classic = member.about.classic.as_ref()?;
            members.push((member_id.as_str(), &member.about, classic, self.target().get(member_id)));
        }
        self.downgraded(context, &members)
    }

    /// What the group becomes if this classic member takes the place of its only other one, which had this id. The target
    /// stands, so that nobody has to rejoin, unless it is older than what the members subscribe to.
    pub(super) fn downgrade_with(
        &self,
        context: &Context<'_>,
        (member_id, about, replaced): (&str, &About, &str),
    ) -> Option<Downgrade> {
        let mut members = Vec::with_capacity(self.members().len());
        for (other_id, other) in self.members().iter().filter(|(id, _)| *id != replaced && *id != member_id) {
            members.push((other_id.as_str(), &other.about, other.about.classic.as_ref()?, self.target().get(other_id)));
        }
        members.push((member_id, about, about.classic.as_ref()?, self.target().get(replaced)));
        if !may_become_classic(context, members.len()) {
            return None;
        }
        let before = &self.member(replaced)?.about;
        let is_stale = self.target_epoch < self.epoch || before.topics != about.topics || !before.pattern.is_empty();
        self.downgraded(context, &members).map(|downgrade| Downgrade { must_rebalance: is_stale, ..downgrade })
    }

    fn downgraded(
        &self,
        context: &Context<'_>,
        members: &[(&str, &About, &Classic, Option<&Assignment>)],
    ) -> Option<Downgrade> {
        let protocols: Vec<_> = members.iter().map(|(_, _, classic, _)| classic.protocols.as_slice()).collect();
        let protocol = select(&protocols)?;
        let written = members
            .iter()
            .map(|(id, about, classic, target)| member(context.topics, protocol, (id, about, classic), *target));
        Some(Downgrade {
            must_rebalance: true,
            value: GroupMetadataValue {
                protocol_type: "consumer".to_owned(),
                generation: self.epoch,
                protocol: Some(protocol.to_owned()),
                leader: members.first().map(|(id, ..)| (*id).to_owned()),
                current_state_timestamp: context.now.time.get(),
                members: written.collect::<Option<_>>()?,
            },
        })
    }
}

impl Downgrade {
    /// The generation that a member is in which made the group a classic one by joining: none yet, if it has to rejoin.
    pub(super) const fn generation(&self) -> i32 {
        if self.must_rebalance { 0 } else { self.value.generation }
    }
}

impl GroupShard {
    /// Makes a group what it is to become.
    pub(in crate::group::consumer) fn downgrade(
        &mut self,
        context: &Context<'_>,
        group_id: &str,
        downgrade: &Downgrade,
        out: &mut GroupOutcome,
    ) -> Result<(), ErrorCode> {
        let Some(group) = self.consumer(group_id) else { return Ok(()) };
        let members: Vec<_> = group.members().keys().cloned().collect();
        let tombstones = group.tombstones(group_id);
        for member_id in &members {
            self.cancel_member_timers(group_id, member_id);
        }
        for record in tombstones {
            self.accept(&record, out)?;
        }
        let key = GroupMetadataKey { group: group_id.to_owned() };
        self.accept(&GroupRecord::GroupMetadata(key, Some(downgrade.value.clone())), out)?;
        self.take_over(context, group_id, downgrade.must_rebalance, out);
        Ok(())
    }
}

/// Whether a group of this many members may become a classic one.
fn may_become_classic(context: &Context<'_>, members: usize) -> bool {
    let allowed = match context.settings.consumer_migration_policy {
        MigrationPolicy::Bidirectional | MigrationPolicy::Downgrade => true,
        MigrationPolicy::Upgrade | MigrationPolicy::Disabled => false,
    };
    allowed && members <= usize::try_from(context.settings.max_size).unwrap_or(0)
}

/// A member as the record of a classic group has it; `None` if its subscription cannot be read.
fn member(
    topics: &dyn Topics,
    protocol: &str,
    (member_id, about, classic): (&str, &About, &Classic),
    target: Option<&Assignment>,
) -> Option<MemberMetadata> {
    let subscription = &classic.protocols.iter().find(|(name, _)| name == protocol)?.1;
    let version = Subscription::read(subscription).ok()?.version;
    let target = target.into_iter().flatten().map(|(topic, partitions)| (*topic, partitions.iter().copied().collect()));
    Some(MemberMetadata {
        member_id: member_id.to_owned(),
        group_instance_id: about.instance_id.clone(),
        client_id: about.client.id.clone(),
        client_host: about.client.host.clone(),
        rebalance_timeout: about.rebalance_timeout_ms,
        session_timeout: classic.session_timeout_ms,
        subscription: subscription.clone(),
        assignment: write_assignment(topics, version, target).ok()?,
    })
}
