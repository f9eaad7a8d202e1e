//! Groups between the protocols: members of both kinds at once, eager and cooperative, and the ways there and back.

use std::collections::BTreeMap;

use bytes::Bytes;
use model::wire::{Encoder, Form, Reader};
use model::{ErrorCode, TopicId};

use super::driver::{Consumer, Driver, GROUP, Numbers, hard_state};
use crate::group::event::{
    Client, GroupEvent, GroupReply, Heartbeat, JoinGroup, JoinGroupReply, LeaveGroup, LeavingMember, SyncGroup,
    SyncGroupReply,
};
use crate::group::{Group, MigrationPolicy};
use crate::shard::ReplyTo;

/// How a classic consumer rebalances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// It gives up everything before it joins.
    Eager,
    /// It keeps what it has, and joins once more to give up what it must (KIP-429).
    Cooperative,
}

/// A client of the classic protocol, as the Java consumer is one.
#[derive(Clone, Debug)]
struct Classic {
    member_id: String,
    instance_id: Option<String>,
    topics: Vec<String>,
    mode: Mode,
    generation: i32,
    owned: BTreeMap<String, Vec<i32>>,
}

type Named = BTreeMap<String, Vec<i32>>;

fn write_partitions(encoder: &mut Encoder, partitions: &Named) {
    let each: Vec<_> = partitions.iter().collect();
    let written = encoder.elements(Form::Classic, &each, |encoder, (name, partitions)| {
        encoder.string(Form::Classic, name)?;
        encoder.elements(Form::Classic, partitions, |encoder, partition| {
            encoder.i32(*partition);
            Ok(())
        })
    });
    written.expect("short names");
}

fn assignment(partitions: &Named) -> Bytes {
    let mut encoder = Encoder::with_capacity(64);
    encoder.i16(1);
    write_partitions(&mut encoder, partitions);
    encoder.nullable_bytes(Form::Classic, None).expect("nothing");
    Bytes::from(encoder.into_parts().0)
}

fn read_assignment(blob: &[u8]) -> Named {
    if blob.is_empty() {
        return Named::new();
    }
    let mut reader = Reader::new(blob);
    assert_eq!(reader.i16(), Ok(1), "the version that the member speaks");
    let topics = reader.elements(Form::Classic, 6, |reader| {
        let name = reader.string(Form::Classic)?.to_owned();
        Ok((name, reader.elements(Form::Classic, 4, Reader::i32)?))
    });
    topics.expect("an assignment").into_iter().collect()
}

impl Classic {
    fn new(member_id: &str, mode: Mode, topics: &[&str]) -> Self {
        Self {
            member_id: member_id.to_owned(),
            instance_id: None,
            topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
            mode,
            generation: -1,
            owned: Named::new(),
        }
    }

    fn subscription(&self) -> Bytes {
        let mut encoder = Encoder::with_capacity(64);
        encoder.i16(1);
        let topics =
            encoder.elements(Form::Classic, &self.topics, |encoder, topic| encoder.string(Form::Classic, topic));
        topics.expect("short names");
        encoder.nullable_bytes(Form::Classic, None).expect("nothing");
        write_partitions(&mut encoder, &self.owned);
        Bytes::from(encoder.into_parts().0)
    }

    fn join(&mut self, driver: &mut Driver) -> ReplyTo {
        if self.mode == Mode::Eager {
            self.owned.clear();
        }
        let name = if self.mode == Mode::Eager { "range" } else { "cooperative-sticky" };
        driver.send(GroupEvent::JoinGroup(JoinGroup {
            group_id: GROUP.to_owned(),
            member_id: if self.generation < 0 { String::new() } else { self.member_id.clone() },
            group_instance_id: self.instance_id.clone(),
            session_timeout_ms: 10_000,
            rebalance_timeout_ms: 30_000,
            protocol_type: "consumer".to_owned(),
            protocols: vec![(name.to_owned(), self.subscription()), ("roundrobin".to_owned(), self.subscription())],
            client: Client { id: "k".to_owned(), host: "/127.0.0.1".to_owned() },
            fresh_member_id: self.member_id.clone(),
            ..JoinGroup::default()
        }))
    }

