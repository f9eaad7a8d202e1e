//! Offset commits without a generation, as readers outside of groups make them: each an append and a sync.

use kafka_protocol::messages::OffsetCommitRequest;
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use serde_json::json;

use super::super::answer::answer_to;
use super::super::coordinators::{Coordinated, by_coordinator, names};
use super::super::report::Report;
use super::super::run::{self, Work};
use super::super::{BenchError, target};
use super::calls::{CallLane, Calls, Pace};
use super::{CommitLoad, group_id, lanes};
use crate::cli::ClientArgs;
use crate::cli::client::admin::{text, topic_name};
use crate::cli::client::connection::frame;

/// The highest version of `OffsetCommit` that is used: the last that names topics.
const OFFSET_COMMIT_HIGHEST: i16 = 9;

/// Runs the load.
pub(in super::super) fn run(client: &ClientArgs, load: &CommitLoad) -> Result<Report, BenchError> {
    let mut cluster = client.cluster();
    target::prepare(&mut cluster, &load.common)?;
    let deadline = cluster.deadline();
    let version = cluster.version::<OffsetCommitRequest>(OFFSET_COMMIT_HIGHEST, deadline)?;
    let found = by_coordinator(&mut cluster, Coordinated::Group, &names(load.groups.max(u32::from(load.committers))))?;
    let mut connections = Vec::new();
    for (node, groups) in lanes(found, load.committers) {
        let frames = groups.iter().map(|group| commit(load, group, version)).collect::<Result<_, _>>()?;
        connections.push(CallLane::new(target::open(&cluster, node)?, frames)?);
    }
    let pace = if load.once { Pace::Once } else { Pace::Closed };
    let calls = Calls { lanes: connections, pace, error_of, version };
    let work: Work = Box::new(move |control| calls.work(control));
    let measured = run::run(client, &load.common, vec![work])?;
    target::clean(&mut cluster, &load.common)?;
    let parameters = json!({
        "committers": load.committers, "groups": load.groups, "offsets": load.offsets, "once": load.once,
    });
    Ok(Report { mode: "commit", parameters, measured, check: None })
}

fn commit(load: &CommitLoad, group: &str, version: i16) -> Result<Vec<u8>, BenchError> {
    let partition = |index: i32| {
        OffsetCommitRequestPartition::default()
            .with_partition_index(index.checked_rem(load.common.partitions).unwrap_or(0))
            .with_committed_offset(1)
            .with_committed_leader_epoch(-1)
            .with_committed_metadata(Some(text("")))
    };
    let topic = OffsetCommitRequestTopic::default()
        .with_name(topic_name(&load.common.topic))
        .with_partitions((0..load.offsets).map(partition).collect());
    let request = OffsetCommitRequest::default()
        .with_group_id(group_id(group))
        .with_generation_id_or_member_epoch(-1)
        .with_topics(vec![topic]);
    frame(&request, version, 0).map_err(BenchError::Template)
}

fn error_of(frame: &[u8], version: i16) -> Result<i16, BenchError> {
    let answer = answer_to::<OffsetCommitRequest>(frame, version)?;
    let mut codes = answer.topics.iter().flat_map(|topic| &topic.partitions).map(|partition| partition.error_code);
    Ok(codes.find(|code| *code != 0).unwrap_or(0))
}
