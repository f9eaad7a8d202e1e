//! `ConsumerGroupHeartbeat` (KIP-848): a member joins, lives, says what it owns and hears what to own.
//!
//! Three steps: the member's own record is brought up to date; the group's epoch and target are, if that calls for it; and
//! the member goes one step towards its target. A heartbeat that says nothing of a member that has all it is to have takes
//! none of them: it moves the end of its session, and that is all.

use model::ErrorCode;

use super::group::ConsumerGroup;
use super::member::{AWAY, About, LEFT, in_order, listed};
use super::patterns::Patterned;
use super::reconcile::Step;
use super::records;
use super::refusal::{Refusal, check_epoch, check_heartbeat, said_bytes};
use super::sessions::heartbeat_interval_ms;
use crate::group::event::{ConsumerGroupHeartbeat, ConsumerGroupHeartbeatReply, GroupReply, TopicPartitions};
use crate::group::{Context, GroupOutcome, GroupShard};
use crate::shard::ReplyTo;

/// Ms between the heartbeats of a member while its group settles, at most. Kafka tells such members the usual interval, so
/// that many who join at once wait for one or two of those before their group is stable.
const SETTLING_INTERVAL_MS: i32 = 1_000;

/// A member of a group, by their ids.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seat<'a> {
    /// The group.
    pub(super) group_id: &'a str,
    /// The member.
    pub(super) member_id: &'a str,
}

/// What a member reports of its partitions.
pub(super) struct Report<'a> {
    /// Whether it has just changed what it subscribes to.
    pub(super) subscription_changed: bool,
    /// What it owns, if it says so.
    pub(super) owned: Option<&'a [TopicPartitions]>,
}

/// What a member's heartbeat has changed in what it said of itself.
#[derive(Default)]
pub(super) struct Said {
    /// The topics that it names, or its pattern.
    pub(super) subscription: bool,
    /// Something that calls for a new target.
    pub(super) raises: bool,
}

impl GroupShard {
    /// `ConsumerGroupHeartbeat`.
    pub(in crate::group) fn consumer_group_heartbeat(
        &mut self,
        context: &Context<'_>,
        request: ConsumerGroupHeartbeat,
        reply_to: ReplyTo,
        out: &mut GroupOutcome,
    ) {
        let reply = if self.has_nothing_to_do(context, &request) {
            self.renew_session(context, &request.group_id, &request.member_id);
            Ok(ConsumerGroupHeartbeatReply {
                error: ErrorCode::None,
                error_message: None,
                heartbeat_interval_ms: heartbeat_interval_ms(context, &request.group_id),
                member_id: Some(request.member_id),
                member_epoch: request.member_epoch,
                assignment: None,
            })
        } else {
            self.judge_heartbeat(context, request, out)
        };
        let reply = reply.unwrap_or_else(Refusal::into_heartbeat_reply);
        out.replies.push((reply_to, GroupReply::ConsumerGroupHeartbeat(reply)));
    }

    /// Whether a heartbeat says nothing, and there is nothing to tell the member either.
    fn has_nothing_to_do(&self, context: &Context<'_>, request: &ConsumerGroupHeartbeat) -> bool {
        let Some(group) = self.consumer(&request.group_id) else { return false };
        let Some(member) = group.member(&request.member_id) else { return false };
        request.member_epoch > 0
            && request.member_epoch == member.current.epoch
            && member.is_reconciled_to(group.target_epoch)
            && group.target_epoch == group.epoch
            && !group.look.topics
            && !group.patterns_are_due(context)
            && !member.is_classic()
            && request.client == member.about.client
            && request.instance_id == member.about.instance_id
            && request.rebalance_timeout_ms == -1
            && request.rack_id.is_none()
            && request.subscribed_topic_names.is_none()
            && request.subscribed_topic_regex.is_none()
            && request.server_assignor.is_none()
            && self.refuse_damaged(&request.group_id).is_ok()
    }

    fn judge_heartbeat(
        &mut self,
        context: &Context<'_>,
        mut request: ConsumerGroupHeartbeat,
        out: &mut GroupOutcome,
    ) -> Result<ConsumerGroupHeartbeatReply, Refusal> {
        check_heartbeat(context.settings, &request)?;
        self.refuse_damaged(&request.group_id)?;
        let bytes = self.consumer(&request.group_id).map_or(0, ConsumerGroup::bytes);
        if request.member_epoch >= 0 && bytes.saturating_add(said_bytes(&request)) > context.settings.group_bytes_max {
            return Err(Refusal::too_large());
        }
        match request.member_epoch {
            LEFT | AWAY => self.consumer_leave(context, request, out),
            0 => {
                if request.member_id.is_empty() {
                    request.member_id.clone_from(&request.fresh_member_id);
                }
                let host = self.host(context, &request)?;
                let replaced = self.replaced_by(&request)?;
                self.check_pattern(&request)?;
                self.open(context, &request.group_id, host, out)?;
                if let Some(replaced) = &replaced {
                    let seat = Seat { group_id: &request.group_id, member_id: &request.member_id };
                    self.replace_member(seat, replaced, out)?;
                }
                self.three_steps(context, request, out)
            }
            epoch => {
                let group = self.known_consumer(&request.group_id)?;
                let member_id = group.named_member(&request.member_id, request.instance_id.as_deref())?;
                let member = group.member(member_id).ok_or_else(|| Refusal::no_member(member_id))?;
                check_epoch(&member.current, epoch, request.topic_partitions.as_deref())?;
                self.check_pattern(&request)?;
                self.three_steps(context, request, out)
            }
        }
    }

