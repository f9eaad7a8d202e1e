mod transactions;

use std::collections::BTreeMap;

use model::{ErrorCode, ProducerId, Tick, Timestamp, TopicId};

use crate::group::event::{
    CommitPartition, CommitTopic, DeleteGroup, FetchOffsetsTopic, FetchedTopic, ListGroups, ListedGroup, OffsetCommit,
    OffsetCommitReply, OffsetDelete, OffsetFetch, TopicsChanged,
};
use crate::group::{Context, GroupEvent, GroupOutcome, GroupReply, GroupSettings, GroupShard, Topics};
use crate::shard::{Now, Producer, Record, ReplyTo};
use crate::transaction::event::TransactionResult;

const DAY_MS: i64 = 24 * 3_600_000;

/// A shard, its world, and the log of all that it decided.
struct World {
    shard: GroupShard,
    settings: GroupSettings,
    topics: Names,
    time_ms: i64,
    log: Vec<Logged>,
}

/// What lies in the log.
enum Logged {
    Record(Record, Option<Producer>),
    Marker(ProducerId, TransactionResult),
}

/// Topics by name.
#[derive(Default)]
struct Names(BTreeMap<String, TopicId>);

impl Topics for Names {
    fn by_name(&self, name: &str) -> Option<(TopicId, i32)> {
        self.0.get(name).map(|id| (*id, 10))
    }
    fn by_id(&self, id: TopicId) -> Option<(&str, i32)> {
        self.0.iter().find(|(_, of)| **of == id).map(|(name, _)| (name.as_str(), 10))
    }
    fn each_name(&self, each: &mut dyn FnMut(&str)) {
        self.0.keys().map(String::as_str).for_each(each);
    }
    fn version(&self) -> u64 {
        0
    }
}

fn id(number: u8) -> TopicId {
    TopicId::from_bytes([number; 16])
}

impl World {
    /// Topics `a` and `b` with the ids 1 and 2.
    fn new() -> Self {
        let topics = Names([("a".to_owned(), id(1)), ("b".to_owned(), id(2))].into());
        let settings = GroupSettings { offsets_retention_ms: 7 * DAY_MS, ..GroupSettings::default() };
        let mut world = Self { shard: GroupShard::new(), settings, topics, time_ms: 1_000, log: Vec::new() };
        world.act(GroupShard::loaded);
        world
    }

