//! What a load is aimed at: the topic, made if need be, and which connection serves which of its partitions.

use std::collections::BTreeMap;
use std::net::TcpStream;

use model::{ErrorCode, IsolationLevel};

use super::{BenchError, CommonArgs};
use crate::cli::client::admin::{self, NewTopic};
use crate::cli::client::cluster::PartitionLeader;
use crate::cli::client::connection::connect;
use crate::cli::client::{ClientError, Cluster, consumer};

/// The partitions of one connection, and the broker that leads them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Share {
    /// The broker's id.
    pub(super) leader: i32,
    /// At least one partition.
    pub(super) partitions: Vec<i32>,
}

/// Makes the topic unless it exists.
pub(super) fn prepare(cluster: &mut Cluster, common: &CommonArgs) -> Result<(), BenchError> {
    let topic = NewTopic {
        name: common.topic.clone(),
        partitions: Some(common.partitions),
        replication_factor: None,
        configs: common.configs.clone(),
    };
    match admin::create(cluster, &topic) {
        Err(ClientError::Refused { code, .. }) if code == ErrorCode::TopicAlreadyExists.code() => Ok(()),
        done => Ok(done?),
    }
}

/// Deletes the topic, if that was asked for.
pub(super) fn clean(cluster: &mut Cluster, common: &CommonArgs) -> Result<(), BenchError> {
    if common.delete { Ok(admin::delete(cluster, &common.topic)?) } else { Ok(()) }
}

/// Divides the topic's partitions among connections.
pub(super) fn shares(cluster: &mut Cluster, topic: &str, connections: u16) -> Result<Vec<Share>, BenchError> {
    let leaders = cluster.retry(|cluster, deadline| cluster.leaders(topic, false, deadline))?;
    Ok(divide(&leaders, usize::from(connections)))
}

fn divide(leaders: &[PartitionLeader], connections: usize) -> Vec<Share> {
    let mut by_leader: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for found in leaders {
        by_leader.entry(found.leader).or_default().push(found.partition);
    }
    let groups: Vec<(i32, Vec<i32>)> = by_leader.into_iter().collect();
    let mut shares = Vec::new();
    for (place, (leader, partitions)) in groups.iter().enumerate() {
        // Connection number n serves the broker number n modulo brokers.
        let lanes = (connections + groups.len() - 1 - place).checked_div(groups.len()).unwrap_or(0);
        for lane in 0..lanes {
            let mut mine: Vec<i32> = partitions.iter().copied().skip(lane).step_by(lanes).collect();
            if mine.is_empty() {
                // More connections than partitions: some partitions have several.
                mine.extend(partitions.iter().cycle().nth(lane));
            }
            shares.push(Share { leader: *leader, partitions: mine });
        }
    }
    shares
}

/// Opens the connection of a share.
pub(super) fn open(cluster: &Cluster, leader: i32) -> Result<TcpStream, BenchError> {
    let address = cluster.address(leader).unwrap_or_default();
    Ok(connect(address, cluster.deadline())?)
}

/// Where the log of each partition begins or ends now.
pub(super) fn offsets(cluster: &mut Cluster, topic: &str, which: i64) -> Result<BTreeMap<i32, i64>, BenchError> {
    let leaders = cluster.retry(|cluster, deadline| cluster.leaders(topic, false, deadline))?;
    let partitions: Vec<i32> = leaders.iter().map(|found| found.partition).collect();
    Ok(consumer::list_offsets(cluster, topic, &partitions, which, IsolationLevel::ReadUncommitted)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaders(of: &[i32]) -> Vec<PartitionLeader> {
        (0..).zip(of).map(|(partition, leader)| PartitionLeader { partition, leader: *leader }).collect()
    }

    fn partitions(shares: &[Share]) -> Vec<&[i32]> {
        shares.iter().map(|share| share.partitions.as_slice()).collect()
    }

    #[test]
    fn partitions_are_shared_evenly() {
        assert_eq!(partitions(&divide(&leaders(&[1; 4]), 2)), [&[0, 2][..], &[1, 3]]);
        assert_eq!(partitions(&divide(&leaders(&[1; 2]), 3)), [&[0][..], &[1], &[0]]);
        assert_eq!(divide(&leaders(&[1, 2, 1]), 2).len(), 2);
    }
}
