//! A shard with a clock and topics of its own, and clients that do as the Java consumer does.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use model::{ErrorCode, Tick, Timestamp, TopicId};

use crate::group::event::{
    Client, ConsumerGroupHeartbeat, ConsumerGroupHeartbeatReply, DescribeConsumerGroup, DescribedConsumerGroup,
    GroupEvent, GroupReply, TopicPartitions, TopicsChanged,
};
use crate::group::{Context, Group, GroupOutcome, GroupSettings, GroupShard, Topics};
use crate::shard::{Now, Record, ReplyTo};

/// The group of most tests.
pub(super) const GROUP: &str = "g";

/// When the clock of a test begins.
const START_MS: u64 = 1_000_000;

/// The topics of a test.
#[derive(Clone, Debug, Default)]
pub(super) struct World {
    topics: BTreeMap<String, (TopicId, i32)>,
    made: u8,
    version: u64,
}

impl Topics for World {
    fn by_name(&self, name: &str) -> Option<(TopicId, i32)> {
        self.topics.get(name).copied()
    }
    fn by_id(&self, id: TopicId) -> Option<(&str, i32)> {
        let found = self.topics.iter().find(|(_, (known, _))| *known == id);
        found.map(|(name, (_, partitions))| (name.as_str(), *partitions))
    }
    fn each_name(&self, each: &mut dyn FnMut(&str)) {
        self.topics.keys().for_each(|name| each(name));
    }
    fn version(&self) -> u64 {
        self.version
    }
}

/// A shard and its surroundings.
#[derive(Default)]
pub(super) struct Driver {
    pub(super) shard: GroupShard,
    pub(super) settings: GroupSettings,
    pub(super) world: World,
    /// What was appended.
    pub(super) log: Vec<Record>,
    ms: u64,
    asked: u64,
    replies: BTreeMap<ReplyTo, GroupReply>,
}

impl Driver {
    /// Topics and their numbers of partitions. Targets are computed at once, unless a test wants them not to be.
    pub(super) fn new(topics: &[(&str, i32)]) -> Self {
        let mut driver = Self { ms: START_MS, ..Self::default() };
        driver.settings.consumer_assignment_interval_ms = 0;
        for (name, partitions) in topics {
            driver.set_topic(name, *partitions);
        }
        driver
    }

    /// Makes a topic, or lets it grow.
    pub(super) fn set_topic(&mut self, name: &str, partitions: i32) {
        if let Some((_, known)) = self.world.topics.get_mut(name) {
            *known = partitions;
        } else {
            self.world.made += 1;
            let id = TopicId::from_bytes([self.world.made; 16]);
            self.world.topics.insert(name.to_owned(), (id, partitions));
        }
        self.world.version += 1;
        self.tell(TopicsChanged { changed: vec![name.to_owned()], deleted: Vec::new() });
    }

    pub(super) fn delete_topic(&mut self, name: &str) {
        let Some((id, _)) = self.world.topics.remove(name) else { return };
        self.world.version += 1;
        self.tell(TopicsChanged { changed: vec![name.to_owned()], deleted: vec![(name.to_owned(), id)] });
    }

    fn tell(&mut self, change: TopicsChanged) {
        self.send(GroupEvent::TopicsChanged(change));
    }

    pub(super) fn topic(&self, name: &str) -> TopicId {
        self.world.topics[name].0
    }

    /// Hands in an event.
    pub(super) fn send(&mut self, event: GroupEvent) -> ReplyTo {
        self.asked += 1;
        let reply_to = ReplyTo(self.asked);
        self.run(|shard, context| shard.on_event(context, event, reply_to));
        reply_to
    }

    pub(super) fn reply(&self, to: ReplyTo) -> Option<&GroupReply> {
        self.replies.get(&to)
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
        self.run(GroupShard::loaded);
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
        let context = Context { now, settings: &self.settings, topics: &self.world };
        let outcome = step(&mut self.shard, &context);
        self.log.extend(outcome.records);
        for (reply_to, reply) in outcome.replies {
            assert!(self.replies.insert(reply_to, reply).is_none(), "{reply_to:?} is answered twice");
        }
        assert_one_owner_each(&self.shard);
    }

