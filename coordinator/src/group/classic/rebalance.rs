//! A rebalance: members are asked to rejoin, those who do make the next generation, and each of them syncs.

use model::ErrorCode;

use super::super::{GroupRecord, TimerKey};
use super::state::{InitialDelay, State};
use super::turn::{Turn, join_refused, sync_refused};

impl Turn<'_> {
    /// Somebody joined, left or changed: asks all to rejoin or, if that is under way, sees whether all have.
    ///
    /// Here and below, a record is of a group that has become empty, and is to be accepted.
    #[must_use]
    pub(super) fn rebalance_or_complete_join(&mut self) -> Option<GroupRecord> {
        if self.group.can_rebalance() { self.prepare_rebalance() } else { self.complete_join_if_all_joined() }
    }

    /// Asks all members to rejoin. Members of a group that was empty are awaited for a while.
    #[must_use]
    pub(super) fn prepare_rebalance(&mut self) -> Option<GroupRecord> {
        if self.group.state == State::CompletingRebalance {
            self.refuse_parked_syncs(ErrorCode::RebalanceInProgress);
        }
        self.forget_owed_syncs();
        let was_empty = self.group.state == State::Empty;
        self.group.change_state(State::PreparingRebalance, self.context.now.time);
        if was_empty {
            let running_ms = u64::try_from(self.context.settings.initial_rebalance_delay_ms).unwrap_or(0);
            let remaining_ms = self.group.members.rebalance_timeout_ms().saturating_sub(running_ms);
            self.group.initial = Some(InitialDelay { running_ms, remaining_ms, is_extended: false });
            self.set_join_timer(running_ms);
            return None;
        }
        if self.group.has_all_joined() {
            return self.complete_join();
        }
        self.set_join_timer(self.group.members.rebalance_timeout_ms());
        None
    }

    /// Ends the join phase if nobody is awaited. The initial delay is not cut short by this.
    #[must_use]
    pub(super) fn complete_join_if_all_joined(&mut self) -> Option<GroupRecord> {
        let is_awaiting = self.group.state == State::PreparingRebalance && self.group.initial.is_none();
        if is_awaiting && self.group.has_all_joined() { self.complete_join() } else { None }
    }

    /// A part of the initial delay is over: another one follows if somebody joined in it and there is time left.
    #[must_use]
    pub(super) fn on_join_time(&mut self) -> Option<GroupRecord> {
        if self.group.state != State::PreparingRebalance {
            return None;
        }
        match self.group.initial {
            Some(delay) if delay.is_extended && delay.remaining_ms != 0 => {
                let whole_ms = u64::try_from(self.context.settings.initial_rebalance_delay_ms).unwrap_or(0);
                let running_ms = whole_ms.min(delay.remaining_ms);
                let remaining_ms = delay.remaining_ms.saturating_sub(delay.running_ms);
                self.group.initial = Some(InitialDelay { running_ms, remaining_ms, is_extended: false });
                self.set_join_timer(running_ms);
                None
            }
            _ => self.complete_join(),
        }
    }

    /// Ends the join phase. Dynamic members that did not rejoin are out; static ones stay until their sessions end.
    #[must_use]
    pub(super) fn complete_join(&mut self) -> Option<GroupRecord> {
        self.cancel_join_timer();
        for member_id in self.group.members.ids() {
            let member = self.group.members.get(&member_id);
            if member.is_some_and(|member| member.waits.join.is_none() && member.instance_id.is_none()) {
                self.remove(&member_id);
            }
        }
        if !self.group.elect_joined_leader() && !self.group.members.is_empty() {
            // Only static members are left, and none of them rejoined. Their sessions will tell.
            self.set_join_timer(self.group.members.rebalance_timeout_ms());
            return None;
        }
        self.group.begin_generation(self.context.now.time);
        if self.group.is_empty() {
            return Some(self.record());
        }
        for member_id in self.group.members.ids() {
            let reply = self.group.joined(&member_id);
            self.answer_parked_join(&member_id, reply);
            self.group.members.wait(&member_id, |waits| {
                waits.is_new = false;
                waits.owes_sync = true;
            });
            self.prolong_session(&member_id);
        }
        let at = self.context.now.tick.after_ms(self.group.members.rebalance_timeout_ms()).at();
        self.timers.set(TimerKey::ClassicSync(self.group_id.to_owned()), at);
        None
    }

    /// Members had the time to ask for their assignments: who did not is out.
    #[must_use]
    pub(super) fn on_sync_time(&mut self) -> Option<GroupRecord> {
        let is_in_generation = matches!(self.group.state, State::CompletingRebalance | State::Stable);
        if !is_in_generation || self.group.members.all_synced() {
            return None;
        }
        for member_id in self.group.members.ids() {
            if self.group.members.get(&member_id).is_some_and(|member| member.waits.owes_sync) {
                self.remove(&member_id);
            }
        }
        self.prepare_rebalance()
    }

    /// Takes a member, or a pending one, out. Whoever still waits on its behalf is told so.
    pub(super) fn remove(&mut self, member_id: &str) {
        self.end_session(member_id);
        let Some(member) = self.group.remove(member_id) else { return };
        if let Some(reply_to) = member.waits.join {
            self.answer_join(reply_to, join_refused(ErrorCode::UnknownMemberId, ""));
        }
        if let Some(reply_to) = member.waits.sync {
            self.answer_sync(reply_to, sync_refused(ErrorCode::UnknownMemberId));
        }
    }

    /// Nobody will get what the leader assigns in this generation.
    pub(super) fn refuse_parked_syncs(&mut self, error: ErrorCode) {
        for member_id in self.group.members.ids() {
            let parked = self.group.members.change(&member_id, |member| {
                member.assignment = bytes::Bytes::new();
                member.waits.sync.take()
            });
            if let Some(Some(reply_to)) = parked {
                self.answer_sync(reply_to, sync_refused(error));
                self.prolong_session(&member_id);
            }
        }
    }

    /// Nobody owes a sync any more.
    fn forget_owed_syncs(&mut self) {
        self.cancel_sync_timer();
        if self.group.members.all_synced() {
            return;
        }
        for member_id in self.group.members.ids() {
            self.group.members.wait(&member_id, |waits| waits.owes_sync = false);
        }
    }
}
