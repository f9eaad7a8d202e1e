//! A shard with its log, its clock, its crashes, and the bookkeeping of who waits for what.

use std::collections::{BTreeMap, BTreeSet};

use coordinator::group::{Context, GroupEvent, GroupOutcome, GroupReply, GroupSettings, GroupShard};
use coordinator::shard::{Now, Record, ReplyTo};
use model::{Tick, Timestamp};

use crate::topics::TestTopics;

/// Wall time at tick 0.
const EPOCH_MS: u64 = 1_700_000_000_000;
/// Records after which the log is compacted.
const LOG_LENGTH_MAX: usize = 4_000;

/// What the shard decided and nobody has seen yet: the append is under way.
type Unreleased = (Vec<Record>, Vec<(ReplyTo, GroupReply)>);

pub(crate) struct World {
    pub(crate) settings: GroupSettings,
    pub(crate) topics: TestTopics,
    pub(crate) now_ms: u64,
    /// Requests and deadlines so far.
    pub(crate) events: u64,
    shard: GroupShard,
    log: Vec<Record>,
    unreleased: Vec<Unreleased>,
    /// What was asked and not answered: the kind of answer that it must have.
    waiting: BTreeMap<ReplyTo, std::mem::Discriminant<GroupEvent>>,
    asked: u64,
}

impl World {
    pub(crate) fn new(settings: GroupSettings) -> Self {
        let mut world = Self {
            settings,
            topics: TestTopics::default(),
            now_ms: 1_000,
            events: 0,
            shard: GroupShard::new(),
            log: Vec::new(),
            unreleased: Vec::new(),
            waiting: BTreeMap::new(),
            asked: 0,
        };
        world.act(GroupShard::loaded);
        world
    }

    /// Hands in a request.
    pub(crate) fn ask(&mut self, event: GroupEvent) -> ReplyTo {
        self.asked += 1;
        self.events += 1;
        let reply_to = ReplyTo(self.asked);
        if !matches!(event, GroupEvent::TopicsChanged(_)) {
            self.waiting.insert(reply_to, std::mem::discriminant(&event));
        }
        self.act(|shard, context| shard.on_event(context, event, reply_to));
        reply_to
    }

    /// Meets the deadlines that are due.
    pub(crate) fn meet_deadlines(&mut self) {
        while self.shard.next_deadline().is_some_and(|at| at.as_ms() <= self.now_ms) {
            self.events += 1;
            self.act(GroupShard::on_time);
        }
    }

    pub(crate) fn next_deadline_ms(&self) -> Option<u64> {
        self.shard.next_deadline().map(Tick::as_ms)
    }

