//! Loads on the coordinators of groups: offset commits, heartbeats of many groups, and many members that join one group.
//!
//! Owns: their arguments, which broker coordinates which group, and the members' first steps. Does not know what is measured
//! (that is `run`) nor how a broker coordinates.

mod calls;
mod commit;
mod heartbeat;
mod join;
mod member;

use std::collections::BTreeMap;

use bytes::Bytes;
use clap::{Args, ValueEnum};
use kafka_protocol::messages::{FindCoordinatorRequest, GroupId, ResponseHeader};
use kafka_protocol::protocol::{Decodable as _, HeaderVersion as _, Request};
use model::ErrorCode;

use super::{BenchError, CommonArgs};
use crate::cli::client::admin::text;
use crate::cli::client::cluster::To;
use crate::cli::client::{ClientError, Cluster};

pub(super) use commit::run as run_commit;
pub(super) use heartbeat::run as run_heartbeat;
pub(super) use join::run as run_join;

/// The highest version of `FindCoordinator` that is used: batches of groups since version 4.
const FIND_COORDINATOR_HIGHEST: i16 = 4;
/// Groups that one request asks for.
const FOUND_AT_ONCE: usize = 1000;

/// Members that commit offsets, outside of any generation.
#[derive(Clone, Debug, Args)]
pub(super) struct CommitLoad {
    #[command(flatten)]
    pub(super) common: CommonArgs,
    /// Connections, each with one commit in flight; they share the groups
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) committers: u16,
    /// Groups; each commit is of one
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(super) groups: u32,
    /// Partitions of the topic in each commit
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(i32).range(1..=10_000))]
    pub(super) offsets: i32,
    /// Commit each group once, and stop
    #[arg(long)]
    pub(super) once: bool,
}

/// Groups with one member each, which only say that they live.
#[derive(Clone, Debug, Args)]
pub(super) struct HeartbeatLoad {
    #[command(flatten)]
    pub(super) common: CommonArgs,
    /// Groups, each with one member
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(super) groups: u32,
    /// Connections; the members share them evenly
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) connections: u16,
    /// Milliseconds between two heartbeats of a member
    #[arg(long, value_name = "MS", default_value_t = 3000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) interval: u32,
    /// The protocol of the members
    #[arg(long, value_enum, default_value_t = Protocol::Classic)]
    pub(super) protocol: Protocol,
}

/// Members that join one group at once.
#[derive(Clone, Debug, Args)]
pub(super) struct JoinLoad {
    #[command(flatten)]
    pub(super) common: CommonArgs,
    /// Members
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) members: u32,
    /// Milliseconds between two heartbeats of a member that waits
    #[arg(long, value_name = "MS", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) interval: u32,
    /// The protocol of the members
    #[arg(long, value_enum, default_value_t = Protocol::Classic)]
    pub(super) protocol: Protocol,
}

/// How members and coordinator speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Protocol {
    /// The members assign
    Classic,
    /// The coordinator assigns (KIP-848)
    Consumer,
}

/// The names of `count` groups that no earlier run has used.
fn names(count: u32) -> Vec<String> {
    let run = crate::cli::time::wall_ms();
    (0..count).map(|number| format!("tidelog-bench-{run}-{number}")).collect()
}

/// Groups by the broker that coordinates them; makes the coordinators' topic if there is none yet.
fn by_coordinator(cluster: &mut Cluster, groups: &[String]) -> Result<BTreeMap<i32, Vec<String>>, BenchError> {
    let mut found: BTreeMap<i32, Vec<String>> = BTreeMap::new();
    for groups in groups.chunks(FOUND_AT_ONCE) {
        let keys = groups.iter().map(|group| text(group)).collect();
        let request = FindCoordinatorRequest::default().with_coordinator_keys(keys);
        let answer = cluster.retry(|cluster, deadline| {
            let answer = cluster.call(To::Any, &request, FIND_COORDINATOR_HIGHEST, deadline)?;
            for coordinator in &answer.coordinators {
                ClientError::check(coordinator.error_code, || format!("group {}", coordinator.key.as_str()))?;
            }
            // What is known of the brokers' addresses comes with metadata.
            cluster.metadata(Some(&[]), false, deadline)?;
            Ok(answer)
        })?;
        for coordinator in answer.coordinators {
            found.entry(coordinator.node_id.0).or_default().push(coordinator.key.to_string());
        }
    }
    Ok(found)
}

/// Divides the groups of each broker among its part of `connections`.
fn lanes(found: BTreeMap<i32, Vec<String>>, connections: u16) -> Vec<(i32, Vec<String>)> {
    let brokers = found.len().max(1);
    let each = usize::from(connections).div_ceil(brokers);
    let mut lanes = Vec::new();
    for (node, groups) in found {
        let size = groups.len().div_ceil(each).max(1);
        lanes.extend(groups.chunks(size).map(|groups| (node, groups.to_vec())));
    }
    lanes
}

fn group_id(name: &str) -> GroupId {
    GroupId(text(name))
}

/// Reads an answer, from its header on.
fn answer_to<R: Request>(frame: &[u8], version: i16) -> Result<R::Response, BenchError> {
    let mut frame = Bytes::copy_from_slice(frame);
    ResponseHeader::decode(&mut frame, R::Response::header_version(version))
        .and_then(|_| R::Response::decode(&mut frame, version))
        .map_err(|error| BenchError::Protocol(error.to_string()))
}

/// Fails unless the code says that all is well.
fn check(code: i16) -> Result<(), BenchError> {
    if code == ErrorCode::None.code() { Ok(()) } else { Err(BenchError::Refused(code)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_has_one_lane_and_lanes_are_even() {
        let groups: Vec<String> = (0..10).map(|number| number.to_string()).collect();
        let divided = lanes(BTreeMap::from([(1, groups.clone()), (2, vec!["x".to_owned()])]), 8);
        let sizes: Vec<_> = divided.iter().map(|(node, groups)| (*node, groups.len())).collect();
        assert_eq!(sizes, [(1, 3), (1, 3), (1, 3), (1, 1), (2, 1)]);
        let of_one = divided.iter().filter(|(node, _)| *node == 1).flat_map(|(_, groups)| groups.clone());
        assert_eq!(of_one.collect::<Vec<_>>(), groups);
    }
}
