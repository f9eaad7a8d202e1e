//! How long members may be silent, and how long they may take to do as they are told.
//!
//! A heartbeat only moves the end of the session in the member; the timer that was set before fires early then, and is
//! set anew.

use model::Tick;

use super::member::{Member, MemberState};
use crate::group::{Context, Group, GroupOutcome, GroupShard, TimerKey};

/// The moment `ms` from now; a negative number is now.
pub(super) fn after(context: &Context<'_>, ms: i32) -> Tick {
    context.now.tick.after_ms(u64::try_from(ms).unwrap_or(0)).at()
}

/// How long a member of this group may be silent.
pub(super) fn session_timeout_ms(context: &Context<'_>, group_id: &str, member: &Member) -> i32 {
    if let Some(classic) = &member.about.classic {
        return classic.session_timeout_ms;
    }
    let own = context.settings.overrides.get(group_id).and_then(|own| own.consumer_session_timeout_ms);
    own.unwrap_or(context.settings.consumer_session_timeout_ms)
}

/// What members of this group are told to wait between two heartbeats.
pub(super) fn heartbeat_interval_ms(context: &Context<'_>, group_id: &str) -> i32 {
    let own = context.settings.overrides.get(group_id).and_then(|own| own.consumer_heartbeat_interval_ms);
    own.unwrap_or(context.settings.consumer_heartbeat_interval_ms)
}

impl GroupShard {
    /// All records were replayed: sessions begin.
    pub(in crate::group) fn load_consumer(&mut self, context: &Context<'_>, _: &mut GroupOutcome) {
        let mut members = Vec::new();
        for (group_id, group) in &self.groups {
            if let Group::Consumer(group) = group {
                members.extend(group.members().keys().map(|member_id| (group_id.clone(), member_id.clone())));
            }
        }
        for (group_id, member_id) in members {
            self.renew_session(context, &group_id, &member_id);
            self.follow_revocation(context, &group_id, &member_id);
        }
    }

    /// A member was heard of.
    pub(super) fn renew_session(&mut self, context: &Context<'_>, group_id: &str, member_id: &str) {
        let Some(member) = self.consumer(group_id).and_then(|group| group.member(member_id)) else { return };
        let ends = after(context, session_timeout_ms(context, group_id, member));
        let late = member.session.timer.is_none_or(|timer| timer > ends);
        let Some(session) = self.consumer_mut(group_id).and_then(|group| group.session_mut(member_id)) else { return };
        session.ends = ends;
        if late {
            session.timer = Some(ends);
            self.timers.set(TimerKey::ConsumerSession(group_id.to_owned(), member_id.to_owned()), ends);
        }
    }

    /// Starts or ends the time that a member has to give partitions back. Members that speak the classic protocol are
    /// told to join again instead, and have their time for that.
    pub(super) fn follow_revocation(&mut self, context: &Context<'_>, group_id: &str, member_id: &str) {
        let Some(member) = self.consumer(group_id).and_then(|group| group.member(member_id)) else { return };
        let revokes = member.current.state == MemberState::UnrevokedPartitions && !member.is_classic();
        let epoch = revokes.then_some(member.current.epoch);
        let was = member.session.revoking_in;
        let ends = after(context, member.about.rebalance_timeout_ms);
        if !revokes && was.is_none() {
            return;
        }
        if let Some(session) = self.consumer_mut(group_id).and_then(|group| group.session_mut(member_id)) {
            session.revoking_in = epoch;
        }
        let key = TimerKey::ConsumerRebalance(group_id.to_owned(), member_id.to_owned());
        if revokes { self.timers.set(key, ends) } else { self.timers.cancel(&key) }
    }

    /// Forgets all timers of a member.
    pub(super) fn cancel_member_timers(&mut self, group_id: &str, member_id: &str) {
        let (group_id, member_id) = (group_id.to_owned(), member_id.to_owned());
        self.timers.cancel(&TimerKey::ConsumerSession(group_id.clone(), member_id.clone()));
        self.timers.cancel(&TimerKey::ConsumerRebalance(group_id.clone(), member_id.clone()));
        self.timers.cancel(&TimerKey::ConsumerJoin(group_id.clone(), member_id.clone()));
        self.timers.cancel(&TimerKey::ConsumerSync(group_id, member_id));
    }

    /// A deadline of a member has come.
    pub(in crate::group) fn on_consumer_time(&mut self, context: &Context<'_>, key: TimerKey, out: &mut GroupOutcome) {
        let (group_id, member_id) = match &key {
            TimerKey::ConsumerSession(group_id, member_id)
            | TimerKey::ConsumerRebalance(group_id, member_id)
            | TimerKey::ConsumerJoin(group_id, member_id)
            | TimerKey::ConsumerSync(group_id, member_id) => (group_id.clone(), member_id.clone()),
            TimerKey::ClassicJoin(_)
            | TimerKey::ClassicSync(_)
            | TimerKey::ClassicSession(..)
            | TimerKey::ClassicPending(..)
            | TimerKey::Expiry
            | TimerKey::Forget => return,
        };
        let Some(member) = self.consumer(&group_id).and_then(|group| group.member(&member_id)) else { return };
        if matches!(key, TimerKey::ConsumerRebalance(..)) && member.session.revoking_in != Some(member.current.epoch) {
            return;
        }
        if matches!(key, TimerKey::ConsumerSession(..)) && member.session.ends > context.now.tick {
            let ends = member.session.ends;
            if let Some(session) = self.consumer_mut(&group_id).and_then(|group| group.session_mut(&member_id)) {
                session.timer = Some(ends);
            }
            self.timers.set(key, ends);
            return;
        }
        self.cancel_member_timers(&group_id, &member_id);
        // What cannot be written now is tried again: the shard is loaded anew, and sessions begin anew with it.
        let _: Result<_, _> = self.fence_members(context, &group_id, &[member_id], out);
    }
}