    fn act(&mut self, act: impl FnOnce(&mut GroupShard, &Context<'_>) -> GroupOutcome) {
        let context = Context { now: now(self.now_ms), settings: &self.settings, topics: &self.topics };
        let out = act(&mut self.shard, &context);
        self.unreleased.push((out.records, out.replies));
    }

    /// All is appended and durable: the replies leave.
    pub(crate) fn release(&mut self) -> Vec<(ReplyTo, GroupReply)> {
        let mut replies = Vec::new();
        for (records, answered) in std::mem::take(&mut self.unreleased) {
            self.log.extend(records);
            replies.extend(answered);
        }
        for (reply_to, reply) in &replies {
            let asked = self.waiting.remove(reply_to);
            let asked = asked.unwrap_or_else(|| panic!("{reply_to:?} was not asked, or answered before: {reply:?}"));
            assert_eq!(asked, kind_of(reply), "{reply_to:?} got the answer to something else: {reply:?}");
        }
        if self.log.len() > LOG_LENGTH_MAX {
            self.compact();
        }
        replies
    }

    /// The process dies. Of what was not released, the first `kept` decisions had reached the disk. Whoever waits is lost.
    pub(crate) fn crash(&mut self, kept: usize) {
        for (records, _) in self.unreleased.drain(..).take(kept) {
            self.log.extend(records);
        }
        self.waiting.clear();
        self.shard = replayed(&self.log);
        self.act(GroupShard::loaded);
    }

    pub(crate) fn unreleased(&self) -> usize {
        self.unreleased.len()
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// What the live shard says to a question that changes nothing.
    pub(crate) fn observe(&mut self, question: GroupEvent) -> GroupReply {
        let context = Context { now: now(self.now_ms), settings: &self.settings, topics: &self.topics };
        answer(&mut self.shard, &context, question)
    }

    /// What a shard says that replayed all that was decided; with `compacted`, only what compaction would leave of it.
    pub(crate) fn observe_replayed(&self, compacted: bool, questions: &[GroupEvent]) -> Vec<GroupReply> {
        let decided = self.unreleased.iter().flat_map(|(records, _)| records);
        let mut log: Vec<Record> = self.log.iter().chain(decided).cloned().collect();
        if compacted {
            log = compact(&log);
        }
        let mut shard = replayed(&log);
        let context = Context { now: now(self.now_ms), settings: &self.settings, topics: &self.topics };
        questions.iter().map(|question| answer(&mut shard, &context, question.clone())).collect()
    }

    fn compact(&mut self) {
        self.log = compact(&self.log);
    }
}

fn now(ms: u64) -> Now {
    Now { time: Timestamp::new(i64::try_from(EPOCH_MS + ms).unwrap()), tick: Tick::from_ms(ms) }
}

fn replayed(log: &[Record]) -> GroupShard {
    let mut shard = GroupShard::new();
    for record in log {
        shard.replay(&record.key, record.value.as_deref()).expect("a shard's own records can be replayed");
    }
    shard
}

/// The last record of each key, in the order of the log, without tombstones.
fn compact(log: &[Record]) -> Vec<Record> {
    let mut seen = BTreeSet::new();
    let mut kept: Vec<_> = log.iter().rev().filter(|record| seen.insert(&record.key)).collect();
    kept.retain(|record| record.value.is_some());
    kept.into_iter().rev().cloned().collect()
}

fn answer(shard: &mut GroupShard, context: &Context<'_>, question: GroupEvent) -> GroupReply {
    let out = shard.on_event(context, question, ReplyTo(u64::MAX));
    assert_eq!(out.records, [], "a question changes nothing");
    out.replies.into_iter().next().expect("a question is answered at once").1
}

/// What must have been asked for this to be the answer.
fn kind_of(reply: &GroupReply) -> std::mem::Discriminant<GroupEvent> {
    std::mem::discriminant(&match reply {
        GroupReply::JoinGroup(_) => GroupEvent::JoinGroup(Default::default()),
        GroupReply::SyncGroup(_) => GroupEvent::SyncGroup(Default::default()),
        GroupReply::Heartbeat(_) => GroupEvent::Heartbeat(Default::default()),
        GroupReply::LeaveGroup(_) => GroupEvent::LeaveGroup(Default::default()),
        GroupReply::ConsumerGroupHeartbeat(_) => GroupEvent::ConsumerGroupHeartbeat(Default::default()),
        GroupReply::OffsetCommit(_) => GroupEvent::OffsetCommit(Default::default()),
        GroupReply::OffsetFetch(_) => GroupEvent::OffsetFetch(Default::default()),
        GroupReply::OffsetDelete(_) => GroupEvent::OffsetDelete(Default::default()),
        GroupReply::DescribeGroup(_) => GroupEvent::DescribeGroup(Default::default()),
        GroupReply::DescribeConsumerGroup(_) => GroupEvent::DescribeConsumerGroup(Default::default()),
        GroupReply::ListGroups(_) => GroupEvent::ListGroups(Default::default()),
        GroupReply::CountGroups(_) => GroupEvent::CountGroups,
        GroupReply::DeleteGroup(_) => GroupEvent::DeleteGroup(Default::default()),
    })
}
