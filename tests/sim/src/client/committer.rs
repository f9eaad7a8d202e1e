//! Readers outside any group that commit how far they are, and ask how far that was: a simple group each.

use coordinator::group::event::{
    CommitPartition, CommitTopic, FetchOffsetsTopic, OffsetCommit, OffsetCommitReply, OffsetFetch,
};
use coordinator::group::{GroupEvent, GroupReply};
use model::{ErrorCode, TopicId, TopicPartition};

use crate::history::{Commit, Fetched, Outcome};
use crate::network::Link;
use crate::plan::group_of;
use crate::wire::{Request, Response};
use crate::world::Sim;

pub(super) async fn run(sim: Sim, number: u64, partitions: Vec<TopicPartition>) {
    let (link, group) = (Link::new(&sim), group_of(number));
    let mut offset = 0;
    while !sim.is_over.get() {
        let Some(partition) = sim.choose(|random| random.pick(&partitions).cloned()) else { return };
        if sim.choose(|random| random.one_in(3)) {
            fetch(&sim, &link, &group, &partition).await;
        } else {
            offset += 1;
            commit(&sim, &link, &group, &partition, offset).await;
        }
        sim.pause(1_000, 80_000).await;
    }
    for partition in &partitions {
        while !fetch(&sim, &link, &group, partition).await {
            sim.pause(1_000, 20_000).await;
        }
    }
}

async fn commit(sim: &Sim, link: &Link, group: &str, partition: &TopicPartition, offset: i64) {
    let place = {
        let mut history = sim.note();
        let (began, place) = (history.now(), history.commits.len());
        history.commits.push(Commit {
            group: group.to_owned(),
            partition: partition.clone(),
            offset,
            began,
            outcome: Outcome::Unknown,
            known: 0,
        });
        place
    };
    let request = OffsetCommit { version: 9, ..commit_of(sim, group, &[(partition.clone(), offset)]) };
    let answer = link.ask(Request::Group(Box::new(GroupEvent::OffsetCommit(request)))).await;
    if let Ok(Response::Group(Ok(GroupReply::OffsetCommit(OffsetCommitReply::Each(codes))))) = answer
        && codes.iter().flatten().all(|code| *code == ErrorCode::None)
    {
        let mut history = sim.note();
        let known = history.now();
        if let Some(commit) = history.commits.get_mut(place) {
            (commit.outcome, commit.known) = (Outcome::Done(()), known);
        }
        history.count("commits acknowledged");
    }
}

/// What a group without members says of how far it is.
pub(super) fn commit_of(sim: &Sim, group: &str, offsets: &[(TopicPartition, i64)]) -> OffsetCommit {
    let topics = offsets.iter().map(|(partition, offset)| CommitTopic {
        name: partition.topic.as_str().to_owned(),
        id: topic_id(sim, partition),
        partitions: vec![CommitPartition {
            index: partition.partition.get(),
            offset: *offset,
            leader_epoch: -1,
            metadata: None,
        }],
    });
    OffsetCommit {
        group_id: group.to_owned(),
        generation_id_or_member_epoch: -1,
        retention_time_ms: -1,
        topics: topics.collect(),
        ..OffsetCommit::default()
    }
}

/// Asks how far the group is; whether there was an answer.
async fn fetch(sim: &Sim, link: &Link, group: &str, partition: &TopicPartition) -> bool {
    let began = sim.note().now();
    let Some(offset) = committed(sim, link, group, partition).await else { return false };
    let mut history = sim.note();
    let known = history.now();
    let (group, partition) = (group.to_owned(), partition.clone());
    history.fetched.push(Fetched { group, partition, offset, began, known });
    true
}

/// How far a group is, with what is not decided yet waited for; `None` if there was no answer.
pub(super) async fn committed(sim: &Sim, link: &Link, group: &str, partition: &TopicPartition) -> Option<i64> {
    let topic = FetchOffsetsTopic {
        name: partition.topic.as_str().to_owned(),
        id: topic_id(sim, partition),
        partitions: vec![partition.partition.get()],
    };
    let request = OffsetFetch {
        group_id: group.to_owned(),
        member_epoch: -1,
        topics: Some(vec![topic]),
        require_stable: true,
        ..OffsetFetch::default()
    };
    let answer = link.ask(Request::Group(Box::new(GroupEvent::OffsetFetch(request)))).await;
    let Ok(Response::Group(Ok(GroupReply::OffsetFetch(reply)))) = answer else { return None };
    let fetched = reply.topics.iter().flat_map(|topic| &topic.partitions).next();
    match fetched.filter(|_| reply.error == ErrorCode::None)? {
        (_, committed, ErrorCode::None) => Some(committed.offset),
        _ => None,
    }
}

fn topic_id(sim: &Sim, partition: &TopicPartition) -> TopicId {
    let topic = sim.plan.topics.iter().find(|topic| topic.name == partition.topic);
    topic.map_or(TopicId::ZERO, |topic| topic.id)
}
