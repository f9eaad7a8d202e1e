//! A shard with a clock of its own, and who asked it what: requests go in, time passes, replies are looked up.

use std::collections::BTreeMap;

use bytes::Bytes;
use model::{ErrorCode, Tick, Timestamp, TopicId};

use crate::group::event::{
    Client, DescribeGroup, DescribedGroup, GroupEvent, GroupReply, Heartbeat, JoinGroup, JoinGroupReply, LeaveGroup,
    LeaveGroupReply, LeavingMember, OffsetCommit, OffsetCommitReply, SyncGroup, SyncGroupReply,
};
use crate::group::{Context, GroupOutcome, GroupSettings, GroupShard, Topics};
use crate::shard::{Now, Record, ReplyTo};

/// The group of most tests.
pub(super) const GROUP: &str = "g";

/// When the clock of a test begins.
const START_MS: u64 = 1_000_000;

struct NoTopics;

impl Topics for NoTopics {
    fn by_name(&self, _: &str) -> Option<(TopicId, i32)> {
        None
    }
    fn by_id(&self, _: TopicId) -> Option<(&str, i32)> {
        None
    }
    fn each_name(&self, _: &mut dyn FnMut(&str)) {}
    fn version(&self) -> u64 {
        0
    }
}

/// A shard and its surroundings.
#[derive(Default)]
pub(super) struct Driver {
    pub(super) shard: GroupShard,
    pub(super) settings: GroupSettings,
    /// What was appended.
    pub(super) log: Vec<Record>,
    ms: u64,
    asked: u64,
    replies: BTreeMap<ReplyTo, GroupReply>,
}

impl Driver {
    pub(super) fn new() -> Self {
        Self { ms: START_MS, ..Self::default() }
    }

    pub(super) fn with(change: impl FnOnce(&mut GroupSettings)) -> Self {
        let mut driver = Self::new();
        change(&mut driver.settings);
        driver
    }

    /// Hands in an event.
    pub(super) fn send(&mut self, event: GroupEvent) -> ReplyTo {
        self.asked += 1;
        let reply_to = ReplyTo(self.asked);
        self.run(|shard, context| shard.on_event(context, event, reply_to));
        reply_to
    }

    /// Lets time pass, with everything that falls due in it.
    pub(super) fn pass(&mut self, ms: u64) {
        let end = self.ms + ms;
        while let Some(due) = self.shard.next_deadline().filter(|due| due.as_ms() <= end) {
            self.ms = self.ms.max(due.as_ms());
            self.run(GroupShard::on_time);
        }
        self.ms = end;
    }

    /// Loses the process: another shard replays the log.
    pub(super) fn restart(&mut self) {
        self.shard = self.replayed();
        self.replies.clear();
        self.run(|shard, context| {
            let mut out = GroupOutcome::default();
            shard.load_classic(context, &mut out);
            out
        });
    }

    /// A shard that replayed the log.
    pub(super) fn replayed(&self) -> GroupShard {
        let mut shard = GroupShard::new();
        for record in &self.log {
            shard.replay(&record.key, record.value.as_deref()).expect("our own records can be replayed");
        }
        shard
    }

