//! The groups of one partition of `__consumer_offsets`.
//!
//! Owns: which groups there are, of which kind, and which of its parts an event is for. Each kind of group is a room of its
//! own: `classic` (members assign), `consumer` (KIP-848: the coordinator assigns, with `assignor`), and `offsets` for how
//! far each group has read; `directory` describes, lists and deletes.

pub mod assignor;
mod classic;
mod consumer;
pub mod context;
mod directory;
pub mod event;
mod kind;
mod offsets;
pub mod record;
pub mod settings;

use std::collections::BTreeMap;

use model::{ErrorCode, ProducerId, Tick};

pub use context::{Context, Topics};
pub use event::{GroupEvent, GroupReply};
pub use record::GroupRecord;
pub use settings::{GroupOverrides, GroupSettings, MigrationPolicy};

use self::consumer::{Patterns, Readers};
use self::kind::Group;
use self::offsets::{ExpiryPass, ForgetPass, Offsets, PendingOffsets};
use crate::shard::{Outcome, ReplayError, ReplyTo};
use crate::timers::Timers;

/// What a group's shard decided.
pub type GroupOutcome = Outcome<GroupReply>;

/// The groups of one partition. Everything in it follows from the partition's records, but for who waits, since when, and
/// the joins of a rebalance that is under way: those are lost with the process, as in Kafka.
#[derive(Debug, Default)]
pub struct GroupShard {
    groups: BTreeMap<String, Group>,
    offsets: Offsets,
    /// Offsets of transactions that are still open.
    pending: PendingOffsets,
    expiry: ExpiryPass,
    forget: ForgetPass,
    timers: Timers<TimerKey>,
    /// Which KIP-848 groups read which topics.
    readers: Readers,
    /// Their patterns, compiled.
    compiled: Patterns,
    /// Groups with a record that cannot be replayed, and why: every request for them is refused.
    damaged: BTreeMap<String, String>,
}

/// What a deadline is for. Keys name what they are about; a deadline for something that is gone does nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum TimerKey {
    /// The end of a classic group's join phase, or of its initial delay.
    ClassicJoin(String),
    /// The end of a classic group's sync phase.
    ClassicSync(String),
    /// A classic member's session: group, member.
    ClassicSession(String, String),
    /// A member id that was given out and not used yet: group, member.
    ClassicPending(String, String),
    /// A KIP-848 member's session: group, member.
    ConsumerSession(String, String),
    /// The time a KIP-848 member has to give partitions back: group, member.
    ConsumerRebalance(String, String),
    /// The time a classic member of a KIP-848 group has to join: group, member.
    ConsumerJoin(String, String),
    /// The time a classic member of a KIP-848 group has to sync: group, member.
    ConsumerSync(String, String),
    /// When expired offsets and empty groups are looked for.
    Expiry,
    /// When offsets of deleted topics are looked for.
    Forget,
}

impl GroupShard {
    /// A shard without groups. Replay its partition's records, then call [`Self::loaded`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// All records were replayed: sessions begin, timers start. May decide records, such as for groups that must go.
    pub fn loaded(&mut self, context: &Context<'_>) -> GroupOutcome {
        let mut out = GroupOutcome::default();
        self.load_classic(context, &mut out);
        self.load_consumer(context, &mut out);
        self.load_offsets(context);
        out
    }

    /// Handles an event. The reply goes to `reply_to`, now or, if the event is parked, with a later outcome.
    pub fn on_event(&mut self, context: &Context<'_>, event: GroupEvent, reply_to: ReplyTo) -> GroupOutcome {
        let mut out = GroupOutcome::default();
        match event {
            GroupEvent::JoinGroup(request) => self.join_group(context, request, reply_to, &mut out),
            GroupEvent::SyncGroup(request) => self.sync_group(context, request, reply_to, &mut out),
            GroupEvent::Heartbeat(request) => self.heartbeat(context, &request, reply_to, &mut out),
            GroupEvent::LeaveGroup(request) => self.leave_group(context, &request, reply_to, &mut out),
            GroupEvent::ConsumerGroupHeartbeat(request) => {
                self.consumer_group_heartbeat(context, request, reply_to, &mut out);
            }
            GroupEvent::OffsetCommit(request) => self.offset_commit(context, &request, reply_to, &mut out),
            GroupEvent::OffsetFetch(request) => self.offset_fetch(&request, reply_to, &mut out),
            GroupEvent::OffsetDelete(request) => self.offset_delete(&request, reply_to, &mut out),
            GroupEvent::DescribeGroup(request) => self.describe_group(&request, reply_to, &mut out),
            GroupEvent::DescribeConsumerGroup(request) => {
                self.describe_consumer_group(context, &request, reply_to, &mut out);
            }
            GroupEvent::ListGroups(request) => self.list_groups(&request, reply_to, &mut out),
            GroupEvent::CountGroups => self.count_groups(reply_to, &mut out),
            GroupEvent::DeleteGroup(request) => self.delete_group(&request, reply_to, &mut out),
            GroupEvent::TopicsChanged(change) => {
                self.topics_changed(context, &change);
                self.forget_topics(context, &change.deleted);
            }
        }
        out
    }

