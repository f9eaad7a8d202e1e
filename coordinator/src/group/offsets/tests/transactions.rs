use model::ProducerEpoch;

use super::*;

fn producer(id: i64) -> Producer {
    Producer { id: ProducerId::new(id).unwrap(), epoch: ProducerEpoch::new(0).unwrap() }
}

/// A commit in a transaction, without a member.
fn in_transaction(id: i64, group_id: &str, offsets: &[i64]) -> OffsetCommit {
    OffsetCommit { transaction: Some(producer(id)), version: 3, ..commit(group_id, offsets) }
}

impl World {
    /// What `a`'s first partition is answered with: offset and code.
    fn first(&mut self, require_stable: bool) -> (i64, ErrorCode) {
        let asked = FetchOffsetsTopic { name: "a".to_owned(), id: TopicId::ZERO, partitions: vec![0] };
        let request = OffsetFetch {
            group_id: "g".to_owned(),
            topics: Some(vec![asked]),
            member_epoch: -1,
            require_stable,
            ..OffsetFetch::default()
        };
        match self.ask(GroupEvent::OffsetFetch(request)) {
            Some(GroupReply::OffsetFetch(reply)) => {
                let (_, at, code) = &reply.topics[0].partitions[0];
                (at.offset, *code)
            }
            reply => panic!("{reply:?}"),
        }
    }

    fn end(&mut self, id: i64, result: TransactionResult) {
        self.shard.end_transaction(producer(id).id, result);
        self.log.push(Logged::Marker(producer(id).id, result));
    }
}

const STABLE: bool = true;

#[test]
fn an_offset_of_a_transaction_is_hidden_until_its_marker_also_after_a_restart() {
    for (result, afterwards) in [(TransactionResult::Commit, 9), (TransactionResult::Abort, 5)] {
        let mut world = World::new();
        world.commit(commit("g", &[5]));
        assert_eq!(world.commit(in_transaction(7, "g", &[9])), accepted(&[ErrorCode::None]));
        for _ in 0..2 {
            assert_eq!(world.first(!STABLE), (5, ErrorCode::None));
            assert_eq!(world.first(STABLE), (-1, ErrorCode::UnstableOffsetCommit));
            world.restart();
        }
        world.end(7, result);
        for _ in 0..2 {
            assert_eq!(world.first(STABLE), (afterwards, ErrorCode::None));
            world.restart();
        }
    }
}

#[test]
fn records_of_a_transaction_are_its_producers() {
    let mut world = World::new();
    world.commit(in_transaction(7, "g", &[9]));
    world.commit(commit("g", &[5]));
    let producers = world.log.iter().map(|logged| match logged {
        Logged::Record(_, transaction) => *transaction,
        Logged::Marker(..) => None,
    });
    assert_eq!(producers.collect::<Vec<_>>(), [Some(producer(7)), None]);
}

#[test]
fn of_all_commits_the_one_that_was_recorded_last_counts() {
    for order in [[7, 8], [8, 7]] {
        let mut world = World::new();
        world.commit(in_transaction(7, "g", &[1]));
        world.commit(in_transaction(8, "g", &[2]));
        for id in order {
            world.end(id, TransactionResult::Commit);
        }
        assert_eq!(world.first(STABLE), (2, ErrorCode::None), "{order:?}");
        world.restart();
        assert_eq!(world.first(STABLE), (2, ErrorCode::None), "{order:?}");
    }
    let mut world = World::new();
    world.commit(in_transaction(7, "g", &[1]));
    world.commit(commit("g", &[5]));
    assert_eq!(world.first(STABLE).1, ErrorCode::UnstableOffsetCommit, "somebody may still hope for it");
    world.end(7, TransactionResult::Commit);
    assert_eq!(world.first(STABLE), (5, ErrorCode::None), "the commit without a transaction is newer");
    world.restart();
    assert_eq!(world.first(STABLE), (5, ErrorCode::None));
}

#[test]
fn what_is_deleted_takes_what_is_pending_with_it() {
    let mut world = World::new();
    world.commit(in_transaction(7, "g", &[1, 2]));
    assert_eq!(world.delete("g", "a", &[0]), (ErrorCode::None, vec![vec![ErrorCode::None]]));
    assert_eq!(world.first(STABLE), (-1, ErrorCode::None));
    world.end(7, TransactionResult::Commit);
    assert_eq!(world.offsets("g"), [("a".to_owned(), 1, 2)]);
    world.commit(in_transaction(8, "g", &[3, 4]));
    assert_eq!(world.delete_group("g"), ErrorCode::None);
    world.end(8, TransactionResult::Commit);
    for _ in 0..2 {
        assert_eq!(world.offsets("g"), []);
        assert_eq!(world.list(&[], &[]), []);
        world.restart();
    }
}

#[test]
fn a_deleted_topics_pending_offsets_are_forgotten() {
    let mut world = World::new();
    world.commit(in_transaction(7, "g", &[1, 2]));
    world.topics.0.remove("a");
    let changed = TopicsChanged { changed: vec!["a".to_owned()], deleted: vec![("a".to_owned(), id(1))] };
    world.ask(GroupEvent::TopicsChanged(changed));
    world.wait(1);
    world.end(7, TransactionResult::Commit);
    assert_eq!(world.offsets("g"), []);
    world.commit(in_transaction(8, "g", &[3]));
    world.restart();
    world.wait(1);
    world.end(8, TransactionResult::Commit);
    assert_eq!(world.offsets("g"), [], "it went while nobody was there");
}

#[test]
fn a_group_does_not_expire_while_a_transaction_has_offsets_of_it() {
    let mut world = World::new();
    world.commit(commit("g", &[5]));
    world.commit(in_transaction(7, "g", &[9]));
    world.wait(8 * DAY_MS);
    assert_eq!(world.first(!STABLE), (5, ErrorCode::None));
    world.end(7, TransactionResult::Abort);
    world.wait(DAY_MS);
    assert_eq!(world.list(&[], &[]), []);
    world.commit(in_transaction(8, "g", &[9]));
    world.wait(8 * DAY_MS);
    assert_eq!(world.list(&[], &[]).len(), 1, "it has no offset yet");
    world.end(8, TransactionResult::Abort);
    world.wait(DAY_MS);
    assert_eq!(world.list(&[], &[]), [], "it never had one");
}

#[test]
fn a_transactions_commit_that_names_a_generation_of_an_absent_group_is_refused() {
    let mut world = World::new();
    let request = OffsetCommit { generation_id_or_member_epoch: 0, version: 6, ..in_transaction(7, "g", &[1]) };
    assert_eq!(world.commit(request), OffsetCommitReply::Refused(ErrorCode::IllegalGeneration));
}