    fn act(&mut self, act: impl FnOnce(&mut GroupShard, &Context<'_>) -> GroupOutcome) -> Option<GroupReply> {
        let tick = Tick::from_ms(u64::try_from(self.time_ms).unwrap());
        let now = Now { time: Timestamp::new(self.time_ms), tick };
        let context = Context { now, settings: &self.settings, topics: &self.topics };
        let out = act(&mut self.shard, &context);
        self.log.extend(out.records.into_iter().map(|record| Logged::Record(record, out.transaction)));
        out.replies.into_iter().next().map(|(_, reply)| reply)
    }

    fn ask(&mut self, event: GroupEvent) -> Option<GroupReply> {
        self.act(|shard, context| shard.on_event(context, event, ReplyTo(1)))
    }

    /// Time goes by, and every deadline is met when it is due.
    fn wait(&mut self, ms: i64) {
        let until = self.time_ms + ms;
        while let Some(at) = self.shard.next_deadline().map(|at| i64::try_from(at.as_ms()).unwrap()) {
            if at > until {
                break;
            }
            self.time_ms = self.time_ms.max(at);
            self.act(GroupShard::on_time);
        }
        self.time_ms = until;
    }

    /// A crash: what remains is the log.
    fn restart(&mut self) {
        self.shard = GroupShard::new();
        for logged in &self.log {
            match logged {
                Logged::Record(Record { key, value }, None) => self.shard.replay(key, value.as_deref()).unwrap(),
                Logged::Record(Record { key, value }, Some(producer)) => {
                    self.shard.replay_in_transaction(key, value.as_deref(), producer.id).unwrap();
                }
                Logged::Marker(id, result) => self.shard.end_transaction(*id, *result),
            }
        }
        self.act(GroupShard::loaded);
    }

    fn commit(&mut self, request: OffsetCommit) -> OffsetCommitReply {
        match self.ask(GroupEvent::OffsetCommit(request)) {
            Some(GroupReply::OffsetCommit(reply)) => reply,
            reply => panic!("{reply:?}"),
        }
    }

    fn fetch(&mut self, group_id: &str, topics: Option<Vec<FetchOffsetsTopic>>) -> Vec<FetchedTopic> {
        let request = OffsetFetch { group_id: group_id.to_owned(), topics, member_epoch: -1, ..OffsetFetch::default() };
        match self.ask(GroupEvent::OffsetFetch(request)) {
            Some(GroupReply::OffsetFetch(reply)) if reply.error == ErrorCode::None => reply.topics,
            reply => panic!("{reply:?}"),
        }
    }

    /// Topic, partition and offset of all that a group committed.
    fn offsets(&mut self, group_id: &str) -> Vec<(String, i32, i64)> {
        let topics = self.fetch(group_id, None).into_iter();
        topics.flat_map(|of| of.partitions.into_iter().map(move |(p, at, _)| (of.name.clone(), p, at.offset))).collect()
    }

    fn delete(&mut self, group_id: &str, topic: &str, partitions: &[i32]) -> (ErrorCode, Vec<Vec<ErrorCode>>) {
        let topics = vec![(topic.to_owned(), partitions.to_vec())];
        match self.ask(GroupEvent::OffsetDelete(OffsetDelete { group_id: group_id.to_owned(), topics })) {
            Some(GroupReply::OffsetDelete(reply)) => (reply.error, reply.topics),
            reply => panic!("{reply:?}"),
        }
    }

    fn delete_group(&mut self, group_id: &str) -> ErrorCode {
        match self.ask(GroupEvent::DeleteGroup(DeleteGroup { group_id: group_id.to_owned() })) {
            Some(GroupReply::DeleteGroup(error)) => error,
            reply => panic!("{reply:?}"),
        }
    }

    fn list(&mut self, states: &[&str], types: &[&str]) -> Vec<ListedGroup> {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        match self.ask(GroupEvent::ListGroups(ListGroups { states: words(states), types: words(types) })) {
            Some(GroupReply::ListGroups(groups)) => {
                if states.is_empty() && types.is_empty() {
                    self.expect_counts(&groups);
                }
                groups
            }
            reply => panic!("{reply:?}"),
        }
    }

    /// What is counted is what is listed.
    fn expect_counts(&mut self, listed: &[ListedGroup]) {
        let mut expected = BTreeMap::new();
        for group in listed {
            *expected.entry((group.group_type.as_str(), group.state.as_str())).or_default() += 1_usize;
        }
        let Some(GroupReply::CountGroups(counts)) = self.ask(GroupEvent::CountGroups) else { panic!("no counts") };
        assert_eq!(counts, expected);
    }
}

/// A commit of the offsets of `a`'s first partitions, by nobody in particular.
fn commit(group_id: &str, offsets: &[i64]) -> OffsetCommit {
    let partition = |(index, offset): (usize, &i64)| CommitPartition {
        index: i32::try_from(index).unwrap(),
        offset: *offset,
        leader_epoch: 3,
        metadata: None,
    };
    let partitions = offsets.iter().enumerate().map(partition).collect();
    OffsetCommit {
        group_id: group_id.to_owned(),
        generation_id_or_member_epoch: -1,
        retention_time_ms: -1,
        version: 9,
        topics: vec![CommitTopic { name: "a".to_owned(), id: id(1), partitions }],
        ..OffsetCommit::default()
    }
}

fn accepted(codes: &[ErrorCode]) -> OffsetCommitReply {
    OffsetCommitReply::Each(vec![codes.to_vec()])
}

#[test]
fn a_reader_without_a_group_commits_and_finds_its_offsets_again() {
    let mut world = World::new();
    assert_eq!(world.commit(commit("g", &[5, 6])), accepted(&[ErrorCode::None; 2]));
    world.restart();
    let asked = FetchOffsetsTopic { name: "a".to_owned(), id: id(1), partitions: vec![1, 0, 7] };
    let fetched = world.fetch("g", Some(vec![asked]));
    let answers: Vec<_> = fetched[0].partitions.iter().map(|(p, at, _)| (*p, at.offset, at.leader_epoch)).collect();
    assert_eq!(answers, [(1, 6, 3), (0, 5, 3), (7, -1, -1)], "in the order of the request");
    assert_eq!(world.offsets("g"), [("a".to_owned(), 0, 5), ("a".to_owned(), 1, 6)]);
    assert_eq!(world.fetch("nobody", None), [], "an absent group has read nothing");
}

#[test]
fn who_names_a_generation_of_an_absent_group_hears_that_it_is_absent() {
    let mut world = World::new();
    let of = |version| OffsetCommit { generation_id_or_member_epoch: 0, version, ..commit("g", &[1]) };
    assert_eq!(world.commit(of(9)), OffsetCommitReply::Refused(ErrorCode::GroupIdNotFound));
    assert_eq!(world.commit(of(8)), OffsetCommitReply::Refused(ErrorCode::IllegalGeneration));
    world.commit(commit("g", &[1]));
    assert_eq!(world.commit(of(9)), OffsetCommitReply::Refused(ErrorCode::UnknownMemberId), "it has no members");
}

#[test]
fn too_much_metadata_fails_its_partition_alone() {
    let mut world = World::new();
    let mut request = commit("g", &[1, 2, 3, 4]);
    let partitions = &mut request.topics[0].partitions;
    partitions[0].metadata = Some("x".repeat(4_097));
    partitions[1].metadata = Some("x".repeat(4_096));
    partitions[2].metadata = Some("\u{1F600}".repeat(2_048));
    partitions[3].metadata = Some("\u{1F600}".repeat(2_049));
    let (ok, large) = (ErrorCode::None, ErrorCode::OffsetMetadataTooLarge);
    assert_eq!(world.commit(request), accepted(&[large, ok, ok, large]), "Kafka counts UTF-16 units");
    assert_eq!(world.offsets("g").len(), 2);
}

#[test]
fn offsets_of_a_namesake_are_not_those_of_the_topic() {
    let mut world = World::new();
    world.commit(commit("g", &[5]));
    let asked = |id| Some(vec![FetchOffsetsTopic { name: "a".to_owned(), id, partitions: vec![0] }]);
    for (id, offset) in [(id(1), 5), (TopicId::ZERO, 5), (id(9), -1)] {
        assert_eq!(world.fetch("g", asked(id))[0].partitions[0].1.offset, offset);
    }
}

#[test]
fn offsets_expire_by_the_brokers_retention_or_by_their_own() {
    let mut world = World::new();
    world.commit(commit("g", &[5]));
    let mut own = OffsetCommit { retention_time_ms: DAY_MS, version: 4, ..commit("g", &[6]) };
    own.topics[0].partitions[0].index = 1;
    world.commit(own);
    world.restart();
    world.wait(DAY_MS - 600_001);
    assert_eq!(world.offsets("g").len(), 2);
    world.wait(1_300_000);
    assert_eq!(world.offsets("g"), [("a".to_owned(), 0, 5)], "its own retention is over");
    world.wait(6 * DAY_MS);
    assert_eq!(world.list(&[], &[]), [], "without offsets the group is gone");
    assert!(matches!(world.log.last(), Some(Logged::Record(Record { value: None, .. }, None))));
    world.restart();
    assert_eq!(world.list(&[], &[]), []);
}

#[test]
fn expiry_goes_through_many_groups_in_steps() {
    let mut world = World::new();
    for group in 0..2_500 {
        world.commit(commit(&format!("g{group}"), &[1, 2]));
    }
    let before = world.log.len();
    world.time_ms += 7 * DAY_MS;
    let mut largest = 0;
    while world.log.len() < before + 2_500 * 3 {
        let logged = world.log.len();
        let due = world.shard.next_deadline().unwrap().as_ms();
        world.time_ms = world.time_ms.max(i64::try_from(due).unwrap());
        world.act(GroupShard::on_time);
        largest = largest.max(world.log.len() - logged);
    }
    assert!(largest <= 1_010, "a step wrote {largest} records");
    assert_eq!(world.list(&[], &[]), []);
}

#[test]
fn a_deleted_topics_offsets_are_forgotten() {
    let mut world = World::new();
    let mut both = commit("g", &[1, 2]);
    both.topics.push(CommitTopic { name: "b".to_owned(), id: id(2), ..both.topics[0].clone() });
    world.commit(both);
    world.topics.0.remove("a");
    let changed = TopicsChanged { changed: vec!["a".to_owned()], deleted: vec![("a".to_owned(), id(1))] };
    world.ask(GroupEvent::TopicsChanged(changed));
    world.wait(1);
    assert_eq!(world.offsets("g"), [("b".to_owned(), 0, 1), ("b".to_owned(), 1, 2)]);
}

#[test]
fn a_topic_that_went_while_nobody_was_there_is_forgotten_at_the_start() {
    let mut world = World::new();
    world.commit(commit("g", &[1]));
    world.topics.0.insert("a".to_owned(), id(3));
    let newer = CommitTopic { id: id(3), ..commit("g", &[1, 2]).topics.remove(0) };
    let mut partitions = newer.partitions.clone();
    partitions.remove(0);
    world.commit(OffsetCommit { topics: vec![CommitTopic { partitions, ..newer }], ..commit("g", &[]) });
    world.restart();
    world.wait(1);
    assert_eq!(world.offsets("g"), [("a".to_owned(), 1, 2)], "the new topic of that name keeps its offsets");
}

#[test]
fn a_simple_group_lives_until_it_is_deleted_or_expires() {
    let mut world = World::new();
    world.commit(commit("g", &[1, 2]));
    assert_eq!(world.delete("nobody", "a", &[0]), (ErrorCode::GroupIdNotFound, vec![]));
    assert_eq!(world.delete("", "a", &[0]), (ErrorCode::InvalidGroupId, vec![]));
    assert_eq!(world.delete("g", "a", &[0, 1, 9]), (ErrorCode::None, vec![vec![ErrorCode::None; 3]]));
    world.restart();
    let listed = ListedGroup {
        group_id: "g".to_owned(),
        protocol_type: String::new(),
        state: "Empty".to_owned(),
        group_type: "classic".to_owned(),
    };
    assert_eq!(world.list(&[" empty "], &["CLASSIC"]), [listed]);
    assert_eq!(world.list(&["Stable"], &[]), []);
    assert_eq!(world.list(&[], &[" classic"]), [], "Kafka trims states only");
    assert_eq!(world.delete_group("g"), ErrorCode::None);
    assert_eq!(world.delete_group("g"), ErrorCode::GroupIdNotFound);
    world.restart();
    assert_eq!(world.list(&[], &[]), []);
}

#[test]
fn a_damaged_record_refuses_its_group_and_no_other() {
    let mut world = World::new();
    world.commit(commit("bad", &[1]));
    world.commit(commit("good", &[1]));
    let Logged::Record(mut record, None) = world.log.swap_remove(0) else { panic!() };
    record.value.as_mut().unwrap().pop();
    world.shard = GroupShard::new();
    let error = world.shard.replay(&record.key, record.value.as_deref()).unwrap_err();
    assert_eq!(error.id.as_deref(), Some("bad"));
    world.act(GroupShard::loaded);
    assert_eq!(world.commit(commit("bad", &[1])), OffsetCommitReply::Refused(ErrorCode::UnknownServerError));
    assert_eq!(world.delete_group("bad"), ErrorCode::UnknownServerError);
    assert_eq!(world.commit(commit("good", &[1])), accepted(&[ErrorCode::None]));
}

#[test]
fn names_of_topics_are_kept_as_long_as_they_are_needed() {
    let mut world = World::new();
    for group in ["g", "h"] {
        world.commit(commit(group, &[1, 2]));
    }
    assert_eq!(world.shard.offsets.names_count(), 1);
    world.delete("g", "a", &[0, 1]);
    assert_eq!(world.shard.offsets.names_count(), 1);
    world.delete("h", "a", &[0, 1]);
    assert_eq!(world.shard.offsets.names_count(), 0);
}