    /// Handles one deadline that has come. To be called until [`Self::next_deadline`] lies ahead; each outcome is appended
    /// before the next.
    pub fn on_time(&mut self, context: &Context<'_>) -> GroupOutcome {
        let mut out = GroupOutcome::default();
        let Some(key) = self.timers.pop_due(context.now.tick) else { return out };
        match key {
            TimerKey::ClassicJoin(_)
            | TimerKey::ClassicSync(_)
            | TimerKey::ClassicSession(..)
            | TimerKey::ClassicPending(..) => self.on_classic_time(context, &key, &mut out),
            TimerKey::ConsumerSession(..)
            | TimerKey::ConsumerRebalance(..)
            | TimerKey::ConsumerJoin(..)
            | TimerKey::ConsumerSync(..) => self.on_consumer_time(context, key, &mut out),
            TimerKey::Expiry => self.expire_offsets(context, &mut out),
            TimerKey::Forget => self.forget_offsets(context, &mut out),
        }
        out
    }

    /// When [`Self::on_time`] is due.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Tick> {
        self.timers.next()
    }

    /// Replays a record of the log. An error concerns one group, which is refused from then on; the rest is served.
    ///
    /// # Errors
    /// [`ReplayError`]: the record is damaged, or does not follow from those before.
    pub fn replay(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), ReplayError> {
        self.replay_with(key, value, Self::apply)
    }

    /// Replays a record of a transaction's batch: an offset stays hidden until [`Self::end_transaction`].
    ///
    /// # Errors
    /// As [`Self::replay`].
    pub fn replay_in_transaction(
        &mut self,
        key: &[u8],
        value: Option<&[u8]>,
        producer: ProducerId,
    ) -> Result<(), ReplayError> {
        self.replay_with(key, value, |shard, record| shard.apply_in_transaction(record, producer))
    }

    fn replay_with(
        &mut self,
        key: &[u8],
        value: Option<&[u8]>,
        apply: impl FnOnce(&mut Self, &GroupRecord) -> Result<(), ReplayError>,
    ) -> Result<(), ReplayError> {
        let replayed = GroupRecord::decode(key, value).and_then(|record| match record {
            Some(record) => apply(self, &record),
            None => Ok(()),
        });
        if let Err(ReplayError { id: Some(group_id), problem, .. }) = &replayed {
            self.damaged.insert(group_id.clone(), problem.clone());
        }
        replayed
    }

    /// Why this group is refused: one of its records cannot be replayed.
    #[must_use]
    pub fn damage_of(&self, group_id: &str) -> Option<&str> {
        self.damaged.get(group_id).map(String::as_str)
    }

    /// Refuses the group that a record belongs to: the bytes of its batch are not those that were written. Returns the group,
    /// if its name can be read.
    pub fn distrust(&mut self, key: &[u8], problem: &str) -> Option<String> {
        let group_id = GroupRecord::decode(key, None).ok().flatten()?.group_id().to_owned();
        self.damaged.insert(group_id.clone(), problem.to_owned());
        Some(group_id)
    }

    /// Makes a decided record part of the state and of the outcome.
    pub(crate) fn accept(&mut self, record: &GroupRecord, out: &mut GroupOutcome) -> Result<(), ErrorCode> {
        let encoded = record.encode().map_err(|_| ErrorCode::InvalidRequest)?;
        let applied = match out.transaction {
            Some(producer) => self.apply_in_transaction(record, producer.id),
            None => self.apply(record),
        };
        applied.map_err(|_| ErrorCode::UnknownServerError)?;
        out.records.push(encoded);
        Ok(())
    }

    /// Refuses what is asked of a group that could not be loaded.
    pub(crate) fn refuse_damaged(&self, group_id: &str) -> Result<(), ErrorCode> {
        if self.damaged.contains_key(group_id) { Err(ErrorCode::UnknownServerError) } else { Ok(()) }
    }

    /// Only offsets are written in transactions; anything else counts as if it were not in one, as in Kafka.
    fn apply_in_transaction(&mut self, record: &GroupRecord, producer: ProducerId) -> Result<(), ReplayError> {
        let GroupRecord::OffsetCommit(key, Some(value)) = record else {
            return self.apply(record);
        };
        self.apply_pending(key, value, producer);
        Ok(())
    }

    /// The one way to change what the log holds.
    fn apply(&mut self, record: &GroupRecord) -> Result<(), ReplayError> {
        match record {
            GroupRecord::OffsetCommit(key, value) => {
                self.offsets.apply(key, value.as_ref());
                self.pending.overtake(key, value.is_none());
                if value.is_none() && self.groups.contains_key(&key.group) {
                    self.offsets.release(&key.group);
                }
                Ok(())
            }
            GroupRecord::GroupMetadata(key, value) => {
                self.offsets.release(&key.group);
                self.apply_classic(key, value.as_ref())
            }
            GroupRecord::ConsumerGroupMetadata(key, _) => {
                self.offsets.release(&key.group_id);
                self.apply_consumer(record)
            }
            GroupRecord::ConsumerGroupMemberMetadata(..)
            | GroupRecord::ConsumerGroupTargetAssignmentMetadata(..)
            | GroupRecord::ConsumerGroupTargetAssignmentMember(..)
            | GroupRecord::ConsumerGroupCurrentMemberAssignment(..)
            | GroupRecord::ConsumerGroupRegularExpression(..) => self.apply_consumer(record),
        }
    }
}