    /// Sends a heartbeat as it is.
    pub(super) fn heartbeat(&mut self, request: ConsumerGroupHeartbeat) -> ConsumerGroupHeartbeatReply {
        let to = self.send(GroupEvent::ConsumerGroupHeartbeat(request));
        match self.reply(to) {
            Some(GroupReply::ConsumerGroupHeartbeat(reply)) => reply.clone(),
            other => panic!("no answer to a heartbeat: {other:?}"),
        }
    }

    pub(super) fn describe(&mut self) -> DescribedConsumerGroup {
        let request = DescribeConsumerGroup { group_id: GROUP.to_owned() };
        let to = self.send(GroupEvent::DescribeConsumerGroup(request));
        match self.reply(to) {
            Some(GroupReply::DescribeConsumerGroup(described)) => described.clone(),
            other => panic!("no answer to a describe: {other:?}"),
        }
    }

    pub(super) fn state(&mut self) -> String {
        self.describe().state
    }

    /// Types of the records that were appended since there were `from` of them.
    pub(super) fn written(&self, from: usize) -> Vec<(i16, bool)> {
        let kind = |record: &Record| (i16::from_be_bytes([record.key[0], record.key[1]]), record.value.is_some());
        self.log[from..].iter().map(kind).collect()
    }
}

/// No partition is held by two members of a group.
fn assert_one_owner_each(shard: &GroupShard) {
    for (group_id, group) in &shard.groups {
        let Group::Consumer(group) = group else { continue };
        let mut owners = BTreeMap::new();
        for (member_id, member) in group.members() {
            for (topic, partitions) in member.current.assigned.iter().chain(&member.current.revoking) {
                for partition in partitions.keys() {
                    let before = owners.insert((*topic, *partition), member_id);
                    assert_eq!(before, None, "{group_id}: {topic}-{partition} has two owners");
                }
            }
        }
    }
}

/// All that the log is to know of the KIP-848 groups.
pub(super) fn hard_state(shard: &GroupShard) -> String {
    let mut text = String::new();
    for (group_id, group) in &shard.groups {
        let Group::Consumer(group) = group else { continue };
        let head = (group.epoch, group.metadata_hash, group.target_epoch, group.target_time);
        writeln!(text, "{group_id} {head:?} {:?}", group.target()).expect("a String");
        for (member_id, member) in group.members() {
            writeln!(text, "{member_id} {:?} {:?}", member.about, member.current).expect("a String");
        }
        for pattern in group.resolved_patterns() {
            writeln!(text, "{pattern} {:?}", group.resolved(pattern)).expect("a String");
        }
        writeln!(text, "{:?} {:?}", group.topics().collect::<Vec<_>>(), group.classic_members()).expect("a String");
    }
    text
}

/// A client that does as the Java consumer does: it gives up what it is not assigned, and says so in its next heartbeat.
#[derive(Clone, Debug)]
pub(super) struct Consumer {
    pub(super) member_id: String,
    pub(super) instance_id: Option<String>,
    pub(super) topics: Option<Vec<String>>,
    pub(super) pattern: Option<String>,
    pub(super) assignor: Option<String>,
    pub(super) epoch: i32,
    pub(super) owned: BTreeSet<(TopicId, i32)>,
    /// It then says all of itself again, and hears all again.
    pub(super) has_lost_a_reply: bool,
}

impl Consumer {
    pub(super) fn new(member_id: &str, topics: &[&str]) -> Self {
        Self {
            member_id: member_id.to_owned(),
            instance_id: None,
            topics: Some(topics.iter().map(|topic| (*topic).to_owned()).collect()),
            pattern: None,
            assignor: None,
            epoch: 0,
            owned: BTreeSet::new(),
            has_lost_a_reply: false,
        }
    }

