//! One shard at run time: its state or the way to it, who waits for its answers, and what of this turn is to be appended.
//!
//! A turn is what a thread handles at once. Its events are decided one after the other, each seeing the effects of those
//! before; [`ShardRuntime::end_turn`] appends their records and gives out their answers, to be held until all is durable.

mod held;
mod turn;

use std::collections::HashMap;
use std::sync::Arc;

use coordinator::group::event::TopicsChanged;
use coordinator::group::{Context, GroupEvent, GroupOutcome, GroupReply, GroupSettings, GroupShard};
use coordinator::shard::{Now, ReplyTo};
use model::{ErrorCode, Offset, Tick};
use storage::error::{AppendError, ReadError};
use tracing::{error, info, warn};

pub(super) use held::{Held, Released};

use self::turn::{Turn, Unfit};
use super::handle::AnswerTo;
use super::loading::Loading;
use super::topics::{self, ImageTopics};
use crate::metadata::Image;
use crate::partitions::Partition;

/// Deadlines that are handled in one turn; the others come in the next.
const DEADLINES_MAX: usize = 1024;
/// Ms until a shard that could not append is loaded again: there is no room now, and there may be some then.
const RELOAD_PAUSE_MS: u64 = 1000;

/// What all events of a turn share.
pub(super) struct World<'a> {
    /// The time.
    pub(super) now: Now,
    /// What groups go by.
    pub(super) settings: &'a GroupSettings,
    /// What exists.
    pub(super) image: &'a Arc<Image>,
}

impl World<'_> {
    fn context<'a>(&'a self, topics: &'a ImageTopics<'a>) -> Context<'a> {
        Context { now: self.now, settings: self.settings, topics }
    }
}

/// A shard, its partition, and those who wait.
pub(super) struct ShardRuntime {
    partition: Arc<Partition>,
    state: State,
    /// Who is to be answered, by the address that the shard knows.
    waiting: HashMap<ReplyTo, AnswerTo>,
    addresses: u64,
    turn: Turn,
    /// Answers of this turn whose records are appended.
    held: Vec<Held>,
    /// What the shard knows rests on the log up to here.
    end: Offset,
}

/// How far a shard is.
enum State {
    /// Its records are read, from this moment on.
    Loading(Loading, Tick),
    /// It decides.
    Active(GroupShard),
    /// Its log failed, or is gone: every request is refused with this.
    Closed(ErrorCode),
}

impl ShardRuntime {
    /// The shard of a partition, about to be loaded.
    pub(super) fn new(partition: Arc<Partition>, image: &Arc<Image>) -> Self {
        let loading = Loading::new(partition.log(), Arc::clone(image));
        Self {
            partition,
            state: State::Loading(loading, Tick::default()),
            waiting: HashMap::new(),
            addresses: 0,
            turn: Turn::default(),
            held: Vec::new(),
            end: Offset::ZERO,
        }
    }

    /// Whether this is the shard of this partition, not of one that has its place now.
    pub(super) fn is_of(&self, partition: &Arc<Partition>) -> bool {
        Arc::ptr_eq(&self.partition, partition)
    }

    /// Has an event decided. Its answer goes out with the turn, or with a later one.
    pub(super) fn on_event(&mut self, world: &World<'_>, event: GroupEvent, answer_to: AnswerTo) {
        if self.partition.log().is_offline() {
            self.close(ErrorCode::CoordinatorNotAvailable);
        }
        let shard = match &mut self.state {
            State::Active(shard) => shard,
            State::Loading(..) => return drop(answer_to.send(while_loading(&event))),
            State::Closed(code) => return drop(answer_to.send(Err(*code))),
        };
        if event.group_id().is_some_and(|group_id| shard.damage_of(group_id).is_some()) {
            return drop(answer_to.send(Err(ErrorCode::UnknownServerError)));
        }
        self.addresses += 1;
        let reply_to = ReplyTo(self.addresses);
        self.waiting.insert(reply_to, answer_to);
        let topics = ImageTopics(world.image);
        let outcome = shard.on_event(&world.context(&topics), event, reply_to);
        self.settle(world, outcome);
    }