    fn joined(&mut self, driver: &Driver, to: ReplyTo) -> JoinGroupReply {
        let Some(GroupReply::JoinGroup(reply)) = driver.reply(to) else { panic!("{} is parked", self.member_id) };
        if reply.error == ErrorCode::None {
            self.generation = reply.generation_id;
        }
        reply.clone()
    }

    fn sync(&mut self, driver: &mut Driver, assignments: &[(&str, Named)]) -> ReplyTo {
        driver.send(GroupEvent::SyncGroup(SyncGroup {
            group_id: GROUP.to_owned(),
            generation_id: self.generation,
            member_id: self.member_id.clone(),
            group_instance_id: self.instance_id.clone(),
            assignments: assignments.iter().map(|(id, named)| ((*id).to_owned(), assignment(named))).collect(),
            ..SyncGroup::default()
        }))
    }

    /// Takes what it was assigned. A cooperative member that has to give up something joins again for that: `true`.
    fn synced(&mut self, driver: &Driver, to: ReplyTo) -> (SyncGroupReply, bool) {
        let Some(GroupReply::SyncGroup(reply)) = driver.reply(to) else { panic!("{} is parked", self.member_id) };
        let mut gives_up = false;
        if reply.error == ErrorCode::None {
            let assigned = read_assignment(&reply.assignment);
            let keeps = |topic: &String, partition: &i32| assigned.get(topic).is_some_and(|of| of.contains(partition));
            gives_up = self.owned.iter().any(|(topic, of)| of.iter().any(|partition| !keeps(topic, partition)));
            self.owned = assigned;
        }
        (reply.clone(), gives_up)
    }

    fn beat(&self, driver: &mut Driver) -> ErrorCode {
        let to = driver.send(GroupEvent::Heartbeat(Heartbeat {
            group_id: GROUP.to_owned(),
            generation_id: self.generation,
            member_id: self.member_id.clone(),
            group_instance_id: self.instance_id.clone(),
        }));
        match driver.reply(to) {
            Some(GroupReply::Heartbeat(code)) => *code,
            other => panic!("no answer to a heartbeat: {other:?}"),
        }
    }

    /// In a KIP-848 group: a heartbeat, and if that asks for it a join and a sync, as often as it takes.
    fn live(&mut self, driver: &mut Driver) {
        if self.generation >= 0 && self.beat(driver) == ErrorCode::None {
            return;
        }
        for _ in 0..3 {
            let to = self.join(driver);
            let reply = self.joined(driver, to);
            assert_eq!(reply.error, ErrorCode::None);
            assert_eq!((reply.leader.as_str(), reply.members.len()), ("", 0));
            let to = self.sync(driver, &[]);
            let (reply, gives_up) = self.synced(driver, to);
            if reply.error == ErrorCode::None && !gives_up {
                return;
            }
        }
    }

    /// The same, as another member if this one was forgotten.
    fn live_again(&mut self, driver: &mut Driver, round: usize) {
        let code = if self.generation < 0 { ErrorCode::None } else { self.beat(driver) };
        if code == ErrorCode::IllegalGeneration {
            self.owned.clear();
        } else if !matches!(code, ErrorCode::None | ErrorCode::RebalanceInProgress) {
            let next_life = format!("{}-{round}", self.member_id);
            *self = Self { topics: self.topics.clone(), ..Self::new(&next_life, self.mode, &[]) };
        }
        self.live(driver);
    }

    fn leave(&self, driver: &mut Driver) -> ErrorCode {
        let leaving = LeavingMember { member_id: self.member_id.clone(), ..LeavingMember::default() };
        let to = driver.send(GroupEvent::LeaveGroup(LeaveGroup { group_id: GROUP.to_owned(), members: vec![leaving] }));
        match driver.reply(to) {
            Some(GroupReply::LeaveGroup(reply)) => reply.members[0].2,
            other => panic!("no answer to a leave: {other:?}"),
        }
    }

    fn count(&self) -> usize {
        self.owned.values().map(Vec::len).sum()
    }
}