    fn run(&mut self, step: impl FnOnce(&mut GroupShard, &Context<'_>) -> GroupOutcome) {
        let time = Timestamp::new(i64::try_from(self.ms).expect("a short test"));
        let now = Now { time, tick: Tick::from_ms(self.ms) };
        let context = Context { now, settings: &self.settings, topics: &NoTopics };
        let outcome = step(&mut self.shard, &context);
        self.log.extend(outcome.records);
        for (reply_to, reply) in outcome.replies {
            assert!(reply_to.0 <= self.asked, "nobody asked {reply_to:?}");
            assert!(self.replies.insert(reply_to, reply).is_none(), "{reply_to:?} is answered twice");
        }
    }

    /// The answer, if there is one yet.
    pub(super) fn reply(&self, to: ReplyTo) -> Option<&GroupReply> {
        self.replies.get(&to)
    }

    pub(super) fn is_parked(&self, to: ReplyTo) -> bool {
        self.reply(to).is_none()
    }

    pub(super) fn joined(&self, to: ReplyTo) -> JoinGroupReply {
        match self.reply(to) {
            Some(GroupReply::JoinGroup(reply)) => reply.clone(),
            other => panic!("no answer to a join: {other:?}"),
        }
    }

    pub(super) fn synced(&self, to: ReplyTo) -> SyncGroupReply {
        match self.reply(to) {
            Some(GroupReply::SyncGroup(reply)) => reply.clone(),
            other => panic!("no answer to a sync: {other:?}"),
        }
    }

    pub(super) fn join(&mut self, join: &Join) -> ReplyTo {
        let fresh = format!("{}-{}", join.instance_id.as_deref().unwrap_or("c"), self.asked + 1);
        let request = JoinGroup {
            group_id: join.group_id.clone(),
            member_id: join.member_id.clone(),
            group_instance_id: join.instance_id.clone(),
            session_timeout_ms: join.session_ms,
            rebalance_timeout_ms: join.rebalance_ms,
            protocol_type: join.protocol_type.clone(),
            protocols: join.protocols.iter().map(|(name, blob)| (name.clone(), blob.clone())).collect(),
            reason: None,
            client: Client { id: "c".to_owned(), host: "/127.0.0.1".to_owned() },
            requires_known_member_id: join.requires_id && join.instance_id.is_none(),
            supports_skipping_assignment: join.may_skip,
            fresh_member_id: fresh,
        };
        self.send(GroupEvent::JoinGroup(request))
    }

    pub(super) fn sync(&mut self, member_id: &str, generation_id: i32, assignments: &[(&str, &str)]) -> ReplyTo {
        self.send(GroupEvent::SyncGroup(sync_request(member_id, generation_id, assignments)))
    }

    /// A static member's sync.
    pub(super) fn send_sync_as(&mut self, member_id: &str, instance_id: &str, generation_id: i32) -> ReplyTo {
        let mut request = sync_request(member_id, generation_id, &[]);
        request.group_instance_id = Some(instance_id.to_owned());
        self.send(GroupEvent::SyncGroup(request))
    }

    pub(super) fn beat(&mut self, member_id: &str, generation_id: i32) -> ErrorCode {
        self.beat_as(member_id, None, generation_id)
    }

    pub(super) fn beat_as(&mut self, member_id: &str, instance_id: Option<&str>, generation_id: i32) -> ErrorCode {
        let request = Heartbeat {
            group_id: GROUP.to_owned(),
            generation_id,
            member_id: member_id.to_owned(),
            group_instance_id: instance_id.map(str::to_owned),
        };
        let to = self.send(GroupEvent::Heartbeat(request));
        match self.reply(to) {
            Some(GroupReply::Heartbeat(code)) => *code,
            other => panic!("no answer to a heartbeat: {other:?}"),
        }
    }

    /// Member ids and instance ids that leave; the codes of each.
    pub(super) fn leave(&mut self, who: &[(&str, Option<&str>)]) -> Vec<ErrorCode> {
        let reply = self.leave_group(GROUP, who);
        assert_eq!(reply.error, ErrorCode::None);
        for ((member_id, instance_id), answered) in who.iter().zip(&reply.members) {
            assert_eq!((answered.0.as_str(), answered.1.as_deref()), (*member_id, *instance_id));
        }
        reply.members.into_iter().map(|(_, _, code)| code).collect()
    }

    pub(super) fn leave_group(&mut self, group_id: &str, who: &[(&str, Option<&str>)]) -> LeaveGroupReply {
        let members = who.iter().map(|(member_id, instance_id)| LeavingMember {
            member_id: (*member_id).to_owned(),
            group_instance_id: instance_id.map(str::to_owned),
            reason: None,
        });
        let request = LeaveGroup { group_id: group_id.to_owned(), members: members.collect() };
        let to = self.send(GroupEvent::LeaveGroup(request));
        match self.reply(to) {
            Some(GroupReply::LeaveGroup(reply)) => reply.clone(),
            other => panic!("no answer to a leave: {other:?}"),
        }
    }

    /// The code of a commit of nothing in particular.
    pub(super) fn commit(&mut self, member_id: &str, generation_id: i32) -> ErrorCode {
        let request = OffsetCommit {
            group_id: GROUP.to_owned(),
            generation_id_or_member_epoch: generation_id,
            member_id: member_id.to_owned(),
            retention_time_ms: -1,
            version: 8,
            ..OffsetCommit::default()
        };
        let to = self.send(GroupEvent::OffsetCommit(request));
        match self.reply(to) {
            Some(GroupReply::OffsetCommit(OffsetCommitReply::Refused(code))) => *code,
            Some(GroupReply::OffsetCommit(OffsetCommitReply::Each(_))) => ErrorCode::None,
            other => panic!("no answer to a commit: {other:?}"),
        }
    }

    pub(super) fn describe(&mut self) -> DescribedGroup {
        let to = self.send(GroupEvent::DescribeGroup(DescribeGroup { group_id: GROUP.to_owned(), version: 5 }));
        match self.reply(to) {
            Some(GroupReply::DescribeGroup(reply)) => reply.clone(),
            other => panic!("no answer to a description: {other:?}"),
        }
    }

    pub(super) fn state(&mut self) -> String {
        self.describe().state
    }

    /// A stable group of these members, which have joined by `joins`; their ids in that order, the leader first.
    pub(super) fn stable(&mut self, joins: &[Join]) -> Vec<String> {
        let parked: Vec<ReplyTo> = joins.iter().map(|join| self.join(join)).collect();
        while parked.iter().any(|to| self.is_parked(*to)) {
            self.pass(1_000);
        }
        let replies: Vec<JoinGroupReply> = parked.into_iter().map(|to| self.joined(to)).collect();
        let ids: Vec<String> = replies.iter().map(|reply| reply.member_id.clone()).collect();
        let generation = replies[0].generation_id;
        assert_eq!(replies[0].leader, ids[0], "the first to join leads");
        let assignments: Vec<(&str, &str)> = ids.iter().map(|id| (id.as_str(), id.as_str())).collect();
        for id in ids.iter().rev() {
            let all = if *id == ids[0] { assignments.as_slice() } else { &[] };
            self.sync(id, generation, all);
        }
        assert_eq!(self.state(), "Stable");
        ids
    }
}

/// A join: by default of a dynamic consumer, in the old way that gives a member its id at once.
#[derive(Clone)]
pub(super) struct Join {
    pub(super) group_id: String,
    pub(super) member_id: String,
    pub(super) instance_id: Option<String>,
    pub(super) session_ms: i32,
    pub(super) rebalance_ms: i32,
    pub(super) protocol_type: String,
    pub(super) protocols: Vec<(String, Bytes)>,
    pub(super) requires_id: bool,
    pub(super) may_skip: bool,
}

impl Join {
    pub(super) fn new() -> Self {
        Self {
            group_id: GROUP.to_owned(),
            member_id: String::new(),
            instance_id: None,
            session_ms: 10_000,
            rebalance_ms: 60_000,
            protocol_type: "consumer".to_owned(),
            protocols: vec![("range".to_owned(), Bytes::new())],
            requires_id: false,
            may_skip: true,
        }
    }

    pub(super) fn id(mut self, member_id: &str) -> Self {
        member_id.clone_into(&mut self.member_id);
        self
    }

    pub(super) fn instance(mut self, instance_id: &str) -> Self {
        self.instance_id = Some(instance_id.to_owned());
        self
    }

    /// Names and subscriptions.
    pub(super) fn protocols(mut self, protocols: &[(&str, &str)]) -> Self {
        let own = |(name, blob): &(&str, &str)| ((*name).to_owned(), Bytes::copy_from_slice(blob.as_bytes()));
        self.protocols = protocols.iter().map(own).collect();
        self
    }

    pub(super) fn change(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

pub(super) fn sync_request(member_id: &str, generation_id: i32, assignments: &[(&str, &str)]) -> SyncGroup {
    let own = |(id, blob): &(&str, &str)| ((*id).to_owned(), Bytes::copy_from_slice(blob.as_bytes()));
    SyncGroup {
        group_id: GROUP.to_owned(),
        generation_id,
        member_id: member_id.to_owned(),
        assignments: assignments.iter().map(own).collect(),
        ..SyncGroup::default()
    }
}
