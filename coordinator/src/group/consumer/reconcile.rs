//! One step of a member towards its target: what it keeps, gives back and gets. A pure function; KIP-848's heart.
//!
//! A member first gives back what it must not have any more, and stays in its epoch until its own report no longer lists
//! it. Then it takes the epoch of the target with all partitions that nobody holds, and waits for those that somebody
//! still does. A partition thus never has two owners.

use model::TopicId;

use super::member::{Current, MemberState, Owned};
use crate::group::assignor::Assignment;
use crate::group::event::TopicPartitions;

/// What one step goes by.
pub(super) struct Step<'a> {
    /// Where the member is.
    pub(super) current: &'a Current,
    /// The epoch of its target.
    pub(super) target_epoch: i32,
    /// What it is to own in the end.
    pub(super) target: &'a Assignment,
    /// Whether it subscribes to this topic: the target may be older than the subscription.
    pub(super) is_subscribed: &'a dyn Fn(TopicId) -> bool,
    /// Whether its subscription has just changed.
    pub(super) subscription_changed: bool,
    /// Whether anybody, the member included, holds this partition.
    pub(super) is_held: &'a dyn Fn(TopicId, i32) -> bool,
    /// What it reports to own, if it reports.
    pub(super) reported: Option<&'a [TopicPartitions]>,
}

/// The member is in a state that only a later version knows, and holds partitions.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct UnknownState;

impl Step<'_> {
    /// Where the member goes, or `None` if it stays.
    pub(super) fn take(&self) -> Result<Option<Current>, UnknownState> {
        let next = match self.current.state {
            MemberState::Stable if self.current.epoch != self.target_epoch => Some(self.advance(self.current.epoch)),
            MemberState::UnrevokedPartitions if !self.still_owns(&self.current.revoking) => {
                Some(self.advance(self.current.epoch))
            }
            MemberState::UnreleasedPartitions => Some(self.advance(self.current.epoch)),
            MemberState::Stable | MemberState::UnrevokedPartitions if self.subscription_changed => {
                self.give_up_unsubscribed()
            }
            MemberState::Stable | MemberState::UnrevokedPartitions => None,
            MemberState::Unknown(_) if self.reported.is_none_or(|topics| !topics.is_empty()) => {
                return Err(UnknownState);
            }
            MemberState::Unknown(_) => Some(self.advance(self.target_epoch)),
        };
        Ok(next.filter(|next| next != self.current))
    }

    /// Towards the target, as far as others allow. `epoch` is the member's while it has something to give back.
    fn advance(&self, epoch: i32) -> Current {
        let wanted = |topic: TopicId, partition: i32| {
            (self.is_subscribed)(topic) && self.target.get(&topic).is_some_and(|target| target.contains(&partition))
        };
        let (mut assigned, revoking) = split(&self.current.assigned, wanted);
        if !revoking.is_empty() && self.still_owns(&revoking) {
            return self.moved_to(epoch, MemberState::UnrevokedPartitions, assigned, revoking);
        }
        let mut waits = false;
        for (topic, partitions) in self.target.iter().filter(|(topic, _)| (self.is_subscribed)(**topic)) {
            for partition in partitions {
                if has(&assigned, *topic, *partition) {
                    continue;
                }
                // What the member itself was giving back is free for it to take again.
                if (self.is_held)(*topic, *partition) && !has(&self.current.revoking, *topic, *partition) {
                    waits = true;
                } else {
                    assigned.entry(*topic).or_default().insert(*partition, self.target_epoch);
                }
            }
        }
        let state = if waits { MemberState::UnreleasedPartitions } else { MemberState::Stable };
        self.moved_to(self.target_epoch, state, assigned, Owned::new())
    }

    /// Takes back what the member no longer subscribes to, without waiting for the next target.
    fn give_up_unsubscribed(&self) -> Option<Current> {
        let (assigned, lost) = split(&self.current.assigned, |topic, _| (self.is_subscribed)(topic));
        if lost.is_empty() {
            return None;
        }
        let mut revoking = self.current.revoking.clone();
        for (topic, partitions) in lost {
            revoking.entry(topic).or_default().extend(partitions);
        }
        if self.still_owns(&revoking) {
            Some(self.moved_to(self.current.epoch, MemberState::UnrevokedPartitions, assigned, revoking))
        } else {
            Some(self.moved_to(self.current.epoch, self.current.state, assigned, self.current.revoking.clone()))
        }
    }

    /// Whether the member may still own any of these: it says so, or says nothing.
    fn still_owns(&self, partitions: &Owned) -> bool {
        let Some(reported) = self.reported else { return true };
        reported
            .iter()
            .any(|topic| topic.partitions.iter().any(|partition| has(partitions, topic.topic_id, *partition)))
    }

    fn moved_to(&self, epoch: i32, state: MemberState, assigned: Owned, revoking: Owned) -> Current {
        Current { epoch, previous_epoch: self.current.epoch, state, assigned, revoking }
    }
}

/// Whether these partitions contain this one.
fn has(partitions: &Owned, topic: TopicId, partition: i32) -> bool {
    partitions.get(&topic).is_some_and(|of_topic| of_topic.contains_key(&partition))
}

/// Those that are kept, and the others. Topics without partitions are in neither.
fn split(owned: &Owned, keep: impl Fn(TopicId, i32) -> bool) -> (Owned, Owned) {
    let (mut kept, mut given) = (Owned::new(), Owned::new());
    for (topic, partitions) in owned {
        for (partition, epoch) in partitions {
            let side = if keep(*topic, *partition) { &mut kept } else { &mut given };
            side.entry(*topic).or_default().insert(*partition, *epoch);
        }
    }
    (kept, given)
}