/// A stable classic group of two members, each with half of a topic of six partitions.
fn classic_group(mode: Mode) -> (Driver, Classic, Classic) {
    let mut driver = Driver::new(&[("t", 6)]);
    let (mut first, mut second) = (Classic::new("k1", mode, &["t"]), Classic::new("k2", mode, &["t"]));
    let joins = [first.join(&mut driver), second.join(&mut driver)];
    driver.pass(6_000);
    first.joined(&driver, joins[0]);
    second.joined(&driver, joins[1]);
    let half = |partitions: &[i32]| Named::from([("t".to_owned(), partitions.to_vec())]);
    let waits = second.sync(&mut driver, &[]);
    let leads = first.sync(&mut driver, &[("k1", half(&[0, 1, 2])), ("k2", half(&[3, 4, 5]))]);
    assert_eq!(first.synced(&driver, leads).0.error, ErrorCode::None);
    assert_eq!(second.synced(&driver, waits).0.error, ErrorCode::None);
    (driver, first, second)
}

fn is_classic(driver: &Driver) -> bool {
    matches!(driver.shard.groups.get(GROUP), Some(Group::Classic(_)))
}

#[test]
fn members_of_both_kinds_share_the_partitions() {
    for mode in [Mode::Eager, Mode::Cooperative] {
        let (mut driver, mut first, mut second) = classic_group(mode);
        let mut newer = Consumer::new("n", &["t"]);
        assert_eq!((newer.join(&mut driver).error, newer.owned.len()), (ErrorCode::None, 0));
        assert!(!is_classic(&driver));
        assert_eq!(first.beat(&mut driver), ErrorCode::RebalanceInProgress);
        for _ in 0..4 {
            first.live(&mut driver);
            second.live(&mut driver);
            newer.beat(&mut driver);
        }
        assert_eq!((first.count(), second.count(), newer.owned.len()), (2, 2, 2), "{mode:?}");
        assert_eq!(driver.state(), "Stable");
        let types: Vec<_> = driver.describe().members.iter().map(|member| member.member_type).collect();
        assert_eq!(types, [0, 0, 1]);
        assert_eq!(hard_state(&driver.replayed()), hard_state(&driver.shard));
    }
}

#[test]
fn the_last_newer_member_leaves_a_classic_group_behind() {
    let (mut driver, mut first, mut second) = classic_group(Mode::Cooperative);
    let mut newer = Consumer::new("n", &["t"]);
    newer.join(&mut driver);
    for _ in 0..4 {
        first.live(&mut driver);
        second.live(&mut driver);
        newer.beat(&mut driver);
    }
    newer.leave(&mut driver, -1);
    assert!(is_classic(&driver));
    assert_eq!(first.beat(&mut driver), ErrorCode::RebalanceInProgress);
    let joins = [first.join(&mut driver), second.join(&mut driver)];
    let leads = first.joined(&driver, joins[0]);
    assert_eq!((leads.error, leads.members.len()), (ErrorCode::None, 2));
    assert_eq!(second.joined(&driver, joins[1]).generation_id, leads.generation_id);
    let replayed = driver.replayed();
    assert!(matches!(replayed.groups.get(GROUP), Some(Group::Classic(_))));
    assert_eq!(replayed.readers.of_topic("t").count(), 0);
    driver.restart();
    driver.pass(60_000);
}

#[test]
fn those_who_wait_for_a_rebalance_are_told_of_another() {
    let mut driver = Driver::new(&[("t", 6)]);
    let mut first = Classic::new("k1", Mode::Eager, &["t"]);
    let waits = first.join(&mut driver);
    Consumer::new("n", &["t"]).join(&mut driver);
    assert_eq!(first.joined(&driver, waits).error, ErrorCode::RebalanceInProgress);
    first.generation = 0;
    first.live(&mut driver);
    assert_eq!(driver.describe().members.len(), 2);
}