    /// Tells an active shard what became of topics. One that is loading compares when it is loaded.
    pub(super) fn on_topics_changed(&mut self, world: &World<'_>, changes: &TopicsChanged) {
        let State::Active(shard) = &mut self.state else { return };
        self.addresses += 1;
        let topics = ImageTopics(world.image);
        let event = GroupEvent::TopicsChanged(changes.clone());
        let outcome = shard.on_event(&world.context(&topics), event, ReplyTo(self.addresses));
        self.settle(world, outcome);
    }

    /// Handles the deadlines that have come.
    pub(super) fn on_time(&mut self, world: &World<'_>) {
        let topics = ImageTopics(world.image);
        for _ in 0..DEADLINES_MAX {
            let State::Active(shard) = &mut self.state else { return };
            if shard.next_deadline().is_none_or(|due| due > world.now.tick) {
                return;
            }
            let outcome = shard.on_time(&world.context(&topics));
            self.settle(world, outcome);
        }
    }

    /// When there is something to do though nobody asks.
    pub(super) fn next_deadline(&self) -> Option<Tick> {
        match &self.state {
            State::Active(shard) => shard.next_deadline(),
            State::Loading(_, from) => Some(*from),
            State::Closed(_) => None,
        }
    }

    /// Goes on with loading, if that is what the shard is at.
    pub(super) fn load_some(&mut self, world: &World<'_>) {
        let State::Loading(loading, from) = &mut self.state else { return };
        if *from > world.now.tick {
            return;
        }
        match loading.step(self.partition.log()) {
            Ok(None) => {}
            Ok(Some(loaded)) => {
                info!(
                    partition = %self.partition.log().topic_partition(), records = loaded.records,
                    damaged = loaded.damaged, "group coordinator loaded"
                );
                self.end = loaded.end;
                self.begin(world, loaded.shard, &loaded.image);
            }
            Err(ReadError::Io(error)) => {
                warn!(partition = %self.partition.log().topic_partition(), %error, "groups cannot be loaded now");
                self.load_again(world, RELOAD_PAUSE_MS);
            }
            Err(error @ (ReadError::Offline | ReadError::OutOfRange { .. } | ReadError::Damaged { .. })) => {
                error!(partition = %self.partition.log().topic_partition(), %error, "groups cannot be loaded");
                self.close(ErrorCode::CoordinatorNotAvailable);
            }
        }
    }

    fn begin(&mut self, world: &World<'_>, mut shard: GroupShard, before: &Image) {
        let topics = ImageTopics(world.image);
        let outcome = shard.loaded(&world.context(&topics));
        self.state = State::Active(shard);
        self.settle(world, outcome);
        if let Some(changes) = topics::changes(before, world.image) {
            self.on_topics_changed(world, &changes);
        }
    }

    /// Takes an outcome into the turn. If it cannot be, it did not happen.
    fn settle(&mut self, world: &World<'_>, outcome: GroupOutcome) {
        let GroupOutcome { records, replies, .. } = outcome;
        match self.turn.add(&records, world.now.time, &self.partition.config()) {
            Ok(()) => {}
            Err(Unfit::Now) => {
                self.append(world);
                // Not if the append failed, which has dropped the shard and answered everybody.
                if let State::Active(_) = self.state
                    && self.turn.add(&records, world.now.time, &self.partition.config()).is_err()
                {
                    self.refuse_too_large(world, replies);
                    return;
                }
            }
            Err(Unfit::Ever) => {
                self.append(world);
                self.refuse_too_large(world, replies);
                return;
            }
        }
        for (reply_to, reply) in replies {
            if let Some(answer_to) = self.waiting.remove(&reply_to) {
                self.turn.replies.push((answer_to, reply));
            }
        }
    }

