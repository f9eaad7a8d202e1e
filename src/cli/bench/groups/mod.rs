//! Loads on the coordinators of groups: offset commits, heartbeats of many groups, and many members that join one group.
//!
//! Owns: their arguments, and the members' first steps. Does not know what is measured
//! (that is `run`) nor how a broker coordinates.

mod calls;
mod commit;
mod heartbeat;
mod join;
mod member;

use std::collections::BTreeMap;

use clap::{Args, ValueEnum};
use kafka_protocol::messages::GroupId;
use model::ErrorCode;

use super::{BenchError, CommonArgs};
use crate::cli::client::admin::text;

pub(super) use commit::run as run_commit;
pub(super) use heartbeat::run as run_heartbeat;
pub(super) use join::run as run_join;

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
