//! Random lives of many groups: clients come, go, crash and come back, topics change, administrators interfere, strangers
//! send nonsense, and the coordinator crashes.

use std::collections::BTreeSet;

use bytes::Bytes;
use coordinator::group::event::{
    ConsumerGroupHeartbeat, DeleteGroup, Heartbeat, JoinGroup, LeaveGroup, LeavingMember, OffsetDelete, SyncGroup,
    TopicsChanged,
};
use coordinator::group::{GroupEvent, GroupReply, GroupSettings, Topics};

use crate::classic::ClassicClient;
use crate::client::{Client, Kind};
use crate::committed::CommittedModel;
use crate::consumer::{ConsumerClient, Subscription};
use crate::laws;
use crate::random::Random;
use crate::world::World;

const CLIENTS_MAX: usize = 20;
/// More ms than it takes everybody to time out, rebalance and reconcile.
const SETTLING_MS: u64 = 240_000;

/// The groups, and who joins them: classic clients, KIP-848 clients, or both, which migrates the group.
const GROUPS: [(&str, Joiners); 6] = [
    ("eager", Joiners::Eager),
    ("cooperative", Joiners::Cooperative),
    ("names", Joiners::Consumers),
    ("patterns", Joiners::Consumers),
    ("mixed-eager", Joiners::ConsumersAndEager),
    ("mixed-cooperative", Joiners::ConsumersAndCooperative),
];
/// Groups that only have offsets.
const SIMPLE: [&str; 2] = ["simple-1", "simple-2"];
/// Groups of those who send nonsense.
const STRANGE: [&str; 2] = ["strange-1", "strange-2"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Joiners {
    Eager,
    Cooperative,
    Consumers,
    ConsumersAndEager,
    ConsumersAndCooperative,
}

pub(crate) struct Driver {
    pub(crate) world: World,
    random: Random,
    clients: Vec<Client>,
    committed: CommittedModel,
    named: u64,
}

impl Driver {
    pub(crate) fn new(seed: u64) -> Self {
        let settings = GroupSettings {
            initial_rebalance_delay_ms: 1_000,
            consumer_session_timeout_ms: 15_000,
            consumer_heartbeat_interval_ms: 2_000,
            consumer_regex_refresh_interval_ms: 10_000,
            offsets_retention_check_interval_ms: 30_000,
            ..GroupSettings::default()
        };
        let mut driver = Self {
            world: World::new(settings),
            random: Random::new(seed),
            clients: Vec::new(),
            committed: CommittedModel::default(),
            named: 0,
        };
        for topic in 0..4 {
            let partitions = 1 + i32::try_from(driver.random.below(6)).unwrap();
            driver.world.topics.make(&format!("t{topic}"), partitions);
        }
        driver
    }

    /// Lives until so many events have happened, and checks the laws on the way.
    pub(crate) fn live(&mut self, events: u64) {
        let end = self.world.events + events;
        let mut steps = 0_u64;
        while self.world.events < end {
            self.step();
            steps += 1;
            if steps.is_multiple_of(8) {
                let (group_id, _) = *self.random.pick(&GROUPS);
                laws::nobody_shares(&mut self.world, &self.clients, group_id);
            }
            if steps.is_multiple_of(600) {
                laws::replay_gives_the_live_state(&mut self.world);
                self.check_offsets();
            }
        }
    }

    /// Lets everybody come to rest, and checks that they do.
    pub(crate) fn settle(&mut self) {
        self.release();
        let end_ms = self.world.now_ms + SETTLING_MS;
        while self.world.now_ms < end_ms {
            self.pass_time();
            self.release();
        }
        for (group_id, _) in GROUPS {
            laws::nobody_shares(&mut self.world, &self.clients, group_id);
            laws::nobody_is_stuck(&mut self.world, &self.clients, group_id);
        }
        let asking = self.clients.iter().filter(|client| client.waits_for.is_some()).count();
        assert_eq!(self.world.waiting(), asking, "somebody waits for an answer that does not come");
        laws::replay_gives_the_live_state(&mut self.world);
        self.check_offsets();
    }

    fn step(&mut self) {
        match self.random.below(80) {
            0..4 => self.join(),
            4..6 => self.leave(),
            6 => self.change_topics(),
            7..20 => self.commit(),
            20..22 => self.administrate(),
            22..30 => self.say_nonsense(),
            30 => self.crash(),
            _ => self.pass_time(),
        }
        if !self.random.one_in(4) {
            self.release();
        }
    }

    /// Goes on to the next moment at which anything happens.
    fn pass_time(&mut self) {
        let idle = self.clients.iter().filter(|client| client.waits_for.is_none());
        let next_ms = idle.map(|client| client.next_ms).chain(self.world.next_deadline_ms()).min();
        let next_ms = next_ms.unwrap_or(0).max(self.world.now_ms + 1);
        self.world.now_ms = next_ms.min(self.world.now_ms + 10_000);
        self.world.meet_deadlines();
        for client in &mut self.clients {
            if client.waits_for.is_none() && client.next_ms <= self.world.now_ms {
                let request = client.ask(&self.world.topics, self.world.now_ms);
                client.waits_for = Some(self.world.ask(request));
            }
        }
    }

    fn release(&mut self) {
        for (reply_to, reply) in self.world.release() {
            if let GroupReply::OffsetCommit(reply) = &reply {
                self.committed.answered(reply_to, reply);
            }
            let client = self.clients.iter_mut().find(|client| client.waits_for == Some(reply_to));
            if let Some(client) = client {
                client.hear(reply, &mut self.random, self.world.now_ms);
            }
        }
        self.clients.retain(|client| !client.is_fenced());
    }

    fn join(&mut self) {
        if self.clients.len() >= CLIENTS_MAX {
            return;
        }
        let (group_id, joiners) = *self.random.pick(&GROUPS);
        let instance_id = self.instance_id(group_id, joiners);
        let name = self.name(group_id);
        let is_consumer = match joiners {
            Joiners::Eager | Joiners::Cooperative => false,
            Joiners::Consumers => true,
            Joiners::ConsumersAndEager | Joiners::ConsumersAndCooperative => self.random.one_in(2),
        };
        let kind = if is_consumer {
            let subscription = match group_id {
                "patterns" => Subscription::Pattern(u8::try_from(self.random.below(4)).unwrap()),
                _ => Subscription::Names(self.some_topics()),
            };
            Kind::Consumer(ConsumerClient::new(name, instance_id, subscription))
        } else {
            let is_cooperative = matches!(joiners, Joiners::Cooperative | Joiners::ConsumersAndCooperative);
            Kind::Classic(ClassicClient::new(name, instance_id, self.some_topics(), is_cooperative))
        };
        let group_id = group_id.to_owned();
        self.clients.push(Client { group_id, waits_for: None, next_ms: self.world.now_ms, kind });
    }

    /// Mostly all topics, so that balance can be judged.
    fn some_topics(&mut self) -> BTreeSet<String> {
        let last = if self.random.one_in(3) { self.random.below(4) } else { 3 };
        (0..=last).map(|topic| format!("t{topic}")).collect()
    }

    /// Sometimes an instance id: in classic groups also one that somebody has, who is then fenced.
    fn instance_id(&mut self, group_id: &str, joiners: Joiners) -> Option<String> {
        let instance_id = self.random.one_in(3).then(|| format!("i{}", self.random.below(3)))?;
        let of_group = self.clients.iter().filter(|client| client.group_id == group_id);
        let is_held = of_group.filter_map(Client::instance_id).any(|held| *held == instance_id);
        let may_take = matches!(joiners, Joiners::Eager | Joiners::Cooperative);
        (may_take || !is_held).then_some(instance_id)
    }

    fn name(&mut self, of: &str) -> String {
        self.named += 1;
        format!("{of}-{}", self.named)
    }

    /// A client goes: with a word, or without.
    fn leave(&mut self) {
        if self.clients.is_empty() {
            return;
        }
        let at = self.random.index(self.clients.len());
        let client = self.clients.swap_remove(at);
        if let Some(request) = client.leave().filter(|_| self.random.one_in(2)) {
            self.world.ask(request);
        }
    }

    fn change_topics(&mut self) {
        let name = format!("t{}", self.random.below(4));
        let mut deleted = Vec::new();
        if self.random.one_in(2) || !self.world.topics.may_make() {
            self.world.topics.grow(&name);
        } else if let Some(id) = self.world.topics.delete(&name) {
            deleted.push((name.clone(), id));
            self.committed.may_be_gone(None, Some(&name));
        } else {
            let partitions = 1 + i32::try_from(self.random.below(6)).unwrap();
            self.world.topics.make(&name, partitions);
        }
        self.world.ask(GroupEvent::TopicsChanged(TopicsChanged { changed: vec![name], deleted }));
    }

    /// A member commits in its epoch, or a reader without a group.
    fn commit(&mut self) {
        let names: Vec<_> = self.world.topics.names().map(str::to_owned).collect();
        if names.is_empty() {
            return;
        }
        let topic = self.random.pick(&names);
        let (id, partitions) = self.world.topics.by_name(topic).unwrap();
        let partition = i32::try_from(self.random.index(usize::try_from(partitions).unwrap())).unwrap();
        let client =
            if self.clients.is_empty() { None } else { Some(&self.clients[self.random.index(self.clients.len())]) };
        let client = client.filter(|_| !self.random.one_in(3));
        let group_id = client.map_or_else(|| *self.random.pick(&SIMPLE), |client| client.group_id.as_str());
        let (mut request, sent) = self.committed.commit(group_id, (topic, id), partition);
        if let Some(client) = client {
            client.member_id().clone_into(&mut request.member_id);
            request.generation_id_or_member_epoch = client.epoch().unwrap_or(0);
            request.group_instance_id = client.instance_id().cloned();
        }
        let reply_to = self.world.ask(GroupEvent::OffsetCommit(request));
        self.committed.sent(reply_to, sent);
    }

    /// Groups and offsets are deleted, members are removed.
    fn administrate(&mut self) {
        let all: Vec<&str> = GROUPS.iter().map(|(group_id, _)| *group_id).chain(SIMPLE).chain(STRANGE).collect();
        let group_id = (*self.random.pick(&all)).to_owned();
        let request = match self.random.below(3) {
            0 => GroupEvent::DeleteGroup(DeleteGroup { group_id: group_id.clone() }),
            1 => {
                let topics = (0..2).map(|topic| (format!("t{topic}"), (0..8).collect())).collect();
                GroupEvent::OffsetDelete(OffsetDelete { group_id: group_id.clone(), topics })
            }
            _ => {
                let of_group = self.clients.iter().filter(|client| client.group_id == group_id);
                let members = of_group.take(1).map(|client| LeavingMember {
                    member_id: client.member_id().to_owned(),
                    ..LeavingMember::default()
                });
                GroupEvent::LeaveGroup(LeaveGroup { group_id: group_id.clone(), members: members.collect() })
            }
        };
        if !matches!(request, GroupEvent::LeaveGroup(_)) {
            self.committed.may_be_gone(Some(&group_id), None);
        }
        self.world.ask(request);
    }

    /// Requests that no client of ours would send. Each must be answered, and none may disturb the others.
    fn say_nonsense(&mut self) {
        let group_id = (*self.random.pick(&STRANGE)).to_owned();
        let member_id = if self.random.one_in(3) { String::new() } else { format!("m{}", self.random.below(4)) };
        let number = i32::try_from(self.random.below(5)).unwrap() - 2;
        let group_instance_id = self.random.one_in(4).then(|| "i".to_owned());
        let blob = Bytes::from(vec![u8::try_from(self.random.below(256)).unwrap(); self.random.index(40)]);
        let request = match self.random.below(5) {
            0 => GroupEvent::JoinGroup(JoinGroup {
                fresh_member_id: format!("m{}", self.random.below(4)),
                group_id,
                member_id,
                group_instance_id,
                session_timeout_ms: number * 10_000,
                rebalance_timeout_ms: number * 10_000,
                protocol_type: (*self.random.pick(&["consumer", "connect", ""])).to_owned(),
                protocols: vec![((*self.random.pick(&["a", "b", "range"])).to_owned(), blob)],
                requires_known_member_id: self.random.one_in(2),
                ..JoinGroup::default()
            }),
            1 => GroupEvent::SyncGroup(SyncGroup {
                group_id,
                generation_id: number,
                assignments: vec![(member_id.clone(), blob)],
                member_id,
                group_instance_id,
                ..SyncGroup::default()
            }),
            2 => GroupEvent::Heartbeat(Heartbeat { group_id, generation_id: number, member_id, group_instance_id }),
            3 => {
                let member = LeavingMember { member_id, group_instance_id, reason: None };
                GroupEvent::LeaveGroup(LeaveGroup { group_id, members: vec![member; self.random.index(3)] })
            }
            _ => GroupEvent::ConsumerGroupHeartbeat(ConsumerGroupHeartbeat {
                group_id,
                member_id,
                member_epoch: number,
                instance_id: group_instance_id,
                rebalance_timeout_ms: number * 1_000,
                subscribed_topic_names: self.random.one_in(2).then(|| vec!["t0".to_owned()]),
                subscribed_topic_regex: self.random.one_in(3).then(|| "t(".to_owned()),
                server_assignor: self.random.one_in(3).then(|| "nobody's".to_owned()),
                topic_partitions: self.random.one_in(2).then(Vec::new),
                version: 1,
                ..ConsumerGroupHeartbeat::default()
            }),
        };
        self.world.ask(request);
    }

    fn crash(&mut self) {
        laws::replay_gives_the_live_state(&mut self.world);
        let kept = self.random.index(self.world.unreleased() + 1);
        self.world.crash(kept);
        self.committed.crash();
        let now_ms = self.world.now_ms;
        for client in self.clients.iter_mut().filter(|client| client.waits_for.is_some()) {
            client.lose(now_ms);
        }
    }

    fn check_offsets(&mut self) {
        for group_id in GROUPS.iter().map(|(group_id, _)| *group_id).chain(SIMPLE) {
            let reply = laws::all_offsets(&mut self.world, group_id);
            self.committed.check(group_id, &reply);
        }
    }
}