    pub(super) fn of_pattern(member_id: &str, pattern: &str) -> Self {
        Self { topics: None, pattern: Some(pattern.to_owned()), ..Self::new(member_id, &[]) }
    }

    pub(super) fn instance(self, instance_id: &str) -> Self {
        Self { instance_id: Some(instance_id.to_owned()), ..self }
    }

    /// Its first heartbeat.
    pub(super) fn first(&self) -> ConsumerGroupHeartbeat {
        ConsumerGroupHeartbeat {
            rebalance_timeout_ms: 60_000,
            subscribed_topic_names: self.topics.clone(),
            subscribed_topic_regex: self.pattern.clone(),
            server_assignor: self.assignor.clone(),
            topic_partitions: Some(Vec::new()),
            ..self.plain(0)
        }
    }

    /// A heartbeat that says nothing.
    pub(super) fn plain(&self, epoch: i32) -> ConsumerGroupHeartbeat {
        ConsumerGroupHeartbeat {
            group_id: GROUP.to_owned(),
            member_id: self.member_id.clone(),
            member_epoch: epoch,
            instance_id: self.instance_id.clone(),
            rebalance_timeout_ms: -1,
            client: Client { id: "c".to_owned(), host: "/127.0.0.1".to_owned() },
            version: 1,
            ..ConsumerGroupHeartbeat::default()
        }
    }

    /// What it owns, as a heartbeat says it.
    pub(super) fn reported(&self) -> Vec<TopicPartitions> {
        let mut topics = BTreeMap::<TopicId, Vec<i32>>::new();
        for (topic, partition) in &self.owned {
            topics.entry(*topic).or_default().push(*partition);
        }
        topics.into_iter().map(|(topic_id, partitions)| TopicPartitions { topic_id, partitions }).collect()
    }

    pub(super) fn join(&mut self, driver: &mut Driver) -> ConsumerGroupHeartbeatReply {
        self.epoch = 0;
        self.owned.clear();
        let reply = driver.heartbeat(self.first());
        self.hear(&reply);
        reply
    }

    /// A heartbeat with what it owns.
    pub(super) fn next(&self) -> ConsumerGroupHeartbeat {
        let head = if self.epoch == 0 || self.has_lost_a_reply { self.first() } else { self.plain(self.epoch) };
        ConsumerGroupHeartbeat { member_epoch: self.epoch, topic_partitions: Some(self.reported()), ..head }
    }

    /// Sends it, and does what the reply says.
    pub(super) fn beat(&mut self, driver: &mut Driver) -> ConsumerGroupHeartbeatReply {
        let reply = driver.heartbeat(self.next());
        self.hear(&reply);
        reply
    }

    pub(super) fn leave(&mut self, driver: &mut Driver, epoch: i32) -> ConsumerGroupHeartbeatReply {
        self.owned.clear();
        driver.heartbeat(self.plain(epoch))
    }

    pub(super) fn hear(&mut self, reply: &ConsumerGroupHeartbeatReply) {
        self.has_lost_a_reply = false;
        if reply.error != ErrorCode::None {
            self.owned.clear();
            self.epoch = 0;
            return;
        }
        self.epoch = reply.member_epoch;
        if let Some(assignment) = &reply.assignment {
            self.owned = partitions(assignment);
        }
    }

    /// The partitions of this topic that it owns.
    pub(super) fn of(&self, topic: TopicId) -> Vec<i32> {
        self.owned.iter().filter(|(of, _)| *of == topic).map(|(_, partition)| *partition).collect()
    }
}

/// Partitions of a reply.
pub(super) fn partitions(assignment: &[TopicPartitions]) -> BTreeSet<(TopicId, i32)> {
    let each = assignment.iter();
    each.flat_map(|topic| topic.partitions.iter().map(|partition| (topic.topic_id, *partition))).collect()
}

/// Numbers that look random and are the same each time.
pub(super) struct Numbers(pub(super) u64);

impl Numbers {
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % bound
    }
}