    /// The three steps.
    fn three_steps(
        &mut self,
        context: &Context<'_>,
        mut request: ConsumerGroupHeartbeat,
        out: &mut GroupOutcome,
    ) -> Result<ConsumerGroupHeartbeatReply, Refusal> {
        let joins = request.member_epoch == 0;
        let is_full = joins
            || (request.rebalance_timeout_ms != -1
                && (request.subscribed_topic_names.is_some() || request.subscribed_topic_regex.is_some())
                && request.topic_partitions.is_some());
        let owned = request.topic_partitions.take();
        let group_id = std::mem::take(&mut request.group_id);
        let member_id = std::mem::take(&mut request.member_id);
        let before = self.consumer(&group_id).and_then(|group| group.member(&member_id)).map(|member| &member.about);
        let about = before.cloned().unwrap_or_default().with(request);
        let seat = Seat { group_id: &group_id, member_id: &member_id };
        let said = self.set_member(context, seat, &about, out)?;
        self.raise_epoch(context, &group_id, said.raises, out)?;
        self.update_target(context, &group_id, out)?;
        let report = Report { subscription_changed: said.subscription, owned: owned.as_deref() };
        let moved = self.reconcile(context, seat, &report, out)?;
        self.renew_session(context, &group_id, &member_id);
        let group = self.known_consumer(&group_id)?;
        let member = group.member(&member_id).ok_or_else(|| Refusal::no_member(&member_id))?;
        // Where one has joined others often follow, and where a target is awaited it soon comes.
        let settles = joins || group.epoch > group.target_epoch || !member.is_reconciled_to(group.target_epoch);
        let interval_ms = heartbeat_interval_ms(context, &group_id);
        Ok(ConsumerGroupHeartbeatReply {
            error: ErrorCode::None,
            error_message: None,
            member_epoch: member.current.epoch,
            heartbeat_interval_ms: if settles { interval_ms.min(SETTLING_INTERVAL_MS) } else { interval_ms },
            assignment: (is_full || moved).then(|| listed(&member.current.assigned)),
            member_id: Some(member_id),
        })
    }

    /// Writes what a member now says of itself, with the topics of its pattern, and says what that changes.
    pub(super) fn set_member(
        &mut self,
        context: &Context<'_>,
        Seat { group_id, member_id }: Seat<'_>,
        about: &About,
        out: &mut GroupOutcome,
    ) -> Result<Said, ErrorCode> {
        let nobody = About::default();
        let group = self.consumer(group_id);
        let member = group.and_then(|group| group.member(member_id));
        let before = member.map_or(&nobody, |member| &member.about);
        let known = &context.settings.consumer_assignors;
        let assignor = |group: Option<&ConsumerGroup>| {
            group.map_or(known.first().cloned(), |group| Some(group.preferred_assignor(known).to_owned()))
        };
        let preferred = assignor(group);
        let names_changed = before.topics != about.topics;
        let pattern_changed = before.pattern != about.pattern;
        // A pattern that others have brought is resolved already; one that is given up leaves topics behind.
        let resolved = about.pattern.is_empty() || group.is_some_and(|group| group.resolved(&about.pattern).is_some());
        if member.is_none() || before != about {
            self.accept(&records::about(group_id, member_id, Some(about)), out)?;
        }
        if pattern_changed {
            self.forget_unused_patterns(group_id, out)?;
        }
        let patterned = self.resolve_patterns(context, group_id, out)?;
        let raises = names_changed
            || patterned == Patterned::Changed
            || (pattern_changed && resolved)
            || preferred != assignor(self.consumer(group_id));
        Ok(Said { subscription: names_changed || pattern_changed, raises })
    }

    /// One step of a member towards its target. Returns whether what it is assigned has changed.
    pub(super) fn reconcile(
        &mut self,
        context: &Context<'_>,
        Seat { group_id, member_id }: Seat<'_>,
        report: &Report<'_>,
        out: &mut GroupOutcome,
    ) -> Result<bool, Refusal> {
        let group = self.known_consumer(group_id)?;
        let member = group.member(member_id).ok_or_else(|| Refusal::no_member(member_id))?;
        if !report.subscription_changed && member.is_reconciled_to(group.target_epoch) {
            return Ok(false);
        }
        let nothing = crate::group::assignor::Assignment::new();
        let step = Step {
            current: &member.current,
            target_epoch: group.target_epoch,
            target: group.target().get(member_id).unwrap_or(&nothing),
            is_subscribed: &|topic| context.topics.by_id(topic).is_some_and(|(name, _)| group.reads(member, name)),
            subscription_changed: report.subscription_changed,
            is_held: &|topic, partition| group.is_held(topic, partition),
            reported: report.owned,
        };
        let next = step.take().map_err(|_| {
            let message =
                "The member is in a state that is not known here: it must give up its partitions and join again.";
            Refusal::new(ErrorCode::FencedMemberEpoch, message)
        })?;
        let Some(next) = next else { return Ok(false) };
        let moved = next.assigned != member.current.assigned;
        self.accept(&records::current(group_id, member_id, Some(&next)), out)?;
        self.follow_revocation(context, group_id, member_id);
        Ok(moved)
    }
}

impl About {
    /// With what a heartbeat says; what it leaves out is as before.
    fn with(self, request: ConsumerGroupHeartbeat) -> Self {
        let said_timeout = Some(request.rebalance_timeout_ms).filter(|timeout| *timeout != -1);
        Self {
            instance_id: request.instance_id.or(self.instance_id),
            rack_id: request.rack_id.or(self.rack_id),
            client: request.client,
            topics: request.subscribed_topic_names.map_or(self.topics, in_order),
            pattern: request.subscribed_topic_regex.unwrap_or(self.pattern),
            rebalance_timeout_ms: said_timeout.unwrap_or(self.rebalance_timeout_ms),
            assignor: request.server_assignor.or(self.assignor),
            classic: None,
        }
    }
}
