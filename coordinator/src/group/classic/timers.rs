//! The times of classic groups: sessions, ids that nobody used, the ends of the join and the sync phase.

use super::super::{Context, GroupOutcome, GroupRecord, GroupShard, TimerKey};
use super::state::State;
use super::turn::Turn;

impl GroupShard {
    pub(in crate::group) fn on_classic_time(&mut self, context: &Context<'_>, key: &TimerKey, out: &mut GroupOutcome) {
        let (TimerKey::ClassicJoin(group_id)
        | TimerKey::ClassicSync(group_id)
        | TimerKey::ClassicSession(group_id, _)
        | TimerKey::ClassicPending(group_id, _)) = key
        else {
            return;
        };
        let Some(mut turn) = self.turn(group_id, context, out) else { return };
        let emptied = turn.on_time(key);
        self.write(context, group_id, emptied.into(), out);
    }

    /// All records were replayed: sessions begin anew, as nobody knows when the members were last heard of. A group that is
    /// larger than it may be by now rebalances, so that its members commit before the last of them find no place.
    pub(in crate::group) fn load_classic(&mut self, context: &Context<'_>, out: &mut GroupOutcome) {
        let ids: Vec<String> = self.groups.keys().cloned().collect();
        for group_id in ids {
            let Some(mut turn) = self.turn(&group_id, context, out) else { continue };
            let emptied = turn.load();
            self.write(context, &group_id, emptied.into(), out);
        }
    }
}

impl Turn<'_> {
    fn on_time(&mut self, key: &TimerKey) -> Option<GroupRecord> {
        if let TimerKey::ClassicSession(_, member_id) = key {
            self.on_session_time(member_id)
        } else if let TimerKey::ClassicPending(_, member_id) = key {
            self.on_pending_time(member_id)
        } else if let TimerKey::ClassicSync(_) = key {
            self.on_sync_time()
        } else {
            self.on_join_time()
        }
    }

    /// A member's timer fires. It may have been heard of since.
    #[must_use]
    fn on_session_time(&mut self, member_id: &str) -> Option<GroupRecord> {
        let session = self.group.members.session_mut(member_id)?;
        session.timer = None;
        let deadline = session.deadline;
        if deadline > self.context.now.tick {
            session.timer = Some(deadline);
            self.timers.set(TimerKey::ClassicSession(self.group_id.to_owned(), member_id.to_owned()), deadline);
            return None;
        }
        if self.group.members.get(member_id)?.may_be_silent() {
            // Its session begins again with the reply that it waits for.
            return None;
        }
        self.remove(member_id);
        self.after_loss()
    }

    /// An id that was given out was not used in time.
    #[must_use]
    fn on_pending_time(&mut self, member_id: &str) -> Option<GroupRecord> {
        if !self.group.pending.contains(member_id) {
            return None;
        }
        self.remove(member_id);
        match self.group.state {
            State::PreparingRebalance => self.after_loss(),
            State::Empty | State::CompletingRebalance | State::Stable => None,
        }
    }

    /// Somebody who was awaited will not come. Even an initial delay ends if there is nobody else to wait for.
    #[must_use]
    fn after_loss(&mut self) -> Option<GroupRecord> {
        match self.group.state {
            State::Stable | State::CompletingRebalance => self.prepare_rebalance(),
            State::PreparingRebalance if self.group.has_all_joined() => self.complete_join(),
            State::PreparingRebalance | State::Empty => None,
        }
    }

    #[must_use]
    fn load(&mut self) -> Option<GroupRecord> {
        for member_id in self.group.members.ids() {
            self.prolong_session(&member_id);
        }
        let size_max = usize::try_from(self.context.settings.max_size).unwrap_or(0);
        if self.group.members.len() > size_max { self.prepare_rebalance() } else { None }
    }
}