#[test]
fn the_policy_decides_which_way_a_group_may_go() {
    for (policy, joins) in [(MigrationPolicy::Disabled, false), (MigrationPolicy::Downgrade, false)] {
        let (mut driver, first, _) = classic_group(Mode::Eager);
        driver.settings.consumer_migration_policy = policy;
        let reply = Consumer::new("n", &["t"]).join(&mut driver);
        assert_eq!(reply.error == ErrorCode::None, joins, "{policy:?}");
        assert_eq!(reply.error, ErrorCode::GroupIdNotFound);
        assert_eq!(first.beat(&mut driver), ErrorCode::None);
    }
    let (mut driver, mut first, second) = classic_group(Mode::Eager);
    driver.settings.consumer_migration_policy = MigrationPolicy::Upgrade;
    let mut newer = Consumer::new("n", &["t"]);
    newer.join(&mut driver);
    newer.leave(&mut driver, -1);
    assert!(!is_classic(&driver));
    assert_eq!(second.leave(&mut driver), ErrorCode::None);
    assert!(!is_classic(&driver));
    driver.settings.consumer_migration_policy = MigrationPolicy::Disabled;
    let to = first.join(&mut driver);
    assert_eq!(first.joined(&driver, to).error, ErrorCode::InconsistentGroupProtocol);
}

#[test]
fn classic_members_that_stay_in_a_newer_group_take_over_what_is_left() {
    let (mut driver, mut first, mut second) = classic_group(Mode::Cooperative);
    driver.settings.consumer_migration_policy = MigrationPolicy::Upgrade;
    let mut newer = Consumer::new("n", &["t"]);
    newer.join(&mut driver);
    for _ in 0..4 {
        first.live(&mut driver);
        second.live(&mut driver);
        newer.beat(&mut driver);
    }
    newer.leave(&mut driver, -1);
    driver.set_topic("t", 8);
    for _ in 0..2 {
        first.live(&mut driver);
        second.live(&mut driver);
    }
    assert_eq!((first.count(), second.count(), driver.state().as_str()), (4, 4, "Stable"));
}