    /// No batch takes what was decided: the state that has it already goes, and with it whoever waits.
    fn refuse_too_large(&mut self, world: &World<'_>, replies: Vec<(ReplyTo, GroupReply)>) {
        let State::Active(_) = self.state else { return };
        warn!(
            partition = %self.partition.log().topic_partition(),
            "an event was refused: its records do not fit the largest batch; its groups are loaded again"
        );
        for (reply_to, _) in replies {
            if let Some(answer_to) = self.waiting.remove(&reply_to) {
                drop(answer_to.send(Err(ErrorCode::UnknownServerError)));
            }
        }
        self.load_again(world, 0);
    }

    /// Ends the turn: its records are appended, its answers given to `held`.
    pub(super) fn end_turn(&mut self, world: &World<'_>, held: &mut Vec<Held>) {
        self.append(world);
        held.append(&mut self.held);
    }

    /// Appends what there is of the turn. Its answers rest on that, and on all that was appended before.
    fn append(&mut self, world: &World<'_>) {
        if let Some(batch) = self.turn.take_batch() {
            match self.partition.append(&batch.checked(), world.now.time) {
                Ok(storage::Appended::Written(placed) | storage::Appended::Duplicate(placed)) => {
                    self.end = placed.last_offset.checked_add(1).unwrap_or(placed.last_offset);
                }
                Err(error) => return self.on_refused_append(world, &error),
            }
        }
        let replies = std::mem::take(&mut self.turn.replies);
        if !replies.is_empty() {
            self.held.push(Held { partition: Arc::clone(&self.partition), end: self.end, replies });
        }
    }

    fn on_refused_append(&mut self, world: &World<'_>, error: &AppendError) {
        let partition = self.partition.log().topic_partition();
        if self.partition.log().is_offline() || self.partition.is_retired() {
            error!(%partition, %error, "the groups' log failed; they are refused until the broker is started again");
            self.close(ErrorCode::CoordinatorNotAvailable);
        } else {
            warn!(%partition, %error, "changes of groups were refused; the groups are loaded again");
            self.load_again(world, RELOAD_PAUSE_MS);
        }
    }

    /// Drops the state, which holds what was not appended, and begins anew in `pause_ms`.
    fn load_again(&mut self, world: &World<'_>, pause_ms: u64) {
        self.refuse_all(ErrorCode::CoordinatorNotAvailable);
        let loading = Loading::new(self.partition.log(), Arc::clone(world.image));
        self.state = State::Loading(loading, world.now.tick.after_ms(pause_ms).at());
    }

    /// Refuses everybody, from now on.
    pub(super) fn close(&mut self, code: ErrorCode) {
        self.refuse_all(code);
        self.state = State::Closed(code);
    }

    /// Refuses whoever waits. What was appended before is still answered when it is durable.
    fn refuse_all(&mut self, code: ErrorCode) {
        let undone = std::mem::take(&mut self.turn).replies.into_iter().map(|(answer_to, _)| answer_to);
        for answer_to in undone.chain(self.waiting.drain().map(|(_, answer_to)| answer_to)) {
            // Whoever went away does not want it.
            drop(answer_to.send(Err(code)));
        }
    }
}

/// The answer while the shard is loaded: ask again. A heartbeat is taken, as Kafka takes it: the member lives, and what it
/// lives in is not known yet.
fn while_loading(event: &GroupEvent) -> Result<GroupReply, ErrorCode> {
    match event {
        GroupEvent::Heartbeat(_) => Ok(GroupReply::Heartbeat(ErrorCode::None)),
        GroupEvent::JoinGroup(_)
        | GroupEvent::SyncGroup(_)
        | GroupEvent::LeaveGroup(_)
        | GroupEvent::ConsumerGroupHeartbeat(_)
        | GroupEvent::OffsetCommit(_)
        | GroupEvent::OffsetFetch(_)
        | GroupEvent::OffsetDelete(_)
        | GroupEvent::DescribeGroup(_)
        | GroupEvent::DescribeConsumerGroup(_)
        | GroupEvent::ListGroups(_)
        | GroupEvent::DeleteGroup(_)
        | GroupEvent::TopicsChanged(_) => Err(ErrorCode::CoordinatorLoadInProgress),
    }
}