#[test]
fn a_group_whose_members_cannot_be_understood_stays_classic() {
    let (mut driver, ..) = classic_group(Mode::Eager);
    let mut broken = Classic::new("k3", Mode::Eager, &["t"]);
    let to = driver.send(GroupEvent::JoinGroup(JoinGroup {
        group_id: GROUP.to_owned(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 30_000,
        protocol_type: "consumer".to_owned(),
        protocols: vec![("range".to_owned(), Bytes::from_static(b"\0\0\x7f\xff\xff\xff"))],
        fresh_member_id: "k3".to_owned(),
        ..JoinGroup::default()
    }));
    driver.pass(10_500);
    assert_eq!(broken.joined(&driver, to).error, ErrorCode::None);
    assert_eq!(Consumer::new("n", &["t"]).join(&mut driver).error, ErrorCode::GroupIdNotFound);
    assert!(is_classic(&driver));
}

#[test]
fn a_classic_member_of_a_newer_group_is_held_to_its_times() {
    // Silent: its session ends.
    let (mut driver, mut first, second) = classic_group(Mode::Eager);
    let mut newer = Consumer::new("n", &["t"]);
    newer.join(&mut driver);
    first.live(&mut driver);
    driver.pass(9_000);
    newer.beat(&mut driver);
    assert_eq!(first.beat(&mut driver), ErrorCode::None);
    driver.pass(1_000);
    assert_eq!(second.beat(&mut driver), ErrorCode::UnknownMemberId);
    // Alive, but it does not rejoin when it is told to.
    let (mut driver, first, mut second) = classic_group(Mode::Eager);
    newer.join(&mut driver);
    for _ in 0..6 {
        assert_eq!(first.beat(&mut driver), ErrorCode::RebalanceInProgress);
        second.live(&mut driver);
        newer.beat(&mut driver);
        driver.pass(5_000);
    }
    assert_eq!(first.beat(&mut driver), ErrorCode::UnknownMemberId);
    // It joins, and does not ask for its assignment.
    let to = second.join(&mut driver);
    second.joined(&driver, to);
    for _ in 0..6 {
        second.beat(&mut driver);
        newer.beat(&mut driver);
        driver.pass(5_000);
    }
    assert_eq!(second.beat(&mut driver), ErrorCode::UnknownMemberId);
}

#[test]
fn requests_of_the_classic_protocol_are_judged_as_in_a_classic_group() {
    let (mut driver, mut first, _) = classic_group(Mode::Eager);
    let mut newer = Consumer::new("n", &["t"]);
    newer.join(&mut driver);
    first.live(&mut driver);
    let stale = Classic { generation: 1, ..first.clone() };
    assert_eq!(stale.beat(&mut driver), ErrorCode::IllegalGeneration);
    let other = Classic { member_id: "n".to_owned(), generation: newer.epoch, ..first.clone() };
    assert_eq!(other.beat(&mut driver), ErrorCode::UnknownMemberId);
    let absent = Classic { member_id: "x".to_owned(), ..first.clone() };
    assert_eq!(
        (absent.beat(&mut driver), absent.leave(&mut driver)),
        (ErrorCode::UnknownMemberId, ErrorCode::UnknownMemberId)
    );
    let to = driver.send(GroupEvent::SyncGroup(SyncGroup {
        group_id: GROUP.to_owned(),
        generation_id: first.generation,
        member_id: first.member_id.clone(),
        protocol_name: Some("other".to_owned()),
        ..SyncGroup::default()
    }));
    assert_eq!(first.synced(&driver, to).0.error, ErrorCode::InconsistentGroupProtocol);
    let mut wrong = Classic::new("w", Mode::Cooperative, &["t"]);
    let to = driver.send(GroupEvent::JoinGroup(JoinGroup {
        group_id: GROUP.to_owned(),
        session_timeout_ms: 10_000,
        protocol_type: "consumer".to_owned(),
        protocols: vec![("other".to_owned(), wrong.subscription())],
        fresh_member_id: "w".to_owned(),
        ..JoinGroup::default()
    }));
    assert_eq!(wrong.joined(&driver, to).error, ErrorCode::InconsistentGroupProtocol);
    let to = driver.send(GroupEvent::JoinGroup(JoinGroup {
        group_id: GROUP.to_owned(),
        session_timeout_ms: 10_000,
        protocol_type: "consumer".to_owned(),
        protocols: vec![("range".to_owned(), wrong.subscription())],
        requires_known_member_id: true,
        fresh_member_id: "w".to_owned(),
        ..JoinGroup::default()
    }));
    let reply = wrong.joined(&driver, to);
    assert_eq!((reply.error, reply.member_id.as_str()), (ErrorCode::MemberIdRequired, "w"));
}

#[test]
fn a_static_member_goes_from_one_protocol_to_the_other_and_back() {
    let mut driver = Driver::new(&[("t", 4)]);
    let mut old = Classic { instance_id: Some("i".to_owned()), ..Classic::new("k", Mode::Eager, &["t"]) };
    let to = old.join(&mut driver);
    driver.pass(3_000);
    old.joined(&driver, to);
    let to = old.sync(&mut driver, &[("k", Named::from([("t".to_owned(), vec![0, 1, 2, 3])]))]);
    old.synced(&driver, to);

    let mut newer = Consumer::new("n", &["t"]).instance("i");
    let reply = newer.join(&mut driver);
    assert_eq!((reply.error, newer.owned.len()), (ErrorCode::None, 4));
    assert_eq!(driver.describe().members.len(), 1);
    assert_eq!(old.beat(&mut driver), ErrorCode::FencedInstanceId);

    let mut back = Classic { instance_id: Some("i".to_owned()), ..Classic::new("k2", Mode::Eager, &["t"]) };
    let to = back.join(&mut driver);
    assert_eq!(back.joined(&driver, to).error, ErrorCode::None);
    assert!(is_classic(&driver));
    // It has what the one before had: nobody has to rejoin.
    let to = back.sync(&mut driver, &[]);
    assert_eq!((back.synced(&driver, to).0.error, back.count()), (ErrorCode::None, 4));
    assert_eq!(back.beat(&mut driver), ErrorCode::None);
    assert_eq!(driver.heartbeat(newer.plain(newer.epoch)).error, ErrorCode::GroupIdNotFound);
}

#[test]
fn a_static_member_that_reads_other_topics_has_to_rejoin() {
    let mut driver = Driver::new(&[("t", 4), ("u", 2)]);
    Consumer::new("n", &["t"]).instance("i").join(&mut driver);
    let mut back = Classic { instance_id: Some("i".to_owned()), ..Classic::new("k", Mode::Eager, &["u"]) };
    let to = back.join(&mut driver);
    assert_eq!(back.joined(&driver, to).generation_id, 0);
    assert!(is_classic(&driver));
    assert_eq!(back.beat(&mut driver), ErrorCode::IllegalGeneration);
    let to = back.join(&mut driver);
    assert_eq!((back.joined(&driver, to).error, back.generation), (ErrorCode::None, 3));
}

#[test]
fn a_partition_that_a_leader_gave_twice_has_one_owner() {
    let mut driver = Driver::new(&[("t", 2)]);
    let (mut first, mut second) = (Classic::new("k1", Mode::Eager, &["t"]), Classic::new("k2", Mode::Eager, &["t"]));
    let joins = [first.join(&mut driver), second.join(&mut driver)];
    driver.pass(6_000);
    first.joined(&driver, joins[0]);
    second.joined(&driver, joins[1]);
    let all = Named::from([("t".to_owned(), vec![0, 1])]);
    first.sync(&mut driver, &[("k1", all.clone()), ("k2", all)]);
    let mut newer = Consumer::new("n", &["t"]);
    newer.join(&mut driver);
    let owned: usize = driver.describe().members.iter().map(|member| partitions_of(&member.assignment)).sum();
    assert_eq!(owned, 2);
}

fn partitions_of(assignment: &[(TopicId, String, Vec<i32>)]) -> usize {
    assignment.iter().map(|(_, _, partitions)| partitions.len()).sum()
}

#[test]
fn members_of_both_kinds_come_to_rest_whatever_they_did() {
    for seed in 0..30 {
        let mut numbers = Numbers(seed);
        let (mut driver, first, second) = classic_group([Mode::Eager, Mode::Cooperative][numbers.below(2)]);
        // One newer member stays, so that the group stays of its kind.
        let mut newer: Vec<_> = ["n0", "n1", "n2"].map(|id| Consumer::new(id, &["t"])).into();
        newer[0].join(&mut driver);
        let mode = first.mode;
        let mut older = vec![first, second];
        for round in 0..200 {
            newer[0].beat(&mut driver);
            let which = numbers.below(2);
            match numbers.below(12) {
                0 => driver.pass(9_000),
                1 => driver.pass(2_000),
                2 => driver.restart(),
                3 => driver.set_topic("t", i32::try_from(1 + round % 9).expect("small")),
                4 => {
                    older[which].leave(&mut driver);
                    older[which] = Classic::new(&format!("k{which}-{round}"), mode, &["t"]);
                }
                5 => {
                    newer[1 + which].leave(&mut driver, -1);
                    newer[1 + which].epoch = 0;
                }
                6..9 if newer[1 + which].epoch == 0 => drop(newer[1 + which].join(&mut driver)),
                6..9 => drop(newer[1 + which].beat(&mut driver)),
                _ => older[which].live_again(&mut driver, round),
            }
        }
        for round in 200..240 {
            for member in &mut older {
                member.live_again(&mut driver, round);
            }
            for member in &mut newer {
                if member.epoch == 0 {
                    member.join(&mut driver)
                } else {
                    member.beat(&mut driver)
                };
            }
            driver.pass(1_000);
        }
        let (_, partitions) = crate::group::Topics::by_name(&driver.world, "t").expect("it is never deleted");
        let mut owned: Vec<_> = older.iter().flat_map(|member| member.owned.values().flatten().copied()).collect();
        owned.extend(newer.iter().flat_map(|member| member.owned.iter().map(|(_, partition)| *partition)));
        owned.sort_unstable();
        assert_eq!(owned, (0..partitions).collect::<Vec<_>>(), "seed {seed}");
        assert_eq!(driver.state(), "Stable", "seed {seed}");
        assert_eq!(hard_state(&driver.replayed()), hard_state(&driver.shard), "seed {seed}");
    }
}
